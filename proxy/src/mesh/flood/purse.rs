//! A purse: what may be spent at once, and how fast it fills again.

use std::time::Instant;

/// See the module. Pure: time comes with every question.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    amount: f64,
    at: Instant,
}

impl Purse {
    /// A full one.
    pub(super) fn new(now: Instant, most: f64) -> Self {
        Self { amount: most, at: now }
    }

    /// What is in it now, when it fills by `each_s` a second up to `most`.
    pub(super) fn amount(&mut self, now: Instant, each_s: f64, most: f64) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.amount = (self.amount + passed * each_s).min(most);
        self.at = self.at.max(now);
        self.amount
    }

    /// Takes `cost` out, whether it is there or not.
    pub(super) fn spend(&mut self, cost: f64) {
        self.amount -= cost;
    }

    /// Takes `cost` out if it is there.
    pub(super) fn take(&mut self, now: Instant, cost: f64, each_s: f64, most: f64) -> bool {
        let enough = self.amount(now, each_s, most) >= cost;
        if enough {
            self.spend(cost);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
    fn a_purse_fills_to_its_brim_and_can_owe() {
        let start = Instant::now();
        let mut purse = Purse::new(start, 3.0);
        let taken = (0..5).filter(|_| purse.take(start, 1.0, 2.0, 3.0)).count();
        assert_eq!(taken, 3);
        assert!(purse.take(start + Duration::from_millis(500), 1.0, 2.0, 3.0));
        purse.spend(4.0);
        assert!(!purse.take(start + Duration::from_millis(2_000), 1.0, 2.0, 3.0), "it pays its debt first");
        assert_eq!(purse.amount(start + Duration::from_secs(99), 2.0, 3.0), 3.0);
    }
}
