//! The other end of a hop: over what, where, and by which connection.

use std::fmt;
use std::net::SocketAddr;

/// What SIP runs over (RFC 3261 §18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// TLS over TCP: all that `sips:` may use.
    Tls,
}

impl Transport {
    /// Reads the value of a `transport` parameter, or what stands in a Via. `None`: not one that we speak.
    pub fn parse(text: &str) -> Option<Transport> {
        [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.in_via()))
    }

    /// As it stands in a Via (RFC 3261 §20.42).
    pub fn in_via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// As it stands in a URI (RFC 3261 §19.1.1).
    pub fn in_uri(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }

    /// The port when neither the URI nor DNS says one (RFC 3261 §19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }

    /// Whether it delivers what it takes, or says that it cannot: then nothing is sent twice.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }
}

/// By which connection to reach a peer. Over UDP there is none, and it is always [`Way::Any`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Any connection to the address, a new one if there is none; over TLS the certificate must be for the address.
    Any,
    /// This very connection and no other. The number means something to the transport only.
    Flow(u64),
    /// Any connection whose certificate is for this name; the number stands for a name that the transport keeps.
    Name(u32),
}

/// The other end of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// Over what.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
    /// By which connection.
    pub way: Way,
}

impl Peer {
    /// A peer that may be reached by any connection.
    pub fn new(transport: Transport, address: SocketAddr) -> Peer {
        Peer { transport, address, way: Way::Any }
    }

    /// A peer over UDP.
    pub fn udp(address: SocketAddr) -> Peer {
        Peer::new(Transport::Udp, address)
    }

    /// A peer at the other end of a connection.
    pub fn flow(transport: Transport, address: SocketAddr, flow: u64) -> Peer {
        Peer { transport, address, way: Way::Flow(flow) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.in_uri(), self.address)
    }
}
