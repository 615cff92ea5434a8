//! One connection to one node: requests out, answers matched by correlation id.
//!
//! ```text
//! send ─► pending[id] ─► queue ─► writer ─► socket ─► reader ─► pending[id].take() ─► future
//! ```
//! Requests leave in the order of the calls to `send`; answers may come in any order. A request
//! without an answer in time closes the connection, and then everything pending fails: nobody is
//! left waiting. Keeps I14: a frame larger than allowed is refused by its size, before it is read.
//! Absent: reconnecting (the pool does that) and waiting for `throttle_time_ms` (the server mutes).

mod io;
mod versions;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chronik_io::{net, task};
use chronik_protocol::{ApiKey, Limits, Request, Rope, Str, decode_response, encode_request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::ClientError;
use versions::Ranges;

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// What the server's logs call this client.
    pub client_id: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// The largest answer, in bytes.
    pub frame_max: usize,
}

impl Default for ConnectionOptions {
    /// `chronik`, 10 s, 30 s and 128 MiB.
    fn default() -> Self {
        Self {
            client_id: "chronik".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            frame_max: 128 << 20,
        }
    }
}

/// A connection. Cheap to clone; it closes when the last clone and the last answer are gone.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What callers share with the task that reads and writes.
#[derive(Debug)]
struct Shared {
    addr: String,
    client_id: Str,
    options: ConnectionOptions,
    state: Mutex<State>,
}

type Answer = oneshot::Sender<Result<Bytes, ClientError>>;

#[derive(Debug)]
struct State {
    next_id: i32,
    pending: BTreeMap<i32, Answer>,
    /// `None` once the connection has failed.
    outgoing: Option<mpsc::UnboundedSender<Rope>>,
    failure: Option<ClientError>,
    ranges: Option<Arc<Ranges>>,
}

impl Connection {
    /// Connects to `host:port` with the default options.
    pub async fn connect(addr: &str) -> Result<Self, ClientError> {
        Self::connect_with(addr, ConnectionOptions::default()).await
    }

