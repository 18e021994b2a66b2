//! Where other nodes may be found: seeds by address and by name, an SRV record that lists them, and what nodes that are
//! known advertise. One dialer is kept for every address.

use super::dialer::Dialer;
use crate::config::Seed;
use ringway_node::dns::{DnsError, Resolver};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep};

/// Between two questions to DNS.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// Between two looks at what nodes advertise.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// An address that nobody names any more is tried for so much longer: DNS may be away for a while.
const KEPT: Duration = Duration::from_secs(300);
/// Addresses that are tried at all.
const ADDRESSES_MAX: usize = 4_096;

/// See the module.
pub struct Seeds {
    /// Who dials.
    pub dialer: Dialer,
    /// `mesh.seeds`.
    pub seeds: Vec<Seed>,
    /// `mesh.discover`.
    pub discover: Option<String>,
    /// Who is asked for names.
    pub resolver: Option<Resolver>,
}

struct Dialed {
    named: Instant,
    /// Dropping it ends the dialer, once its stream has ended.
    _wanted: watch::Sender<()>,
}

impl Seeds {
    /// Keeps a dialer for every address as long as the process lives.
    pub async fn keep(self) {
        let clock = self.dialer.control.clock();
        let mut dialed: BTreeMap<SocketAddr, Dialed> = BTreeMap::new();
        let mut resolve_due = clock.now();
        let mut resolved = BTreeSet::new();
        loop {
            let now = clock.now();
            if resolve_due <= now {
                resolve_due = now + RESOLVE_EVERY;
                resolved = self.resolve().await;
            }
            let advertised =
                self.dialer.control.ask(|control| control.advertised()).await.unwrap_or_default();
            for address in resolved.iter().copied().chain(advertised) {
                if let Some(known) = dialed.get_mut(&address) {
                    known.named = now;
                } else if dialed.len() < ADDRESSES_MAX {
                    let (wanted, seen) = watch::channel(());
                    tokio::spawn(self.dialer.clone().keep(address, seen, self.dialer.control.seed()));
                    dialed.insert(address, Dialed { named: now, _wanted: wanted });
                }
            }
            dialed.retain(|_, known| now < known.named + KEPT);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Every address that configuration and DNS name.
    async fn resolve(&self) -> BTreeSet<SocketAddr> {
        let mut found = BTreeSet::new();
        for seed in &self.seeds {
            match seed {
                Seed::At(address) => drop(found.insert(*address)),
                Seed::Named { host, port } => {
                    let addresses = match &self.resolver {
                        Some(resolver) => resolver.addresses(host).await,
                        None => Err(no_dns()),
                    };
                    let of_host = self.or_warn(host, addresses);
                    found.extend(of_host.into_iter().map(|address| SocketAddr::new(address, *port)));
                }
            }
        }
        if let Some(name) = &self.discover {
            let addresses = match &self.resolver {
                Some(resolver) => resolver.service(name).await,
                None => Err(no_dns()),
            };
            found.extend(self.or_warn(name, addresses));
        }
        found
    }

    fn or_warn<T>(&self, name: &str, found: Result<Vec<T>, DnsError>) -> Vec<T> {
        found.unwrap_or_else(|why| {
            tracing::warn!(name, %why, "seed not found; will ask again");
            Vec::new()
        })
    }
}

fn no_dns() -> DnsError {
    DnsError::Setup("no DNS server is configured".into())
}
