//! The exchange of bindings between nodes. What this node writes it signs and announces on every stream; what it hears
//! and did not know it passes on, so a flood ends where all know. What was lost on the way is found by digests:
//!
//! ```text
//!   one end                             other end
//!     │ Digest (256 hashes, now and then) │
//!     │──────────────────────────────────▶│ something differs there: ask for one bucket
//!     │          Summary (what I have)    │
//!     │◀──────────────────────────────────│
//!     │ Records (what you lack), more?    │
//!     │──────────────────────────────────▶│ keep them, pass them on; ask again, or for the next bucket
//! ```
//!
//! A stream has one question out at a time, so whoever comes back empty takes in no more than it can verify.

use super::{
    convert,
    ledger::{Ledger, RefusedWord},
    stream::StreamId,
    word::{Answer, Word},
};
use crate::location::{Binding, Digest, Directory, Merged, Sealed};
use ringway_node::identity::{Identity, IdentityError};
use ringway_router::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// Records in one frame: as many as are verified in about twenty milliseconds, so that what else the control task has to
/// do waits no longer.
const RECORDS_MAX: usize = 256;

/// Their bytes, far below what a frame may have.
const BYTES_MAX: usize = 128 * 1_024;

/// Records that are signed in one turn, for the same reason.
const SIGNED_MAX: usize = 64;

/// Between two digests on one stream: for so long, what was lost is missing.
const DIGEST_EVERY: Duration = Duration::from_secs(15);

/// How long a bucket that was asked for in vain is left alone while the peer's hash of it stays: what is in it cannot be
/// taken here, or this node has more than the peer.
const VAIN: Duration = Duration::from_secs(300);

/// Signed ahead of a binding. No statement begins like this, so none can be taken for a binding, nor the other way.
const CONTEXT: &[u8] = b"ringway binding 1\0";

/// Something to be sent.
#[derive(Debug)]
pub struct Output {
    /// On which stream.
    pub to: StreamId,
    /// What.
    pub word: Word,
    /// Whose records are in it: their certificates have to go ahead.
    pub origins: BTreeSet<NodeId>,
}

/// A moment, on both of the clock's faces.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For timers.
    pub now: Instant,
    /// For what is written in records.
    pub unix_ms: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Exchange {
    talks: BTreeMap<StreamId, Talk>,
    outputs: VecDeque<Output>,
}

/// What is going on on one stream.
#[derive(Debug)]
struct Talk {
    digest_due: Instant,
    /// Buckets in which the peer had something else when it last sent a digest, and that were not asked for since, with
    /// its hashes.
    differing: BTreeMap<usize, u64>,
    /// The question that is out. An answer that does not come is given up with the peer's next digest.
    asked: Option<(usize, u64)>,
    /// What was asked for and brought nothing, with the peer's hash, and until when it is left alone.
    vain: BTreeMap<usize, (u64, Instant)>,
}

impl Exchange {
    /// A stream is open: its peer is told at the next tick what there is.
    pub fn open(&mut self, now: Instant, id: StreamId) {
        let (differing, vain) = (BTreeMap::new(), BTreeMap::new());
        self.talks.insert(id, Talk { digest_due: now, differing, asked: None, vain });
    }

    /// A stream is no more.
    pub fn close(&mut self, id: StreamId) {
        self.talks.remove(&id);
    }

    /// The next word to be sent.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A word could not be sent, because the peer is behind: a digest as soon as it may have caught up.
    pub fn missed(&mut self, now: Instant, id: StreamId) {
        if let Some(talk) = self.talks.get_mut(&id) {
            (talk.digest_due, talk.asked) = (now, None);
        }
    }

    /// Sends the digests that are due. A directory that is empty is not worth a word: nobody lacks anything of it.
    pub fn tick(&mut self, now: Instant, directory: &Directory) {
        let due = self.talks.iter_mut().filter(|(_, talk)| talk.digest_due <= now);
        for (id, talk) in due {
            talk.digest_due = now + DIGEST_EVERY;
            if !directory.is_empty() {
                let word = Word::Digest(Box::new(directory.digest()));
                self.outputs.push_back(Output { to: *id, word, origins: BTreeSet::new() });
            }
        }
    }

    /// Signs and announces what this node wrote. True when there is more than one turn's work.
    ///
    /// # Errors
    /// When the library cannot sign; what waits will be tried again with what is written next.
    pub fn announce(
        &mut self,
        directory: &Directory,
        own: &NodeId,
        identity: &Identity,
    ) -> Result<bool, IdentityError> {
        let unsealed = directory.unsealed(SIGNED_MAX);
        let more = unsealed.len() == SIGNED_MAX;
        let origins = BTreeSet::from([own.clone()]);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for binding in &unsealed {
            let sealed = Arc::new(seal(binding, identity)?);
            directory.seal(binding, Arc::clone(&sealed));
            bytes += sealed.binding.len();
            batch.push(sealed);
            if bytes > BYTES_MAX {
                self.tell_all(None, &std::mem::take(&mut batch), &origins);
                bytes = 0;
            }
        }
        self.tell_all(None, &batch, &origins);
        Ok(more)
    }

