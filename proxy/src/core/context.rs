//! One request on its way: the response context of RFC 3261 §16.2, from the first attempt to the last answer.

mod answers;

use super::{
    attempt::Attempt,
    branch::Token,
    decide::Decision,
    engine::{Engine, Key, Timer},
    forward::Passage,
    output::{HopSign, Note},
    plan::{Hop, Leg, plan},
    upstream::{Upstream, Word},
};
use ringway_router::Region;
use ringway_sip::{Message, Method, Peer, ServerId};
use std::{collections::VecDeque, time::Instant};

pub(super) use answers::dialog_of;

/// Copies of one request that a world in turmoil may bring about.
const ATTEMPTS_MAX: usize = 8;

/// A request and all that is done for it.
///
/// ```text
///            1xx: pass up                 final: pass up
///            +-----+
///            |     v                  2xx, or the last attempt
///            +-- Open ------------------------------------------> Answered --+ 2xx again:
///                 | ^ silence, failure, path gone: next leg          ^   ^---+ pass up
///          CANCEL | +---+                                            |
///                 v                       any final                  |
///              Cancelled --------------------------------------------+
/// ```
///
/// Attempts over different paths are copies of one request: the egress knows them by their token and answers each,
/// so the first answer that comes back over any path is the answer.
pub(super) struct Context {
    pub(super) key: Key,
    pub(super) token: Option<Token>,
    request: Message,
    from: Peer,
    decision: Decision,
    record: bool,
    upstreams: Vec<Upstream>,
    plan: VecDeque<Leg>,
    attempts: Vec<Attempt>,
    phase: Phase,
    passed: Option<Word>,
    timer_c: Option<Instant>,
    /// Transactions that are not over.
    live: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Cancelled,
    Answered,
}

/// How the request that opens a context came, and what was decided about it.
pub(super) struct Opening {
    pub(super) id: ServerId,
    pub(super) request: Message,
    pub(super) from: Peer,
    pub(super) decision: Decision,
    pub(super) record: bool,
    pub(super) token: Option<Token>,
    pub(super) plan: VecDeque<Leg>,
}

impl Context {
    /// Answers 100 (INVITE) and sends the request over the first leg.
    pub(super) fn open(engine: &mut Engine, now: Instant, key: Key, opening: Opening) -> Self {
        let Opening { id, request, from, decision, record, token, plan } = opening;
        if request.method() == Method::Invite {
            engine.answer(now, id, &request, from, 100, "Trying");
        }
        let mut context = Self {
            key,
            token,
            request,
            from,
            decision,
            record,
            upstreams: vec![Upstream::first(id)],
            plan,
            attempts: Vec::new(),
            phase: Phase::Open,
            passed: None,
            timer_c: None,
            live: 1,
        };
        context.advance(engine, now);
        context
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
        engine.note(Note::Absorbed);
        let upstream = Upstream::of_copy(id, copy, from, &engine.site.limits);
        match &self.passed {
            Some(word) => upstream.pass(engine, now, word),
            None if copy.method() == Method::Invite => engine.answer(now, id, copy, from, 100, "Trying"),
            None => {}
        }
        self.upstreams.push(upstream);
        self.live += 1;
    }

    /// The first answer of the next proxy is late: the hedge of DESIGN §4. The ingress sends a copy over another path; a
    /// relay tells the ingress.
    pub(super) fn on_late(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        self.warn(engine, now, n);
        if self.phase == Phase::Open && !self.plan.is_empty() && self.is_latest(n) && engine.patience.spend()
        {
            self.advance(engine, now);
        }
    }

    /// The next element has not said a word. A silent proxy of the mesh is a silent path: the same request goes over
    /// the next one as well, and the egress takes the copies for what they are. A silent edge element is given up.
    pub(super) fn on_silence(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard || self.attempts[n].done || self.phase != Phase::Open {
            return;
        }
        match self.attempts[n].hop.clone() {
            Hop::Mesh(region, _) => {
                self.sign(engine, &region, HopSign::Timeout);
                self.warn(engine, now, n);
                // Its copy is out already, or there was none to be had.
                if !self.is_latest(n) || self.plan.is_empty() || !engine.patience.spend() {
                    return;
                }
            }
            Hop::Edge if self.plan.is_empty() => {}
            Hop::Edge => {
                self.attempts[n].given_up = true;
                engine.layer.cancel(now, self.attempts[n].id);
            }
        }
        self.advance(engine, now);
    }

    /// The world looks different. When no path stands any more over which this request is out, its answer may be on
    /// none of them: a copy goes over a path that stands, and the egress answers there as well.
    pub(super) fn on_view(&mut self, engine: &mut Engine, now: Instant) {
        let stands = |attempt: &Attempt| match &attempt.hop {
            Hop::Mesh(_, Some(path)) => !attempt.done && engine.view.stands(path, attempt.to.address),
            Hop::Mesh(_, None) | Hop::Edge => true,
        };
        if self.phase != Phase::Open
            || self.attempts.len() >= ATTEMPTS_MAX
            || self.attempts.iter().any(stands)
        {
            return;
        }
        if let Ok(legs) = plan(&self.decision, self.request.call_id(), &engine.site, &engine.view) {
            self.plan = legs;
            self.advance(engine, now);
        }
    }

    /// RFC 3261 §16.8: the callee rang for too long.
    pub(super) fn on_timer_c(&mut self, engine: &mut Engine, now: Instant) {
        self.timer_c = None;
        if self.phase != Phase::Answered {
            self.cancel(engine, now);
        }
    }

