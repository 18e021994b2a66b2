//! The proxy's sections of the node's configuration.

mod registrar;

use crate::core::{
    dial::{Entry, Match, Next},
    names::peer_of,
    overload,
    question::Host,
};
use ipnet::IpNet;
use ringway_router::Region;
use ringway_sip::Uri;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use registrar::Registrar;

/// `[mesh]`: how this node meets the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mesh {
    /// gRPC, TCP.
    pub listen: SocketAddr,
    /// Probe reflector, UDP. Probes leave from another port of the same address.
    pub probe_listen: SocketAddr,
    /// Other nodes' mesh addresses; a stream is kept to each. Where a node is, is known from a stream to it alone, so
    /// of every two nodes one has to name the other.
    #[serde(default)]
    pub seeds: Vec<SocketAddr>,
    /// This node's certificate, PEM, relative to the configuration file.
    pub certificate: PathBuf,
    /// Its key, PEM (ECDSA P-256).
    pub key: PathBuf,
    /// The mesh authority's certificate, PEM.
    pub authority: PathBuf,
    /// Mean pause between two probes of one node.
    #[serde(default = "defaults::probe_interval_ms")]
    pub probe_interval_ms: u64,
    /// Unanswered probes in a row that take a way down.
    #[serde(default = "defaults::probe_misses")]
    pub probe_misses: u32,
    /// Between two reports of this node; a way that goes up or down is reported at once.
    #[serde(default = "defaults::report_interval_ms")]
    pub report_interval_ms: u64,
    /// A node that was not heard of for so long is gone.
    #[serde(default = "defaults::node_expiry_ms")]
    pub node_expiry_ms: u64,
}

/// `[sip]`: how SIP comes and goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// UDP and TCP.
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
}

/// `[overload]`: what happens when there is more to do than can be done.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overload {
    /// Whether anything is held back from those who are overloaded, and refused when this node is.
    pub enabled: bool,
    /// How long messages may wait for this node, all the time, before it refuses new requests.
    pub target_ms: u64,
}

/// `[edge]`: whom this region trusts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Networks of SBCs, trunks and phones: only from there requests are taken in, only there they are delivered.
    pub trusted: Vec<IpNet>,
}

/// One `[[dial]]`: where a prefix or a domain lives. The same on every node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// The beginning of the user part. Just one of `prefix` and `domain`.
    pub prefix: Option<String>,
    /// The host of the Request-URI.
    pub domain: Option<String>,
    /// The region that delivers it.
    pub region: Region,
    /// `sip:HOST[:PORT][;transport=tcp]` of that region's edge elements, in order; a host that is no address is asked of
    /// DNS (RFC 3263).
    pub next: Vec<String>,
}

/// `[policy]`: where the route policy is kept.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySection {
    /// A TOML document, relative to the configuration file; watched. Without one, policies live until a restart.
    pub file: Option<PathBuf>,
}

/// `[admin]`: where the operators' verbs come to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// gRPC, TCP, without TLS: a loopback address.
    pub listen: SocketAddr,
}

impl Default for Overload {
    fn default() -> Self {
        Self { enabled: true, target_ms: 20 }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 50_051)) }
    }
}

/// A key and what is wrong with its value.
pub type Unsound = (&'static str, String);

impl Mesh {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        for (key, value, low, high) in [
            ("mesh.probe_interval_ms", self.probe_interval_ms, 10, 10_000),
            ("mesh.report_interval_ms", self.report_interval_ms, 50, 10_000),
            ("mesh.node_expiry_ms", self.node_expiry_ms, 2 * self.report_interval_ms, 600_000),
            ("mesh.probe_misses", u64::from(self.probe_misses), 2, 1_000),
        ] {
            within(key, value, low, high)?;
        }
        Ok(())
    }

    /// A node that was not heard of for so long is gone.
    #[must_use]
    pub fn node_expiry(&self) -> Duration {
        Duration::from_millis(self.node_expiry_ms)
    }
}

impl Sip {
    /// How many workers to start.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers }
    }

    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(("sip.advertise", format!("needed with listen = {}", self.listen)));
        }
        if self.advertise.is_some_and(|address| address.ip().is_unspecified() || address.port() == 0) {
            return Err(("sip.advertise", "not an address that somebody can answer to".into()));
        }
        within("sip.workers", self.workers as u64, 0, 256)?;
        within("sip.hop_timeout_ms", self.hop_timeout_ms, 50, 32_000)?;
        within("sip.edge_timeout_ms", self.edge_timeout_ms, 50, 32_000)?;
        within("sip.ring_s", self.ring_s, 1, 180)?;
        within("sip.timer_c_s", self.timer_c_s, 181, 86_400)
    }
}

impl Overload {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        within("overload.target_ms", self.target_ms, 1, 1_000)
    }

    /// As the core takes it, on a node that started at that second since 1970.
    #[must_use]
    pub fn settings(&self, started_unix_s: u64) -> overload::Settings {
        let target = Duration::from_millis(self.target_ms);
        overload::Settings { enabled: self.enabled, target, started_unix_s }
    }
}

impl Admin {
    /// # Errors
    /// An address that strangers can reach.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.listen.ip().is_loopback() {
            Ok(())
        } else {
            Err(("admin.listen", format!("{} is not a loopback address", self.listen)))
        }
    }
}

impl Dial {
    /// As the core takes it.
    ///
    /// # Errors
    /// Neither or both of `prefix` and `domain`, no `next`, or one that is no address.
    pub fn entry(&self) -> Result<Entry, Unsound> {
        let matches = match (&self.prefix, &self.domain) {
            (Some(prefix), None) if !prefix.is_empty() => Match::Prefix(prefix.clone()),
            (None, Some(domain)) if !domain.is_empty() => Match::Domain(domain.clone()),
            _ => return Err(("dial", "needs just one of prefix and domain, not empty".into())),
        };
        if self.next.is_empty() {
            return Err(("dial.next", "needs at least one address".into()));
        }
        let next = self.next.iter().map(|text| next_place(text)).collect::<Result<_, _>>()?;
        Ok(Entry { matches, region: self.region.clone(), next })
    }
}

fn next_place(text: &str) -> Result<Next, Unsound> {
    Uri::parse(text)
        .ok()
        .filter(|uri| uri.scheme.eq_ignore_ascii_case("sip") && uri.user.is_none())
        .and_then(|uri| match uri.ip() {
            Some(_) => peer_of(&uri).map(Next::At),
            None => Host::of(&uri).map(Next::Named),
        })
        .ok_or_else(|| ("dial.next", format!("{text:?} is not of the form sip:HOST[:PORT][;transport=tcp]")))
}

fn within(key: &'static str, value: u64, low: u64, high: u64) -> Result<(), Unsound> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err((key, format!("{value} is not within {low} and {high}")))
    }
}

mod defaults {
    pub(super) fn workers() -> usize {
        1
    }
    pub(super) fn probe_interval_ms() -> u64 {
        100
    }
    pub(super) fn probe_misses() -> u32 {
        10
    }
    pub(super) fn report_interval_ms() -> u64 {
        500
    }
    pub(super) fn node_expiry_ms() -> u64 {
        4_000
    }
    pub(super) fn hop_timeout_ms() -> u64 {
        750
    }
    pub(super) fn edge_timeout_ms() -> u64 {
        4_000
    }
    pub(super) fn ring_s() -> u64 {
        20
    }
    pub(super) fn timer_c_s() -> u64 {
        200
    }
}
