//! What is to become of a request: RFC 3261 §16.3 (validation), §16.4 (route information), §16.5 (targets), and the
//! source routes of the mesh. A pure function of the request, its source, and the site.

use super::{names::peer_of, refusal::Refusal, site::Site, view::View};
use ringway_router::Region;
use ringway_sip::{Message, Method, Name, NameAddr, Peer, Transport, Uri};

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A proxy of the mesh.
    Mesh,
    /// A trusted element of this region's edge.
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
        } else if site.is_edge(from.address.ip()) {
            Self::Edge
        } else {
            Self::Stranger
        }
    }
}

/// What is to become of a request. `pops`: how many Route values on top are ours and come off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// An OPTIONS for this node itself.
    Answer,
    /// In from the edge, out over the mesh to one of the candidate regions, over paths that we choose.
    /// `routed`: the Route to the (then single) region is in the message already.
    Ingress {
        /// In the order of the dial plan.
        regions: Vec<Region>,
        /// See above.
        routed: bool,
        /// Own Routes.
        pops: usize,
    },
    /// In from the mesh, on to the region that the ingress pinned.
    Relay {
        /// The next region of the path.
        next: Region,
        /// Own Routes.
        pops: usize,
    },
    /// Out to this region's edge; the next address is for when one does not answer.
    Egress {
        /// In order.
        targets: Vec<Peer>,
        /// Own Routes.
        pops: usize,
    },
}

impl Decision {
    /// How many Route values on top are ours.
    #[must_use]
    pub fn pops(&self) -> usize {
        match self {
            Self::Answer => 0,
            Self::Ingress { pops, .. } | Self::Relay { pops, .. } | Self::Egress { pops, .. } => *pops,
        }
    }
}

/// Decides.
///
/// # Errors
/// The reason for which the request is refused.
pub fn decide(request: &Message, source: Source, site: &Site, view: &View) -> Result<Decision, Refusal> {
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
            Method::Register => return Err(Refusal::MethodNotAllowed),
            _ => {}
        }
    }
    let in_dialog = request.to().tag().is_some();
    if view.draining && source == Source::Edge && !in_dialog && request.method() == Method::Invite {
        return Err(Refusal::Draining);
    }
    match routes.get(pops) {
        Some(route) => next_route(request, route, &routes[pops + 1..], source, site, pops),
        None => by_target(&uri, in_dialog, source, site, pops),
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
) -> Result<Decision, Refusal> {
    let Some(next) = site.names.region_of(route) else {
        return edge_target(route, site, pops);
    };
    let pinned = rest.iter().map_while(|route| site.names.region_of(route)).count();
    match source {
        // In a dialog the route set names the other edge's region. The relays on the way are our choice alone, so
        // an edge element that names a second region asks for a path, and perhaps for one that policy forbids.
        Source::Edge if pinned == 0 => Ok(Decision::Ingress { regions: vec![next], routed: true, pops }),
        Source::Edge | Source::Stranger => Err(Refusal::NotAllowed),
        Source::Mesh => {
            // Paths are loop-free at their source. What visits a node twice, or has more regions ahead of it than a
            // path can have, was not made by an ingress of ours.
            let visited = request.vias().flatten().any(|via| site.is_own_via(&via));
            if visited || pops == 0 || pinned > 1 {
                return Err(Refusal::Loop);
            }
            Ok(Decision::Relay { next, pops })
        }
    }
}

/// No Route remains: the Request-URI decides.
fn by_target(
    uri: &Uri<'_>,
    in_dialog: bool,
    source: Source,
    site: &Site,
    pops: usize,
) -> Result<Decision, Refusal> {
    let home = site.names.home();
    let ours = site.names.is_ours(uri);
    // Behind the mesh the Request-URI may still show the address of the ingress, which answered for it.
    let mut entries = site.dial.candidates(uri, ours || source == Source::Mesh).peekable();
    if in_dialog || entries.peek().is_none() {
        // In a dialog the Request-URI is the remote target (RFC 3261 §12.2.1.1), a contact of this region's edge.
        return if ours { Err(Refusal::NotFound) } else { edge_target(uri, site, pops) };
    }
    let entries: Vec<_> = entries.collect();
    let local: Vec<Peer> = entries
        .iter()
        .filter(|entry| entry.region == *home)
        .flat_map(|entry| entry.next.iter().copied())
        .collect();
    match source {
        Source::Mesh | Source::Edge if !local.is_empty() => Ok(Decision::Egress { targets: local, pops }),
        Source::Edge => {
            let regions = entries.iter().map(|entry| entry.region.clone()).collect();
            Ok(Decision::Ingress { regions, routed: false, pops })
        }
        Source::Mesh | Source::Stranger => Err(Refusal::NotFound),
    }
}

/// An address of the edge: it must be written as an address (names come with DNS), and belong to the edge, because
/// nothing is ever sent where it was not asked for.
fn edge_target(uri: &Uri<'_>, site: &Site, pops: usize) -> Result<Decision, Refusal> {
    let peer = peer_of(uri).ok_or(Refusal::NotFound)?;
    if !site.is_edge(peer.address.ip()) {
        return Err(Refusal::NotAllowed);
    }
    Ok(Decision::Egress { targets: vec![peer], pops })
}

fn routable_uri(request: &Message) -> Result<Uri<'_>, Refusal> {
    let uri = Uri::parse(request.uri()).map_err(|_| Refusal::BadRequest("Request-URI"))?;
    if uri.scheme.eq_ignore_ascii_case("sip") { Ok(uri) } else { Err(Refusal::UnsupportedScheme) }
}

fn routes(request: &Message) -> Result<Vec<Uri<'_>>, Refusal> {
    request
        .routes()
        .map(|route| route.map(|NameAddr { uri, .. }| uri).map_err(|_| Refusal::BadRequest("Route")))
        .collect()
}
