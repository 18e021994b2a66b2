//! One `m=` line and what stands below it (RFC 8866 §5.14).

use std::net::SocketAddr;

use super::{Attribute, Crypto, Description, Direction, Error, Host, Line, Profile, Reason, Rtcp, Tunnel};
use crate::header::number;

/// A media section of a description.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    description: &'a Description,
    index: usize,
    parts: Parts<'a>,
}

/// The parts of an `m=` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    kind: &'a str,
    pub(super) port: u16,
    ports: u16,
    /// Port and number of ports, as written.
    written_ports: &'a str,
    protocol: &'a str,
    formats: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Parts<'a>> {
        let word = |text: &'a str| {
            let text = text.trim_ascii_start();
            let end = text.find(|letter: char| letter.is_ascii_whitespace()).unwrap_or(text.len());
            (end > 0).then(|| text.split_at(end))
        };
        let (kind, rest) = word(value)?;
        let (written_ports, rest) = word(rest)?;
        let (protocol, formats) = word(rest)?;
        let (port, ports) = match written_ports.split_once('/') {
            Some((port, ports)) => (number(port)?, number(ports).filter(|ports| *ports > 0)?),
            None => (number(written_ports)?, 1),
        };
        Some(Parts { kind, port, ports, written_ports, protocol, formats })
    }
}

impl<'a> Media<'a> {
    pub(super) fn new(description: &'a Description, index: usize) -> Media<'a> {
        let parts = Parts::parse(description.text(description.sections[index]));
        let parts = parts.unwrap_or_else(|| unreachable!("parse checked every m="));
        Media { description, index, parts }
    }

    /// Which `m=` line it is, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The number of its `m=` line in the description, from 1.
    pub fn line(&self) -> usize {
        self.description.sections[self.index] + 1
    }

    /// `audio`, for example.
    pub fn kind(&self) -> &'a str {
        self.parts.kind
    }

    /// The port that RTP goes to; 0 for media that is refused.
    pub fn port(&self) -> u16 {
        self.parts.port
    }

    /// How many ports are used, of which each has one for RTCP besides: mostly 1.
    pub fn ports(&self) -> u16 {
        self.parts.ports
    }

