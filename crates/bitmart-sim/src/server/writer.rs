//! What the outbox holds, turned into bytes: frames as they should be, and what a fault wants in their place.
//!
//! The heads are fastwebsockets', the writing is our own: its writer can't send what is no frame.

use std::future::pending;
use std::io;
use std::time::Duration;

use bitmart_proto::Market;
use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload};
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::time::sleep_until;

use super::connection::Traffic;
use super::hub::Guest;
use super::outbox::{Outbox, Outgoing};
use crate::clock::monotonic;

/// How often futures sends a ping frame (seen once, 54.5 s after the connection began).
const FUTURES_PING: Duration = Duration::from_millis(54_500);
/// Bytes of the longest head of a frame (RFC 6455, section 5.2).
pub(super) const MAX_FRAME_HEAD_BYTES: usize = 14;

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteEnd {
    /// A close has gone out.
    Closed,
    /// A fault ends the stream here, without a close.
    Torn,
    /// The client is gone.
    Gone,
}

/// Writes what the outbox holds until the end.
pub(super) async fn write_all<W: AsyncWrite + Unpin>(
    mut stream: BufWriter<W>,
    guest: &Guest,
    traffic: &Traffic,
) -> WriteEnd {
    let outbox: &Outbox = guest.outbox();
    let mut batch = Vec::new();
    let mut next_ping = monotonic() + FUTURES_PING;
    loop {
        let is_ping_due = async {
            match guest.market() {
                Market::Futures => sleep_until(next_ping).await,
                Market::Spot => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = is_ping_due => {
                next_ping += FUTURES_PING;
                if outbox.is_silent() {
                    continue;
                }
                let is_written = write_frame(&mut stream, OpCode::Ping, &[]).await.is_ok();
                if !is_written || stream.flush().await.is_err() {
                    return WriteEnd::Gone;
                }
                continue;
            }
            () = outbox.next_batch(&mut batch) => {}
        }
        let mut end = None;
        let mut messages = 0;
        for outgoing in &batch {
            messages += u64::from(matches!(outgoing, Outgoing::Text(_) | Outgoing::Binary(_)));
            end = end.or(match outgoing {
                Outgoing::Close(_) => Some(WriteEnd::Closed),
                Outgoing::Last(_) => Some(WriteEnd::Torn),
                _ => None,
            });
            if end.is_some() {
                // Who sees the end finds its place free.
                guest.leave();
            }
            if write(&mut stream, outgoing).await.is_err() {
                return WriteEnd::Gone;
            }
        }
        batch.clear();
        if stream.flush().await.is_err() {
            return WriteEnd::Gone;
        }
        traffic.note();
        guest.stats().messages_out.add(messages);
        if let Some(end) = end {
            return end;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(stream: &mut W, outgoing: &Outgoing) -> io::Result<()> {
    let (opcode, payload): (OpCode, &Bytes) = match outgoing {
        Outgoing::Text(text) => (OpCode::Text, text),
        Outgoing::Binary(bytes) => (OpCode::Binary, bytes),
        Outgoing::Pong(payload) => (OpCode::Pong, payload),
        Outgoing::Close(payload) => (OpCode::Close, payload),
        Outgoing::Raw(bytes) | Outgoing::Last(bytes) => return stream.write_all(bytes).await,
    };
    write_frame(stream, opcode, payload).await
}

async fn write_frame<W: AsyncWrite + Unpin>(
    stream: &mut W,
    opcode: OpCode,
    payload: &[u8],
) -> io::Result<()> {
    let mut head = [0; MAX_FRAME_HEAD_BYTES];
    let mut frame = Frame::new(true, opcode, None, Payload::Borrowed(payload));
    let head_bytes = frame.fmt_head(&mut head);
    stream.write_all(&head[..head_bytes]).await?;
    stream.write_all(payload).await
}
