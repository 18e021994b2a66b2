//! What the routers believe of the links, and the route tables that follow: real routers fed with real reports.

use super::place::{Place, RTT_MS};
use ringway_router::{Input, LinkReport, NodeId, Policy, Region, Report, RouteTable, Router, Settings, Time};
use std::{collections::BTreeSet, sync::Arc};

/// Reports until nothing moves any more: 20 s of them.
const ROUNDS: u64 = 40;

/// The state of all links, as measured.
#[derive(Clone, Default)]
pub(crate) struct Survey {
    slow: BTreeSet<(Place, Place)>,
    lossy: BTreeSet<(Place, Place)>,
    down: BTreeSet<(Place, Place)>,
    dead: BTreeSet<Place>,
    policy: Option<&'static str>,
}

impl Survey {
    /// All links well: direct is best everywhere.
    pub(crate) fn fair() -> Self {
        Self::default()
    }

    /// A link loses a fifth of its packets both ways and is 80 ms slower: calls had better go round.
    pub(crate) fn brownout(mut self, a: Place, b: Place) -> Self {
        self.slow.extend([(a, b), (b, a)]);
        self
    }

    /// A link loses three packets in ten both ways, and is as fast as ever.
    pub(crate) fn lossy(mut self, a: Place, b: Place) -> Self {
        self.lossy.extend([(a, b), (b, a)]);
        self
    }

    pub(crate) fn down(mut self, a: Place, b: Place) -> Self {
        self.down.extend([(a, b), (b, a)]);
        self
    }

    pub(crate) fn dead(mut self, place: Place) -> Self {
        self.dead.insert(place);
        self
    }

    /// A policy document that is applied once paths are known.
    pub(crate) fn policy(mut self, document: &'static str) -> Self {
        self.policy = Some(document);
        self
    }

    pub(crate) fn table(&self, home: Place) -> Arc<RouteTable> {
        let mut router = Router::new(home.region(), Settings::default());
        let live: Vec<Place> = Place::ALL.into_iter().filter(|place| !self.dead.contains(place)).collect();
        let others = live.iter().filter(|place| **place != home).map(|place| place.region());
        let regions: BTreeSet<Region> = others.collect();
        for round in 1..=ROUNDS {
            let now = Time::from_millis(round * 500);
            for place in &live {
                router.handle(now, Input::Report(self.report(*place, round)));
            }
            // Nobody is live before all links are known, so that the first choice is made among all paths.
            router.handle(now, Input::Regions(regions.clone()));
        }
        if let Some(document) = self.policy {
            let policy = Arc::new(Policy::parse(document).unwrap());
            router.handle(Time::from_millis(ROUNDS * 500), Input::Policy(policy));
        }
        router.table()
    }

    fn report(&self, from: Place, sequence: u64) -> Report {
        let others = Place::ALL.into_iter().filter(|to| *to != from);
        let links = others.map(|to| self.link(from, to)).collect();
        Report { origin: from.node(), incarnation: 1, sequence, full: true, links }
    }

    fn link(&self, from: Place, to: Place) -> LinkReport {
        let up = !self.down.contains(&(from, to)) && !self.dead.contains(&to);
        let slow = self.slow.contains(&(from, to));
        // Of a round trip that loses 30 % each way, 51 % are lost.
        let lost = if slow { 4 } else { 10 * u32::from(self.lossy.contains(&(from, to))) };
        let rtt_ms = RTT_MS[from as usize][to as usize] + if slow { 160.0 } else { 0.0 };
        let rtt_ms = if up { rtt_ms } else { 0.0 };
        LinkReport {
            up,
            rtt_p95_ms: rtt_ms * 1.05,
            jitter_ms: rtt_ms * 0.01,
            loss: if up { f64::from(lost) / 20.0 } else { 1.0 },
            ..LinkReport::clean(to.region(), rtt_ms)
        }
    }
}

impl Place {
    pub(crate) fn node(self) -> NodeId {
        NodeId { region: self.region(), node: "n-1".parse().unwrap() }
    }
}
