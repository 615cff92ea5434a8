//! `FindCoordinatorRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindCoordinatorRequest {
    /// v0-3
    pub key: Str,
    /// v1+
    pub key_type: i8,
    /// v4+
    pub coordinator_keys: Vec<Str>,
}

impl Wire for FindCoordinatorRequest {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 3, &mut m.key)?;
        d.read_if(v >= 1, &mut m.key_type)?;
        d.read_if(v >= 4, &mut m.coordinator_keys)?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(v <= 3, &self.key, self.key.is_empty(), "Key")?;
        e.write_or_default(v >= 1, &self.key_type, self.key_type == 0, "KeyType")?;
        e.write_or_default(
            v >= 4,
            &self.coordinator_keys,
            self.coordinator_keys.is_empty(),
            "CoordinatorKeys",
        )?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

impl Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Request for FindCoordinatorRequest {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    type Response = super::FindCoordinatorResponse;
}
