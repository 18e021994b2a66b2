//! Where orders come in: each is given to the worker whose call it is, and what the relay says is written into the
//! description.

mod describe;
mod ng;
mod report;

use crate::{
    config,
    core::relay::{Answered, Curb, Order, Refusal, Switch, Whom},
    metrics::Sums,
    ng::{Call, Command, Delete, Gate, Gated, Party, Proposal, Refusal as Unfit, Reply, Sdp, Statistics},
    path::Path,
    worker::{self, Handle, Turn},
};
use describe::Draft;
use ringway_sip::sdp;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use ng::serve;

/// The desk. Clones share the workers.
#[derive(Clone)]
pub struct Desk {
    workers: Arc<[Handle<Path>]>,
    settings: Arc<config::Relay>,
    draining: Arc<AtomicBool>,
}

/// What is ordered about a call that is there.
#[derive(Debug, Clone, Copy)]
enum About {
    Delete,
    Query,
    Curb(Curb, Switch),
}

impl About {
    fn order(self, whom: Whom<'_>) -> Order<'_> {
        match self {
            Self::Delete => Order::Delete(whom),
            Self::Query => Order::Query { call_id: whom.call_id },
            Self::Curb(curb, switch) => Order::Curb(whom, curb, switch),
        }
    }
}

/// Why an order was not carried out.
enum Undone {
    Refused(Refusal),
    Worker(worker::Refusal),
}

impl From<Undone> for Reply {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused(Refusal::NoCall) => Reply::unknown_call(),
            Undone::Refused(refusal) => Reply::Refused(refusal.to_string()),
            Undone::Worker(refusal) => Reply::Refused(refusal.to_string()),
        }
    }
}

impl Desk {
    /// A desk before these workers; there is at least one.
    #[must_use]
    pub fn new(workers: Vec<Handle<Path>>, settings: Arc<config::Relay>) -> Self {
        assert!(!workers.is_empty(), "a relay has workers");
        Self { workers: workers.into(), settings, draining: Arc::default() }
    }

    /// Carries out one order of the ng protocol.
    pub async fn order(&self, command: Command, load_limit: bool) -> Reply {
        match command {
            Command::Ping => Reply::Pong,
            Command::Offer(proposal) => self.propose(*proposal, true, load_limit).await,
            Command::Answer(proposal) => self.propose(*proposal, false, load_limit).await,
            Command::Delete(delete) => self.delete(delete).await,
            Command::Query(query) => self.query(query.call.call_id).await,
            Command::List(limit) => self.list(limit).await,
            Command::Statistics => self.statistics().await,
            Command::Gate(gate) => self.gate(gate).await,
        }
    }

    /// What all workers have counted. `None`: one of them has ended.
    pub async fn look(&self) -> Option<Sums> {
        let mut sums = Sums::default();
        for worker in &*self.workers {
            let asked = worker.ask(|path, turn| (path.relay().counts(), path.relay().present(turn.now)));
            let (counts, present) = asked.await.ok()?;
            sums.add(&counts, present, worker.counts());
        }
        Some(sums)
    }

    /// Takes no new calls from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Ends what has been silent for too long.
    pub async fn sweep(&self) {
        for worker in &*self.workers {
            // A worker that has ended ends the process elsewhere.
            let _ = worker.ask(Path::sweep).await;
        }
    }

    async fn propose(&self, proposal: Proposal, offer: bool, load_limit: bool) -> Reply {
        let description = match sdp::Description::parse(proposal.sdp, &sdp::Limits::default()) {
            Ok(description) => description,
            Err(error) => return Reply::Refused(format!("SDP: {error}")),
        };
        let draft = match Draft::read(&description, proposal.call, proposal.wishes, &self.settings) {
            Ok(draft) => Arc::new(draft),
            Err(refusal) => return refusal.into(),
        };
        let drains = offer && self.draining.load(Ordering::Relaxed);
        let of_worker = Arc::clone(&draft);
        let answered = self.ask(&draft.call.call_id, move |path, turn| {
            let call_id = &of_worker.call.call_id;
            if drains && path.order(Order::Query { call_id }, turn) == Err(Refusal::NoCall) {
                // Its controller asks the next relay.
                return Err(Refusal::Calls);
            }
            of_worker.with(|description| {
                let order = if offer { Order::Offer(description) } else { Order::Answer(description) };
                path.order(order, turn)
            })
        });
        match answered.await {
            Ok(Answered::Media(locals)) => {
                Reply::Sdp(Sdp(draft.write(&description, &locals, &self.settings).to_vec()))
            }
            Ok(_) => unreachable!("an offer or answer is answered by media"),
            Err(Undone::Refused(Refusal::Calls | Refusal::NoPorts { .. } | Refusal::NoStreams)) => {
                Reply::full(load_limit)
            }
            Err(undone) => undone.into(),
        }
    }

