//! Local admission: when messages wait too long before this node treats them, it refuses a share of what is new.
//! Controlled delay, after CoDel (RFC 8289): not that a queue is long at times, but that it never empties, is overload.

use super::{priority::Priority, spread::Spread};
use std::time::{Duration, Instant};

/// The least wait of such a time counts.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);
/// Never everything: what is refused tells nothing of how it would go.
const SHARE_MAX: f64 = 0.98;
/// A smaller share is none.
const SHARE_MIN: f64 = 0.01;
/// So much of what is still admitted is refused in addition, when the wait is four targets or more.
const STEP_UP: f64 = 0.3;
/// So much of the share stays when the wait is below target.
const STEP_DOWN: f64 = 0.9;
/// A wait of so many targets: even who was told does not do it.
const SEVERE: u32 = 10;

/// The admission of one core.
///
/// ```text
///            the least wait of an interval is above target: share up
///   +------+ ---------------------------------------> +----------+ above target and not falling: up
///   | Calm |                                          | Shedding | above target and falling: stay
///   +------+ <--------------------------------------- +----------+ below target: down
///            below target, and the share is next to nothing
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    target: Duration,
    /// 0 while calm.
    share: f64,
    since: Option<Instant>,
    /// Of this interval so far, and of the one before.
    least: Option<Duration>,
    before: Duration,
    spread: Spread,
}

impl Admission {
    pub(crate) fn new(target: Duration) -> Self {
        let (least, before) = (None, Duration::ZERO);
        Self { target, share: 0.0, since: None, least, before, spread: Spread::default() }
    }

    /// The share of new requests that is refused, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// What is treated now has waited for so long.
    pub(crate) fn note(&mut self, now: Instant, waited: Duration) {
        self.step(now);
        self.least = Some(self.least.map_or(waited, |least| least.min(waited)));
    }

    /// What the passing of time brings.
    pub(crate) fn step(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= INTERVAL {
            // Nothing came: nothing waits.
            self.turn(self.least.unwrap_or_default());
            (self.since, self.least) = (Some(now), None);
        }
    }

    /// Whether a request is refused. `told`: its sender hears what share to hold back (RFC 7339 §5.10.2), and has
    /// done so.
    pub(crate) fn refuses(&mut self, priority: Priority, told: bool) -> bool {
        let spared = told && self.before < self.target * SEVERE;
        self.share > 0.0 && priority == Priority::New && !spared && self.spread.takes(self.share)
    }

    fn turn(&mut self, least: Duration) {
        if least > self.target {
            // What falls already needs no more; what has piled up before takes its time.
            if least >= self.before.mul_f64(0.95) || self.share == 0.0 {
                let excess = least.as_secs_f64() / (4.0 * self.target.as_secs_f64().max(1e-3));
                self.share += (1.0 - self.share) * STEP_UP * excess.min(1.0);
            }
        } else {
            self.share *= STEP_DOWN;
        }
        self.share = if self.share < SHARE_MIN { 0.0 } else { self.share.min(SHARE_MAX) };
        self.before = least;
    }
}

#[cfg(test)]
mod tests;
