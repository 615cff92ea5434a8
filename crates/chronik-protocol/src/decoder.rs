//! `Decoder`: a position in a frame, and what the rest of it may still cost.
//!
//! Keeps I14. Before an array is allocated its count has passed three tests: the bytes left can
//! hold that many elements at their smallest, the request's total stays within
//! [`Limits::elements_max`], and count times the element's size in memory has been charged to
//! [`Limits::memory_max`]. Strings and bytes are slices of the frame and cost nothing.
//! Absent: recursion deeper than the schema, and unknown tagged fields, which are skipped.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::varint::{self, VarintError};
use crate::{Nullable, Str, Wire};

mod error;

pub use error::DecodeError;

/// What one request may cost, all its arrays together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Array elements.
    pub elements_max: usize,
    /// Tagged fields, known and unknown.
    pub tagged_max: usize,
    /// Bytes allocated for arrays; the frame itself is not counted.
    pub memory_max: usize,
}

impl Default for Limits {
    /// 1,000,000 elements and 10,000 tagged fields as Kafka 4.4 has it, and 256 MiB.
    fn default() -> Self {
        Self {
            elements_max: 1_000_000,
            tagged_max: 10_000,
            memory_max: 256 << 20,
        }
    }
}

/// What to do about bytes after a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trailing {
    /// Ignore them, as Kafka does with requests.
    Accept,
    /// Fail, for data that only this crate writes.
    Refuse,
}

/// Reads one message from a frame.
#[derive(Debug)]
pub struct Decoder {
    frame: Bytes,
    position: usize,
    /// Exclusive; the frame's end, or the end of the tagged field being read.
    end: usize,
    limits: Limits,
    elements: usize,
    tags: usize,
    charged: usize,
    version: i16,
    flexible: bool,
}

impl Decoder {
    /// Starts at the beginning of `frame`.
    pub fn new(frame: Bytes, limits: Limits) -> Self {
        let end = frame.len();
        Self {
            frame,
            position: 0,
            end,
            limits,
            elements: 0,
            tags: 0,
            charged: 0,
            version: 0,
            flexible: false,
        }
    }

    /// Bytes of memory charged so far for arrays.
    pub fn charged(&self) -> usize {
        self.charged
    }

