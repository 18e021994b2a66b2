//! A share of a sequence, taken evenly: of every ten requests at a share of 0.3 just three, and no three in a row.

/// Takes a share of what comes by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    /// How much of the next one has been earned, 0 to 1.
    earned: f64,
}

impl Spread {
    /// Whether this one is taken; `share` is 0 to 1.
    pub(crate) fn takes(&mut self, share: f64) -> bool {
        // A sum of tenths falls short of one by a rounding.
        const NEARLY: f64 = 1.0 - 1e-9;
        self.earned += share.clamp(0.0, 1.0);
        let taken = self.earned >= NEARLY;
        if taken {
            self.earned = (self.earned - 1.0).max(0.0);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_taken_to_one() {
        for percent in 0..=100 {
            let mut spread = Spread::default();
            let taken = (0..1_000).filter(|_| spread.takes(f64::from(percent) / 100.0)).count();
            assert_eq!(taken, percent as usize * 10);
        }
    }

    #[test]
    fn it_is_taken_evenly() {
        let mut spread = Spread::default();
        let taken: Vec<bool> = (0..9).map(|_| spread.takes(1.0 / 3.0)).collect();
        assert_eq!(taken, [false, false, true, false, false, true, false, false, true]);
    }
}