    /// Connects to `host:port`.
    pub async fn connect_with(addr: &str, options: ConnectionOptions) -> Result<Self, ClientError> {
        let failed = |kind, message| ClientError::Connect {
            addr: addr.to_owned(),
            kind,
            message,
        };
        let connecting = tokio::time::timeout(options.connect_timeout, net::connect(addr));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(error.kind(), error.to_string())),
            Err(_) => {
                let message = format!("no answer within {:?}", options.connect_timeout);
                return Err(failed(std::io::ErrorKind::TimedOut, message));
            }
        };
        let (reader, writer) = stream.into_split();
        Ok(Self::start(addr, options, reader, writer))
    }

    /// Speaks over any stream; `addr` is only for messages.
    pub fn over<S>(addr: &str, options: ConnectionOptions, stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        Self::start(addr, options, reader, writer)
    }

    fn start<R, W>(addr: &str, options: ConnectionOptions, reader: R, writer: W) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            addr: addr.to_owned(),
            client_id: Str::from(&options.client_id),
            options,
            state: Mutex::new(State {
                next_id: 0,
                pending: BTreeMap::new(),
                outgoing: Some(outgoing),
                failure: None,
                ranges: None,
            }),
        });
        let (running, panicked) = (Arc::clone(&shared), Arc::clone(&shared));
        let work = async move {
            let reason = tokio::select! {
                reason = io::read(reader, &running) => reason,
                reason = io::write(writer, queue) => reason,
            };
            running.close(reason);
        };
        let task = task::spawn_isolated(work, move || panicked.close("a bug in the client".into()));
        Self(Arc::new(Inner { shared, task }))
    }

    /// The node's address as it was given.
    pub fn addr(&self) -> &str {
        &self.0.shared.addr
    }

    /// Whether it has ended: every further call fails.
    pub fn is_closed(&self) -> bool {
        self.0.shared.lock().failure.is_some()
    }

    /// Sends a request now; the future gives its answer. Several may be under way. Dropping the
    /// future only ignores the answer.
    pub fn send<R: Request + 'static>(
        &self,
        request: &R,
        version: i16,
    ) -> impl Future<Output = Result<R::Response, ClientError>> + Send + 'static + use<R> {
        let answer = self.send_raw(request, version);
        let addr = self.addr().to_owned();
        async move {
            let frame = answer.await?;
            decode::<R>(&addr, version, &frame)
        }
    }

    /// As [`Self::send`], and waits for the answer.
    pub async fn call<R: Request + 'static>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, ClientError> {
        self.send(request, version).await
    }

    /// Sends a request that has no answer: a produce with acks=0.
    pub fn send_oneway<R: Request>(&self, request: &R, version: i16) -> Result<(), ClientError> {
        self.0.shared.enqueue(request, version, None)
    }

    /// The answer's bytes, the header included.
    fn send_raw<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> impl Future<Output = Result<Bytes, ClientError>> + Send + 'static + use<R> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.0.shared.enqueue(request, version, Some(sender));
        let after = self.0.shared.options.request_timeout;
        let answer = tokio::time::timeout(after, receiver);
        // Held until the answer is there.
        let connection = self.clone();
        async move {
            sent?;
            let shared = &connection.0.shared;
            match answer.await {
                Ok(Ok(result)) => result,
                // Only a runtime that shuts down drops a sender silently.
                Ok(Err(_)) => Err(shared.closed("the client is shutting down".into())),
                Err(_) => {
                    let error = ClientError::TimedOut {
                        addr: shared.addr.clone(),
                        api: R::KEY,
                        after,
                    };
                    shared.close(format!("{} was not answered in time", R::KEY));
                    Err(error)
                }
            }
        }
    }

    /// Asks which versions the node speaks, and remembers them for [`Self::pick`].
    pub async fn negotiate(&self) -> Result<(), ClientError> {
        let ranges = versions::ask(self).await?;
        self.0.shared.lock().ranges = Some(Arc::new(ranges));
        Ok(())
    }

    /// The highest version of an API that both sides speak. [`Self::negotiate`] comes first.
    pub fn pick(&self, api: ApiKey) -> Result<i16, ClientError> {
        self.pick_at_most(api, i16::MAX)
    }

    /// As [`Self::pick`], not above `max`.
    pub fn pick_at_most(&self, api: ApiKey, max: i16) -> Result<i16, ClientError> {
        let ranges = self.0.shared.lock().ranges.clone();
        let offered = ranges.and_then(|ranges| ranges.of(api));
        versions::pick(api, offered.clone(), max).ok_or_else(|| ClientError::Version {
            addr: self.addr().to_owned(),
            api,
            offered,
        })
    }

    /// Calls in the highest common version.
    pub async fn ask<R: Request + 'static>(&self, request: &R) -> Result<R::Response, ClientError> {
        let version = self.pick(R::KEY)?;
        self.send(request, version).await
    }
}

fn decode<R: Request>(addr: &str, version: i16, frame: &Bytes) -> Result<R::Response, ClientError> {
    decode_response(version, frame, Limits::default())
        .map(|(_, response)| response)
        .map_err(|error| ClientError::Malformed {
            addr: addr.to_owned(),
            api: R::KEY,
            error,
        })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the request an id and a place in the queue, both at once.
    fn enqueue<R: Request>(
        &self,
        request: &R,
        version: i16,
        answer: Option<Answer>,
    ) -> Result<(), ClientError> {
        let mut state = self.lock();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let id = state.next_id;
        let frame = encode_request(id, Some(&self.client_id), version, request);
        let frame = frame.map_err(|error| ClientError::Encode { api: R::KEY, error })?;
        state.next_id = id.checked_add(1).unwrap_or(0);
        if let Some(answer) = answer {
            state.pending.insert(id, answer);
        }
        // The other end lives until `outgoing` is taken.
        let _ = state.outgoing.as_ref().map(|queue| queue.send(frame));
        Ok(())
    }

    /// Whoever waits for the answer with this id.
    fn take(&self, id: i32) -> Option<Answer> {
        self.lock().pending.remove(&id)
    }

    fn closed(&self, reason: String) -> ClientError {
        ClientError::Closed {
            addr: self.addr.clone(),
            reason,
        }
    }

    /// Ends the connection; everyone who waits learns why. Only the first reason counts.
    fn close(&self, reason: String) {
        let error = self.closed(reason);
        let pending = {
            let mut state = self.lock();
            // Without a queue the writer ends, and the task and the socket with it.
            state.outgoing = None;
            state.failure.get_or_insert_with(|| error.clone());
            std::mem::take(&mut state.pending)
        };
        for answer in pending.into_values() {
            let _ = answer.send(Err(error.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
