//! The socket of the ng protocol. Orders are worked on side by side, but no more of them than a bounded number.

use super::Desk;
use crate::ng::{Cookies, Packet, Reply, Seen};
use ringway_node::clock::Clock;
use ringway_router::Time;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::UdpSocket, sync::Semaphore};

/// Orders at work. A flood beyond that is dropped: its controllers ask again after a second.
const AT_WORK: usize = 512;
/// Answers that are remembered for copies of their orders.
const COOKIES: usize = 16_384;
const COOKIE_BYTES: usize = 32 * 1_024 * 1_024;

/// What became of datagrams.
#[derive(Debug, Default)]
pub struct NgCounts {
    answered: AtomicU64,
    refused: AtomicU64,
    malformed: AtomicU64,
    flooded: AtomicU64,
}

impl NgCounts {
    /// Answered, refused with a reason, not to be answered, and dropped because there were too many.
    #[must_use]
    pub fn values(&self) -> [u64; 4] {
        [&self.answered, &self.refused, &self.malformed, &self.flooded]
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// Answers orders until the socket fails.
///
/// # Errors
/// What the socket said.
pub async fn serve(socket: UdpSocket, desk: Desk, clock: Clock, counts: Arc<NgCounts>) -> io::Result<()> {
    let (socket, room) = (Arc::new(socket), Arc::new(Semaphore::new(AT_WORK)));
    let cookies = Arc::new(Mutex::new(Cookies::new(COOKIES, COOKIE_BYTES)));
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let datagram = &buffer[..length];
        let Ok(packet) = Packet::read(datagram) else {
            counts.malformed.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            counts.flooded.fetch_add(1, Ordering::Relaxed);
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
        let (cookies, counts) = (Arc::clone(&cookies), Arc::clone(&counts));
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
            let count = if matches!(reply, Reply::Refused(_)) { &counts.refused } else { &counts.answered };
            count.fetch_add(1, Ordering::Relaxed);
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
