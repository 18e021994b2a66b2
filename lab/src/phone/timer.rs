//! Retransmission over UDP: RFC 3261 §17.1.1.2 (timers A and B), §17.1.2.2 (E and F), §13.3.1.4 (the 2xx).

use std::time::{Duration, Instant};

/// RFC 3261 §17.1.1.1: the estimate of the round trip.
pub(super) const T1: Duration = Duration::from_millis(500);
/// RFC 3261 §17.1.2.1: the longest interval between two copies of what is not an INVITE.
pub(super) const T2: Duration = Duration::from_secs(4);
/// Timers B, F and H: the end of patience.
pub(super) const PATIENCE: Duration = Duration::from_secs(32);

/// The copies of one message that wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retransmission {
    next: Instant,
    interval: Duration,
    interval_max: Duration,
    end: Instant,
    sent: u32,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Wait,
    /// The next copy.
    Copy,
    /// Nobody answered in time.
    GiveUp,
}

impl Retransmission {
    /// The first copy leaves at `now`. An INVITE doubles its interval without end (timer A).
    pub(super) fn invite(now: Instant) -> Self {
        Self::new(now, Duration::MAX)
    }

    /// Timer E, and the 2xx of RFC 3261 §13.3.1.4: doubled up to T2.
    pub(super) fn capped(now: Instant) -> Self {
        Self::new(now, T2)
    }

    fn new(now: Instant, interval_max: Duration) -> Self {
        Self { next: now + T1, interval: T1, interval_max, end: now + PATIENCE, sent: 1 }
    }

    /// RFC 3261 §17.1.2.2: after a provisional answer, only every T2.
    pub(super) fn slow_down(&mut self) {
        self.interval = T2.min(self.interval_max);
    }

    /// Copies sent so far.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    pub(super) fn deadline(&self) -> Instant {
        self.next.min(self.end)
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        if now >= self.end {
            return Due::GiveUp;
        }
        if now < self.next {
            return Due::Wait;
        }
        self.interval = (self.interval * 2).min(self.interval_max);
        self.next += self.interval;
        self.sent += 1;
        Due::Copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn copies(mut copies: Retransmission, start: Instant) -> Vec<f32> {
        let mut times = vec![];
        loop {
            let now = copies.deadline();
            match copies.due(now) {
                Due::Copy => times.push((now - start).as_secs_f32()),
                Due::GiveUp => return times,
                Due::Wait => unreachable!("a deadline that is not due"),
            }
        }
    }

    #[test]
    fn an_invite_is_sent_seven_times_in_32_seconds() {
        let start = clock::now();
        assert_eq!(copies(Retransmission::invite(start), start), [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    }

    #[test]
    fn a_bye_settles_at_t2() {
        let start = clock::now();
        let expected = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
        assert_eq!(copies(Retransmission::capped(start), start), expected);
    }
}