    /// Port and number of ports, as written.
    pub(super) fn written_ports(&self) -> &'a str {
        self.parts.written_ports
    }

    /// Whether this media is refused, or not used any more (RFC 3264 §5.1, §8.2).
    pub fn is_rejected(&self) -> bool {
        self.parts.port == 0
    }

    /// The protocol, as written.
    pub fn protocol(&self) -> &'a str {
        self.parts.protocol
    }

    /// The protocol, if it is RTP.
    pub fn profile(&self) -> Option<Profile> {
        Profile::named(self.parts.protocol)
    }

    /// The formats: for RTP, numbers of payload types, the preferred one first.
    pub fn formats(&self) -> impl Iterator<Item = &'a str> {
        self.parts.formats.split_ascii_whitespace()
    }

    /// All its lines, the `m=` line first.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        self.description.lines_in(self.description.section_lines(self.index))
    }

    /// Its attributes.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        self.description.attributes_in(self.description.section_lines(self.index))
    }

    /// The first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.name == name)
    }

    /// The first attribute of that name here or, without one, in the session part: for attributes that the session can
    /// set for all its media, such as `setup` and `fingerprint`.
    pub fn inherited(&self, name: &str) -> Option<Attribute<'a>> {
        let session = || self.description.attributes().find(|attribute| attribute.name == name);
        self.attribute(name).or_else(session)
    }

    /// The host that its media goes to: that of its own `c=` line, else the session's. `None` only for media that is
    /// refused.
    pub fn connection(&self) -> Option<Host<'a>> {
        let own = self.description.connection_in(self.description.section_lines(self.index));
        own.or_else(|| self.description.connection())
    }

    /// Where RTP goes. `None` for media that is refused, and for a host that is no address.
    pub fn rtp(&self) -> Option<SocketAddr> {
        let ip = self.connection()?.ip()?;
        (!self.is_rejected()).then(|| SocketAddr::new(ip, self.parts.port))
    }

    /// Where RTCP goes if RTCP is not muxed: as `a=rtcp` says, else to the port above RTP's. `None` as for [`Self::rtp`],
    /// or when there is no such port.
    ///
    /// # Errors
    /// [`Reason::Attribute`] for an `a=rtcp` that does not parse.
    pub fn rtcp(&self) -> Result<Option<SocketAddr>, Error> {
        let Some(rtp) = self.rtp() else { return Ok(None) };
        let Some(rtcp) = self.rtcp_attribute()? else {
            let port = rtp.port().checked_add(1);
            return Ok(port.map(|port| SocketAddr::new(rtp.ip(), port)));
        };
        let ip = rtcp.host.map_or(Some(rtp.ip()), |host| host.ip());
        Ok(ip.filter(|_| rtcp.port != 0).map(|ip| SocketAddr::new(ip, rtcp.port)))
    }

    /// The `a=rtcp` line (RFC 3605).
    ///
    /// # Errors
    /// [`Reason::Attribute`] when it does not parse.
    pub fn rtcp_attribute(&self) -> Result<Option<Rtcp<'a>>, Error> {
        self.read("rtcp", Rtcp::parse)
    }

    /// Whether RTCP may come to the port of RTP (RFC 5761 §5.1.1).
    pub fn is_muxed(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// Who sends: as the section says, else the session, else both (RFC 8866 §6.7). That the address may be one of
    /// nobody is another matter: see [`Self::is_held`].
    pub fn direction(&self) -> Direction {
        let named = |attribute: Attribute<'_>| Direction::named(attribute.name);
        let own = self.attributes().find_map(named);
        own.or_else(|| self.description.attributes().find_map(named)).unwrap_or_default()
    }

    /// Whether the sender of this description puts the other one on hold: it listens not, by direction or by the old way
    /// of naming an address of nobody (RFC 3264 §8.4).
    pub fn is_held(&self) -> bool {
        !self.direction().receives() || self.connection().is_some_and(|host| host.is_hold())
    }

    /// The keys for SRTP, the preferred one first.
    pub fn crypto(&self) -> impl Iterator<Item = Result<Crypto<'a>, Error>> {
        let named = self.attributes().filter(|attribute| attribute.name == "crypto");
        named.map(|attribute| Crypto::parse(attribute.value).ok_or(wrong(&attribute, "crypto")))
    }

    /// Milliseconds of media in a packet, if it says so.
    pub fn ptime(&self) -> Option<u16> {
        number(self.attribute("ptime")?.value)
    }

    /// What a format means, without the number: `PCMU/8000`, for example.
    pub fn rtpmap(&self, format: &str) -> Option<&'a str> {
        self.of_format("rtpmap", format)
    }

    /// The parameters of a format.
    pub fn fmtp(&self, format: &str) -> Option<&'a str> {
        self.of_format("fmtp", format)
    }

    /// Whether any of its lines, or any of the session's, speaks of ICE.
    pub fn has_ice(&self) -> bool {
        self.attributes().chain(self.description.attributes()).any(|attribute| attribute.is_ice())
    }

    /// The stream that takes this media between regions.
    ///
    /// # Errors
    /// [`Reason::Attribute`] when the attribute is there and does not parse.
    pub fn tunnel(&self) -> Result<Option<Tunnel>, Error> {
        self.read(Tunnel::NAME, Tunnel::parse)
    }

    fn read<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        parse(attribute.value).map(Some).ok_or(wrong(&attribute, name))
    }

    fn of_format(&self, name: &str, format: &str) -> Option<&'a str> {
        let named = self.attributes().filter(|attribute| attribute.name == name);
        let mut pairs = named.filter_map(|attribute| attribute.value.split_once(' '));
        pairs.find_map(|(of, value)| (of == format).then_some(value.trim_ascii()))
    }
}

fn wrong(attribute: &Attribute<'_>, name: &'static str) -> Error {
    Error { line: attribute.line, reason: Reason::Attribute(name) }
}
