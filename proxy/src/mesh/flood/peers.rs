//! The open streams as the flood sees them: who is at the other end, what it was told, and to whom a word goes.
//!
//! A node tells its own region itself, and of every other region one node, or when it is urgent both that it has streams
//! to. Whoever hears news from another region passes it on in its own, and around the links that the news says are down:
//! so each node gets a word about once, and still hears everybody in a mesh that is cut.

use super::{
    crowd::{Crowd, is_detour},
    purse::Purse,
};
use crate::mesh::{statement::Statement, stream::StreamId};
use ringway_router::{NodeId, Region};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Instant,
};

/// Loss at which a stream over the link cannot be relied on.
const LOSS_LAME: f64 = 0.2;

/// To whom this node keeps streams, by region, the first of each first.
pub(super) type Wanted = BTreeMap<Region, Vec<NodeId>>;

/// One open stream.
#[derive(Debug)]
pub(super) struct Peer {
    /// Who is at the other end; `None` until it has said so.
    pub(super) node: Option<NodeId>,
    /// Whether this node opened it.
    pub(super) dialed: bool,
    pub(super) opened: Instant,
    /// Whose certificates the peer was sent.
    pub(super) introduced: HashSet<NodeId>,
    pub(super) digest_due: Instant,
    /// When the last list was answered, or sent for a gap.
    pub(super) listed: Option<Instant>,
    /// Silent until then, it is dead.
    pub(super) patient_until: Instant,
    /// What the peer may still say.
    pub(super) purse: Purse,
    /// Words that were dropped because it said too much.
    pub(super) dropped: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) open: BTreeMap<StreamId, Peer>,
}

impl Peers {
    /// Streams to nodes of a region.
    fn to_region(&self, region: &Region) -> impl Iterator<Item = (StreamId, &NodeId)> {
        let named = self.open.iter().filter_map(|(id, peer)| Some((*id, peer.node.as_ref()?)));
        named.filter(move |(_, node)| node.region == *region)
    }

    /// The streams to a remote region that a word goes over: the first that is open of those that should be, or any, and
    /// when it is urgent all.
    fn ways(&self, region: &Region, wanted: &Wanted, urgent: bool) -> Vec<StreamId> {
        let mut open: Vec<(usize, StreamId)> = Vec::new();
        let wanted = wanted.get(region).map_or(&[][..], Vec::as_slice);
        for (id, node) in self.to_region(region) {
            let place = wanted.iter().position(|peer| peer == node).unwrap_or(usize::MAX);
            open.push((place, id));
        }
        open.sort_unstable();
        open.truncate(if urgent { super::crowd::PEERS_MAX } else { 1 });
        open.into_iter().map(|(_, id)| id).collect()
    }

    /// Where this node's own word goes.
    pub(super) fn for_own(&self, own: &NodeId, wanted: &Wanted, urgent: bool) -> Vec<StreamId> {
        let mut to: Vec<StreamId> = self.to_region(&own.region).map(|(id, _)| id).collect();
        for region in self.remote_regions(own) {
            to.extend(self.ways(&region, wanted, urgent));
        }
        to
    }

    /// Where another's word goes that has come on `from`, now that it is known with what it says altogether.
    pub(super) fn for_other(
        &self,
        own: &NodeId,
        crowd: &Crowd,
        wanted: &Wanted,
        from: StreamId,
        word: &Statement,
    ) -> BTreeSet<StreamId> {
        let (origin, urgent) = (&word.origin, word.urgent);
        let mut to = BTreeSet::new();
        let Some(teller) = self.open.get(&from).and_then(|peer| peer.node.as_ref()) else { return to };
        if teller.region != own.region {
            to.extend(self.to_region(&own.region).map(|(id, _)| id));
        }
        if origin.region == own.region {
            // Of a larger region not every node has streams to every smaller one: the first in their order speaks for it.
            let speakers = 1 + usize::from(urgent);
            for region in self.remote_regions(own) {
                let speaks = || crowd.rank(own, &region).is_some_and(|rank| rank < speakers);
                if crowd.peers(origin, &region).is_empty() && speaks() {
                    to.extend(self.ways(&region, wanted, urgent));
                }
            }
        } else if teller.region == origin.region {
            let (reached, lost): (Vec<_>, Vec<_>) =
                word.links.iter().partition(|link| link.up && link.loss.max(link.loss_back) < LOSS_LAME);
            for link in lost.iter().filter(|link| link.to != own.region) {
                let reached = reached.iter().map(|link| &link.to);
                if is_detour(&own.region, &origin.region, &link.to, reached) {
                    to.extend(self.ways(&link.to, wanted, urgent));
                }
            }
        }
        to.retain(|id| *id != from && !self.leads_to(*id, origin));
        to
    }

    /// Whether the node at the other end is `node`.
    pub(super) fn leads_to(&self, id: StreamId, node: &NodeId) -> bool {
        self.open.get(&id).is_some_and(|peer| peer.node.as_ref() == Some(node))
    }

    /// Dialed streams that the crowd does not want, where those that it wants are open; and when.
    pub(super) fn surplus(&self, own: &NodeId, wanted: &Wanted) -> Vec<(StreamId, Instant)> {
        let mut surplus = Vec::new();
        for region in self.remote_regions(own) {
            let wanted = wanted.get(&region).map_or(&[][..], Vec::as_slice);
            let is_open = |node: &NodeId| self.to_region(&region).any(|(_, open)| open == node);
            if !wanted.iter().all(is_open) {
                continue;
            }
            let unwanted = self.to_region(&region).filter(|(_, node)| !wanted.contains(node));
            let dialed = unwanted.filter_map(|(id, _)| self.open.get(&id).map(|peer| (id, peer)));
            surplus.extend(dialed.filter(|(_, peer)| peer.dialed).map(|(id, peer)| (id, peer.opened)));
        }
        surplus
    }

    fn remote_regions(&self, own: &NodeId) -> BTreeSet<Region> {
        let named = self.open.values().filter_map(|peer| peer.node.as_ref());
        named.map(|node| node.region.clone()).filter(|region| *region != own.region).collect()
    }
}
