//! The directory as threads share it: the SIP workers write and look up, the control task exchanges with other nodes.
//! Every critical section is short: one address-of-record, one bucket, or a bounded number of them.

use super::{Binding, Change, Digest, Limits, Merged, Refused, Sealed, Store};
use ringway_router::{NodeId, Region};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Addresses-of-record that expiry looks at before others may have the lock.
const EXPIRED_AT_ONCE: usize = 256;

/// The location directory of this node. Clones share it.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

/// Tells the control task that something waits to be announced. What waits is the directory's state, so nothing is lost
/// however late it looks.
#[derive(Debug)]
pub struct Announcements {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// How many addresses-of-record the store has: whoever finds 0 need not take the lock.
    aors: AtomicUsize,
    unsealed: Notify,
}

/// What may be told to another node of one bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The records, each as its node signed it.
    pub records: Vec<Arc<Sealed>>,
    /// Who wrote them.
    pub origins: BTreeSet<NodeId>,
    /// There are more than were asked for.
    pub more: bool,
}

impl Directory {
    /// An empty directory of this node, and the end of it that the control task waits at.
    #[must_use]
    pub fn new(own: NodeId, limits: Limits) -> (Self, Announcements) {
        let store = Mutex::new(Store::new(own, limits));
        let shared = Arc::new(Shared { store, aors: AtomicUsize::new(0), unsealed: Notify::new() });
        (Self { shared: Arc::clone(&shared) }, Announcements { shared })
    }

    /// Applies a registration. Returns the live bindings that its address-of-record then has in this region, as the 200
    /// lists them (RFC 3261 §10.3 step 8).
    ///
    /// # Errors
    /// Any [`Refused`]; then nothing has changed.
    pub fn register(&self, change: &Change, now_unix_us: u64) -> Result<Vec<Binding>, Refused> {
        let mut store = self.store();
        let written = store.apply(change, now_unix_us)?;
        let own = |binding: &&Binding| store.is_own_region(binding);
        let live = store.lookup(&change.aor, now_unix_us / 1000).into_iter().filter(own).cloned().collect();
        self.count(&store);
        drop(store);
        if !written.is_empty() {
            self.shared.unsealed.notify_one();
        }
        Ok(live)
    }

    /// The live bindings of an address-of-record in all regions, highest q first, then the newest.
    #[must_use]
    pub fn lookup(&self, aor: &str, now_unix_ms: u64) -> Vec<Binding> {
        if self.is_empty() {
            return Vec::new();
        }
        self.store().lookup(aor, now_unix_ms).into_iter().cloned().collect()
    }

    /// Whether nobody is registered anywhere; costs one load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.aors.load(Ordering::Relaxed) == 0
    }

    /// Whether there is no room for another address-of-record.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.store().is_full()
    }

    /// The live bindings of one bucket, for whoever walks through all of them.
    #[must_use]
    pub fn bucket(&self, bucket: usize, now_unix_ms: u64) -> Vec<Binding> {
        self.store().bucket(bucket).filter(|binding| binding.is_live(now_unix_ms)).cloned().collect()
    }

    /// How many live bindings each region has, exact at the last [`Directory::expire`].
    #[must_use]
    pub fn live(&self) -> BTreeMap<Region, usize> {
        self.store().live().clone()
    }

    /// Forgets what is over; costs what is due.
    pub fn expire(&self, now_unix_ms: u64) {
        loop {
            let mut store = self.store();
            let looked = store.expire(now_unix_ms, EXPIRED_AT_ONCE);
            self.count(&store);
            if looked < EXPIRED_AT_ONCE {
                return;
            }
        }
    }

    /// See [`Digest`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.store().digest()
    }

    /// The buckets in which another node knows something else.
    #[must_use]
    pub fn differing(&self, theirs: &Digest) -> Vec<usize> {
        self.store().differing(theirs)
    }

    /// The hashes of all records of a bucket.
    #[must_use]
    pub fn fingerprints(&self, bucket: usize) -> Vec<u64> {
        self.store().fingerprints(bucket).collect()
    }

    /// The records of a bucket that are not among `theirs`, up to a number of them and of their bytes.
    #[must_use]
    pub fn missing(
        &self,
        bucket: usize,
        theirs: &HashSet<u64>,
        now_unix_ms: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Share {
        let store = self.store();
        let mut share = Share::default();
        let mut bytes = 0;
        for (node, sealed) in store.missing(bucket, theirs, now_unix_ms) {
            bytes += sealed.binding.len();
            if share.records.len() == records_max || bytes > bytes_max {
                share.more = true;
                break;
            }
            if !share.origins.contains(node) {
                share.origins.insert(node.clone());
            }
            share.records.push(Arc::clone(sealed));
        }
        share
    }

    /// What [`Directory::merge`] would make of a record.
    #[must_use]
    pub fn judge(&self, record: &Binding, now_unix_ms: u64) -> Merged {
        self.store().judge(record, now_unix_ms)
    }

    /// Takes a record of another node, or one of this node's own from before it was restarted.
    pub fn merge(&self, record: Binding, sealed: Arc<Sealed>, now_unix_ms: u64) -> Merged {
        let mut store = self.store();
        let merged = store.merge(record, sealed, now_unix_ms);
        self.count(&store);
        if merged == Merged::Outlasting {
            self.shared.unsealed.notify_one();
        }
        merged
    }

    /// Up to `records_max` records that this node has written and not signed yet.
    #[must_use]
    pub fn unsealed(&self, records_max: usize) -> Vec<Binding> {
        self.store().unsealed(records_max)
    }

    /// Keeps the signed form of what this node wrote.
    pub fn seal(&self, binding: &Binding, sealed: Arc<Sealed>) {
        self.store().seal(binding, sealed);
    }

    fn count(&self, store: &Store) {
        self.shared.aors.store(store.aors(), Ordering::Relaxed);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }
}

impl Announcements {
    /// Waits until something may have to be announced.
    pub async fn due(&self) {
        self.shared.unsealed.notified().await;
    }

    /// Comes back to [`Announcements::due`] at once: there was more than could be done in one turn.
    pub fn again(&self) {
        self.shared.unsealed.notify_one();
    }
}

impl Shared {
    /// A thread that panics under the lock leaves whole records behind: what it changed, it changed one at a time.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
