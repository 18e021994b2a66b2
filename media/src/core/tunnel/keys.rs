//! A relay's own keys, and what follows from them for every relay of the roster. All agreement is done here, away from
//! the packets: 50 µs or so for each pair of keys.
//!
//! ```text
//!             renew                 a newer one          nobody used it for a minute
//! (chance) ──────────▶ newest ──────────────────▶ older ────────────────────────────▶ gone
//!                        └ senders take it            └ opens what is sealed for it
//! ```

use super::{
    derive::{FrameKey, Pair, Purpose},
    roster::{PEERS_MAX, Peer, PeerError, ReceivingKey, RefusedPeer, relay_id},
    table::{Slot, Table},
};
use crate::core::RelayId;
use ringway_router::{NodeName, Region, Time};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// An older receiving key that no frame has used for so long is retired.
pub const UNUSED_FOR: Duration = Duration::from_secs(60);
/// Keys that open frames at one time: ids are a byte.
const RECEIVING_MAX: usize = 256;

/// Why there is no new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Every id is that of a key in use.
    #[error("256 receiving keys are in use, and no more have an id")]
    TooMany,
    /// The library refuses the bytes.
    #[error("these 32 bytes are no private key")]
    Seed,
}

/// See the module.
#[derive(Debug)]
pub struct Keys {
    own: RelayId,
    region: Region,
    node: NodeName,
    sending: Pair,
    /// The oldest first.
    receiving: Vec<Receiving>,
    peers: Vec<Option<Known>>,
    generations: u64,
}

#[derive(Debug)]
struct Receiving {
    id: u8,
    pair: Pair,
    made: Time,
    /// When a frame last used it, or a newer one came.
    used: Time,
}

/// A relay of the roster, or one that vanished: its counters are kept until no key of ours could open an old frame of it.
#[derive(Debug)]
struct Known {
    id: RelayId,
    peer: Peer,
    generation: u64,
    vanished: Option<Time>,
    sealing: Option<(ReceivingKey, Arc<FrameKey>)>,
    opening: Vec<(u8, Arc<FrameKey>)>,
}

impl Keys {
    /// A relay that has just started, with its sending key and its first receiving key from chance.
    ///
    /// # Errors
    /// When the bytes are no keys.
    pub fn new(
        now: Time,
        region: Region,
        node: NodeName,
        sending: &[u8; 32],
        receiving: &[u8; 32],
    ) -> Result<Self, KeyError> {
        let mut keys = Self {
            own: relay_id(&region, &node),
            region,
            node,
            sending: Pair::new(sending).ok_or(KeyError::Seed)?,
            receiving: Vec::new(),
            peers: Vec::new(),
            generations: 0,
        };
        keys.renew(now, receiving)?;
        Ok(keys)
    }

    /// The own number.
    #[must_use]
    pub fn own(&self) -> RelayId {
        self.own
    }

    /// The public half of the sending key.
    #[must_use]
    pub fn sender_key(&self) -> [u8; 32] {
        self.sending.public
    }

    /// The public halves of the receiving keys, the newest last.
    pub fn receiving_keys(&self) -> impl Iterator<Item = ReceivingKey> {
        self.receiving.iter().map(|own| ReceivingKey { id: own.id, key: own.pair.public })
    }

    /// A new receiving key, from 32 bytes of chance. The workers must have the new [`Self::table`] before anybody is told of
    /// the key.
    ///
    /// # Errors
    /// When the bytes are no key, or all ids are in use.
    pub fn renew(&mut self, now: Time, seed: &[u8; 32]) -> Result<ReceivingKey, KeyError> {
        if self.receiving.len() >= RECEIVING_MAX {
            return Err(KeyError::TooMany);
        }
        let mut id = self.receiving.last().map_or(0, |newest| newest.id.wrapping_add(1));
        while self.receiving.iter().any(|own| own.id == id) {
            id = id.wrapping_add(1);
        }
        let pair = Pair::new(seed).ok_or(KeyError::Seed)?;
        if let Some(superseded) = self.receiving.last_mut() {
            superseded.used = superseded.used.max(now);
        }
        let own = Receiving { id, pair, made: now, used: now };
        for known in self.peers.iter_mut().flatten() {
            known.opening.extend(own.opening(self.own, &known.peer, known.id));
        }
        let key = ReceivingKey { id, key: own.pair.public };
        self.receiving.push(own);
        Ok(key)
    }

    /// A frame that was sealed for this key came, as an opener says.
    pub fn used(&mut self, key: u8, at: Time) {
        if let Some(own) = self.receiving.iter_mut().find(|own| own.id == key) {
            own.used = own.used.max(at);
        }
    }

    /// Retires the keys that nobody uses. True: there is a new table, and less to tell the others.
    pub fn expire(&mut self, now: Time) -> bool {
        let Some(newest) = self.receiving.last().map(|own| own.id) else { return false };
        let before = self.receiving.len();
        self.receiving.retain(|own| own.id == newest || now.since(own.used) < UNUSED_FOR);
        let left: BTreeSet<u8> = self.receiving.iter().map(|own| own.id).collect();
        for known in self.peers.iter_mut().flatten() {
            known.opening.retain(|(id, _)| left.contains(id));
        }
        self.forget();
        self.receiving.len() < before
    }

