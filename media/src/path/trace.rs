//! What the packets of a call took, one path after the other. Paths belong to all calls of a route, so what is kept is the
//! moves of routes, not of calls.

use crate::core::{
    Lane,
    mesh::{Mesh, Move},
    relay::{CallReport, Tunneled},
    steer::Why,
    tunnel::Table,
};
use ringway_router::{Region, Time};
use std::collections::VecDeque;

/// Moves that are remembered, of all routes of the worker together.
const MOVES_MAX: usize = 1_024;

/// The moves of one worker's routes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Trace {
    past: VecDeque<(Move, Use)>,
    /// How many of the last ones nobody was told of yet.
    untold: usize,
}

/// A report, and what its streams took.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was counted.
    pub call: CallReport,
    /// For each of its streams: if it leaves through tunnels, what its packets took, in order; else nothing. Empty where there
    /// are no tunnels at all.
    pub uses: Vec<Vec<Use>>,
}

/// A path that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its regions, the own one first. Empty: no path may be taken.
    pub regions: Vec<Region>,
    /// Its lane.
    pub lane: Lane,
    /// Since when.
    pub since: Time,
    /// Why it was taken.
    pub why: Why,
}

impl Trace {
    /// Takes over what moved.
    pub(super) fn follow(&mut self, mesh: &mut Mesh) {
        while let Some(one) = mesh.poll_move() {
            // A second copy of a protected route goes its own way; the path of a call is that of the first.
            if one.moved.copy != 0 {
                continue;
            }
            let taken = Use::of(&one, mesh);
            self.past.push_back((one, taken));
            self.untold += 1;
            if self.past.len() > MOVES_MAX {
                self.past.pop_front();
            }
        }
    }

    /// The moves that nobody was told of yet.
    pub(super) fn untold(&mut self) -> impl Iterator<Item = &(Move, Use)> {
        let first = self.past.len().saturating_sub(std::mem::take(&mut self.untold));
        self.past.range(first..)
    }

    /// What the streams of a call took, since there is the call.
    pub(super) fn uses(&self, call: &CallReport, table: &Table) -> Vec<Vec<Use>> {
        let uses = |tunneled: Tunneled| {
            let its = self.past.iter().filter(|(one, _)| concerns(one, tunneled, table));
            let mut uses: Vec<&Use> = its.map(|(_, taken)| taken).collect();
            // What was taken when it began, and all that came later.
            let began = uses.iter().rposition(|taken| taken.since <= call.created).unwrap_or(0);
            uses.drain(..began);
            uses.into_iter().cloned().collect()
        };
        call.streams.iter().map(|stream| stream.tunneled.map(uses).unwrap_or_default()).collect()
    }
}

/// Whether it is a stream of these that moved.
pub(super) fn concerns(one: &Move, tunneled: Tunneled, table: &Table) -> bool {
    (one.to, one.route) == (tunneled.to, tunneled.route)
        && table.relay(one.to).and_then(|slot| slot.port_of(tunneled.stream)) == Some(one.port)
}

impl Use {
    fn of(one: &Move, mesh: &Mesh) -> Self {
        let (regions, lane) = one.hops.zip(one.moved.to).map_or_else(
            || (Vec::new(), Lane(0)),
            |(hops, number)| {
                let region = |id| mesh.table().relay(id).map(|slot| slot.region.clone());
                let onward = hops.relays().iter().filter_map(|id| region(*id));
                ([mesh.region().clone()].into_iter().chain(onward).collect(), number.lane())
            },
        );
        Self { regions, lane, since: one.moved.at, why: one.moved.why }
    }
}
