//! What the router's table wants, and when it gets it.

use super::{Protect, Stage, Table, Time, Trunk, Why};
use crate::core::steer::{
    ladder::Sign,
    names::PathNumber,
    ways::{Known, Need},
};
use std::time::Duration;

/// How long a path that the table wants may take to answer.
const TRIED_MAX: Duration = Duration::from_secs(1);

impl Trunk {
    /// A table. One that is older than the last is none.
    pub(super) fn take(&mut self, now: Time, table: Table) {
        if self.table_at.is_some_and(|before| table.made_at < before) {
            return;
        }
        self.table_at = Some(table.made_at);
        self.protect = table.protect;
        for arm in &mut self.arms {
            // The router knows what the data plane knew, or does so soon: what it says now counts.
            if table.made_at > arm.moved_at {
                arm.held_until = None;
            }
        }
        let arms = &self.arms;
        self.ways.take(now, table, |path| arms.iter().any(|arm| arm.uses(path)));
        if self.protect != Protect::Always {
            let [_, second] = &mut self.arms;
            (second.lead, second.stage) = (None, Stage::Steady);
            second.calm();
        }
        self.begin_or_end(now);
    }

    /// The first path, or none any more.
    fn begin_or_end(&mut self, now: Time) {
        let first = self.ways.first().map(Known::number);
        for at in 0..self.copies() {
            let before = self.arms[at].lead;
            let lead = match (first, before) {
                (None, _) => None,
                (Some(_), Some(lead)) => Some(lead),
                (Some(first), None) if at == 0 => Some(first),
                (Some(first), None) => {
                    let from = self.arms[0].lead.unwrap_or(first);
                    self.ways.choose(now, Need { from, taken: [None, None], tried: &[], good: false })
                }
            };
            if lead != before {
                let arm = &mut self.arms[at];
                (arm.lead, arm.since, arm.stage) = (lead, now, Stage::Steady);
                arm.calm();
                self.moved(now, at, before, if lead.is_some() { Why::Start } else { Why::Unlisted });
            }
        }
    }

    /// Whether the table's wish is another than what is done, and may be fulfilled.
    pub(super) fn look_at_wish(&mut self, now: Time, at: usize) {
        let Some(wish) = self.wish(now, at) else { return };
        let [first, second] = &mut self.arms;
        let exchanged = at == 0 && second.lead.is_some_and(|lead| lead.path() == wish.path());
        if exchanged && first.stage == Stage::Steady && second.stage == Stage::Steady {
            // Both paths are in use already, and nobody is left behind.
            std::mem::swap(first, second);
            return;
        }
        if self.busy.is_none() {
            // Nothing is on its way, so there is nothing to break.
            let before = self.arms[at].lead.replace(wish);
            let is_listed = before.is_some_and(|before| self.ways.lists(before.path()));
            self.moved(now, at, before, if is_listed { Why::Table } else { Why::Unlisted });
            return;
        }
        self.arms[at].calm();
        self.arms[at].other = Some(wish);
        self.climb(now, at, Sign::Wanted);
    }

    /// When a wish that has to wait may be fulfilled.
    pub(super) fn wish_at(&self, at: usize) -> Option<Time> {
        let arm = &self.arms[at];
        let first = self.ways.first()?;
        let waits = at == 0 && arm.stage == Stage::Steady && arm.lead?.path() != first.path;
        (waits && !self.ways.is_down(first.path)).then(|| arm.held_until.max(first.not_before)).flatten()
    }

    fn wish(&self, now: Time, at: usize) -> Option<PathNumber> {
        let arm = &self.arms[at];
        let lead = arm.lead?;
        let is_listed = self.ways.lists(lead.path());
        let may = arm.stage == Stage::Steady && arm.held_until.is_none_or(|until| until <= now);
        if is_listed && !may {
            return None;
        }
        let wish = if at == 0 { self.first_wish(now, lead, is_listed) } else { self.second_wish(now, lead) }?;
        let is_tried =
            arm.stage == Stage::Moving && arm.other.is_some_and(|other| other.path() == wish.path());
        (wish.path() != lead.path() && !is_tried).then_some(wish)
    }

    fn first_wish(&self, now: Time, lead: PathNumber, is_listed: bool) -> Option<PathNumber> {
        let first = self.ways.first()?;
        if !self.ways.is_down(first.path) && !first.is_on_hold(now) {
            return Some(first.number());
        }
        // Where it stands is allowed; otherwise anything that is.
        let any = Need { from: lead, taken: [None, None], tried: &[], good: false };
        if is_listed { None } else { self.ways.choose(now, any) }
    }

    /// The second copy moves only if it has to, or if another path shares less with the first.
    fn second_wish(&self, now: Time, lead: PathNumber) -> Option<PathNumber> {
        let first = self.arms[0].lead?;
        let need = Need { from: first, taken: [None, None], tried: &[], good: false };
        let best = self.ways.choose(now, need)?;
        let stays = lead.path() != first.path()
            && self.ways.lists(lead.path())
            && self.ways.overlap(first.path(), lead.path()) <= self.ways.overlap(first.path(), best.path());
        (!stays).then_some(best)
    }

    pub(super) fn try_wish(&mut self, now: Time, at: usize) {
        let is_listed = self.arms[at].lead.is_some_and(|lead| self.ways.lists(lead.path()));
        let arm = &mut self.arms[at];
        arm.why = if is_listed { Why::Table } else { Why::Unlisted };
        (arm.since, arm.other_since) = (now, now);
        (arm.until, arm.ask_at) = (Some(now + TRIED_MAX), Some(now));
    }

    /// What the table wants does not answer. It waits, unless the present path may not be used any longer.
    pub(super) fn forgo(&mut self, now: Time, at: usize) {
        let (lead, other) = (self.arms[at].lead, self.arms[at].other);
        self.counts.forgone += 1;
        self.arms[at].calm();
        if lead.is_some_and(|lead| self.ways.lists(lead.path())) {
            if let Some(known) = other.and_then(|other| self.ways.known_mut(other.path())) {
                known.forgone(now);
            }
        } else {
            self.arms[at].lead = other;
            self.moved(now, at, lead, Why::Unlisted);
        }
    }
}
