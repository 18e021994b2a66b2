//! One UDP socket of a worker, with the options that its kind wants.

use super::counts::Kind;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket as System, Type};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

/// Asked for a port: what one stream sends in 2 s at 200 packets/s. The kernel counts some 800 bytes for a packet of 172.
const PORT_BUFFER: usize = 256 * 1_024;
/// Asked for a tunnel: what 1,000 calls send in half a second.
const TUNNEL_BUFFER: usize = 16 * 1_024 * 1_024;

/// A bound socket that does not block.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    kind: Kind,
    /// The kernel cuts one long send into datagrams (`UDP_SEGMENT`). False once it refused.
    segments: bool,
    /// What the kernel has dropped since the socket was bound (`SO_RXQ_OVFL`).
    overflow: u32,
}

impl Socket {
    pub(super) fn bind(kind: Kind, address: SocketAddr) -> io::Result<Self> {
        let socket = System::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // IPv4 does not come in through an IPv6 socket: each family has its own.
            socket.set_only_v6(true)?;
        }
        let size = buffer(kind);
        socket.set_recv_buffer_size(size)?;
        socket.set_send_buffer_size(size)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        // Without it each frame comes by itself; nothing else changes.
        let _ = kind == Kind::Tunnel && setsockopt(&socket, sockopt::UdpGroSegment, &true).is_ok();
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: socket.into(), kind, segments: kind == Kind::Tunnel, overflow: 0 })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    pub(super) fn system(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    pub(super) fn segments(&self) -> bool {
        self.segments
    }

    /// This kernel, or this card, does not cut.
    pub(super) fn refuse_segments(&mut self) {
        self.segments = false;
    }

    /// The kernel's count of drops, as it came with a packet; returns how many are new.
    pub(super) fn overflowed(&mut self, total: u32) -> usize {
        let new = total.wrapping_sub(self.overflow);
        self.overflow = total;
        new as usize
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn buffer(kind: Kind) -> usize {
    match kind {
        Kind::Port => PORT_BUFFER,
        Kind::Tunnel => TUNNEL_BUFFER,
    }
}

/// What the system grants of the buffers that are asked for, said once at start: Linux caps them silently at
/// `net.core.rmem_max` and doubles the rest for its own books.
pub(super) fn say_buffers() {
    for kind in [Kind::Port, Kind::Tunnel] {
        let asked = buffer(kind);
        let granted = System::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).and_then(|socket| {
            socket.set_recv_buffer_size(asked)?;
            socket.recv_buffer_size()
        });
        match granted {
            Ok(granted) if granted / 2 < asked => tracing::warn!(
                ?kind,
                asked,
                granted = granted / 2,
                "socket buffers are smaller than asked for: raise net.core.rmem_max"
            ),
            Ok(_) => {}
            Err(error) => tracing::warn!(?kind, %error, "no socket"),
        }
    }
}
