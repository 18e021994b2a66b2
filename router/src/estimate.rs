//! Two robust ways to read a noisy number: the median of the last three, and a mean that falls fast and
//! rises slowly.

use serde::{Deserialize, Serialize};

/// Falls by this share of the way with each report ...
const FALL: f64 = 0.8;
/// ... and rises by this share of the way in half a second: what got worse is believed at once, what got
/// better has to prove it.
const RISE: f64 = 0.4;
const RISE_PERIOD_S: f64 = 0.5;

/// Delay, jitter and loss of a link, either as they are now or smoothed. Higher is worse in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measure {
    /// One way, ms: half the 95th percentile of the round trips.
    pub(crate) delay_ms: f64,
    pub(crate) jitter_ms: f64,
    /// 0 to 1.
    pub(crate) loss: f64,
}

impl Measure {
    /// One step from this smoothed measure toward a new one, `elapsed_s` after the last step.
    pub(crate) fn toward(self, new: Measure, elapsed_s: f64) -> Measure {
        let rise = 1.0 - (1.0 - RISE).powf(elapsed_s / RISE_PERIOD_S);
        let step = |old: f64, new: f64| old + (new - old) * if new > old { FALL } else { rise };
        Measure {
            delay_ms: step(self.delay_ms, new.delay_ms),
            jitter_ms: step(self.jitter_ms, new.jitter_ms),
            loss: step(self.loss, new.loss),
        }
    }
}

/// The median of the last three values. One spike, say a pause of the measuring process, never shows; of only
/// two values the lower one counts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct MedianOf3 {
    last: [Option<f64>; 3],
}

impl MedianOf3 {
    pub(crate) fn push(&mut self, value: f64) {
        self.last = [Some(value), self.last[0], self.last[1]];
    }

    pub(crate) fn median(&self) -> Option<f64> {
        match self.last {
            [Some(a), Some(b), Some(c)] => Some(a.max(b).min(a.min(b).max(c))),
            [Some(a), Some(b), None] => Some(a.min(b)),
            [a, ..] => a,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spike_never_shows_and_a_step_shows_in_two() {
        let mut median = MedianOf3::default();
        let mut seen = Vec::new();
        for value in [30.0, 31.0, 200.0, 30.0, 110.0, 112.0] {
            median.push(value);
            seen.push(median.median().unwrap());
        }
        assert_eq!(seen, [30.0, 30.0, 31.0, 31.0, 110.0, 110.0]);
        assert_eq!(MedianOf3::default().median(), None);
    }

    #[test]
    fn quality_falls_at_once_and_rises_within_seconds() {
        let measure = |loss| Measure { loss, ..Measure::default() };
        let mut smoothed = measure(0.0).toward(measure(0.2), 0.5);
        assert!((smoothed.loss - 0.16).abs() < 1e-9, "{}", smoothed.loss);
        let mut seconds = 0.0;
        while smoothed.loss > 0.01 {
            smoothed = smoothed.toward(measure(0.0), 0.25);
            seconds += 0.25;
        }
        assert!((2.0..4.0).contains(&seconds), "{seconds} s, whatever the interval of the reports");
    }
}
