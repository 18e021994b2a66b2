//! What operators do by hand, beside the policy and for a while: a link off, a region drained, a path pinned.

use serde::{Deserialize, Serialize};

use crate::{Path, Region, Time};

/// One thing that an operator ordered. It holds in the whole mesh until it is taken back or ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// What.
    pub order: Order,
    /// When it ends by itself; `None`: when it is taken back.
    pub until: Option<Time>,
    /// Who ordered it, and on which node: shown wherever it decides.
    pub by: String,
    /// Why, in the operator's words; may be empty.
    pub why: String,
}

/// What an operator can order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// No path may use the link, in this direction.
    DisableLink {
        /// Where it starts.
        from: Region,
        /// Where it leads.
        to: Region,
    },
    /// No new call may go to the region or over it.
    DrainRegion(Region),
    /// Calls between its two ends take this path while it is up.
    PinRoute(Path),
}
