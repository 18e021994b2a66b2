//! The WAN emulator: between every two regions a link with delay, jitter, loss, reordering and cuts, each way on
//! its own, changed at run time. It carries UDP and TCP; the nodes know nothing of it.

mod link;
mod model;
mod pacer;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::{collections::HashMap, io, net::SocketAddrV4, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};

use self::{link::Link, udp::UdpCarrier};
pub use self::{
    link::LinkCounters,
    model::{DropReason, Fate, Fates, LinkModel},
};
use crate::address::{AddressPlan, MEDIA_PORT, MESH_PORT, PROBE_PORT, SIP_PORT, StandIn};

/// What regions may reach of each other's nodes: of a media relay, two workers. Admin and metrics stay at home.
const UDP_PORTS: [u16; 4] = [SIP_PORT, PROBE_PORT, MEDIA_PORT, MEDIA_PORT + 1];
const TCP_PORTS: [u16; 1] = [MESH_PORT];

/// What can go wrong with the emulator.
#[derive(Debug, thiserror::Error)]
pub enum WanError {
    /// An address of the plan could not be bound.
    #[error("WAN emulator: cannot listen on {address}: {error}")]
    Bind {
        /// The stand-in's address.
        address: SocketAddrV4,
        /// What the system said.
        error: io::Error,
    },
    /// The emulator's thread did not start.
    #[error("WAN emulator: {0}")]
    Start(#[source] io::Error),
    /// There is no such link in this world.
    #[error("no link from {from} to {to} in this world")]
    NoLink {
        /// Where it would start.
        from: String,
        /// Where it would end.
        to: String,
    },
}

/// The running emulator; drop ends it.
pub struct Wan {
    plan: AddressPlan,
    links: Arc<Links>,
    datagrams: Arc<UdpCarrier>,
    streams: JoinSet<()>,
}

/// All links by (from, to), as second octets.
struct Links {
    all: HashMap<(u8, u8), (LinkModel, Arc<Link>)>,
}

impl Wan {
    /// Listens at every stand-in of the plan. `model` says what the link from one region to another is like.
    ///
    /// # Errors
    /// When an address cannot be bound.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(
        plan: &AddressPlan,
        seed: u64,
        model: impl Fn(&str, &str) -> LinkModel,
    ) -> Result<Self, WanError> {
        let links = Arc::new(Links::new(plan, seed, model));
        let datagrams = UdpCarrier::start(Arc::clone(&links), plan.clone()).map_err(WanError::Start)?;
        let mut wan = Self { plan: plan.clone(), links, datagrams, streams: JoinSet::new() };
        for (viewer, ..) in plan.numbered() {
            for (region, _, nodes) in plan.numbered().filter(|(region, ..)| *region != viewer) {
                for host in 1..=nodes {
                    wan.listen(viewer, region, host).await?;
                }
            }
        }
        Ok(wan)
    }

    /// The model in force on a link.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn model(&self, from: &str, to: &str) -> Result<LinkModel, WanError> {
        self.link(from, to).map(|(_, link)| link.model())
    }

    /// Changes one direction of a link from now on, for instance `|link| link.loss = 0.2`.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn change(&self, from: &str, to: &str, change: impl FnOnce(&mut LinkModel)) -> Result<(), WanError> {
        let (_, link) = self.link(from, to)?;
        let mut model = link.model();
        change(&mut model);
        link.set_model(model);
        Ok(())
    }

    /// Brings every link back to what it was at the start.
    pub fn heal(&self) {
        for (healthy, link) in self.links.all.values() {
            link.set_model(*healthy);
        }
    }

    /// What a link has done so far.
    ///
    /// # Errors
    /// When there is no such link.
    pub fn counters(&self, from: &str, to: &str) -> Result<LinkCounters, WanError> {
        self.link(from, to).map(|(_, link)| link.counters())
    }

    fn link(&self, from: &str, to: &str) -> Result<&(LinkModel, Arc<Link>), WanError> {
        let octets = self.plan.octet(from).zip(self.plan.octet(to));
        octets
            .and_then(|pair| self.links.all.get(&pair))
            .ok_or_else(|| WanError::NoLink { from: from.into(), to: to.into() })
    }

    async fn listen(&mut self, viewer: u8, region: u8, host: u8) -> Result<(), WanError> {
        for port in UDP_PORTS {
            let stand_in = StandIn { viewer, region, host, port };
            self.datagrams
                .socket(stand_in)
                .map_err(|error| WanError::Bind { address: stand_in.address(), error })?;
        }
        for port in TCP_PORTS {
            let stand_in = StandIn { viewer, region, host, port };
            let address = stand_in.address();
            let listener =
                TcpListener::bind(address).await.map_err(|error| WanError::Bind { address, error })?;
            self.streams.spawn(tcp::accept(listener, stand_in, Arc::clone(&self.links)));
        }
        Ok(())
    }
}

impl Drop for Wan {
    fn drop(&mut self) {
        self.datagrams.close();
    }
}

impl Links {
    fn new(plan: &AddressPlan, seed: u64, model: impl Fn(&str, &str) -> LinkModel) -> Self {
        let mut all = HashMap::new();
        // By position, not by octet: the same seed must mean the same world whatever block was free.
        for (i, (from, from_name, _)) in (1_u64..).zip(plan.numbered()) {
            for (j, (to, to_name, _)) in (1_u64..).zip(plan.numbered()).filter(|(j, _)| *j != i) {
                let model = model(from_name, to_name);
                let own_seed = seed.wrapping_add((i << 8 | j).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                all.insert((from, to), (model, Arc::new(Link::new(model, own_seed))));
            }
        }
        Self { all }
    }

    fn between(&self, from: u8, to: u8) -> Option<Arc<Link>> {
        self.all.get(&(from, to)).map(|(_, link)| Arc::clone(link))
    }
}
