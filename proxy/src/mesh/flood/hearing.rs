//! What the flood does with what comes on its streams, and how much of it it listens to.

use super::{BARRED, Flood, Output, Word, crowd, digest, digest::List, purse::Purse};
use crate::mesh::{
    ledger::{Heard, RefusedWord, Signed},
    stream::StreamId,
};
use ringway_router::NodeId;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Statements a second that one origin may have taken in, and in a row: far more than its voice can say.
const ORIGIN_EACH_S: f64 = 20.0;
const ORIGIN_BURST: f64 = 60.0;
/// Words a second that a peer may say, beyond one for every node, and in a row, beyond four for every node.
const PEER_EACH_S: f64 = 100.0;
const PEER_BURST: f64 = 1_000.0;
/// What a word costs that is refused: its signature was verified for nothing.
const REFUSED_COST: f64 = 20.0;
/// Words of a peer that are dropped until its stream is closed.
const DROPPED_MAX: u32 = 256;
/// Between two lists that are answered on one stream.
const LIST_EVERY: Duration = Duration::from_millis(200);
/// Nodes that are told in one answer; the next digest finds the rest.
const TOLD_MAX: usize = 300;
/// What came so recently is on its way to the others, and not missing there.
const IN_FLIGHT: Duration = Duration::from_secs(1);
/// Between two later incarnations that this node takes because of what is said in its name: two processes of one name
/// go on so for ever.
const OUTBID_EVERY: Duration = Duration::from_secs(10);
/// A stream that is as new has been told nothing yet.
const NEW_STREAM: Duration = Duration::from_secs(5);

impl Flood {
    pub(super) fn hear(&mut self, now: Instant, stream: StreamId, word: Word, unix_us: u64) {
        let (each_s, burst) = (PEER_EACH_S + self.crowd.len() as f64, self.hearing_burst());
        let patience = now + self.expiry;
        let Some(peer) = self.peers.open.get_mut(&stream) else { return };
        peer.patient_until = peer.patient_until.max(patience);
        if !peer.purse.take(now, 1.0, each_s, burst) {
            return self.drop_word(now, stream);
        }
        let taken = match word {
            Word::Introduction(certificate) => self.on_introduction(now, stream, &certificate, unix_us),
            Word::Statement(signed) => self.on_statement(now, stream, &signed),
            Word::Digest(digest) => {
                peer.patient_until =
                    peer.patient_until.max(patience + digest.next.min(Duration::from_secs(600)) * 2);
                let differing = digest::differing(
                    &digest.buckets,
                    self.digest.get_or_insert_with(|| digest::of(&self.ledger)),
                );
                if !differing.is_empty() && self.may_list(now, stream) {
                    self.send_list(stream, differing, false);
                }
                Ok(())
            }
            Word::List(list) => {
                self.on_list(now, stream, &list);
                Ok(())
            }
        };
        if let Err(why) = taken {
            if let Some(peer) = self.peers.open.get_mut(&stream) {
                peer.purse.spend(REFUSED_COST);
            }
            self.outputs.push_back(Output::Refused { stream, why, again: false });
        }
    }

    /// Words that a peer may say in a row: all that there is to know, certificates and both parts of every statement.
    pub(super) fn hearing_burst(&self) -> f64 {
        PEER_BURST + 4.0 * self.crowd.len() as f64
    }

    /// A peer says more than anybody can have a reason to.
    fn drop_word(&mut self, now: Instant, stream: StreamId) {
        let Some(peer) = self.peers.open.get_mut(&stream) else { return };
        peer.dropped += 1;
        let again = peer.dropped > 1;
        self.outputs.push_back(Output::Refused { stream, why: RefusedWord::Flood, again });
        if peer.dropped > DROPPED_MAX {
            if let Some(node) = peer.node.clone() {
                self.barred.insert(node, now + BARRED);
            }
            self.close(stream, "it floods");
        }
    }

    fn on_introduction(
        &mut self,
        now: Instant,
        stream: StreamId,
        certificate: &[u8],
        unix_us: u64,
    ) -> Result<(), RefusedWord> {
        let (node, new) = self.ledger.introduce(unix_us, certificate)?;
        if new {
            // A renewed certificate has to reach everybody ahead of the node's next word.
            for peer in self.peers.open.values_mut() {
                peer.introduced.remove(&node);
            }
        }
        let is_unnamed = self.peers.open.get(&stream).is_some_and(|peer| peer.node.is_none());
        if is_unnamed {
            // The first certificate on a dialed stream is the peer's own.
            if node == self.own {
                self.close(stream, "it is this node itself");
            } else if self.is_barred(now, &node) {
                self.close(stream, "it flooded");
            } else if let Some(peer) = self.peers.open.get_mut(&stream) {
                peer.node = Some(node.clone());
                let is_told = peer.introduced.contains(&self.own);
                self.outputs.push_back(Output::Named { stream, peer: node });
                if !is_told {
                    self.tell(stream, &self.own.clone(), (0, 0));
                }
            }
        }
        Ok(())
    }

