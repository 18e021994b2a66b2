//! The worker's socket, with what the kernel dropped counted. One system call a datagram; `recvmmsg` showed
//! no gain so far (docs/decisions/008).

use bytes::Bytes;
use mio::net::UdpSocket;
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd as _,
    time::Duration,
};

/// Datagrams that are dealt with before what they brought about is sent.
pub(super) const BATCH: usize = 32;
/// The largest UDP payload.
const DATAGRAM_BYTES: usize = 65_535;
/// Kernel buffers each way: a second of 3,000 calls/s.
const KERNEL_BUFFER: usize = 8 * 1_024 * 1_024;

/// Binds the sockets that share an address, one for each worker (`SO_REUSEPORT`).
///
/// # Errors
/// When the address cannot be bound, also because somebody else has it: shared it is among our workers alone.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<UdpSocket>> {
    open(address)?.bind(&address.into())?;
    (0..workers).map(|_| bind_shared(address)).collect()
}

/// IPv4 does not come in through an IPv6 socket: each family has its own.
fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn bind_shared(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    socket.set_reuse_port(true)?;
    // The kernel caps these at its own limits.
    socket.set_recv_buffer_size(KERNEL_BUFFER)?;
    socket.set_send_buffer_size(KERNEL_BUFFER)?;
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// Takes datagrams in.
pub(super) struct Receiver {
    buffer: Vec<u8>,
    control: Vec<u8>,
    /// What the kernel has dropped since the socket was bound.
    overflow: u32,
    /// When the latest datagram reached the kernel, since the Unix epoch.
    stamp: Duration,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; DATAGRAM_BYTES],
            control: cmsg_space!(u32, TimeSpec),
            overflow: 0,
            stamp: Duration::ZERO,
        }
    }

    /// Takes the next datagram; `None` when there is none.
    ///
    /// # Errors
    /// What the system says of the socket, or of a peer by way of it.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<Option<(SocketAddr, Bytes)>> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        // The vector has no length, only room: nix wants a slice of all of it.
        self.control.resize(self.control.capacity(), 0);
        let flags = MsgFlags::MSG_DONTWAIT;
        let (length, from) =
            match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut self.control), flags)
            {
                Ok(message) => {
                    for control in message.cmsgs().into_iter().flatten() {
                        match control {
                            ControlMessageOwned::RxqOvfl(dropped) => self.overflow = dropped,
                            ControlMessageOwned::ScmTimestampns(stamp) => self.stamp = stamp.into(),
                            _ => {}
                        }
                    }
                    (message.bytes, message.address.as_ref().and_then(address))
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        Ok(from.map(|from| (from, Bytes::copy_from_slice(&self.buffer[..length]))))
    }

    /// When the latest datagram reached the kernel, since the Unix epoch, by the machine's calendar.
    pub(super) fn stamp(&self) -> Duration {
        self.stamp
    }

    /// How many datagrams the kernel has dropped since the socket was bound because its buffer was full; it says so
    /// with the next one that it did not drop.
    pub(super) fn overflow(&self) -> u32 {
        self.overflow
    }
}

/// Sends datagrams once a batch of input has been dealt with.
pub(super) struct Sender {
    waiting: Vec<(SocketAddr, Bytes)>,
    /// Which socket is of which family.
    ipv4: Option<usize>,
    ipv6: Option<usize>,
}

impl Sender {
    pub(super) fn new(sockets: &[UdpSocket]) -> Self {
        let of =
            |ipv6| sockets.iter().position(|socket| socket.local_addr().is_ok_and(|at| at.is_ipv6() == ipv6));
        Self { waiting: Vec::new(), ipv4: of(false), ipv6: of(true) }
    }

    pub(super) fn push(&mut self, to: SocketAddr, bytes: Bytes) {
        self.waiting.push((to, bytes));
    }

    /// Sends all, each by the socket of its family. Those that the system did not take come back, each with what it said.
    pub(super) fn flush(&mut self, sockets: &[UdpSocket]) -> Vec<(SocketAddr, io::Error)> {
        let mut failed = Vec::new();
        for (to, bytes) in self.waiting.drain(..) {
            let socket = if to.is_ipv6() { self.ipv6 } else { self.ipv4 };
            let socket = socket.and_then(|position| sockets.get(position));
            let socket = socket.ok_or_else(|| io::ErrorKind::NetworkUnreachable.into());
            if let Err(error) = socket.and_then(|socket| socket.send_to(&bytes, to)) {
                failed.push((to, error));
            }
        }
        failed
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}
