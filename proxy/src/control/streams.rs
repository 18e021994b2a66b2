//! The open streams: who is at the other end, and what it was told.

use crate::mesh::{
    ledger::Ledger,
    stream::{Origin, StreamId},
};
use ringway_proto::mesh::{Frame, Introduction, SignedStatement, frame::Body};
use ringway_router::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
};
use tokio::sync::mpsc;

use super::{Control, Facts};

/// Frames that may wait for a peer before it gets no bindings: statements must always find room, because a peer that
/// misses one loses its stream, and bindings that it misses are found again by the digests.
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
    introduced: HashSet<NodeId>,
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
        self.open.insert(id, Stream { origin, sender, _closer: closer, introduced: HashSet::new() });
    }

    pub(super) fn close(&mut self, id: StreamId) {
        self.open.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn ids(&self) -> Vec<StreamId> {
        self.open.keys().copied().collect()
    }

    /// The peer's address, as long as its name is not known.
    pub(super) fn unnamed(&self, id: StreamId) -> Option<IpAddr> {
        self.open.get(&id).filter(|stream| stream.origin.peer.is_none()).map(|stream| stream.origin.address)
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

    pub(super) fn forget_introduction(&mut self, node: &NodeId) {
        for stream in self.open.values_mut() {
            stream.introduced.remove(node);
        }
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

    /// Whether the node at the other end is `node`: it need not be told what it said itself.
    fn leads_to(&self, id: StreamId, node: &NodeId) -> bool {
        self.open.get(&id).is_some_and(|stream| stream.origin.peer.as_ref() == Some(node))
    }
}

impl Control {
    /// Whether a stream should be opened to the node at that address.
    #[must_use]
    pub fn wants_stream(&self, address: IpAddr) -> bool {
        address != self.facts.sip.ip() && !self.streams.is_open_to(address)
    }

    /// The peer of a stream is known: remember where it is.
    pub(super) fn on_peer(&mut self, id: StreamId, peer: &NodeId, address: IpAddr) {
        for surplus in self.streams.name_peer(id, peer) {
            self.exchange.close(surplus);
        }
        self.locate(peer, address);
    }

    /// A stream is no more, or is not wanted any more.
    pub(super) fn close_stream(&mut self, id: StreamId) {
        self.streams.close(id);
        self.exchange.close(id);
    }

    /// A new stream is told all that is known, this node's own word first.
    pub(super) fn tell_everything(&mut self, id: StreamId) {
        if self.ledger.of(&self.facts.own).is_none() {
            self.speak(false);
        }
        let own = self.facts.own.clone();
        let others: Vec<NodeId> =
            self.ledger.all().map(|(node, _)| node.clone()).filter(|node| *node != own).collect();
        for node in std::iter::once(own).chain(others) {
            self.pass_on(&node, id);
        }
    }

    /// Passes the latest word of `origin` on to everybody but the one who told us, and the origin itself.
    pub(super) fn flood(&mut self, origin: &NodeId, told_by: Option<StreamId>) {
        for id in self.streams.ids() {
            if Some(id) != told_by && !self.streams.leads_to(id, origin) {
                self.pass_on(origin, id);
            }
        }
    }

    /// Sends a word about bindings, behind the certificates of those who wrote what is in it. False when the peer is too
    /// far behind, or has not been told yet who speaks here.
    pub(super) fn send_word(&mut self, id: StreamId, word: Body, origins: &BTreeSet<NodeId>) -> bool {
        let Some(stream) = self.streams.open.get_mut(&id) else { return true };
        let waiting = stream.sender.max_capacity() - stream.sender.capacity();
        if waiting + origins.len() > WAITING_MAX || !stream.introduced.contains(&self.facts.own) {
            return false;
        }
        let news: Vec<&NodeId> =
            origins.iter().filter(|node| stream.introduced.insert((*node).clone())).collect();
        let certificates = news.into_iter().filter_map(|node| certificate(&self.facts, &self.ledger, node));
        let mut frames = certificates.map(introduction).chain([Frame { body: Some(word) }]);
        frames.all(|frame| stream.sender.try_send(frame).is_ok())
    }

    fn pass_on(&mut self, origin: &NodeId, id: StreamId) {
        let (Some(held), Some(stream)) = (self.ledger.of(origin), self.streams.open.get_mut(&id)) else {
            return;
        };
        let Some(certificate) = certificate(&self.facts, &self.ledger, origin) else { return };
        let introduction = stream.introduced.insert(origin.clone()).then(|| introduction(certificate));
        let statement = Frame {
            body: Some(Body::Statement(SignedStatement {
                statement: held.signed.statement.clone(),
                signature: held.signed.signature.clone(),
            })),
        };
        for frame in introduction.into_iter().chain([statement]) {
            if stream.sender.try_send(frame).is_err() {
                // Too far behind, or closing: on its next stream it is told everything anew.
                tracing::warn!(peer = %self.streams.name(id), "stream closed: the peer does not keep up");
                self.close_stream(id);
                return;
            }
        }
    }
}

fn introduction(certificate: &[u8]) -> Frame {
    Frame { body: Some(Body::Introduction(Introduction { certificate: certificate.to_vec() })) }
}

fn certificate<'a>(facts: &'a Facts, ledger: &'a Ledger, node: &NodeId) -> Option<&'a [u8]> {
    if *node == facts.own { Some(facts.identity.certificate()) } else { ledger.certificate(node) }
}
