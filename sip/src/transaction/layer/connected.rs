//! How many transactions live by each stream peer. Connections end as often as calls do; most of them take no
//! transaction along, and then nobody is to be looked for among a hundred thousand.

use std::collections::HashMap;

use super::hash::Seeded;
use crate::peer::Peer;

/// Transactions by peer; datagrams have no connection and are not counted.
#[derive(Debug)]
pub(super) struct Connected {
    counts: HashMap<Peer, usize, Seeded>,
}

impl Connected {
    pub(super) fn new(seeded: Seeded) -> Connected {
        Connected { counts: HashMap::with_hasher(seeded) }
    }

    pub(super) fn enter(&mut self, peer: Peer) {
        if peer.transport.is_reliable() {
            *self.counts.entry(peer).or_default() += 1;
        }
    }

    pub(super) fn leave(&mut self, peer: Peer) {
        if let Some(count) = self.counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&peer);
            }
        }
    }

    /// Whether a transaction may live by this peer. Of datagrams nobody knows.
    pub(super) fn may_have(&self, peer: Peer) -> bool {
        !peer.transport.is_reliable() || self.counts.contains_key(&peer)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
