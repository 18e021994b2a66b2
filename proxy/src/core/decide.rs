//! What is to become of a request: RFC 3261 §16.3 (validation), §16.4 (route information), §16.5 (targets), and the
//! source routes of the mesh. A pure function of the request, its source, and the site.

use super::{
    dial::Next,
    flow::Flow,
    refusal::Refusal,
    site::Site,
    target::{Goal, Target, edge_goal, flow_goal},
    view::View,
};
use ringway_router::Region;
use ringway_sip::{Message, Method, Name, NameAddr, Peer, Transport, Uri};

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A proxy of the mesh.
    Mesh,
    /// A trusted element of this region's edge, or this node itself.
    Edge,
    /// Anybody else.
    Stranger,
}

impl Source {
    /// Sorts a source address.
    #[must_use]
    pub fn of(from: Peer, site: &Site, view: &View) -> Self {
        let mesh = match from.transport {
            Transport::Udp => view.peers.contains(&from.address),
            // A connection comes from any port.
            Transport::Tcp | Transport::Tls => view.is_peer(from.address.ip()),
        };
        if mesh {
            Self::Mesh
        } else if site.is_edge(from.address.ip()) || site.asks_from == Some(from.address) {
            Self::Edge
        } else {
            Self::Stranger
        }
    }
}

/// What is to become of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// An OPTIONS for this node itself.
    Answer,
    /// A REGISTER for the registrar of this region.
    Register,
    /// To whoever is registered under this address-of-record; if nobody is, see [`by_dial_plan`].
    Locate {
        /// In its canonical spelling.
        aor: String,
        /// How many Route values on top are ours and come off.
        pops: usize,
    },
    /// On to there.
    Forward {
        /// Where.
        target: Target,
        /// Likewise.
        pops: usize,
    },
}

impl Decision {
    /// How many Route values on top are ours and come off.
    #[must_use]
    pub fn pops(&self) -> usize {
        match self {
            Self::Answer | Self::Register => 0,
            Self::Locate { pops, .. } | Self::Forward { pops, .. } => *pops,
        }
    }
}

/// Decides about a request that `from` sent.
///
/// # Errors
/// The reason for which the request is refused.
pub fn decide(
    request: &Message,
    from: Peer,
    source: Source,
    site: &Site,
    view: &View,
) -> Result<Decision, Refusal> {
    let uri = routable_uri(request)?;
    let to_self = site.names.is_ours(&uri) && uri.user.is_none();
    let routes = routes(request)?;
    let pops = routes.iter().take_while(|route| site.names.is_home(route)).count();

    let hops_left = request.max_forwards().map_err(|_| Refusal::BadRequest("Max-Forwards"))?;
    if hops_left == Some(0) {
        // RFC 3261 §16.3 step 3: an OPTIONS that ends here may be answered as if it were for us.
        return if request.method() == Method::Options {
            Ok(Decision::Answer)
        } else {
            Err(Refusal::TooManyHops)
        };
    }
    let required: Vec<&str> = request.values(Name::ProxyRequire).collect();
    if !required.is_empty() && !matches!(request.method(), Method::Ack | Method::Cancel) {
        return Err(Refusal::BadExtension(required.join(", ")));
    }
    if routes.len() == pops && to_self {
        match request.method() {
            Method::Options => return Ok(Decision::Answer),
            // A binding is owned by the region whose edge brought it: no other region takes it in.
            Method::Register if source == Source::Edge => return Ok(Decision::Register),
            Method::Register => return Err(Refusal::NotAllowed),
            _ => {}
        }
    }
    let in_dialog = request.to_tag().is_some();
    if view.draining && source == Source::Edge && !in_dialog && request.method() == Method::Invite {
        return Err(Refusal::Draining);
    }
    let forward = |target| Decision::Forward { target, pops };
    if let Some(route) = routes.get(pops) {
        return next_route(request, route, &routes[pops + 1..], source, site, pops).map(forward);
    }
    if let Some(target) = by_flow(&routes, &uri, from, site)? {
        return Ok(forward(target));
    }
    if in_dialog {
        // In a dialog the Request-URI is the remote target (RFC 3261 §12.2.1.1), a contact of this region's edge.
        let goal = if site.names.is_ours(&uri) { Err(Refusal::NotFound) } else { edge_goal(&uri, site) };
        return goal.map(Target::to).map(forward);
    }
    match site.names.address_of_record(&uri) {
        Some(aor) => Ok(Decision::Locate { aor, pops }),
        None => by_dial_plan(request, source, site).map(forward),
    }
}

