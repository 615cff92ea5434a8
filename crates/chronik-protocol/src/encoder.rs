//! `Encoder`: appends messages to a rope of chunks.
//!
//! Small values are collected in a buffer; bytes and records of [`SHARE_MIN`] or more become
//! chunks of their own, shared and not copied. A tagged field is written in place and then
//! moved up by the width of its size, so nothing is measured beforehand.

use std::ops::RangeInclusive;

use bytes::{BufMut, Bytes, BytesMut};

use crate::varint;
use crate::{Nullable, Rope, Str, Wire};

mod error;

pub use error::EncodeError;

/// From this size on, bytes are shared instead of copied: about where a copy costs more than
/// another entry in a vectored write.
const SHARE_MIN: usize = 4096;

/// Writes messages, one after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Everything before `tail`.
    chunks: Vec<Chunk>,
    tail: BytesMut,
    /// How many tagged fields are open: their data stays in `tail`, which is where it moves.
    tagged_depth: usize,
    message: &'static str,
    version: i16,
    flexible: bool,
}

#[derive(Debug)]
enum Chunk {
    /// Written here: can still be changed.
    Own(BytesMut),
    Shared(Bytes),
}

/// Where a struct counts its tagged fields.
#[derive(Clone, Copy)]
pub(crate) struct Tags {
    at: usize,
}

