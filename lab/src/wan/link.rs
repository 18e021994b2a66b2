//! One direction between two regions, shared by all that crosses it: the fates of its datagrams and of its TCP
//! segments (drawn apart, so that neither shifts the other's dice), and what it has carried so far.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::model::{DropReason, Fate, Fates, LinkModel};

/// What a link has done so far. Datagrams and TCP segments count alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Handed over on the far side.
    pub carried: u64,
    /// Lost by chance. A lost TCP segment is sent again and then counts as carried, too.
    pub lost: u64,
    /// Dropped, or for TCP held back, because the link was cut.
    pub cut: u64,
    /// Dropped because the emulator's own queue was full: the machine is too slow for the scenario.
    pub overflowed: u64,
}

pub(super) struct Link {
    datagrams: Mutex<Fates>,
    segments: Mutex<Fates>,
    model: watch::Sender<LinkModel>,
    salt: u64,
    carried: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
    overflowed: AtomicU64,
}

impl Link {
    pub(super) fn new(model: LinkModel, seed: u64) -> Self {
        let segments = seed.rotate_left(32) ^ 0x7463_7000;
        Self {
            datagrams: Mutex::new(Fates::new(model, seed)),
            segments: Mutex::new(Fates::new(model, segments)),
            salt: segments,
            model: watch::Sender::new(model),
            carried: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    pub(super) fn model(&self) -> LinkModel {
        *self.model.borrow()
    }

    pub(super) fn set_model(&self, model: LinkModel) {
        lock(&self.datagrams).set_model(model);
        lock(&self.segments).set_model(model);
        self.model.send_replace(model);
    }

    /// When a datagram that is sent now from that port arrives; None: never.
    pub(super) fn datagram(&self, now: Instant, source_port: u16) -> Option<Instant> {
        let mut fates = lock(&self.datagrams);
        match fates.fate(now, source_port) {
            Fate::Deliver { .. } if fates.model().dead_port == Some(source_port) => {
                self.count_drop(DropReason::Loss);
                None
            }
            Fate::Deliver { after } => Some(now + after),
            Fate::Drop(reason) => {
                self.count_drop(reason);
                None
            }
        }
    }

    /// When a TCP segment sent now arrives for the first time. `flow` is the port of the connection's client.
    pub(super) fn segment(&self, now: Instant, flow: u16) -> Result<Duration, DropReason> {
        match lock(&self.segments).fate(now, flow) {
            Fate::Deliver { after } => Ok(after),
            Fate::Drop(reason) => {
                self.count_drop(reason);
                Err(reason)
            }
        }
    }

    /// Waits until bytes of that flow can pass again.
    pub(super) async fn whole(&self, flow: u16) {
        let passes = |model: &LinkModel| !(model.cut && model.hits(flow, self.salt));
        // The sender lives in self, so the wait can only end by a healed link.
        let _ = self.model.subscribe().wait_for(passes).await;
    }

    pub(super) fn count_carried(&self) {
        self.carried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counters(&self) -> LinkCounters {
        LinkCounters {
            carried: self.carried.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            overflowed: self.overflowed.load(Ordering::Relaxed),
        }
    }

    fn count_drop(&self, reason: DropReason) {
        match reason {
            DropReason::Loss => self.lost.fetch_add(1, Ordering::Relaxed),
            DropReason::Cut => self.cut.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// A poisoned lock still guards sound data here: nothing panics between two writes.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
