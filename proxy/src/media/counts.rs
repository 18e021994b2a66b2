//! The tunnel book: what tunnels showed of the links from here. The relay writes, the prober reads: packets of calls are a
//! better measure of a link than any probe.

use ringway_router::{Region, measure::Passive};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A link whose tunnels carried something so lately carries calls.
const CARRIES: Duration = Duration::from_secs(3);
/// So few packets measure nothing: what keeps a tunnel alive is no call.
const PACKETS_MIN: u32 = 20;

/// What frames to one region showed since the last word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TunnelCount {
    /// Frames that were sent there.
    pub sent: u64,
    /// Those that did not arrive, as the other end reports.
    pub lost: u64,
    /// How many separate gaps they make; 0: unknown.
    pub gaps: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct TunnelBook {
    links: Mutex<BTreeMap<Region, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    fresh: Passive,
    /// When there were last enough packets.
    carried: Option<Instant>,
    /// When packets were last lost.
    lost: Option<Instant>,
}

impl TunnelBook {
    /// The relay counted.
    pub fn note(&self, now: Instant, to: &Region, count: TunnelCount) {
        let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (sent, lost) = (number(count.sent), number(count.lost.min(count.sent)));
        let gaps = if count.gaps == 0 { lost } else { number(count.gaps).min(lost) };
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = links.entry(to.clone()).or_default();
        entry.fresh.sent = entry.fresh.sent.saturating_add(sent);
        entry.fresh.lost = entry.fresh.lost.saturating_add(lost);
        entry.fresh.gaps = entry.fresh.gaps.saturating_add(gaps);
        if sent >= PACKETS_MIN {
            entry.carried = Some(now);
        }
        if lost > 0 {
            entry.lost = Some(now);
        }
    }

    /// What was counted for a region since it was last taken; `None`: nothing was sent there.
    pub fn take(&self, to: &Region) -> Option<Passive> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = std::mem::take(&mut links.get_mut(to)?.fresh);
        (fresh.sent > 0).then_some(fresh)
    }

    /// Whether calls go over the link to a region.
    pub fn carries(&self, now: Instant, to: &Region) -> bool {
        self.lately(now, to, |entry| entry.carried)
    }

    /// Whether packets were lost there lately.
    pub fn loses(&self, now: Instant, to: &Region) -> bool {
        self.lately(now, to, |entry| entry.lost)
    }

    fn lately(&self, now: Instant, to: &Region, what: impl Fn(&Entry) -> Option<Instant>) -> bool {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let at = links.get(to).and_then(what);
        at.is_some_and(|at| now.saturating_duration_since(at) < CARRIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn what_tunnels_counted_is_taken_once() {
        let (book, now) = (TunnelBook::default(), Instant::now());
        let to = Region::try_from("us-east-1").unwrap();
        let few = TunnelCount { sent: 3, lost: 0, gaps: 0 };
        book.note(now, &to, few);
        assert!(!book.carries(now, &to), "three packets are no call");
        book.note(now, &to, TunnelCount { sent: 100, lost: 5, gaps: 2 });
        book.note(now, &to, TunnelCount { sent: 50, lost: 60, gaps: 0 });
        assert_eq!(book.take(&to), Some(Passive { sent: 153, lost: 55, gaps: 52 }));
        assert_eq!(book.take(&to), None);
        let later = now + CARRIES;
        assert!(book.carries(now, &to) && book.loses(now, &to));
        assert!(!book.carries(later, &to) && !book.loses(later, &to));
    }
}
