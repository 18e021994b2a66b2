//! Where the records lie: by address-of-record in the buckets of the digest, with the order in which they end, so that
//! a tick costs what is due and a digest costs nothing.

use super::{Binding, Sealed, fingerprint::Fingerprint};
use ringway_router::Region;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many parts the digest has.
pub const BUCKETS: usize = 256;

/// The XOR of the record hashes of each bucket: equal directories have equal digests, on every node.
pub type Digest = [u64; BUCKETS];

/// How long a record is remembered beyond its end, in milliseconds: longer than news is under way.
pub const TOMBSTONE_MS: u64 = 60_000;

/// A binding and what is kept with it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) binding: Binding,
    /// As its node signed it; `None` until this node has signed its own.
    pub(super) sealed: Option<Arc<Sealed>>,
    pub(super) fingerprint: u64,
    /// Counted among the live: expiry has not looked at it since it ended.
    is_counted: bool,
}

/// The records of one address-of-record, and when the first of them wants to be looked at.
#[derive(Debug, Default)]
struct Entry {
    records: Vec<Record>,
    due_unix_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    buckets: Vec<BTreeMap<Arc<str>, Entry>>,
    digest: Digest,
    /// One for each address-of-record, never later than what is due there.
    due: BTreeSet<(u64, Arc<str>)>,
    live: BTreeMap<Region, usize>,
}

impl Record {
    pub(super) fn new(binding: Binding, sealed: Option<Arc<Sealed>>, now_unix_ms: u64) -> Self {
        let fingerprint = binding.fingerprint();
        let is_counted = binding.is_live(now_unix_ms);
        Self { binding, sealed, fingerprint, is_counted }
    }

    /// When expiry has to look at it next, in Unix milliseconds.
    fn due_unix_ms(&self) -> u64 {
        if self.is_counted { self.binding.expires_unix_ms } else { forgotten_unix_ms(&self.binding) }
    }
}

impl Shelf {
    pub(super) fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| BTreeMap::new()).collect();
        Self { buckets, digest: [0; BUCKETS], due: BTreeSet::new(), live: BTreeMap::new() }
    }

    /// All records of an address-of-record, tombstones too.
    pub(super) fn records(&self, aor: &str) -> &[Record] {
        self.buckets[bucket_of(aor)].get(aor).map_or(&[], |entry| entry.records.as_slice())
    }

    /// All records of a bucket, tombstones too; none if there is no such bucket.
    pub(super) fn bucket(&self, bucket: usize) -> impl Iterator<Item = &Record> {
        self.buckets.get(bucket).into_iter().flat_map(BTreeMap::values).flat_map(|entry| &entry.records)
    }

    /// How many addresses-of-record are known.
    pub(super) fn aors(&self) -> usize {
        self.due.len()
    }

    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bindings of each region that had not ended when expiry last looked.
    pub(super) fn live(&self) -> &BTreeMap<Region, usize> {
        &self.live
    }

    /// Puts a record in the place of its former version.
    pub(super) fn put(&mut self, record: Record) {
        let bucket = bucket_of(&record.binding.aor);
        let shelf = &mut self.buckets[bucket];
        let aor = match shelf.get_key_value(record.binding.aor.as_str()) {
            Some((aor, _)) => Arc::clone(aor),
            None => Arc::from(record.binding.aor.as_str()),
        };
        let entry = shelf.entry(Arc::clone(&aor)).or_default();
        self.digest[bucket] ^= record.fingerprint;
        count(&mut self.live, &record, 1);
        let due_unix_ms = record.due_unix_ms();
        let is_new = entry.records.is_empty();
        match entry.records.iter_mut().find(|known| known.binding.is_same_record(&record.binding)) {
            Some(known) => {
                self.digest[bucket] ^= known.fingerprint;
                count(&mut self.live, known, -1);
                *known = record;
            }
            None => entry.records.push(record),
        }
        // What is due later keeps its place until then: a refresh costs no work here.
        if is_new || due_unix_ms < entry.due_unix_ms {
            self.due.remove(&(entry.due_unix_ms, Arc::clone(&aor)));
            self.due.insert((due_unix_ms, aor));
            entry.due_unix_ms = due_unix_ms;
        }
    }

    /// Keeps the signed form of a record, if it still is this version. Whether all of the address-of-record have one.
    pub(super) fn seal(&mut self, binding: &Binding, sealed: Arc<Sealed>) -> bool {
        let fingerprint = binding.fingerprint();
        let bucket = &mut self.buckets[bucket_of(&binding.aor)];
        let Some(entry) = bucket.get_mut(binding.aor.as_str()) else { return true };
        if let Some(record) = entry.records.iter_mut().find(|record| record.fingerprint == fingerprint) {
            record.sealed = Some(sealed);
        }
        entry.records.iter().all(|record| record.sealed.is_some())
    }

    /// Looks at up to `aors_max` addresses-of-record that are due: what has ended is no longer counted, what has been
    /// over for [`TOMBSTONE_MS`] is forgotten. Returns at how many it looked.
    pub(super) fn expire(&mut self, now_unix_ms: u64, aors_max: usize) -> usize {
        for looked in 0..aors_max {
            match self.due.first() {
                Some((due_unix_ms, _)) if *due_unix_ms <= now_unix_ms => {}
                Some(_) | None => return looked,
            }
            let Some((_, aor)) = self.due.pop_first() else { return looked };
            self.look(aor, now_unix_ms);
        }
        aors_max
    }

    fn look(&mut self, aor: Arc<str>, now_unix_ms: u64) {
        let bucket = bucket_of(&aor);
        let Some(entry) = self.buckets[bucket].get_mut(&*aor) else { return };
        let (digest, live) = (&mut self.digest[bucket], &mut self.live);
        entry.records.retain_mut(|record| {
            if record.is_counted && record.binding.expires_unix_ms <= now_unix_ms {
                count(live, record, -1);
                record.is_counted = false;
            }
            let over = is_over(&record.binding, now_unix_ms);
            if over {
                *digest ^= record.fingerprint;
            }
            !over
        });
        match entry.records.iter().map(Record::due_unix_ms).min() {
            Some(due_unix_ms) => {
                entry.due_unix_ms = due_unix_ms;
                self.due.insert((due_unix_ms, aor));
            }
            None => {
                self.buckets[bucket].remove(&*aor);
            }
        }
    }
}

/// Whether a record has been over for so long that no other node can need it.
pub(super) fn is_over(binding: &Binding, now_unix_ms: u64) -> bool {
    forgotten_unix_ms(binding) <= now_unix_ms
}

fn forgotten_unix_ms(binding: &Binding) -> u64 {
    binding.ends_unix_ms().saturating_add(TOMBSTONE_MS)
}

fn count(live: &mut BTreeMap<Region, usize>, record: &Record, step: isize) {
    if record.is_counted {
        let count = live.entry(record.binding.region.clone()).or_default();
        *count = count.saturating_add_signed(step);
    }
}

fn bucket_of(aor: &str) -> usize {
    let mut hash = Fingerprint::new();
    hash.text(aor);
    usize::from(hash.finish().to_le_bytes()[0])
}
