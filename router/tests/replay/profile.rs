//! Where the points of R go that the oracle has and we have not.

use std::collections::BTreeMap;

use super::way::{Way, blame};
use crate::atlas::{
    sky::{STEP_MS, Sky},
    weather::Kind,
};

/// Less than this in one window is nobody's fault.
const TRIFLE_R: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blame {
    /// The path in use has been bad for less than this many ms.
    Bad { kind: Kind, under_ms: u64 },
    /// The router had no path at all for a while.
    Nothing,
    /// It is healthy, but a detour.
    Detour,
    /// It is healthy and direct, but there is something better.
    Direct,
}

/// Per pair: what the path in use suffers from, and for how long already.
#[derive(Clone, Copy, Default)]
struct Watch {
    since_ms: Option<u64>,
    worst: Option<Kind>,
    longest_ms: u64,
    relays: usize,
    nothing: bool,
}

pub(crate) struct Profile {
    watches: Vec<Watch>,
    /// Points of R times windows, and how many windows.
    pub(crate) lost: BTreeMap<Blame, (f64, u64)>,
}

impl Profile {
    pub(crate) fn new(pairs: usize) -> Self {
        Self { watches: vec![Watch::default(); pairs], lost: BTreeMap::new() }
    }

    /// One step of a pair on this way.
    pub(crate) fn step(&mut self, pair: usize, way: &Way, sky: &Sky<'_>) {
        let watch = &mut self.watches[pair];
        let Way::One(chain) = way else {
            watch.nothing = true;
            return;
        };
        watch.relays = chain.relays();
        let (loss_r, delay_r) = blame(&chain.fate(sky.atlas, |link| sky.link(link)));
        let (fair_loss_r, fair_delay_r) = blame(&chain.fate(sky.atlas, |link| sky.fair(link)));
        if loss_r + delay_r < fair_loss_r + fair_delay_r + TRIFLE_R {
            watch.since_ms = None;
            return;
        }
        let since_ms = *watch.since_ms.get_or_insert(sky.now_ms());
        watch.worst = watch.worst.max(chain.links(sky.atlas).filter_map(|link| sky.link(link).kind).max());
        watch.longest_ms = watch.longest_ms.max(sky.now_ms() + STEP_MS - since_ms);
    }

    /// A window of a pair is over, and the oracle was better by this.
    pub(crate) fn end_window(&mut self, pair: usize, lost_r: f64) {
        let watch = &mut self.watches[pair];
        if lost_r > TRIFLE_R {
            let under_ms = [500, 1_000, 2_000, 5_000, 20_000]
                .into_iter()
                .find(|under| watch.longest_ms <= *under)
                .unwrap_or(u64::MAX);
            let blame = match watch.worst {
                _ if watch.nothing => Blame::Nothing,
                Some(kind) => Blame::Bad { kind, under_ms },
                None if watch.relays > 0 => Blame::Detour,
                None => Blame::Direct,
            };
            let (sum, windows) = self.lost.entry(blame).or_default();
            *sum += lost_r;
            *windows += 1;
        }
        (watch.worst, watch.longest_ms, watch.nothing) = (None, 0, false);
    }
}
