//! Patience with what does not last. Promotion is damped, removal never is: whatever fails soon after it was
//! promoted waits twice as long before it is promoted again (RFC 2439; RIPE-378 on why removal is left alone).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Time;

/// The hold doubles this often at most: 32 times the base.
const DOUBLINGS_MAX: u32 = 5;
/// What lasted for this many holds is trusted again.
const TRUST_HOLDS: u32 = 12;

/// How often in a row the same thing failed soon after its promotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    doublings: u32,
    promoted_at: Option<Time>,
}

impl Backoff {
    /// How long to wait before the next promotion.
    pub fn hold(&self, base: Duration) -> Duration {
        base.saturating_mul(1 << self.doublings)
    }

    /// It was given another chance.
    pub fn promoted(&mut self, now: Time) {
        self.promoted_at = Some(now);
    }

    /// It had to be removed.
    pub fn failed(&mut self, now: Time, base: Duration) {
        let Some(promoted_at) = self.promoted_at.take() else { return };
        let lasted = now.since(promoted_at);
        if lasted < self.hold(base).saturating_mul(TRUST_HOLDS) {
            self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        } else {
            self.doublings = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_soon_waits_twice_as_long_and_what_lasts_is_forgiven() {
        let base = Duration::from_secs(5);
        let at = |seconds: u64| Time::from_millis(seconds * 1_000);
        let mut backoff = Backoff::default();

        backoff.failed(at(0), base);
        assert_eq!(backoff.hold(base), base, "the first failure is nobody's fault");

        let mut now = 0_u64;
        for expected in [10, 20, 40, 80, 160, 160] {
            backoff.promoted(at(now));
            now += 20;
            backoff.failed(at(now), base);
            assert_eq!(backoff.hold(base), Duration::from_secs(expected));
        }

        backoff.promoted(at(now));
        backoff.failed(at(now + 160 * 12), base);
        assert_eq!(backoff.hold(base), base);
    }
}
