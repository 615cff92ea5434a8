//! The two loops of a connection. Each ends with the reason why.
//!
//! Keeps I14: memory grows with the bytes that came, never with the size that was announced.

use bytes::{Bytes, BytesMut};
use chronik_protocol::Rope;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::Shared;

/// What is reserved for a frame before any of it has come.
const RESERVED_MAX: usize = 1 << 20;

/// Reads answers and hands each to whoever waits for it.
pub(super) async fn read(mut reader: impl AsyncRead + Unpin, shared: &Shared) -> String {
    loop {
        let frame = match frame(&mut reader, shared.options.frame_max).await {
            Ok(frame) => frame,
            Err(reason) => return reason,
        };
        let Some(id) = frame.first_chunk::<4>() else {
            return format!("an answer of {} bytes", frame.len());
        };
        let id = i32::from_be_bytes(*id);
        match shared.take(id) {
            // A caller that went away leaves its answer to nobody.
            Some(answer) => drop(answer.send(Ok(frame))),
            None => return format!("an answer to request {id}, which was not asked"),
        }
    }
}

async fn frame(reader: &mut (impl AsyncRead + Unpin), max: usize) -> Result<Bytes, String> {
    let size = match reader.read_i32().await {
        Ok(size) => size,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err("the other side closed it".into());
        }
        Err(error) => return Err(error.to_string()),
    };
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size <= max)
        .ok_or_else(|| format!("an answer of {size} bytes, at most {max} are allowed"))?;
    let mut frame = BytesMut::with_capacity(size.min(RESERVED_MAX));
    while frame.len() < size {
        let left = u64::try_from(size - frame.len()).unwrap_or(u64::MAX);
        match (&mut *reader).take(left).read_buf(&mut frame).await {
            Ok(0) => return Err("the other side closed it within an answer".into()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(frame.freeze())
}

/// Writes requests in their order until there can be no more.
pub(super) async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::UnboundedReceiver<Rope>,
) -> String {
    while let Some(mut frame) = queue.recv().await {
        if let Err(error) = writer.write_all_buf(&mut frame).await {
            return error.to_string();
        }
        if queue.is_empty()
            && let Err(error) = writer.flush().await
        {
            return error.to_string();
        }
    }
    "closed by the client".into()
}
