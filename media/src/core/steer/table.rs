//! What the router wishes, in the caller's numbers: one route of the table, its regions made relays by the caller.

use super::{super::RelayId, names::PathId};
use ringway_router::{Protect, Time};

/// A route for one trunk. Put together from `ringway_router::Route` by whoever knows the relays of the regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// When the router made it.
    pub made_at: Time,
    /// The paths that may carry calls, best first. Empty: none may.
    pub ranked: Vec<Way>,
    /// Where to go at once when a link of the first path fails. Their paths may stand in `ranked`, too.
    pub reactions: Vec<Reaction>,
    /// When packets go over two paths at once.
    pub protect: Protect,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Its number.
    pub path: PathId,
    /// The relays after this one, the destination last.
    pub hops: Vec<RelayId>,
}

/// What to do at once when one link fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Where the link starts.
    pub from: RelayId,
    /// Where it leads.
    pub to: RelayId,
    /// The path to take instead.
    pub way: Way,
}