    fn on_statement(
        &mut self,
        now: Instant,
        stream: StreamId,
        signed: &Arc<Signed>,
    ) -> Result<(), RefusedWord> {
        let purses = &mut self.purses;
        let is_patient = |origin: &NodeId| {
            let purse = purses.entry(origin.clone()).or_insert_with(|| Purse::new(now, ORIGIN_BURST));
            purse.take(now, 1.0, ORIGIN_EACH_S, ORIGIN_BURST)
        };
        match self.ledger.hear(now, (**signed).clone(), is_patient)? {
            Heard::Known => {}
            Heard::Outdated(origin, latest) => {
                // Its clock was set back before it started again. Shown what it said before, it outbids itself.
                if self.peers.leads_to(stream, &origin) && self.may_list(now, stream) {
                    self.send(stream, &origin, vec![latest]);
                }
            }
            Heard::Own(incarnation) => {
                if self.outbid.is_none_or(|last| last + OUTBID_EVERY <= now) {
                    self.outbid = Some(now);
                    self.voice.outbid(incarnation);
                }
                return Err(RefusedWord::Impostor(self.own.clone()));
            }
            Heard::Gap(origin) => {
                if self.may_list(now, stream) {
                    self.send_list(stream, vec![digest::bucket(crowd::hash(&origin))], true);
                }
            }
            Heard::New(statement) => {
                self.digest = None;
                let origin = statement.origin.clone();
                if !self.crowd.contains(&origin) {
                    self.recount();
                }
                if let Some(held) = self.ledger.of(&origin).cloned() {
                    for to in
                        self.peers.for_other(&self.own, &self.crowd, &self.wanted, stream, &held.statement)
                    {
                        self.tell_latest(to, &origin);
                    }
                }
                self.outputs.push_back(Output::News(statement));
            }
        }
        Ok(())
    }

    /// Whether a list may be answered or sent on that stream again.
    fn may_list(&mut self, now: Instant, stream: StreamId) -> bool {
        let Some(peer) = self.peers.open.get_mut(&stream) else { return false };
        let may = peer.listed.is_none_or(|last| last + LIST_EVERY <= now);
        if may {
            peer.listed = Some(now);
        }
        may
    }

    fn send_list(&mut self, to: StreamId, buckets: Vec<usize>, answer: bool) {
        let word = Word::List(digest::list(&self.ledger, buckets, answer));
        self.outputs.push_back(Output::Send { to, word });
    }

    /// The peer has told what it holds: it is told what is later here.
    fn on_list(&mut self, now: Instant, stream: StreamId, list: &List) {
        let Some(peer) = self.peers.open.get(&stream) else { return };
        let is_new = now < peer.opened + NEW_STREAM;
        let mut theirs: HashMap<u64, (u64, u64)> =
            list.known.iter().map(|known| (known.node, (known.incarnation, known.sequence))).collect();
        let mut is_behind = false;
        let mut lacks = Vec::new();
        for (node, held) in self.ledger.all() {
            let hash = held.name;
            if !list.buckets.contains(&digest::bucket(hash)) {
                continue;
            }
            let version = theirs.remove(&hash).unwrap_or_default();
            is_behind |= version > held.version();
            let in_flight = !is_new && now < held.heard + IN_FLIGHT && *node != self.own;
            let lacks_basis = version < (held.version().0, held.full_sequence());
            if version < held.version() && (lacks_basis || !in_flight) && !self.peers.leads_to(stream, node) {
                lacks.push((node.clone(), version));
            }
        }
        // What is left this node has never heard of, or it knows that it is gone.
        for (node, version) in self.ledger.gone() {
            if theirs.get(&crowd::hash(node)).is_some_and(|theirs| *theirs <= version) {
                theirs.remove(&crowd::hash(node));
            }
        }
        is_behind |= !theirs.is_empty();
        for (node, version) in lacks.into_iter().take(TOLD_MAX) {
            self.tell(stream, &node, version);
        }
        if is_behind && !list.answer {
            self.send_list(stream, list.buckets.clone(), true);
        }
    }
}
