//! The regions and the links between them, as they are at one moment: a dense matrix for the scorer, who asks a hundred
//! thousand times. It lives as long as the regions stay the same; of the links only those that changed are set again.
//! petgraph answers whether a region can be reached at all.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{
    algo::has_path_connecting,
    graph::{DiGraph, NodeIndex},
};

use crate::{
    Reading, Region, Sample,
    estimate::Measure,
    link::{Link, Standing},
    links::Links,
    shortlist::Chain,
};

/// The mesh. Regions are sorted; everything is addressed by their index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    regions: Vec<Region>,
    index: BTreeMap<Region, usize>,
    live: Vec<bool>,
    hops: Vec<Hop>,
}

/// What the scorer knows of one link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hop {
    pub(crate) standing: Standing,
    pub(crate) now: Run,
    pub(crate) smoothed: Run,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is as it was.
    Same,
    /// Its figures moved a little, or for the better.
    Milder,
    /// It went down or up, or became so much worse that calls may have to move.
    Sharp,
}

/// So much more loss ...
const SHARP_LOSS: f64 = 0.005;
/// ... or delay, one way, is no small matter.
const SHARP_DELAY_MS: f64 = 10.0;

/// Delay, jitter and survival of a packet over a run of links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) delay_ms: f64,
    pub(crate) jitter_ms: f64,
    /// The share of packets that arrives. Over several links the shares multiply.
    pub(crate) survival: f64,
}

impl Graph {
    /// The mesh of these links. `live` are the regions with a live node.
    pub(crate) fn new(links: &Links, live: &BTreeSet<Region>) -> Self {
        let mut regions: BTreeSet<&Region> = live.iter().collect();
        for (from, to, _) in links.iter() {
            regions.extend([from, to]);
        }
        let regions: Vec<Region> = regions.into_iter().cloned().collect();
        let mut graph = Self {
            index: regions.iter().cloned().zip(0..).collect(),
            live: regions.iter().map(|region| live.contains(region)).collect(),
            hops: vec![Hop::UNKNOWN; regions.len() * regions.len()],
            regions,
        };
        for (from, to, link) in links.iter() {
            if let (Some(from), Some(to)) = (graph.index(from), graph.index(to)) {
                graph.set(from, to, link);
            }
        }
        graph
    }

    /// The mesh as it once was. Regions without a link that was up count as dead.
    pub(crate) fn of(sample: &Sample) -> Self {
        let mut links: Vec<&(Region, Region, Reading)> = sample.links.iter().collect();
        links.retain(|(_, _, reading)| reading.up);
        let live: BTreeSet<Region> = links.iter().flat_map(|(from, to, _)| [from, to]).cloned().collect();
        let mut graph = Self::new(&Links::default(), &live);
        for (from, to, reading) in links {
            if let (Some(from), Some(to)) = (graph.index(from), graph.index(to)) {
                let at = from * graph.len() + to;
                graph.hops[at] = Hop::once(reading);
            }
        }
        graph
    }

    /// Sets a link anew.
    pub(crate) fn set(&mut self, from: usize, to: usize, link: &Link) -> Turn {
        let at = from * self.len() + to;
        let hop = Hop::of(link);
        let before = std::mem::replace(&mut self.hops[at], hop);
        before.turn(&hop)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn index(&self, region: &Region) -> Option<usize> {
        self.index.get(region).copied()
    }

    pub(crate) fn region(&self, index: usize) -> &Region {
        &self.regions[index]
    }

    pub(crate) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    pub(crate) fn is_live(&self, index: usize) -> bool {
        self.live[index]
    }

    pub(crate) fn hop(&self, from: usize, to: usize) -> &Hop {
        &self.hops[from * self.len() + to]
    }

    /// The chain over these relays; `None`: one of them is not known, or there are too many.
    pub(crate) fn chain(&self, relays: &[Region]) -> Option<Chain> {
        match relays {
            [] => Some(Chain::direct()),
            [a] => Some(Chain::one(self.index(a)?)),
            [a, b] => Some(Chain::two(self.index(a)?, self.index(b)?)),
            _ => None,
        }
    }

    /// Whether links that are up lead from one region to the other, over however many relays.
    pub(crate) fn reachable(&self, from: usize, to: usize) -> bool {
        let live: Vec<usize> = (0..self.len()).filter(|i| self.live[*i]).collect();
        let mut usable: DiGraph<(), ()> = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..self.len()).map(|_| usable.add_node(())).collect();
        for &a in &live {
            for &b in live.iter().filter(|b| self.hop(a, **b).is_up()) {
                usable.add_edge(nodes[a], nodes[b], ());
            }
        }
        has_path_connecting(&usable, nodes[from], nodes[to], None)
    }
}

impl Hop {
    pub(crate) const UNKNOWN: Self =
        Self { standing: Standing::Unknown, now: Run::NOTHING_ARRIVES, smoothed: Run::NOTHING_ARRIVES };

    pub(crate) fn is_up(&self) -> bool {
        self.standing == Standing::Up
    }

    fn turn(&self, next: &Hop) -> Turn {
        let grew = |before: f64, after: f64, by: f64| after > before + by;
        if self == next {
            Turn::Same
        } else if (self.is_up() || next.is_up()) && self.standing != next.standing
            || grew(next.now.survival, self.now.survival, SHARP_LOSS)
            || grew(self.now.delay_ms, next.now.delay_ms, SHARP_DELAY_MS)
        {
            Turn::Sharp
        } else {
            Turn::Milder
        }
    }

    fn once(reading: &Reading) -> Self {
        let run = Run {
            delay_ms: f64::from(reading.delay_ms),
            jitter_ms: f64::from(reading.jitter_ms),
            survival: 1.0 - f64::from(reading.loss),
        };
        Self { standing: Standing::Up, now: run, smoothed: run }
    }

    fn of(link: &Link) -> Self {
        let carries = match link.standing {
            Standing::Up | Standing::Recovering { .. } => 1.0,
            Standing::Unknown | Standing::Down { .. } => 0.0,
        };
        let run = |measure: &Measure| Run {
            delay_ms: measure.delay_ms,
            jitter_ms: measure.jitter_ms,
            survival: (1.0 - measure.loss) * carries,
        };
        Self { standing: link.standing, now: run(&link.now), smoothed: run(&link.smoothed) }
    }
}

impl Run {
    /// Where a path starts.
    pub(crate) const START: Self = Self { delay_ms: 0.0, jitter_ms: 0.0, survival: 1.0 };
    const NOTHING_ARRIVES: Self = Self { delay_ms: 0.0, jitter_ms: 0.0, survival: 0.0 };

    /// This run, and then another.
    pub(crate) fn then(&self, next: &Run) -> Run {
        Run {
            delay_ms: self.delay_ms + next.delay_ms,
            jitter_ms: self.jitter_ms + next.jitter_ms,
            survival: self.survival * next.survival,
        }
    }
}
