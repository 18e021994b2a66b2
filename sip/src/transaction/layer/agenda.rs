//! When to wake which transaction: one heap for all, in which nothing is ever searched. An entry that no longer
//! holds stays until it comes up or the stale ones outnumber the live.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::slab::Key;

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Client(Key),
    Server(Key),
}

/// The one entry of a transaction that holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alarm {
    at: Option<Instant>,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) at: Instant,
    pub(super) owner: Owner,
    generation: u32,
}

/// The heap of entries, the earliest on top.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
}

impl Alarm {
    /// Whether `entry` is the one that holds.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        self.at == Some(entry.at) && self.generation == entry.generation
    }

    /// Forgets the entry, which has come up.
    pub(super) fn clear(&mut self) {
        self.at = None;
    }
}

impl Agenda {
    /// Sees to it that `owner` comes up at `deadline`. An entry that comes up earlier is left alone: `owner` is then
    /// found not due and noted again, which is cheaper than a new entry each time a timer moves back.
    pub(super) fn note(&mut self, owner: Owner, alarm: &mut Alarm, deadline: Option<Instant>) {
        let Some(at) = deadline else { return };
        if alarm.at.is_none_or(|earlier| at < earlier) {
            alarm.at = Some(at);
            alarm.generation = alarm.generation.wrapping_add(1);
            self.heap.push(Reverse(Entry { at, owner, generation: alarm.generation }));
        }
    }

    /// The earliest entry, stale or not.
    pub(super) fn first(&self) -> Option<Entry> {
        self.heap.peek().map(|Reverse(entry)| *entry)
    }

    /// Takes the earliest entry out.
    pub(super) fn pop(&mut self) {
        self.heap.pop();
    }

    /// Drops the stale entries if they outnumber `live` transactions, so that the heap is never larger than a
    /// small multiple of what lives.
    pub(super) fn compact(&mut self, live: usize, holds: impl Fn(&Entry) -> bool) {
        if self.heap.len() > 2 * live + 64 {
            self.heap.retain(|Reverse(entry)| holds(entry));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
