//! Writes replies to a socket, and gives up on a client that does not take them.
//!
//! Keeps I14: what the socket does not take at once is charged before it is kept. A reply that
//! came with room of its own (a fetch) keeps it; any other takes room of the connections' pool,
//! and without room there the connection ends, because waiting for room would hold the reply
//! uncharged. A client that takes no byte ends after [`STALL_MAX`]; while others wait for memory,
//! one that takes less than [`PRESSED_BYTES_MIN`] in a [`STEP`] ends at once: what it will not
//! read must not keep them waiting.
//! Absent: the order of replies.

use std::fmt;
use std::io;
use std::time::Duration;

use chronik_io::net::OwnedWriteHalf;
use chronik_protocol::Rope;
use tokio::io::AsyncWriteExt;

use super::budget::{Budget, Reservation};

/// A reply that the client does not take for this long ends the connection.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How often a write that waits for the client looks at what it took, and at who else waits.
const STEP: Duration = Duration::from_secs(1);
/// Fewer bytes in a step keep others waiting for nothing: no consumer is that slow.
const PRESSED_BYTES_MIN: usize = 8 << 10;

/// Why a reply was not written.
#[derive(Debug)]
pub(super) enum WriteEnd {
    /// The socket failed.
    Io(io::Error),
    /// The client took no byte for [`STALL_MAX`].
    Stalled,
    /// The client took so few bytes in a [`STEP`] while others waited for memory.
    TooSlow(usize),
    /// So many bytes were not taken at once, and there is no room to keep them.
    NoRoom(usize),
}

impl fmt::Display for WriteEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "writing failed: {error}"),
            Self::Stalled => write!(
                f,
                "the client took no byte of its reply for {} s",
                STALL_MAX.as_secs()
            ),
            Self::TooSlow(bytes) => write!(
                f,
                "the client took {bytes} bytes of its reply in {} s, while others wait for memory",
                STEP.as_secs()
            ),
            Self::NoRoom(bytes) => write!(
                f,
                "the client did not take {bytes} bytes of its reply, and there is no room to keep them"
            ),
        }
    }
}

/// The write half of a connection.
pub(super) struct ReplyWriter {
    socket: OwnedWriteHalf,
    /// Where room for a reply is taken that brings none.
    unread: Budget,
    /// Whose waiters make a stalled client end early.
    shared: [Budget; 3],
}

impl ReplyWriter {
    /// `unread` is charged for what a client leaves unread; `shared` are all pools whose waiters
    /// count.
    pub(super) fn new(socket: OwnedWriteHalf, unread: Budget, shared: [Budget; 3]) -> Self {
        Self {
            socket,
            unread,
            shared,
        }
    }

    /// Writes a whole reply; `held` is its room if it brought any.
    pub(super) async fn write(
        &mut self,
        mut rope: Rope,
        held: Option<Reservation>,
    ) -> Result<(), WriteEnd> {
        // The whole reply: its buffer stays until its last byte is taken.
        let size = rope.len();
        self.write_at_once(&mut rope).await?;
        if rope.is_empty() {
            return Ok(());
        }
        let _room = match held {
            Some(held) => held,
            None => self
                .unread
                .try_reserve(size)
                .ok_or(WriteEnd::NoRoom(rope.len()))?,
        };
        self.write_rest(rope).await
    }

    /// Writes what the socket takes without waiting.
    async fn write_at_once(&mut self, rope: &mut Rope) -> Result<(), WriteEnd> {
        while !rope.is_empty() {
            tokio::select! {
                biased;
                taken = self.socket.write_buf(rope) => check(taken)?,
                () = std::future::ready(()) => break,
            }
        }
        Ok(())
    }

    async fn write_rest(&mut self, mut rope: Rope) -> Result<(), WriteEnd> {
        let mut steps = tokio::time::interval(STEP);
        // The first comes at once.
        steps.tick().await;
        let mut stalled = Duration::ZERO;
        let mut left = rope.len();
        while !rope.is_empty() {
            tokio::select! {
                biased;
                taken = self.socket.write_buf(&mut rope) => check(taken)?,
                _ = steps.tick() => {
                    let taken = left - rope.len();
                    left = rope.len();
                    stalled = if taken == 0 { stalled + STEP } else { Duration::ZERO };
                    if stalled >= STALL_MAX {
                        return Err(WriteEnd::Stalled);
                    }
                    if taken < PRESSED_BYTES_MIN && self.shared.iter().any(Budget::is_waited_for) {
                        return Err(WriteEnd::TooSlow(taken));
                    }
                }
            }
        }
        Ok(())
    }
}

fn check(taken: io::Result<usize>) -> Result<(), WriteEnd> {
    match taken {
        Ok(0) => Err(WriteEnd::Io(io::ErrorKind::WriteZero.into())),
        Ok(_) => Ok(()),
        Err(error) => Err(WriteEnd::Io(error)),
    }
}
