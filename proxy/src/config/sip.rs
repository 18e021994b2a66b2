//! `[sip]` and what stands below it: sockets, TLS, connections, and the limits of the parser.

use super::{Unsound, within};
use crate::streams;
use ringway_node::tls::{ClientCertificates, Files};
use ringway_sip::{Limits, Transport};
use serde::{Deserialize, Deserializer, de};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Sockets besides the one of `sip.listen`. A region has few edges, and each socket takes a task or a place in every
/// worker's poll.
const SOCKETS_MAX: usize = 8;

/// `[sip]`: how SIP comes and goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// UDP and TCP; where the mesh sends.
    pub listen: SocketAddr,
    /// What stands in our Via when it is not `listen`.
    pub advertise: Option<SocketAddr>,
    /// Threads that treat SIP, each with a socket of its own; 0: one a core. More than one only where one does not do:
    /// what the kernel gives to the wrong one has to be handed over.
    #[serde(default = "defaults::workers")]
    pub workers: usize,
    /// A proxy of the mesh that did not answer an INVITE for so long is silent: the next path is tried as well.
    #[serde(default = "defaults::hop_timeout_ms")]
    pub hop_timeout_ms: u64,
    /// An edge element that did not answer for so long is given up, when there is another.
    #[serde(default = "defaults::edge_timeout_ms")]
    pub edge_timeout_ms: u64,
    /// How long the devices of one preference (q) ring before those of the next are called: serial forking.
    #[serde(default = "defaults::ring_s")]
    pub ring_s: u64,
    /// Timer C: how long a callee may ring (RFC 3261 §16.6: more than three minutes).
    #[serde(default = "defaults::timer_c_s")]
    pub timer_c_s: u64,
    /// Each other region is asked with an OPTIONS this often, from end to end; 0: never.
    #[serde(default = "defaults::options_interval_s")]
    pub options_interval_s: u64,
    /// Further sockets.
    #[serde(default)]
    pub socket: Vec<Socket>,
    /// Needed when anything is said over TLS.
    pub tls: Option<TlsSection>,
    /// What connections may take.
    #[serde(default)]
    pub streams: StreamsSection,
    /// What a message may take.
    #[serde(default)]
    pub limits: LimitsSection,
}

/// One `[[sip.socket]]`: where SIP comes to besides `sip.listen`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// `udp`, `tcp` or `tls`.
    #[serde(deserialize_with = "transport")]
    pub transport: Transport,
    /// The address.
    pub listen: SocketAddr,
    /// What stands in our Via when it is not `listen`.
    pub advertise: Option<SocketAddr>,
}

/// `[sip.tls]`: who we are to SIP over TLS, and whom we trust.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Our certificate, PEM, relative to the configuration file.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The certificates of those whom we trust, PEM: when we call, and when a client shows its certificate.
    pub authority: Option<PathBuf>,
    /// What clients have to show.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// `[sip.streams]`: what connections may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsSection {
    /// In all.
    pub connections_max: usize,
    /// From one address.
    pub connections_per_source_max: usize,
    /// Without a message or a keepalive.
    pub idle_timeout_s: u64,
    /// For a message that has begun.
    pub message_timeout_s: u64,
    /// To connect.
    pub connect_timeout_ms: u64,
    /// For TLS to be agreed on.
    pub handshake_timeout_ms: u64,
}

/// `[sip.limits]`: what a message may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// The whole message.
    pub message_bytes: usize,
    /// A header with its folds.
    pub line_bytes: usize,
    /// Header lines.
    pub headers: usize,
    /// Via values.
    pub vias: usize,
}

impl Sip {
    /// How many workers to start.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers }
    }

    /// How often each other region is asked with an OPTIONS; `None`: never.
    #[must_use]
    pub fn options_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.options_interval_s)).filter(|every| !every.is_zero())
    }

    /// What stands in our Via towards the mesh.
    #[must_use]
    pub fn sent_by(&self) -> SocketAddr {
        self.advertise.unwrap_or(self.listen)
    }

    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        reachable("sip.advertise", self.listen, self.advertise)?;
        within("sip.workers", self.workers as u64, 0, 256)?;
        within("sip.hop_timeout_ms", self.hop_timeout_ms, 50, 32_000)?;
        within("sip.edge_timeout_ms", self.edge_timeout_ms, 50, 32_000)?;
        within("sip.options_interval_s", self.options_interval_s, 0, 3_600)?;
        within("sip.ring_s", self.ring_s, 1, 180)?;
        within("sip.timer_c_s", self.timer_c_s, 181, 86_400)?;
        self.check_sockets()?;
        self.streams.check()?;
        self.limits.check()
    }

    fn check_sockets(&self) -> Result<(), Unsound> {
        if self.socket.len() > SOCKETS_MAX {
            return Err(("sip.socket", format!("{} sockets; {SOCKETS_MAX} are possible", self.socket.len())));
        }
        let mut families = vec![self.listen.is_ipv6()];
        for socket in &self.socket {
            reachable("sip.socket.advertise", socket.listen, socket.advertise)?;
            match socket.transport {
                Transport::Udp if families.contains(&socket.listen.is_ipv6()) => {
                    let why = format!("{}: one UDP socket for IPv4 and one for IPv6, no more", socket.listen);
                    return Err(("sip.socket.listen", why));
                }
                Transport::Udp => families.push(socket.listen.is_ipv6()),
                Transport::Tls if self.tls.is_none() => {
                    return Err(("sip.tls", format!("needed by the socket {} over TLS", socket.listen)));
                }
                Transport::Tcp | Transport::Tls => {}
            }
        }
        Ok(())
    }
}

