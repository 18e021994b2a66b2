//! The open streams: who is at the other end, and what it was told.

use super::Control;
use crate::mesh::{
    convert,
    flood::{Input, Word},
    stream::{Origin, StreamId},
};
use ringway_proto::mesh::{Frame, frame::Body};
use ringway_router::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use tokio::sync::mpsc;

/// Frames that may wait for a peer before it gets no bindings: statements must always find room, because a peer that
/// cannot take one loses its stream, and bindings that it misses are found again by the digests.
const WAITING_MAX: usize = 128;

/// See the module.
pub(super) struct Streams {
    own: NodeId,
    open: BTreeMap<StreamId, Stream>,
}

struct Stream {
    origin: Origin,
    sender: mpsc::Sender<Frame>,
    /// Dropping it closes the stream.
    _closer: mpsc::Sender<()>,
}

impl Streams {
    pub(super) fn new(own: NodeId) -> Self {
        Self { own, open: BTreeMap::new() }
    }

    pub(super) fn open(
        &mut self,
        id: StreamId,
        origin: Origin,
        sender: mpsc::Sender<Frame>,
        closer: mpsc::Sender<()>,
    ) {
        self.open.insert(id, Stream { origin, sender, _closer: closer });
    }

    pub(super) fn close(&mut self, id: StreamId) {
        self.open.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The peer's address.
    pub(super) fn address(&self, id: StreamId) -> Option<IpAddr> {
        self.open.get(&id).map(|stream| stream.origin.address)
    }

    pub(super) fn name(&self, id: StreamId) -> String {
        let stream = self.open.get(&id);
        stream.map_or_else(String::new, |stream| match &stream.origin.peer {
            Some(peer) => peer.to_string(),
            None => stream.origin.address.to_string(),
        })
    }

    pub(super) fn has(&self, node: &NodeId) -> bool {
        self.open.values().any(|stream| stream.origin.peer.as_ref() == Some(node))
    }

    pub(super) fn is_open_to(&self, address: IpAddr) -> bool {
        self.open.values().any(|stream| stream.origin.address == address)
    }

    /// Names the peer. Of two streams between the same two nodes, both keep the one that the node with the smaller
    /// name dialed; of two in the same direction, the newer one. Returns those that were closed for it.
    pub(super) fn name_peer(&mut self, id: StreamId, peer: &NodeId) -> Vec<StreamId> {
        let Some(stream) = self.open.get_mut(&id) else { return Vec::new() };
        stream.origin.peer = Some(peer.clone());
        let keep_dialed = self.own < *peer;
        let rank = |(id, stream): (&StreamId, &Stream)| (stream.origin.dialed == keep_dialed, *id);
        let of_peer = self.open.iter().filter(|(_, stream)| stream.origin.peer.as_ref() == Some(peer));
        let best = of_peer.max_by_key(|entry| rank(*entry)).map(|(id, _)| *id);
        let is_surplus = |id: &StreamId, stream: &mut Stream| {
            stream.origin.peer.as_ref() == Some(peer) && Some(*id) != best
        };
        self.open.extract_if(.., is_surplus).map(|(id, _)| id).collect()
    }
}

impl Control {
    /// Whether a stream should be opened to the node at that address: nobody is known there, or it is one of those to
    /// whom this node keeps a stream.
    #[must_use]
    pub fn wants_stream(&self, address: IpAddr) -> bool {
        let is_wanted = || self.nodes_at(address).all(|node| self.flood.wants(node));
        address != self.facts.sip.ip() && !self.streams.is_open_to(address) && is_wanted()
    }

    /// The peer of a stream is known: remember where it is.
    pub(super) fn on_peer(&mut self, id: StreamId, peer: &NodeId, address: IpAddr) {
        for surplus in self.streams.name_peer(id, peer) {
            self.exchange.close(surplus);
            self.tell_flood(Input::Closed(surplus));
        }
        self.locate(peer, address);
    }

    /// A stream is no more, or is not wanted any more.
    pub(super) fn close_stream(&mut self, id: StreamId) {
        self.streams.close(id);
        self.exchange.close(id);
        self.tell_flood(Input::Closed(id));
    }

    /// Sends a word of the flood. A peer that is too far behind, or going, loses its stream: on its next one the digests
    /// find what it lacks.
    pub(super) fn send_flooded(&mut self, id: StreamId, word: &Word) {
        let Some(stream) = self.streams.open.get_mut(&id) else { return };
        if stream.sender.try_send(Frame { body: Some(convert::flood::to_wire(word)) }).is_err() {
            tracing::warn!(peer = %self.streams.name(id), "stream closed: the peer does not keep up");
            self.close_stream(id);
        }
    }

    /// Sends a word about bindings, behind the certificates of those who wrote what is in it. False when the peer is too
    /// far behind, or has not been told yet who speaks here.
    pub(super) fn send_word(&mut self, id: StreamId, word: Body, origins: &BTreeSet<NodeId>) -> bool {
        let Some(stream) = self.streams.open.get_mut(&id) else { return true };
        let waiting = stream.sender.max_capacity() - stream.sender.capacity();
        if waiting + self.flood.strangers(id, origins) > WAITING_MAX {
            return false;
        }
        let Some(certificates) = self.flood.introduce(id, origins) else { return false };
        let introductions = certificates.into_iter().map(Word::Introduction);
        let bodies = introductions.map(|word| convert::flood::to_wire(&word)).chain([word]);
        let mut frames = bodies.map(|body| Frame { body: Some(body) });
        frames.all(|frame| stream.sender.try_send(frame).is_ok())
    }
}
