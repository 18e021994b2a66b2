//! What operators do by hand, beside the policy and for a while: a link off, a region drained, a path pinned.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Path, Region, Time, reason::Obstacle};

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

impl Override {
    /// Whether it holds at this moment.
    pub fn holds(&self, at: Time) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.by)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, " (\"{}\")", self.why) }
    }
}

/// The orders that hold at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Orders<'a> {
    all: Vec<&'a Override>,
}

impl<'a> Orders<'a> {
    pub(crate) fn at(overrides: &'a [Override], at: Time) -> Self {
        Self { all: overrides.iter().filter(|order| order.holds(at)).collect() }
    }

    /// When the next of them ends after `at`.
    pub(crate) fn next_end(overrides: &[Override], at: Time) -> Option<Time> {
        overrides.iter().filter_map(|order| order.until).filter(|until| *until > at).min()
    }

    /// Whether links have to be asked for one by one.
    pub(crate) fn speak_of_links(&self) -> bool {
        self.all.iter().any(|order| matches!(order.order, Order::DisableLink { .. }))
    }

    /// The order that keeps calls off this link.
    pub(crate) fn disables(&self, from: &Region, to: &Region) -> Option<&'a Override> {
        let disabling =
            |order: &Order| matches!(order, Order::DisableLink { from: f, to: t } if (f, t) == (from, to));
        self.all.iter().copied().find(|order| disabling(&order.order))
    }

    /// The order that keeps new calls away from this region.
    pub(crate) fn drains(&self, region: &Region) -> Option<&'a Override> {
        let draining = |order: &Order| matches!(order, Order::DrainRegion(drained) if drained == region);
        self.all.iter().copied().find(|order| draining(&order.order))
    }

    /// The path that calls between these two regions are ordered to take. Of several orders the last one holds.
    pub(crate) fn pin(&self, from: &Region, to: &Region) -> Option<(&'a Path, &'a Override)> {
        self.all.iter().rev().find_map(|order| match &order.order {
            Order::PinRoute(path) if (path.source(), path.destination()) == (from, to) => {
                Some((path, *order))
            }
            Order::PinRoute(_) | Order::DisableLink { .. } | Order::DrainRegion(_) => None,
        })
    }

    /// What an operator has put in the way of this path. Where calls start may be drained: those that are already there
    /// have to go somewhere.
    pub(crate) fn obstacle(&self, path: &Path) -> Option<Obstacle> {
        let drained = path.regions()[1..].iter().find_map(|region| {
            let by = self.drains(region)?.to_string();
            Some(Obstacle::Drained { region: region.clone(), by })
        });
        drained.or_else(|| {
            path.hops().find_map(|(from, to)| {
                let by = self.disables(from, to)?.to_string();
                Some(Obstacle::Disabled { from: from.clone(), to: to.clone(), by })
            })
        })
    }
}
