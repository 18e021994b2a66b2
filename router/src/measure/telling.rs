//! When a change is worth telling the others. What is not waits for the next refresh, so quiet links cost nothing.

use crate::{LaneReport, LinkReport};

/// A change of loss that counts: so many points, and so much of what was told.
const LOSS_STEP: f64 = 0.003;
const LOSS_PART: f64 = 0.25;
/// A change of delay that counts: so many ms, and so much of what was told.
const DELAY_STEP_MS: f64 = 2.0;
const DELAY_PART: f64 = 0.05;
/// Jitter moves all the time, and weighs little.
const JITTER_STEP_MS: f64 = 4.0;
const JITTER_PART: f64 = 0.5;

/// Whether the others should hear of `now` at once, who last heard `told`.
pub fn worth_telling(told: &LinkReport, now: &LinkReport) -> bool {
    let plain = told.up != now.up || told.lane != now.lane || told.cause != now.cause;
    let lanes = |link: &LinkReport| link.lanes.iter().map(|lane: &LaneReport| lane.up).collect::<Vec<_>>();
    let loss = |told: f64, now: f64| (now - told).abs() > LOSS_STEP.max(LOSS_PART * told);
    let delay = |told: f64, now: f64| {
        let step = (now - told).abs();
        step > DELAY_STEP_MS && step > DELAY_PART * told
    };
    let jitter = |told: f64, now: f64| (now - told).abs() > JITTER_STEP_MS.max(JITTER_PART * told);
    plain
        || lanes(told) != lanes(now)
        || loss(told.loss, now.loss)
        || loss(told.loss_back, now.loss_back)
        || delay(told.rtt_ms, now.rtt_ms)
        || delay(told.rtt_p95_ms, now.rtt_p95_ms)
        || jitter(told.jitter_ms, now.jitter_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    #[test]
    fn what_is_worth_telling() {
        let told = LinkReport::clean("us-east-1".parse().unwrap(), 64.0);
        let lossy = LinkReport { loss: 0.05, ..told.clone() };
        let table = [
            (&told, told.clone(), false),
            (&told, LinkReport { rtt_ms: 65.9, loss: 0.002, packets: 7, ..told.clone() }, false),
            (&told, LinkReport { rtt_ms: 66.5, ..told.clone() }, false),
            (&told, LinkReport { rtt_ms: 68.0, ..told.clone() }, true),
            (&told, LinkReport { rtt_p95_ms: 90.0, ..told.clone() }, true),
            (&told, LinkReport { loss: 0.004, ..told.clone() }, true),
            (&lossy, LinkReport { loss: 0.06, ..told.clone() }, false),
            (&lossy, LinkReport { loss: 0.07, ..told.clone() }, true),
            (&told, LinkReport { up: false, ..told.clone() }, true),
            (&told, LinkReport { lane: 1, ..told.clone() }, true),
            (&told, LinkReport { cause: Cause::Server, ..told.clone() }, true),
        ];
        for (told, now, worth) in table {
            assert_eq!(worth_telling(told, &now), worth, "{told:?}, then {now:?}");
        }
    }
}
