//! Packets by epoll: the kernel says which sockets have something, and each receive and each send is a call of its own.
//! `recvmmsg` and `sendmmsg` would save none: at 200 packets/s there is hardly ever a second packet in a socket.

use super::{
    counts::Counts,
    incoming::Incoming,
    mover::{BATCH, Mover, Sink},
    orders::Bell,
    shelf::Shelf,
    socket::Socket,
};
use crate::core::{Slot, SocketId};
use nix::{
    errno::Errno,
    sys::epoll::{Epoll as System, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};
use std::{io, sync::Arc, thread, time::Duration};

/// What the bell is called among the sockets, whose numbers have 32 bits.
const BELL: u64 = u64::MAX;

pub(super) struct Epoll {
    system: System,
    bell: Arc<Bell>,
    events: [EpollEvent; BATCH],
    /// Which of the events are still to be looked at.
    next: usize,
    end: usize,
    incoming: Incoming,
}

impl Epoll {
    pub(super) fn new(bell: Arc<Bell>) -> io::Result<Self> {
        let system = System::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        system.add(bell.event(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        let events = [EpollEvent::empty(); BATCH];
        Ok(Self { system, bell, events, next: 0, end: 0, incoming: Incoming::new() })
    }
}

impl Mover for Epoll {
    fn add(&mut self, id: SocketId, socket: &Socket) -> io::Result<()> {
        Ok(self.system.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, id.0.into()))?)
    }

    fn remove(&mut self, id: SocketId, socket: Socket, shelf: &mut Shelf) {
        // With its only file a socket leaves epoll, too; an event that is still to be looked at finds nobody.
        drop(socket);
        shelf.release(id);
    }

    fn wait(&mut self, timeout: Duration, gather: Duration) -> io::Result<()> {
        if !gather.is_zero() {
            pause(gather);
        }
        // Rounded up, for epoll counts in milliseconds: too early would only be another turn.
        let timeout = (timeout - gather).as_micros().div_ceil(1_000);
        let timeout = EpollTimeout::try_from(timeout).unwrap_or(EpollTimeout::MAX);
        self.next = 0;
        self.end = match self.system.wait(&mut self.events, timeout) {
            Err(Errno::EINTR) => 0,
            waited => waited?,
        };
        Ok(())
    }

    fn take(&mut self, shelf: &mut Shelf, counts: &Counts, sink: &mut Sink<'_>) -> usize {
        let mut taken = 0;
        while taken < BATCH {
            if self.incoming.waiting() {
                taken += self.incoming.hand(BATCH - taken, shelf, counts, sink);
                continue;
            }
            if self.next == self.end {
                break;
            }
            let event = self.events[self.next].data();
            self.next += 1;
            if event == BELL {
                self.bell.hear();
            } else if let Ok(id) = u32::try_from(event).map(SocketId)
                && let Some(socket) = shelf.socket_mut(id)
            {
                // One receive; a socket that has more says so the next time (level-triggered).
                self.incoming.receive(id, socket, counts);
            }
        }
        taken
    }

    fn send(&mut self, shelf: &Shelf, packets: &[Slot], which: &[usize], counts: &Counts) {
        for packet in which.iter().map(|at| &packets[*at]) {
            let Some(socket) = shelf.socket(packet.socket) else { continue };
            if socket.system().send_to(packet.bytes(), &packet.to.into()).is_err() {
                counts.send_failed().add(1);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "not for luck: what comes meanwhile waits in the sockets")]
fn pause(time: Duration) {
    thread::sleep(time);
}
