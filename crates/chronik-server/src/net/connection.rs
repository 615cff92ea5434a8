//! One client connection: requests in, replies out in exactly their order.
//!
//! ```text
//! frame ─► Produce? ── dispatch (takes its place in the log) ─► queue of pending replies ─► socket
//!              └ else ─ waits until it is first in line, then runs; its reply goes out at once
//! ```
//!
//! Only Produce behind Produce overlaps (DESIGN D8). Keeps I14: what a client can make us hold is
//! in its frames' reservations, and a client that does not read its replies is cut off.
//! Absent: the meaning of requests.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use chronik_io::net::TcpStream;

use super::budget::Reservation;
use super::frame_reader::{Frame, FrameReader, ReadEnd};
use super::reply_writer::{ReplyWriter, WriteEnd};
use crate::api::{self, Answer, Refused};
use crate::shared::Shared;

/// What handlers may know about the connection a request came on.
#[derive(Debug)]
pub(crate) struct ConnectionInfo {
    /// The name of the listener it came in on.
    pub(crate) listener: Arc<str>,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// Name and version of the client's software, once ApiVersions told them.
    pub(crate) software: OnceLock<(String, String)>,
}

/// A reply to come.
pub(crate) type PendingAnswer = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Why a connection was closed by us or them.
enum End {
    Read(ReadEnd),
    Refused(Refused),
    Write(WriteEnd),
    Idle,
    FailedWithoutReply,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(end) => end.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Write(end) => end.fmt(f),
            Self::Idle => f.write_str("idle"),
            Self::FailedWithoutReply => f.write_str("a produce with acks=0 failed"),
        }
    }
}

impl End {
    /// Whether the client did something that a working client does not do.
    fn is_violation(&self) -> bool {
        match self {
            Self::Read(ReadEnd::Closed | ReadEnd::Io(_))
            | Self::Write(WriteEnd::Io(_))
            | Self::Idle => false,
            Self::Read(_) | Self::Refused(_) | Self::Write(_) | Self::FailedWithoutReply => true,
        }
    }
}

/// Serves a connection until it ends. `_charge` is the connection's own share of the budget.
pub(crate) async fn serve(
    node: Arc<Shared>,
    socket: TcpStream,
    info: ConnectionInfo,
    _charge: Reservation,
) {
    // Replies are written whole; waiting for more to send would only delay them.
    let _ = socket.set_nodelay(true);
    let (read, write) = socket.into_split();
    let mut connection = Connection {
        reader: FrameReader::new(
            read,
            node.request_budget.clone(),
            node.config.request_bytes_max,
        ),
        writer: ReplyWriter::new(
            write,
            node.connection_budget.clone(),
            [
                node.request_budget.clone(),
                node.reply_budget.clone(),
                node.connection_budget.clone(),
            ],
        ),
        info: Arc::new(info),
        node,
        pending: VecDeque::new(),
    };
    let end = connection.run().await;
    let (peer, listener) = (connection.info.peer, &connection.info.listener);
    connection
        .node
        .metrics
        .connection_closed(end.is_violation());
    if end.is_violation() {
        tracing::warn!(event = "connection_refused", %peer, %listener, "closing: {end}");
    } else {
        tracing::debug!(event = "connection_closed", %peer, %listener, "closed: {end}");
    }
}

struct Connection {
    reader: FrameReader,
    writer: ReplyWriter,
    info: Arc<ConnectionInfo>,
    node: Arc<Shared>,
    /// Replies of produce requests in progress, oldest first.
    pending: VecDeque<PendingAnswer>,
}

enum Event {
    Answer(Answer),
    Frame(Result<Frame, ReadEnd>),
    Idle,
}

impl Connection {
    async fn run(&mut self) -> End {
        // A request that is not a Produce and not yet first in line.
        let mut held: Option<Frame> = None;
        loop {
            if self.pending.is_empty()
                && let Some(frame) = held.take()
            {
                if let Err(end) = self.serve_in_line(frame).await {
                    return end;
                }
                continue;
            }
            let may_read =
                held.is_none() && self.pending.len() < self.node.config.produce_pipeline_max;
            match self.next_event(may_read).await {
                Event::Answer(answer) => {
                    if let Err(end) = self.answer(answer).await {
                        return end;
                    }
                }
                Event::Frame(Ok(frame)) if frame.is_produce() => {
                    // Back-pressure: the journal is full, and appending more would only wait.
                    self.node.replicas.logs().room().await;
                    match api::dispatch_produce(&self.node, &self.info, frame) {
                        Ok(answer) => self.pending.push_back(answer),
                        Err(refused) => return self.flush(End::Refused(refused)).await,
                    }
                }
                Event::Frame(Ok(frame)) => held = Some(frame),
                Event::Frame(Err(end)) => return self.flush(End::Read(end)).await,
                Event::Idle => return End::Idle,
            }
        }
    }

    async fn next_event(&mut self, may_read: bool) -> Event {
        let Self {
            reader,
            pending,
            node,
            ..
        } = self;
        let is_idle = pending.is_empty() && reader.is_between_frames();
        let idle_max = node.config.connection_idle_max.filter(|_| is_idle);
        tokio::select! {
            biased;
            answer = front(pending), if !pending.is_empty() => Event::Answer(answer),
            frame = reader.next(), if may_read => Event::Frame(frame),
            () = sleep(idle_max), if idle_max.is_some() => Event::Idle,
        }
    }

    async fn serve_in_line(&mut self, frame: Frame) -> Result<(), End> {
        let answer = api::serve(&self.node, &self.info, frame)
            .await
            .map_err(End::Refused)?;
        self.answer(answer).await
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Reply { rope, held } => {
                self.node.metrics.bytes_out(rope.len());
                self.writer.write(rope, held).await.map_err(End::Write)
            }
            Answer::Nothing => Ok(()),
            Answer::Close => Err(End::FailedWithoutReply),
        }
    }

    /// Sends the replies still due, then ends as `end` says: the requests before a broken one
    /// were fine and are answered.
    async fn flush(&mut self, end: End) -> End {
        while let Some(answer) = self.pending.pop_front() {
            let answer = answer.await;
            if self.answer(answer).await.is_err() {
                break;
            }
        }
        end
    }
}

/// The oldest pending reply, removed once it is there.
async fn front(pending: &mut VecDeque<PendingAnswer>) -> Answer {
    poll_fn(|cx| match pending.front_mut() {
        None => Poll::Pending,
        Some(answer) => answer.as_mut().poll(cx).map(|answer| {
            pending.pop_front();
            answer
        }),
    })
    .await
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
