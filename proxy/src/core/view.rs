//! What the proxy knows of the world: the route table and its neighbors. Immutable, and swapped as a whole.

use ringway_router::{NodeId, NodeName, Path, Region, RouteTable};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// One view of the world. A message is treated under exactly one.
#[derive(Debug, Clone)]
pub struct View {
    /// Ranked paths to every region.
    pub table: Arc<RouteTable>,
    /// Nodes that may be given requests, by region: live, not draining, and answering this node's probes.
    pub neighbors: BTreeMap<Region, Vec<Neighbor>>,
    /// Where the nodes take SIP that live and answer, also those that drain: what is out by way of them may hope.
    pub standing: HashSet<SocketAddr>,
    /// Every address from which a proxy of the mesh may send.
    pub peers: HashSet<SocketAddr>,
    /// The table of the dialogs that stand already, while operators drain a region: it is left out of `table` alone.
    pub undrained: Option<Arc<RouteTable>>,
    /// Other regions that have a media relay.
    pub media: BTreeSet<Region>,
    /// This node takes no new calls.
    pub draining: bool,
}

/// A node that may be given requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    /// Its name.
    pub node: NodeId,
    /// Where it takes SIP, as seen from here.
    pub sip: SocketAddr,
}

impl View {
    /// A view in which there is nobody else.
    #[must_use]
    pub fn alone(table: Arc<RouteTable>) -> Self {
        Self {
            table,
            neighbors: BTreeMap::new(),
            undrained: None,
            standing: HashSet::new(),
            peers: HashSet::new(),
            media: BTreeSet::new(),
            draining: false,
        }
    }

    /// Whether a proxy of the mesh has that address.
    #[must_use]
    pub fn is_peer(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|peer| peer.ip() == address)
    }

    /// The table that the dialogs that stand already go by.
    #[must_use]
    pub fn dialogs(&self) -> &RouteTable {
        self.undrained.as_ref().unwrap_or(&self.table)
    }

    /// Whether a request that is out over `path`, by way of the proxy at `first`, may still hope for its answer.
    #[must_use]
    pub fn stands(&self, path: &Path, first: SocketAddr) -> bool {
        let stays = self.table.lists(path) || self.dialogs().lists(path);
        stays && self.standing.contains(&first)
    }

    /// Where that very node takes SIP.
    #[must_use]
    pub fn node(&self, region: &Region, name: &NodeName) -> Option<SocketAddr> {
        let node = self.neighbors.get(region)?.iter().find(|neighbor| neighbor.node.node == *name)?;
        Some(node.sip)
    }

    /// The node of `region` that takes this call: the same one for all its messages as long as the set of nodes
    /// stays, and no more calls than necessary move when it changes (rendezvous hashing).
    #[must_use]
    pub fn neighbor(&self, region: &Region, call_id: &str) -> Option<&Neighbor> {
        self.neighbors.get(region)?.iter().max_by_key(|neighbor| {
            let mut hasher = DefaultHasher::new();
            (&neighbor.node, call_id).hash(&mut hasher);
            hasher.finish()
        })
    }
}
