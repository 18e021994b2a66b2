//! The route table: what the proxies of the home region steer by. It is made anew, never changed, so that it
//! can be swapped between two messages.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Condition, Path, Policy, Protect, Reason, Region, Slice, Time, Traffic, reason::Sway, score::Weighed,
};

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
    routes: Vec<Arc<Route>>,
}

/// How calls of one class reach one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The destination.
    pub to: Region,
    /// Which calls.
    pub slice: Slice,
    /// The chosen path, then the backups: first the one that is least likely to fail with the chosen path for what it scores,
    /// the others by score. Empty: no path may carry calls.
    pub ranked: Vec<Ranked>,
    /// For each link of the chosen path, where the data planes go at once when it fails, without asking anyone. A link that
    /// nothing leads around has none.
    pub reactions: Vec<Reaction>,
    /// When packets and requests go over two paths at once.
    pub protect: Protect,
    /// Why the first path is the first, or why there is none any more.
    pub reason: Reason,
    /// Since when.
    pub since: Time,
    /// Why no path may carry calls, when none may.
    pub refused: Option<Refused>,
}

/// What to do at once when one link fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Where the link starts.
    pub from: Region,
    /// Where it leads.
    pub to: Region,
    /// The path to take instead: usable now, without that link, and the one least likely to suffer with it for what it
    /// scores.
    pub path: Path,
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

    pub(crate) fn with_routes(mut self, routes: Vec<Arc<Route>>) -> Self {
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
            .map(|i| &*self.routes[i])
    }

    /// Whether any route to the path's destination lists it.
    pub fn lists(&self, path: &Path) -> bool {
        let first = self.routes.partition_point(|route| route.to < *path.destination());
        let to = self.routes[first..].iter().take_while(|route| route.to == *path.destination());
        to.flat_map(|route| &route.ranked).any(|ranked| ranked.path == *path)
    }

    /// How to find the slice of a call without the policy: what each rule asks that speaks only of some calls.
    pub fn conditions(&self) -> Vec<Condition> {
        self.policy.conditions().collect()
    }

    /// Whether any rule asks whom a call is for.
    pub fn asks_for_numbers(&self) -> bool {
        self.policy.asks_for_numbers()
    }

    /// All routes, by destination and slice.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route)
    }

    /// Whether another table steers calls in the same way, whatever its numbers say.
    pub(crate) fn steers_like(&self, routes: &[Arc<Route>]) -> bool {
        self.routes.len() == routes.len()
            && self.routes.iter().zip(routes).all(|(a, b)| Arc::ptr_eq(a, b) || a.steers_like(b))
    }

    /// Whether it holds exactly these routes.
    pub(crate) fn holds(&self, routes: &[Arc<Route>]) -> bool {
        self.routes.len() == routes.len()
            && self.routes.iter().zip(routes).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
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
    /// Nothing has been found yet.
    pub(crate) fn none(to: Region, slice: Slice) -> Self {
        Self {
            to,
            slice,
            ranked: Vec::new(),
            reactions: Vec::new(),
            protect: Protect::default(),
            reason: Reason::Waiting,
            since: Time::default(),
            refused: None,
        }
    }

    /// Whether calls go the same way, whatever the numbers say.
    fn steers_like(&self, other: &Route) -> bool {
        let steering = |route: &Route| (route.since, route.protect);
        let paths = self.ranked.iter().map(|ranked| &ranked.path);
        (&self.to, &self.slice, steering(self), &self.refused)
            == (&other.to, &other.slice, steering(other), &other.refused)
            && self.reactions == other.reactions
            && paths.eq(other.ranked.iter().map(|ranked| &ranked.path))
    }

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