impl Socket {
    /// What stands in our Via for it.
    #[must_use]
    pub fn sent_by(&self) -> SocketAddr {
        self.advertise.unwrap_or(self.listen)
    }
}

impl TlsSection {
    /// The PEM files.
    #[must_use]
    pub fn files(&self) -> Files<'_> {
        let authority = self.authority.as_deref();
        Files { certificate: &self.certificate, key: &self.key, authority }
    }

    /// Every path, to be made absolute.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.certificate, &mut self.key].into_iter().chain(&mut self.authority)
    }

    /// The file that certificates of clients are checked with.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }
}

impl StreamsSection {
    fn check(&self) -> Result<(), Unsound> {
        let all = self.connections_max as u64;
        within("sip.streams.connections_max", all, 1, 1_000_000)?;
        let per_source = self.connections_per_source_max as u64;
        within("sip.streams.connections_per_source_max", per_source, 1, 1_000_000)?;
        within("sip.streams.idle_timeout_s", self.idle_timeout_s, 1, 86_400)?;
        within("sip.streams.message_timeout_s", self.message_timeout_s, 1, 600)?;
        within("sip.streams.connect_timeout_ms", self.connect_timeout_ms, 50, 60_000)?;
        within("sip.streams.handshake_timeout_ms", self.handshake_timeout_ms, 50, 60_000)
    }

    /// As the connections take them.
    #[must_use]
    pub fn settings(&self, limits: Limits) -> streams::Settings {
        streams::Settings {
            limits,
            connections_max: self.connections_max,
            connections_per_source_max: self.connections_per_source_max,
            idle: Duration::from_secs(self.idle_timeout_s),
            whole: Duration::from_secs(self.message_timeout_s),
            connect: Duration::from_millis(self.connect_timeout_ms),
            handshake: Duration::from_millis(self.handshake_timeout_ms),
            leave_from: Vec::new(),
        }
    }
}

impl Default for StreamsSection {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_source_max: 5_000,
            idle_timeout_s: 600,
            message_timeout_s: 15,
            connect_timeout_ms: 5_000,
            handshake_timeout_ms: 5_000,
        }
    }
}

impl LimitsSection {
    fn check(&self) -> Result<(), Unsound> {
        // A message is forwarded as a datagram, which holds 65,507 bytes over IPv4, with our Via and Routes in it.
        within("sip.limits.message_bytes", self.message_bytes as u64, 1_300, 64_000)?;
        within("sip.limits.line_bytes", self.line_bytes as u64, 256, 64_000)?;
        within("sip.limits.headers", self.headers as u64, 32, 4_096)?;
        within("sip.limits.vias", self.vias as u64, 10, 1_000)
    }

    /// As the parser takes them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self { message_bytes, line_bytes, headers, vias } = *self;
        Limits { message_bytes, line_bytes, headers, vias }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        let Limits { line_bytes, headers, vias, .. } = Limits::default();
        Self { message_bytes: 64_000, line_bytes, headers, vias }
    }
}

/// Whether others can be told to answer to this socket.
fn reachable(key: &'static str, listen: SocketAddr, advertise: Option<SocketAddr>) -> Result<(), Unsound> {
    if listen.ip().is_unspecified() && advertise.is_none() {
        return Err((key, format!("needed with listen = {listen}")));
    }
    let Some(address) = advertise else { return Ok(()) };
    if address.ip().is_unspecified() || address.port() == 0 {
        return Err((key, "not an address that somebody can answer to".into()));
    }
    if address.is_ipv6() != listen.is_ipv6() {
        return Err((key, format!("not of the family of listen = {listen}")));
    }
    Ok(())
}

fn transport<'de, D: Deserializer<'de>>(from: D) -> Result<Transport, D::Error> {
    let text = String::deserialize(from)?;
    let known = Transport::parse(&text).filter(|transport| transport.in_uri() == text);
    known.ok_or_else(|| de::Error::unknown_variant(&text, &["udp", "tcp", "tls"]))
}

mod defaults {
    pub(super) fn workers() -> usize {
        1
    }
    pub(super) fn hop_timeout_ms() -> u64 {
        750
    }
    pub(super) fn edge_timeout_ms() -> u64 {
        4_000
    }
    pub(super) fn options_interval_s() -> u64 {
        30
    }

    pub(super) fn ring_s() -> u64 {
        20
    }
    pub(super) fn timer_c_s() -> u64 {
        200
    }
}

#[cfg(test)]
mod tests;