    async fn delete(&self, Delete { call, fatal, delay: _ }: Delete) -> Reply {
        match self.about(call, About::Delete).await {
            Ok(Answered::Over(report)) => Reply::Report(report::of(&report)),
            Ok(_) => unreachable!("a delete is answered by a report"),
            Err(Undone::Refused(Refusal::NoCall | Refusal::NoParty)) => Reply::nothing_deleted(fatal),
            Err(undone) => undone.into(),
        }
    }

    async fn query(&self, call_id: String) -> Reply {
        let call = Call { call_id, ..Call::default() };
        match self.about(call, About::Query).await {
            Ok(Answered::Report(report)) => Reply::Report(report::of(&report)),
            Ok(_) => unreachable!("a query is answered by a report"),
            Err(undone) => undone.into(),
        }
    }

    async fn gate(&self, gate: Gate) -> Reply {
        let curb = match gate.what {
            Gated::Media => Curb::Media,
            Gated::Sound => Curb::Voice,
            Gated::Dtmf => Curb::Keys,
            Gated::Copy => return Unfit::Unsupported("forwarding").into(),
        };
        let from_tag = match gate.from {
            Party::Everybody => String::new(),
            Party::Tag(tag) => tag,
            Party::Label(_) | Party::Address(_) => {
                return Unfit::Unsupported("a party by label or address").into();
            }
        };
        // The relay holds back what a party sends, to whomever.
        if gate.to != Party::Everybody {
            return Unfit::Unsupported("to-tag").into();
        }
        let switch = if gate.closed { Switch::On } else { Switch::Off };
        let call = Call { from_tag, to_tag: String::new(), ..gate.call };
        self.about(call, About::Curb(curb, switch)).await.map_or_else(Reply::from, |_| Reply::done())
    }

    async fn list(&self, limit: usize) -> Reply {
        let mut calls = Vec::new();
        for worker in &*self.workers {
            let more = limit.saturating_sub(calls.len());
            let named = worker.ask(move |path, _| {
                path.relay().call_ids().take(more).map(str::to_owned).collect::<Vec<_>>()
            });
            calls.extend(named.await.unwrap_or_default());
        }
        Reply::Calls(calls)
    }

    async fn statistics(&self) -> Reply {
        let Some(sums) = self.look().await else { return Undone::Worker(worker::Refusal::Ended).into() };
        Reply::Statistics(Box::new(Statistics {
            calls: sums.calls() as u64,
            packets: sums.passed(),
            errors: sums.dropped(),
            ..Statistics::default()
        }))
    }

    /// An order about a call that is there.
    async fn about(&self, call: Call, about: About) -> Result<Answered, Undone> {
        let call_id = call.call_id.clone();
        let job = move |path: &mut Path, turn: &mut Turn<'_>| {
            let Call { call_id, from_tag, to_tag, branch } = &call;
            path.order(about.order(Whom { call_id, from_tag, to_tag, branch }), turn)
        };
        self.ask(&call_id, job).await
    }

    /// Has the worker whose call it is do a job.
    async fn ask(
        &self,
        call_id: &str,
        job: impl FnOnce(&mut Path, &mut Turn<'_>) -> Result<Answered, Refusal> + Send + 'static,
    ) -> Result<Answered, Undone> {
        let done = self.worker(call_id).ask(job).await.map_err(Undone::Worker)?;
        done.map_err(Undone::Refused)
    }

    fn worker(&self, call_id: &str) -> &Handle<Path> {
        let mut hasher = DefaultHasher::new();
        call_id.hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "any part of a hash will do")]
        let place = hasher.finish() as usize % self.workers.len();
        &self.workers[place]
    }
}
