//! `[relay]`: the media relay of a node.

use crate::core::{
    relay::{Pool, Settings},
    tunnel::WORKERS_MAX,
};
use ringway_router::LANES_MAX;
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
    /// Where the proxies of the region and SBCs give their orders by gRPC (`media.proto`), TCP; none: nowhere. The same
    /// care is due as with `ng_listen`.
    pub control_listen: Option<SocketAddr>,
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
    /// Tunnels to the relays of other regions; none: calls stay in the region.
    pub tunnels: Option<Tunnels>,
}

/// `[relay.tunnels]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tunnels {
    /// The address to bind. The mesh tells the relays of other regions that this one is reached where its proxy is.
    pub listen: IpAddr,
    /// The UDP port of the first worker; the others have the ports above it.
    #[serde(default = "defaults::tunnel_port")]
    pub port: u16,
    /// UDP source ports that each worker sends from. Networks spread flows over parallel ways by port, so one may be ill while
    /// the others are well.
    #[serde(default = "defaults::lanes")]
    pub lanes: usize,
    /// A key that frames are sealed for is renewed after so long.
    #[serde(default = "defaults::key_lifetime_s")]
    pub key_lifetime_s: u64,
}

impl Tunnels {
    /// The port of a worker.
    #[must_use]
    pub fn port(&self, worker: usize) -> u16 {
        u16::try_from(worker).map_or(u16::MAX, |worker| self.port.saturating_add(worker))
    }

    fn check(&self, workers: usize) -> Result<(), Unsound> {
        let unsound = |key, why: String| Err((key, why));
        if self.listen.is_unspecified() {
            return unsound("relay.tunnels.listen", "the address that other relays send to is needed".into());
        }
        if workers > WORKERS_MAX {
            return unsound("relay.workers", format!("with tunnels 0 to {WORKERS_MAX} are possible"));
        }
        if self.port < 1_024 || usize::from(u16::MAX - self.port) < workers {
            return unsound("relay.tunnels.port", "from 1024, with room for a port a worker".into());
        }
        if !(1..=LANES_MAX).contains(&self.lanes) {
            return unsound("relay.tunnels.lanes", format!("1 to {LANES_MAX} are possible"));
        }
        // Older keys open frames for a minute, and four are known to the others at a time.
        if !(20..=86_400).contains(&self.key_lifetime_s) {
            return unsound("relay.tunnels.key_lifetime_s", "20 to 86400 are possible".into());
        }
        Ok(())
    }
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
            // Each worker has a part of them, and what rests is no part of it.
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
        self.tunnels.as_ref().map_or(Ok(()), |tunnels| tunnels.check(self.worker_count()))
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

    pub(super) fn tunnel_port() -> u16 {
        8_700
    }

    pub(super) fn lanes() -> usize {
        4
    }

    pub(super) fn key_lifetime_s() -> u64 {
        3_600
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
