//! A line of the record: one JSON value.

use ringway_router::{Change, Input, Router, Time};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first of a segment.
    Snapshot {
        /// When.
        at: Time,
        /// What it comes after.
        after: After,
        /// The router, before the input that follows.
        router: Box<Router>,
    },
    /// What the router was told.
    Input {
        /// When.
        at: Time,
        /// What.
        input: Input,
    },
    /// What it then changed: for whoever looks for changes, not for a replay.
    Change(Box<Change>),
}

/// Why a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The node has started.
    Start,
    /// The one before was long enough; nothing is missing between them.
    Turn,
    /// Something could not be written.
    Loss,
}

/// The beginnings of lines, so that nobody has to read what they do not look for.
pub(super) const CHANGE: &[u8] = b"{\"change\"";

impl Line {
    /// When it was.
    pub(super) fn at(&self) -> Time {
        match self {
            Self::Snapshot { at, .. } | Self::Input { at, .. } => *at,
            Self::Change(change) => change.at,
        }
    }
}
