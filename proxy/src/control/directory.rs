//! The directory: which nodes live, where they are as seen from here, and what the SIP worker and the prober make of
//! it.

use super::Control;
use crate::{
    core::view::{self, View},
    media::{Neighbor, Steering},
    mesh::{ledger::Held, relay::MediaRelay, statement::Statement},
    probe::service::{Roster, Target},
};
use ringway_router::{NodeId, Region};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the address of a node that is gone is kept: its last answers may still be on the way, and requests of
/// calls that go over it.
const KEPT: Duration = Duration::from_secs(600);

/// Where a node is, as seen from here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    address: IpAddr,
    sip_port: u16,
    probe_port: u16,
    seen: Instant,
}

/// What there is to say about a node, for operators.
pub struct NodeState {
    /// What it says of itself.
    pub statement: Arc<Statement>,
    /// Where its SIP is, as seen from here.
    pub sip: Option<SocketAddr>,
    /// This node.
    pub own: bool,
    /// Its probes are answered.
    pub reachable: bool,
    /// Age of its latest word here.
    pub heard_ago: Duration,
    /// There is a stream to it.
    pub stream_open: bool,
}

impl Control {
    /// All nodes that are heard of, this one included.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeState> {
        let now = self.now();
        let live = self.flood.ledger().all().filter(|(_, held)| self.flood.ledger().is_live(now, held));
        live.map(|(node, held)| {
            let own = *node == self.facts.own;
            NodeState {
                statement: Arc::clone(&held.statement),
                sip: if own { Some(self.facts.sip) } else { self.sip_of(node) },
                own,
                reachable: own || self.is_reachable(node),
                heard_ago: now.saturating_duration_since(held.heard),
                stream_open: self.streams.has(node),
            }
        })
        .collect()
    }

    /// Other regions with a live node that takes calls.
    pub(super) fn live_regions(&self) -> BTreeSet<Region> {
        let home = &self.facts.own.region;
        self.takers().map(|(node, _)| node.region.clone()).filter(|region| region != home).collect()
    }

    /// Publishes the view when it differs from the published one.
    pub(super) fn publish(&self) {
        let table = self.router.table();
        let mut neighbors: BTreeMap<Region, Vec<view::Neighbor>> = BTreeMap::new();
        for (node, _) in self.takers().filter(|(node, _)| self.is_reachable(node)) {
            if let Some(sip) = self.sip_of(node) {
                let neighbor = view::Neighbor { node: node.clone(), sip };
                neighbors.entry(node.region.clone()).or_default().push(neighbor);
            }
        }
        let standing: HashSet<SocketAddr> = self
            .others()
            .filter(|(node, _)| self.is_reachable(node))
            .filter_map(|(node, _)| self.sip_of(node))
            .collect();
        let peers: HashSet<SocketAddr> =
            self.book.values().map(|at| SocketAddr::new(at.address, at.sip_port)).collect();
        let media = self.regions_with_media();
        let published = self.handle.view().load();
        let same = published.table.epoch == table.epoch
            && published.neighbors == neighbors
            && published.standing == standing
            && published.peers == peers
            && published.media == media
            && published.undrained.as_ref().map(Arc::as_ptr) == self.undrained.as_ref().map(Arc::as_ptr)
            && published.draining == self.is_draining();
        if !same {
            let view = View {
                table,
                undrained: self.undrained.clone(),
                neighbors,
                standing,
                peers,
                media,
                draining: self.is_draining(),
            };
            self.handle.publish(view);
        }
    }

    /// Other regions with a media relay beside a node that lives, on whatever path it is reached: where none leads, there is
    /// no call to be anchored.
    fn regions_with_media(&self) -> BTreeSet<Region> {
        if !self.facts.anchors {
            return BTreeSet::new();
        }
        let home = &self.facts.own.region;
        let has = |(node, held): &(&NodeId, &Held)| held.statement.media.is_some() && node.region != *home;
        self.others().filter(has).map(|(node, _)| node.region.clone()).collect()
    }

    /// What the media relay steers by: relays that live, that of this node among them, and the routes.
    pub(super) fn steering(&self) -> Arc<Steering> {
        if !self.facts.anchors {
            return Arc::default();
        }
        let neighbor = |(node, held): (&NodeId, &Held)| {
            let (address, relay) = (self.book.get(node)?.address, held.statement.media.clone()?);
            Some(Neighbor { node: node.clone(), address, relay })
        };
        let own = self.media.clone().map(|relay| Neighbor {
            node: self.facts.own.clone(),
            address: self.facts.sip.ip(),
            relay,
        });
        Arc::new(Steering {
            relays: own.into_iter().chain(self.others().filter_map(neighbor)).collect(),
            // The first one is empty: nothing has been measured yet, and a relay that runs on may know better.
            table: Some(self.router.table()).filter(|table| table.epoch > 0),
            undrained: self.undrained.clone(),
        })
    }

    /// The relay beside this node says how it is reached, or is gone. The others are told.
    pub fn set_media(&mut self, relay: Option<MediaRelay>) {
        if self.media != relay {
            self.media = relay;
            self.speak(false);
        }
    }

    /// Whom to probe, and whom to answer. Of every remote region two nodes are probed, which are the next hops of SIP too.
    pub(super) fn roster(&self) -> Arc<Roster> {
        let own = &self.facts.own;
        let crowd = self.flood.crowd();
        let regions = crowd.regions().filter(|region| **region != own.region);
        let probed =
            regions.flat_map(|region| crowd.targets(own, region, |node| self.book.contains_key(node)));
        let target = |node: &NodeId| {
            let at = self.book.get(node)?;
            let key = self.flood.ledger().of(node)?.statement.probe_key;
            Some(Target { address: SocketAddr::new(at.address, at.probe_port), key })
        };
        let targets = probed.filter_map(|node| Some((node.clone(), target(node)?))).collect();
        let members = self.book.values().map(|at| at.address).collect();
        Arc::new(Roster { targets, members })
    }

    /// The nodes that were last seen at that address, and live.
    pub(super) fn nodes_at(&self, address: IpAddr) -> impl Iterator<Item = &NodeId> {
        let at = self.book.iter().filter(move |(_, listing)| listing.address == address);
        at.map(|(node, _)| node).filter(|node| self.flood.ledger().of(node).is_some())
    }

    /// Where nodes that live say that they take streams.
    #[must_use]
    pub fn advertised(&self) -> Vec<SocketAddr> {
        self.others().filter_map(|(_, held)| held.statement.advertise).collect()
    }

    /// A stream showed where a node is.
    pub(super) fn locate(&mut self, node: &NodeId, address: IpAddr) {
        let held = self.flood.ledger().of(node);
        let (sip_port, probe_port) =
            held.map_or((0, 0), |held| (held.statement.sip_port, held.statement.probe_port));
        self.book.insert(node.clone(), Listing { address, sip_port, probe_port, seen: self.now() });
    }

    /// A node spoke: its ports are as it says.
    pub(super) fn refresh_listing(&mut self, node: &NodeId) {
        let now = self.now();
        let held = self.flood.ledger().of(node);
        if let (Some(held), Some(listing)) = (held, self.book.get_mut(node)) {
            listing.sip_port = held.statement.sip_port;
            listing.probe_port = held.statement.probe_port;
            listing.seen = now;
        } else if let Some(at) = held.and_then(|held| held.statement.advertise) {
            // Nobody has met it yet; it says where it is.
            self.locate(node, at.ip());
        }
    }

    pub(super) fn prune_book(&mut self, now: Instant) {
        self.book.retain(|_, listing| now.saturating_duration_since(listing.seen) < KEPT);
    }

    /// Other nodes that live.
    fn others(&self) -> impl Iterator<Item = (&NodeId, &Held)> {
        let now = self.now();
        let live = move |held: &Held| self.flood.ledger().is_live(now, held);
        self.flood.ledger().all().filter(move |(node, held)| **node != self.facts.own && live(held))
    }

    /// Those of them that take calls.
    fn takers(&self) -> impl Iterator<Item = (&NodeId, &Held)> {
        self.others().filter(|(_, held)| !held.statement.draining)
    }

    /// Whether the way to a node is up. Nodes of the own region are not probed; a stream to them is enough, or a word that
    /// is not old.
    fn is_reachable(&self, node: &NodeId) -> bool {
        if node.region != self.facts.own.region {
            return self.windows.get(node).is_some_and(|window| window.up);
        }
        let fresh = |held: &Held| self.now().saturating_duration_since(held.heard) < self.facts.node_expiry;
        self.streams.has(node) || self.flood.ledger().of(node).is_some_and(fresh)
    }

    fn sip_of(&self, node: &NodeId) -> Option<SocketAddr> {
        self.book.get(node).map(|at| SocketAddr::new(at.address, at.sip_port))
    }

    /// Shows how things stand; once a report is often enough for whoever scrapes.
    pub(super) fn set_gauges(&self) {
        let metrics = self.handle.metrics();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.nodes_live.set(count(self.flood.ledger().all().count()));
        metrics.streams_open.set(count(self.streams.len()));
        metrics.policy_revision.set(i64::try_from(self.policy.policy.revision).unwrap_or(i64::MAX));
        for link in self.router.links(self.time()) {
            let labels = [link.from.as_str(), link.to.as_str()];
            metrics.link_up.with_label_values(&labels).set(i64::from(link.up));
            metrics.link_rtt.with_label_values(&labels).set(link.rtt_ms / 1e3);
            metrics.link_loss.with_label_values(&labels).set(link.loss);
        }
    }
}
