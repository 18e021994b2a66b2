//! What the callers heard: R in windows of two seconds, calls of two and a half minutes one after the other.

use ringway_router::emodel::rating;

use super::way::{CODEC, Fate, Way};
use crate::atlas::sky::STEP_MS;

/// Within a window loss is a mean and delay a 95th percentile, as the E-model wants them.
pub(crate) const WINDOW_STEPS: u64 = 20;
const CALL_WINDOWS: u64 = 75;
/// Under this, "many users are dissatisfied" (G.107 Annex B).
const R_POOR: f64 = 70.0;

/// One pair under one way of steering.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    arrives: f64,
    weight: f64,
    delays: Vec<(f64, f64)>,
    /// Steps of the window so far.
    steps: u64,
    call_r: f64,
    call_windows: u64,
    last: Option<Way>,
    pub(crate) total: Total,
}

/// What a tape amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Total {
    pub(crate) r_sum: f64,
    pub(crate) windows: u64,
    pub(crate) calls: u64,
    pub(crate) poor: u64,
    pub(crate) switches: u64,
}

impl Tape {
    /// A share of a step on this way.
    pub(crate) fn play(&mut self, way: Way, share: f64, fate: &Fate) {
        if self.last.is_some_and(|last| last != way) {
            self.total.switches += 1;
        }
        self.last = Some(way);
        self.arrives += share * fate.arrives;
        self.weight += share;
        if fate.arrives > 0.0 {
            self.delays.push((fate.mouth_to_ear_ms, share * fate.arrives));
        }
    }

    /// The step is over. Returns the rating of the window when that is over, too.
    pub(crate) fn end_step(&mut self) -> Option<f64> {
        self.steps += 1;
        if self.steps < WINDOW_STEPS {
            return None;
        }
        let r = rating(CODEC, self.delay_p95_ms(), 1.0 - (self.arrives / self.weight).min(1.0));
        self.total.r_sum += r;
        self.total.windows += 1;
        self.call_r += r;
        self.call_windows += 1;
        if self.call_windows == CALL_WINDOWS {
            self.total.calls += 1;
            self.total.poor += u64::from(self.call_r / (CALL_WINDOWS as f64) < R_POOR);
            (self.call_r, self.call_windows) = (0.0, 0);
        }
        (self.arrives, self.weight, self.steps) = (0.0, 0.0, 0);
        self.delays.clear();
        Some(r)
    }

    fn delay_p95_ms(&mut self) -> f64 {
        self.delays.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = 0.95 * self.delays.iter().map(|(_, share)| share).sum::<f64>();
        for (delay_ms, share) in &self.delays {
            left -= share;
            if left <= 0.0 {
                return *delay_ms;
            }
        }
        self.delays.last().map_or(0.0, |(delay_ms, _)| *delay_ms)
    }
}

impl Total {
    pub(crate) fn add(&mut self, other: &Total) {
        self.r_sum += other.r_sum;
        self.windows += other.windows;
        self.calls += other.calls;
        self.poor += other.poor;
        self.switches += other.switches;
    }

    pub(crate) fn r(&self) -> f64 {
        self.r_sum / self.windows as f64
    }

    pub(crate) fn poor_percent(&self) -> f64 {
        100.0 * self.poor as f64 / self.calls.max(1) as f64
    }

    pub(crate) fn hours(&self) -> f64 {
        (self.windows * WINDOW_STEPS * STEP_MS) as f64 / 3_600_000.0
    }

    pub(crate) fn switches_an_hour(&self) -> f64 {
        self.switches as f64 / self.hours()
    }
}
