//! How long a busy worker lets packets gather before it looks again. To be woken for each of them costs more than to
//! treat it; a network card under load interrupts no more often than this for the same reason.

use ringway_router::Time;
use std::time::Duration;

/// What a packet may wait for others at most: little beside a packet's own 20 ms, and twenty of them at 40,000 packets/s.
pub(super) const GATHER: Duration = Duration::from_micros(500);
/// The rate above which it does: two in that time. Below, each is taken at once.
const BUSY_PER_SECOND: u64 = 4_000;
/// What the rate is taken over.
const WINDOW: Duration = Duration::from_millis(20);

/// The rate of one worker's packets.
pub(super) struct Pace {
    since: Time,
    seen: u64,
    busy: bool,
}

impl Pace {
    pub(super) fn new(now: Time) -> Self {
        Self { since: now, seen: 0, busy: false }
    }

    /// `count` packets came. Whether it is worthwhile to let the next ones gather.
    pub(super) fn after(&mut self, now: Time, count: usize) -> bool {
        self.seen += count as u64;
        let window = now.since(self.since);
        if window >= WINDOW {
            self.busy = u128::from(self.seen) * 1_000_000 > u128::from(BUSY_PER_SECOND) * window.as_micros();
            (self.since, self.seen) = (now, 0);
        }
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often packets are let gather in a second of `per_second`, evenly spread.
    fn gathers(per_second: u32) -> usize {
        let start = Time::from_millis(1);
        let mut pace = Pace::new(start);
        let at = |n: u32| start + Duration::from_secs(1) * n / per_second;
        (1..=per_second).filter(|n| pace.after(at(*n), 1)).count()
    }

    #[test]
    fn few_are_taken_at_once_and_many_wait_for_each_other() {
        assert_eq!((gathers(50), gathers(3_900)), (0, 0));
        // All but those of the first window, in which the rate is not known yet.
        assert!(gathers(40_000) > 39_000);
    }

    #[test]
    fn when_the_rush_is_over_nobody_waits() {
        let start = Time::from_millis(1);
        let mut pace = Pace::new(start);
        assert!(pace.after(start + WINDOW, 1_000));
        assert!(!pace.after(start + WINDOW * 2, 1));
    }
}
