//! `[relay]`: the media relay of a node.

use crate::core::relay::{Pool, Settings};
use serde::Deserialize;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// `[relay]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Where rtpengine's control protocol (ng) is spoken, UDP. Whoever reaches it orders calls: keep it to the machine or the
    /// network of the SIP proxies.
    #[serde(default = "defaults::ng_listen")]
    pub ng_listen: SocketAddr,
    /// Threads that move packets, each with calls of its own; 0: one a core.
    #[serde(default)]
    pub workers: usize,
    /// Calls at a time, of all workers.
    #[serde(default = "defaults::calls_max")]
    pub calls_max: usize,
    /// A call without media for so long is over.
    #[serde(default = "defaults::silent_s")]
    pub silent_s: u64,
    /// The same for a call on hold.
    #[serde(default = "defaults::held_s")]
    pub held_s: u64,
    /// The addresses that phones and trunks send to. The first is the one that is used where nobody names one.
    pub interface: Vec<Interface>,
}

/// One `[[relay.interface]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// How controllers name it (`direction`).
    pub name: String,
    /// The address to bind. Two interfaces of one name, IPv4 and IPv6, are one with both.
    pub listen: IpAddr,
    /// What stands in descriptions when it is not `listen`: for a relay behind NAT.
    pub advertise: Option<IpAddr>,
    /// The first port.
    #[serde(default = "defaults::port_min")]
    pub port_min: u16,
    /// The last one.
    #[serde(default = "defaults::port_max")]
    pub port_max: u16,
}

/// A key and what is wrong with its value.
pub type Unsound = (&'static str, String);

impl Relay {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        let unsound = |key, why: &str| Err((key, why.to_owned()));
        if self.interface.is_empty() || self.interface.len() > 16 {
            return unsound("relay.interface", "1 to 16 are possible");
        }
        if self.workers > 64 {
            return unsound("relay.workers", "0 to 64 are possible");
        }
        if !(1..=1_000_000).contains(&self.calls_max) {
            return unsound("relay.calls_max", "1 to 1000000 are possible");
        }
        if !(1..=86_400).contains(&self.silent_s) || !(1..=86_400).contains(&self.held_s) {
            return unsound("relay.silent_s", "1 to 86400 are possible, and for held_s");
        }
        for interface in &self.interface {
            if interface.name.is_empty() {
                return unsound("relay.interface.name", "it has none");
            }
            // Each worker needs a part of them, and a part is at least one pair.
            let ports = u32::from(interface.port_max).saturating_sub(interface.port_min.into()) + 1;
            if interface.port_min < 1_024
                || ports / 8 < u32::try_from(self.worker_count()).unwrap_or(u32::MAX)
            {
                return unsound("relay.interface.port_min", "from 1024, and four pairs a worker at least");
            }
            if interface.listen.is_unspecified() {
                return unsound(
                    "relay.interface.listen",
                    "an address that can stand in a description is needed",
                );
            }
        }
        Ok(())
    }

    /// How many threads that makes.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (if self.workers == 0 { cores() } else { self.workers }).min(64)
    }

    /// The number of an interface; the first one where the name is empty.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<u8> {
        let first = self.interface.iter().position(|one| name.is_empty() || one.name == name)?;
        u8::try_from(first).ok()
    }

    /// What stands in descriptions instead of an address of ours.
    #[must_use]
    pub fn shown(&self, address: IpAddr) -> IpAddr {
        let of = self.interface.iter().find(|one| one.listen == address);
        of.and_then(|one| one.advertise).unwrap_or(address)
    }

    /// What one worker is told: a part of the calls and of the ports.
    #[must_use]
    pub fn settings(&self, worker: usize, seed: u64) -> Settings {
        let workers = self.worker_count();
        let pool = |one: &Interface| {
            let part = ((usize::from(one.port_max - one.port_min) + 1) / workers) & !1;
            let first = usize::from(one.port_min) + worker * part;
            let port = |port: usize| u16::try_from(port).unwrap_or(u16::MAX);
            Pool {
                interface: self.interface(&one.name).unwrap_or_default(),
                local: one.listen,
                ports: port(first)..=port(first + part - 1),
            }
        };
        Settings {
            worker: u32::try_from(worker).unwrap_or_default(),
            worker_bits: workers.next_power_of_two().trailing_zeros(),
            calls_max: self.calls_max.div_ceil(workers),
            silent: Duration::from_secs(self.silent_s),
            held: Duration::from_secs(self.held_s),
            pools: self.interface.iter().map(pool).collect(),
            seed,
            ..Settings::default()
        }
    }
}

mod defaults {
    use std::net::{Ipv4Addr, SocketAddr};

    pub(super) fn ng_listen() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 2223))
    }

    pub(super) fn calls_max() -> usize {
        20_000
    }

    pub(super) fn silent_s() -> u64 {
        60
    }

    pub(super) fn held_s() -> u64 {
        3_600
    }

    pub(super) fn port_min() -> u16 {
        10_000
    }

    pub(super) fn port_max() -> u16 {
        20_000
    }
}
