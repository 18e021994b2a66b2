//! The bindings that a node knows. The registrar changes those of its own region, the mesh brings those of the others;
//! the last writer wins, so any order of the same records ends in the same store.

use super::{
    BUCKETS, Binding, Change, Contacts, Digest, Sealed, Unfit, Wish,
    shelf::{Record, Shelf, is_over},
};
use ringway_router::{NodeId, Region};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

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
    /// No other node would take the binding.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// What became of a record from another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is news: announce it further.
    Taken,
    /// This store has it, or something later; or it is long over.
    Stale,
    /// An older version that lasts longer than the one that this node wrote over it: the node writes its own once more,
    /// to be remembered for as long, or whoever forgets it would take the old one for news.
    Outlasting,
    /// A limit stands against it, or it speaks for another region than its node's.
    Refused,
}

/// The location directory of one node.
#[derive(Debug)]
pub struct Store {
    own: NodeId,
    limits: Limits,
    shelf: Shelf,
    /// Addresses-of-record of which this node has written something that it has not signed yet: no more than there are.
    unsealed: BTreeSet<String>,
}

impl Store {
    /// An empty store of this node.
    #[must_use]
    pub fn new(own: NodeId, limits: Limits) -> Self {
        Self { own, limits, shelf: Shelf::new(), unsealed: BTreeSet::new() }
    }

