//! One request on its way: the response context of RFC 3261 §16.2, from the first attempt to the last answer.

mod anchor;
mod answers;
mod branch;
mod choice;
mod outbox;
mod overload;
mod sending;

use super::{
    attempt::Attempt,
    branch::Token,
    decide::Source,
    engine::{Engine, Key, Timer},
    marks::traffic,
    plan::{Hop, Leg},
    question::Unresolved,
    refusal::Refusal,
    target::{Goal, Target, edge_of},
    upstream::{Upstream, Word},
};
use branch::Branch;
use outbox::{Outgoing, Rewriting};
use ringway_router::Traffic;
use ringway_sip::{Message, Method, Peer, ServerId};
use std::{collections::VecDeque, time::Instant};

pub(super) use answers::dialog_of;

/// Copies of one request that a world in turmoil may bring about on one branch.
const ATTEMPTS_MAX: usize = 8;

/// A request and all that is done for it: its branches (one for each target, RFC 3261 §16.5), and their attempts (one
/// for each path or address over which a branch goes).
///
/// ```text
///                      1xx: pass up               a 2xx, or all branches ended and no tier left: pass up
///           targets    +-----+
///  Seeking ---------> Open <-+ a branch ended: its next leg, its next alternative, the next tier
///     |                 |  \____________________________________________________ Answered --+ 2xx again:
///     | CANCEL   CANCEL |                                                          ^  ^-----+ pass up
///     |                 v               all branches ended: pass up                |
///     +-----------> Cancelled -----------------------------------------------------+
/// ```
///
/// Attempts of one branch over different paths are copies of one request: the egress knows them by their token and
/// answers each, so the first answer that comes back over any path is the answer of the branch.
pub(super) struct Context {
    pub(super) key: Key,
    pub(super) token: Option<Token>,
    /// What a copy of the request by another way would share with it; see [`super::branch::Mint::identity`].
    pub(super) identity: u64,
    request: Message,
    from: Peer,
    source: Source,
    pops: usize,
    record: bool,
    upstreams: Vec<Upstream>,
    /// Those that are tried when all branches have ended.
    tiers: VecDeque<Vec<Vec<Target>>>,
    branches: Vec<Branch>,
    attempts: Vec<Attempt>,
    /// Responses that have not gone up, the first one first.
    outbox: VecDeque<Outgoing>,
    rewritings: Vec<Rewriting>,
    /// Offers that the media relay was given.
    offers: usize,
    phase: Phase,
    passed: Option<Word>,
    timer_c: Option<Instant>,
    timer_ring: Option<Instant>,
    /// Transactions that are not over.
    live: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Seeking,
    Open,
    Cancelled,
    Answered,
}

/// How the request that opens a context came.
pub(super) struct Opening {
    pub(super) id: ServerId,
    pub(super) request: Message,
    pub(super) from: Peer,
    pub(super) source: Source,
    pub(super) pops: usize,
    pub(super) record: bool,
    pub(super) token: Option<Token>,
    pub(super) identity: u64,
}

impl Context {
    /// Answers 100 (INVITE). The request goes nowhere before its targets are known.
    pub(super) fn open(engine: &mut Engine, now: Instant, key: Key, opening: Opening) -> Self {
        let Opening { id, request, from, source, pops, record, token, identity } = opening;
        if request.method() == Method::Invite {
            engine.answer(now, id, &request, from, 100, "Trying");
        }
        Self {
            key,
            token,
            identity,
            request,
            from,
            source,
            pops,
            record,
            upstreams: vec![Upstream::first(id)],
            tiers: VecDeque::new(),
            branches: Vec::new(),
            attempts: Vec::new(),
            outbox: VecDeque::new(),
            rewritings: Vec::new(),
            offers: 0,
            phase: Phase::Seeking,
            passed: None,
            timer_c: None,
            timer_ring: None,
            live: 1,
        }
    }

    /// There is one target, and `plan` lays out the legs to it.
    pub(super) fn pursue(&mut self, engine: &mut Engine, now: Instant, target: Target, plan: VecDeque<Leg>) {
        if self.phase != Phase::Seeking {
            return;
        }
        self.phase = Phase::Open;
        let asks = matches!(target.goal, Goal::Named(_));
        let mut branch = Branch::new(target, engine);
        branch.plan = plan;
        self.branches.push(branch);
        if asks {
            self.begin(engine, now, 0);
        } else {
            self.advance(engine, now, 0);
        }
    }

    /// There are several targets: tiers one after the other, in each the devices at once, of each its alternatives.
    pub(super) fn fork(&mut self, engine: &mut Engine, now: Instant, tiers: Vec<Vec<Vec<Target>>>) {
        // The caller may have thought better of it while we asked.
        if self.phase == Phase::Seeking {
            self.phase = Phase::Open;
            self.tiers = tiers.into();
            self.settle(engine, now);
        }
    }

    /// There is no target.
    pub(super) fn refuse(&mut self, engine: &mut Engine, now: Instant, refusal: &Refusal) {
        if self.phase == Phase::Seeking {
            let word = engine.refusal(&self.request, self.from, refusal);
            self.conclude(engine, now, word);
        }
    }

    /// DNS said where the host of a branch is. What is not of the edge is not sent to.
    pub(super) fn on_addresses(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        b: usize,
        found: Result<Vec<Peer>, Unresolved>,
    ) {
        if self.phase != Phase::Open || self.branches[b].outcome.is_some() {
            return;
        }
        match edge_of(found, &engine.site) {
            Ok(peers) => {
                self.branches[b].target.goal = Goal::Edge(peers);
                self.begin(engine, now, b);
            }
            Err(refusal) => self.end_refused(engine, now, b, &refusal),
        }
        self.settle(engine, now);
    }

