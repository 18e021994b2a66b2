//! What a test asks of the world afterwards.

use super::{CALLER, Place, Sip, World, ladder::Packet, relay::Relay};
use ringway_proxy::core::{
    Proxy,
    media::Fate,
    output::{Dropped, HopSign, Note},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
};

impl World {
    /// What was sent from one address to another, lost or not.
    pub(crate) fn between(&self, from: SocketAddr, to: SocketAddr) -> Vec<&Sip> {
        self.packets(from, to).map(|packet| &packet.sip).collect()
    }

    pub(crate) fn packets(&self, from: SocketAddr, to: SocketAddr) -> impl Iterator<Item = &Packet> {
        self.wire.iter().filter(move |packet| packet.from == from && packet.to == to)
    }

    /// The first such request on the wire.
    pub(crate) fn request(&self, from: SocketAddr, to: SocketAddr, method: &str) -> &Sip {
        let found = self.between(from, to).into_iter().find(|sip| sip.is_request(method));
        found.unwrap_or_else(|| panic!("no {method} from {from} to {to}"))
    }

    /// The final and provisional codes sent from one address to another, for one method.
    pub(crate) fn codes(&self, from: SocketAddr, to: SocketAddr, method: &str) -> Vec<u16> {
        let answers = self.between(from, to).into_iter().filter(|sip| sip.method() == method);
        answers.filter_map(Sip::status).collect()
    }

    /// Whether the caller's proxy ever answered for this call.
    pub(crate) fn heard_by_proxy(&self, call_id: &str) -> bool {
        self.packets(CALLER.proxy(), CALLER.edge(1)).any(|packet| packet.sip.one("Call-ID") == call_id)
    }

    /// How often a proxy dropped a datagram for this reason.
    pub(crate) fn drops(&self, place: Place, reason: Dropped) -> usize {
        let is = |note: &Note| matches!(note, Note::Dropped(dropped) if *dropped == reason);
        self.notes.iter().filter(|(_, at, note)| *at == place && is(note)).count()
    }

    /// How many messages were none, for whatever reason.
    pub(crate) fn malformed(&self, place: Place) -> usize {
        let is = |note: &Note| matches!(note, Note::Dropped(Dropped::Malformed(_)));
        self.notes.iter().filter(|(_, at, note)| *at == place && is(note)).count()
    }

    /// What a proxy saw of its hops: towards which region, and what.
    pub(crate) fn hops(&self, place: Place) -> Vec<(String, HopSign)> {
        let hop = |note: &Note| match note {
            Note::Hop(event) => Some((event.to.to_string(), event.what)),
            _ => None,
        };
        self.notes.iter().filter(|(_, at, _)| *at == place).filter_map(|(_, _, note)| hop(note)).collect()
    }

    /// The paths that calls set out on, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |note: &Note| match note {
            Note::SetOut { path, .. } => Some(path.detour().to_string()),
            _ => None,
        };
        self.notes.iter().filter_map(|(_, _, note)| path(note)).collect()
    }

    pub(crate) fn relay(&self, place: Place) -> &Relay {
        &self.relays[place as usize]
    }

    /// How many descriptions met this fate.
    pub(crate) fn fates(&self, place: Place, fate: Fate) -> usize {
        let is = |note: &Note| matches!(note, Note::Media(met) if *met == fate);
        self.notes.iter().filter(|(_, at, note)| *at == place && is(note)).count()
    }

    /// Nothing is left of any call, in no proxy and in no relay.
    pub(crate) fn assert_media_is_back(&self) {
        self.assert_drained();
        for place in Place::ALL {
            assert_eq!(self.relay(place).held(), Vec::<String>::new(), "held in {}", place.name());
        }
    }

    /// How many copies a proxy absorbed.
    pub(crate) fn absorbed(&self, place: Place) -> usize {
        self.notes.iter().filter(|(_, at, note)| *at == place && matches!(note, Note::Absorbed)).count()
    }

    pub(crate) fn transactions(&self) -> usize {
        self.proxies.iter().map(Proxy::transactions).sum()
    }

    /// Nothing is left of any call in any proxy.
    pub(crate) fn assert_drained(&self) {
        for place in Place::ALL {
            let proxy = &self.proxies[place as usize];
            assert_eq!(proxy.transactions(), 0, "transactions left in {}", place.name());
            assert_eq!(proxy.deadline(), None, "a deadline left in {}", place.name());
            assert!(proxy.is_idle(), "something remembered in {}", place.name());
        }
    }

    /// A number for all that happened.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for packet in &self.wire {
            (packet.at, packet.from, packet.to, packet.lost, &packet.sip.start).hash(&mut hasher);
            packet.sip.headers.hash(&mut hasher);
        }
        format!("{:?}", self.notes).hash(&mut hasher);
        hasher.finish()
    }
}
