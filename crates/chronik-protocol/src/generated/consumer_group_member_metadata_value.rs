//! `ConsumerGroupMemberMetadataValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Nullable, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerGroupMemberMetadataValue {
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub subscribed_topic_names: Vec<Str>,
    pub subscribed_topic_regex: Option<Str>,
    pub rebalance_timeout_ms: i32,
    pub server_assignor: Option<Str>,
    /// v0+, tag 0
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
}

impl Default for ConsumerGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(Str::default()),
            rack_id: Some(Str::default()),
            client_id: Str::default(),
            client_host: Str::default(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: Some(Str::default()),
            rebalance_timeout_ms: -1,
            server_assignor: Some(Str::default()),
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
        }
    }
}

impl Wire for ConsumerGroupMemberMetadataValue {
    const MIN_WIRE: usize = 12;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.instance_id = d.read()?;
        m.rack_id = d.read()?;
        m.client_id = d.read()?;
        m.client_host = d.read()?;
        m.subscribed_topic_names = d.read()?;
        m.subscribed_topic_regex = d.read()?;
        m.rebalance_timeout_ms = d.read()?;
        m.server_assignor = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged_struct(&mut m.classic_member_metadata),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.instance_id)?;
        e.write(&self.rack_id)?;
        e.write(&self.client_id)?;
        e.write(&self.client_host)?;
        e.write(&self.subscribed_topic_names)?;
        e.write(&self.subscribed_topic_regex)?;
        e.write(&self.rebalance_timeout_ms)?;
        e.write(&self.server_assignor)?;
        let tags = e.begin_tags(true);
        if self.classic_member_metadata != Some(ClassicMemberMetadata::default()) {
            e.tagged_struct(tags, 0, &self.classic_member_metadata)?;
        }
        Ok(())
    }
}

/// Part of [`ConsumerGroupMemberMetadataValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicMemberMetadata {
    pub session_timeout_ms: i32,
    pub supported_protocols: Vec<ClassicProtocol>,
}

impl Nullable for ClassicMemberMetadata {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.nullable_struct()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.nullable_struct(this)
    }
}

impl Wire for ClassicMemberMetadata {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.session_timeout_ms = d.read()?;
        m.supported_protocols = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.session_timeout_ms)?;
        e.write(&self.supported_protocols)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ConsumerGroupMemberMetadataValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicProtocol {
    pub name: Str,
    pub metadata: Bytes,
}

impl Wire for ClassicProtocol {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.metadata = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.metadata)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for ConsumerGroupMemberMetadataValue {
    const NAME: &'static str = "ConsumerGroupMemberMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