    /// When the next key may be retired.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let (_, older) = self.receiving.split_last()?;
        older.iter().map(|own| own.used + UNUSED_FOR).min()
    }

    /// All relays that live, as the mesh says now. Those that are not named any more have vanished. Says which ones are
    /// refused; a refused one has vanished, too, unless it is only outdated.
    pub fn meet(&mut self, now: Time, roster: &[Peer]) -> Vec<RefusedPeer> {
        let mut refused = Vec::new();
        let mut named: BTreeMap<RelayId, Vec<&Peer>> = BTreeMap::new();
        for peer in roster.iter().filter(|peer| (&peer.region, &peer.node) != (&self.region, &self.node)) {
            named.entry(peer.id()).or_default().push(peer);
        }
        let mut met = BTreeSet::new();
        for (id, peers) in named {
            if let Some(why) = self.namesake(id, &peers) {
                refused.extend(peers.iter().zip(why).map(|(peer, why)| peer.refused(why)));
                continue;
            }
            let Some(peer) = peers.iter().max_by_key(|peer| peer.incarnation) else { continue };
            match self.meet_one(id, peer) {
                Ok(()) => _ = met.insert(id),
                Err(why) => {
                    if matches!(why, PeerError::Outdated { .. }) {
                        met.insert(id);
                    }
                    refused.push(peer.refused(why));
                }
            }
        }
        for known in self.peers.iter_mut().flatten() {
            known.vanished = if met.contains(&known.id) { None } else { known.vanished.or(Some(now)) };
        }
        self.forget();
        refused
    }

    /// All that workers need.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        let slot = |known: &Known| Slot {
            id: known.id,
            region: known.peer.region.clone(),
            node: known.peer.node.clone(),
            live: known.vanished.is_none(),
            address: known.peer.address,
            ports: known.peer.ports.clone(),
            generation: known.generation,
            sealing: known.sealing.as_ref().map(|(key, seal)| (key.id, Arc::clone(seal))),
            opening: known.opening.clone(),
        };
        Arc::new(Table::new(self.own, self.peers.iter().map(|known| known.as_ref().map(slot)).collect()))
    }

    /// Why each of these is refused, when they share a number with each other or with us.
    fn namesake(&self, id: RelayId, peers: &[&Peer]) -> Option<Vec<PeerError>> {
        let name = |peer: &Peer| format!("{}/{}", peer.region, peer.node);
        let own = (id == self.own).then(|| format!("{}/{}", self.region, self.node));
        let other = |peer: &&Peer| {
            own.clone().or_else(|| peers.iter().map(|other| name(other)).find(|other| *other != name(peer)))
        };
        let same = |other| PeerError::SameNumber { id, other };
        peers.iter().map(|peer| other(peer).map(same)).collect()
    }

    fn meet_one(&mut self, id: RelayId, peer: &Peer) -> Result<(), PeerError> {
        peer.check()?;
        let place = self.peers.iter().position(|known| known.as_ref().is_some_and(|known| known.id == id));
        let Some(known) = place.and_then(|place| self.peers[place].as_mut()) else {
            return self.introduce(id, peer);
        };
        if peer.incarnation < known.peer.incarnation {
            return Err(PeerError::Outdated { said: peer.incarnation, known: known.peer.incarnation });
        }
        let restarted = peer.sender_key != known.peer.sender_key;
        if restarted && peer.incarnation == known.peer.incarnation {
            return Err(PeerError::OtherKey);
        }
        if restarted && !self.sending.accepts(&peer.sender_key) {
            return Err(PeerError::WeakKey);
        }
        let newest = peer.receiving_keys.last().copied();
        if known.sealing.as_ref().map(|(key, _)| *key) != newest {
            known.sealing = sealing(self.own, &self.sending, id, newest)?;
        }
        if restarted {
            self.generations += 1;
            known.generation = self.generations;
            known.opening = self.receiving.iter().filter_map(|own| own.opening(self.own, peer, id)).collect();
        }
        known.peer = peer.clone();
        Ok(())
    }

    fn introduce(&mut self, id: RelayId, peer: &Peer) -> Result<(), PeerError> {
        let free = self.peers.iter().position(Option::is_none);
        if free.is_none() && self.peers.len() >= PEERS_MAX {
            return Err(PeerError::TooMany);
        }
        if !self.sending.accepts(&peer.sender_key) {
            return Err(PeerError::WeakKey);
        }
        let sealing = sealing(self.own, &self.sending, id, peer.receiving_keys.last().copied())?;
        let opening = self.receiving.iter().filter_map(|own| own.opening(self.own, peer, id)).collect();
        self.generations += 1;
        let generation = self.generations;
        let known = Some(Known { id, peer: peer.clone(), generation, vanished: None, sealing, opening });
        match free {
            Some(place) => self.peers[place] = known,
            None => self.peers.push(known),
        }
        Ok(())
    }

    /// Frees the places of those that vanished before the oldest key was made: no frame of theirs can be opened again.
    fn forget(&mut self) {
        let Some(oldest) = self.receiving.iter().map(|own| own.made).min() else { return };
        for place in &mut self.peers {
            if place.as_ref().is_some_and(|known| known.vanished.is_some_and(|at| at < oldest)) {
                *place = None;
            }
        }
    }
}

impl Receiving {
    fn opening(&self, own: RelayId, peer: &Peer, id: RelayId) -> Option<(u8, Arc<FrameKey>)> {
        let purpose = Purpose { sender: id, receiver: own, key: self.id };
        self.pair.opening(purpose, &peer.sender_key).map(|key| (self.id, Arc::new(key)))
    }
}

type Sealing = Option<(ReceivingKey, Arc<FrameKey>)>;

/// The key for frames to a relay: its newest one. None yet is no error, a weak one is.
fn sealing(
    own: RelayId,
    pair: &Pair,
    to: RelayId,
    newest: Option<ReceivingKey>,
) -> Result<Sealing, PeerError> {
    let Some(newest) = newest else { return Ok(None) };
    let purpose = Purpose { sender: own, receiver: to, key: newest.id };
    let key = pair.sealing(purpose, &newest.key).ok_or(PeerError::WeakKey)?;
    Ok(Some((newest, Arc::new(key))))
}

#[cfg(test)]
mod tests;
