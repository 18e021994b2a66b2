//! Connection reuse (RFC 5923): by which other name the one who has come may be reached over its own connection.

use super::hosts::Hosts;
use bytes::Bytes;
use ringway_node::tls::is_for;
use ringway_sip::{Limits, Message, Peer, Transport, Way};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;

/// The peer that the sent-by of the first request names, if it asks for that (`;alias`) and may be believed.
///
/// `certificate`: the one that the client has shown, and that our authority has issued.
pub(super) fn claimed(
    bytes: &Bytes,
    from: Peer,
    certificate: Option<&CertificateDer<'_>>,
    limits: &Limits,
    hosts: &Hosts,
) -> Option<Peer> {
    let request = Message::parse(bytes.clone(), limits).ok().filter(Message::is_request)?;
    let via = request.via();
    via.param("alias")?;
    if Transport::parse(via.transport) != Some(from.transport) {
        return None;
    }
    let port = via.port.unwrap_or(from.transport.default_port());
    match (from.transport, via.ip().map(|address| address.to_canonical())) {
        (Transport::Udp, _) => None,
        // RFC 5923 gives no alias to a connection without TLS, for anybody could claim any name. The one name that TCP has
        // proven is the address from which it came. It says nothing about the port, but who shares the address with an
        // edge element is trusted as that element is (`edge.trusted` knows addresses alone), and takes no alias from
        // a connection that lives (`Table::know_as`).
        (Transport::Tcp, address) => {
            let source = address.filter(|address| *address == from.address.ip())?;
            Some(Peer::new(Transport::Tcp, SocketAddr::new(source, port)))
        }
        // RFC 5923 §9.1: the certificate has to be for the host of sent-by.
        (Transport::Tls, address) => {
            certificate.filter(|certificate| is_for(certificate, via.host))?;
            Some(match address {
                Some(address) => Peer::new(Transport::Tls, SocketAddr::new(address, port)),
                None => {
                    let way = Way::Name(hosts.number(via.host)?);
                    Peer { way, ..Peer::new(Transport::Tls, SocketAddr::new(from.address.ip(), port)) }
                }
            })
        }
    }
}
