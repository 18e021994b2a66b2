//! The bindings that a node knows. The registrar changes those of its own region, the mesh brings those of the others;
//! the last writer wins, so any order of the same records ends in the same store.

use super::{Binding, Change, Contacts, Wish, fingerprint::Fingerprint};
use ringway_router::NodeId;
use std::collections::BTreeMap;

/// How many parts the digest has.
pub const BUCKETS: usize = 256;

/// How long a record is remembered beyond its expiry, in milliseconds: longer than news is under way.
pub const TOMBSTONE_MS: u64 = 60_000;

/// What a store holds at most. Both keep a stranger with many names from filling the memory of every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Live contacts of one address-of-record in one region. Sixteen times as many records, tombstones and other
    /// regions included, are kept of it in all.
    pub contacts_max: usize,
    /// Addresses-of-record.
    pub aors_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { contacts_max: 10, aors_max: 1_000_000 }
    }
}

/// Why a registration changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// RFC 3261 §10.3 step 7: a later REGISTER of the same Call-ID was here before.
    #[error("a later registration was here before")]
    OutOfOrder,
    /// More contacts than one address-of-record may have.
    #[error("too many contacts")]
    TooManyContacts,
    /// No room for another address-of-record.
    #[error("the directory is full")]
    Full,
}

/// What became of a record from another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is news: announce it further.
    Taken,
    /// This store has it, or something later; or it is long over.
    Stale,
    /// A limit stands against it, or it speaks for another region than its node's.
    Refused,
}

/// The location directory of one node.
#[derive(Debug)]
pub struct Store {
    own: NodeId,
    limits: Limits,
    buckets: Vec<BTreeMap<String, Vec<Binding>>>,
    digest: [u64; BUCKETS],
    aors: usize,
}

impl Store {
    /// An empty store of this node.
    #[must_use]
    pub fn new(own: NodeId, limits: Limits) -> Self {
        Self { own, limits, buckets: vec![BTreeMap::new(); BUCKETS], digest: [0; BUCKETS], aors: 0 }
    }

    /// Applies a registration to the bindings of the own region, all of it or nothing (RFC 3261 §10.3 steps 6 to 8).
    /// Returns the records to announce.
    ///
    /// # Errors
    /// Any [`Refused`]; then nothing has changed.
    pub fn apply(&mut self, change: &Change, now_unix_us: u64) -> Result<Vec<Binding>, Refused> {
        let now_unix_ms = now_unix_us / 1000;
        let all = self.records(&change.aor);
        let own: Vec<&Binding> = all.iter().filter(|record| record.region == self.own.region).collect();
        // A tombstone counts as well: a REGISTER that was overtaken must not bring back what is gone.
        let is_late = |record: &Binding| record.call_id == change.call_id && record.cseq >= change.cseq;
        let mut written: Vec<Binding> = Vec::new();
        match &change.contacts {
            Contacts::Clear => {
                for record in own.iter().filter(|record| record.is_live(now_unix_ms)) {
                    if is_late(record) {
                        return Err(Refused::OutOfOrder);
                    }
                    written.push(self.tombstone(record, change, now_unix_us));
                }
            }
            Contacts::Set(wishes) => {
                for wish in wishes {
                    let same = |record: &&&Binding| record.is_same(&wish.contact, wish.flow());
                    if own.iter().filter(same).any(|record| is_late(record)) {
                        return Err(Refused::OutOfOrder);
                    }
                    // The last of two equal contacts in one request counts.
                    written.retain(|record| !record.is_same(&wish.contact, wish.flow()));
                    let live = own.iter().filter(same).filter(|record| record.is_live(now_unix_ms));
                    written.extend(live.map(|record| self.tombstone(record, change, now_unix_us)));
                    if wish.expires_s > 0 {
                        let fresh = self.binding(wish, change, &own, now_unix_us);
                        written.retain(|record| !record.is_same_record(&fresh));
                        written.push(fresh);
                    }
                }
            }
        }
        self.check_room(all, &written, now_unix_ms)?;
        for record in &written {
            self.put(record.clone());
        }
        Ok(written)
    }

    /// Takes a record of another node; the last writer wins, by time and then by the name of the node.
    pub fn merge(&mut self, record: Binding, now_unix_ms: u64) -> Merged {
        if record.region != record.node.region {
            return Merged::Refused;
        }
        if is_over(&record, now_unix_ms) {
            return Merged::Stale;
        }
        let all = self.records(&record.aor);
        match all.iter().find(|known| known.is_same_record(&record)) {
            Some(known) if !record.is_newer(known) => return Merged::Stale,
            None if all.len() >= self.records_max() => return Merged::Refused,
            None if all.is_empty() && self.aors >= self.limits.aors_max => return Merged::Refused,
            Some(_) | None => {}
        }
        self.put(record);
        Merged::Taken
    }

    /// The live bindings of an address-of-record in all regions: highest q first, then the newest.
    #[must_use]
    pub fn lookup(&self, aor: &str, now_unix_ms: u64) -> Vec<&Binding> {
        let all = self.records(aor).iter();
        let mut live: Vec<&Binding> = all.filter(|record| record.is_live(now_unix_ms)).collect();
        live.sort_by_key(|record| (u16::MAX - record.q, u64::MAX - record.updated_unix_us, &record.contact));
        live
    }