/// A Route remains: the message says where it goes.
fn next_route(
    request: &Message,
    route: &Uri<'_>,
    rest: &[Uri<'_>],
    source: Source,
    site: &Site,
    pops: usize,
) -> Result<Target, Refusal> {
    let Some(next) = site.names.region_of(route) else {
        return edge_goal(route, site).map(Target::to);
    };
    let pinned = rest.iter().map_while(|route| site.names.region_of(route)).count();
    match source {
        // In a dialog the route set names the other edge's region, perhaps twice: with the flow at its end. The relays
        // on the way are our choice alone, so an edge element that names another region asks for a path, and perhaps
        // for one that policy forbids.
        Source::Edge
            if rest.iter().filter_map(|route| site.names.region_of(route)).all(|also| also == next) =>
        {
            Ok(Target::to(Goal::Region { regions: vec![next], routed: true }))
        }
        Source::Edge | Source::Stranger => Err(Refusal::NotAllowed),
        Source::Mesh => {
            // Paths are loop-free at their source. What visits a node twice, or has more regions ahead of it than a
            // path can have, was not made by an ingress of ours.
            let visited = request.vias().flatten().any(|via| site.is_own_via(&via));
            let mut ahead: Vec<Region> =
                rest[..pinned].iter().filter_map(|route| site.names.region_of(route)).collect();
            ahead.dedup();
            ahead.retain(|region| *region != next);
            if visited || pops == 0 || ahead.len() > 1 {
                return Err(Refusal::Loop);
            }
            Ok(Target::to(Goal::Relay(next)))
        }
    }
}

/// RFC 5626 §5.3: a Route of ours that came off may say by which flow its edge element is reached. The flow by which
/// the request came is not the way on, but where it comes from.
fn by_flow(routes: &[Uri<'_>], uri: &Uri<'_>, from: Peer, site: &Site) -> Result<Option<Target>, Refusal> {
    let mut flows = routes.iter().filter_map(|route| Some((route, Flow::read(route.user?)?)));
    let came_by = |flow: &Flow| (flow.peer.transport, flow.peer.address) == (from.transport, from.address);
    let Some((route, flow)) = flows.rfind(|(_, flow)| !came_by(flow)) else { return Ok(None) };
    let goal = flow_goal(&flow, uri, site)?;
    let routes = match goal {
        // The node at which the flow ends needs the token.
        Goal::Sibling(_) => vec![format!("<{}>", route.as_str())],
        _ => Vec::new(),
    };
    Ok(Some(Target { goal, uri: None, routes }))
}

/// No Route remains, and nobody is registered under that name: the dial plan decides.
///
/// # Errors
/// When it does not know the target, or the source may not have it.
pub fn by_dial_plan(request: &Message, source: Source, site: &Site) -> Result<Target, Refusal> {
    let uri = routable_uri(request)?;
    let home = site.names.home();
    let ours = site.names.is_ours(&uri);
    // Behind the mesh the Request-URI may still show the address of the ingress, which answered for it.
    let entries: Vec<_> = site.dial.candidates(&uri, ours || source == Source::Mesh).collect();
    if entries.is_empty() {
        return if ours { Err(Refusal::NotFound) } else { edge_goal(&uri, site).map(Target::to) };
    }
    let at_home = entries.iter().filter(|entry| entry.region == *home);
    let local: Vec<Next> = at_home.flat_map(|entry| entry.next.iter().cloned()).collect();
    match source {
        Source::Mesh | Source::Edge if !local.is_empty() => Ok(Target::to(Goal::at_edge(local))),
        Source::Edge => {
            let regions = entries.iter().map(|entry| entry.region.clone()).collect();
            Ok(Target::to(Goal::Region { regions, routed: false }))
        }
        Source::Mesh | Source::Stranger => Err(Refusal::NotFound),
    }
}

fn routable_uri(request: &Message) -> Result<Uri<'_>, Refusal> {
    let uri = Uri::parse(request.uri()).map_err(|_| Refusal::BadRequest("Request-URI"))?;
    // `sips` means TLS on every hop (RFC 5630 §3), and the hops of the mesh are UDP: we cannot keep that promise, whatever
    // the edge speaks.
    if uri.scheme.eq_ignore_ascii_case("sip") { Ok(uri) } else { Err(Refusal::UnsupportedScheme) }
}

fn routes(request: &Message) -> Result<Vec<Uri<'_>>, Refusal> {
    request
        .routes()
        .map(|route| route.map(|NameAddr { uri, .. }| uri).map_err(|_| Refusal::BadRequest("Route")))
        .collect()
}
