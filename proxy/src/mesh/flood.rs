//! How statements spread: a core that is told what comes on the streams and how things stand here, and says what to send
//! where. It knows no socket and no clock, so a mesh of hundreds of nodes runs in one test.
//!
//! What a node has to say goes along a sparse tree (`peers`); what is lost on the way is found by digests that every
//! stream carries now and then (`digest`). When a node speaks, `voice` decides; who has streams to whom, `crowd`.

pub mod crowd;
pub mod digest;
mod hearing;
mod peers;
mod purse;
mod voice;
pub mod worth;

use self::{
    crowd::Crowd,
    digest::{Digest, List},
    peers::{Peer, Peers, Wanted},
    purse::Purse,
    voice::{Size, Voice},
};
use super::{
    ledger::{Ledger, RefusedWord, Signed},
    statement::Statement,
    stream::StreamId,
};
use ringway_node::identity::{Identity, IdentityError};
use ringway_router::{NodeId, Region};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// Between two looks at what has expired, who is silent, which stream is one too many.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two digests on a stream, where there are few.
const DIGEST_EVERY: Duration = Duration::from_secs(1);
/// What every further stream adds to it, so that digests cost no more where there are many.
const DIGEST_EVERY_STREAM: Duration = Duration::from_millis(200);
/// A stream that is one too many is left alone for so long: the crowd may not be known yet.
const SURPLUS_AFTER: Duration = Duration::from_secs(30);
/// How long a new peer may take to say its first word, beyond the expiry.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// How long whoever flooded is not let in.
const BARRED: Duration = Duration::from_secs(30);

/// One word on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A certificate, X.509 in DER.
    Introduction(Arc<[u8]>),
    /// A statement.
    Statement(Arc<Signed>),
    /// What the sender holds, in short.
    Digest(Digest),
    /// What the sender holds in some buckets.
    List(List),
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A stream is open.
    Opened {
        /// Which.
        stream: StreamId,
        /// Who is at the other end, if that is known already.
        peer: Option<NodeId>,
        /// Whether this node opened it.
        dialed: bool,
    },
    /// A stream is no more.
    Closed(StreamId),
    /// Something came on a stream.
    Heard {
        /// Which.
        stream: StreamId,
        /// What.
        word: Word,
        /// µs since the Unix epoch, for the validity of certificates.
        unix_us: u64,
    },
    /// How things stand here.
    Own(Box<Statement>),
    /// The deadline is reached.
    Tick,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send this.
    Send {
        /// On which stream.
        to: StreamId,
        /// What.
        word: Word,
    },
    /// Close this stream.
    Close {
        /// Which.
        stream: StreamId,
        /// Why.
        why: &'static str,
    },
    /// The peer of a dialed stream is known now.
    Named {
        /// Which stream.
        stream: StreamId,
        /// Who it is.
        peer: NodeId,
    },
    /// A node spoke: for the router.
    News(Box<Statement>),
    /// A node is gone; this is what it said last.
    Gone(Arc<Statement>),
    /// Something that came was refused.
    Refused {
        /// On which stream.
        stream: StreamId,
        /// Why.
        why: RefusedWord,
        /// The like of it was said before: to be counted, and no more.
        again: bool,
    },
    /// The library cannot sign, so nobody hears of this node.
    Unsigned(IdentityError),
}

/// See the module.
pub struct Flood {
    own: NodeId,
    identity: Identity,
    expiry: Duration,
    ledger: Ledger,
    /// Of the ledger; `None` when that has changed.
    digest: Option<[u32; digest::BUCKETS]>,
    voice: Voice,
    crowd: Crowd,
    wanted: Wanted,
    peers: Peers,
    /// What every origin may still say.
    purses: BTreeMap<NodeId, Purse>,
    barred: BTreeMap<NodeId, Instant>,
    /// When this node last took a later incarnation, because somebody had a later one in its name.
    outbid: Option<Instant>,
    look_due: Instant,
    chance: fastrand::Rng,
    outputs: VecDeque<Output>,
}

