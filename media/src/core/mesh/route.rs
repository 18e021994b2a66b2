//! What the router wishes, by regions.

use crate::core::relay::RouteKey;
use ringway_router::{Path, Protect, Reaction, Region, Time};

/// One table of the router, as far as it speaks of media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// When the router made it.
    pub made_at: Time,
    /// A row for each region and slice.
    pub rows: Vec<Row>,
}

/// How media of one slice gets to one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub key: RouteKey,
    /// The region.
    pub to: Region,
    /// The paths that may be taken, best first. Empty: none may.
    pub paths: Vec<Path>,
    /// Where to go when a link of the first path fails.
    pub reactions: Vec<Reaction>,
    /// When packets go over two paths at once.
    pub protect: Protect,
}
