//! How long a busy worker lets packets gather before it looks again. To be woken for each of them costs more than to
//! treat it; a network card under load interrupts no more often than this for the same reason.

use ringway_router::Time;
use std::time::Duration;

/// From one look to the next: what a packet waits at most, little beside its own 20 ms. At 40,000 packets/s forty come in
/// that time. What the packets of the last look took is part of it, so the pause shrinks as the load grows.
const PERIOD: Duration = Duration::from_millis(1);
/// The rate above which it does: four in that time. Below, each is taken at once.
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

    /// `count` packets came.
    pub(super) fn took(&mut self, now: Time, count: usize) {
        self.seen += count as u64;
        let window = now.since(self.since);
        if window >= WINDOW {
            self.busy = u128::from(self.seen) * 1_000_000 > u128::from(BUSY_PER_SECOND) * window.as_micros();
            (self.since, self.seen) = (now, 0);
        }
    }

    /// How long the next packets may gather, so long after the last look.
    pub(super) fn gather(&self, after: Duration) -> Duration {
        if self.busy { PERIOD.saturating_sub(after) } else { Duration::ZERO }
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
        let gathers = |pace: &Pace| !pace.gather(Duration::ZERO).is_zero();
        (1..=per_second).filter(|n| (pace.took(at(*n), 1), gathers(&pace)).1).count()
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
        pace.took(start + WINDOW, 1_000);
        assert_eq!(pace.gather(Duration::ZERO), PERIOD);
        assert_eq!(pace.gather(PERIOD / 4), PERIOD * 3 / 4, "what the last look took counts");
        assert_eq!(pace.gather(PERIOD * 2), Duration::ZERO);
        pace.took(start + WINDOW * 2, 1);
        assert_eq!(pace.gather(Duration::ZERO), Duration::ZERO);
    }
}
