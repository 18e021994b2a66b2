//! How long a busy worker lets datagrams gather before it looks again. To be woken for each of them costs more than to
//! treat it; a network card under load interrupts no more often than this for the same reason.

use std::time::{Duration, Instant};

/// What a datagram may wait for others at most: little beside the delays of any network, and 14 datagrams at 2,000 calls/s.
pub(super) const GATHER: Duration = Duration::from_millis(1);
/// The rate above which it does: two in that time. Below, each is taken at once.
const BUSY_PER_SECOND: u32 = 2_000;
/// What the rate is taken over.
const WINDOW: Duration = Duration::from_millis(20);

/// The rate of one worker's datagrams.
pub(super) struct Pace {
    since: Instant,
    seen: u32,
    busy: bool,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, seen: 0, busy: false }
    }

    /// `count` datagrams came. The pause before the next look, if one is worthwhile.
    pub(super) fn after(&mut self, now: Instant, count: usize) -> Option<Duration> {
        self.seen = self.seen.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let window = now.saturating_duration_since(self.since);
        if window >= WINDOW {
            self.busy = f64::from(self.seen) > f64::from(BUSY_PER_SECOND) * window.as_secs_f64();
            (self.since, self.seen) = (now, 0);
        }
        (self.busy && count > 0).then_some(GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn epoch() -> Instant {
        Instant::now()
    }

    /// The pauses that a worker makes in a second of `per_second` datagrams, evenly spread.
    fn pauses(per_second: u32) -> usize {
        let start = epoch();
        let mut pace = Pace::new(start);
        let at = |n: u32| start + Duration::from_secs(1) * n / per_second;
        (1..=per_second).filter_map(|n| pace.after(at(n), 1)).count()
    }

    #[test]
    fn a_datagram_now_and_then_is_taken_at_once() {
        assert_eq!(pauses(50), 0);
        assert_eq!(pauses(1_900), 0);
    }

    #[test]
    fn many_wait_for_each_other() {
        // All but those of the first window, in which the rate is not known yet.
        assert!(pauses(14_000) > 13_000);
    }

    #[test]
    fn when_the_rush_is_over_nobody_waits() {
        let start = epoch();
        let mut pace = Pace::new(start);
        assert_eq!(pace.after(start + WINDOW, 100), Some(GATHER));
        assert_eq!(pace.after(start + WINDOW + GATHER, 0), None, "nothing came: sleep until something does");
        assert_eq!(pace.after(start + Duration::from_secs(1), 1), None);
    }
}
