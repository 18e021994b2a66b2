//! What a worker knows of the other relays: addresses and keys, ready to be used. Made by [`super::Keys`], never changed.

use super::derive::FrameKey;
use crate::core::{RelayId, StreamId};
use ringway_router::{NodeName, Region};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// A snapshot of all keys and relays. A relay keeps its place in it as long as it is known, so a worker's own state is
/// found by place.
#[derive(Debug)]
pub struct Table {
    pub(super) own: RelayId,
    /// `None`: a free place.
    pub(super) slots: Vec<Option<Slot>>,
    places: HashMap<RelayId, usize, BuildHasherDefault<Spread>>,
}

/// One relay.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its number.
    pub id: RelayId,
    /// Where it is.
    pub region: Region,
    /// Its name there.
    pub node: NodeName,
    /// False: it has vanished. Nothing is taken from it nor sent to it, but it could come back, with the counters where they
    /// were.
    pub live: bool,
    /// As it is reached from here.
    pub address: IpAddr,
    /// One a worker.
    pub ports: Vec<u16>,
    /// Another sender key has another number: its counters begin anew.
    pub(in crate::core) generation: u64,
    /// For frames to it: the newest of its keys.
    pub(super) sealing: Option<(u8, Arc<FrameKey>)>,
    /// For frames from it: by our keys, the oldest first.
    pub(super) opening: Vec<(u8, Arc<FrameKey>)>,
}

impl Table {
    pub(super) fn new(own: RelayId, slots: Vec<Option<Slot>>) -> Self {
        let id = |(place, slot): (usize, &Option<Slot>)| slot.as_ref().map(|slot| (slot.id, place));
        let places = slots.iter().enumerate().filter_map(id).collect();
        Self { own, slots, places }
    }

    /// The number of the relay whose table it is.
    #[must_use]
    pub fn own(&self) -> RelayId {
        self.own
    }

    /// The relays that live.
    pub fn live(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten().filter(|slot| slot.live)
    }

    /// A relay that lives.
    #[must_use]
    pub fn relay(&self, id: RelayId) -> Option<&Slot> {
        self.place(id).map(|(_, slot)| slot)
    }

    /// Any relay that is known, though it may have vanished.
    pub(in crate::core) fn known(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    /// A relay that lives, and its place.
    pub(super) fn place(&self, id: RelayId) -> Option<(usize, &Slot)> {
        let place = *self.places.get(&id)?;
        let slot = self.slots.get(place)?.as_ref()?;
        slot.live.then_some((place, slot))
    }
}

impl Slot {
    /// Where a worker of it listens.
    #[must_use]
    pub fn socket(&self, port: u8) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address, *self.ports.get(usize::from(port))?))
    }

    /// The port where a stream comes in that this relay numbered. The low bits of the number say which worker it belongs to:
    /// as many bits as its workers need.
    #[must_use]
    pub fn port_of(&self, stream: StreamId) -> Option<u8> {
        let mask = self.ports.len().next_power_of_two() - 1;
        let port = u8::try_from(usize::try_from(stream.0).ok()? & mask).ok()?;
        (usize::from(port) < self.ports.len()).then_some(port)
    }

    /// Whether frames can be sealed for it: it said a receiving key.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.live && self.sealing.is_some()
    }

    /// The key of ours with this id, for frames from it.
    pub(super) fn opening(&self, id: u8) -> Option<&FrameKey> {
        // From the newest on: that is the one in use.
        self.opening.iter().rev().find(|(key, _)| *key == id).map(|(_, key)| &**key)
    }
}

/// Relay numbers are hashes already, and only the roster puts them in. They need spreading over the word, no more.
#[derive(Default)]
pub(in crate::core) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // The multiplier of Fibonacci hashing (Knuth, volume 3, §6.4).
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