    /// Where the next read starts.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.end - self.position
    }

    /// Ends decoding; gives the bytes charged.
    pub fn finish(self, trailing: Trailing) -> Result<usize, DecodeError> {
        match self.left() {
            left @ 1.. if trailing == Trailing::Refuse => Err(DecodeError::TrailingBytes {
                offset: self.position,
                left,
            }),
            _ => Ok(self.charged),
        }
    }

    /// Sets the version that the next message is in.
    pub(crate) fn begin(
        &mut self,
        message: &'static str,
        versions: &RangeInclusive<i16>,
        first_flexible: Option<i16>,
        version: i16,
    ) -> Result<(), DecodeError> {
        if !versions.contains(&version) {
            return Err(DecodeError::UnsupportedVersion { message, version });
        }
        self.version = version;
        self.flexible = first_flexible.is_some_and(|first| version >= first);
        Ok(())
    }

    /// The version of the message being read.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Reads a value of any type of the schema.
    pub fn read<T: Wire>(&mut self) -> Result<T, DecodeError> {
        T::read(self)
    }

    /// Reads a field that the version has only if `present`.
    pub(crate) fn read_if<T: Wire>(
        &mut self,
        present: bool,
        field: &mut T,
    ) -> Result<(), DecodeError> {
        if present {
            *field = T::read(self)?;
        }
        Ok(())
    }

    /// The same for a field that may be null only in some versions.
    pub(crate) fn read_nullable<T: Nullable>(
        &mut self,
        present: bool,
        nullable: bool,
        field: &mut Option<T>,
    ) -> Result<(), DecodeError> {
        if present {
            *field = match nullable {
                true => T::read_nullable(self)?,
                false => Some(T::read(self)?),
            };
        }
        Ok(())
    }

    /// Reads a field that is never in the compact encoding.
    pub(crate) fn read_classic<T: Wire>(&mut self) -> Result<T, DecodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let value = T::read(self);
        self.flexible = flexible;
        value
    }

    /// Reads the tagged fields that end a struct; `known` says whether it took the tag.
    pub(crate) fn tags(
        &mut self,
        flexible: bool,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        if !flexible {
            return Ok(());
        }
        let offset = self.position;
        let count = self.varint()? as usize;
        let total = self.tags.saturating_add(count);
        if total > self.limits.tagged_max {
            return Err(DecodeError::TooManyTags {
                offset,
                count: total,
                max: self.limits.tagged_max,
            });
        }
        self.tags = total;
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            self.require("tagged field", size)?;
            let outer_end = std::mem::replace(&mut self.end, self.position + size);
            if !known(self, tag)? {
                self.position = self.end;
            }
            if self.position != self.end {
                return Err(DecodeError::TagSize {
                    tag,
                    offset: self.position,
                    left: self.left(),
                });
            }
            self.end = outer_end;
        }
        Ok(())
    }

    /// Skips the tagged fields of a struct that has none of its own.
    pub(crate) fn skip_tags(&mut self, flexible: bool) -> Result<(), DecodeError> {
        if flexible && self.peek() == Some(0) {
            self.position += 1;
            return Ok(());
        }
        self.tags(flexible, |_, _| Ok(false))
    }

    /// Reads a known tagged field.
    pub(crate) fn tagged<T: Wire>(&mut self, field: &mut T) -> Result<bool, DecodeError> {
        *field = T::read(self)?;
        Ok(true)
    }

    /// Reads a known tagged field that is a nullable struct: its mark is a varint here.
    pub(crate) fn tagged_struct<T: Wire>(
        &mut self,
        field: &mut Option<T>,
    ) -> Result<bool, DecodeError> {
        *field = match self.varint()? {
            0 => None,
            _ => Some(T::read(self)?),
        };
        Ok(true)
    }

    /// Reads a nullable struct: a mark below zero is null.
    pub(crate) fn nullable_struct<T: Wire>(&mut self) -> Result<Option<T>, DecodeError> {
        let mark: i8 = self.read()?;
        if mark < 0 {
            return Ok(None);
        }
        T::read(self).map(Some)
    }

    /// Reads a nullable array.
    pub(crate) fn array<T: Wire>(&mut self) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.array_count(T::MIN_WIRE, size_of::<T>())? else {
            return Ok(None);
        };
        let mut array = Vec::with_capacity(count);
        for _ in 0..count {
            array.push(T::read(self)?);
        }
        Ok(Some(array))
    }

    /// Reads the count of an array whose elements take at least `min_wire` bytes of the frame and
    /// `size` bytes in memory, and charges for them; the heart of I14. Not generic, so that it is
    /// compiled once and not for every struct.
    fn array_count(&mut self, min_wire: usize, size: usize) -> Result<Option<usize>, DecodeError> {
        let offset = self.position;
        let Some(count) = self.length("array", false)? else {
            return Ok(None);
        };
        self.require("array", count.saturating_mul(min_wire))?;
        let total = self.elements.saturating_add(count);
        if total > self.limits.elements_max {
            let max = self.limits.elements_max;
            return Err(DecodeError::TooManyElements {
                offset,
                count: total,
                max,
            });
        }
        let needed = self.charged.saturating_add(count.saturating_mul(size));
        if needed > self.limits.memory_max {
            let max = self.limits.memory_max;
            return Err(DecodeError::MemoryExceeded {
                offset,
                needed,
                max,
            });
        }
        self.elements = total;
        self.charged = needed;
        Ok(Some(count))
    }

    /// Reads nullable bytes as a slice of the frame.
    pub(crate) fn bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        match self.length("bytes", false)? {
            None => Ok(None),
            Some(length) => self.slice("bytes", length).map(Some),
        }
    }

    /// Reads a nullable string as a slice of the frame.
    pub(crate) fn string(&mut self) -> Result<Option<Str>, DecodeError> {
        let Some(length) = self.length("string", true)? else {
            return Ok(None);
        };
        let offset = self.position;
        let bytes = self.slice("string", length)?;
        Str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| DecodeError::InvalidUtf8 { offset })
    }

    /// The error of a null where the schema has none; `value` was just read.
    pub(crate) fn not_null<T>(
        &self,
        what: &'static str,
        value: Option<T>,
    ) -> Result<T, DecodeError> {
        value.ok_or(DecodeError::UnexpectedNull {
            what,
            offset: self.position,
        })
    }

    /// Reads a fixed number of bytes.
    pub(crate) fn fixed<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let bytes = self.frame[self.position..self.end].first_chunk::<N>();
        match bytes {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(self.truncated(what, N)),
        }
    }

    /// Reads an unsigned varint.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        match varint::read_u32(&self.frame[self.position..self.end]) {
            Ok((value, used)) => {
                self.position += used;
                Ok(value)
            }
            Err(VarintError::Truncated) => Err(self.truncated("varint", self.left() + 1)),
            Err(VarintError::Overflow) => Err(DecodeError::VarintOverflow {
                offset: self.position,
            }),
        }
    }

    /// Reads the length of a string, bytes or array. Kafka takes any negative length for null;
    /// only -1 (in the compact encoding, 0) is null here.
    fn length(&mut self, what: &'static str, string: bool) -> Result<Option<usize>, DecodeError> {
        let offset = self.position;
        let length = if self.flexible {
            i64::from(self.varint()?) - 1
        } else if string {
            i64::from(i16::from_be_bytes(self.fixed(what)?))
        } else {
            i64::from(i32::from_be_bytes(self.fixed(what)?))
        };
        // Strings are at most 32767 bytes in the compact encoding too, as Kafka has it.
        let max = if string {
            i64::from(i16::MAX)
        } else {
            i64::from(i32::MAX)
        };
        match length {
            -1 => Ok(None),
            _ if length > max => Err(DecodeError::InvalidLength {
                what,
                offset,
                length,
            }),
            _ => usize::try_from(length)
                .map(Some)
                .map_err(|_| DecodeError::InvalidLength {
                    what,
                    offset,
                    length,
                }),
        }
    }

    fn slice(&mut self, what: &'static str, length: usize) -> Result<Bytes, DecodeError> {
        self.require(what, length)?;
        let start = self.position;
        self.position += length;
        Ok(self.frame.slice(start..self.position))
    }

    fn peek(&self) -> Option<u8> {
        self.frame[self.position..self.end].first().copied()
    }

    fn require(&self, what: &'static str, needed: usize) -> Result<(), DecodeError> {
        if needed > self.left() {
            return Err(self.truncated(what, needed));
        }
        Ok(())
    }

    #[cold]
    fn truncated(&self, what: &'static str, needed: usize) -> DecodeError {
        DecodeError::Truncated {
            what,
            offset: self.position,
            needed,
            left: self.left(),
        }
    }
}

#[cfg(test)]
mod tests;
