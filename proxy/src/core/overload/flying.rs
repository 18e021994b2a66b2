//! How many requests are out without an answer, of the last half second: what has been out for longer is late, and is
//! counted as that. Nothing has to be taken back, so nothing is ever left over.

use super::pulse::T1;
use std::time::{Duration, Instant};

const SLOTS: usize = 10;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Flying {
    origin: Instant,
    /// By the time at which they were sent.
    slots: [u32; SLOTS],
    /// The slot of now, counted from the origin.
    latest: u64,
}

impl Flying {
    pub(crate) fn new(origin: Instant) -> Self {
        Self { origin, slots: [0; SLOTS], latest: 0 }
    }

    pub(crate) fn send(&mut self, now: Instant) {
        self.turn(now);
        self.slots[index(self.latest)] += 1;
    }

    /// One that was sent at `sent` has its answer.
    pub(crate) fn land(&mut self, now: Instant, sent: Instant) {
        self.turn(now);
        let slot = self.slot(sent);
        if slot + SLOTS as u64 > self.latest {
            let count = &mut self.slots[index(slot)];
            *count = count.saturating_sub(1);
        }
    }

    pub(crate) fn count(&mut self, now: Instant) -> u32 {
        self.turn(now);
        self.slots.iter().sum()
    }

    fn turn(&mut self, now: Instant) {
        let slot = self.slot(now);
        let passed = slot.saturating_sub(self.latest).min(SLOTS as u64);
        for n in 1..=passed {
            self.slots[index(slot.saturating_sub(passed) + n)] = 0;
        }
        self.latest = self.latest.max(slot);
    }

    fn slot(&self, at: Instant) -> u64 {
        let width = T1 / u32::try_from(SLOTS).unwrap_or(1);
        let since: Duration = at.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos() / width.as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

fn index(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn what_is_out_for_longer_is_no_longer_counted() {
        let origin = Instant::now();
        let at = |ms| origin + Duration::from_millis(ms);
        let mut flying = Flying::new(origin);
        for ms in 0..100 {
            flying.send(at(ms * 10));
        }
        assert!((45..=50).contains(&flying.count(at(990))));
        flying.land(at(1_000), at(900));
        flying.land(at(1_000), at(100));
        assert!((40..=49).contains(&flying.count(at(1_000))));
        assert_eq!(flying.count(at(1_500)), 0);
        flying.land(at(1_500), at(1_000));
        assert_eq!(flying.count(at(90_000)), 0);
    }
}
