//! The proxy's sections of the node's configuration.

mod admin;
mod media;
mod policy;
mod registrar;
mod seed;
mod sip;

use crate::core::{
    dial::{Entry, Match, Next},
    names::peer_of,
    overload,
    question::Host,
    site::Usual,
};
use crate::probe::{pace::Budget, service as probe};
use ipnet::IpNet;
use ringway_router::{Class, Region, Tenant};
use ringway_sip::Uri;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use admin::{Admin, AdminTls, Record};
pub use media::Media;
pub use policy::{PolicySection, StoreKind};
pub use registrar::Registrar;
pub use seed::Seed;
pub use sip::{LimitsSection, Sip, Socket, StreamsSection, TlsSection};

/// `[mesh]`: how this node meets the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mesh {
    /// gRPC, TCP.
    pub listen: SocketAddr,
    /// Probe reflector, UDP. Probes leave from another port of the same address.
    pub probe_listen: SocketAddr,
    /// Where other nodes take mesh streams, by address or name. Each is asked once who it is; then a stream is kept to
    /// those that the mesh's order makes peers of this node.
    #[serde(default)]
    pub seeds: Vec<Seed>,
    /// An SRV record (RFC 2782) that lists nodes, asked anew every half a minute.
    pub discover: Option<String>,
    /// Where nodes that learn of this one from others may open a stream to it; without it only those that name it as a
    /// seed do.
    pub advertise: Option<SocketAddr>,
    /// This node's certificate, PEM, relative to the configuration file.
    pub certificate: PathBuf,
    /// Its key, PEM (ECDSA P-256).
    pub key: PathBuf,
    /// The mesh authority's certificate, PEM.
    pub authority: PathBuf,
    /// UDP ports that probes, and traffic after them, leave from: ways that a cloud network may treat differently.
    #[serde(default = "defaults::lanes")]
    pub lanes: usize,
    /// What this node's probes may take, all together.
    #[serde(default = "defaults::probe_budget_kbit_s")]
    pub probe_budget_kbit_s: u32,
    /// Mean pause between two probes of one node to which no calls go; longer when the budget does not suffice.
    #[serde(default = "defaults::probe_interval_ms")]
    pub probe_interval_ms: u64,
    /// Unanswered probes in a row that take a way down; more where the way's own history asks for it.
    #[serde(default = "defaults::probe_misses")]
    pub probe_misses: u32,
    /// Between two reports of this node; a way that goes up or down is reported at once.
    #[serde(default = "defaults::report_interval_ms")]
    pub report_interval_ms: u64,
    /// A node that was not heard of for so long is gone.
    #[serde(default = "defaults::node_expiry_ms")]
    pub node_expiry_ms: u64,
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
    /// What calls from parts of them usually are.
    #[serde(default)]
    pub traffic: Vec<UsualTraffic>,
}

/// One `[[edge.traffic]]`: what calls from a network are, for the route policy, when they do not say so themselves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsualTraffic {
    /// Networks of the edge.
    pub from: Vec<IpNet>,
    /// Their class.
    #[serde(default = "Class::voice")]
    pub class: Class,
    /// Whose they are.
    pub tenant: Option<Tenant>,
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
    /// `sip:HOST[:PORT][;transport=tcp|tls]` of that region's edge elements, in order; a host that is no address is asked of
    /// DNS (RFC 3263).
    pub next: Vec<String>,
}

impl Default for Overload {
    fn default() -> Self {
        Self { enabled: true, target_ms: 20 }
    }
}

/// A key and what is wrong with its value.
pub type Unsound = (&'static str, String);

impl Mesh {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        for (key, value, low, high) in [
            ("mesh.lanes", self.lanes as u64, 1, 8),
            ("mesh.probe_budget_kbit_s", u64::from(self.probe_budget_kbit_s), 10, 100_000),
            ("mesh.probe_interval_ms", self.probe_interval_ms, 10, 10_000),
            ("mesh.report_interval_ms", self.report_interval_ms, 50, 10_000),
            ("mesh.node_expiry_ms", self.node_expiry_ms, 2 * self.report_interval_ms, 600_000),
            ("mesh.probe_misses", u64::from(self.probe_misses), 2, 16),
        ] {
            within(key, value, low, high)?;
        }
        if let Some(name) = self.discover.as_ref().filter(|name| !seed::is_name(name)) {
            return Err(("mesh.discover", format!("{name:?} is no name that DNS could carry")));
        }
        if let Some(at) = self.advertise.filter(|at| at.ip().is_unspecified() || at.port() == 0) {
            return Err(("mesh.advertise", format!("{at} is not an address that others reach")));
        }
        Ok(())
    }

    /// How this node probes.
    #[must_use]
    pub fn probing(&self) -> probe::Settings {
        let idle = Duration::from_millis(self.probe_interval_ms);
        probe::Settings {
            budget: Budget { kbit_s: self.probe_budget_kbit_s, idle },
            misses: self.probe_misses,
            report_interval: Duration::from_millis(self.report_interval_ms),
        }
    }

    /// A node that was not heard of for so long is gone.
    #[must_use]
    pub fn node_expiry(&self) -> Duration {
        Duration::from_millis(self.node_expiry_ms)
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

impl Edge {
    /// As the core takes it.
    #[must_use]
    pub fn usual(&self) -> Vec<Usual> {
        let of = |traffic: &UsualTraffic| {
            let (class, tenant) = (traffic.class.clone(), traffic.tenant.clone());
            let usual = move |from| Usual { from, class: class.clone(), tenant: tenant.clone() };
            traffic.from.clone().into_iter().map(usual)
        };
        self.traffic.iter().flat_map(of).collect()
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
        .ok_or_else(|| {
            ("dial.next", format!("{text:?} is not of the form sip:HOST[:PORT][;transport=tcp|tls]"))
        })
}

fn within(key: &'static str, value: u64, low: u64, high: u64) -> Result<(), Unsound> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err((key, format!("{value} is not within {low} and {high}")))
    }
}

mod defaults {
    pub(super) fn probe_interval_ms() -> u64 {
        250
    }
    pub(super) fn lanes() -> usize {
        3
    }
    pub(super) fn probe_budget_kbit_s() -> u32 {
        150
    }
    pub(super) fn probe_misses() -> u32 {
        3
    }
    pub(super) fn report_interval_ms() -> u64 {
        500
    }
    pub(super) fn node_expiry_ms() -> u64 {
        4_000
    }
}
