//! The regions and the links between them, as they are at one moment. petgraph answers whether a region can
//! be reached at all; a dense matrix beside it answers the scorer, who asks a hundred thousand times.

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
};

/// One snapshot of the mesh. Regions are sorted; everything is addressed by their index.
pub(crate) struct Graph {
    /// Live regions as nodes, links that may carry calls as edges.
    usable: DiGraph<Region, ()>,
    index: BTreeMap<Region, usize>,
    live: Vec<bool>,
    hops: Vec<Hop>,
}

/// What the scorer knows of one link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    pub(crate) standing: Standing,
    pub(crate) now: Run,
    pub(crate) smoothed: Run,
}

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
        let index: BTreeMap<Region, usize> = regions.iter().map(|r| (*r).clone()).zip(0..).collect();
        let mut usable = DiGraph::with_capacity(index.len(), index.len() * index.len());
        for region in index.keys() {
            usable.add_node(region.clone());
        }
        let mut graph = Self {
            usable,
            live: regions.iter().map(|region| live.contains(*region)).collect(),
            hops: vec![Hop::UNKNOWN; index.len() * index.len()],
            index,
        };
        for (from, to, link) in links.iter() {
            graph.add(from, to, link);
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
            let (Some(from), Some(to)) = (graph.index(from), graph.index(to)) else { continue };
            let at = from * graph.len() + to;
            graph.hops[at] = Hop::once(reading);
            graph.usable.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
        graph
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn index(&self, region: &Region) -> Option<usize> {
        self.index.get(region).copied()
    }

    pub(crate) fn region(&self, index: usize) -> &Region {
        &self.usable[NodeIndex::new(index)]
    }

    pub(crate) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.index.keys()
    }

    pub(crate) fn is_live(&self, index: usize) -> bool {
        self.live[index]
    }

    pub(crate) fn hop(&self, from: usize, to: usize) -> &Hop {
        &self.hops[from * self.len() + to]
    }

    /// Whether links that are up lead from one region to the other, over however many relays.
    pub(crate) fn reachable(&self, from: usize, to: usize) -> bool {
        has_path_connecting(&self.usable, NodeIndex::new(from), NodeIndex::new(to), None)
    }

    fn add(&mut self, from: &Region, to: &Region, link: &Link) {
        let (Some(from), Some(to)) = (self.index(from), self.index(to)) else { return };
        let at = from * self.len() + to;
        self.hops[at] = Hop::of(link);
        if self.hops[at].is_up() && self.live[from] && self.live[to] {
            self.usable.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
    }
}

impl Hop {
    pub(crate) const UNKNOWN: Self =
        Self { standing: Standing::Unknown, now: Run::NOTHING_ARRIVES, smoothed: Run::NOTHING_ARRIVES };

    pub(crate) fn is_up(&self) -> bool {
        self.standing == Standing::Up
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
