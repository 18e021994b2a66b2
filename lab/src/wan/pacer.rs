//! Holds datagrams until they are due. A thread of its own, because tokio's timers count in whole milliseconds and
//! a link of 8 ms must not be measured as 9.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{SocketAddrV4, UdpSocket},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use super::link::{Link, lock};
use crate::clock;

/// Datagrams under way at once. Two seconds of a link at 30,000 packets a second; beyond that the machine is the
/// bottleneck, and a drop that is counted beats memory that grows.
const CAPACITY: usize = 65_536;

/// A datagram on its way.
pub(super) struct Parcel {
    pub(super) due: Instant,
    pub(super) from: Arc<UdpSocket>,
    pub(super) to: SocketAddrV4,
    pub(super) payload: Box<[u8]>,
    pub(super) link: Arc<Link>,
}

/// The thread and its queue; drop ends it.
pub(super) struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<Entry>>,
    next_number: u64,
    closed: bool,
}

/// Ordered by due time, then by arrival: equal due times must not swap packets.
struct Entry {
    number: u64,
    parcel: Parcel,
}

impl Pacer {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let thread = thread::Builder::new().name("wan-pacer".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a parcel for later delivery, or counts it as overflowed.
    pub(super) fn send(&self, parcel: Parcel) {
        let mut queue = lock(&self.shared.queue);
        if queue.waiting.len() >= CAPACITY {
            parcel.link.count_overflow();
            return;
        }
        let earliest = queue.waiting.peek().is_none_or(|first| parcel.due < first.0.parcel.due);
        let number = queue.next_number;
        queue.next_number += 1;
        queue.waiting.push(Reverse(Entry { number, parcel }));
        if earliest {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut due = Vec::new();
        while self.wait_for_due(&mut due) {
            for parcel in due.drain(..) {
                // A send that fails is a destination that is gone, or a full socket buffer: lost like on any network.
                if parcel.from.send_to(&parcel.payload, parcel.to).is_ok() {
                    parcel.link.count_carried();
                } else {
                    parcel.link.count_overflow();
                }
            }
        }
    }

    /// Fills `due` with what must leave now; false when the pacer is closed.
    fn wait_for_due(&self, due: &mut Vec<Parcel>) -> bool {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closed {
                return false;
            }
            let now = clock::now();
            while queue.waiting.peek().is_some_and(|first| first.0.parcel.due <= now) {
                due.extend(queue.waiting.pop().map(|Reverse(entry)| entry.parcel));
            }
            if !due.is_empty() {
                return true;
            }
            queue = match queue.waiting.peek().map(|first| first.0.parcel.due - now) {
                Some(wait) => {
                    self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.parcel.due, self.number).cmp(&(other.parcel.due, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
