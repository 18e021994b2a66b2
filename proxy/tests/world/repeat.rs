//! What an edge element sends again until somebody answers (RFC 3261 §17.1, §13.3.1.4), and what it does later.

use std::{collections::BTreeMap, time::Duration};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Texts that are sent at doubling intervals, up to 64·T1, each under a key by which it is stopped.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    running: BTreeMap<String, Repeat>,
}

#[derive(Debug)]
struct Repeat {
    text: String,
    next: Duration,
    interval: Duration,
    cap: Duration,
    end: Duration,
}

impl Repeats {
    /// Sends `text` from now on; the first copy is the caller's to send. Only an INVITE doubles without a ceiling.
    pub(crate) fn start(&mut self, now: Duration, key: &str, text: &str) {
        let cap = if text.starts_with("INVITE ") { T1 * 64 } else { T2 };
        let repeat = Repeat { text: text.to_owned(), next: now + T1, interval: T1, cap, end: now + T1 * 64 };
        self.running.insert(key.to_owned(), repeat);
    }

    pub(crate) fn stop(&mut self, key: &str) {
        self.running.remove(key);
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.running.values().map(|repeat| repeat.next).min()
    }

    /// What is to be sent now.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<String> {
        self.running.retain(|_, repeat| now < repeat.end);
        let mut due = Vec::new();
        for repeat in self.running.values_mut().filter(|repeat| repeat.next <= now) {
            repeat.interval = (repeat.interval * 2).min(repeat.cap);
            repeat.next = (now + repeat.interval).min(repeat.end);
            due.push(repeat.text.clone());
        }
        due
    }
}

/// Things to do at a time.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    entries: BTreeMap<(Duration, u64), T>,
    count: u64,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self { entries: BTreeMap::new(), count: 0 }
    }

    pub(crate) fn at(&mut self, when: Duration, what: T) {
        self.count += 1;
        self.entries.insert((when, self.count), what);
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.entries.keys().next().map(|(when, _)| *when)
    }

    /// The next thing that is due.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<T> {
        let entry = self.entries.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
