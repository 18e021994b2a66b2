//! Round trips of one lane: quantiles over the last ones, the jitter of RFC 3550, how long an answer may take, and a
//! change-point test that sees a step in delay before quantiles over a window can.

use std::{collections::VecDeque, time::Duration};

/// Round trips that quantiles are taken over.
const WINDOW: usize = 64;
/// As many in a row beyond all that is usual are a step: one spike never is, nor are three.
const STEP_UP: usize = 5;
const STEP_DOWN: usize = 12;
/// A step is more than this.
const STEP_MS_MIN: f64 = 8.0;
/// What an answer may take beyond the slowest of the last ones, at least.
const MARGIN_MS: f64 = 15.0;
/// How long an answer may take before there was one, and at the most.
const PATIENCE_MS_FIRST: f64 = 1_000.0;
const PATIENCE_MS_MAX: f64 = 2_000.0;
/// Quantiles are taken anew after so many round trips.
const STRIDE: u32 = 4;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrips {
    recent: VecDeque<f64>,
    jitter_ms: f64,
    band: Band,
    stale: u32,
    above: usize,
    below: usize,
    /// The median before the last step up, until the way is fast again.
    before_step_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Band {
    p5: f64,
    median: f64,
    p95: f64,
    /// The slowest but one: a single spike must not make everybody patient.
    slow: f64,
}

impl RoundTrips {
    pub(crate) fn new() -> Self {
        Self {
            recent: VecDeque::with_capacity(WINDOW),
            jitter_ms: 0.0,
            band: Band::default(),
            stale: 0,
            above: 0,
            below: 0,
            before_step_ms: None,
        }
    }

    /// Takes one in. True when it makes a step known.
    pub(crate) fn push(&mut self, rtt: Duration) -> bool {
        let rtt_ms = rtt.as_secs_f64() * 1_000.0;
        if let Some(before) = self.recent.back() {
            // RFC 3550 §6.4.1, with round trips for transits.
            self.jitter_ms += ((rtt_ms - before).abs() - self.jitter_ms) / 16.0;
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        let known = self.recent.len() >= 2 * STEP_UP;
        self.recent.push_back(rtt_ms);
        let least = STEP_MS_MIN.max(self.band.median * 0.1);
        self.above = if known && rtt_ms > self.band.p95 + least { self.above + 1 } else { 0 };
        self.below = if known && rtt_ms < self.band.p5 - least { self.below + 1 } else { 0 };
        let step = if self.above >= STEP_UP {
            Some(STEP_UP)
        } else if self.below >= STEP_DOWN {
            Some(STEP_DOWN)
        } else {
            None
        };
        if let Some(keep) = step {
            self.begin_with(keep);
        }
        self.stale += 1;
        // What may be a step is measured against what was before it.
        let calm = self.above == 0 && self.below == 0;
        if step.is_some() || (calm && (self.stale >= STRIDE || self.recent.len() < WINDOW / 2)) {
            self.measure();
        }
        step.is_some()
    }

    /// Whether the last one was beyond all that is usual.
    pub(crate) fn is_above(&self) -> bool {
        self.above > 0
    }

    /// Other lanes make a step known: the last ones here, if they were slow, are no spikes either.
    pub(crate) fn believe_step(&mut self) {
        if self.above > 0 {
            self.begin_with(self.above);
            self.measure();
        }
    }

    fn begin_with(&mut self, keep: usize) {
        if self.above > 0 {
            self.before_step_ms.get_or_insert(self.band.median);
        }
        self.recent.drain(..self.recent.len().saturating_sub(keep));
        (self.above, self.below) = (0, 0);
    }

    /// Median, ms; zero before the first.
    pub(crate) fn median_ms(&self) -> f64 {
        self.band.median
    }

    /// 95th percentile, ms.
    pub(crate) fn p95_ms(&self) -> f64 {
        self.band.p95
    }

    /// RFC 3550 §6.4.1, ms.
    pub(crate) fn jitter_ms(&self) -> f64 {
        self.jitter_ms
    }

    /// By how much the way is slower than before the last step, ms.
    pub(crate) fn slower_ms(&self) -> f64 {
        self.before_step_ms.map_or(0.0, |before| (self.band.median - before).max(0.0))
    }

    /// How long an answer may take before it is missed.
    pub(crate) fn patience(&self) -> Duration {
        let ms = if self.recent.is_empty() {
            PATIENCE_MS_FIRST
        } else {
            // Their spread rather than the jitter, which one spike drives up.
            let margin = MARGIN_MS.max(self.band.p95 - self.band.p5);
            // A few round trips are no picture of the slow ones.
            let unsure = if self.recent.len() < 2 * STEP_UP { self.band.slow } else { 0.0 };
            (self.band.slow + margin + unsure).min(PATIENCE_MS_MAX)
        };
        Duration::from_secs_f64(ms / 1_000.0)
    }

    fn measure(&mut self) {
        self.stale = 0;
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| {
            sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0.0)
        };
        let slow = sorted.len().checked_sub(2).and_then(|at| sorted.get(at)).copied();
        self.band =
            Band { p5: rank(5), median: rank(50), p95: rank(95), slow: slow.unwrap_or_else(|| rank(100)) };
        if self.before_step_ms.is_some_and(|before| self.band.median < before + STEP_MS_MIN) {
            self.before_step_ms = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn steady(count: u64) -> RoundTrips {
        let mut trips = RoundTrips::new();
        for n in 0..count {
            trips.push(ms(64 + n % 8));
        }
        trips
    }

    #[test]
    fn quantiles_and_patience_follow_the_last_ones() {
        let trips = steady(200);
        assert!((66.0..=69.0).contains(&trips.median_ms()) && trips.p95_ms() >= 70.0, "{trips:?}");
        assert!((ms(84)..=ms(92)).contains(&trips.patience()), "{:?}", trips.patience());
    }

    #[test]
    fn one_spike_never_shows() {
        let mut trips = steady(200);
        let (median, patience) = (trips.median_ms(), trips.patience());
        for n in 0..600 {
            let spike = n % 100 == 50;
            assert!(!trips.push(if spike { ms(900) } else { ms(64 + n % 8) }));
            assert!((trips.median_ms() - median).abs() < 2.0);
            assert!(trips.patience() < patience + ms(250), "{:?}", trips.patience());
        }
    }

    #[test]
    fn a_step_shows_after_five_and_its_end_after_twelve() {
        let mut trips = steady(200);
        let steps: Vec<bool> = (0..6).map(|n| trips.push(ms(144 + n))).collect();
        assert_eq!(steps, [false, false, false, false, true, false]);
        assert!(trips.median_ms() >= 144.0 && trips.slower_ms() > 70.0);
        for n in 0..40 {
            trips.push(ms(144 + n % 8));
        }
        let steps = (0..12).filter(|n| trips.push(ms(64 + n % 4))).count();
        assert_eq!((steps, trips.slower_ms()), (1, 0.0));
        assert!(trips.median_ms() < 70.0);
    }
}
