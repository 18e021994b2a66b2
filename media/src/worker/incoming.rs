//! One receive from one socket, which may bring many packets: the kernel joins equal frames of one peer (`UDP_GRO`).

use super::{control, counts::Counts, mover::Sink, shelf::Shelf, socket::Socket};
use crate::core::{PACKET_MAX, SocketId};
use nix::{
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg},
};
use std::{
    io::IoSliceMut,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

/// The largest UDP payload, joined or not.
const DATAGRAM_BYTES: usize = 65_535;

/// What a receive brought, and how much of it is still to be handed on.
pub(super) struct Incoming {
    buffer: Box<[u8]>,
    control: [u8; 2 * control::ROOM],
    socket: SocketId,
    from: SocketAddr,
    /// Where the rest begins and ends in the buffer, and how long each packet in it is but the last.
    next: usize,
    end: usize,
    size: usize,
    waiting: bool,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; DATAGRAM_BYTES].into(),
            control: [0; 2 * control::ROOM],
            socket: SocketId(0),
            from: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            next: 0,
            end: 0,
            size: 0,
            waiting: false,
        }
    }

    /// Whether something waits to be handed on.
    pub(super) fn waiting(&self) -> bool {
        self.waiting
    }

    /// Receives once. False: nothing was there.
    pub(super) fn receive(&mut self, id: SocketId, socket: &mut Socket, counts: &Counts) -> bool {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let (file, flags) = (socket.raw(), MsgFlags::MSG_DONTWAIT);
        let message = match recvmsg::<SockaddrStorage>(file, &mut slices, Some(&mut self.control), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return false,
            // About a peer, by way of the socket; the socket is well, and may have more.
            Err(_) => {
                counts.receive_failed().add(1);
                return true;
            }
        };
        let mut size = message.bytes;
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::RxqOvfl(total) => {
                    counts.kernel_dropped(socket.kind()).add(socket.overflowed(total));
                }
                ControlMessageOwned::UdpGroSegments(each) => size = usize::try_from(each).unwrap_or(size),
                _ => {}
            }
        }
        let Some(from) = message.address.as_ref().and_then(address) else { return true };
        (self.socket, self.from, self.next, self.end) = (id, from, 0, message.bytes);
        (self.size, self.waiting) = (size, true);
        true
    }

    /// Hands on `limit` packets at most; returns how many.
    pub(super) fn hand(
        &mut self,
        limit: usize,
        shelf: &Shelf,
        counts: &Counts,
        sink: &mut Sink<'_>,
    ) -> usize {
        let mut handed = 0;
        while self.waiting && handed < limit {
            let end = self.end.min(self.next + self.size.max(1));
            let packet = &mut self.buffer[self.next..end];
            if shelf.socket(self.socket).is_none() {
                counts.stale().add(1);
            } else if packet.len() > PACKET_MAX {
                counts.too_long().add(1);
            } else {
                sink(self.socket, self.from, packet);
            }
            self.next = end;
            self.waiting = end < self.end;
            handed += 1;
        }
        handed
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}