impl Encoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one with room for `capacity` bytes that are not shared.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            tail: BytesMut::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| match chunk {
            Chunk::Own(bytes) => bytes.len(),
            Chunk::Shared(bytes) => bytes.len(),
        });
        chunks.sum::<usize>() + self.tail.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written.
    pub fn finish(self) -> Rope {
        let mut rope = Rope::default();
        for chunk in self.chunks {
            rope.push(match chunk {
                Chunk::Own(bytes) => bytes.freeze(),
                Chunk::Shared(bytes) => bytes,
            });
        }
        rope.push(self.tail.freeze());
        rope
    }

    /// What was written, where the first four bytes were kept for the frame's size.
    pub(crate) fn finish_frame(mut self) -> Result<Rope, EncodeError> {
        let length = self.len() - 4;
        let size = self.int32("frame", length)?.to_be_bytes();
        let first = match self.chunks.first_mut() {
            Some(Chunk::Own(bytes)) => bytes,
            _ => &mut self.tail,
        };
        first[..4].copy_from_slice(&size);
        Ok(self.finish())
    }

    /// Sets the version that the next message is in.
    pub(crate) fn begin(
        &mut self,
        message: &'static str,
        versions: &RangeInclusive<i16>,
        first_flexible: Option<i16>,
        version: i16,
    ) -> Result<(), EncodeError> {
        if !versions.contains(&version) {
            return Err(EncodeError::UnsupportedVersion { message, version });
        }
        self.message = message;
        self.version = version;
        self.flexible = first_flexible.is_some_and(|first| version >= first);
        self.tagged_depth = 0;
        Ok(())
    }

    /// The version of the message being written.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Writes a value of any type of the schema.
    pub fn write<T: Wire>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.write(self)
    }

    /// Writes a field that the version has only if `present`, and drops it otherwise.
    pub(crate) fn write_if<T: Wire>(
        &mut self,
        present: bool,
        value: &T,
    ) -> Result<(), EncodeError> {
        if present { value.write(self) } else { Ok(()) }
    }

    /// The same for a field that must be at its default where it is dropped.
    pub(crate) fn write_or_default<T: Wire>(
        &mut self,
        present: bool,
        value: &T,
        is_default: bool,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        if present {
            return value.write(self);
        }
        self.present(is_default, field)
    }

    /// Writes a field that may be null only in some versions.
    pub(crate) fn write_nullable<T: Nullable>(
        &mut self,
        present: bool,
        nullable: bool,
        value: &Option<T>,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        match value {
            _ if !present => Ok(()),
            _ if nullable => T::write_nullable(value.as_ref(), self),
            Some(value) => value.write(self),
            None => {
                let (message, version) = (self.message, self.version);
                Err(EncodeError::NullInVersion {
                    message,
                    field,
                    version,
                })
            }
        }
    }

    /// Fails if a field is set that the version has not.
    pub(crate) fn present(&self, present: bool, field: &'static str) -> Result<(), EncodeError> {
        if present {
            return Ok(());
        }
        let (message, version) = (self.message, self.version);
        Err(EncodeError::NotInVersion {
            message,
            field,
            version,
        })
    }

    /// Writes a field that is never in the compact encoding.
    pub(crate) fn write_classic<T: Wire>(&mut self, value: &T) -> Result<(), EncodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let result = value.write(self);
        self.flexible = flexible;
        result
    }

    /// Ends a struct without tagged fields.
    pub(crate) fn no_tags(&mut self, flexible: bool) {
        if flexible {
            self.tail.put_u8(0);
        }
    }

    /// Starts the tagged fields of a struct; they follow in ascending order of their tags.
    pub(crate) fn begin_tags(&mut self, flexible: bool) -> Tags {
        let at = self.tail.len();
        self.no_tags(flexible);
        Tags { at }
    }

    /// Writes one tagged field.
    pub(crate) fn tagged<T: Wire>(
        &mut self,
        tags: Tags,
        tag: u32,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.tagged_with(tags, tag, |e| value.write(e))
    }

    /// Writes one tagged field that is a nullable struct: its mark is a varint here.
    pub(crate) fn tagged_struct<T: Wire>(
        &mut self,
        tags: Tags,
        tag: u32,
        value: &Option<T>,
    ) -> Result<(), EncodeError> {
        self.tagged_with(tags, tag, |e| match value {
            None => {
                e.raw(&[0]);
                Ok(())
            }
            Some(value) => {
                e.raw(&[1]);
                value.write(e)
            }
        })
    }

    fn tagged_with(
        &mut self,
        tags: Tags,
        tag: u32,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        // No schema has 128 tags, so the count stays a varint of one byte.
        self.tail[tags.at] += 1;
        varint::put_u32(&mut self.tail, tag);
        let start = self.tail.len();
        self.tagged_depth += 1;
        write(self)?;
        self.tagged_depth -= 1;
        let end = self.tail.len();
        let size = self.int32("tagged field", end - start)?;
        varint::put_u32(&mut self.tail, size.cast_unsigned());
        let width = self.tail.len() - end;
        self.tail[start..].rotate_right(width);
        Ok(())
    }

    /// Writes a nullable struct, marked by a byte.
    pub(crate) fn nullable_struct<T: Wire>(
        &mut self,
        value: Option<&T>,
    ) -> Result<(), EncodeError> {
        match value {
            None => {
                self.raw(&(-1i8).to_be_bytes());
                Ok(())
            }
            Some(value) => {
                self.raw(&[1]);
                value.write(self)
            }
        }
    }

    pub(crate) fn array<T: Wire>(&mut self, value: Option<&[T]>) -> Result<(), EncodeError> {
        self.length("array", value.map(<[T]>::len))?;
        value
            .unwrap_or_default()
            .iter()
            .try_for_each(|element| element.write(self))
    }

    pub(crate) fn bytes(&mut self, value: Option<&Bytes>) -> Result<(), EncodeError> {
        self.length("bytes", value.map(Bytes::len))?;
        match value {
            Some(bytes) if bytes.len() >= SHARE_MIN && self.tagged_depth == 0 => {
                if !self.tail.is_empty() {
                    self.chunks.push(Chunk::Own(self.tail.split()));
                }
                self.chunks.push(Chunk::Shared(bytes.clone()));
            }
            Some(bytes) => self.raw(bytes),
            None => {}
        }
        Ok(())
    }

    pub(crate) fn string(&mut self, value: Option<&Str>) -> Result<(), EncodeError> {
        let length = value.map(Str::len);
        if self.flexible {
            self.int16("string", length.unwrap_or(0))?;
            self.length("string", length)?;
        } else {
            let length = length.map_or(Ok(-1), |length| self.int16("string", length))?;
            self.tail.put_i16(length);
        }
        self.raw(value.map_or(&[], Str::as_bytes));
        Ok(())
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.tail.put_slice(bytes);
    }

    fn length(&mut self, what: &'static str, length: Option<usize>) -> Result<(), EncodeError> {
        let length = length.map_or(Ok(-1), |length| self.int32(what, length))?;
        if self.flexible {
            varint::put_u32(&mut self.tail, length.cast_unsigned().wrapping_add(1));
        } else {
            self.tail.put_i32(length);
        }
        Ok(())
    }

    fn int32(&self, what: &'static str, length: usize) -> Result<i32, EncodeError> {
        let message = self.message;
        i32::try_from(length).map_err(|_| EncodeError::TooLong {
            message,
            what,
            length,
        })
    }

    fn int16(&self, what: &'static str, length: usize) -> Result<i16, EncodeError> {
        let message = self.message;
        i16::try_from(length).map_err(|_| EncodeError::TooLong {
            message,
            what,
            length,
        })
    }
}

#[cfg(test)]
mod tests;
