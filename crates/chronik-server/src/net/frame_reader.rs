//! Reads frames: a size, then that many bytes, reserved in the budget before they are read.
//!
//! Keeps I14: nothing is allocated by a claimed size before it was checked against the limit of
//! its API and granted by the budget; a frame without progress ends the connection.
//! Cancel-safe: dropping [`FrameReader::next`] loses no byte.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use chronik_io::net::OwnedReadHalf;
use chronik_protocol::ApiKey;
use tokio::io::{AsyncReadExt, BufReader};

use super::budget::{Budget, Reservation};

/// Largest frame of anything but Produce, in bytes (DESIGN D2).
const FRAME_BYTES_MAX: usize = 8 << 20;
/// A frame that has begun must go on within this time.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);
/// Size, api key and version, which every frame has: what must be known before anything is reserved.
const HEAD: usize = 8;
/// A request header without a client id.
const SMALLEST_FRAME: usize = 8;
/// Bytes asked of the socket at once: several small requests come with one system call, and large
/// bodies bypass the buffer. Room for a produce of one record of 1 KiB.
const READ_BUFFER: usize = 2048;

/// One request as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Everything after the size.
    pub(crate) bytes: Bytes,
    /// The api key's number.
    pub(crate) api_key: i16,
    /// How many bytes of arrays decoding it may allocate; they are part of the reservation.
    pub(crate) memory_max: usize,
    /// Held until the request needs its bytes no more.
    pub(crate) reservation: Reservation,
}

impl Frame {
    pub(crate) fn is_produce(&self) -> bool {
        self.api_key == ApiKey::Produce as i16
    }
}

/// Why a connection's input ended.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The client closed between two frames.
    Closed,
    /// The client closed within a frame, or the socket failed.
    Io(io::Error),
    /// A size that no frame has.
    InvalidSize(i32),
    /// More bytes than the API may have, or than the whole budget.
    TooLarge {
        size: usize,
        max: usize,
        api_key: i16,
    },
    /// A frame stopped half way.
    Stalled,
}

impl fmt::Display for ReadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the client"),
            Self::Io(error) => write!(f, "reading failed: {error}"),
            Self::InvalidSize(size) => write!(f, "a frame claims {size} bytes"),
            Self::TooLarge { size, max, api_key } => write!(
                f,
                "a frame of {size} bytes for api key {api_key} exceeds the limit of {max}"
            ),
            Self::Stalled => write!(
                f,
                "a frame made no progress for {} s",
                PROGRESS_TIMEOUT.as_secs()
            ),
        }
    }
}

/// The read half of a connection, between and within frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    socket: BufReader<OwnedReadHalf>,
    budget: Budget,
    produce_max: usize,
    head: [u8; HEAD],
    head_filled: usize,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    bytes: BytesMut,
    size: usize,
    memory_max: usize,
    reservation: Reservation,
}

impl FrameReader {
    pub(crate) fn new(socket: OwnedReadHalf, budget: Budget, produce_max: usize) -> Self {
        Self {
            socket: BufReader::with_capacity(READ_BUFFER, socket),
            budget,
            produce_max,
            head: [0; HEAD],
            head_filled: 0,
            body: None,
        }
    }

    /// Whether no byte of the next frame has come yet.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.head_filled == 0
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Result<Frame, ReadEnd> {
        while self.head_filled < HEAD {
            self.fill_head().await?;
            self.claimed_size()?;
        }
        if self.body.is_none() {
            self.body = Some(self.reserve_body().await?);
        }
        let Some(body) = &mut self.body else {
            unreachable!("the body was made above")
        };
        while body.bytes.len() < body.size {
            let left = body.size - body.bytes.len();
            let mut room = (&mut body.bytes).limit(left);
            let read = self.socket.read_buf(&mut room);
            if with_progress(read).await? == 0 {
                return Err(ReadEnd::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let Some(body) = self.body.take() else {
            unreachable!("the body was filled above")
        };
        self.head_filled = 0;
        Ok(Frame {
            bytes: body.bytes.freeze(),
            api_key: self.api_key(),
            memory_max: body.memory_max,
            reservation: body.reservation,
        })
    }

    async fn fill_head(&mut self) -> Result<(), ReadEnd> {
        let read = self.socket.read(&mut self.head[self.head_filled..]);
        let count = if self.head_filled == 0 {
            read.await.map_err(ReadEnd::Io)?
        } else {
            with_progress(read).await?
        };
        match count {
            0 if self.head_filled == 0 => Err(ReadEnd::Closed),
            0 => Err(ReadEnd::Io(io::ErrorKind::UnexpectedEof.into())),
            n => {
                self.head_filled += n;
                Ok(())
            }
        }
    }

    fn api_key(&self) -> i16 {
        i16::from_be_bytes([self.head[4], self.head[5]])
    }

    /// The size that the frame claims, once it is there; refused as soon as no frame can have it.
    fn claimed_size(&self) -> Result<usize, ReadEnd> {
        if self.head_filled < 4 {
            return Ok(0);
        }
        let claimed = i32::from_be_bytes([self.head[0], self.head[1], self.head[2], self.head[3]]);
        usize::try_from(claimed)
            .ok()
            .filter(|size| *size >= SMALLEST_FRAME)
            .ok_or(ReadEnd::InvalidSize(claimed))
    }

    /// Checks the size and waits for its room.
    async fn reserve_body(&self) -> Result<Body, ReadEnd> {
        let size = self.claimed_size()?;
        let api_key = self.api_key();
        let is_produce = api_key == ApiKey::Produce as i16;
        let max = if is_produce {
            self.produce_max
        } else {
            self.produce_max.min(FRAME_BYTES_MAX)
        };
        let too_large = |max| ReadEnd::TooLarge { size, max, api_key };
        if size > max {
            return Err(too_large(max));
        }
        let memory_max = memory_for(is_produce, size);
        let reservation = self
            .budget
            .reserve(size + memory_max)
            .await
            .map_err(|_| too_large(self.budget.total()))?;
        let mut bytes = BytesMut::with_capacity(size);
        bytes.put_slice(&self.head[4..]);
        Ok(Body {
            bytes,
            size,
            memory_max,
            reservation,
        })
    }
}

/// Bytes of arrays that decoding may allocate. An honest Produce has 61 bytes of batch behind
/// every element; elsewhere the smallest element of three bytes takes below 100 in memory.
fn memory_for(is_produce: bool, size: usize) -> usize {
    if is_produce {
        size / 2 + 4 * 1024
    } else {
        (size * 32 + 4 * 1024).min(64 << 20)
    }
}

async fn with_progress(read: impl Future<Output = io::Result<usize>>) -> Result<usize, ReadEnd> {
    match tokio::time::timeout(PROGRESS_TIMEOUT, read).await {
        Ok(result) => result.map_err(ReadEnd::Io),
        Err(_) => Err(ReadEnd::Stalled),
    }
}