    /// RFC 3261 §16.10. The caller's ingress cancels all copies of a request or none, so one CANCEL is enough.
    pub(super) fn cancel(&mut self, engine: &mut Engine, now: Instant) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Cancelled;
        self.plan.clear();
        self.cancel_attempts(engine, now);
        if self.attempts.iter().all(|attempt| attempt.done) {
            self.conclude(engine, now, 487, "Request Terminated");
        }
    }

    /// Timer A or E sent an attempt's request again. (What is sent again after an answer is an ACK.)
    pub(super) fn on_retransmission(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard {
            return;
        }
        self.attempts[n].repeated = true;
        if let Hop::Mesh(region, _) = self.attempts[n].hop.clone() {
            self.sign(engine, &region, HopSign::Retransmission);
            self.warn(engine, now, n);
        }
    }

    /// One transaction is over. True when it was the last.
    pub(super) fn release(&mut self) -> bool {
        self.live -= 1;
        self.live == 0
    }

    /// Takes every deadline and every index entry of this context back.
    pub(super) fn close(&mut self, engine: &mut Engine) {
        self.stop_timers(engine);
        if self.attempts.len() > 1 {
            engine.answered_over.remove(&dialog_of(&self.request));
        }
        for attempt in &self.attempts {
            engine.clients.remove(&attempt.id);
        }
    }

    fn is_latest(&self, n: usize) -> bool {
        n + 1 == self.attempts.len()
    }

    /// The best leg of the plan that shares no link with what was tried; if all do, the best one.
    fn next_leg(&mut self) -> Option<Leg> {
        let fresh = |leg: &Leg| self.attempts.iter().all(|attempt| leg.hop.is_independent_of(&attempt.hop));
        let next = self.plan.iter().position(fresh).unwrap_or(0);
        self.plan.remove(next)
    }

    /// Sends the request over the next leg of the plan, if there is one. Over a path that is known to lose, the one
    /// after it gets its copy at once.
    fn advance(&mut self, engine: &mut Engine, now: Instant) {
        while let Some(leg) = self.next_leg() {
            let lossy = leg.is_lossy();
            self.send(engine, now, leg);
            if !lossy {
                break;
            }
        }
    }

    fn send(&mut self, engine: &mut Engine, now: Instant, leg: Leg) {
        let branch = engine.mint.branch(engine.mint.mark(&self.request));
        let passage = Passage {
            from: self.from,
            pops: self.decision.pops(),
            record: self.record,
            leg: &leg,
            branch: &branch,
            token: self.token.filter(|_| !leg.routes.is_empty() || matches!(leg.hop, Hop::Mesh(_, Some(_)))),
        };
        let bytes = passage.apply(&self.request, &engine.site);
        let id = engine.layer.request(now, leg.to, &branch, self.request.method(), bytes);
        let n = self.attempts.len();
        engine.clients.insert(id, (self.key, n));
        if let Hop::Mesh(region, path) = &leg.hop {
            self.sign(engine, region, HopSign::Request);
            if let Some(path) = path.as_ref().filter(|_| self.record) {
                engine.note(Note::SetOut {
                    call_id: self.request.call_id().to_owned(),
                    called: self.request.uri().to_owned(),
                    path: path.clone(),
                    attempt: n + 1,
                    route_epoch: engine.view.table.epoch,
                    policy_revision: engine.view.table.policy_revision,
                });
            }
        }
        self.live += 1;
        let late_at = self.late_at(engine, now, &leg);
        let attempt = Attempt::new(id, leg.to, leg.hop, now, late_at);
        engine.deadlines.insert(attempt.silence(engine, self.key, n));
        engine.deadlines.extend(attempt.hedge(self.key, n));
        self.attempts.push(attempt);
    }

    /// When the answer of the next proxy is late. An INVITE is answered at once and by the next hop itself; of other
    /// requests nobody can say.
    fn late_at(&self, engine: &mut Engine, now: Instant, leg: &Leg) -> Option<Instant> {
        let Hop::Mesh(region, _) = &leg.hop else { return None };
        if self.request.method() != Method::Invite {
            return None;
        }
        engine.patience.pay();
        let round_trip = leg.measured.map(|path| path.round_trip);
        let patience = engine.patience.of(region, round_trip, engine.site.hop_timeout);
        (patience < engine.site.hop_timeout).then(|| now + patience)
    }

    fn hear(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard {
            return;
        }
        self.attempts[n].heard = true;
        self.attempts[n].stop_timers(engine, self.key, n);
        let attempt = &self.attempts[n];
        if let Hop::Mesh(region, _) = attempt.hop.clone()
            && !attempt.repeated
        {
            let delay = now.saturating_duration_since(attempt.sent);
            if self.request.method() == Method::Invite {
                engine.patience.learn(&region, delay);
            }
            self.sign(engine, &region, HopSign::Answer(delay));
        }
    }

    /// Hop measurements are taken from INVITE alone: only there the next proxy answers by itself.
    fn sign(&self, engine: &mut Engine, region: &Region, sign: HopSign) {
        if self.request.method() == Method::Invite {
            engine.hop(region, sign);
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

    /// There is an answer. RFC 3261 §16.7 step 10: nobody goes on working for it.
    fn finish(&mut self, engine: &mut Engine, now: Instant) {
        self.phase = Phase::Answered;
        self.stop_timers(engine);
        self.cancel_attempts(engine, now);
    }

    fn stop_timers(&mut self, engine: &mut Engine) {
        self.stop_timer_c(engine);
        for (n, attempt) in self.attempts.iter().enumerate() {
            attempt.stop_timers(engine, self.key, n);
        }
    }

    fn cancel_attempts(&self, engine: &mut Engine, now: Instant) {
        for attempt in self.attempts.iter().filter(|attempt| !attempt.done) {
            engine.layer.cancel(now, attempt.id);
        }
    }
}
