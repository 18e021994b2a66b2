//! The threads that move the packets. A worker owns its sockets and one data path; it takes packets from the kernel in
//! batches, hands each to the data path, and sends in batches what comes of them. Orders from outside are jobs that it does
//! between two batches.
//!
//! A turn: wait for packets, an order or a deadline · a batch of packets · orders · deadlines; and after each of these, send.
//! One look at the clock serves a whole turn. Nothing in it allocates or logs for a packet.

mod control;
mod counts;
mod epoll;
mod incoming;
mod mover;
mod orders;
mod pace;
mod ring;
mod segments;
mod shelf;
mod socket;

pub use counts::{Count, Counts, Kind};
pub use mover::Way;
pub use orders::{Binder, Handle, Refusal, Turn};

use crate::core::{Outbox, SocketId};
use mover::{BATCH, Mover};
use orders::Inbox;
use pace::Pace;
use ringway_node::clock::Clock;
use ringway_router::Time;
use segments::Segments;
use shelf::Shelf;
use socket::Socket;
use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};
use tokio::sync::oneshot;

/// What becomes of packets. All calls come from one thread.
pub trait DataPath {
    /// A packet came to `socket`; it may be changed in place. It may put [`Outbox::ROOM`] packets into the outbox.
    fn packet(
        &mut self,
        now: Time,
        socket: SocketId,
        from: SocketAddr,
        packet: &mut [u8],
        outbox: &mut Outbox,
    );

    /// When [`Self::expire`] wants to be called next.
    fn deadline(&self) -> Option<Time>;

    /// The deadline has come. What does not fit into the outbox waits for the next call: the deadline stays due.
    fn expire(&mut self, now: Time, outbox: &mut Outbox);
}

/// Tells why a worker ended: `Ok` when nobody held a handle any more.
pub type Ended = oneshot::Receiver<io::Result<()>>;

/// The longest sleep; packets, orders and deadlines end it.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// Orders of one turn: packets do not wait for more of them.
const ORDERS: usize = 16;

/// Starts worker `number` with its data path, on a thread of its own.
///
/// # Errors
/// What the system said of starting it.
pub fn start<D: DataPath + Send + 'static>(
    number: usize,
    way: Way,
    clock: Clock,
    data: D,
) -> io::Result<(Handle<D>, Ended)> {
    let (handle, inbox) = orders::queue()?;
    let (tell, ended) = oneshot::channel();
    if number == 0 {
        socket::say_buffers();
    }
    thread::Builder::new().name(format!("media-{number}")).spawn(move || {
        let result = Worker::new(way, clock, data, inbox).and_then(Worker::pump);
        // Nobody may wait for it any more: the process ends.
        let _ = tell.send(result);
    })?;
    Ok((handle, ended))
}

struct Worker<D> {
    data: D,
    sockets: Sockets,
    outbox: Outbox,
    inbox: Inbox<D>,
    clock: Clock,
}

/// The sockets, and the way to and from the kernel.
struct Sockets {
    shelf: Shelf,
    mover: Box<dyn Mover>,
    segments: Segments,
    /// Which packets of the outbox leave by ports.
    ports: Vec<usize>,
    counts: Arc<Counts>,
}

impl<D: DataPath> Worker<D> {
    fn new(way: Way, clock: Clock, data: D, inbox: Inbox<D>) -> io::Result<Self> {
        let limit = mover::sockets_max();
        let capacity = BATCH * Outbox::ROOM;
        let sockets = Sockets {
            shelf: Shelf::new(limit),
            mover: way.mover(&inbox.bell, limit)?,
            segments: Segments::new(),
            ports: Vec::with_capacity(capacity),
            counts: Arc::clone(&inbox.counts),
        };
        Ok(Self { data, sockets, outbox: Outbox::new(capacity), inbox, clock })
    }

    fn pump(mut self) -> io::Result<()> {
        let mut woke = self.now();
        let mut pace = Pace::new(woke);
        let mut more = false;
        loop {
            let mut now = self.now();
            if !more {
                let sleep = self.data.deadline().map_or(SLEEP_MAX, |at| at.since(now).min(SLEEP_MAX));
                self.sockets.mover.wait(sleep, pace.gather(now.since(woke)).min(sleep))?;
                now = self.now();
                woke = now;
            }
            // The bell is heard along with the packets, so the orders come after: one that rings in between is not missed.
            let taken = self.take(now);
            let Ok(orders) = self.orders(now) else { return Ok(()) };
            if self.data.deadline().is_some_and(|at| at <= now) {
                self.data.expire(now, &mut self.outbox);
                self.sockets.flush(&mut self.outbox);
            }
            more = taken == BATCH || orders == ORDERS;
            pace.took(now, taken);
        }
    }

    fn now(&self) -> Time {
        Time::from_micros(self.clock.unix_us())
    }

    /// Does what was ordered, some of it; returns how many there were. An error: nobody can order any more.
    fn orders(&mut self, now: Time) -> Result<usize, Refusal> {
        for done in 0..ORDERS {
            let Some(job) = self.inbox.next()? else { return Ok(done) };
            job(&mut self.data, &mut Turn { now, sockets: &mut self.sockets, outbox: &mut self.outbox });
            self.sockets.flush(&mut self.outbox);
        }
        Ok(ORDERS)
    }

    /// Deals with a batch of packets; returns how many there were.
    fn take(&mut self, now: Time) -> usize {
        let Self { data, sockets, outbox, .. } = self;
        let Sockets { shelf, mover, counts, .. } = sockets;
        let taken = mover.take(shelf, counts, &mut |socket, from, packet| {
            data.packet(now, socket, from, packet, outbox);
        });
        counts.received().add(taken);
        sockets.flush(outbox);
        taken
    }
}

impl Sockets {
    /// Sends what is in the outbox, and empties it.
    fn flush(&mut self, outbox: &mut Outbox) {
        let packets = outbox.packets();
        if packets.is_empty() {
            return;
        }
        self.ports.clear();
        let mut stale = 0;
        for (at, packet) in packets.iter().enumerate() {
            match self.shelf.socket(packet.socket).map(Socket::kind) {
                Some(Kind::Port) => self.ports.push(at),
                Some(Kind::Tunnel) => self.segments.put(at, packets, &mut self.shelf, &self.counts),
                None => stale += 1,
            }
        }
        self.segments.flush(packets, &mut self.shelf, &self.counts);
        if !self.ports.is_empty() {
            self.mover.send(&self.shelf, packets, &self.ports, &self.counts);
        }
        self.counts.stale().add(stale);
        self.counts.sent().add(packets.len() - stale);
        outbox.clear();
    }
}

impl Binder for Sockets {
    fn open(&mut self, kind: Kind, address: SocketAddr) -> io::Result<(SocketId, SocketAddr)> {
        let socket = Socket::bind(kind, address)?;
        let address = socket.address()?;
        let full = || io::Error::other("the worker has as many sockets as it may have");
        let id = self.shelf.put(socket).ok_or_else(full)?;
        let added = self.shelf.socket(id).map_or(Ok(()), |socket| self.mover.add(id, socket));
        if let Err(error) = added {
            self.shelf.take(id);
            self.shelf.release(id);
            return Err(error);
        }
        Ok((id, address))
    }

    fn close(&mut self, socket: SocketId) {
        if let Some(closed) = self.shelf.take(socket) {
            self.mover.remove(socket, closed, &mut self.shelf);
        }
    }
}

#[cfg(test)]
mod tests;