    /// Takes in a copy of the request that came over another path: no second ring, and an answer on both paths.
    pub(super) fn join(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        id: ServerId,
        copy: &Message,
        from: Peer,
    ) {
        engine.note(super::output::Note::Absorbed);
        let upstream = Upstream::of_copy(id, copy, from, &engine.site.limits);
        match &self.passed {
            Some(word) => upstream.pass(engine, now, word),
            None if copy.method() == Method::Invite => engine.answer(now, id, copy, from, 100, "Trying"),
            None => {}
        }
        self.upstreams.push(upstream);
        self.live += 1;
    }

    /// The request of a context, and where it came from.
    pub(super) fn request(&self) -> (&Message, Source) {
        (&self.request, self.source)
    }

    /// What it is, for the rules.
    pub(super) fn traffic(&self, engine: &Engine) -> Result<Traffic, Refusal> {
        traffic(&self.request, self.from, self.source, &engine.site)
    }

    /// The world looks different. When no path stands any more over which a branch is out, its answer may be on none of
    /// them: a copy goes over a path that stands, and the egress answers there as well.
    pub(super) fn on_view(&mut self, engine: &mut Engine, now: Instant) {
        let stands = |attempt: &Attempt| match &attempt.hop {
            Hop::Mesh(_, Some(path)) => !attempt.done && engine.view.stands(path, attempt.to.address),
            Hop::Mesh(_, None) | Hop::Sibling | Hop::Edge | Hop::Flow => true,
        };
        if self.phase != Phase::Open {
            return;
        }
        let out = |b: usize| self.attempts.iter().filter(move |attempt| attempt.of == b);
        let fallen = |b: &usize| {
            let asked = !matches!(self.branches[*b].target.goal, Goal::Named(_));
            let tried = out(*b).count() < ATTEMPTS_MAX && !out(*b).any(stands);
            self.branches[*b].outcome.is_none() && asked && tried
        };
        let fallen: Vec<usize> = (0..self.branches.len()).filter(fallen).collect();
        for b in fallen {
            if let Ok(legs) = self.plan(engine, b) {
                self.branches[b].plan = legs;
                self.advance(engine, now, b);
            }
        }
    }

    /// RFC 3261 §16.8: the callee rang for too long.
    pub(super) fn on_timer_c(&mut self, engine: &mut Engine, now: Instant) {
        self.timer_c = None;
        if self.phase != Phase::Answered {
            self.cancel(engine, now);
        }
    }

    /// Serial forking: these devices rang for long enough, and there are others to try. Who has not answered is asked to
    /// stop, and ends as any branch does.
    pub(super) fn on_timer_ring(&mut self, engine: &mut Engine, now: Instant) {
        self.timer_ring = None;
        if self.phase != Phase::Open || self.tiers.is_empty() {
            return;
        }
        for b in 0..self.branches.len() {
            if self.branches[b].outcome.is_none() {
                let word = engine.word(&self.request, self.from, 408, "Request Timeout");
                self.end(engine, now, b, word);
            }
        }
        self.settle(engine, now);
    }

    /// RFC 3261 §16.10. The caller's ingress cancels all copies of a request or none, so one CANCEL is enough.
    pub(super) fn cancel(&mut self, engine: &mut Engine, now: Instant) {
        match self.phase {
            Phase::Cancelled | Phase::Answered => return,
            Phase::Seeking | Phase::Open => self.phase = Phase::Cancelled,
        }
        self.tiers.clear();
        self.cancel_attempts(engine, now, |_| true);
        for b in 0..self.branches.len() {
            self.branches[b].plan.clear();
            self.branches[b].alternatives.clear();
            let waits = self.attempts.iter().any(|attempt| attempt.of == b && !attempt.done);
            if !waits && self.branches[b].outcome.is_none() {
                let word = engine.word(&self.request, self.from, 487, "Request Terminated");
                self.end(engine, now, b, word);
            }
        }
        self.settle(engine, now);
    }

    /// One transaction is over. True when it was the last.
    pub(super) fn release(&mut self) -> bool {
        self.live -= 1;
        self.live == 0
    }

    /// Takes every deadline and every index entry of this context back.
    pub(super) fn close(&mut self, engine: &mut Engine) {
        self.stop_timers(engine);
        self.give_rest_back(engine);
        if self.attempts.len() > 1 {
            engine.answered_over.remove(&dialog_of(&self.request));
        }
        for attempt in &self.attempts {
            engine.clients.remove(&attempt.id);
        }
    }

    fn restart_timer_c(&mut self, engine: &mut Engine, now: Instant) {
        if self.request.method() != Method::Invite || self.phase == Phase::Answered {
            return;
        }
        self.stop_timer_c(engine);
        let at = now + engine.site.timer_c;
        engine.deadlines.insert((at, self.key, Timer::C));
        self.timer_c = Some(at);
    }

    fn stop_timer_c(&mut self, engine: &mut Engine) {
        if let Some(at) = self.timer_c.take() {
            engine.deadlines.remove(&(at, self.key, Timer::C));
        }
    }

    fn restart_timer_ring(&mut self, engine: &mut Engine, now: Instant) {
        self.stop_timer_ring(engine);
        let at = now + engine.site.ring;
        engine.deadlines.insert((at, self.key, Timer::Ring));
        self.timer_ring = Some(at);
    }

    fn stop_timer_ring(&mut self, engine: &mut Engine) {
        if let Some(at) = self.timer_ring.take() {
            engine.deadlines.remove(&(at, self.key, Timer::Ring));
        }
    }

    fn stop_timers(&mut self, engine: &mut Engine) {
        self.stop_timer_c(engine);
        self.stop_timer_ring(engine);
        for (n, attempt) in self.attempts.iter().enumerate() {
            attempt.stop_timers(engine, self.key, n);
        }
    }
}
