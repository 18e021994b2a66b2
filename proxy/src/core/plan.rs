//! From a target to legs: to which addresses a request may go, in which order, and with which Routes.

use super::{
    marks::{marked, marks},
    patience::is_lossy,
    refusal::Refusal,
    site::Site,
    target::{Goal, Target},
    view::View,
};
use ringway_router::{Path, Protect, Ranked, Region, Route, Traffic};
use ringway_sip::Peer;
use std::{collections::VecDeque, time::Duration};

/// Paths beyond these are not tried for one request.
const LEGS_MAX: usize = 3;

/// One way to send a request on.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// The next element.
    pub to: Peer,
    /// What it is.
    pub hop: Hop,
    /// Route values to put on top, first one first.
    pub routes: Vec<String>,
    /// What is measured of the path, at the ingress.
    pub measured: Option<Measured>,
    /// It is known not to take streams: however long the message is, it goes as a datagram.
    pub refuses_streams: bool,
}

/// What the route table says of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// There and back.
    pub round_trip: Duration,
    /// One way, 0 to 1.
    pub loss: f64,
    /// When the rules want requests to go over two paths.
    pub protect: Protect,
}

/// What the next element is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// A proxy of the mesh in that region, the first of this path (at the ingress).
    Mesh(Region, Option<Path>),
    /// Another proxy of our own region.
    Sibling,
    /// An element of our edge.
    Edge,
    /// Likewise, by the flow by which it came in.
    Flow,
}

impl Measured {
    fn of(ranked: &Ranked, protect: Protect) -> Self {
        let round_trip = Duration::try_from_secs_f64(ranked.delay_ms * 2e-3).unwrap_or(Duration::MAX);
        Self { round_trip, loss: ranked.loss, protect }
    }
}

impl Leg {
    /// Whether what goes this way, after `copies` others, goes another way as well: because the path is known to lose, or
    /// the rules want it.
    #[must_use]
    pub fn goes_again(&self, copies: usize) -> bool {
        self.measured.is_some_and(|path| match path.protect {
            Protect::Never => false,
            Protect::OnSuspicion => is_lossy(path.loss),
            Protect::Always => copies == 0 || is_lossy(path.loss),
        })
    }

    /// Whether a copy may go another way only because an answer is late.
    #[must_use]
    pub fn may_be_hedged(&self) -> bool {
        self.measured.is_none_or(|path| path.protect != Protect::Never)
    }
}

impl Hop {
    /// Whether no link of this path is one of `other`: what happens to one says little about the other.
    #[must_use]
    pub fn is_independent_of(&self, other: &Self) -> bool {
        let (Self::Mesh(_, Some(path)), Self::Mesh(_, Some(other))) = (self, other) else { return true };
        let (path, other) = (path.regions(), other.regions());
        !path.windows(2).any(|link| other.windows(2).any(|one| one == link))
    }
}

/// Lays out the legs to a target. There is none yet to a host whose addresses are still asked for.
///
/// # Errors
/// When there is none: no path is allowed, up, or has a live node to begin with.
pub fn plan(
    target: &Target,
    call_id: &str,
    traffic: &Traffic,
    site: &Site,
    view: &View,
) -> Result<VecDeque<Leg>, Refusal> {
    let leg =
        |to, hop| Leg { to, hop, routes: target.routes.clone(), measured: None, refuses_streams: false };
    match &target.goal {
        Goal::Region { regions, routed } => ingress(target, (regions, *routed), call_id, traffic, site, view),
        Goal::Relay(next) => {
            let neighbor = view.neighbor(next, call_id).ok_or_else(|| Refusal::PathFailed(next.clone()))?;
            Ok(VecDeque::from([leg(Peer::udp(neighbor.sip), Hop::Mesh(next.clone(), None))]))
        }
        Goal::Sibling(node) => {
            let at = view.node(site.names.home(), node).ok_or(Refusal::FlowFailed)?;
            Ok(VecDeque::from([leg(Peer::udp(at), Hop::Sibling)]))
        }
        Goal::Edge(peers) => Ok(peers.iter().map(|&to| leg(to, Hop::Edge)).collect()),
        Goal::Flow(peer, listens) => {
            let listens = listens.map(|to| leg(to, Hop::Edge));
            Ok([leg(*peer, Hop::Flow)].into_iter().chain(listens).collect())
        }
        Goal::Named(_) => Ok(VecDeque::new()),
    }
}

/// Region and path are chosen together: the region whose best usable path scores highest. The legs then are the
/// paths to that region, best first.
fn ingress(
    target: &Target,
    (regions, routed): (&[Region], bool),
    call_id: &str,
    traffic: &Traffic,
    site: &Site,
    view: &View,
) -> Result<VecDeque<Leg>, Refusal> {
    let mut best: Option<(f64, VecDeque<Leg>)> = None;
    let mut refusal = None;
    let marks = marks(traffic, view.table.asks_for_numbers());
    let table = if routed { view.dialogs() } else { &view.table };
    for region in regions {
        let Some(route) = table.route(region, traffic) else {
            refusal.get_or_insert_with(|| Refusal::NoPath(format!("no route to {region}")));
            continue;
        };
        let usable: Vec<_> = route
            .ranked
            .iter()
            .filter_map(|ranked| Some((ranked, view.neighbor(&ranked.path.regions()[1], call_id)?)))
            .take(LEGS_MAX)
            .collect();
        let Some((first, _)) = usable.first() else {
            refusal.get_or_insert_with(|| refusal_of(route));
            continue;
        };
        if best.as_ref().is_none_or(|(score, _)| first.score > *score) {
            let legs = usable
                .iter()
                .map(|(ranked, neighbor)| Leg {
                    to: Peer::udp(neighbor.sip),
                    hop: Hop::Mesh(ranked.path.regions()[1].clone(), Some(ranked.path.clone())),
                    routes: routes(&ranked.path, routed, &marks, site)
                        .chain(target.routes.iter().cloned())
                        .collect(),
                    measured: Some(Measured::of(ranked, route.protect)),
                    refuses_streams: false,
                })
                .collect();
            best = Some((first.score, legs));
        }
    }
    match best {
        Some((_, legs)) => Ok(legs),
        None => Err(refusal.unwrap_or(Refusal::NotFound)),
    }
}

/// Why a route has no path that can be used from here.
fn refusal_of(route: &Route) -> Refusal {
    match &route.refused {
        Some(refused) if refused.by_policy => Refusal::Forbidden(refused.why.clone()),
        Some(refused) => Refusal::NoPath(refused.why.clone()),
        None => Refusal::NoPath(format!("no live node on any path to {}", route.to)),
    }
}

/// One Route a relay, and one for the destination, which is told what the call is, unless the dialog's route set names it
/// already.
fn routes(path: &Path, routed: bool, marks: &str, site: &Site) -> impl Iterator<Item = String> {
    let relays = path.relays().iter().map(|relay| site.names.route(relay));
    let last = (!routed).then(|| marked(site.names.route(path.destination()), marks));
    relays.chain(last)
}
