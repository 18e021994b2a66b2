//! The one clock of the house. Pure code takes `now` as an argument; the shells get it here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock that also knows the calendar: it reads the wall clock once, when it is made, and counts
/// on from there, so two times of one process never run backwards whatever NTP does to the machine.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: Duration,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn start() -> Self {
        let start_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_unix }
    }

    /// The time for timers and transactions.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// The same clock as µs since the Unix epoch, for records, reports and people.
    #[must_use]
    pub fn unix_us(&self) -> u64 {
        self.at_unix_us(self.now())
    }

    /// `instant` as µs since the Unix epoch.
    #[must_use]
    pub fn at_unix_us(&self, instant: Instant) -> u64 {
        let since_epoch = self.start_unix + instant.saturating_duration_since(self.start);
        u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX)
    }

    /// The calendar as the machine has it at this moment, since the Unix epoch. It may jump; it is what the kernel's
    /// stamps are compared with, and nothing else.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn calendar(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// When this clock was started, µs since the Unix epoch: the incarnation of the process.
    #[must_use]
    pub fn start_unix_us(&self) -> u64 {
        self.at_unix_us(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_show_the_same_time() {
        let clock = Clock::start();
        let later = clock.now() + Duration::from_millis(1500);
        let gone = clock.at_unix_us(later) - clock.start_unix_us();
        assert!((1_500_000..2_500_000).contains(&gone), "{gone} µs");
    }
}
