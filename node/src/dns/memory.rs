//! What was answered, for as long as it holds, and a good answer for longer: when DNS is away, calls go on.

use super::{Request, plan::Outcome, srv::Server};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Shortest life of an answer: one call's worth of questions is asked once.
const TTL_MIN: Duration = Duration::from_secs(1);
/// Longest life of an answer, whatever its records say: what operators change is seen within the hour.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Life of "there is none" when DNS does not say (RFC 2308 §5: its SOA does), and the longest that it can say. Also the
/// longest life of an answer with gaps.
const NEGATIVE_MAX: Duration = Duration::from_secs(30);
/// How long a good answer serves beyond its life while DNS is away (RFC 8767 §5 suggests one to three days).
const STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Between two attempts to renew a stale answer (RFC 8767 §5): calls do not wait for a DNS that is away.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// Answers by request, at most so many.
#[derive(Debug)]
pub(super) struct Memory {
    entries: HashMap<Request, Entry>,
    capacity: usize,
}

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recall {
    /// These servers.
    Servers(Arc<[Server]>),
    /// DNS said a moment ago that there is no such thing.
    Missing,
    /// Nothing that holds: DNS has to be asked.
    Unknown,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    /// Until when it holds as DNS said, or until the next attempt to renew it.
    fresh_until: Instant,
    /// Until when it may serve when DNS is away.
    stale_until: Instant,
    used: Instant,
}

#[derive(Debug)]
enum Known {
    Servers(Arc<[Server]>),
    Missing,
}

impl Memory {
    /// Holds at most `capacity` answers; when it is full, what says "missing" goes first, then what was not used for
    /// longest.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity }
    }

    /// What is known of `request`.
    pub(super) fn recall(&mut self, now: Instant, request: &Request) -> Recall {
        match self.entries.get_mut(request) {
            Some(entry) if now < entry.fresh_until => {
                entry.used = now;
                match &entry.known {
                    Known::Servers(servers) => Recall::Servers(servers.clone()),
                    Known::Missing => Recall::Missing,
                }
            }
            Some(_) | None => Recall::Unknown,
        }
    }

    /// Learns what DNS said to a question asked at `now`, and says what to make of it: when DNS was away, that is the
    /// last good answer, if there is one.
    pub(super) fn learn(&mut self, now: Instant, request: &Request, outcome: Outcome) -> Recall {
        let (known, life, stale) = match outcome {
            Outcome::Found { servers, ttl, partial } => {
                let most = if partial { NEGATIVE_MAX } else { TTL_MAX };
                (Known::Servers(servers), ttl.clamp(TTL_MIN, most), STALE_MAX)
            }
            Outcome::Missing { ttl } => {
                let life = ttl.map_or(NEGATIVE_MAX, |ttl| ttl.clamp(TTL_MIN, NEGATIVE_MAX));
                (Known::Missing, life, Duration::ZERO)
            }
            Outcome::Away => return self.fall_back(now, request),
        };
        let recall = match &known {
            Known::Servers(servers) => Recall::Servers(servers.clone()),
            Known::Missing => Recall::Missing,
        };
        if !self.entries.contains_key(request) {
            self.make_room(now);
        }
        let fresh_until = now + life;
        let entry = Entry { known, fresh_until, stale_until: fresh_until + stale, used: now };
        self.entries.insert(request.clone(), entry);
        recall
    }

    /// A failed lookup teaches nothing and spoils nothing: what was good stays, and rests before it is tried again.
    fn fall_back(&mut self, now: Instant, request: &Request) -> Recall {
        match self.entries.get_mut(request) {
            Some(Entry { known: Known::Servers(servers), fresh_until, stale_until, used })
                if now < *stale_until =>
            {
                *fresh_until = (*fresh_until).max(now + RENEWAL_PAUSE).min(*stale_until);
                *used = now;
                Recall::Servers(servers.clone())
            }
            Some(_) | None => Recall::Unknown,
        }
    }

    /// Makes room for one more. An eighth goes at once, so that a flood of names costs little for each.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < self.capacity {
            return;
        }
        self.entries.retain(|_, entry| now < entry.stale_until);
        let excess = (self.entries.len() + 1).saturating_sub(self.capacity);
        if excess == 0 {
            return;
        }
        let mut values: Vec<(bool, Instant)> = self.entries.values().map(Entry::value).collect();
        let last = (excess.max(self.capacity / 8) - 1).min(values.len() - 1);
        let limit = *values.select_nth_unstable(last).1;
        self.entries.retain(|_, entry| entry.value() > limit);
    }
}

impl Entry {
    /// What is worth more is kept longer: good answers, and those of late use.
    fn value(&self) -> (bool, Instant) {
        (matches!(self.known, Known::Servers(_)), self.used)
    }
}

#[cfg(test)]
mod tests;
