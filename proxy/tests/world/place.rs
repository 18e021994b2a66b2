//! Where things are: the four regions of the AWS whitepaper, one proxy in each, and their edges.

use super::survey::Survey;
use ringway_proxy::core::{
    dial::{DialPlan, Entry, Match, Next},
    names::Names,
    overload,
    question::Host,
    registrar::Settings,
    site::Site,
    sockets::Sockets,
    view::{Neighbor, View},
};
use ringway_router::Region;
use ringway_sip::{Limits, Peer, Timing};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

pub(crate) const MESH: &str = "mesh.example";

/// After so long of silence the next path is tried.
pub(crate) const HOP_TIMEOUT: Duration = Duration::from_millis(300);
pub(crate) const EDGE_TIMEOUT: Duration = Duration::from_millis(1_000);
/// After so long the devices of the next preference ring.
pub(crate) const RING: Duration = Duration::from_secs(20);
pub(crate) const TIMER_C: Duration = Duration::from_secs(181);

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Oregon,
    California,
    Ohio,
    Virginia,
}

/// Round trips from row to column, p50 in ms: cloudping.co, one year to July 2025, by way of commonwarexyz/monorepo
/// `examples/estimator`, rounded.
pub(crate) const RTT_MS: [[f64; 4]; 4] =
    [[0.0, 22.0, 50.0, 64.0], [22.0, 0.0, 52.0, 64.0], [50.0, 52.0, 0.0, 16.0], [64.0, 64.0, 16.0, 0.0]];

impl Place {
    pub(crate) const ALL: [Self; 4] = [Self::Oregon, Self::California, Self::Ohio, Self::Virginia];

    pub(crate) fn name(self) -> &'static str {
        ["us-west-2", "us-west-1", "us-east-2", "us-east-1"][self as usize]
    }

    pub(crate) fn region(self) -> Region {
        self.name().parse().unwrap()
    }

    /// The region as a Route or Record-Route value.
    pub(crate) fn route(self) -> String {
        format!("<sip:{}.{MESH};lr>", self.name())
    }

    pub(crate) fn proxy(self) -> SocketAddr {
        SocketAddr::from(([10, self as u8 + 1, 0, 1], 5060))
    }

    /// Element `n` of the region's edge.
    pub(crate) fn edge(self, n: u8) -> SocketAddr {
        SocketAddr::from(([10, self as u8 + 1, 1, n], 5060))
    }

    /// Which element of an edge has that address.
    pub(crate) fn edge_number(address: SocketAddr) -> u8 {
        match address {
            SocketAddr::V4(address) => address.ip().octets()[3],
            SocketAddr::V6(_) => 0,
        }
    }

    /// The region of an address.
    pub(crate) fn of(address: SocketAddr) -> Option<Self> {
        let SocketAddr::V4(address) = address else { return None };
        match address.ip().octets() {
            [10, n @ 1..=4, ..] => Some(Self::ALL[usize::from(n) - 1]),
            _ => None,
        }
    }

    pub(crate) fn site(self) -> Site {
        Site {
            names: Names::new(MESH, self.region(), vec![self.proxy()]),
            sockets: Sockets::new(self.proxy(), []),
            usual: Vec::new(),
            asks_from: Some(SocketAddr::new(self.proxy().ip(), 40_000)),
            edge: vec![format!("10.{}.1.0/24", self as u8 + 1).parse().unwrap()],
            dial: dial_plan(),
            limits: Limits::default(),
            timing: Timing::default(),
            hop_timeout: HOP_TIMEOUT,
            edge_timeout: EDGE_TIMEOUT,
            timer_c: TIMER_C,
            overload: overload::Settings::default(),
            ring: RING,
            registrar: Settings::default(),
            node: self.node().node,
            flow_secret: 7,
            media: None,
            idle: Duration::from_secs(600),
        }
    }

    /// What the proxy of this region knows when all proxies but `absent` are there.
    pub(crate) fn view(self, survey: &Survey, absent: &[Place]) -> View {
        let others = || Self::ALL.into_iter().filter(|place| *place != self);
        let present = others().filter(|place| !absent.contains(place));
        let neighbor = |place: Place| Neighbor { node: place.node(), sip: place.proxy() };
        View {
            table: survey.table(self),
            undrained: None,
            standing: present.clone().map(Place::proxy).collect(),
            neighbors: present.map(|place| (place.region(), vec![neighbor(place)])).collect(),
            peers: others().map(Place::proxy).collect(),
            media: BTreeSet::new(),
            draining: false,
        }
    }
}

/// `+1703` Virginia, `+1206` Oregon, `+1800` California or Virginia, `+1555` two elements of Virginia's edge,
/// `+1556` three, `+1557` whatever DNS knows as `pbx.example`.
fn dial_plan() -> DialPlan {
    let prefix = |prefix: &str, place: Place, next: &[u8]| Entry {
        matches: Match::Prefix(prefix.to_owned()),
        region: place.region(),
        next: next.iter().map(|&n| Next::At(Peer::udp(place.edge(n)))).collect(),
    };
    let named = |digits: &str, place: Place, name: &str| Entry {
        next: vec![Next::Named(Host { name: name.to_owned(), port: None, transport: None })],
        ..prefix(digits, place, &[])
    };
    DialPlan::new(vec![
        prefix("+1703", Place::Virginia, &[1]),
        prefix("+1206", Place::Oregon, &[9]),
        prefix("+1800", Place::Virginia, &[1]),
        prefix("+1800", Place::California, &[1]),
        prefix("+1555", Place::Virginia, &[2, 3]),
        prefix("+1556", Place::Virginia, &[2, 3, 4]),
        named("+1557", Place::Virginia, "pbx.example"),
    ])
}

/// The views of all four regions, made once for many worlds.
pub(crate) fn views(survey: &Survey, absent: &[Place]) -> [Arc<View>; 4] {
    Place::ALL.map(|place| Arc::new(place.view(survey, absent)))
}
