//! Follows the store: whatever document comes to be in it is given to the control task, which obeys or refuses it.

use super::{Etcd, FileStore, Health, Present, Store, StoreError, file::replace};
use crate::control::{Control, Handle};
use ringway_router::Policy;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often the policy file is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often etcd is asked although a watch is open: it shows that a quorum is there, and that no change was lost.
const ASK: Duration = Duration::from_secs(5);
/// Before etcd is tried again; doubled every time ...
const BACK_OFF: Duration = Duration::from_millis(100);
/// ... up to this.
const BACK_OFF_MAX: Duration = Duration::from_millis(1_600);

/// Follows the store until the process ends. `cache` is where the last known document of a fleet's store is kept on this
/// node, for a start while the store is away.
pub async fn follow(control: Handle, cache: Option<PathBuf>) {
    match control.store() {
        Store::Memory(_) => {}
        Store::File(store) => follow_file(store, &control).await,
        Store::Etcd(store) => follow_etcd(store, &control, cache).await,
    }
}

async fn follow_file(store: &FileStore, control: &Handle) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = None;
    loop {
        looks.tick().await;
        let now = stamp(store.file());
        if now == seen {
            continue;
        }
        seen = now;
        let document = match store.present().await {
            Ok(present) => present.document,
            Err(error) => {
                store.health().down(error.to_string());
                control.metrics().policy_store_up.set(0);
                tracing::warn!(%error, "policy file unreadable; the active policy stays");
                continue;
            }
        };
        store.health().up(control.clock().unix_us());
        control.metrics().policy_store_up.set(1);
        let Some(policy) = offer(control, store.health(), document).await else { continue };
        if let Err(error) = store.found(policy, control.clock().unix_us()).await {
            tracing::warn!(%error, "policy history not written");
        }
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

async fn follow_etcd(store: &Etcd, control: &Handle, cache: Option<PathBuf>) {
    let mut follower = Follower { store, control, seen: None, cache, cached: None };
    let mut chance = fastrand::Rng::with_seed(control.seed());
    let mut pause = BACK_OFF;
    loop {
        let Err(error) = follower.session(&mut pause).await;
        if store.health().down(error.to_string()) {
            tracing::warn!(%error, "policy store lost; the last known policy stays");
        }
        control.metrics().policy_store_up.set(0);
        // A fleet that lost its store at one moment does not come back at one moment.
        sleep(pause.mul_f64(0.5 + chance.f64() / 2.0)).await;
        pause = (pause * 2).min(BACK_OFF_MAX);
    }
}

struct Follower<'a> {
    store: &'a Etcd,
    control: &'a Handle,
    /// The version that was given to the control task last.
    seen: Option<i64>,
    cache: Option<PathBuf>,
    /// What stands in it.
    cached: Option<String>,
}

impl Follower<'_> {
    /// Reads, then watches on from there, until that fails.
    async fn session(&mut self, pause: &mut Duration) -> Result<std::convert::Infallible, StoreError> {
        let revision = self.look().await?;
        let mut watch = self.store.watch(revision + 1).await?;
        let mut asks = interval(ASK);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        asks.reset();
        loop {
            tokio::select! {
                news = watch.next() => {
                    for present in news? {
                        // What was read meanwhile may be newer than a word of the watch that was on its way.
                        if self.seen.is_none_or(|seen| present.version > seen) {
                            self.take(present).await;
                        }
                    }
                    *pause = BACK_OFF;
                }
                _ = asks.tick() => { self.look().await?; }
            }
        }
    }

    async fn look(&mut self) -> Result<i64, StoreError> {
        let (present, revision) = self.store.read().await?;
        if self.store.health().up(self.control.clock().unix_us()) {
            tracing::info!(place = self.store.place(), "policy store reached");
        }
        self.control.metrics().policy_store_up.set(1);
        self.take(present).await;
        Ok(revision)
    }

    async fn take(&mut self, present: Present) {
        // Lower than before is news, too: the cluster came back empty, or from a backup.
        if self.seen.is_some_and(|seen| present.version == seen) {
            return;
        }
        let first = self.seen.replace(present.version).is_none();
        if present.document.is_none() && first {
            // A store that nobody has used yet: nothing is forbidden, as far as anybody knows.
            self.control.ask(Control::know_policy).await;
            return;
        }
        let Some(policy) = offer(self.control, self.store.health(), present.document).await else { return };
        self.keep(&policy).await;
    }

    async fn keep(&mut self, policy: &Policy) {
        let (Some(file), document) = (self.cache.clone(), policy.document().to_owned()) else { return };
        if self.cached.as_ref() == Some(&document) {
            return;
        }
        let text = document.clone();
        match tokio::task::spawn_blocking(move || replace(&file, &text)).await {
            Ok(Ok(())) => self.cached = Some(document),
            Ok(Err(error)) => {
                tracing::warn!(%error, "policy not kept on this node; a restart without the store would lack it");
            }
            // The process ends.
            Err(_) => {}
        }
    }
}

/// Gives a document to the control task. Returns the policy that is active then; `None` when the document is not.
async fn offer(control: &Handle, health: &Health, document: Option<String>) -> Option<Arc<Policy>> {
    let offered = control.ask(move |control| match document {
        Some(document) => control.obey_document(&document).map_err(|why| why.to_string()),
        None => Err("the document was deleted".to_owned()),
    });
    match offered.await? {
        Ok(policy) => {
            health.judged(None);
            control.metrics().policy_store_refused.set(0);
            Some(policy)
        }
        Err(why) => {
            tracing::error!(why, "policy document refused; the active policy stays");
            health.judged(Some((why, control.clock().unix_us())));
            control.metrics().policy_store_refused.set(1);
            None
        }
    }
}
