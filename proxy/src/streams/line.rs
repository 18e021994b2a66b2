//! One connection: bytes in, frames out of them, messages back.

use super::{Event, Settings, Streams, alias, handshake, table::Queue};
use bytes::Bytes;
use ringway_sip::{Frame, Framer, Peer, Way};
use rustls::pki_types::CertificateDer;
use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::ready,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    time::{sleep, timeout},
};

/// What is read at a time.
const CHUNK: usize = 16 * 1_024;
/// The answer to a keepalive (RFC 5626 §3.5.1).
const PONG: &[u8] = b"\r\n";
/// How long a peer may take to hear that we close.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a connection knows of itself.
pub(super) struct Line<'a> {
    streams: &'a Streams,
    peer: Peer,
    queue: Queue,
    /// Nothing was said yet by the one who has come: its first request may name an alias.
    fresh: bool,
    certificate: Option<CertificateDer<'static>>,
}

impl<'a> Line<'a> {
    /// Of one who has come, with the certificate that it has shown.
    pub(super) fn taken(
        streams: &'a Streams,
        peer: Peer,
        queue: Queue,
        certificate: Option<CertificateDer<'static>>,
    ) -> Self {
        Self { streams, peer, queue, fresh: true, certificate }
    }

    /// Of one whom we have dialed.
    pub(super) fn dialed(streams: &'a Streams, peer: Peer, queue: Queue) -> Self {
        Self { streams, peer, queue, fresh: false, certificate: None }
    }

    /// Serves the connection until it ends; gives the reason, a metric label.
    pub(super) async fn run(mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> &'static str {
        let reason = self.serve(&mut stream).await;
        // Over TLS, an end that is not announced might be somebody else's doing.
        let _ = timeout(GOODBYE, stream.shutdown()).await;
        reason
    }

    async fn serve(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> &'static str {
        let settings = &self.streams.shared.settings;
        let mut framer = Framer::new(settings.limits);
        let mut patience = pin!(sleep(settings.idle));
        let mut within = false;
        loop {
            tokio::select! {
                got = read(stream, &mut framer) => {
                    let came = match got {
                        Ok(0) => return "closed",
                        Ok(_) => self.take_frames(&mut framer, stream).await,
                        Err(error) => return handshake::label(&error),
                    };
                    match came {
                        Ok(true) => within = false,
                        Ok(false) => {}
                        Err(reason) => return reason,
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
                next = self.queue.recv() => match next {
                    Some(bytes) if !put(stream, &bytes, settings).await => return "slow_reader",
                    Some(_) => {}
                    // Its place in the table is gone, because its queue was full, or the node ends.
                    None => return "slow_reader",
                },
                () = &mut patience => return if within { "slow_sender" } else { "idle" },
            }
        }
    }

    /// All that is complete. True: a message was.
    async fn take_frames(
        &mut self,
        framer: &mut Framer,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Result<bool, &'static str> {
        let mut message = false;
        loop {
            match framer.poll() {
                Ok(Some(Frame::Message(bytes))) => {
                    message = true;
                    self.take(bytes);
                }
                Ok(Some(Frame::Ping)) => {
                    if !put(stream, PONG, &self.streams.shared.settings).await {
                        return Err("broken");
                    }
                }
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => return Ok(message),
                Err(error) => return Err(error.label()),
            }
        }
    }

    fn take(&mut self, bytes: Bytes) {
        if std::mem::replace(&mut self.fresh, false) {
            let shared = &self.streams.shared;
            let certificate = self.certificate.take();
            let limits = &shared.settings.limits;
            let alias = alias::claimed(&bytes, self.peer, certificate.as_ref(), limits, &shared.hosts);
            if let (Way::Flow(flow), Some(alias)) = (self.peer.way, alias) {
                self.streams.table().know_as(flow, alias);
            }
        }
        self.streams.tell(Event::Message { from: self.peer, bytes });
    }
}

/// Reads what there is. The buffer lives on the stack and only while bytes are there: ten thousand idle connections hold
/// none.
async fn read(stream: &mut (impl AsyncRead + Unpin), framer: &mut Framer) -> io::Result<usize> {
    poll_fn(|context| {
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut chunk))?;
        framer.push(chunk.filled());
        Ok(chunk.filled().len()).into()
    })
    .await
}

/// Writes all, unless the peer does not read for so long. False: the connection is of no more use.
async fn put(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], settings: &Settings) -> bool {
    let writing = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    matches!(timeout(settings.whole, writing).await, Ok(Ok(())))
}
