//! A mean that falls fast and rises slowly: what got worse is believed at once, what got better has to prove it.
//! It goes on between reports, which come only when something has changed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// News that are worse count for this share of the way at once.
const FALL: f64 = 0.8;
/// What is left of the way after a period, when the value falls (in quality) ...
const FALL_LEFT: f64 = 0.2;
/// ... and when it rises.
const RISE_LEFT: f64 = 0.6;
const PERIOD_S: f64 = 0.5;
/// Closer than this is there: one way, ms ...
const DELAY_EPSILON_MS: f64 = 0.25;
/// ... and share of packets.
const LOSS_EPSILON: f64 = 0.000_5;

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
    /// Where this smoothed measure is after some time, when the present one stays.
    pub(crate) fn after(self, elapsed: Duration, now: &Measure) -> Measure {
        let periods = elapsed.as_secs_f64() / PERIOD_S;
        let (fall, rise) = (FALL_LEFT.powf(periods), RISE_LEFT.powf(periods));
        self.along(now, |old, new| if new > old { fall } else { rise })
    }

    /// One step toward a present measure that has just come.
    pub(crate) fn at_once(self, now: &Measure) -> Measure {
        self.along(now, |old, new| if new > old { 1.0 - FALL } else { 1.0 })
    }

    fn along(self, now: &Measure, left: impl Fn(f64, f64) -> f64) -> Measure {
        let toward = |old: f64, new: f64, epsilon: f64| {
            let next = new + (old - new) * left(old, new);
            if (next - new).abs() < epsilon { new } else { next }
        };
        Measure {
            delay_ms: toward(self.delay_ms, now.delay_ms, DELAY_EPSILON_MS),
            jitter_ms: toward(self.jitter_ms, now.jitter_ms, DELAY_EPSILON_MS),
            loss: toward(self.loss, now.loss, LOSS_EPSILON),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_falls_at_once_and_rises_within_seconds_without_any_report() {
        let measure = |loss| Measure { loss, ..Measure::default() };
        let mut smoothed = measure(0.0).at_once(&measure(0.2));
        assert!((smoothed.loss - 0.16).abs() < 1e-9, "{}", smoothed.loss);
        smoothed = smoothed.at_once(&measure(0.0));
        assert!((smoothed.loss - 0.16).abs() < 1e-9, "better news are not believed at once");
        let mut seconds = 0.0;
        while smoothed != measure(0.0) {
            smoothed = smoothed.after(Duration::from_millis(250), &measure(0.0));
            seconds += 0.25;
        }
        assert!((4.0..7.0).contains(&seconds), "{seconds} s, and then it is there");
    }

    #[test]
    fn it_does_not_matter_how_often_one_looks() {
        let (far, near) = (Measure { delay_ms: 200.0, ..Measure::default() }, Measure::default());
        let once = far.after(Duration::from_millis(1_000), &near);
        let often = (0..10).fold(far, |smoothed, _| smoothed.after(Duration::from_millis(100), &near));
        assert!((once.delay_ms - often.delay_ms).abs() < 1e-6);
    }
}
