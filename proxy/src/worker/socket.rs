//! The worker's socket: a batch of datagrams a system call, each way, with what the kernel dropped counted.

use bytes::Bytes;
use mio::net::UdpSocket;
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt,
            sockopt,
        },
        time::TimeSpec,
    },
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    array,
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd as _,
    time::Duration,
    vec::Drain,
};

/// Datagrams of one system call, and those that are dealt with before what they brought about is sent.
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
    /// Room for a batch of the largest datagrams; only what is written to takes memory.
    buffer: Vec<u8>,
    headers: MultiHeaders<SockaddrStorage>,
    taken: Vec<(SocketAddr, Bytes)>,
    /// What the kernel has dropped since the socket was bound.
    overflow: u32,
}

impl Receiver {
    pub(super) fn new() -> Self {
        let buffer = vec![0; BATCH * DATAGRAM_BYTES];
        Self { buffer, headers: headers(), taken: Vec::with_capacity(BATCH), overflow: 0 }
    }

    /// Takes what the socket has, a batch at most, with the time since the Unix epoch at which the oldest of them reached
    /// the kernel, by the machine's calendar. Fewer than a batch: the socket is empty, and what comes now makes it
    /// readable anew.
    ///
    /// # Errors
    /// What the system says of the socket, or of a peer by way of it.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
    ) -> io::Result<(Duration, Drain<'_, (SocketAddr, Bytes)>)> {
        let mut rooms = self.buffer.chunks_exact_mut(DATAGRAM_BYTES);
        let mut slices: [_; BATCH] = array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let messages = match recvmmsg(socket.as_raw_fd(), &mut self.headers, &mut slices, flags, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN) => return Ok((Duration::ZERO, self.taken.drain(..))),
            Err(error) => return Err(error.into()),
        };
        let (mut oldest, mut cut) = (None, false);
        let mut arrived = [(0, None); BATCH];
        for (message, (length, from)) in messages.zip(&mut arrived) {
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::RxqOvfl(dropped) => self.overflow = dropped,
                    ControlMessageOwned::ScmTimestampns(stamp) => {
                        oldest.get_or_insert(Duration::from(stamp));
                    }
                    _ => {}
                }
            }
            cut |= message.flags.contains(MsgFlags::MSG_CTRUNC);
            (*length, *from) = (message.bytes, message.address.as_ref().and_then(address));
        }
        if cut {
            // A header that brought no control message the last time has no room for one: nix leaves its length as the
            // kernel wrote it. The count of drops is in every message from the first drop on, so it comes next time.
            self.headers = headers();
        }
        for (room, (length, from)) in self.buffer.chunks_exact(DATAGRAM_BYTES).zip(arrived) {
            let Some(from) = from else { break };
            self.taken.push((from, Bytes::copy_from_slice(&room[..length])));
        }
        Ok((oldest.unwrap_or_default(), self.taken.drain(..)))
    }

    /// How many datagrams the kernel has dropped since the socket was bound because its buffer was full; it says so
    /// with those that it did not drop.
    pub(super) fn overflow(&self) -> u32 {
        self.overflow
    }
}

/// Sends datagrams once a batch of input has been dealt with.
pub(super) struct Sender {
    /// What waits for each of the worker's sockets.
    queues: Vec<Queue>,
    /// For whom there is no socket of their family.
    nowhere: Vec<SocketAddr>,
    headers: MultiHeaders<SockaddrStorage>,
}

struct Queue {
    is_ipv6: bool,
    waiting: Vec<(SocketAddr, Bytes)>,
}

impl Sender {
    pub(super) fn new(sockets: &[UdpSocket]) -> Self {
        let is_ipv6 = |socket: &UdpSocket| socket.local_addr().is_ok_and(|at| at.is_ipv6());
        let queue = |socket| Queue { is_ipv6: is_ipv6(socket), waiting: Vec::new() };
        let queues = sockets.iter().map(queue).collect();
        Self { queues, nowhere: Vec::new(), headers: MultiHeaders::preallocate(BATCH, None) }
    }

    pub(super) fn push(&mut self, to: SocketAddr, bytes: Bytes) {
        match self.queues.iter_mut().find(|queue| queue.is_ipv6 == to.is_ipv6()) {
            Some(queue) => queue.waiting.push((to, bytes)),
            None => self.nowhere.push(to),
        }
    }

    /// Sends all, each by the socket of its family and in their order. Those that the system did not take come back, each
    /// with what it said.
    pub(super) fn flush(&mut self, sockets: &[UdpSocket]) -> Vec<(SocketAddr, io::Error)> {
        let nowhere = |to| (to, io::ErrorKind::NetworkUnreachable.into());
        let mut failed: Vec<(SocketAddr, io::Error)> = self.nowhere.drain(..).map(nowhere).collect();
        for (socket, queue) in sockets.iter().zip(&mut self.queues) {
            let mut rest = &queue.waiting[..];
            while let [(first, _), behind @ ..] = rest {
                match send(socket, &mut self.headers, rest) {
                    // The system says of the first what is wrong, and of a later one nothing: it is the first of the rest.
                    Ok(sent) => rest = &rest[sent..],
                    Err(error) => {
                        failed.push((*first, error.into()));
                        rest = behind;
                    }
                }
            }
            queue.waiting.clear();
        }
        failed
    }
}

/// Sends a batch of `datagrams` at most; gives how many the system took.
fn send(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrStorage>,
    datagrams: &[(SocketAddr, Bytes)],
) -> nix::Result<usize> {
    let datagrams = &datagrams[..datagrams.len().min(BATCH)];
    let mut contents = datagrams.iter().map(|(_, bytes)| &bytes[..]);
    let slices: [_; BATCH] = array::from_fn(|_| [IoSlice::new(contents.next().unwrap_or_default())]);
    let mut addresses = [None; BATCH];
    for (address, (to, _)) in addresses.iter_mut().zip(datagrams) {
        *address = Some(SockaddrStorage::from(*to));
    }
    let (slices, addresses) = (&slices[..datagrams.len()], &addresses[..datagrams.len()]);
    let sent = sendmmsg(socket.as_raw_fd(), headers, slices, addresses, [], MsgFlags::empty())?;
    Ok(sent.count())
}

fn headers() -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(BATCH, Some(cmsg_space!(u32, TimeSpec)))
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}
