//! The sockets that probes leave from: one a lane. Cloud networks spread flows over parallel paths by their ports, so
//! each lane may take another one.

use std::{future::poll_fn, io, net::SocketAddr, task::Poll};
use tokio::{io::ReadBuf, net::UdpSocket};

/// See the module.
pub(super) struct Lanes {
    sockets: Vec<UdpSocket>,
}

impl Lanes {
    pub(super) fn new(sockets: Vec<UdpSocket>) -> Self {
        Self { sockets }
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Sends from a lane, if the system takes it now.
    pub(super) fn send(&self, lane: usize, packet: &[u8], to: SocketAddr) {
        if let Some(socket) = self.sockets.get(lane) {
            // One that is not taken is missed, as one that is lost on the way.
            drop(socket.try_send_to(packet, to));
        }
    }

    /// What waits, if anything does: the lane, the length, and who sent it.
    pub(super) fn try_receive(&self, packet: &mut [u8]) -> Option<(usize, usize, SocketAddr)> {
        self.sockets.iter().enumerate().find_map(|(lane, socket)| {
            socket.try_recv_from(packet).ok().map(|(length, from)| (lane, length, from))
        })
    }

    /// The next packet of any lane.
    ///
    /// # Errors
    /// What the system says of a socket.
    pub(super) async fn receive(&self, packet: &mut [u8]) -> io::Result<(usize, usize, SocketAddr)> {
        poll_fn(|context| {
            for (lane, socket) in self.sockets.iter().enumerate() {
                let mut buffer = ReadBuf::new(packet);
                if let Poll::Ready(received) = socket.poll_recv_from(context, &mut buffer) {
                    let length = buffer.filled().len();
                    return Poll::Ready(received.map(|from| (lane, length, from)));
                }
            }
            Poll::Pending
        })
        .await
    }
}
