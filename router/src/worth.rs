//! What a path is worth by its figures alone: what callers hear, or, when the rules name another objective, its delay or
//! its cost among paths that sound good enough. All of it in points of R, so that margins mean the same everywhere.

use crate::{
    Objective,
    emodel::{Hearing, R_MAX, delay_impairment, loss_impairment},
    graph::Run,
};

/// Of paths that sound the same the shorter one wins.
const DELAY_PRICE_R_PER_MS: f64 = 0.01;
/// Where delay is the objective, 5 ms are worth a point of R.
const OBJECTIVE_DELAY_R_PER_MS: f64 = 0.2;
/// Where cost is the objective, half a cent a gigabyte is worth a point of R.
const OBJECTIVE_COST_R_PER_USD: f64 = 200.0;
/// A path sounds good enough when it is this near to the best that its codec can give.
const GOOD_ENOUGH_R: f64 = 10.0;
/// Below that, what is lost counts so many times: no delay and no cost makes up for a bad path.
const BELOW_GOOD_FACTOR: f64 = 5.0;

/// How the figures of a path become points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Worth {
    pub(crate) hearing: Hearing,
    pub(crate) objective: Objective,
}

impl Worth {
    /// R of a path over which a packet runs like this. `delay_ms` has what the relays add.
    pub(crate) fn rating(&self, run: &Run, delay_ms: f64) -> f64 {
        self.undelayed(run.survival) - delay_impairment(self.mouth_to_ear_ms(run, delay_ms))
    }

    /// R for this share of packets that arrive, were there no delay: never less than the rating.
    pub(crate) fn undelayed(&self, survival: f64) -> f64 {
        R_MAX - loss_impairment(self.hearing.codec, 1.0 - survival)
    }

    /// What a path of this rating and delay is worth. Grows with the rating and falls with the delay.
    pub(crate) fn of(&self, r: f64, delay_ms: f64) -> f64 {
        match self.objective {
            Objective::Quality => r - DELAY_PRICE_R_PER_MS * delay_ms,
            Objective::Delay => self.good_enough(r) - OBJECTIVE_DELAY_R_PER_MS * delay_ms,
            Objective::Cost => self.good_enough(r) - DELAY_PRICE_R_PER_MS * delay_ms,
        }
    }

    /// What the price of a link counts where cost is the objective.
    pub(crate) fn cost_r(usd_per_gb: f64) -> f64 {
        -OBJECTIVE_COST_R_PER_USD * usd_per_gb
    }

    /// R up to what is good enough; more is worth nothing, less costs dearly.
    fn good_enough(&self, r: f64) -> f64 {
        let enough = R_MAX - loss_impairment(self.hearing.codec, 0.0) - GOOD_ENOUGH_R;
        enough - BELOW_GOOD_FACTOR * (enough - r).max(0.0)
    }

    /// The path, the packet that is filled before it is sent, and the jitter buffer at the far end. The
    /// buffer is taken to follow the jitter of the path once that outgrows it.
    fn mouth_to_ear_ms(&self, run: &Run, delay_ms: f64) -> f64 {
        delay_ms + self.hearing.packet_ms + self.hearing.jitter_buffer_ms.max(2.0 * run.jitter_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn an_objective_decides_among_paths_that_sound_good_enough_and_no_further() {
        let worth =
            |objective| Worth { hearing: Settings::default().hearing(&crate::Class::voice()), objective };
        // R and delay of two paths: which is worth more?
        let table = [
            (Objective::Quality, (93.0, 60.0), (90.0, 20.0), true),
            (Objective::Delay, (93.0, 60.0), (90.0, 20.0), false),
            (Objective::Delay, (90.0, 60.0), (70.0, 20.0), true),
            (Objective::Cost, (93.0, 30.0), (90.0, 20.0), false),
            (Objective::Cost, (84.0, 90.0), (75.0, 20.0), true),
        ];
        for (objective, (r, ms), (other_r, other_ms), first) in table {
            let worth = worth(objective);
            assert_eq!(worth.of(r, ms) > worth.of(other_r, other_ms), first, "{objective:?}: {r}, {other_r}");
        }
    }
}
