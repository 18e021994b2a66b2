//! What duplicates on suspicion may cost: a share of the packets, in the long run.

use ringway_router::Time;
use std::time::Duration;

/// One packet in so many may be sent twice…
const SHARE: u32 = 16;
/// … and at once so much of the traffic as makes up this time.
const CAP: Duration = Duration::from_secs(8);
/// The longest that one packet stands for.
const PACKET_MAX: Duration = Duration::from_millis(40);

/// Counted in time, so that it means the same for one call and for a thousand: each packet stands for the time since the
/// one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    left: Duration,
    last: Time,
    stands_for: Duration,
}

impl Budget {
    pub(super) fn new(now: Time) -> Self {
        Self { left: CAP, last: now, stands_for: Duration::ZERO }
    }

    /// A packet leaves.
    pub(super) fn earn(&mut self, now: Time) {
        self.stands_for = now.since(self.last).min(PACKET_MAX);
        self.last = now;
        self.left = (self.left + self.stands_for / SHARE).min(CAP);
    }

    /// It may leave twice.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.left.checked_sub(self.stands_for);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of packets of a steady stream, all under suspicion, that is sent twice in an hour.
    fn share(pace_us: u64) -> f64 {
        let mut budget = Budget::new(Time::default());
        let packets = 3_600_000_000 / pace_us;
        let twice = (1..=packets).filter(|n| {
            budget.earn(Time::from_micros(n * pace_us));
            budget.spend()
        });
        twice.count() as f64 / packets as f64
    }

    #[test]
    fn endless_suspicion_costs_one_packet_in_sixteen_whatever_the_pace() {
        for pace_us in [20_000, 2_000] {
            assert!((0.0625..0.066).contains(&share(pace_us)), "{}", share(pace_us));
        }
    }

    #[test]
    fn eight_seconds_of_it_are_free() {
        let mut budget = Budget::new(Time::default());
        for n in 1..=400 {
            budget.earn(Time::from_millis(20 * n));
            assert!(budget.spend(), "{n}");
        }
    }
}
