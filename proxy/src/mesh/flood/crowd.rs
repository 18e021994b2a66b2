//! The crowd: who is in which region, who keeps a stream to whom, who probes whom. Every node works it out for itself
//! from the names alone, and all come to the same: by rendezvous hashing, each region has an order of its nodes towards
//! every other.

use crate::location::fingerprint::Fingerprint;
use ringway_router::{NodeId, Region};
use std::collections::BTreeMap;

/// Streams that a node keeps to one remote region, and nodes of it that it probes.
pub const PEERS_MAX: usize = 2;

/// Regions that carry a word around a link that is down.
const DETOURS: usize = 3;

/// The nodes of every region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    regions: BTreeMap<Region, Vec<NodeId>>,
}

/// The hash of a node's name.
#[must_use]
pub fn hash(node: &NodeId) -> u64 {
    of_texts([node.region.as_str(), node.node.as_str()])
}

impl Crowd {
    /// Of these nodes, each named once.
    #[must_use]
    pub fn new<'a>(nodes: impl Iterator<Item = &'a NodeId>) -> Self {
        let mut regions: BTreeMap<Region, Vec<NodeId>> = BTreeMap::new();
        for node in nodes {
            regions.entry(node.region.clone()).or_default().push(node.clone());
        }
        Self { regions }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.regions.values().map(Vec::len).sum()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Whether a node is one of them.
    #[must_use]
    pub fn contains(&self, node: &NodeId) -> bool {
        self.regions.get(&node.region).is_some_and(|nodes| nodes.contains(node))
    }

    /// Every region with a node.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.keys()
    }

    /// The nodes of a region in their order towards another.
    #[must_use]
    pub fn ranked(&self, region: &Region, toward: &Region) -> Vec<&NodeId> {
        let nodes = self.regions.get(region).into_iter().flatten();
        let mut ranked: Vec<(u64, &NodeId)> = nodes
            .map(|node| (of_texts([node.node.as_str(), region.as_str(), toward.as_str()]), node))
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, node)| node).collect()
    }

    /// The place of a node in that order.
    #[must_use]
    pub fn rank(&self, node: &NodeId, toward: &Region) -> Option<usize> {
        self.ranked(&node.region, toward).into_iter().position(|ranked| ranked == node)
    }

    /// The nodes of a region to which `node` keeps streams, the first of them first; both ends come to the same. In the
    /// own region all; in another at most two, and no node has more than two for it.
    #[must_use]
    pub fn peers(&self, node: &NodeId, region: &Region) -> Vec<&NodeId> {
        if *region == node.region {
            let nodes = self.regions.get(region).into_iter().flatten();
            return nodes.filter(|other| *other != node).collect();
        }
        let (here, there) = (self.ranked(&node.region, region), self.ranked(region, &node.region));
        let Some(rank) = here.iter().position(|ranked| *ranked == node) else { return Vec::new() };
        let (few, many) = (here.len().min(there.len()), here.len().max(there.len()));
        if few == 0 {
            return Vec::new();
        }
        // Every node of the smaller side has the two of its rank and the next on the other side; of two equal sides
        // the one with the smaller name counts as the smaller.
        let smaller = (here.len(), &node.region) < (there.len(), region);
        let ranks = if smaller {
            [Some(rank), Some((rank + 1) % many)]
        } else {
            [Some(rank), Some((rank + many - 1) % many)].map(|rank| rank.filter(|rank| *rank < few))
        };
        let mut peers: Vec<&NodeId> = Vec::with_capacity(PEERS_MAX);
        for peer in ranks.into_iter().flatten().map(|rank| there[rank]) {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        peers
    }

    /// Of these candidates of a remote region, those that `node` probes and sends to: at most two, spread over them by
    /// its rank.
    #[must_use]
    pub fn targets<'a>(
        &'a self,
        node: &NodeId,
        region: &Region,
        is_known: impl Fn(&NodeId) -> bool,
    ) -> Vec<&'a NodeId> {
        let mut there = self.ranked(region, &node.region);
        there.retain(|candidate| is_known(candidate));
        let count = there.len();
        let rank = self.rank(node, region).unwrap_or(0);
        (0..PEERS_MAX.min(count)).map(|step| there[(rank + step) % count]).collect()
    }
}

/// Whether `home` is one of the regions that carry a word of `origin` around its link to `lost`, of those that the
/// origin says it reaches.
pub(super) fn is_detour<'a>(
    home: &Region,
    origin: &Region,
    lost: &Region,
    reached: impl Iterator<Item = &'a Region>,
) -> bool {
    let weight = |by: &Region| of_texts([by.as_str(), origin.as_str(), lost.as_str()]);
    let own = (weight(home), home);
    let mut is_reached = false;
    let mut ahead = 0;
    for region in reached {
        is_reached |= region == home;
        ahead += usize::from((weight(region), region) < own);
    }
    is_reached && ahead < DETOURS
}

fn of_texts<const N: usize>(texts: [&str; N]) -> u64 {
    let mut fingerprint = Fingerprint::new();
    for text in texts {
        fingerprint.text(text);
    }
    fingerprint.finish()
}

#[cfg(test)]
mod tests;
