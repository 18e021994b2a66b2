//! The sockets of this node as others see them: what stands in our Via, for each transport and address family.

use memchr::memmem::Finder;
use ringway_sip::{Peer, Transport, Via};
use std::net::SocketAddr;

/// Every address at which this node takes SIP.
#[derive(Debug, Clone)]
pub struct Sockets {
    all: Vec<Socket>,
    /// Each address as it is written in a Via, to be looked for.
    finders: Vec<Finder<'static>>,
}

#[derive(Debug, Clone)]
struct Socket {
    transport: Transport,
    address: SocketAddr,
    text: String,
}

impl Sockets {
    /// `main`: of UDP and TCP, where the mesh sends. `further`: of the other sockets.
    #[must_use]
    pub fn new(main: SocketAddr, further: impl IntoIterator<Item = (Transport, SocketAddr)>) -> Self {
        let socket = |(transport, address): (Transport, SocketAddr)| Socket {
            transport,
            address,
            text: address.to_string(),
        };
        let main = [(Transport::Udp, main), (Transport::Tcp, main)];
        let all: Vec<Socket> = main.into_iter().chain(further).map(socket).collect();
        let mut texts: Vec<&str> = all.iter().map(|socket| socket.text.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        let finders = texts.into_iter().map(|text| Finder::new(text).into_owned()).collect();
        Self { all, finders }
    }

    /// All addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().map(|socket| socket.address)
    }

    /// The sent-by for what goes to `to`: of the socket by which it leaves, or, if that transport has none in this family,
    /// the main one. Answers then come back over the connection; who has lost that finds us there.
    #[must_use]
    pub fn toward(&self, to: &Peer) -> &str {
        let fits = |socket: &&Socket| {
            socket.transport == to.transport && socket.address.is_ipv6() == to.address.is_ipv6()
        };
        let found = self.all.iter().find(fits).or(self.all.first());
        found.map_or_else(|| unreachable!("the main socket is always there"), |socket| &socket.text)
    }

    /// Whether a Via has one of these as its sent-by.
    #[must_use]
    pub fn is_own_via(&self, via: &Via<'_>) -> bool {
        let Some(host) = via.ip() else { return false };
        let default = Transport::parse(via.transport).map_or(5060, Transport::default_port);
        let sent_by = SocketAddr::new(host, via.port.unwrap_or(default));
        self.addresses().any(|address| address == sent_by)
    }

    /// Whether the text of one of our Vias stands in this message: in one that has not been here, it does not.
    #[must_use]
    pub fn may_stand_in(&self, message: &[u8]) -> bool {
        self.finders.iter().any(|text| text.find(message).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sent_by_is_of_the_transport_and_the_family_by_which_it_leaves() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let further = [(Transport::Tls, at("192.0.2.1:5061")), (Transport::Udp, at("[2001:db8::1]:5060"))];
        let sockets = Sockets::new(at("192.0.2.1:5060"), further);
        let sent_by = |transport, to: &str| sockets.toward(&Peer::new(transport, at(to))).to_string();
        assert_eq!(sent_by(Transport::Udp, "192.0.2.9:5060"), "192.0.2.1:5060");
        assert_eq!(sent_by(Transport::Tcp, "192.0.2.9:5060"), "192.0.2.1:5060");
        assert_eq!(sent_by(Transport::Tls, "192.0.2.9:5061"), "192.0.2.1:5061");
        assert_eq!(sent_by(Transport::Udp, "[2001:db8::9]:5060"), "[2001:db8::1]:5060");
        assert_eq!(sent_by(Transport::Tls, "[2001:db8::9]:5061"), "192.0.2.1:5060", "none of that kind");
    }

    #[test]
    fn every_own_via_is_known_also_with_its_port_left_out() {
        let further = [(Transport::Tls, "[2001:db8::1]:5061".parse().unwrap())];
        let sockets = Sockets::new("192.0.2.1:5060".parse().unwrap(), further);
        for (via, own) in [
            ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", true),
            ("SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1", true),
            ("SIP/2.0/TLS [2001:db8::1];branch=z9hG4bK1", true),
            ("SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1", false),
            ("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1", false),
        ] {
            assert_eq!(sockets.is_own_via(&Via::parse(via).unwrap()), own, "{via}");
        }
    }
}
