//! Where orders come in: each is given to the worker whose call it is, and what the relay says is written into the
//! description.
//!
//! ```text
//!  ng (datagrams) ─▶ commands ──┐
//!                               ├─▶ exchange · about ─▶ worker
//!  gRPC (control) ──────────────┘
//! ```

mod accord;
mod commands;
mod describe;
mod exchange;
mod ng;
mod report;

use crate::{
    config,
    core::{
        relay::{Answered, Curb, Order, Refusal, Switch, Whom},
        srtp::Unusable,
    },
    metrics::Sums,
    ng::{Call, Refusal as Unfit},
    path::{Path, Report, Shift},
    steering::{Steering, Unrouted},
    worker::{self, Handle, Turn},
};
use ringway_sip::sdp;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::broadcast;

pub(crate) use exchange::{Exchange, Place};
pub(crate) use ng::serve;

/// Happenings that wait for a watcher at most; one that is slower misses some.
const HAPPENINGS: usize = 4_096;
/// Calls that a worker reports of in one turn.
const REPORTS: usize = 64;

/// The desk. Clones share the workers.
#[derive(Clone)]
pub(crate) struct Desk {
    workers: Arc<[Handle<Path>]>,
    settings: Arc<config::Relay>,
    steering: Option<Arc<Steering>>,
    draining: Arc<AtomicBool>,
    happenings: broadcast::Sender<Happening>,
}

/// What happened to calls by itself.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// There was no media for too long: it is over.
    Silent(Arc<Report>),
    /// They take another path.
    Moved(Arc<Shift>),
}

