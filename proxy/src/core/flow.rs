//! Flow tokens (RFC 5626 §5): the user part of a Path or Record-Route value of ours that names the very connection, or
//! the very datagram source, by which an edge element came in. It is the only way back through a NAT.

use ringway_sip::{Peer, Transport, Way};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// What every token begins with. It is no dialable user, and escapes nothing in a URI.
const MARK: &str = "flow";
const SEPARATOR: char = '~';

/// A flow and the node at which it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The node's name in its region.
    pub node: String,
    /// The other end.
    pub peer: Peer,
    seal: u64,
}

impl Flow {
    /// The flow of `peer` at this node. `secret` is new with every start of the process: so are the numbers of its
    /// connections, and a token from before must not lead into a stranger's.
    #[must_use]
    pub fn new(node: &str, peer: Peer, secret: u64) -> Self {
        Self { node: node.to_owned(), peer, seal: seal(node, peer, secret) }
    }

    /// Whether its connection may be there still. A datagram's source is an address, and lives on.
    #[must_use]
    pub fn is_of(&self, secret: u64) -> bool {
        !self.peer.transport.is_reliable() || self.seal == seal(&self.node, self.peer, secret)
    }

    /// As the user part of a URI.
    #[must_use]
    pub fn user(&self) -> String {
        let Self { node, peer: Peer { transport, address, way }, seal } = self;
        let flow = match way {
            Way::Flow(flow) => *flow,
            Way::Any | Way::Name(_) => 0,
        };
        let ip = match address.ip() {
            IpAddr::V4(ip) => format!("{:08x}", u32::from(ip)),
            IpAddr::V6(ip) => format!("{:032x}", u128::from(ip)),
        };
        let transport = transport.in_uri();
        let port = address.port();
        format!("{MARK}~{node}~{transport}~{ip}~{port}~{flow:x}~{seal:016x}")
    }

    /// Reads a user part; `None`: it is no token.
    #[must_use]
    pub fn read(user: &str) -> Option<Self> {
        let mut parts = user.split(SEPARATOR);
        let mut next = || parts.next();
        if next()? != MARK {
            return None;
        }
        let (node, transport) = (next()?.to_owned(), Transport::parse(next()?)?);
        let ip = ip(next()?)?;
        let address = SocketAddr::new(ip, next()?.parse().ok()?);
        let flow = u64::from_str_radix(next()?, 16).ok()?;
        let seal = u64::from_str_radix(next()?, 16).ok()?;
        let peer =
            if transport.is_reliable() { Peer::flow(transport, address, flow) } else { Peer::udp(address) };
        parts.next().is_none().then_some(Self { node, peer, seal })
    }
}

fn ip(hex: &str) -> Option<IpAddr> {
    match hex.len() {
        8 => Some(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?).into()),
        32 => Some(Ipv6Addr::from(u128::from_str_radix(hex, 16).ok()?).into()),
        _ => None,
    }
}

fn seal(node: &str, peer: Peer, secret: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (secret, node, peer).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let v4: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::7]:5061".parse().unwrap();
        for peer in
            [Peer::udp(v4), Peer::flow(Transport::Tcp, v4, 17), Peer::flow(Transport::Tls, v6, u64::MAX)]
        {
            let flow = Flow::new("e1-1", peer, 1);
            let user = flow.user();
            assert!(user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-~".contains(&byte)), "{user}");
            assert_eq!(Flow::read(&user), Some(flow.clone()));
            assert!(flow.is_of(1));
            assert_eq!(flow.is_of(2), peer.transport == Transport::Udp, "another start: {peer}");
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        let good = Flow::new("e1-1", Peer::udp("192.0.2.7:40000".parse().unwrap()), 1).user();
        for bad in [
            "",
            "flow",
            "alice",
            "flow~e1-1~udp",
            &format!("{good}~"),
            &good.replace("udp", "sctp"),
            &good[1..],
        ] {
            assert_eq!(Flow::read(bad), None, "{bad}");
        }
    }
}
