//! Orders on their way to the relays: those of one call one after the other, those of different calls side by side. Nothing
//! here ever makes a SIP worker wait: it leaves an order and gets the answer as it gets that of DNS.

use super::{
    Settings,
    choice::{Choice, Sort},
    convert,
    relay::{Outcome, Relay},
};
use crate::{
    control::Handle,
    core::media::{Kind, Order, Release, Unanchored},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinSet};

/// Orders that may be under way or wait. A relay answers within a millisecond: more is a relay that is too slow, and
/// then calls are refused rather than kept waiting.
const ORDERS_MAX: usize = 4_096;

/// Tells what became of an order.
type Told = Box<dyn FnOnce(Result<Vec<u8>, Unanchored>) + Send>;

/// A way to the relays.
#[derive(Clone)]
pub struct Orders {
    jobs: mpsc::Sender<Job>,
    /// Those that have not been done, here and behind the queue.
    pending: Arc<AtomicUsize>,
    control: Handle,
}

enum Job {
    Rewrite(Box<Order>, Told),
    Release(Release),
}

/// What carries orders out.
struct Desk {
    relays: Vec<Arc<Relay>>,
    choice: Mutex<Choice>,
    control: Handle,
    /// The name of this node.
    controller: String,
}

impl Orders {
    /// Starts what carries orders out, and keeps the leases. It ends with the last clone. Must be called within a runtime.
    #[must_use]
    pub fn start(settings: &Settings, control: Handle, controller: String) -> Self {
        let relays = settings.relays.iter().map(|&at| Arc::new(Relay::new(at, settings.deadline))).collect();
        let desk = Desk { relays, choice: Mutex::default(), control: control.clone(), controller };
        let (jobs, received) = mpsc::channel(ORDERS_MAX);
        let pending = Arc::new(AtomicUsize::new(0));
        tokio::spawn(Arc::new(desk).run(received, Arc::clone(&pending)));
        Self { jobs, pending, control }
    }

    /// Has a description rewritten. `told` hears of it soon, whatever happens; at once when there is too much to do.
    pub fn rewrite(
        &self,
        order: Box<Order>,
        told: impl FnOnce(Result<Vec<u8>, Unanchored>) + Send + 'static,
    ) {
        let told: Told = Box::new(told);
        if self.pending.load(Ordering::Relaxed) >= ORDERS_MAX {
            self.control.metrics().media_failed("busy");
            return told(Err(Unanchored::Away));
        }
        self.give(Job::Rewrite(order, told));
    }

    /// Gives back.
    pub fn release(&self, release: Release) {
        if self.pending.load(Ordering::Relaxed) >= ORDERS_MAX {
            return self.control.metrics().media_failed("busy");
        }
        self.give(Job::Release(release));
    }

    fn give(&self, job: Job) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.jobs.try_send(job) {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            if let Job::Rewrite(_, told) = error.into_inner() {
                told(Err(Unanchored::Away));
            }
        }
    }
}

impl Job {
    fn call_id(&self) -> &str {
        match self {
            Self::Rewrite(order, _) => &order.call_id,
            Self::Release(release) => &release.call_id,
        }
    }
}

impl Desk {
    async fn run(self: Arc<Self>, mut jobs: mpsc::Receiver<Job>, pending: Arc<AtomicUsize>) {
        let mut leases = JoinSet::new();
        for relay in &self.relays {
            let (relay, desk) = (Arc::clone(relay), Arc::clone(&self));
            leases.spawn(async move { relay.keep(&desk.control, &desk.controller).await });
        }
        // Calls of which an order is under way, and the orders behind it.
        let mut calls: HashMap<String, VecDeque<Job>> = HashMap::new();
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                job = jobs.recv() => {
                    let Some(job) = job else { return };
                    match calls.get_mut(job.call_id()) {
                        Some(queue) => queue.push_back(job),
                        None => {
                            calls.insert(job.call_id().to_owned(), VecDeque::new());
                            under_way.spawn(Arc::clone(&self).carry_out(job));
                        }
                    }
                }
                Some(done) = under_way.join_next() => {
                    pending.fetch_sub(1, Ordering::Relaxed);
                    let call_id = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    match calls.get_mut(&call_id).and_then(VecDeque::pop_front) {
                        Some(job) => drop(under_way.spawn(Arc::clone(&self).carry_out(job))),
                        None => drop(calls.remove(&call_id)),
                    }
                }
            }
        }
    }

    /// Does one job; gives the name of its call back.
    async fn carry_out(self: Arc<Self>, job: Job) -> String {
        let call_id = job.call_id().to_owned();
        match job {
            Job::Rewrite(order, told) => told(self.rewrite(&order).await),
            Job::Release(release) => self.release(release).await,
        }
        call_id
    }

    /// One relay after the other, until one knows what to do.
    async fn rewrite(&self, order: &Order) -> Result<Vec<u8>, Unanchored> {
        let sort = match (order.kind, order.branch.is_empty()) {
            (Kind::Offer, false) => Sort::First,
            (Kind::Offer, true) => Sort::Renewal,
            (Kind::Answer, _) => Sort::Following,
        };
        let description = convert::description(order, &self.controller);
        for at in self.candidates(&order.call_id, sort) {
            let offers = order.kind == Kind::Offer;
            match self.relays[at].rewrite(&self.control, offers, description.clone()).await {
                Outcome::Failed => {}
                outcome @ (Outcome::Done(_) | Outcome::Refused) => {
                    if offers && matches!(outcome, Outcome::Done(_)) {
                        self.choice().settle(&order.call_id, at, self.relays.len());
                    }
                    return outcome.into();
                }
            }
        }
        Err(Unanchored::Away)
    }

    async fn release(&self, release: Release) {
        for at in self.candidates(&release.call_id, Sort::Following) {
            self.relays[at].release(&self.control, convert::release(&release, &self.controller)).await;
        }
        if release.branch.is_empty() {
            self.choice().forget(&release.call_id);
        }
    }

    fn candidates(&self, call_id: &str, sort: Sort) -> Vec<usize> {
        let well: Vec<bool> = self.relays.iter().map(|relay| relay.is_well()).collect();
        self.choice().candidates(call_id, sort, &well)
    }

    fn choice(&self) -> std::sync::MutexGuard<'_, Choice> {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
