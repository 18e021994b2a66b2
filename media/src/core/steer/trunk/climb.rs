//! From what happens to signs, and from signs to what is done.

use super::{Moved, Output, PathNumber, Protect, Stage, Time, Trunk, Why};
use crate::core::steer::{
    health::Health,
    ladder::{Act, Sign},
    ways::{Known, Need},
};
use std::time::Duration;

/// What the suspect may take longer to answer than its round trip: while copies go over another path there is time to see
/// whether it was a spell of losses, otherwise not.
const PATIENCE: Duration = Duration::from_millis(40);
const PATIENCE_COPIED: Duration = Duration::from_millis(100);
/// What it has left when another lane answered first.
const MOMENT: Duration = Duration::from_millis(40);
/// How long a new place may take to show that it carries.
const SETTLING_MAX: Duration = Duration::from_millis(500);
/// Between two looks for somewhere better, when there is nothing.
const NOTHING: Duration = Duration::from_secs(1);
/// A path that the data plane took by itself is kept so long, unless the router speaks with knowledge of it.
const HELD: Duration = Duration::from_secs(10);

impl Trunk {
    /// A report came in, on this number; `missing`: it says that packets are overdue.
    pub(super) fn look(&mut self, now: Time, at: usize, number: PathNumber, missing: bool) {
        let Some(lead) = self.arms[at].lead else { return };
        if number == lead {
            if self.ways.health(lead).is_some_and(|health| health.loss.is_brownout()) {
                self.climb(now, at, Sign::Brownout);
            }
            if missing {
                self.climb(now, at, Sign::Missing);
            }
        }
        self.look_at_answers(now, at);
    }

    /// Who answered since the doubt began. The suspect first: if it carries, nothing has to move. Then the lanes: they cost no
    /// delay.
    fn look_at_answers(&mut self, now: Time, at: usize) {
        let arm = &self.arms[at];
        let Some(lead) = arm.lead.filter(|_| arm.stage != Stage::Steady) else { return };
        let proved = |number: PathNumber, since: Time| {
            self.ways.health(number).is_some_and(|health| health.is_proved_since(since))
        };
        let bad =
            |number: PathNumber| self.ways.health(number).is_some_and(|health| health.loss.is_brownout());
        let is_down = self.ways.is_down(lead.path());
        let on_trial = arm.stage == Stage::Confirmed && arm.why == Why::Brownout;
        let verdict = self.ways.health(lead).filter(|_| on_trial).map(Health::verdict);
        let heard = proved(lead, arm.since) && !bad(lead) && !is_down;
        let lanes = self.ways.known(lead.path()).map(Known::numbers);
        let lane = lanes.filter(|_| arm.why == Why::Dark && !is_down).into_iter().flatten();
        let lane = lane.into_iter().find(|lane| *lane != lead && proved(*lane, arm.since) && !bad(*lane));
        let other = arm.other.is_some_and(|other| proved(other, arm.other_since));
        // While copies go over the other place, there is time to see whether it was chance.
        let other = other && verdict.is_none_or(|verdict| verdict == Some(true));
        if verdict == Some(Some(false)) {
            if let Some(health) = self.ways.health_mut(lead) {
                health.forgive(now);
            }
            self.climb(now, at, Sign::Heard);
        } else if heard {
            self.climb(now, at, Sign::Heard);
        }
        if let Some(lane) = lane {
            self.arms[at].lane = Some(lane.lane());
            self.climb(now, at, Sign::Lane);
        }
        if other {
            self.climb(now, at, Sign::Other);
        }
    }

    /// Time passed.
    pub(super) fn look_at_clock(&mut self, now: Time, at: usize) {
        if self.arms[at].until.is_some_and(|until| until <= now) {
            self.climb(now, at, Sign::Silent);
        }
        if self.overdue_at(at).is_some_and(|due| due <= now) {
            self.climb(now, at, Sign::Missing);
        }
    }

    /// A link went down, or came up, or it matters again.
    pub(super) fn look_at_links(&mut self, now: Time) {
        if self.busy.is_none() {
            return;
        }
        for at in 0..self.copies() {
            if self.arms[at].lead.is_some_and(|lead| self.ways.is_down(lead.path())) {
                self.climb(now, at, Sign::Down);
            }
        }
    }

    pub(super) fn arm_deadlines(&self, at: usize) -> [Option<Time>; 4] {
        let arm = &self.arms[at];
        [arm.until, arm.ask_at, self.overdue_at(at), self.wish_at(at)]
    }

    fn overdue_at(&self, at: usize) -> Option<Time> {
        let arm = &self.arms[at];
        self.busy?;
        match arm.stage {
            Stage::Steady | Stage::Settling => self.ways.health(arm.lead?)?.overdue_at(),
            Stage::Suspect | Stage::Confirmed | Stage::Moving => None,
        }
    }