    /// Forgets what has been over for [`TOMBSTONE_MS`]. Walks through all records, so once in a few seconds is enough:
    /// [`Store::lookup`] never shows an expired one. Returns how many went.
    pub fn expire(&mut self, now_unix_ms: u64) -> usize {
        let mut gone = 0;
        for (bucket, digest) in self.buckets.iter_mut().zip(&mut self.digest) {
            bucket.retain(|_, records| {
                records.retain(|record| {
                    let over = is_over(record, now_unix_ms);
                    if over {
                        *digest ^= record.fingerprint();
                        gone += 1;
                    }
                    !over
                });
                !records.is_empty()
            });
        }
        self.aors = self.buckets.iter().map(BTreeMap::len).sum();
        gone
    }

    /// How many addresses-of-record are known.
    #[must_use]
    pub fn aors(&self) -> usize {
        self.aors
    }

    /// The XOR of the record hashes of each bucket: equal stores have equal digests, on every node.
    #[must_use]
    pub fn digest(&self) -> [u64; BUCKETS] {
        self.digest
    }

    /// The buckets in which another node knows something else.
    #[must_use]
    pub fn differing(&self, theirs: &[u64; BUCKETS]) -> Vec<usize> {
        (0..BUCKETS).filter(|&bucket| self.digest[bucket] != theirs[bucket]).collect()
    }

    /// All records of a bucket, tombstones too; none if there is no such bucket.
    pub fn bucket(&self, bucket: usize) -> impl Iterator<Item = &Binding> {
        self.buckets.get(bucket).into_iter().flat_map(BTreeMap::values).flatten()
    }

    fn records(&self, aor: &str) -> &[Binding] {
        self.buckets[bucket_of(aor)].get(aor).map_or(&[], Vec::as_slice)
    }

    fn records_max(&self) -> usize {
        self.limits.contacts_max.saturating_mul(16)
    }

    fn check_room(&self, all: &[Binding], written: &[Binding], now_unix_ms: u64) -> Result<(), Refused> {
        let kept = |record: &&Binding| !written.iter().any(|new| new.is_same_record(record));
        let is_own = |record: &&Binding| record.region == self.own.region;
        let old = all.iter().filter(kept);
        let live = |records: usize, record: &Binding| records + usize::from(record.is_live(now_unix_ms));
        let contacts = old.clone().filter(is_own).chain(written).fold(0, live);
        let grows = written.iter().any(|record| !record.removed);
        if grows && (contacts > self.limits.contacts_max || old.count() + written.len() > self.records_max())
        {
            return Err(Refused::TooManyContacts);
        }
        if all.is_empty() && !written.is_empty() && self.aors >= self.limits.aors_max {
            return Err(Refused::Full);
        }
        Ok(())
    }

    fn put(&mut self, record: Binding) {
        let bucket = bucket_of(&record.aor);
        let records = self.buckets[bucket].entry(record.aor.clone()).or_default();
        self.aors += usize::from(records.is_empty());
        self.digest[bucket] ^= record.fingerprint();
        match records.iter_mut().find(|known| known.is_same_record(&record)) {
            Some(known) => {
                self.digest[bucket] ^= known.fingerprint();
                *known = record;
            }
            None => records.push(record),
        }
    }

    fn tombstone(&self, record: &Binding, change: &Change, now_unix_us: u64) -> Binding {
        Binding {
            call_id: change.call_id.clone(),
            cseq: change.cseq,
            node: self.own.clone(),
            updated_unix_us: after(record, now_unix_us),
            removed: true,
            ..record.clone()
        }
    }

    fn binding(&self, wish: &Wish, change: &Change, own: &[&Binding], now_unix_us: u64) -> Binding {
        let same = own.iter().filter(|record| record.is_same(&wish.contact, wish.flow()));
        Binding {
            aor: change.aor.clone(),
            contact: wish.contact.clone(),
            instance: wish.instance.clone(),
            reg_id: wish.reg_id,
            call_id: change.call_id.clone(),
            cseq: change.cseq,
            q: wish.q,
            path: change.path.clone(),
            region: self.own.region.clone(),
            node: self.own.clone(),
            expires_unix_ms: (now_unix_us / 1000).saturating_add(u64::from(wish.expires_s) * 1000),
            updated_unix_us: same.map(|record| after(record, now_unix_us)).max().unwrap_or(now_unix_us),
            removed: false,
        }
    }
}

/// A time of writing that wins over this record, even if the clock of the node that wrote it runs ahead.
fn after(record: &Binding, now_unix_us: u64) -> u64 {
    now_unix_us.max(record.updated_unix_us.saturating_add(1))
}

fn is_over(record: &Binding, now_unix_ms: u64) -> bool {
    record.expires_unix_ms.saturating_add(TOMBSTONE_MS) <= now_unix_ms
}

fn bucket_of(aor: &str) -> usize {
    let mut hash = Fingerprint::new();
    hash.text(aor);
    usize::from(hash.finish().to_le_bytes()[0])
}

#[cfg(test)]
pub(super) use tests::binding_in;

#[cfg(test)]
mod tests;
