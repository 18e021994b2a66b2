//! Where a request goes: one target of its target set (RFC 3261 §16.5), from the dial plan, a Route, a flow, or a
//! binding of the location directory.

use super::{
    decide::Source,
    dial::Next,
    flow::Flow,
    names::peer_of,
    question::{Host, Unresolved},
    refusal::Refusal,
    site::Site,
    view::View,
};
use crate::location::{self, Binding};
use ringway_router::{NodeName, Region, Traffic};
use ringway_sip::{NameAddr, Peer, Uri};

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub goal: Goal,
    /// Its Request-URI; `None`: the one that the request has.
    pub uri: Option<String>,
    /// Route values that lead on from there, first one first (the Path of a binding, RFC 3327 §5.2).
    pub routes: Vec<String>,
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// In from the edge, out over the mesh to one of the candidate regions, over paths that we choose.
    Region {
        /// In the order of the dial plan.
        regions: Vec<Region>,
        /// The Route to the (then single) region is in the message already.
        routed: bool,
    },
    /// In from the mesh, on to the region that the ingress pinned.
    Relay(Region),
    /// To the node of this region at which the flow of the edge element ends.
    Sibling(NodeName),
    /// Out to this region's edge; the next address is for when one does not answer.
    Edge(Vec<Peer>),
    /// Likewise, by the flow by which the element came in, or where it listens itself when that is gone.
    Flow(Peer, Option<Peer>),
    /// Likewise, once DNS has said where that is.
    Named(Vec<Next>),
}

impl Target {
    /// A target that the request itself names.
    #[must_use]
    pub fn to(goal: Goal) -> Self {
        Self { goal, uri: None, routes: Vec::new() }
    }
}

impl Goal {
    /// Elements of the edge, one for when the other does not answer. Nobody is asked for addresses.
    #[must_use]
    pub fn at_edge(places: Vec<Next>) -> Self {
        let address = |place: &Next| match place {
            Next::At(peer) => Some(*peer),
            Next::Named(_) => None,
        };
        match places.iter().map(address).collect() {
            Some(peers) => Self::Edge(peers),
            None => Self::Named(places),
        }
    }
}

/// An element of the edge. Nothing is ever sent where it was not asked for: an address has to belong to the edge, and so
/// has whatever DNS makes of a name.
///
/// # Errors
/// When it does not, or is not spoken to.
pub fn edge_goal(uri: &Uri<'_>, site: &Site) -> Result<Goal, Refusal> {
    if uri.ip().is_none() {
        return Host::of(uri).map(|host| Goal::Named(vec![Next::Named(host)])).ok_or(Refusal::NotFound);
    }
    let peer = peer_of(uri).ok_or(Refusal::NotFound)?;
    if site.is_edge(peer.address.ip()) { Ok(Goal::Edge(vec![peer])) } else { Err(Refusal::NotAllowed) }
}

/// The addresses of a host of the edge.
///
/// # Errors
/// When DNS knows none, or only such as are not of the edge.
pub fn edge_of(found: Result<Vec<Peer>, Unresolved>, site: &Site) -> Result<Vec<Peer>, Refusal> {
    let mut peers = found.map_err(Refusal::Unresolved)?;
    peers.retain(|peer| site.is_edge(peer.address.ip()));
    if peers.is_empty() { Err(Refusal::NotAllowed) } else { Ok(peers) }
}

/// The way to an element that came in by `flow`, and whose contact is `contact`.
///
/// # Errors
/// When the flow is not of this edge, or is over (430, RFC 5626 §5.3).
pub fn flow_goal(flow: &Flow, contact: &Uri<'_>, site: &Site) -> Result<Goal, Refusal> {
    if !site.is_edge(flow.peer.address.ip()) {
        return Err(Refusal::NotAllowed);
    }
    if flow.node != site.node.as_str() {
        let node = NodeName::try_from(flow.node.as_str()).map_err(|_| Refusal::FlowFailed)?;
        return Ok(Goal::Sibling(node));
    }
    // Who dialed us may listen as well: an element that restarted is found by its contact.
    let listens = peer_of(contact).filter(|peer| site.is_edge(peer.address.ip()));
    let listens =
        listens.filter(|peer| peer.transport.is_reliable() && flow.peer.transport == peer.transport);
    match (flow.is_of(site.flow_secret), listens) {
        (true, listens) => Ok(Goal::Flow(flow.peer, listens)),
        (false, Some(listens)) => Ok(Goal::Edge(vec![listens])),
        (false, None) => Err(Refusal::FlowFailed),
    }
}

/// Whom to call for an address-of-record: tiers one after the other, in each the devices at once, of each its
/// alternatives. Region and path are chosen together: where a device can be reached in several regions, the one with the
/// best path comes first. What comes from the mesh has been located already, in this region.
#[must_use]
pub fn targets(
    bindings: Vec<Binding>,
    source: Source,
    traffic: &Traffic,
    site: &Site,
    view: &View,
) -> Vec<Vec<Vec<Target>>> {
    let home = site.names.home();
    let score = |region: &Region| match source {
        _ if region == home => Some(f64::INFINITY),
        Source::Edge => view.table.route(region, traffic)?.ranked.first().map(|best| best.score),
        Source::Mesh | Source::Stranger => None,
    };
    let target = |binding: &Binding| target_of(binding, site).ok();
    let device = |device: Vec<Binding>| -> Vec<Target> { device.iter().filter_map(target).collect() };
    let tiers = location::targets(bindings, score).into_iter();
    tiers
        .map(|tier| tier.into_iter().map(device).filter(|device| !device.is_empty()).collect::<Vec<_>>())
        .filter(|tier| !tier.is_empty())
        .collect()
}

fn target_of(binding: &Binding, site: &Site) -> Result<Target, Refusal> {
    let uri = Some(binding.contact.clone());
    let routes = binding.path.clone();
    if binding.region != *site.names.home() {
        let goal = Goal::Region { regions: vec![binding.region.clone()], routed: false };
        return Ok(Target { goal, uri, routes });
    }
    let unreadable = |_| Refusal::NotFound;
    let contact = Uri::parse(&binding.contact).map_err(unreadable)?;
    let Some(first) = routes.first() else {
        return Ok(Target { goal: edge_goal(&contact, site)?, uri, routes });
    };
    let first = NameAddr::parse(first).map_err(unreadable)?.uri;
    let flow = first.user.filter(|_| site.names.is_home(&first)).and_then(Flow::read);
    let Some(flow) = flow else {
        return Ok(Target { goal: edge_goal(&first, site)?, uri, routes });
    };
    match flow_goal(&flow, &contact, site)? {
        goal @ Goal::Sibling(_) => Ok(Target { goal, uri, routes }),
        // Our own value comes off here.
        goal => Ok(Target { goal, uri, routes: routes[1..].to_vec() }),
    }
}
