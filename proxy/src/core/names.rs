//! The mesh's names: a region is the SIP host `<region>.<mesh-domain>`, and inside the mesh that name is an address.

use super::flow::Flow;
use crate::location::address_of_record;
use ringway_router::Region;
use ringway_sip::{Peer, Transport, Uri};
use std::net::SocketAddr;

/// Which hosts are regions of the mesh, and which are this node itself.
#[derive(Debug, Clone)]
pub struct Names {
    mesh_domain: String,
    home: Region,
    own: Vec<SocketAddr>,
}

impl Names {
    /// `own`: the addresses at which this node takes SIP.
    #[must_use]
    pub fn new(mesh_domain: &str, home: Region, own: Vec<SocketAddr>) -> Self {
        Self { mesh_domain: mesh_domain.to_ascii_lowercase(), home, own }
    }

    /// The region in which this node is.
    #[must_use]
    pub fn home(&self) -> &Region {
        &self.home
    }

    /// A region as a Route or Record-Route value: `<sip:us-east-1.mesh.example;lr>`.
    #[must_use]
    pub fn route(&self, region: &Region) -> String {
        ["<sip:", region.as_str(), ".", &self.mesh_domain, ";lr>"].concat()
    }

    /// Likewise, for those who come over that transport.
    #[must_use]
    pub fn route_over(&self, region: &Region, transport: Transport) -> String {
        format!("<sip:{region}.{};transport={};lr>", self.mesh_domain, transport.in_uri())
    }

    /// A region as a Route value with a flow token in front of it (RFC 5626 §5.1).
    #[must_use]
    pub fn flow_route(&self, region: &Region, flow: &Flow) -> String {
        let (user, domain) = (flow.user(), &self.mesh_domain);
        match flow.peer.transport {
            Transport::Udp => format!("<sip:{user}@{region}.{domain};lr;ob>"),
            over => format!("<sip:{user}@{region}.{domain};transport={};lr;ob>", over.in_uri()),
        }
    }

    /// The region that `uri` names, if its host is a region's name.
    #[must_use]
    pub fn region_of(&self, uri: &Uri<'_>) -> Option<Region> {
        let dot = uri.host.len().checked_sub(self.mesh_domain.len() + 1)?;
        let (label, domain) = uri.host.split_at_checked(dot)?;
        let is_region = domain.strip_prefix('.')?.eq_ignore_ascii_case(&self.mesh_domain);
        is_region.then(|| Region::try_from(label.to_ascii_lowercase().as_str()).ok())?
    }

    /// Whether `uri` points at this region: by the region's name, or by an address of this node.
    #[must_use]
    pub fn is_home(&self, uri: &Uri<'_>) -> bool {
        self.is_own_address(uri) || self.region_of(uri).is_some_and(|region| region == self.home)
    }

    /// Whether the mesh answers for the host of `uri`: its domain, any of its regions, or this node's address.
    #[must_use]
    pub fn is_ours(&self, uri: &Uri<'_>) -> bool {
        uri.host.eq_ignore_ascii_case(&self.mesh_domain)
            || self.region_of(uri).is_some()
            || self.is_own_address(uri)
    }

    /// The address-of-record that `uri` is a way to write, if the mesh answers for its host: one person has one, whether
    /// called at the mesh's domain, at a region, or at this node's address.
    #[must_use]
    pub fn address_of_record(&self, uri: &Uri<'_>) -> Option<String> {
        let canonical = address_of_record(uri).filter(|_| self.is_ours(uri))?;
        let (user, _) = canonical.split_once('@')?;
        Some(format!("{user}@{}", self.mesh_domain))
    }

    fn is_own_address(&self, uri: &Uri<'_>) -> bool {
        address_of(uri).is_some_and(|address| self.own.contains(&address))
    }
}

/// The peer in a URI whose host is an IP address: over UDP, unless it says otherwise (RFC 3263 §4.1). `None` also for a
/// transport that is not spoken, and for `sips`: that means TLS on every hop (RFC 5630 §3), and the hops of the mesh are UDP.
#[must_use]
pub fn peer_of(uri: &Uri<'_>) -> Option<Peer> {
    let address = address_of(uri)?;
    let transport = transport_of(uri).filter(|_| uri.scheme.eq_ignore_ascii_case("sip"))?;
    Some(Peer::new(transport, address))
}

/// The socket address in a URI whose host is an IP address, with the default port of RFC 3261 §19.1.2.
#[must_use]
pub fn address_of(uri: &Uri<'_>) -> Option<SocketAddr> {
    let transport = transport_of(uri)?;
    Some(SocketAddr::new(uri.ip()?, uri.port.unwrap_or(transport.default_port())))
}

/// What a URI says of its transport; `None` for one that is not spoken.
fn transport_of(uri: &Uri<'_>) -> Option<Transport> {
    uri.params.find("transport").flatten().map_or(Some(Transport::Udp), Transport::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_address_of_record() {
        let own = "192.0.2.1:5060".parse().unwrap();
        let names = Names::new("mesh.example", "us-west-2".parse().unwrap(), vec![own]);
        let aor = |text: &str| names.address_of_record(&Uri::parse(text).unwrap());
        for text in [
            "sip:bob@Mesh.Example",
            "sip:bob@us-east-1.mesh.example;x=y",
            "sip:bob@192.0.2.1",
            "sip:b%6fb@mesh.example",
        ] {
            assert_eq!(aor(text).as_deref(), Some("sip:bob@mesh.example"), "{text}");
        }
        for text in ["sip:bob@192.0.2.2", "sip:bob@elsewhere.example", "sip:mesh.example", "tel:+1201"] {
            assert_eq!(aor(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_over_udp_unless_it_says_otherwise() {
        let peer = |text: &str| peer_of(&Uri::parse(text).unwrap()).map(|peer| peer.to_string());
        assert_eq!(peer("sip:a@192.0.2.1"), Some("udp:192.0.2.1:5060".into()));
        assert_eq!(peer("sip:[2001:db8::1]:5070;transport=TCP"), Some("tcp:[2001:db8::1]:5070".into()));
        assert_eq!(peer("sip:192.0.2.1;transport=tls"), Some("tls:192.0.2.1:5061".into()));
        assert_eq!(peer("sips:192.0.2.1;transport=tcp"), None, "TLS on every hop is more than the mesh has");
        assert_eq!(peer("sip:192.0.2.1;transport=carrier-pigeon"), None);
        assert_eq!(peer("sip:pbx.example"), None, "a name is no address");
    }
}
