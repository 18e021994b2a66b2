//! TCP between regions. The connection of 127.i.0.m to 127.i.j.n is taken here and made again from 127.j.i.m to
//! 127.j.0.n; between the two, every chunk waits its time. Loss shows as TCP shows it: the chunk and all behind
//! it arrive a retransmission later. A cut holds the bytes until the link heals.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::sleep_until,
};

use super::{Links, link::Link, model::DropReason};
use crate::{address::StandIn, clock};

/// RFC 6298 §2.4 asks for at least a second; Linux and the clouds use 200 ms.
const RTO_MIN: Duration = Duration::from_millis(200);
/// Losses of one chunk in a row that are played out; what a real stack does after that changes nothing here.
const RETRANSMISSIONS_MAX: u32 = 4;
const CHUNK: usize = 16 * 1_024;
/// Chunks under way in one direction; 1 MiB is more than mesh streams have in flight on a WAN.
const IN_FLIGHT: usize = 64;

/// Takes connections at a stand-in for ever; dropped with the task.
pub(super) async fn accept(listener: TcpListener, at: StandIn, links: Arc<Links>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, SocketAddr::V4(from))) => {
                    connections.spawn(carry(near, from, at, Arc::clone(&links)));
                }
                Ok((_, SocketAddr::V6(_))) => {}
                Err(error) => tracing::debug!(%error, at = %at.address(), "accept"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(near: TcpStream, from: SocketAddrV4, at: StandIn, links: Arc<Links>) {
    // A client that binds no address comes from 127.0.0.1. Its region is known by where it connected to; of the
    // region's nodes the first is the best guess.
    let first = StandIn { viewer: at.region, region: at.viewer, host: 1, port: 0 };
    let sender = at.mirror(from).unwrap_or(first);
    let (Some(there), Some(back)) =
        (links.between(at.viewer, at.region), links.between(at.region, at.viewer))
    else {
        return;
    };
    let flow = from.port();
    // The SYN crosses the link like any segment; its sender learns of the far side one way later than in truth.
    let start = clock::now();
    let arrival = arrival((&there, &back), flow, start).await;
    sleep_until(arrival.into()).await;
    let far = match connect(sender, at.real()).await {
        Ok(far) => far,
        Err(error) => {
            tracing::debug!(%error, to = %at.real(), "onward connection");
            return reset(&near);
        }
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_reader, near_writer) = near.into_split();
    let (far_reader, far_writer) = far.into_split();
    // A broken direction breaks the connection, an ended one only itself.
    let _ = tokio::try_join!(
        pump(near_reader, far_writer, (&there, &back), flow),
        pump(far_reader, near_writer, (&back, &there), flow),
    );
}

async fn connect(sender: StandIn, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new((*sender.address().ip()).into(), 0))?;
    socket.connect(to.into()).await
}

/// One direction: reads as fast as the far side takes it, writes when it is due.
async fn pump(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    (link, back): (&Link, &Link),
    flow: u16,
) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(IN_FLIGHT);
    let read = async {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let length = reader.read_buf(&mut chunk).await?;
            let due = arrival((link, back), flow, clock::now()).await;
            // An empty chunk is the FIN: it waits its time like the bytes before it.
            if sender.send((due, chunk.freeze())).await.is_err() || length == 0 {
                return Ok::<_, io::Error>(());
            }
        }
    };
    let write = async {
        while let Some((due, chunk)) = receiver.recv().await {
            sleep_until(due.into()).await;
            if chunk.is_empty() {
                return writer.shutdown().await;
            }
            writer.write_all(&chunk).await?;
            link.count_carried();
        }
        Ok(())
    };
    let result = tokio::try_join!(read, write).map(drop);
    if result.is_err() {
        reset(reader.as_ref());
        reset(writer.as_ref());
    }
    result
}

/// When a segment sent at `sent` gets there, lost copies and cuts included. Connections are read in order, and
/// this returns in order, so whatever follows a late segment is late with it.
async fn arrival((link, back): (&Link, &Link), flow: u16, sent: Instant) -> Instant {
    let mut sent = sent;
    let mut lost = 0;
    loop {
        match link.segment(sent, flow) {
            Ok(after) => return sent + after,
            Err(DropReason::Cut) => {
                link.whole(flow).await;
                sent = clock::now();
            }
            Err(DropReason::Loss) if lost == RETRANSMISSIONS_MAX => return sent + link.model().one_way(),
            Err(DropReason::Loss) => {
                let rtt = link.model().one_way() + back.model().one_way();
                sent += (RTO_MIN + rtt) * 2_u32.pow(lost);
                lost += 1;
            }
        }
    }
}

/// Closes with RST, as the real destination did or would have done.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
