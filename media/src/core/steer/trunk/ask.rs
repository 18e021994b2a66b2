//! Probes: so that what may be needed is known to answer before it is needed, and what is doubted is asked at once.

use super::{Output, PathNumber, Stage, Time, Trunk};
use crate::core::steer::ways::Known;
use std::time::Duration;

/// In a stage of doubt each place that matters is asked so often.
const PRESSING: Duration = Duration::from_millis(20);

impl Trunk {
    /// Asks what is due to be asked.
    pub(super) fn ask(&mut self, now: Time) {
        for at in 0..self.arms.len() {
            if self.arms[at].ask_at.is_none_or(|due| now < due) {
                continue;
            }
            self.arms[at].ask_at = Some(now + PRESSING);
            let (stage, lead, other) = (self.arms[at].stage, self.arms[at].lead, self.arms[at].other);
            // What carries packets answers for them; while it is doubted, a probe says so to the far end.
            let lanes = matches!(stage, Stage::Suspect | Stage::Confirmed);
            let lanes = lead.filter(|_| lanes).and_then(|lead| self.ways.known(lead.path()));
            let lanes = lanes.map(Known::numbers);
            for number in
                lanes.into_iter().flatten().chain(other).chain(lead.filter(|_| stage == Stage::Settling))
            {
                self.probe(now, number);
            }
        }
        for way in 0..self.ways.iter().count() {
            let Some(numbers) = self.ways.iter().nth(way).map(Known::numbers) else { continue };
            for number in numbers {
                if self.question_at(number).is_some_and(|due| due <= now) {
                    self.probe(now, number);
                }
            }
        }
    }

    /// When some number is to be asked next.
    pub(super) fn next_question(&self) -> Option<Time> {
        self.ways.iter().flat_map(Known::numbers).filter_map(|number| self.question_at(number)).min()
    }

    /// When a number is to be asked, as long as nothing presses: all lanes of what is in use, one of everything else, and the
    /// others when that is dark.
    fn question_at(&self, number: PathNumber) -> Option<Time> {
        let known = self.ways.known(number.path())?;
        let health = self.ways.health(number)?;
        let is_lead = self.arms[..self.copies()].iter().any(|arm| arm.uses(number.path()));
        (known.listed && (is_lead || known.lane == number.lane())).then(|| health.question_at())
    }

    fn probe(&mut self, now: Time, number: PathNumber) {
        let Some(health) = self.ways.health_mut(number) else { return };
        let sequence = health.leave(now);
        health.probed = Some(now);
        self.counts.probes += 1;
        self.say(Output::SendProbe { number, sequence });
    }
}