impl Flood {
    /// A node that has heard of nobody. `expiry`: who is silent for so long is gone, unless it promised less.
    #[must_use]
    pub fn new(
        now: Instant,
        ledger: Ledger,
        own: NodeId,
        identity: Identity,
        expiry: Duration,
        seed: u64,
    ) -> Self {
        Self {
            crowd: Crowd::new(std::iter::once(&own)),
            wanted: Wanted::new(),
            own,
            identity,
            expiry,
            ledger,
            digest: None,
            voice: Voice::new(now, seed),
            peers: Peers::default(),
            purses: BTreeMap::new(),
            barred: BTreeMap::new(),
            outbid: None,
            look_due: now,
            chance: fastrand::Rng::with_seed(seed.wrapping_add(1)),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Opened { stream, peer, dialed } => self.open(now, stream, peer, dialed),
            Input::Closed(stream) => drop(self.peers.open.remove(&stream)),
            Input::Heard { stream, word, unix_us } => self.hear(now, stream, word, unix_us),
            Input::Own(draft) => self.voice.set(*draft),
            Input::Tick => {}
        }
        self.speak(now);
        self.look(now);
    }

    /// The next thing to be done.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&mut self, now: Instant) -> Instant {
        let size = self.size();
        let voice = self.voice.deadline(now, size);
        let digests = self.peers.open.values().filter(|peer| peer.node.is_some()).map(|peer| peer.digest_due);
        digests.chain(voice).chain([self.look_due]).min().unwrap_or(self.look_due)
    }

    /// The latest word of every node.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Who is in which region.
    #[must_use]
    pub fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// Whether this node should have a stream to that one, or does not know it well enough to say no. To one that flooded,
    /// it has none for a while.
    #[must_use]
    pub fn wants(&self, node: &NodeId) -> bool {
        let is_peer = self.wanted.get(&node.region).is_some_and(|wanted| wanted.contains(node));
        !self.barred.contains_key(node) && (is_peer || self.ledger.of(node).is_none())
    }

    /// The certificates that have to go ahead of what these nodes signed, on that stream; they count as sent. `None`
    /// when the peer was not even told who speaks here.
    pub fn introduce(&mut self, stream: StreamId, origins: &BTreeSet<NodeId>) -> Option<Vec<Arc<[u8]>>> {
        let peer = self.peers.open.get_mut(&stream)?;
        if !peer.introduced.contains(&self.own) {
            return None;
        }
        let news = origins.iter().filter(|node| peer.introduced.insert((*node).clone()));
        Some(news.filter_map(|node| self.ledger.certificate(node)).map(Arc::from).collect())
    }

    /// How many of `origins` a stream has not been introduced to.
    #[must_use]
    pub fn strangers(&self, stream: StreamId, origins: &BTreeSet<NodeId>) -> usize {
        let peer = self.peers.open.get(&stream);
        peer.map_or(0, |peer| origins.iter().filter(|node| !peer.introduced.contains(*node)).count())
    }

    fn size(&self) -> Size {
        Size { nodes: self.crowd.len(), streams: self.peers.open.len() }
    }

    fn open(&mut self, now: Instant, stream: StreamId, peer: Option<NodeId>, dialed: bool) {
        if peer.as_ref().is_some_and(|node| self.is_barred(now, node)) {
            return self.outputs.push_back(Output::Close { stream, why: "it flooded" });
        }
        let peer = Peer {
            node: peer,
            dialed,
            opened: now,
            introduced: HashSet::new(),
            digest_due: now,
            listed: None,
            patient_until: now + self.expiry + FIRST_WORD,
            purse: Purse::new(now, self.hearing_burst()),
            dropped: 0,
        };
        self.peers.open.insert(stream, peer);
        // Speaking first, so that there is something to tell.
        self.speak(now);
        self.tell(stream, &self.own.clone(), (0, 0));
    }

    /// Says what this node has to say, if it has.
    fn speak(&mut self, now: Instant) {
        let size = self.size();
        let Some(statement) = self.voice.speak(now, size) else { return };
        let bytes = super::convert::encode(&statement);
        let signature = match self.identity.sign(&bytes) {
            Ok(signature) => signature,
            Err(error) => return self.outputs.push_back(Output::Unsigned(error)),
        };
        let urgent = statement.urgent;
        self.digest = None;
        self.ledger.say(now, statement, Signed { statement: bytes, signature });
        for to in self.peers.for_own(&self.own, &self.wanted, urgent) {
            self.tell_latest(to, &self.own.clone());
        }
    }

    /// Sends what a peer lacks of the words of `origin`, when it holds that version of them.
    fn tell(&mut self, to: StreamId, origin: &NodeId, version: (u64, u64)) {
        let Some(held) = self.ledger.of(origin) else { return };
        let words: Vec<Arc<Signed>> = held.since(version).cloned().collect();
        self.send(to, origin, words);
    }

    fn tell_latest(&mut self, to: StreamId, origin: &NodeId) {
        let Some(held) = self.ledger.of(origin) else { return };
        let words = vec![Arc::clone(held.latest())];
        self.send(to, origin, words);
    }

    fn send(&mut self, to: StreamId, origin: &NodeId, words: Vec<Arc<Signed>>) {
        let Some(peer) = self.peers.open.get_mut(&to) else { return };
        let Some(certificate) = self.ledger.certificate(origin) else { return };
        if peer.introduced.insert(origin.clone()) {
            self.outputs.push_back(Output::Send { to, word: Word::Introduction(certificate.into()) });
        }
        self.outputs
            .extend(words.into_iter().map(|signed| Output::Send { to, word: Word::Statement(signed) }));
    }

    /// Digests that are due, and now and then everything that time brings about.
    fn look(&mut self, now: Instant) {
        self.send_digests(now);
        if now < self.look_due {
            return;
        }
        self.look_due = now + LOOK_EVERY;
        let gone = self.ledger.expire(now);
        if !gone.is_empty() {
            self.digest = None;
            self.outputs.extend(gone.into_iter().map(Output::Gone));
            self.recount();
        }
        self.barred.retain(|_, until| now < *until);
        let silent = self.peers.open.iter().filter(|(_, peer)| peer.patient_until <= now);
        let silent = silent.map(|(id, _)| (*id, "it is silent"));
        let surplus = self.peers.surplus(&self.own, &self.wanted).into_iter();
        let surplus = surplus.filter(|(_, opened)| *opened + SURPLUS_AFTER <= now);
        let closed: Vec<_> = silent.chain(surplus.map(|(id, _)| (id, "others do"))).collect();
        for (stream, why) in closed {
            self.close(stream, why);
        }
    }

    fn send_digests(&mut self, now: Instant) {
        let every =
            DIGEST_EVERY.max(DIGEST_EVERY_STREAM * u32::try_from(self.peers.open.len()).unwrap_or(u32::MAX));
        let is_due = |peer: &&mut Peer| peer.node.is_some() && peer.digest_due <= now;
        for (&to, peer) in self.peers.open.iter_mut().filter(|(_, peer)| is_due(peer)) {
            let buckets = *self.digest.get_or_insert_with(|| digest::of(&self.ledger));
            peer.digest_due = now + every.mul_f64(0.75 + 0.25 * self.chance.f64());
            let word = Word::Digest(Digest { buckets, next: every });
            self.outputs.push_back(Output::Send { to, word });
        }
    }

    fn close(&mut self, stream: StreamId, why: &'static str) {
        self.peers.open.remove(&stream);
        self.outputs.push_back(Output::Close { stream, why });
    }

    fn is_barred(&self, now: Instant, node: &NodeId) -> bool {
        self.barred.get(node).is_some_and(|until| now < *until)
    }

    /// Nodes came or went.
    fn recount(&mut self) {
        let nodes = self.ledger.all().map(|(node, _)| node).filter(|node| **node != self.own);
        self.crowd = Crowd::new(nodes.chain(std::iter::once(&self.own)));
        let wanted = |region: &Region| self.crowd.peers(&self.own, region).into_iter().cloned().collect();
        self.wanted = self.crowd.regions().map(|region| (region.clone(), wanted(region))).collect();
        self.purses.retain(|node, _| self.ledger.of(node).is_some());
    }
}
