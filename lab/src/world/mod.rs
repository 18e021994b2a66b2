//! A world: regions of real nodes, the WAN between them, and the files they live on.

mod admin;
mod certs;
mod config;
mod node;
mod ready;
mod relay;
mod scratch;
mod spec;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use tokio::time::sleep;

pub use self::{
    admin::{Admin, ChosenRoute, MeasuredLink, NodeStatus, RouteNews},
    node::Node,
    relay::Relay,
    spec::{PhoneTransport, RegionSpec, WorldSpec},
};
use self::{certs::Authority, node::NodeFiles, scratch::Scratch};
use crate::{
    address::{AddressError, AddressPlan, FIRST_PHONE, SIP_PORT, real},
    clock, rtt,
    wan::{Wan, WanError},
};

/// DESIGN §11 asks for 2 s; the wait is longer, so that a miss is reported with its time.
const POLICY_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
const DEATH_POLL: Duration = Duration::from_millis(200);

/// What can go wrong with a world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The description makes no sense.
    #[error("{0}")]
    Spec(String),
    /// No address block is free, or the world does not fit one.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The WAN emulator.
    #[error(transparent)]
    Wan(#[from] WanError),
    /// No round trip was ever measured between two regions.
    #[error("no measured round trip from {from} to {to} in the lab's data")]
    NoData {
        /// A region.
        from: String,
        /// Another.
        to: String,
    },
    /// Certificates.
    #[error("certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The files of the world.
    #[error("{}: {error}", path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The binary did not start.
    #[error("cannot start {}: {error}", binary.display())]
    Spawn {
        /// The binary.
        binary: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A node ended that nobody killed.
    #[error("node {node} ended on its own: {status}; log {}{tail}", log.display())]
    Died {
        /// Region and name.
        node: String,
        /// Its exit status.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A node did not become ready.
    #[error("node {node} is not ready after {limit:?}: {last}; log {}{tail}", log.display())]
    NotReady {
        /// Region and name.
        node: String,
        /// How long the lab waited.
        limit: Duration,
        /// What it said last.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A node has no route to a region although all are up.
    #[error("node {node} has no route to {to} after {limit:?}")]
    NoRoute {
        /// Region and name.
        node: String,
        /// The destination region.
        to: String,
        /// How long the lab waited.
        limit: Duration,
    },
    /// A node does not know the media relay of another one.
    #[error("node {node} does not know the media relay of {of} after {limit:?}")]
    NoRelay {
        /// Region and name.
        node: String,
        /// The same of the other.
        of: String,
        /// How long the lab waited.
        limit: Duration,
    },
    /// A node refused a policy.
    #[error("node {node} refused the policy: {reason}")]
    PolicyRefused {
        /// Region and name.
        node: String,
        /// The node's words.
        reason: String,
    },
    /// A policy did not become active everywhere.
    #[error("policy revision {revision} is not active on {node} after {limit:?}")]
    PolicyNotActive {
        /// The revision.
        revision: u64,
        /// The first node that lacks it.
        node: String,
        /// How long the lab waited.
        limit: Duration,
    },
}

/// A region of a running world.
pub struct Region {
    spec: RegionSpec,
    octet: u8,
    nodes: Vec<Node>,
}

/// What came of an applied policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyApplied {
    /// Its revision.
    pub revision: u64,
    /// From the first apply until every live node said that it is active.
    pub active_after: Duration,
}

/// A running world. Drop ends its processes, the WAN, and removes its files.
pub struct World {
    // Fields drop in this order: processes end before the network and the files they use.
    regions: Vec<Region>,
    wan: Wan,
    plan: AddressPlan,
    spec: WorldSpec,
    scratch: Scratch,
}

impl World {
    /// Brings the world up: WAN, certificates, one `binary run` a node; returns when every node is ready and has a
    /// route to every region.
    ///
    /// # Errors
    /// When a part of it does not come up; nothing stays behind.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(spec: &WorldSpec, binary: &Path, seed: u64) -> Result<Self, WorldError> {
        let world = Self::spawn(spec, binary, seed).await?;
        match world.ready().await {
            Ok(()) => Ok(world),
            Err(error) => {
                // The error names a log; it must still be there to be read.
                world.keep_files();
                Err(error)
            }
        }
    }

    /// A region by its name.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.spec.name == name)
    }

    /// All regions in their order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Node `host` (from 1) of a region.
    pub fn node(&self, region: &str, host: u8) -> Option<&Node> {
        self.region(region)?.nodes.iter().find(|node| node.host() == host)
    }

    /// All nodes that the lab has not killed.
    pub fn live_nodes(&self) -> impl Iterator<Item = &Node> {
        self.regions.iter().flat_map(|region| &region.nodes).filter(|node| !node.is_killed())
    }

    /// The network between the regions.
    pub fn wan(&self) -> &Wan {
        &self.wan
    }

    /// Where everything lives.
    pub fn addresses(&self) -> &AddressPlan {
        &self.plan
    }

    /// What the world was made of.
    pub fn spec(&self) -> &WorldSpec {
        &self.spec
    }

    /// Where configuration and logs are.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// Certificate and key of the phone of a region, PEM, for SIP over TLS.
    pub fn phone_papers(&self, region: &str) -> [PathBuf; 2] {
        phone_papers(&self.scratch, region)
    }

    /// Leaves the files behind when the world ends.
    pub fn keep_files(&self) {
        self.scratch.keep();
    }

    /// Applies a policy document (with its `revision`) to every live node and waits until all say that it is active.
    ///
    /// # Errors
    /// When a node refuses it, or does not make it active in time.
    pub async fn apply_policy(&self, document: &str) -> Result<PolicyApplied, WorldError> {
        let start = clock::now();
        let mut revision = 0;
        for node in self.live_nodes() {
            let applied = node.admin().apply_policy(document).await;
            revision = applied.map_err(|status| WorldError::PolicyRefused {
                node: node.to_string(),
                reason: status.message().to_owned(),
            })?;
        }
        for node in self.live_nodes() {
            while !node.admin().status().await.is_ok_and(|status| status.policy_revision == revision) {
                if start.elapsed() > POLICY_LIMIT {
                    let node = node.to_string();
                    return Err(WorldError::PolicyNotActive { revision, node, limit: POLICY_LIMIT });
                }
                sleep(POLL).await;
            }
        }
        Ok(PolicyApplied { revision, active_after: start.elapsed() })
    }

    /// Returns when a node has ended that the lab did not kill.
    pub async fn node_died(&self) -> WorldError {
        loop {
            for node in self.live_nodes() {
                if let Some(death) = node.death().await {
                    return death;
                }
            }
            sleep(DEATH_POLL).await;
        }
    }

    /// Ends all processes and waits for them.
    pub async fn shutdown(self) {
        for node in self.regions.iter().flat_map(|region| &region.nodes) {
            node.kill().await;
        }
    }

    async fn spawn(spec: &WorldSpec, binary: &Path, seed: u64) -> Result<Self, WorldError> {
        spec.check().map_err(WorldError::Spec)?;
        check_data(spec)?;
        let plan = AddressPlan::claim(spec.regions.iter().map(|r| (r.name.clone(), r.nodes)).collect())?;
        let wan = Wan::start(&plan, seed, |from, to| rtt::measured(from, to).unwrap_or_default()).await?;
        let scratch =
            Scratch::create().map_err(|error| WorldError::Files { path: std::env::temp_dir(), error })?;
        let authority = Authority::new(&spec.mesh_domain)?;
        let mut regions = Vec::new();
        for (region, (octet, name, count)) in spec.regions.iter().zip(plan.numbered()) {
            let mut nodes = Vec::new();
            for host in 1..=count {
                let files = NodeFiles {
                    config: config::node_toml(spec, &plan, name, host),
                    certificate: authority.issue(name, &spec::node_name(name, host))?,
                    sip_certificate: authority
                        .issue_sip(&format!("{name}.{}", spec.mesh_domain), real(octet, host))?,
                    authority: authority.pem(),
                };
                nodes.push(Node::spawn(binary, scratch.path(), (name, octet, host), &files)?);
            }
            let phone = authority.issue_sip(&format!("phone.{name}"), real(octet, FIRST_PHONE))?;
            for (path, text) in phone_papers(&scratch, name).into_iter().zip([phone.certificate, phone.key]) {
                fs::write(&path, text).map_err(|error| WorldError::Files { path, error })?;
            }
            regions.push(Region { spec: region.clone(), octet, nodes });
        }
        Ok(Self { regions, wan, plan, spec: spec.clone(), scratch })
    }
}

impl Region {
    /// Its name: `us-west-2`.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Where it is, for people: `Oregon`.
    pub fn place(&self) -> &str {
        &self.spec.place
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The start of its phones' numbers.
    pub fn prefix(&self) -> Option<&str> {
        self.spec.prefix.as_deref()
    }

    /// Where its phone listens; the dial plan of every node leads there.
    pub fn phone(&self) -> SocketAddrV4 {
        SocketAddrV4::new(real(self.octet, FIRST_PHONE), SIP_PORT)
    }
}

fn phone_papers(scratch: &Scratch, region: &str) -> [PathBuf; 2] {
    ["pem", "key"].map(|kind| scratch.path().join(format!("{region}.phone.{kind}")))
}

fn check_data(spec: &WorldSpec) -> Result<(), WorldError> {
    for from in &spec.regions {
        for to in spec.regions.iter().filter(|to| to.name != from.name) {
            if rtt::measured(&from.name, &to.name).is_none() {
                return Err(WorldError::NoData { from: from.name.clone(), to: to.name.clone() });
            }
        }
    }
    Ok(())
}
