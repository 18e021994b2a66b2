//! One connection: bytes in, frames out of them, messages back.

use super::{Event, Streams};
use bytes::Bytes;
use ringway_sip::{Frame, Framer, Peer};
use std::{pin::pin, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::WriteHalf},
    sync::mpsc,
    time::{sleep, timeout},
};

/// What is read at a time.
const CHUNK: usize = 16 * 1_024;
/// The answer to a keepalive (RFC 5626 §3.5.1).
const PONG: &[u8] = b"\r\n";

/// Serves a connection until it ends; gives the reason, a metric label.
pub(super) async fn run(
    streams: &Streams,
    mut stream: TcpStream,
    peer: Peer,
    mut queue: mpsc::Receiver<Bytes>,
) -> &'static str {
    // A message that waits for the next one to fill a segment is late.
    let _ = stream.set_nodelay(true);
    let settings = &streams.shared.settings;
    let mut framer = Framer::new(settings.limits);
    let mut chunk = vec![0; CHUNK];
    let mut patience = pin!(sleep(settings.idle));
    let mut within = false;
    let (mut read, mut write) = stream.split();
    loop {
        tokio::select! {
            got = read.read(&mut chunk) => {
                let got = match got {
                    Ok(0) => return "closed",
                    Ok(got) => got,
                    Err(_) => return "broken",
                };
                framer.push(&chunk[..got]);
                loop {
                    match framer.poll() {
                        Ok(Some(Frame::Message(bytes))) => {
                            within = false;
                            streams.tell(Event::Message { from: peer, bytes });
                        }
                        Ok(Some(Frame::Ping)) => {
                            if !put(&mut write, PONG, settings.whole).await {
                                return "broken";
                            }
                        }
                        Ok(Some(Frame::Pong)) => {}
                        Ok(None) => break,
                        Err(error) => return error.label(),
                    }
                }
                // A message has so long from its first byte; more bytes do not buy more time.
                match (within, framer.rest().is_empty()) {
                    (_, true) => {
                        within = false;
                        patience.set(sleep(settings.idle));
                    }
                    (false, false) => {
                        within = true;
                        patience.set(sleep(settings.whole));
                    }
                    (true, false) => {}
                }
            }
            next = queue.recv() => match next {
                Some(bytes) if !put(&mut write, &bytes, settings.whole).await => return "slow_reader",
                Some(_) => {}
                // Its place in the table is gone, because its queue was full, or the node ends.
                None => return "slow_reader",
            },
            () = &mut patience => return if within { "slow_sender" } else { "idle" },
        }
    }
}

/// Writes all, unless the peer does not read for so long. False: the connection is of no more use.
async fn put(write: &mut WriteHalf<'_>, bytes: &[u8], limit: Duration) -> bool {
    matches!(timeout(limit, write.write_all(bytes)).await, Ok(Ok(())))
}