/// What is ordered about a call that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    /// It is over, or a branch of it.
    Delete,
    /// It is over after so long, unless it is offered anew.
    Retire(Duration),
    /// What is known of it?
    Query,
    /// Something is held back, or no longer.
    Curb(Curb, Switch),
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// The description cannot be read.
    #[error("SDP: {0}")]
    Sdp(#[from] sdp::Error),
    /// The relay cannot do what is wanted.
    #[error("{0}")]
    Unfit(Unfit),
    /// Its keys are of no use.
    #[error("SRTP: {0}")]
    Keys(#[from] Unusable),
    /// The description names no tunnel, or does not fit what its controller says.
    #[error("the description names no tunnel, or several regions, or another one than its controller")]
    NoTunnel,
    /// The description names a relay that the mesh does not, or not yet.
    #[error("the mesh does not name the relay of the description")]
    UnknownRelay,
    /// The relay refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no way to the region.
    #[error(transparent)]
    Unrouted(#[from] Unrouted),
    /// The worker did not take it.
    #[error(transparent)]
    Worker(#[from] worker::Refusal),
}

impl Undone {
    /// Whether another relay could do it: this one is full.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Calls | Refusal::NoPorts { .. } | Refusal::NoStreams))
            || matches!(self, Self::Unrouted(Unrouted::Full))
    }
}

impl About {
    fn order(self, whom: Whom<'_>) -> Order<'_> {
        match self {
            Self::Delete => Order::Delete(whom),
            Self::Retire(delay) => Order::Retire(whom, delay),
            Self::Query => Order::Query { call_id: whom.call_id },
            Self::Curb(curb, switch) => Order::Curb(whom, curb, switch),
        }
    }
}

impl Desk {
    /// A desk before these workers; there is at least one. Without `steering` there are no tunnels.
    #[must_use]
    pub(crate) fn new(
        workers: Arc<[Handle<Path>]>,
        settings: Arc<config::Relay>,
        steering: Option<Arc<Steering>>,
    ) -> Self {
        assert!(!workers.is_empty(), "a relay has workers");
        let happenings = broadcast::Sender::new(HAPPENINGS);
        Self { workers, settings, steering, draining: Arc::default(), happenings }
    }

    /// What has been counted. `None`: a worker has ended.
    pub(crate) async fn look(&self) -> Option<Sums> {
        let mut sums = Sums::default();
        for worker in &*self.workers {
            let asked = worker.ask(|path, turn| (path.relay().counts(), path.relay().present(turn.now)));
            let (counts, present) = asked.await.ok()?;
            sums.add(&counts, present, worker.counts());
        }
        Some(sums)
    }

    /// Takes no new calls from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Ends what has been silent for too long.
    pub(crate) async fn sweep(&self) {
        for worker in &*self.workers {
            // A worker that has ended ends the process elsewhere.
            for report in worker.ask(Path::sweep).await.unwrap_or_default() {
                self.tell(Happening::Silent(Arc::new(report)));
            }
        }
    }

    /// Tells all who watch.
    pub(crate) fn tell(&self, happening: Happening) {
        // Nobody may watch.
        let _ = self.happenings.send(happening);
    }

    /// What happens from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Happening> {
        self.happenings.subscribe()
    }

    /// How the relay speaks with the mesh, if it does.
    pub(crate) fn steering(&self) -> Option<&Arc<Steering>> {
        self.steering.as_ref()
    }

    /// The controller lives. How long its lease lasts.
    ///
    /// # Errors
    /// When it has no name, or there are too many.
    pub(crate) async fn renew(&self, controller: &str) -> Result<Duration, Undone> {
        let mut lasts = Duration::MAX;
        for worker in &*self.workers {
            let controller = controller.to_owned();
            let renewed =
                worker.ask(move |path, turn| path.order(Order::Renew { controller: &controller }, turn));
            if let Answered::Lease(lease) = renewed.await?? {
                lasts = lasts.min(lease);
            }
        }
        Ok(lasts)
    }

    /// An order about a call that is there.
    ///
    /// # Errors
    /// When it is not carried out.
    pub(crate) async fn about(&self, call: Call, about: About) -> Result<Answered, Undone> {
        self.ask(call, about, |_, answered| Ok(answered)).await
    }

    /// The same, with what its packets took.
    ///
    /// # Errors
    /// When it is not carried out.
    pub(crate) async fn report(&self, call: Call, about: About) -> Result<Report, Undone> {
        let report = |path: &mut Path, answered| match answered {
            Answered::Over(call) | Answered::Report(call) => Ok(path.report(call)),
            Answered::Media(_) | Answered::Lease(_) | Answered::Done => Err(Refusal::NoCall),
        };
        self.ask(call, about, report).await
    }

    /// Has the worker whose call it is carry out an order about it, and make something of the answer.
    async fn ask<R: Send + 'static>(
        &self,
        call: Call,
        about: About,
        make: impl FnOnce(&mut Path, Answered) -> Result<R, Refusal> + Send + 'static,
    ) -> Result<R, Undone> {
        let call_id = call.call_id.clone();
        let job = move |path: &mut Path, turn: &mut Turn<'_>| {
            let Call { call_id, from_tag, to_tag, branch } = &call;
            let answered = path.order(about.order(Whom { call_id, from_tag, to_tag, branch }), turn)?;
            make(path, answered)
        };
        Ok(self.worker(&call_id).ask(job).await??)
    }

    /// The Call-IDs of all calls, `limit` at the most.
    pub(crate) async fn list(&self, limit: usize) -> Vec<String> {
        let mut calls = Vec::new();
        for worker in &*self.workers {
            let more = limit.saturating_sub(calls.len());
            let named = worker.ask(move |path, _| {
                path.relay().call_ids().take(more).map(str::to_owned).collect::<Vec<_>>()
            });
            calls.extend(named.await.unwrap_or_default());
        }
        calls
    }

    /// The reports of these calls, as far as they are still there; some at a time, so that no packet waits for them.
    pub(crate) async fn reports(&self, calls: &[String]) -> Vec<Report> {
        let mut reports = Vec::new();
        for some in calls.chunks(REPORTS) {
            for worker in &*self.workers {
                let its = some.iter().filter(|call| self.worker(call).is(worker)).cloned();
                let its: Vec<String> = its.collect();
                if its.is_empty() {
                    continue;
                }
                let asked = worker.ask(move |path, turn| {
                    let query = |call_id: &String| match path.order(Order::Query { call_id }, turn) {
                        Ok(Answered::Report(call)) => Some(path.report(call)),
                        _ => None,
                    };
                    its.iter().filter_map(query).collect::<Vec<_>>()
                });
                reports.extend(asked.await.unwrap_or_default());
            }
        }
        reports
    }

    fn worker(&self, call_id: &str) -> &Handle<Path> {
        let mut hasher = DefaultHasher::new();
        call_id.hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash will do")]
        let place = hasher.finish() as usize % self.workers.len();
        &self.workers[place]
    }
}
