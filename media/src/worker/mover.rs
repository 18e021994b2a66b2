//! How packets get from the kernel to the worker and back: two ways, one shape. decision 018 has the figures.

use super::{
    counts::Counts,
    epoll::Epoll,
    orders::Bell,
    ring::Ring,
    shelf::{SOCKETS_MAX, Shelf},
    socket::Socket,
};
use crate::core::{Slot, SocketId};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

/// Packets that are dealt with before what they brought about is sent, and the clock, the orders and the deadlines get
/// their turn.
pub(super) const BATCH: usize = 128;

/// By which of the two ways a worker moves packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Receives stand armed in the kernel, sends go in batches: one system call for many packets of many sockets.
    IoUring,
    /// Two system calls a packet. Everywhere.
    Epoll,
}

/// Who gets each packet that came in: the socket, the sender, the packet.
pub(super) type Sink<'a> = dyn FnMut(SocketId, SocketAddr, &mut [u8]) + 'a;

/// One way of moving packets.
pub(super) trait Mover {
    /// From now on packets of this socket come.
    fn add(&mut self, id: SocketId, socket: &Socket) -> io::Result<()>;

    /// They come no more; `socket` has left the shelf. The mover releases its place when nothing is under way any more.
    fn remove(&mut self, id: SocketId, socket: Socket, shelf: &mut Shelf);

    /// Waits until something came or the bell rang, or until the time is up; so long as `gather` at least, which is no longer
    /// than the time, unless a batch came before.
    fn wait(&mut self, timeout: Duration, gather: Duration) -> io::Result<()>;

    /// Hands over what came, a batch at most; returns how many there were. A whole batch: there may be more, without
    /// another wait.
    fn take(&mut self, shelf: &mut Shelf, counts: &Counts, sink: &mut Sink<'_>) -> usize;

    /// Sends those of `packets` that `which` says, in that order, each from its socket, which is on the shelf.
    fn send(&mut self, shelf: &Shelf, packets: &[Slot], which: &[usize], counts: &Counts);
}

impl Way {
    /// `IoUring` where the kernel has all that we want of it (Linux 6.12) and lets us: containers often forbid it. Said
    /// in the log, once.
    #[must_use]
    pub fn of_this_machine() -> Self {
        match Ring::trial() {
            Ok(()) => {
                tracing::info!("packets move by io_uring");
                Self::IoUring
            }
            Err(error) => {
                tracing::info!(%error, "packets move by epoll: io_uring is not to be had here");
                Self::Epoll
            }
        }
    }

    pub(super) fn mover(self, bell: &Arc<Bell>, sockets: usize) -> io::Result<Box<dyn Mover>> {
        Ok(match self {
            Self::IoUring => Box::new(Ring::new(Arc::clone(bell), sockets)?),
            Self::Epoll => Box::new(Epoll::new(Arc::clone(bell))?),
        })
    }
}

/// How many sockets a worker may have: the process may open as many files as the system lets it.
pub(super) fn sockets_max() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let files = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(soft, |()| hard);
    usize::try_from(files).unwrap_or(SOCKETS_MAX).min(SOCKETS_MAX)
}