    /// Takes in what came on a stream. Returns why records in it were refused.
    pub fn hear(
        &mut self,
        at: Moment,
        id: StreamId,
        word: Word,
        directory: &Directory,
        ledger: &Ledger,
    ) -> Vec<RefusedWord> {
        match word {
            Word::Records { records, answer } => {
                let (took, refused) = self.on_records(at.unix_ms, id, records, directory, ledger);
                if let Some(answer) = answer {
                    self.on_answer(at.now, id, answer, took, directory);
                }
                return refused;
            }
            Word::Digest(theirs) => {
                if let Some(talk) = self.talks.get_mut(&id) {
                    talk.compare(at.now, &theirs, directory);
                    self.ask(id, directory);
                }
            }
            Word::Summary { bucket, fingerprints } => {
                let theirs = fingerprints.into_iter().collect();
                let share = directory.missing(bucket, &theirs, at.unix_ms, RECORDS_MAX, BYTES_MAX);
                let answer = Some(Answer { bucket, more: share.more });
                let word = Word::Records { records: share.records, answer };
                self.outputs.push_back(Output { to: id, word, origins: share.origins });
            }
        }
        Vec::new()
    }

    /// Keeps what is news, and passes it on. Whether anything was, and why something was refused.
    fn on_records(
        &mut self,
        now_unix_ms: u64,
        id: StreamId,
        records: Vec<Arc<Sealed>>,
        directory: &Directory,
        ledger: &Ledger,
    ) -> (bool, Vec<RefusedWord>) {
        if records.len() > RECORDS_MAX {
            // Nobody sends so many; each could cost a verification.
            return (false, vec![RefusedWord::TooMany("bindings in a frame")]);
        }
        let mut refused = Vec::new();
        let (mut news, mut origins) = (Vec::new(), BTreeSet::new());
        for sealed in records {
            match take(now_unix_ms, sealed, directory, ledger) {
                Ok(Some((node, sealed))) => {
                    origins.insert(node);
                    news.push(sealed);
                }
                Ok(None) => {}
                Err(why) => refused.push(why),
            }
        }
        let took = !news.is_empty();
        self.tell_all(Some(id), &news, &origins);
        (took, refused)
    }

    /// The peer has answered. A question that brought nothing is not asked again.
    fn on_answer(&mut self, now: Instant, id: StreamId, answer: Answer, took: bool, directory: &Directory) {
        let Some(talk) = self.talks.get_mut(&id) else { return };
        let Some((bucket, hash)) = talk.asked.filter(|(bucket, _)| *bucket == answer.bucket) else { return };
        talk.asked = None;
        if !took {
            talk.vain.insert(bucket, (hash, now + VAIN));
        } else if answer.more {
            talk.differing.insert(bucket, hash);
        }
        self.ask(id, directory);
    }

    /// Asks for one bucket, if no question is out; not for one that another peer is being asked for.
    fn ask(&mut self, id: StreamId, directory: &Directory) {
        let elsewhere: BTreeSet<usize> =
            self.talks.values().filter_map(|talk| talk.asked).map(|(bucket, _)| bucket).collect();
        let Some(talk) = self.talks.get_mut(&id).filter(|talk| talk.asked.is_none()) else { return };
        let next = talk.differing.iter().find(|(bucket, _)| !elsewhere.contains(bucket));
        if let Some((&bucket, &hash)) = next {
            talk.differing.remove(&bucket);
            talk.asked = Some((bucket, hash));
            let word = Word::Summary { bucket, fingerprints: directory.fingerprints(bucket) };
            self.outputs.push_back(Output { to: id, word, origins: BTreeSet::new() });
        }
    }

    fn tell_all(&mut self, told_by: Option<StreamId>, records: &[Arc<Sealed>], origins: &BTreeSet<NodeId>) {
        if records.is_empty() {
            return;
        }
        for to in self.talks.keys().copied().filter(|id| Some(*id) != told_by) {
            let word = Word::Records { records: records.to_vec(), answer: None };
            self.outputs.push_back(Output { to, word, origins: origins.clone() });
        }
    }
}

impl Talk {
    /// The peer has told what it has: what to ask for.
    fn compare(&mut self, now: Instant, theirs: &Digest, directory: &Directory) {
        self.asked = None;
        self.vain.retain(|_, (_, until)| now < *until);
        // What there is no room for cannot be asked for again and again.
        let buckets = if directory.is_full() { Vec::new() } else { directory.differing(theirs) };
        let hashes = buckets.into_iter().map(|bucket| (bucket, theirs[bucket]));
        let is_vain = |bucket, hash| self.vain.get(&bucket).is_some_and(|(vain, _)| *vain == hash);
        self.differing = hashes.filter(|(bucket, hash)| !is_vain(*bucket, *hash)).collect();
    }
}

/// Keeps a record that is news. What is none is found out before its signature costs anything.
fn take(
    now_unix_ms: u64,
    sealed: Arc<Sealed>,
    directory: &Directory,
    ledger: &Ledger,
) -> Result<Option<(NodeId, Arc<Sealed>)>, RefusedWord> {
    let binding = convert::binding::decode(&sealed.binding)?;
    binding.check(now_unix_ms)?;
    match directory.judge(&binding, now_unix_ms) {
        Merged::Stale => return Ok(None),
        Merged::Refused => return Err(RefusedWord::DirectoryFull),
        Merged::Taken | Merged::Outlasting => {}
    }
    ledger.verify(&binding.node, &text(&sealed.binding), &sealed.signature)?;
    let node = binding.node.clone();
    let merged = directory.merge(binding, Arc::clone(&sealed), now_unix_ms);
    Ok((merged == Merged::Taken).then_some((node, sealed)))
}

fn seal(binding: &Binding, identity: &Identity) -> Result<Sealed, IdentityError> {
    let binding = convert::binding::encode(binding);
    let signature = identity.sign(&text(&binding))?;
    Ok(Sealed { binding, signature })
}

/// What is signed.
fn text(binding: &[u8]) -> Vec<u8> {
    [CONTEXT, binding].concat()
}

#[cfg(test)]
mod tests;
