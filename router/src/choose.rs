//! Hysteresis: which of the paths to one destination carries its calls. Babel's rule keeps the choice still:
//! another path must be better now *and* better smoothed, by a margin. But a detour is no place to stay: a path
//! with fewer relays takes over as soon as it has been better for the hold, be it by little. Only what was taken
//! first, before all paths were known, is given up for one with fewer relays without a hold.

use serde::{Deserialize, Serialize};

use crate::{
    Path, Settings, Time,
    backoff::Backoff,
    reason::{Obstacle, Reason, SwayKind},
    score::Weighed,
};

/// What counts as better at all, in points of R. Paths closer than this are equal, and equals do not take
/// turns. Enough only for a stand-down: were a detour taken for so little, 0.1 % of random loss would move
/// calls several times a day (simulated), and 0.5 % twice an hour.
const DEADBAND_R: f64 = 0.25;

/// The choice for one destination.
///
/// ```text
///           a path is usable                     one with fewer relays is better
///  Vacant ───────────────────▶ Settled(path) ───────────────────────▶ Challenged(path, by, until)
///    ▲                          │  ▲  ▲ │ better by the margin,        │   │
///    │                          │  │  └─┘ gone, or policy: switch      │   │ not better any more: as before
///    │                          │  └───────────────────────────────────┘   │ `until` reached, better by the
///    │ gone, and nothing left   ▼                                          ▼ margin, gone, policy: switch
///    └─────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chooser {
    state: State,
    backoff: Backoff,
    /// Until when the choice is a first one.
    open_until: Option<Time>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    Vacant,
    Settled(Path),
    Challenged {
        path: Path,
        by: Path,
        until: Time,
    },
}

/// The paths as they are now.
pub(crate) struct View<'a> {
    /// The chosen path, or what is in its way. `None` only while nothing is chosen.
    pub(crate) incumbent: Option<Result<Weighed, Obstacle>>,
    /// The paths that may carry calls, best first.
    pub(crate) best: &'a [Weighed],
    /// Whether a new policy speaks differently of the chosen path.
    pub(crate) policy_moved: bool,
    /// Whether operators have just ordered it, or taken such an order back.
    pub(crate) orders_moved: bool,
    pub(crate) policy_revision: u64,
}

