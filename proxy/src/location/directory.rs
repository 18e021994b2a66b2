//! The directory as threads share it: the SIP workers write and look up. Every critical section is short.

use super::{Binding, Change, Limits, Refused, Store};
use ringway_router::NodeId;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// The location directory of this node. Clones share it.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// How many addresses-of-record the store has: whoever finds 0 need not take the lock.
    aors: AtomicUsize,
}

impl Directory {
    /// An empty directory of this node.
    #[must_use]
    pub fn new(own: NodeId, limits: Limits) -> Self {
        let store = Mutex::new(Store::new(own, limits));
        Self { shared: Arc::new(Shared { store, aors: AtomicUsize::new(0) }) }
    }

    /// Applies a registration. Returns the live bindings that its address-of-record then has in this region, as the 200
    /// lists them (RFC 3261 §10.3 step 8).
    ///
    /// # Errors
    /// Any [`Refused`]; then nothing has changed.
    pub fn register(&self, change: &Change, now_unix_us: u64) -> Result<Vec<Binding>, Refused> {
        let mut store = self.store();
        store.apply(change, now_unix_us)?;
        let live = store.lookup(&change.aor, now_unix_us / 1000).into_iter().cloned().collect();
        self.shared.aors.store(store.aors(), Ordering::Relaxed);
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

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
