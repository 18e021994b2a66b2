//! What does not change while the node runs: its place, its names, its edge, its dial plan, its patience.

use super::{dial::DialPlan, flow::Flow, media, names::Names, overload, registrar, sockets::Sockets};
use ipnet::IpNet;
use ringway_router::{Class, NodeName, Tenant};
use ringway_sip::{Limits, Peer, Timing, Via};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The constants of one proxy.
#[derive(Debug, Clone)]
pub struct Site {
    /// Region names and own addresses.
    pub names: Names,
    /// What stands in our Via: where responses come to.
    pub sockets: Sockets,
    /// Whose requests are taken in, and to whom requests are delivered.
    pub edge: Vec<IpNet>,
    /// Where the node's own OPTIONS come from, that ask through the proxy how other regions are.
    pub asks_from: Option<SocketAddr>,
    /// What calls from there usually are, where a request does not say; the narrowest network counts.
    pub usual: Vec<Usual>,
    /// The dial plan.
    pub dial: DialPlan,
    /// Limits of the parser.
    pub limits: Limits,
    /// T1, T2, T4.
    pub timing: Timing,
    /// How long the next proxy of a path may be silent before the next path is tried as well.
    pub hop_timeout: Duration,
    /// How long an edge element may be silent before the next one is tried.
    pub edge_timeout: Duration,
    /// Serial forking: how long the devices of one preference ring before those of the next are tried.
    pub ring: Duration,
    /// What the registrar grants.
    pub registrar: registrar::Settings,
    /// This node's name.
    pub node: NodeName,
    /// Seals flow tokens; new with every start of the process, the same for all its workers.
    pub flow_secret: u64,
    /// Timer C (RFC 3261 §16.6 step 11): how long a callee may ring. More than 3 minutes.
    pub timer_c: Duration,
    /// What is done under overload.
    pub overload: overload::Settings,
    /// How media is anchored; `None`: it goes its own way.
    pub media: Option<media::Settings>,
    /// How long a connection may be idle before it is closed.
    pub idle: Duration,
}

/// What calls from one network of the edge usually are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// The network.
    pub from: IpNet,
    /// Their class.
    pub class: Class,
    /// Whose they are.
    pub tenant: Option<Tenant>,
}

impl Site {
    /// What calls from an address of the edge usually are.
    #[must_use]
    pub fn usual(&self, address: IpAddr) -> Option<&Usual> {
        self.usual
            .iter()
            .filter(|usual| usual.from.contains(&address))
            .max_by_key(|usual| usual.from.prefix_len())
    }

    /// Whether an address belongs to this region's edge.
    #[must_use]
    pub fn is_edge(&self, address: IpAddr) -> bool {
        self.edge.iter().any(|net| net.contains(&address))
    }

    /// The way back to an edge element by the flow by which it came in, as a Path or Record-Route value.
    #[must_use]
    pub fn flow_route(&self, peer: Peer) -> String {
        let flow = Flow::new(self.node.as_str(), peer, self.flow_secret);
        self.names.flow_route(self.names.home(), &flow)
    }

    /// Whether a Via is one that this node put on.
    #[must_use]
    pub fn is_own_via(&self, via: &Via<'_>) -> bool {
        self.sockets.is_own_via(via)
    }
}
