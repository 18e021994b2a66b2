//! Round trips from RTCP that passes through (RFC 3550 §6.4.1): a sender report that was passed on to somebody, and the
//! report with which it is answered.

use super::{Block, SenderTime};
use ringway_router::Time;
use std::time::Duration;

/// Sender reports that are remembered: an answer to one that is older says nothing of now.
const KEPT: u8 = 4;
/// A round trip is below this, or it is none.
const SENSIBLE: Duration = Duration::from_secs(10);
/// How much a new round trip counts: one part in so many.
const SMOOTHING: u32 = 8;

/// The way from here to one party and back.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundTrip {
    sent: [(SenderTime, Time); KEPT as usize],
    next: u8,
    smoothed_us: u32,
}

impl RoundTrip {
    /// A sender report is passed on to the party.
    pub fn on_sent(&mut self, now: Time, report: SenderTime) {
        self.sent[usize::from(self.next)] = (report, now);
        self.next = (self.next + 1) % KEPT;
    }

    /// The party answers. What answers none of the reports that it was sent says nothing.
    pub fn on_block(&mut self, now: Time, block: Block) {
        let answered = |report: &SenderTime| report.ssrc == block.ssrc && report.ntp == block.last_report;
        let Some((_, sent)) = self.sent.iter().find(|(report, _)| report.ntp != 0 && answered(report)) else {
            return;
        };
        let held = Duration::from_micros((u64::from(block.held) * 1_000_000) >> 16);
        let Some(trip) = now.since(*sent).checked_sub(held).filter(|trip| *trip < SENSIBLE) else { return };
        let trip = u32::try_from(trip.as_micros()).unwrap_or(u32::MAX).max(1);
        self.smoothed_us = match self.smoothed_us {
            0 => trip,
            before => before - before / SMOOTHING + trip / SMOOTHING,
        };
    }

    /// How long it takes, smoothed. `None`: nobody has told yet.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        (self.smoothed_us > 0).then(|| Duration::from_micros(u64::from(self.smoothed_us)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(1_000_000 + ms)
    }

    fn block(ntp: u32, held_ms: u32) -> Block {
        Block { ssrc: 1, lost: 0, last_report: ntp, held: held_ms * 65_536 / 1_000 }
    }

    #[test]
    fn the_time_that_a_report_was_held_is_no_way() {
        let mut trip = RoundTrip::default();
        trip.on_sent(at(0), SenderTime { ssrc: 1, ntp: 77 });
        trip.on_block(at(2_080), block(77, 2_000));
        let ms = trip.duration().unwrap().as_secs_f64() * 1e3;
        assert!((ms - 80.0).abs() < 0.1, "{ms}");
    }

    #[test]
    fn what_answers_nothing_says_nothing() {
        let mut trip = RoundTrip::default();
        trip.on_block(at(1), block(0, 0));
        (1..=5).for_each(|ntp| trip.on_sent(at(0), SenderTime { ssrc: 1, ntp }));
        trip.on_block(at(1), block(1, 0));
        trip.on_block(at(1), block(9, 0));
        trip.on_block(at(1), Block { ssrc: 2, ..block(3, 0) });
        trip.on_block(at(1), block(3, 500));
        trip.on_block(at(20_000), block(3, 0));
        assert_eq!(
            trip.duration(),
            None,
            "forgotten, unknown, of another, held longer than it took, too long"
        );
        trip.on_block(at(8), block(5, 0));
        assert_eq!(trip.duration(), Some(Duration::from_millis(8)));
    }
}
