//! What the counters of frames show of a link: how many came, how many are gone, in how many gaps.
//!
//! A counter is gone when it is still missing 50 ms after a newer one came, or when the window has left it behind. Networks
//! reorder by less.

use super::window::Window;
use crate::core::{Lane, RelayId};
use ringway_router::Time;
use std::time::Duration;

/// So long a frame may be overtaken before it counts as lost.
const PATIENCE: Duration = Duration::from_millis(50);

/// What came from one relay on one lane since the last time it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// From whom.
    pub relay: RelayId,
    /// On which lane of the link.
    pub lane: Lane,
    /// Frames that came.
    pub received: u64,
    /// Frames that did not.
    pub lost: u64,
    /// How many separate gaps the lost ones make.
    pub gaps: u64,
}

/// What went to one relay on one lane since the last time it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub relay: RelayId,
    /// On which lane of the link.
    pub lane: Lane,
    /// Frames.
    pub sent: u64,
}

/// Frames whose fate is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) gaps: u64,
}

/// The counters of one lane: which were seen, and what that means.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneCount {
    pub(super) window: Window,
    /// The first that came. What was sent before is not missed.
    first: u64,
    /// All before this one are judged.
    judged: u64,
    /// All before this one had been sent at `mark_at`.
    mark: u64,
    mark_at: Time,
    /// The last one judged was lost.
    within: bool,
    /// Judged lost, and came after all: taken off the next losses.
    ahead: u64,
    tally: Tally,
}

impl LaneCount {
    pub(super) const EMPTY: Self = Self {
        window: Window::EMPTY,
        first: 0,
        judged: 0,
        mark: 0,
        mark_at: Time::from_micros(0),
        within: false,
        ahead: 0,
        tally: Tally { received: 0, lost: 0, gaps: 0 },
    };

    /// Forgets what it saw, not what it counted: the sender was started anew.
    pub(super) fn restart(&mut self) {
        *self = Self { tally: self.tally, ..Self::EMPTY };
    }

    /// A counter that is fresh and under a good seal.
    #[inline]
    pub(super) fn take(&mut self, now: Time, counter: u64) {
        self.tally.received += 1;
        if self.window.end() == 0 {
            (self.first, self.judged, self.mark, self.mark_at) = (counter, counter, counter, now);
        }
        if counter < self.judged {
            self.ahead += u64::from(counter >= self.first);
        } else if counter >= self.window.end() {
            self.leave_behind(counter);
        }
        self.window.set(counter);
        self.look(now);
    }

    /// What is known since the last time.
    pub(super) fn drain(&mut self, now: Time) -> Tally {
        self.look(now);
        let already = self.ahead.min(self.tally.lost);
        self.ahead -= already;
        self.tally.lost -= already;
        self.tally.gaps = self.tally.gaps.min(self.tally.lost);
        std::mem::take(&mut self.tally)
    }

    /// Judges what is old enough.
    #[inline]
    fn look(&mut self, now: Time) {
        if now.since(self.mark_at) >= PATIENCE {
            self.judge(self.mark);
            (self.mark, self.mark_at) = (self.window.end(), now);
        }
    }

    /// The window is about to move up to `counter`: what it will not remember is judged before.
    #[inline]
    fn leave_behind(&mut self, counter: u64) {
        let start = (counter + 1).saturating_sub(super::window::WIDTH);
        if start <= self.judged {
            return;
        }
        let end = self.window.end();
        self.judge(start.min(end));
        if start > end {
            // Never seen at all, and so far behind already.
            self.tally.lost += start - end;
            self.tally.gaps += u64::from(!self.within);
            (self.judged, self.within) = (start, true);
        }
    }

    fn judge(&mut self, to: u64) {
        if to > self.judged {
            let missing = self.window.missing(self.judged, to, &mut self.within);
            self.tally.lost += missing.counters;
            self.tally.gaps += missing.runs;
            self.judged = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(events: &[(u64, u64)], asked_ms: u64) -> (u64, u64, u64) {
        let mut lane = LaneCount::EMPTY;
        for &(at_ms, counter) in events {
            lane.take(Time::from_millis(at_ms), counter);
        }
        let tally = lane.drain(Time::from_millis(asked_ms));
        (tally.received, tally.lost, tally.gaps)
    }

    #[test]
    fn what_is_missing_counts_when_nobody_would_wait_for_it_any_more() {
        let gap = [(1_000, 7), (1_001, 8), (1_002, 11), (1_040, 12)];
        assert_eq!(counted(&gap, 1_045), (4, 0, 0), "9 and 10 may still come");
        let mut lane = LaneCount::EMPTY;
        gap.iter().for_each(|&(at_ms, counter)| lane.take(Time::from_millis(at_ms), counter));
        let later = |ms| Time::from_millis(ms);
        assert_eq!(lane.drain(later(1_051)).lost, 0, "marked only now");
        assert_eq!(lane.drain(later(1_101)), Tally { received: 0, lost: 2, gaps: 1 });
        assert_eq!(lane.drain(later(9_000)), Tally::default(), "once");
    }

    #[test]
    fn reordering_is_no_loss() {
        let overtaken = [(0, 5), (1, 8), (2, 6), (3, 7), (30, 4), (100, 9), (200, 10)];
        assert_eq!(counted(&overtaken, 1_000), (7, 0, 0), "nor is what was sent before the first that came");
    }

    #[test]
    fn what_comes_after_all_is_taken_off() {
        let mut lane = LaneCount::EMPTY;
        let at = Time::from_millis;
        [(0, 1), (10, 3), (100, 4), (200, 5)].iter().for_each(|&(ms, counter)| lane.take(at(ms), counter));
        assert_eq!(lane.drain(at(200)), Tally { received: 4, lost: 1, gaps: 1 });
        lane.take(at(210), 2);
        lane.take(at(220), 8);
        assert_eq!(lane.drain(at(400)).lost, 0, "the mark is set");
        assert_eq!(
            lane.drain(at(500)),
            Tally { received: 0, lost: 1, gaps: 1 },
            "two are gone, one was told before"
        );
    }

    #[test]
    fn a_long_outage_counts_in_full_and_as_one_gap() {
        let mut lane = LaneCount::EMPTY;
        let at = Time::from_millis;
        lane.take(at(0), 100);
        lane.take(at(1), 101);
        lane.take(at(2), 50_101);
        lane.take(at(3), 50_102);
        [60, 120, 180].iter().for_each(|ms| lane.look(at(*ms)));
        assert_eq!(lane.drain(at(181)), Tally { received: 4, lost: 49_999, gaps: 1 });
    }

    #[test]
    fn a_fast_lane_is_judged_by_the_window_alone() {
        let mut lane = LaneCount::EMPTY;
        (0..4_000)
            .filter(|counter| counter % 10 != 3)
            .for_each(|counter| lane.take(Time::from_millis(0), counter));
        let tally = lane.drain(Time::from_millis(0));
        assert_eq!(
            (tally.received, tally.lost, tally.gaps),
            (3_600, 298, 298),
            "2,976 are out of the window"
        );
    }

    #[test]
    fn a_sender_that_starts_anew_is_no_loss() {
        let mut lane = LaneCount::EMPTY;
        lane.take(Time::from_millis(0), 9_000);
        lane.restart();
        lane.take(Time::from_millis(1), 0);
        lane.look(Time::from_millis(100));
        assert_eq!(lane.drain(Time::from_millis(200)), Tally { received: 2, lost: 0, gaps: 0 });
    }
}