    pub(super) fn climb(&mut self, now: Time, at: usize, sign: Sign) {
        let before = self.arms[at].stage;
        let (stage, act) = before.after(sign);
        self.arms[at].stage = stage;
        match act {
            Act::Stay => {}
            Act::Doubt => self.doubt(now, at),
            Act::Seek => self.seek(now, at, before, sign),
            Act::Note => {
                let until = self.arms[at].until.map_or(now, |until| until.min(now + MOMENT));
                self.arms[at].until = Some(until);
            }
            Act::Calm => {
                self.counts.false_suspicions += u64::from(before == Stage::Suspect);
                self.arms[at].calm();
            }
            Act::TakeLane => self.take_lane(now, at),
            Act::TakeOther => self.take_other(now, at, before),
            Act::Rotate => self.rotate(now, at),
            Act::Try => self.try_wish(now, at),
            Act::Forgo => self.forgo(now, at),
        }
    }

    fn doubt(&mut self, now: Time, at: usize) {
        self.counts.suspicions += 1;
        self.begin(now, at, Why::Dark);
        let patience = self.arms[at].lead.and_then(|lead| self.ways.health(lead)).map(Health::patience);
        let is_copied = self.protect != Protect::Never && self.arms[at].other.is_some();
        let more = if is_copied { PATIENCE_COPIED } else { PATIENCE };
        self.arms[at].until = Some(now + patience.unwrap_or_default() + more);
    }

    fn seek(&mut self, now: Time, at: usize, before: Stage, sign: Sign) {
        let why = match sign {
            Sign::Brownout => Why::Brownout,
            Sign::Down => Why::LinkDown,
            Sign::Missing | Sign::Heard | Sign::Lane | Sign::Other | Sign::Silent | Sign::Wanted => Why::Dark,
        };
        if before == Stage::Suspect && why == Why::Dark {
            self.await_other(now, at);
        } else {
            self.begin(now, at, why);
            self.await_other(now, at);
        }
        self.look_at_answers(now, at);
    }

    /// Doubt begins: somewhere to turn to is chosen, and everything is asked at once.
    fn begin(&mut self, now: Time, at: usize, why: Why) {
        let arm = &mut self.arms[at];
        arm.calm();
        (arm.since, arm.why, arm.ask_at) = (now, why, Some(now));
        if let Some(health) = arm.lead.and_then(|lead| self.ways.health_mut(lead)) {
            health.put_on_trial();
        }
        self.turn_to(now, at);
    }

    fn turn_to(&mut self, now: Time, at: usize) {
        let Some(lead) = self.arms[at].lead else { return };
        let taken = match self.protect {
            Protect::Always => [self.arms[1 - at].lead, self.arms[1 - at].other],
            Protect::Never | Protect::OnSuspicion => [None, None],
        };
        let arm = &self.arms[at];
        let need = Need { from: lead, taken, tried: &arm.tried, good: arm.why == Why::Brownout };
        let other = self.ways.choose(now, need);
        (self.arms[at].other, self.arms[at].other_since) = (other, now);
    }

    fn await_other(&mut self, now: Time, at: usize) {
        let other = self.arms[at].other.and_then(|other| self.ways.health(other));
        self.arms[at].until = Some(now + other.map_or(NOTHING, |other| other.patience() + PATIENCE));
    }

    fn rotate(&mut self, now: Time, at: usize) {
        if let Some(other) = self.arms[at].other {
            self.arms[at].tried.push(other.path());
        }
        self.turn_to(now, at);
        if self.arms[at].other.is_none() {
            // Everything was tried; from the beginning, then.
            self.arms[at].tried.clear();
            self.turn_to(now, at);
        }
        self.await_other(now, at);
    }

    fn take_lane(&mut self, now: Time, at: usize) {
        let (Some(from), Some(lane)) = (self.arms[at].lead, self.arms[at].lane) else { return };
        let lead = PathNumber::new(from.path(), lane);
        if let Some(known) = self.ways.known_mut(from.path()) {
            known.lane = lane;
        }
        self.counts.lane_moves += 1;
        self.settle(now, at, lead);
    }

    fn take_other(&mut self, now: Time, at: usize, before: Stage) {
        let (Some(from), Some(lead)) = (self.arms[at].lead, self.arms[at].other) else { return };
        if before == Stage::Moving {
            self.counts.table_moves += 1;
            if let Some(known) = self.ways.known_mut(lead.path()) {
                known.promoted(now);
            }
        } else {
            self.counts.path_moves += 1;
            if let Some(known) = self.ways.known_mut(from.path()) {
                known.failed(now);
            }
            let arm = &mut self.arms[at];
            (arm.moved_at, arm.held_until) = (now, Some(now + HELD));
        }
        // What was left carries the copies until the new place is known to carry: it may not be all dark.
        self.arms[at].other = Some(from);
        self.settle(now, at, lead);
    }

    fn settle(&mut self, now: Time, at: usize, lead: PathNumber) {
        let arm = &mut self.arms[at];
        let from = arm.lead.replace(lead);
        (arm.since, arm.until, arm.lane) = (now, Some(now + SETTLING_MAX), None);
        let why = arm.why;
        self.say(Output::Moved(Moved { at: now, copy: at, from, to: Some(lead), why }));
    }
}
