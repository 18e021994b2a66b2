//! Which requests came before. A controller that hears nothing for a second sends the same datagram again, up to five
//! times: it gets the same answer, and nothing is done twice.
//!
//! ```text
//!             copy: dropped              copy: answered again
//!               ┌──┐                       ┌──┐
//!   first ──► Working ───── finish ────► Answered
//!               │                          │
//!               └── forgotten after AGE ───┴─► (unknown)
//! ```

use ringway_router::Time;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

/// What is remembered: longer than the retries of Kamailio and OpenSIPS take, five of a second each.
const AGE: Duration = Duration::from_secs(15);

/// See the module. Cookies of different controllers are different ones: in containers they have the same process ids.
#[derive(Debug)]
pub struct Cookies {
    entries: HashMap<Key, Entry>,
    /// In the order in which they came, with the number of each.
    order: VecDeque<(Time, u64, Key)>,
    entries_max: usize,
    bytes_max: usize,
    bytes: usize,
    next: u64,
}

type Key = (SocketAddr, Box<[u8]>);

#[derive(Debug)]
struct Entry {
    number: u64,
    /// Of the whole datagram: a controller that began anew may use a cookie again for something else.
    fingerprint: u64,
    /// `None` while it is at work.
    answer: Option<Box<[u8]>>,
}

/// What is known of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Nothing: it is to be worked on, and [`Cookies::finish`] told.
    New,
    /// The first one is still at work: this one is to be dropped.
    Working,
    /// This was the answer, and it is to be sent again.
    Answered(&'a [u8]),
}

impl Cookies {
    /// Remembers so many requests and so many bytes of answers at most, the newest ones.
    #[must_use]
    pub fn new(entries_max: usize, bytes_max: usize) -> Self {
        let (entries, order) = (HashMap::new(), VecDeque::new());
        Self { entries, order, entries_max: entries_max.max(1), bytes_max, bytes: 0, next: 0 }
    }

    /// A datagram has come.
    pub fn begin(&mut self, now: Time, from: SocketAddr, cookie: &[u8], datagram: &[u8]) -> Seen<'_> {
        self.forget_old(now);
        let key = (from, Box::from(cookie));
        let fingerprint = fingerprint(datagram);
        let known = self.entries.get(&key).is_some_and(|entry| entry.fingerprint == fingerprint);
        if known {
            return match self.entries.get(&key).and_then(|entry| entry.answer.as_deref()) {
                Some(answer) => Seen::Answered(answer),
                None => Seen::Working,
            };
        }
        self.remove(&key);
        // The order may hold some that were replaced since.
        while self.order.len() >= self.entries_max {
            self.forget_oldest();
        }
        let number = self.next;
        self.next += 1;
        self.bytes += cookie.len();
        self.order.push_back((now, number, key.clone()));
        self.entries.insert(key, Entry { number, fingerprint, answer: None });
        Seen::New
    }

    /// A request has been answered.
    pub fn finish(&mut self, from: SocketAddr, cookie: &[u8], answer: &[u8]) {
        // It may have been forgotten in the meantime; then there is nothing to remember it for.
        let Some(entry) = self.entries.get_mut(&(from, Box::from(cookie))) else { return };
        self.bytes -= entry.answer.as_ref().map_or(0, |old| old.len());
        self.bytes += answer.len();
        entry.answer = Some(Box::from(answer));
        while self.bytes > self.bytes_max && !self.entries.is_empty() {
            self.forget_oldest();
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn forget_old(&mut self, now: Time) {
        while self.order.front().is_some_and(|(at, _, _)| now.since(*at) >= AGE) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, number, key)) = self.order.pop_front() else { return };
        if self.entries.get(&key).is_some_and(|entry| entry.number == number) {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= key.1.len() + entry.answer.map_or(0, |answer| answer.len());
        }
    }
}

fn fingerprint(datagram: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    datagram.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
