//! The route table: what the proxies of the home region steer by. It is made anew, never changed, so that it
//! can be swapped between two messages.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Path, Policy, Reason, Region, Slice, Time, Traffic, reason::Sway, score::Weighed};

/// The most paths listed for a destination: the chosen one and three backups.
pub const RANKED_MAX: usize = 4;

/// Ranked paths from the home region to every other one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Grows by one with every table; the first one, empty, is 0.
    pub epoch: u64,
    /// Where all paths start.
    pub home: Region,
    /// When it was made.
    pub made_at: Time,
    /// The policy it obeys.
    pub policy_revision: u64,
    /// Knows which slice a call is of.
    policy: Arc<Policy>,
    /// Sorted by destination and slice.
    routes: Vec<Route>,
}

/// How calls of one class reach one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The destination.
    pub to: Region,
    /// Which calls.
    pub slice: Slice,
    /// The chosen path, then the backups. The first backup shares as little with the chosen path as can be,
    /// the others stand by score. Empty: no path may carry calls.
    pub ranked: Vec<Ranked>,
    /// Why the first path is the first, or why there is none any more.
    pub reason: Reason,
    /// Since when.
    pub since: Time,
    /// Why no path may carry calls, when none may.
    pub refused: Option<Refused>,
}

/// Why no path may carry calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Paths are up, but the operators' rules keep calls off all of them. Otherwise it is the network.
    pub by_policy: bool,
    /// The sentence.
    pub why: String,
}

/// A path and what speaks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The path.
    pub path: Path,
    /// One way, 95th percentile.
    pub delay_ms: f64,
    /// From end to end, 0 to 1.
    pub loss: f64,
    /// Rating as measured now (ITU-T G.107).
    pub r: f64,
    /// Rating, rising slowly.
    pub r_smoothed: f64,
    /// Mean opinion score that goes with `r`, 1 to 4.5.
    pub mos: f64,
    /// What the policy adds and the relays cost, points of R.
    pub terms: f64,
    /// What paths are compared by, points of R.
    pub score: f64,
    /// Which rules weigh on it; empty when none does.
    pub note: String,
}

/// Another path was chosen, or the last one lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Time,
    /// Where the calls start: the home region.
    pub from: Region,
    /// Where they go.
    pub to: Region,
    /// Which of them.
    pub slice: Slice,
    /// The path so far; `None`: there was none.
    pub old: Option<Path>,
    /// The path from now on; `None`: there is none.
    pub new: Option<Path>,
    /// Why.
    pub reason: Reason,
    /// The epoch of the table that brings it.
    pub epoch: u64,
}

impl RouteTable {
    pub(crate) fn new(epoch: u64, home: Region, made_at: Time, policy: Arc<Policy>) -> Self {
        Self { epoch, home, made_at, policy_revision: policy.revision, policy, routes: Vec::new() }
    }

    pub(crate) fn with_routes(mut self, routes: Vec<Route>) -> Self {
        self.routes = routes;
        self
    }

    /// The route to a region. A class without routes of its own rides with voice.
    pub fn route(&self, to: &Region, traffic: &Traffic) -> Option<&Route> {
        let slice = self.policy.slice_of(traffic);
        let find = |slice: &Slice| {
            self.routes.binary_search_by(|route| (&route.to, &route.slice).cmp(&(to, slice))).ok()
        };
        find(&slice)
            .or_else(|| find(&Slice { class: Slice::voice().class, ..slice }))
            .map(|i| &self.routes[i])
    }

    /// Whether any route to the path's destination lists it.
    pub fn lists(&self, path: &Path) -> bool {
        let first = self.routes.partition_point(|route| route.to < *path.destination());
        let to = self.routes[first..].iter().take_while(|route| route.to == *path.destination());
        to.flat_map(|route| &route.ranked).any(|ranked| ranked.path == *path)
    }

    /// Whether any rule asks whom a call is for.
    pub fn asks_for_numbers(&self) -> bool {
        self.policy.asks_for_numbers()
    }

    /// All routes, by destination and slice.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// Whether another table steers calls in the same way, whatever its numbers say.
    pub(crate) fn steers_like(&self, routes: &[Route]) -> bool {
        let paths = |route: &Route| route.ranked.iter().map(|r| r.path.clone()).collect::<Vec<_>>();
        self.routes.len() == routes.len()
            && self.routes.iter().zip(routes).all(|(a, b)| {
                (&a.to, &a.slice, a.since, &a.refused) == (&b.to, &b.slice, b.since, &b.refused)
                    && paths(a) == paths(b)
            })
    }

    /// Whether it holds exactly these routes.
    pub(crate) fn holds(&self, routes: &[Route]) -> bool {
        self.routes == routes
    }
}

impl Refused {
    pub(crate) fn network(why: String) -> Self {
        Self { by_policy: false, why }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Route {
    /// The chosen path.
    pub fn path(&self) -> Option<&Path> {
        self.ranked.first().map(|ranked| &ranked.path)
    }
}

impl From<&Weighed> for Ranked {
    fn from(weighed: &Weighed) -> Self {
        let Weighed { path, delay_ms, loss, r, r_smoothed, mos, terms, terms_r, score, score_smoothed: _ } =
            weighed;
        Self {
            path: path.clone(),
            delay_ms: *delay_ms,
            loss: *loss,
            r: *r,
            r_smoothed: *r_smoothed,
            mos: *mos,
            terms: *terms_r,
            score: *score,
            note: sentence(&terms.sways),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |path: &Option<Path>| path.as_ref().map_or("none".to_owned(), |p| p.detour().to_string());
        let Self { from, to, old, new, reason, .. } = self;
        write!(f, "{from} > {to}: {} -> {}: {reason}", named(old), named(new))
    }
}

fn sentence(sways: &[Sway]) -> String {
    sways.iter().map(|sway| format!("policy {sway}")).collect::<Vec<_>>().join("; ")
}
