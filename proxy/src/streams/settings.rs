//! What connections may take, and from where they leave.

use ringway_sip::{Limits, Peer, Transport};
use std::{net::IpAddr, time::Duration};

/// What connections may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of one message.
    pub limits: Limits,
    /// Connections in all; beyond that new ones are closed at once.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_per_source_max: usize,
    /// Without a message or a keepalive for so long, a connection is closed; so is one whose peer is gone without a word.
    pub idle: Duration,
    /// A message that has begun must be whole after so long, however slowly its sender counts the bytes out; and what is
    /// sent must be taken.
    pub whole: Duration,
    /// To dial.
    pub connect: Duration,
    /// For TLS to be agreed on.
    pub handshake: Duration,
    /// The addresses that we dial from: those of our own sockets, so that a peer sees us where it knows us.
    pub leave_from: Vec<(Transport, IpAddr)>,
}

impl Settings {
    /// The address from which `to` is dialed; `None` where the system may choose.
    pub(super) fn leave_from(&self, to: Peer) -> Option<IpAddr> {
        let fits = |(transport, address): &&(Transport, IpAddr)| {
            *transport == to.transport && address.is_ipv6() == to.address.is_ipv6()
        };
        self.leave_from.iter().find(fits).map(|(_, address)| *address)
    }
}
