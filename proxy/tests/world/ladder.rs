//! What went over the wire, and how a person reads it.

use super::{place::Place, sip::Sip};
use std::{fmt, net::SocketAddr, time::Duration};

/// One datagram.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) sip: Sip,
    /// It never arrived.
    pub(crate) lost: bool,
}

impl fmt::Display for Packet {
    /// `t=64ms us-west-2 -> us-east-2 INVITE sip:+17035550100@mesh.example`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, from, to, sip, lost } = self;
        let (ms, from, to, title) = (at.as_millis(), element(*from), element(*to), sip.title());
        let lost = if *lost { " (lost)" } else { "" };
        write!(f, "t={ms}ms {from} -> {to} {title} {}{lost}", sip.one("Call-ID"))
    }
}

/// The packets of a world as a ladder; of a long one the end.
pub(crate) fn ladder(wire: &[Packet]) -> String {
    const LINES: usize = 120;
    let lines: Vec<String> = wire.iter().map(ToString::to_string).collect();
    let skipped = lines.len().saturating_sub(LINES);
    format!("{skipped} packets before\n{}", lines[skipped..].join("\n"))
}

fn element(address: SocketAddr) -> String {
    match Place::of(address) {
        Some(place) if address == place.proxy() => place.name().to_owned(),
        Some(place) => format!("edge {} of {}", address.ip(), place.name()),
        None => format!("stranger {address}"),
    }
}
