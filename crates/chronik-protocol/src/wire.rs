//! How each type of the schema reads and writes itself, and what makes a struct a message.
//!
//! Keeps I14 through [`Decoder`]: nothing here allocates. Absent: field by field knowledge,
//! which is generated.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;
use chronik_types::Uuid;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Str};

/// A type of the schema: a scalar, a string, bytes, a struct or an array of these.
pub trait Wire: Sized {
    /// The fewest bytes that a value takes in any version: what bounds an array's count.
    const MIN_WIRE: usize;

    /// Reads a value in the version of the message being decoded.
    fn read(d: &mut Decoder) -> Result<Self, DecodeError>;

    /// Writes the value in the version of the message being encoded.
    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError>;
}

/// A type that has a null on the wire.
pub trait Nullable: Wire {
    /// Reads a value or null.
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError>;

    /// Writes a value or null.
    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError>;
}

/// A top-level struct of the schema.
pub trait Message: Wire + Default + Clone + Debug + PartialEq {
    /// Kafka's name.
    const NAME: &'static str;
    /// The versions that can be encoded and decoded.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version in the compact encoding with tagged fields, if there is one.
    const FIRST_FLEXIBLE: Option<i16>;

    /// Reads the message in `version`. What follows it in the frame is for
    /// [`Decoder::finish`] to judge.
    fn decode(d: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        d.begin(Self::NAME, &Self::VERSIONS, Self::FIRST_FLEXIBLE, version)?;
        Self::read(d)
    }

    /// Appends the message in `version`. Fails if the schema has no such version or cannot say
    /// in it what a field says; what was appended until then is of no use.
    fn encode(&self, e: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        e.begin(Self::NAME, &Self::VERSIONS, Self::FIRST_FLEXIBLE, version)?;
        self.write(e)
    }
}

/// The body of a request.
pub trait Request: Message {
    /// Its API.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Response;
}

/// The body of a response.
pub trait Response: Message {
    /// Its API.
    const KEY: ApiKey;

    /// Calls `visit` with every error code in it, those that say success (0) included.
    fn visit_errors(&self, visit: &mut dyn FnMut(i16));
}

macro_rules! number {
    ($($type:ident)*) => {
        $(impl Wire for $type {
            const MIN_WIRE: usize = size_of::<$type>();

            fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
                d.fixed(stringify!($type)).map($type::from_be_bytes)
            }

            fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
                e.raw(&self.to_be_bytes());
                Ok(())
            }
        })*
    };
}

number!(i8 i16 u16 i32 i64 f64);

impl Wire for bool {
    const MIN_WIRE: usize = 1;

    /// Any byte but zero is true.
    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.fixed::<1>("bool").map(|[byte]| byte != 0)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.raw(&[u8::from(*self)]);
        Ok(())
    }
}

impl Wire for Uuid {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        d.fixed("uuid").map(Uuid::from_bytes)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.raw(self.as_bytes());
        Ok(())
    }
}

impl Wire for Str {
    const MIN_WIRE: usize = 1;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let value = d.string()?;
        d.not_null("string", value)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.string(Some(self))
    }
}

impl Nullable for Str {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.string()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.string(this)
    }
}

impl Wire for Bytes {
    const MIN_WIRE: usize = 1;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let value = d.bytes()?;
        d.not_null("bytes", value)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.bytes(Some(self))
    }
}

impl Nullable for Bytes {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.bytes()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.bytes(this)
    }
}

impl<T: Wire> Wire for Vec<T> {
    const MIN_WIRE: usize = 1;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let value = d.array()?;
        d.not_null("array", value)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.array(Some(self))
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.array()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.array(this.map(Vec::as_slice))
    }
}

impl<T: Nullable> Wire for Option<T> {
    const MIN_WIRE: usize = 1;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        T::read_nullable(d)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), e)
    }
}
