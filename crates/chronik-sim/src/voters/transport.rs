//! Raft's messages over simulated TCP: one connection per peer and class, answers by correlation id.
//!
//! ```text
//! message: length u32, correlation id u64, kind u8, bytes
//! answer:  length u32, correlation id u64, ok u8, bytes
//! ```
//! A small stand-in for the server's internal listener. Absent: authentication and budgets.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use chronik_io::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use chronik_raft::{
    Address, Member, RaftNode, RpcClass, RpcKind, Transport, TransportError, TransportFuture,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

type Reply = oneshot::Sender<Result<Bytes, TransportError>>;
type Outbox = mpsc::UnboundedSender<(RpcKind, Bytes, Reply)>;
type Pending = Arc<Mutex<BTreeMap<u64, Reply>>>;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// A connection on which nothing is answered for so long is broken: simulated TCP never sends a
/// segment again that a partition swallowed.
const SILENCE: Duration = Duration::from_secs(1);

/// Connections to all peers, made on first use and again after they broke.
#[derive(Debug, Default)]
pub(super) struct TcpTransport {
    outboxes: Mutex<BTreeMap<(Member, RpcClass), Outbox>>,
}

impl Transport for TcpTransport {
    fn call(
        &self,
        to: &Member,
        address: &Address,
        class: RpcClass,
        kind: RpcKind,
        message: Bytes,
    ) -> TransportFuture {
        let (reply, answer) = oneshot::channel();
        let mut outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut item = Some((kind, message, reply));
        if let Some(outbox) = outboxes.get(&(*to, class))
            && let Some(unsent) = item.take()
            && let Err(mpsc::error::SendError(unsent)) = outbox.send(unsent)
        {
            item = Some(unsent);
        }
        if let Some(unsent) = item {
            let (outbox, inbox) = mpsc::unbounded_channel();
            // A channel with both ends takes everything.
            let _ = outbox.send(unsent);
            tokio::spawn(connection(address.0.clone(), inbox));
            outboxes.insert((*to, class), outbox);
        }
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                let why = "the connection broke".to_owned();
                Err(TransportError::Interrupted(why))
            })
        })
    }
}

/// Lives as long as its connection; what it drops is answered as interrupted.
async fn connection(address: String, mut inbox: mpsc::UnboundedReceiver<(RpcKind, Bytes, Reply)>) {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connected else {
        inbox.close();
        while let Some((_, _, reply)) = inbox.recv().await {
            let why = "no connection".to_owned();
            let _ = reply.send(Err(TransportError::Unreachable(why)));
        }
        return;
    };
    let (reader, mut writer) = stream.into_split();
    let pending = Pending::default();
    let mut reading = tokio::spawn(read_answers(reader, pending.clone()));
    let mut correlation = 0;
    let mut waiting_for = None;
    let mut look = tokio::time::interval(SILENCE);
    loop {
        tokio::select! {
            biased;
            _ = &mut reading => break,
            _ = look.tick() => {
                let oldest = oldest(&pending);
                if oldest.is_some() && oldest == waiting_for {
                    break;
                }
                waiting_for = oldest;
            }
            item = inbox.recv() => {
                let Some((kind, message, reply)) = item else { break };
                correlation += 1;
                pending
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(correlation, reply);
                if write(&mut writer, correlation, kind.code(), &message).await.is_err() {
                    break;
                }
            }
        }
    }
    reading.abort();
    pending
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
}

/// The oldest message without an answer.
fn oldest(pending: &Pending) -> Option<u64> {
    let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    pending.keys().next().copied()
}

async fn read_answers(mut reader: OwnedReadHalf, pending: Pending) {
    while let Ok((correlation, ok, body)) = read(&mut reader).await {
        let reply = pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&correlation);
        let result = match ok {
            1 => Ok(body),
            _ => Err(TransportError::Unreachable("refused".to_owned())),
        };
        if let Some(reply) = reply {
            let _ = reply.send(result);
        }
    }
}

async fn write(
    writer: &mut OwnedWriteHalf,
    correlation: u64,
    tag: u8,
    body: &[u8],
) -> io::Result<()> {
    let mut frame = BytesMut::with_capacity(13 + body.len());
    frame.put_u32(u32::try_from(9 + body.len()).map_err(io::Error::other)?);
    frame.put_u64(correlation);
    frame.put_u8(tag);
    frame.put_slice(body);
    writer.write_all(&frame).await
}

async fn read(reader: &mut OwnedReadHalf) -> io::Result<(u64, u8, Bytes)> {
    let len = reader.read_u32().await?;
    let correlation = reader.read_u64().await?;
    let tag = reader.read_u8().await?;
    let len = usize::try_from(len).map_err(io::Error::other)?;
    let mut body = vec![0; len.saturating_sub(9)];
    reader.read_exact(&mut body).await?;
    Ok((correlation, tag, body.into()))
}

/// Answers messages for ever; those of one connection one after the other.
pub(super) async fn serve(raft: RaftNode, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(raft.clone(), stream));
    }
}

async fn answer(raft: RaftNode, stream: TcpStream) {
    let (mut reader, mut writer) = stream.into_split();
    while let Ok((correlation, code, body)) = read(&mut reader).await {
        let answered = match RpcKind::from_code(code) {
            Some(kind) => raft.handle_rpc(kind, body).await.ok(),
            None => None,
        };
        let (ok, body) = answered.map_or((0, Bytes::new()), |body| (1, body));
        if write(&mut writer, correlation, ok, &body).await.is_err() {
            return;
        }
    }
}
