//! Packets by io_uring. Every port has a receive standing armed in the kernel, which puts each packet into a buffer of
//! ours and goes on standing; what is to be sent is written into a ring and handed over in one system call, which also
//! waits for what comes next. Tunnels are watched, and read by themselves: their packets come joined.

mod arrival;
mod kernel;

use super::{
    counts::{Counts, Kind},
    incoming::Incoming,
    mover::{BATCH, Mover, Sink},
    orders::Bell,
    shelf::{Shelf, place},
    socket::Socket,
};
use crate::core::{Slot, SocketId};
use arrival::Arrival;
use kernel::{Buffer, Completion, Kernel};
use nix::libc::{ECANCELED, ENOBUFS};
use std::{collections::VecDeque, io, os::fd::AsFd as _, sync::Arc, thread, time::Duration};

pub(super) struct Ring {
    kernel: Kernel,
    bell: Arc<Bell>,
    /// Tunnels that may have something.
    ready: VecDeque<SocketId>,
    incoming: Incoming,
}

/// What a completion is about, in the 64 bits that come back with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Receive(SocketId),
    Watch(SocketId),
    Send,
    Cancel,
    Bell,
}

impl Ring {
    /// Whether there is one to be had. Tried on a thread that ends with it: the kernel takes a ring down behind the back of
    /// the thread that made it, and interrupts its next system call for that.
    pub(super) fn trial() -> io::Result<()> {
        let trial = thread::Builder::new().spawn(|| Kernel::new(1).map(drop))?;
        trial.join().unwrap_or_else(|_| Err(io::Error::other("the trial ended in a panic")))
    }

    /// To be made by the thread that uses it.
    pub(super) fn new(bell: Arc<Bell>, sockets: usize) -> io::Result<Self> {
        let mut kernel = Kernel::new(sockets)?;
        kernel.watch_file(bell.event().as_fd(), Tag::Bell.bits());
        Ok(Self { kernel, bell, ready: VecDeque::new(), incoming: Incoming::new() })
    }

    fn arm(&mut self, id: SocketId, kind: Kind) {
        match kind {
            Kind::Port => self.kernel.receive(place(id), Tag::Receive(id).bits()),
            Kind::Tunnel => self.kernel.watch(place(id), Tag::Watch(id).bits()),
        }
    }

    /// What stood armed for a socket stands no more: it is armed again, or else the socket was closed.
    fn ended(&mut self, id: SocketId, shelf: &mut Shelf) {
        match shelf.socket(id).map(Socket::kind) {
            Some(kind) => self.arm(id, kind),
            None => {
                self.kernel.detach(place(id));
                shelf.release(id);
            }
        }
    }

    /// Receives once from a tunnel that may have something. False: there is none.
    fn read_tunnel(&mut self, shelf: &mut Shelf, counts: &Counts) -> bool {
        let Some(id) = self.ready.pop_front() else { return false };
        if let Some(socket) = shelf.socket_mut(id)
            && self.incoming.receive(id, socket, counts)
        {
            self.ready.push_back(id);
        }
        true
    }

    /// Deals with one completion; returns how many packets it brought.
    fn complete(
        &mut self,
        completion: Completion,
        shelf: &mut Shelf,
        counts: &Counts,
        sink: &mut Sink<'_>,
    ) -> usize {
        let Completion { tag, result, more, buffer } = completion;
        match Tag::of(tag) {
            Tag::Receive(id) => {
                let brought = match (buffer, usize::try_from(result)) {
                    (Some(buffer), Ok(length)) => {
                        self.hand(&buffer, length, id, shelf, counts, sink);
                        self.kernel.give_back(buffer);
                        1
                    }
                    // Out of buffers: nothing is lost, the packets stay in their sockets.
                    _ if result == -ENOBUFS || result == -ECANCELED => 0,
                    _ => {
                        counts.receive_failed().add(1);
                        0
                    }
                };
                if !more {
                    self.ended(id, shelf);
                }
                return brought;
            }
            Tag::Watch(id) => {
                if shelf.socket(id).is_some() && !self.ready.contains(&id) {
                    self.ready.push_back(id);
                }
                if !more {
                    self.ended(id, shelf);
                }
            }
            Tag::Bell => {
                self.bell.hear();
                if !more {
                    self.kernel.watch_file(self.bell.event().as_fd(), Tag::Bell.bits());
                }
            }
            // Only those come back that failed.
            Tag::Send => counts.send_failed().add(1),
            Tag::Cancel => {}
        }
        0
    }