    /// Applies a registration to the bindings of the own region, all of it or nothing (RFC 3261 §10.3 steps 6 to 8).
    /// Returns the records to announce.
    ///
    /// # Errors
    /// Any [`Refused`]; then nothing has changed.
    pub fn apply(&mut self, change: &Change, now_unix_us: u64) -> Result<Vec<Binding>, Refused> {
        let now_unix_ms = now_unix_us / 1000;
        let all: Vec<&Binding> = self.bindings(&change.aor).collect();
        let own: Vec<&Binding> =
            all.iter().copied().filter(|record| record.region == self.own.region).collect();
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
                        fresh.check(now_unix_ms)?;
                        written.retain(|record| !record.is_same_record(&fresh));
                        written.push(fresh);
                    }
                }
            }
        }
        self.check_room(&all, &written, now_unix_ms)?;
        for record in &written {
            self.write(record.clone(), now_unix_ms);
        }
        Ok(written)
    }

    /// What [`Store::merge`] would make of a record. Cheap: it comes before the signature is looked at.
    #[must_use]
    pub fn judge(&self, record: &Binding, now_unix_ms: u64) -> Merged {
        if record.region != record.node.region {
            return Merged::Refused;
        }
        if is_over(record, now_unix_ms) {
            return Merged::Stale;
        }
        let all = self.shelf.records(&record.aor);
        match all.iter().find(|known| known.binding.is_same_record(record)) {
            Some(known) if !record.is_newer(&known.binding) => {
                let outlasts = record.ends_unix_ms() > known.binding.ends_unix_ms();
                if outlasts && known.binding.node == self.own { Merged::Outlasting } else { Merged::Stale }
            }
            None if all.len() >= self.records_max() => Merged::Refused,
            None if all.is_empty() && self.is_full() => Merged::Refused,
            Some(_) | None => Merged::Taken,
        }
    }

    /// Takes a record as its node signed it; the last writer wins, by time and then by the name of the node.
    pub fn merge(&mut self, record: Binding, sealed: Arc<Sealed>, now_unix_ms: u64) -> Merged {
        let merged = self.judge(&record, now_unix_ms);
        match merged {
            Merged::Taken => self.shelf.put(Record::new(record, Some(sealed), now_unix_ms)),
            Merged::Outlasting => self.write_again(&record, now_unix_ms),
            Merged::Stale | Merged::Refused => {}
        }
        merged
    }

    /// The live bindings of an address-of-record in all regions: highest q first, then the newest.
    #[must_use]
    pub fn lookup(&self, aor: &str, now_unix_ms: u64) -> Vec<&Binding> {
        let mut live: Vec<&Binding> =
            self.bindings(aor).filter(|record| record.is_live(now_unix_ms)).collect();
        live.sort_by_key(|record| (u16::MAX - record.q, u64::MAX - record.updated_unix_us, &record.contact));
        live
    }

    /// Looks at up to `aors_max` addresses-of-record that are due, and forgets what has been over for
    /// [`super::TOMBSTONE_MS`]. Once in a few seconds is enough: [`Store::lookup`] never shows an expired one. Returns at
    /// how many it looked: as many as allowed means that more may be due.
    pub fn expire(&mut self, now_unix_ms: u64, aors_max: usize) -> usize {
        self.shelf.expire(now_unix_ms, aors_max)
    }

    /// How many addresses-of-record are known.
    #[must_use]
    pub fn aors(&self) -> usize {
        self.shelf.aors()
    }

    /// Whether there is no room for another address-of-record.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.aors() >= self.limits.aors_max
    }

    /// Bindings of each region that had not ended when [`Store::expire`] last looked.
    #[must_use]
    pub fn live(&self) -> &BTreeMap<Region, usize> {
        self.shelf.live()
    }

    /// See [`Digest`].
    #[must_use]
    pub fn digest(&self) -> &Digest {
        self.shelf.digest()
    }

    /// The buckets in which another node knows something else.
    #[must_use]
    pub fn differing(&self, theirs: &Digest) -> Vec<usize> {
        (0..BUCKETS).filter(|&bucket| self.digest()[bucket] != theirs[bucket]).collect()
    }

    /// All records of a bucket, tombstones too; none if there is no such bucket.
    pub fn bucket(&self, bucket: usize) -> impl Iterator<Item = &Binding> {
        self.shelf.bucket(bucket).map(|record| &record.binding)
    }

    /// The hashes of all records of a bucket: to another node it says what this one has.
    pub fn fingerprints(&self, bucket: usize) -> impl Iterator<Item = u64> {
        self.shelf.bucket(bucket).map(|record| record.fingerprint)
    }

    /// The signed records of a bucket that are not among `theirs`, and from which node they are. What this node has
    /// not signed yet is about to be announced to everybody.
    pub fn missing(
        &self,
        bucket: usize,
        theirs: &HashSet<u64>,
        now_unix_ms: u64,
    ) -> impl Iterator<Item = (&NodeId, &Arc<Sealed>)> {
        let missing = self.shelf.bucket(bucket).filter(move |record| {
            !theirs.contains(&record.fingerprint) && !is_over(&record.binding, now_unix_ms)
        });
        missing.filter_map(|record| Some((&record.binding.node, record.sealed.as_ref()?)))
    }

    /// Up to `records_max` records that this node has written and not signed yet.
    #[must_use]
    pub fn unsealed(&mut self, records_max: usize) -> Vec<Binding> {
        let mut found = Vec::new();
        let mut settled = Vec::new();
        for aor in &self.unsealed {
            let before = found.len();
            let records = self.shelf.records(aor).iter().filter(|record| record.sealed.is_none());
            found.extend(records.map(|record| record.binding.clone()).take(records_max - before));
            if found.len() == records_max {
                break;
            }
            if found.len() == before {
                // It ended, or another node wrote over it, before it was signed.
                settled.push(aor.clone());
            }
        }
        settled.iter().for_each(|aor| {
            self.unsealed.remove(aor);
        });
        found
    }

    /// Whether something waits to be signed.
    #[must_use]
    pub fn has_unsealed(&self) -> bool {
        !self.unsealed.is_empty()
    }

    /// Whether a binding is one of this node's region.
    #[must_use]
    pub fn is_own_region(&self, binding: &Binding) -> bool {
        binding.region == self.own.region
    }

    /// Keeps the signed form of what this node wrote, unless it has written it anew since.
    pub fn seal(&mut self, binding: &Binding, sealed: Arc<Sealed>) {
        if self.shelf.seal(binding, sealed) {
            self.unsealed.remove(&binding.aor);
        }
    }

    fn bindings(&self, aor: &str) -> impl Iterator<Item = &Binding> + use<'_> {
        self.shelf.records(aor).iter().map(|record| &record.binding)
    }

    /// Writes a record of this node, to be signed and announced.
    fn write(&mut self, record: Binding, now_unix_ms: u64) {
        self.unsealed.insert(record.aor.clone());
        self.shelf.put(Record::new(record, None, now_unix_ms));
    }

    /// Writes what replaced `old` once more, so that it is remembered for as long as `old` lasts.
    fn write_again(&mut self, old: &Binding, now_unix_ms: u64) {
        let known = self.bindings(&old.aor).find(|known| known.is_same_record(old));
        let again = known.map(|known| Binding {
            covers_unix_ms: old.ends_unix_ms(),
            updated_unix_us: after(known, now_unix_ms.saturating_mul(1000)),
            ..known.clone()
        });
        if let Some(again) = again {
            self.write(again, now_unix_ms);
        }
    }

    fn records_max(&self) -> usize {
        self.limits.contacts_max.saturating_mul(16)
    }

    fn check_room(&self, all: &[&Binding], written: &[Binding], now_unix_ms: u64) -> Result<(), Refused> {
        let kept = |record: &&Binding| !written.iter().any(|new| new.is_same_record(record));
        let is_own = |record: &&Binding| record.region == self.own.region;
        let old = all.iter().copied().filter(kept);
        let live = |records: usize, record: &Binding| records + usize::from(record.is_live(now_unix_ms));
        let contacts = old.clone().filter(is_own).chain(written).fold(0, live);
        let grows = written.iter().any(|record| !record.removed);
        if grows && (contacts > self.limits.contacts_max || old.count() + written.len() > self.records_max())
        {
            return Err(Refused::TooManyContacts);
        }
        if all.is_empty() && !written.is_empty() && self.is_full() {
            return Err(Refused::Full);
        }
        Ok(())
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
        let same = || own.iter().filter(|record| record.is_same(&wish.contact, wish.flow()));
        let expires_unix_ms = (now_unix_us / 1000).saturating_add(u64::from(wish.expires_s) * 1000);
        let covered = same().map(|record| record.ends_unix_ms()).max();
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
            expires_unix_ms,
            covers_unix_ms: covered.filter(|ends| *ends > expires_unix_ms).unwrap_or(0),
            updated_unix_us: same().map(|record| after(record, now_unix_us)).max().unwrap_or(now_unix_us),
            removed: false,
        }
    }
}

/// A time of writing that wins over this record, even if the clock of the node that wrote it runs ahead.
fn after(record: &Binding, now_unix_us: u64) -> u64 {
    now_unix_us.max(record.updated_unix_us.saturating_add(1))
}

#[cfg(test)]
pub(super) use tests::binding_in;

#[cfg(test)]
mod convergence;
#[cfg(test)]
mod tests;
