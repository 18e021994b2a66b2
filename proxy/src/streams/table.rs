//! Which connections there are, and which peer is reached by which.

use super::Settings;
use bytes::Bytes;
use ringway_sip::Peer;
use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
};
use tokio::sync::mpsc;

/// Messages that may wait for one connection. A peer that does not read so many is as good as gone.
const QUEUE: usize = 1_024;

/// What waits for a connection.
pub(super) type Queue = mpsc::Receiver<Bytes>;

/// Every connection by its number.
#[derive(Default)]
pub(super) struct Table {
    /// Flows get their numbers in the order in which they come; none is used twice.
    last: u64,
    ways: HashMap<u64, Way>,
    by_peer: HashMap<Peer, u64>,
    by_source: HashMap<IpAddr, usize>,
}

/// The way into one connection. When it is dropped, the connection ends.
struct Way {
    source: IpAddr,
    known_as: Vec<Peer>,
    out: mpsc::Sender<Bytes>,
}

impl Table {
    /// A new connection, by which `peer` is reached from now on.
    pub(super) fn add(&mut self, peer: Peer) -> (u64, Queue) {
        self.last += 1;
        let (out, queue) = mpsc::channel(QUEUE);
        let source = peer.address.ip();
        self.ways.insert(self.last, Way { source, known_as: vec![peer], out });
        self.by_peer.insert(peer, self.last);
        *self.by_source.entry(source).or_default() += 1;
        (self.last, queue)
    }

    /// `alias` is reached by this connection, too, unless there is another by which it is reached: who came first stays as
    /// long as the connection lives, so nobody takes it over by a word.
    pub(super) fn know_as(&mut self, flow: u64, alias: Peer) {
        let Some(way) = self.ways.get_mut(&flow) else { return };
        if let Entry::Vacant(vacant) = self.by_peer.entry(alias) {
            vacant.insert(flow);
            way.known_as.push(alias);
        }
    }

    /// The connection by which `peer` is reached.
    pub(super) fn flow_to(&self, peer: Peer) -> Option<u64> {
        self.by_peer.get(&peer).copied()
    }

    /// False: there is no such connection, or nobody reads there.
    pub(super) fn give(&self, flow: u64, bytes: Bytes) -> bool {
        self.ways.get(&flow).is_some_and(|way| way.out.try_send(bytes).is_ok())
    }

    /// Ends a connection. Gives the peers that were reached by it.
    pub(super) fn remove(&mut self, flow: u64) -> Vec<Peer> {
        let Some(Way { source, known_as, .. }) = self.ways.remove(&flow) else { return Vec::new() };
        for peer in &known_as {
            if self.by_peer.get(peer) == Some(&flow) {
                self.by_peer.remove(peer);
            }
        }
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
        known_as
    }

    pub(super) fn count(&self) -> usize {
        self.ways.len()
    }

    pub(super) fn is_full(&self, settings: &Settings) -> bool {
        self.count() >= settings.connections_max
    }

    /// Whether nobody more may come from `source`.
    pub(super) fn has_no_room(&self, source: IpAddr, settings: &Settings) -> bool {
        let of_source = self.by_source.get(&source).copied().unwrap_or(0);
        self.is_full(settings) || of_source >= settings.connections_per_source_max
    }
}
