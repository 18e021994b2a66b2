//! How much an element gets that cannot say how much it wants: a rate, cut to what it was seen to answer, and raised
//! again while it answers promptly.

use super::round::Verdict;
use std::time::{Duration, Instant};

/// No element gets fewer new requests, a second: by these it is seen when it is well again.
const RATE_MIN: f64 = 1.0;
/// A cut leaves so much of what the element was seen to take.
const CUT: f64 = 0.9;
/// So much when requests were late: those that wait there, and come again and again, have to be worked off as well.
const CUT_LATE: f64 = 0.5;
/// One cut of a limit takes no more, the first for what may be a moment's bad luck, the next for what is not.
const CUT_MOST: [f64; 2] = [0.75, 0.5];
/// With each overload that is not the same one again, what the element was once seen to take counts for less.
const FORGET: f64 = 0.7;
/// While it is far below what the element was seen to take, and answers promptly, the rate goes there at once.
const FAR: f64 = 0.5;
/// Below that, it grows by this in a round.
const STEP_BELOW: f64 = 0.25;
/// Beyond, it grows by this for every good round in a row.
const STEP_BEYOND: f64 = 0.01;
/// But by no more: what a call costs comes in part when it ends.
const STEP_MAX: f64 = 0.06;
/// A rate that nobody needed for so many rounds is given up.
const UNNEEDED_MAX: u32 = 5;
/// RFC 3261 §20.33: a pause that an element may ask for; one that asks for an hour is asked again after this.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A pause costs all that the element can do meanwhile, so the next one is risked after so many times as long.
const PAUSE_PRICE: u32 = 20;
/// But after this at the latest.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// The law of one element.
///
/// ```text
///             Overloaded                    Overloaded: cut
///   +------+ ------------------> +---------+ Slow: stay
///   | Free |                     | Limited | Well: raise
///   +------+ <------------------ +---------+ <---------+
///      |      Unneeded, five         |                 |
///      |      times in a row         | Stop            | Over
///      |                             v                 |
///      |        Stop             +--------+            |
///      +-----------------------> | Paused | -----------+
///                                +--------+ Stop: the longer one
/// ```
#[derive(Debug, Clone, Copy)]
pub(crate) struct Law {
    state: State,
    /// What the element was seen to take, requests a second.
    knee: f64,
    /// Cuts in a row: one overload, seen again.
    cuts: u32,
    /// Good rounds in a row, in which more was wanted.
    well: u32,
    unneeded: u32,
    /// The rate is not raised before.
    hold: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum State {
    /// It gets all there is.
    Free,
    /// It gets so many new requests a second.
    Limited(f64),
    /// It gets none until then, and after that so many a second.
    Paused(Instant, f64),
}

/// What happens to the law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Event {
    /// A round is over.
    Round(Verdict),
    /// 503 with Retry-After. `taken`: as in [`Verdict::Overloaded`].
    Stop { wait: Duration, taken: f64 },
    /// The pause is over.
    Over,
}

impl Law {
    pub(crate) fn new() -> Self {
        Self { state: State::Free, knee: 0.0, cuts: 0, well: 0, unneeded: 0, hold: None }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Takes one step. True: what was sent so far says nothing of what the element can take from now on.
    #[expect(
        clippy::match_same_arms,
        reason = "the table reads by state, and each silence has its own reason"
    )]
    pub(crate) fn handle(&mut self, now: Instant, event: Event) -> bool {
        use Event::{Over, Round, Stop};
        use State::{Free, Limited, Paused};
        use Verdict::{Overloaded, Slow, Unneeded, Well};
        match (self.state, event) {
            (Free, Round(Overloaded { taken, sent, late })) => self.cut_first(taken, sent, late),
            (Limited(rate), Round(Overloaded { taken, sent: _, late })) => self.cut(taken, rate, late),
            (Free, Stop { wait, taken }) => {
                self.knee = taken;
                self.pause(now, wait, taken);
            }
            (Limited(rate), Stop { wait, taken: _ }) => {
                self.knee = self.knee.min(rate);
                self.pause(now, wait, rate);
            }
            (Paused(until, rate), Stop { wait, taken: _ }) => {
                self.state = Paused(until.max(now + wait.min(PAUSE_MAX)), rate);
                return false;
            }
            (Paused(_, rate), Over) => self.state = Limited(rate),
            (Limited(_), Round(Unneeded)) => {
                (self.unneeded, self.well, self.cuts) = (self.unneeded + 1, 0, 0);
                if self.unneeded >= UNNEEDED_MAX {
                    *self = Self::new();
                }
                return false;
            }
            (Limited(rate), Round(Slow { taken })) => {
                // It is as busy as it can be: more than what it takes is only wanted.
                self.state = Limited(rate.min(taken.max(rate * CUT)).max(RATE_MIN));
                (self.unneeded, self.well) = (0, 0);
                return false;
            }
            (Limited(rate), Round(Well)) => {
                (self.unneeded, self.cuts) = (0, 0);
                self.raise(now, rate);
                return false;
            }
            // All is well, or it is not known otherwise.
            (Free, Round(Unneeded | Slow { .. } | Well)) => return false,
            // Nothing new was sent: what is seen now is of before.
            (Paused(..), Round(Overloaded { .. } | Unneeded | Slow { .. } | Well)) => return false,
            // There was no pause.
            (Free | Limited(_), Over) => return false,
        }
        true
    }

    fn cut_first(&mut self, taken: f64, sent: f64, late: bool) {
        self.knee = taken;
        let left = if late { CUT_LATE } else { CUT };
        self.limit((taken * left).min(sent * CUT));
    }

    fn cut(&mut self, taken: f64, rate: f64, late: bool) {
        let again = self.cuts > 0;
        // An element that takes nothing is away, and may come back as it was.
        if taken > 0.0 {
            self.knee = taken.max(if again { self.knee } else { self.knee * FORGET });
        }
        let least = rate * CUT_MOST[usize::from(again && late)];
        let most = if again && late { least } else { rate * CUT };
        self.limit((taken * CUT).clamp(least, most));
    }

    fn limit(&mut self, rate: f64) {
        self.state = State::Limited(rate.max(RATE_MIN));
        (self.well, self.unneeded, self.cuts) = (0, 0, self.cuts + 1);
    }

    fn pause(&mut self, now: Instant, wait: Duration, taken: f64) {
        self.limit(taken * CUT);
        let State::Limited(rate) = self.state else { unreachable!("a limit is Limited") };
        let wait = wait.min(PAUSE_MAX);
        self.state = State::Paused(now + wait, rate);
        self.hold = Some(now + wait + (wait * PAUSE_PRICE).min(HOLD_MAX));
    }

    fn raise(&mut self, now: Instant, rate: f64) {
        let rate = if rate < self.knee * FAR {
            self.knee * FAR
        } else if rate < self.knee * CUT {
            (rate * (1.0 + STEP_BELOW)).min(self.knee * CUT)
        } else if self.hold.is_some_and(|hold| now < hold) {
            rate
        } else {
            self.well += 1;
            rate * (1.0 + (STEP_BEYOND * f64::from(self.well)).min(STEP_MAX))
        };
        self.state = State::Limited(rate);
    }
}

#[cfg(test)]
mod tests;
