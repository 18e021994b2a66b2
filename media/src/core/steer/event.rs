//! What goes into a trunk and comes out of it.

use super::{
    super::RelayId,
    health::Useless,
    names::{PathId, PathNumber, Report},
    table::Table,
};
use ringway_router::Time;
use std::fmt;

/// What a trunk learns.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Nothing but the time: a deadline has come.
    Tick,
    /// The egress of this trunk reported. The caller has seen to it that it was the egress.
    Report(Report),
    /// The router made a table.
    Table(Table),
    /// The mesh says that a link is down, or up again.
    Link {
        /// Where it starts.
        from: RelayId,
        /// Where it leads.
        to: RelayId,
        /// Whether it is up.
        up: bool,
    },
}

/// What a trunk wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A probe is to be sent.
    SendProbe {
        /// Over this path and lane.
        number: PathNumber,
        /// Its sequence.
        sequence: u32,
    },
    /// Packets take another path or lane from now on.
    Moved(Moved),
}

/// A move, for the call's list of paths and for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// When.
    pub at: Time,
    /// Which copy: 0, or 1 for the second one of a route that is always protected.
    pub copy: usize,
    /// What packets took so far; `None`: they took nothing.
    pub from: Option<PathNumber>,
    /// What they take now; `None`: no path may carry them.
    pub to: Option<PathNumber>,
    /// Why.
    pub why: Why,
}

/// Why packets move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The first table came, or one for the first time with a path.
    Start,
    /// Nothing got through any more.
    Dark,
    /// Too much was lost.
    Brownout,
    /// The mesh said that a link was down.
    LinkDown,
    /// The route table ranks another path first.
    Table,
    /// The route table does not list the path any more.
    Unlisted,
}

/// Where a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Over this path and lane, as the frame says it.
    pub number: PathNumber,
    /// The sequence on it.
    pub sequence: u32,
}

/// Where a packet goes, and where its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Picks {
    /// `None`: no path may carry it.
    pub first: Option<Pick>,
    /// `None`: there is no copy.
    pub second: Option<Pick>,
}

/// What a trunk has done, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets, copies not counted.
    pub packets: u64,
    /// Copies.
    pub copies: u64,
    /// Copies that suspicion wanted and the budget refused.
    pub copies_refused: u64,
    /// Probes.
    pub probes: u64,
    /// Reports taken in.
    pub reports: u64,
    /// Reports of path numbers that are not known.
    pub reports_unknown: u64,
    /// Reports that echo what never left.
    pub reports_never_sent: u64,
    /// Reports that a later one overtook.
    pub reports_old: u64,
    /// Times that something was suspected…
    pub suspicions: u64,
    /// … and that it was nothing.
    pub false_suspicions: u64,
    /// Moves by the data plane to another lane…
    pub lane_moves: u64,
    /// … and to another path.
    pub path_moves: u64,
    /// Moves that the table wished.
    pub table_moves: u64,
    /// Wishes of the table that could not be fulfilled when they were made, because the path did not answer.
    pub forgone: u64,
    /// Probes and moves that nobody took out in time.
    pub outputs_dropped: u64,
}

impl Pick {
    /// Which path.
    #[must_use]
    pub const fn path(&self) -> PathId {
        self.number.path()
    }
}

impl Counts {
    pub(super) fn count(&mut self, useless: Useless) {
        match useless {
            Useless::Unknown => self.reports_unknown += 1,
            Useless::NeverSent => self.reports_never_sent += 1,
            Useless::Old => self.reports_old += 1,
        }
    }
}

impl Why {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Dark => "dark",
            Self::Brownout => "brownout",
            Self::LinkDown => "link-down",
            Self::Table => "table",
            Self::Unlisted => "unlisted",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Dark => "dark",
            Self::Brownout => "brownout",
            Self::LinkDown => "link down",
            Self::Table => "table",
            Self::Unlisted => "not listed any more",
        })
    }
}
