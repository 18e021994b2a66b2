//! One link between two regions: what the nodes at its ends say about it, put together, and whether it may carry calls.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Cause, HopCounts, LaneReport, NodeId, Time,
    backoff::Backoff,
    estimate::Measure,
    pairs,
    vote::{self, Vote},
};

/// The smoothed figures move on this grid, so that links that settle together are looked at together.
const SETTLE_STEP: Duration = Duration::from_millis(250);
/// From this loss on a link is in trouble ...
const TROUBLE_LOSS: f64 = 0.03;
/// ... until it loses less than this.
const TROUBLE_OVER_LOSS: f64 = 0.01;

/// Whether the link may carry calls.
///
/// ```text
///            up                 down, silent
///  Unknown ──────▶ Up ───────────────────────────▶ Down ◀────────────┐
///   │  ▲           ▲                                 │ up            │ down, silent
///   └──┘ down      └─── `until` is reached ── Recovering{until} ─────┘
/// ```
/// A link that was never up before is used as soon as it is: a node that starts has nothing better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Unknown,
    Up,
    Recovering { until: Time },
    Down { silent: bool },
}

/// The present state of one link, by the votes of the nodes at its two ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) standing: Standing,
    pub(crate) now: Measure,
    pub(crate) smoothed: Measure,
    pub(crate) heard_at: Time,
    /// When the figures were last smoothed; no delay has been measured before that.
    smoothed_at: Option<Time>,
    #[serde(with = "pairs")]
    votes: BTreeMap<NodeId, Vote>,
    backoff: Backoff,
    /// It is down, or loses much: an episode that fates are learned from.
    in_trouble: bool,
    /// An episode has just begun.
    #[serde(skip)]
    pub(crate) trouble_began: bool,
}

/// What the nodes where the link starts say beside the figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Remarks {
    pub(crate) lane: u8,
    pub(crate) lanes: Vec<LaneReport>,
    pub(crate) cause: Cause,
}

impl Link {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            standing: Standing::Unknown,
            now: Measure::default(),
            smoothed: Measure::default(),
            heard_at: now,
            smoothed_at: None,
            votes: BTreeMap::new(),
            backoff: Backoff::default(),
            in_trouble: false,
            trouble_began: false,
        }
    }

    /// The last vote of a node.
    pub(crate) fn vote_of(&self, node: &NodeId) -> Option<&Vote> {
        self.votes.get(node)
    }

    /// Takes in what one node measured. The report has been checked.
    pub(crate) fn handle(&mut self, now: Time, node: &NodeId, vote: Vote, hold: Duration) {
        self.heard_at = now;
        self.votes.insert(node.clone(), vote);
        self.count(now, hold);
    }

    /// A node has fallen silent, or speaks of the link no more. `heard_at` is when it was last heard.
    pub(crate) fn withdraw(&mut self, now: Time, node: &NodeId, heard_at: Time, hold: Duration) {
        self.heard_at = self.heard_at.max(heard_at);
        if self.votes.remove(node).is_some() {
            self.count(now, hold);
        }
    }

    /// Ends what was to last until now, and lets the smoothed figures settle.
    pub(crate) fn advance(&mut self, now: Time, hold: Duration) {
        self.settle(now);
        self.stand(now, hold);
    }

    /// When [`advance`](Self::advance) will change something.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let settled = self.smoothed_at.filter(|_| self.smoothed != self.now).map(step_after);
        match self.standing {
            Standing::Recovering { until } => Some(settled.map_or(until, |at| at.min(until))),
            Standing::Unknown | Standing::Up | Standing::Down { .. } => settled,
        }
    }

    /// How many nodes where the link starts vote, and how many at both ends.
    pub(crate) fn voters(&self) -> (usize, usize) {
        (self.votes.values().filter(|vote| vote.own.is_some()).count(), self.votes.len())
    }

    /// Those who vote.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.votes.keys()
    }

    /// The median round trip, ms; zero when none was completed.
    pub(crate) fn rtt_ms(&self) -> f64 {
        let reaching = self.votes.values().filter(|vote| vote.up && vote.rtt_ms > 0.0);
        vote::median(reaching.map(|vote| vote.rtt_ms)).unwrap_or(0.0)
    }

    /// SIP counts of all reporters together: since their starts, and of their last reports.
    pub(crate) fn sip(&self) -> (HopCounts, HopCounts) {
        let zero = HopCounts::default();
        let own = self.votes.values().filter_map(|vote| vote.own.as_ref());
        own.fold((zero, zero), |(all, recent), own| (all.plus(&own.sip), recent.plus(&own.sip_recent)))
    }

    /// Lane and lanes of the first node that reaches the far end, and the gravest cause that more than half name.
    pub(crate) fn remarks(&self) -> Remarks {
        let own: Vec<_> =
            self.votes.values().filter_map(|vote| Some((vote.up, vote.own.as_ref()?))).collect();
        let first = own.iter().find(|(up, _)| *up).or(own.first());
        let mut causes: Vec<Cause> = own.iter().map(|(_, own)| own.cause).collect();
        causes.sort();
        Remarks {
            lane: first.map(|(_, own)| own.lane).unwrap_or_default(),
            lanes: first.map(|(_, own)| own.lanes.clone()).unwrap_or_default(),
            cause: causes.get(causes.len() / 2).copied().unwrap_or_default(),
        }
    }

    fn count(&mut self, now: Time, hold: Duration) {
        self.settle(now);
        let measured = vote::measure(self.votes.values(), &self.now);
        if self.smoothed_at.is_some() {
            self.smoothed = self.smoothed.at_once(&measured);
        } else {
            self.smoothed = measured;
            self.smoothed_at = (measured.delay_ms > 0.0).then_some(now);
        }
        self.now = measured;
        self.stand(now, hold);
    }

    fn settle(&mut self, now: Time) {
        if let Some(at) = self.smoothed_at.replace(now) {
            self.smoothed = self.smoothed.after(now.since(at), &self.now);
        } else {
            self.smoothed_at = None;
        }
    }

    fn stand(&mut self, now: Time, hold: Duration) {
        let up = vote::up(self.votes.values());
        let down = Standing::Down { silent: up.is_none() };
        self.standing = match (self.standing, up.unwrap_or(false)) {
            (Standing::Unknown | Standing::Up, true) => Standing::Up,
            (Standing::Down { .. }, true) => Standing::Recovering { until: now + self.backoff.hold(hold) },
            (Standing::Recovering { until }, true) if now < until => Standing::Recovering { until },
            (Standing::Recovering { .. }, true) => {
                self.backoff.promoted(now);
                Standing::Up
            }
            (Standing::Up, false) => {
                self.backoff.failed(now, hold);
                down
            }
            (Standing::Unknown, false) => Standing::Unknown,
            (Standing::Recovering { .. } | Standing::Down { .. }, false) => down,
        };
        let bound = if self.in_trouble { TROUBLE_OVER_LOSS } else { TROUBLE_LOSS };
        let in_trouble = matches!(self.standing, Standing::Down { .. }) || self.now.loss >= bound;
        self.trouble_began |= in_trouble && !self.in_trouble;
        self.in_trouble = in_trouble;
    }
}

fn step_after(at: Time) -> Time {
    let step = u64::try_from(SETTLE_STEP.as_micros()).unwrap_or(u64::MAX);
    Time::from_micros((at.micros() / step + 1).saturating_mul(step))
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
