//! The primitives of our own binary formats: big-endian integers, and strings and lists with counts.
//!
//! Keeps I14 for bytes from disk and network: a count never makes us allocate more than the bytes
//! that are left could hold. Absent: CRCs, which belong to the file formats around these bytes.

use std::fmt;

use chronik_types::{NodeId, Uuid};

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end before the value does.
    Truncated,
    /// Bytes are left after the value.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A record kind that this version of Chronik does not know.
    UnknownRecordKind {
        /// Its number.
        kind: u8,
    },
    /// A newer version of something we know.
    UnsupportedVersion {
        /// What it is.
        what: &'static str,
        /// Its version.
        version: u8,
        /// The newest we read.
        newest: u8,
    },
    /// A value that cannot be.
    Invalid {
        /// What it is.
        what: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes are left over"),
            Self::UnknownRecordKind { kind } => write!(
                f,
                "metadata record kind {kind} is not known to this version of Chronik"
            ),
            Self::UnsupportedVersion {
                what,
                version,
                newest,
            } => write!(
                f,
                "{what} has version {version}, and this version of Chronik reads up to {newest}"
            ),
            Self::Invalid { what } => write!(f, "{what} is not valid"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    /// What was written so far.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Two bytes.
    pub fn i16(&mut self, value: i16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    pub fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// A node's id.
    pub fn node(&mut self, node: NodeId) {
        self.i32(node.get());
    }

    /// How many elements follow.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("no list of ours has 2^32 elements"));
    }

    /// A length and UTF-8.
    pub fn str(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Whether there is a value, and the value.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// A count and that many elements.
    pub fn list<T>(
        &mut self,
        values: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.count(values.len());
        for value in values {
            write(self, value);
        }
    }

    /// Writes a length and then what `body` writes.
    pub fn sized(&mut self, body: impl FnOnce(&mut Self)) {
        let at = self.bytes.len();
        self.u32(0);
        body(self);
        let len = u32::try_from(self.bytes.len() - at - 4).expect("bodies are far below 4 GiB");
        self.bytes[at..at + 4].copy_from_slice(&len.to_be_bytes());
    }
}

/// Takes values off the front of a slice.
#[derive(Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// A reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .left
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.left = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Invalid { what: "a boolean" }),
        }
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    /// A node's id.
    pub fn node(&mut self) -> Result<NodeId, DecodeError> {
        Ok(NodeId::new(self.i32()?))
    }

    /// A length and UTF-8.
    pub fn str(&mut self) -> Result<String, DecodeError> {
        let len = self.u32()? as usize;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| DecodeError::Invalid { what: "a string" })
    }

    /// Whether there is a value, and the value.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads a list whose elements take at least one byte each.
    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u32()? as usize;
        if count > self.left.len() {
            return Err(DecodeError::Truncated);
        }
        // Growth follows the bytes actually read, so a lying count costs nothing.
        let mut values = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            values.push(read(self)?);
        }
        Ok(values)
    }

    /// Reads a length and gives a reader of that many bytes.
    pub fn sized(&mut self) -> Result<Reader<'a>, DecodeError> {
        let len = self.u32()? as usize;
        Ok(Reader::new(self.take(len)?))
    }

    /// Everything that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.left
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), DecodeError> {
        match self.left.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }
}