enum Move<'a> {
    Stay,
    Wait { by: &'a Path },
    Switch { to: &'a Path, reason: Reason },
    Vacate { reason: Reason },
}

impl Chooser {
    /// The chosen path.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.state {
            State::Vacant => None,
            State::Settled(path) | State::Challenged { path, .. } => Some(path),
        }
    }

    /// When a challenge is won, if nothing changes before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Vacant | State::Settled(_) => None,
            State::Challenged { until, .. } => Some(until),
        }
    }

    /// Looks at the paths again. Returns why, when the choice has changed.
    pub(crate) fn handle(&mut self, now: Time, view: &View<'_>, settings: &Settings) -> Option<Reason> {
        let step = match &view.incumbent {
            None => vacant(view),
            Some(Err(obstacle)) => gone(obstacle, view),
            Some(Ok(incumbent)) => self.compare(now, incumbent, view, settings),
        };
        match step {
            Move::Stay => {
                if let State::Challenged { path, .. } = &self.state {
                    self.state = State::Settled(path.clone());
                }
                None
            }
            Move::Wait { by } => {
                self.challenge(by, now, settings);
                None
            }
            Move::Switch { to, reason } => {
                self.remember(now, &reason, settings);
                if matches!(reason, Reason::First(_)) {
                    self.open_until = Some(now + settings.hold);
                }
                self.state = State::Settled(to.clone());
                Some(reason)
            }
            Move::Vacate { reason } => {
                self.remember(now, &reason, settings);
                self.state = State::Vacant;
                Some(reason)
            }
        }
    }

    fn compare<'a>(
        &self,
        now: Time,
        incumbent: &Weighed,
        view: &'a View<'_>,
        settings: &Settings,
    ) -> Move<'a> {
        let Some(first) = view.best.first() else { return Move::Stay };
        let pinned_elsewhere = first.terms.pinned && !incumbent.terms.pinned;
        if pinned_elsewhere || ((view.policy_moved || view.orders_moved) && first.outranks(incumbent)) {
            let reason = if view.orders_moved && !first.terms.pinned {
                Reason::Ordered { sway: None }
            } else {
                policy_reason(incumbent, first, view.policy_revision)
            };
            return Move::Switch { to: &first.path, reason };
        }
        if incumbent.terms.pinned {
            return Move::Stay;
        }
        let margin_r = settings.margin_r;
        if let Some(better) = view.best.iter().find(|path| path.beats(incumbent, margin_r)) {
            let reason = if better.r > incumbent.r {
                Reason::Better { old: incumbent.snapshot(), new: better.snapshot(), margin_r }
            } else {
                policy_reason(incumbent, better, view.policy_revision)
            };
            return Move::Switch { to: &better.path, reason };
        }
        let relays = |path: &Weighed| path.path.relays().len();
        let mut ahead = view
            .best
            .iter()
            .filter(|path| relays(path) < relays(incumbent) && path.beats(incumbent, DEADBAND_R));
        if let State::Challenged { by, until, .. } = &self.state
            && let Some(challenger) = ahead.clone().find(|path| path.path == *by)
        {
            let to = &challenger.path;
            let reason = Reason::Held { path: to.clone(), hold: self.backoff.hold(settings.hold) };
            return if now >= *until { Move::Switch { to, reason } } else { Move::Wait { by: to } };
        }
        match ahead.next() {
            None => Move::Stay,
            Some(challenger) if self.open_until.is_some_and(|until| now < until) => {
                Move::Switch { to: &challenger.path, reason: Reason::Sooner(challenger.snapshot()) }
            }
            Some(challenger) => Move::Wait { by: &challenger.path },
        }
    }

    fn challenge(&mut self, by: &Path, now: Time, settings: &Settings) {
        let Some(path) = self.path().cloned() else { return };
        let until = match &self.state {
            State::Challenged { by: same, until, .. } if same == by => *until,
            State::Vacant | State::Settled(_) | State::Challenged { .. } => {
                now + self.backoff.hold(settings.hold)
            }
        };
        self.state = State::Challenged { path, by: by.clone(), until };
    }

    /// A path that was taken after a hold and had to be left again soon makes the next hold longer.
    fn remember(&mut self, now: Time, reason: &Reason, settings: &Settings) {
        match reason {
            Reason::Held { .. } => self.backoff.promoted(now),
            Reason::Better { .. } | Reason::Gone { .. } => self.backoff.failed(now, settings.hold),
            Reason::Waiting
            | Reason::First(_)
            | Reason::Sooner(_)
            | Reason::Policy { .. }
            | Reason::Ordered { .. } => {}
        }
    }
}

fn vacant<'a>(view: &'a View<'_>) -> Move<'a> {
    match view.best.first() {
        Some(first) => Move::Switch { to: &first.path, reason: Reason::First(first.snapshot()) },
        None => Move::Stay,
    }
}

fn gone<'a>(obstacle: &Obstacle, view: &'a View<'_>) -> Move<'a> {
    let reason = Reason::Gone { obstacle: obstacle.clone(), policy_revision: view.policy_revision };
    match view.best.first() {
        Some(first) => Move::Switch { to: &first.path, reason },
        None => Move::Vacate { reason },
    }
}

/// What the operator did to make a path win that sounds no better: pinned or preferred it, or avoided the old
/// one.
fn policy_reason(old: &Weighed, new: &Weighed, revision: u64) -> Reason {
    let of = |path: &Weighed, kind: SwayKind| path.terms.sways.iter().find(|sway| sway.kind == kind).cloned();
    if let Some(sway) = of(new, SwayKind::Ordered) {
        return Reason::Ordered { sway: Some(sway) };
    }
    let left = || {
        let kinds = [SwayKind::Avoids, SwayKind::AvoidsLinks, SwayKind::Biases, SwayKind::Costs];
        kinds.into_iter().find_map(|kind| of(old, kind).filter(|sway| sway.r < 0.0))
    };
    let taken = || [SwayKind::Prefers, SwayKind::Biases].into_iter().find_map(|kind| of(new, kind));
    let sway = of(new, SwayKind::Pins).or_else(left).or_else(taken);
    Reason::Policy { revision, sway }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