    fn hand(
        &mut self,
        buffer: &Buffer,
        length: usize,
        id: SocketId,
        shelf: &mut Shelf,
        counts: &Counts,
        sink: &mut Sink<'_>,
    ) {
        let Some(socket) = shelf.socket_mut(id) else { return counts.stale().add(1) };
        match Arrival::read(self.kernel.bytes(buffer, length)) {
            Some(Arrival { from, overflow, packet }) => {
                if let Some(total) = overflow {
                    counts.kernel_dropped(socket.kind()).add(socket.overflowed(total));
                }
                sink(id, from, packet);
            }
            None => counts.too_long().add(1),
        }
    }
}

impl Mover for Ring {
    fn add(&mut self, id: SocketId, socket: &Socket) -> io::Result<()> {
        self.kernel.attach(place(id), socket.as_fd())?;
        self.arm(id, socket.kind());
        Ok(())
    }

    fn remove(&mut self, id: SocketId, socket: Socket, _shelf: &mut Shelf) {
        // The kernel holds the file, and with it the port, until what stands armed has ended; its last completion
        // releases the place.
        let armed = match socket.kind() {
            Kind::Port => Tag::Receive(id),
            Kind::Tunnel => Tag::Watch(id),
        };
        self.kernel.cancel(armed.bits(), Tag::Cancel.bits());
    }

    fn wait(&mut self, timeout: Duration, gather: Duration) -> io::Result<()> {
        self.kernel.wait(timeout, gather, BATCH)
    }

    fn take(&mut self, shelf: &mut Shelf, counts: &Counts, sink: &mut Sink<'_>) -> usize {
        let mut taken = 0;
        // Ports and tunnels by turns, so that neither waits for a flood of the other to end.
        while taken < BATCH {
            let mut idle = false;
            if self.incoming.waiting() {
                taken += self.incoming.hand(BATCH - taken, shelf, counts, sink);
            } else {
                idle = !self.read_tunnel(shelf, counts);
            }
            if taken == BATCH {
                break;
            }
            match self.kernel.next() {
                Some(completion) => taken += self.complete(completion, shelf, counts, sink),
                None if idle => break,
                None => {}
            }
        }
        self.kernel.publish();
        taken
    }

    fn send(&mut self, shelf: &Shelf, packets: &[Slot], which: &[usize], _counts: &Counts) {
        debug_assert!(which.iter().all(|at| shelf.socket(packets[*at].socket).is_some()));
        let packets = which.iter().map(|at| &packets[*at]);
        self.kernel.send(packets.map(|slot| (place(slot.socket), slot.bytes(), slot.to)), Tag::Send.bits());
    }
}

impl Tag {
    fn bits(self) -> u64 {
        let (kind, socket) = match self {
            Self::Receive(id) => (0, id.0),
            Self::Watch(id) => (1, id.0),
            Self::Send => (2, 0),
            Self::Cancel => (3, 0),
            Self::Bell => (4, 0),
        };
        kind << u32::BITS | u64::from(socket)
    }

    fn of(bits: u64) -> Self {
        let [.., a, b, c, d] = bits.to_be_bytes();
        let id = SocketId(u32::from_be_bytes([a, b, c, d]));
        match bits >> u32::BITS {
            0 => Self::Receive(id),
            1 => Self::Watch(id),
            2 => Self::Send,
            3 => Self::Cancel,
            4 => Self::Bell,
            _ => unreachable!("tags are made by `bits` alone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_as_it_went() {
        let id = SocketId(u32::MAX);
        for tag in [Tag::Receive(id), Tag::Watch(SocketId(7)), Tag::Send, Tag::Cancel, Tag::Bell] {
            assert_eq!(Tag::of(tag.bits()), tag);
        }
    }
}
