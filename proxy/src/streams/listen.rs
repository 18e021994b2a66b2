//! Sockets of streams: bound, dialed, and told how long silence may last.

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    socket::{setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted; the kernel caps it at its own limit.
const BACKLOG: i32 = 4_096;

/// Takes as many descriptors as the system lets this process have, for each connection needs one and the usual first limit
/// is 1,024. Gives how many that are.
pub fn raise_descriptors() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(soft, |()| hard)
}

/// Binds a listener, of its own family alone: IPv4 does not come in through an IPv6 socket, where no list of IPv4 networks
/// would know it.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a process that is gone must not keep its successor from starting.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Dials, from `leave_from` where one is given.
pub(super) async fn connect(to: SocketAddr, leave_from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if let Some(address) = leave_from {
        socket.bind(SocketAddr::new(address, 0))?;
    }
    socket.connect(to).await
}

/// `silence`: how long what we have sent may be without an acknowledgement. A peer that is gone without a word, because its
/// host or the way to it is, is found out by the first message to it, and not by the kernel's retries a quarter of an hour
/// later.
pub(super) fn prepare(stream: &TcpStream, silence: Duration) {
    // A message that waits for the next one to fill a segment is late.
    let _ = stream.set_nodelay(true);
    let silence_ms = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
    let _ = setsockopt(stream, sockopt::TcpUserTimeout, &silence_ms);
}
