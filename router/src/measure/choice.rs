//! Which lane traffic should take. Another lane is the cheapest way around trouble (as Google's PRR changes the flow
//! label first): it costs no relay. A worse lane is left at once; one that is a little better is not worth a move.

use crate::Time;
use std::time::Duration;

/// A lane that was left is not gone back to for so long, unless there is no other.
const LEFT_FOR: Duration = Duration::from_secs(10);
/// So much better another lane has to be, in ms of delay one way…
const MARGIN_MS: f64 = 8.0;
/// … and so long, before it is taken without need.
const BETTER_FOR: Duration = Duration::from_secs(5);
/// What one percent of loss is worth, ms.
const MS_A_PERCENT: f64 = 20.0;

/// What counts about a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// It answers, and has no brownout.
    pub(crate) good: bool,
    pub(crate) up: bool,
    pub(crate) rtt_ms: f64,
    pub(crate) loss: f64,
}

/// The present choice.
#[derive(Clone, Debug)]
pub(crate) struct LaneChoice {
    chosen: usize,
    left: Vec<Option<Time>>,
    better: Option<(usize, Time)>,
}

impl Quality {
    fn price_ms(&self) -> f64 {
        self.rtt_ms / 2.0 + self.loss * 100.0 * MS_A_PERCENT
    }
}

impl LaneChoice {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { chosen: 0, left: vec![None; lanes], better: None }
    }

    pub(crate) fn chosen(&self) -> usize {
        self.chosen
    }

    /// Looks at the lanes again; true when another one is chosen now.
    pub(crate) fn look(&mut self, now: Time, lanes: &[Quality]) -> bool {
        let Some(present) = lanes.get(self.chosen).copied() else { return false };
        let is_fresh =
            |at: usize| self.left.get(at).copied().flatten().is_none_or(|left| now.since(left) >= LEFT_FOR);
        let candidates = lanes.iter().enumerate().filter(|(at, lane)| *at != self.chosen && lane.up);
        let best = candidates.min_by(|(a, left), (b, right)| {
            let key = |at: usize, lane: &Quality| (!lane.good, !is_fresh(at));
            key(*a, left).cmp(&key(*b, right)).then(left.price_ms().total_cmp(&right.price_ms()))
        });
        let Some((at, best)) = best else { return false };
        let needed = !present.up || (!present.good && best.good);
        let nicer = best.good && is_fresh(at) && best.price_ms() + MARGIN_MS < present.price_ms();
        if !needed && nicer {
            let since = self.better.filter(|(lane, _)| *lane == at).map_or(now, |(_, since)| since);
            self.better = Some((at, since));
            if now.since(since) < BETTER_FOR {
                return false;
            }
        } else if !needed {
            self.better = None;
            return false;
        }
        if let Some(left) = self.left.get_mut(self.chosen) {
            *left = Some(now);
        }
        self.better = None;
        self.chosen = at;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Quality = Quality { good: true, up: true, rtt_ms: 64.0, loss: 0.0 };
    const DEAD: Quality = Quality { good: false, up: false, ..FINE };
    const LOSSY: Quality = Quality { good: false, loss: 0.05, ..FINE };

    fn at(second: u64) -> Time {
        Time::from_millis(second * 1_000)
    }

    #[test]
    fn a_dead_or_lossy_lane_is_left_at_once_and_for_a_while() {
        for bad in [DEAD, LOSSY] {
            let mut choice = LaneChoice::new(3);
            assert!(choice.look(at(1), &[bad, FINE, FINE]));
            assert_eq!(choice.chosen(), 1);
            assert!(choice.look(at(2), &[FINE, bad, FINE]));
            assert_eq!(choice.chosen(), 2, "not back to the first");
            assert!(!choice.look(at(3), &[FINE, FINE, FINE]), "and no move without need");
        }
    }

    #[test]
    fn when_all_are_bad_alike_it_stays() {
        let mut choice = LaneChoice::new(2);
        assert!(!choice.look(at(1), &[LOSSY, LOSSY]));
        assert!(!choice.look(at(1), &[DEAD, DEAD]));
        assert!(choice.look(at(1), &[DEAD, LOSSY]), "lossy is better than dead");
    }

    #[test]
    fn a_faster_lane_is_taken_only_if_it_stays_faster() {
        let mut choice = LaneChoice::new(2);
        let slow = Quality { rtt_ms: 90.0, ..FINE };
        assert!(!choice.look(at(1), &[slow, FINE]));
        assert!(!choice.look(at(3), &[FINE, FINE]));
        assert!(!choice.look(at(4), &[slow, FINE]));
        assert!(!choice.look(at(8), &[slow, FINE]));
        assert!(choice.look(at(9), &[slow, FINE]));
    }
}
