//! How much a link loses. A handful of probes a report is too little for an average: one probe lost of five
//! says nothing, four lost of twenty say everything. So a change-point test decides *when* the loss has
//! changed, and plain counts since that point say *how much* it is.

use crate::Time;

/// Loss that is no news between cloud regions.
const LOSS_USUAL: f64 = 0.01;
/// Loss that is a brownout.
const LOSS_BAD: f64 = 0.15;
/// The sum at which a brownout is believed. Simulated with ten probes a second: 20 % of loss is seen after
/// 2.5 s on average; a steady 1 % is mistaken for it once in five hours, 0.5 % practically never.
const ALARM: f64 = 9.0;
/// The sum at which it is taken to be over: 40 good probes since the last bad spell.
const ALL_CLEAR: f64 = ALARM / 3.0;
/// A link without a history counts as one that carried this many probes without a loss.
const PRESUMED_CLEAN: f64 = 200.0;
/// How soon counts lose half their weight: while all is well, and during a brownout.
const HALF_LIFE_USUAL_S: f64 = 60.0;
const HALF_LIFE_BAD_S: f64 = 2.0;

/// Page's CUSUM test on the log-likelihood ratio of bad against usual loss, with the counts it dates:
///
/// ```text
///                  sum ≥ ALARM: count from where the sum last stood at 0
///          ┌──────────────────────────────────────────────────────────────▶┐
///   usual (half-life 60 s)                                     brownout (half-life 2 s)
///          └◀──────────────────────────────────────────────────────────────┘
///                  sum ≤ ALL_CLEAR: count from where the sum last stood at ALARM
/// ```
#[derive(Clone, Debug)]
pub struct LossEstimate {
    sum: f64,
    brownout: bool,
    counts: Counts,
    /// What was counted since the sum last stood at the far end: where the change lies, if there was one.
    since_turn: Counts,
    at: Time,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    probes: f64,
    lost: f64,
}

impl LossEstimate {
    /// A link that nothing is known about.
    pub fn new(now: Time) -> Self {
        let counts = Counts { probes: PRESUMED_CLEAN, lost: 0.0 };
        Self { sum: 0.0, brownout: false, counts, since_turn: Counts::default(), at: now }
    }

    /// Takes in the probes of one report. `lost` is at most `probes`.
    pub fn update(&mut self, now: Time, probes: u32, lost: u32) {
        let (probes, lost) = (f64::from(probes), f64::from(lost));
        let half_life = if self.brownout { HALF_LIFE_BAD_S } else { HALF_LIFE_USUAL_S };
        self.counts.fade(0.5_f64.powf(now.since(self.at).as_secs_f64() / half_life));
        self.at = now;
        self.counts.add(probes, lost);
        self.since_turn.add(probes, lost);

        let evidence = lost * (LOSS_BAD / LOSS_USUAL).ln()
            + (probes - lost) * ((1.0 - LOSS_BAD) / (1.0 - LOSS_USUAL)).ln();
        self.sum = (self.sum + evidence).clamp(0.0, ALARM);
        match self.brownout {
            false if self.sum >= ALARM => self.turn(true),
            false if self.sum <= 0.0 => self.since_turn = Counts::default(),
            true if self.sum <= ALL_CLEAR => self.turn(false),
            true if self.sum >= ALARM => self.since_turn = Counts::default(),
            _ => {}
        }
    }

    /// Loss as it is now, 0 to 1.
    pub fn loss(&self) -> f64 {
        if self.counts.probes > 0.0 { (self.counts.lost / self.counts.probes).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn turn(&mut self, brownout: bool) {
        self.brownout = brownout;
        self.counts = self.since_turn;
        self.since_turn = Counts::default();
        if !brownout {
            self.sum = 0.0;
            self.counts.add(PRESUMED_CLEAN, 0.0);
        }
    }
}

impl Counts {
    fn add(&mut self, probes: f64, lost: f64) {
        self.probes += probes;
        self.lost += lost;
    }

    fn fade(&mut self, factor: f64) {
        self.probes *= factor;
        self.lost *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten probes a second, five a report: losses as listed, one number a report.
    fn feed(estimate: &mut LossEstimate, from_ms: u64, losses: &[u32]) -> u64 {
        let mut ms = from_ms;
        for lost in losses {
            ms += 500;
            estimate.update(Time::from_millis(ms), 5, *lost);
        }
        ms
    }

    #[test]
    fn one_lost_probe_is_no_news() {
        let mut estimate = LossEstimate::new(Time::default());
        feed(&mut estimate, 0, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!(estimate.loss() < 0.01, "{}", estimate.loss());
    }

    #[test]
    fn a_brownout_is_seen_within_seconds_and_sized() {
        let mut estimate = LossEstimate::new(Time::default());
        let ms = feed(&mut estimate, 0, &[0; 100]);
        let ms = feed(&mut estimate, ms, &[1, 1, 1, 1]);
        assert!(estimate.loss() < 0.01, "four in 2 s may be chance: {}", estimate.loss());
        feed(&mut estimate, ms, &[1]);
        assert!((0.15..=0.25).contains(&estimate.loss()), "{}", estimate.loss());
    }

    #[test]
    fn a_healed_link_is_clean_after_four_good_seconds_not_before() {
        let mut estimate = LossEstimate::new(Time::default());
        let ms = feed(&mut estimate, 0, &[1; 40]);
        let ms = feed(&mut estimate, ms, &[0; 6]);
        assert!(estimate.loss() > 0.05, "three good seconds happen in a bad spell: {}", estimate.loss());
        feed(&mut estimate, ms, &[0; 2]);
        assert!(estimate.loss() < 0.001, "{}", estimate.loss());
    }

    #[test]
    fn a_small_steady_loss_is_measured_in_the_long_run() {
        let mut estimate = LossEstimate::new(Time::default());
        for i in 0..1_200 {
            estimate.update(Time::from_millis(500 * i), 5, u32::from(i % 10 == 0));
        }
        assert!((0.015..0.025).contains(&estimate.loss()), "{}", estimate.loss());
    }
}
