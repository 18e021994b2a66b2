//! The socket of the ng protocol. Orders are worked on side by side, but no more of them than a bounded number.

use super::Desk;
use crate::{
    metrics::{Fate, Metrics},
    ng::{Cookies, Packet, Reply, Seen},
};
use ringway_node::clock::Clock;
use ringway_router::Time;
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::UdpSocket, sync::Semaphore};

/// Orders at work. A flood beyond that is dropped: its controllers ask again after a second.
const AT_WORK: usize = 512;
/// Answers that are remembered for copies of their orders.
const COOKIES: usize = 16_384;
const COOKIE_BYTES: usize = 32 * 1_024 * 1_024;

/// Answers orders until the socket fails.
///
/// # Errors
/// What the socket said.
pub(crate) async fn serve(
    socket: UdpSocket,
    desk: Desk,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> io::Result<()> {
    let (socket, room) = (Arc::new(socket), Arc::new(Semaphore::new(AT_WORK)));
    let cookies = Arc::new(Mutex::new(Cookies::new(COOKIES, COOKIE_BYTES)));
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let datagram = &buffer[..length];
        let Ok(packet) = Packet::read(datagram) else {
            metrics.ordered(Fate::Malformed);
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            metrics.ordered(Fate::Flooded);
            continue;
        };
        let again = {
            let mut cookies = cookies.lock().unwrap_or_else(PoisonError::into_inner);
            match cookies.begin(Time::from_micros(clock.unix_us()), from, packet.cookie, datagram) {
                Seen::New => None,
                Seen::Working => continue,
                Seen::Answered(answer) => Some(answer.to_vec()),
            }
        };
        if let Some(answer) = again {
            send(&socket, &answer, from).await;
            continue;
        }
        let datagram = datagram.to_vec();
        let (socket, desk) = (Arc::clone(&socket), desk.clone());
        let (cookies, metrics) = (Arc::clone(&cookies), Arc::clone(&metrics));
        tokio::spawn(async move {
            let Ok(packet) = Packet::read(&datagram) else { unreachable!("it was read before") };
            let request = packet.request();
            if !request.ignored.is_empty() {
                tracing::debug!(ignored = ?request.ignored, "ng: left aside");
            }
            let reply = match request.command {
                Ok(command) => desk.order(command, request.load_limit).await,
                Err(refusal) => refusal.into(),
            };
            let refused = matches!(reply, Reply::Refused(_) | Reply::LoadLimit);
            metrics.ordered(if refused { Fate::Refused } else { Fate::Answered });
            let answer = packet.answer(&reply);
            let finished = |cookies: &mut Cookies| cookies.finish(from, packet.cookie, &answer);
            finished(&mut cookies.lock().unwrap_or_else(PoisonError::into_inner));
            send(&socket, &answer, from).await;
            drop(permit);
        });
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(answer, to).await {
        tracing::debug!(%error, "ng: answer not sent");
    }
}
