//! One request on its way: the response context of RFC 3261 §16.2, from the first attempt to the last answer.

use super::{
    branch::Token,
    decide::Decision,
    engine::{Engine, Key, PATH_FAILED, Timer},
    forward::Passage,
    output::{HopSign, Note},
    plan::{Hop, Leg, plan},
};
use bytes::Bytes;
use ringway_router::Region;
use ringway_sip::{ClientId, Message, Method, Name, Reply, ServerId};
use std::{collections::VecDeque, net::SocketAddr, time::Instant};

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
    from: SocketAddr,
    decision: Decision,
    record: bool,
    upstreams: Vec<Upstream>,
    plan: VecDeque<Leg>,
    attempts: Vec<Attempt>,
    phase: Phase,
    passed: Option<Message>,
    timer_c: Option<Instant>,
    /// Transactions that are not over.
    live: usize,
}

/// Where answers go: one server transaction for each path over which the request came.
struct Upstream {
    id: ServerId,
    /// The Via stack of this copy; `None` for the first, which is the one that is forwarded.
    vias: Option<Vec<String>>,
}

/// One client transaction.
struct Attempt {
    id: ClientId,
    to: SocketAddr,
    hop: Hop,
    sent: Instant,
    heard: bool,
    repeated: bool,
    done: bool,
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
    pub(super) from: SocketAddr,
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
            upstreams: vec![Upstream { id, vias: None }],
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
        from: SocketAddr,
    ) {
        engine.note(Note::Absorbed);
        let mut stamped = copy.edit();
        stamped.stamp_via(from);
        let vias = Message::parse(stamped.finish(), &engine.site.limits)
            .map(|copy| copy.values(Name::Via).map(str::to_owned).collect());
        let Ok(vias) = vias else {
            unreachable!("a message that was parsed is still one when its Via is stamped");
        };
        let upstream = Upstream { id, vias: Some(vias) };
        match &self.passed {
            Some(message) => upstream.pass(engine, now, message),
            None if copy.method() == Method::Invite => engine.answer(now, id, copy, from, 100, "Trying"),
            None => {}
        }
        self.upstreams.push(upstream);
        self.live += 1;
    }

    /// RFC 3261 §16.7.
    pub(super) fn on_response(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        self.hear(engine, now, n);
        let code = response.status().unwrap_or(0);
        match code {
            0..=100 => self.restart_timer_c(engine, now),
            101..=199 => {
                self.restart_timer_c(engine, now);
                if self.phase != Phase::Answered {
                    self.pass_up(engine, now, n, response);
                }
            }
            200..=299 => {
                // RFC 3261 §16.7 step 5 and RFC 6026: every 2xx goes up, also the later ones.
                self.attempts[n].done = true;
                self.plan.clear();
                self.finish(engine);
                self.pass_up(engine, now, n, response);
            }
            300.. => {
                self.attempts[n].done = true;
                self.on_error(engine, now, n, response);
            }
        }
    }

    fn on_error(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let code = response.status().unwrap_or(0);
        let edge = self.attempts[n].hop == Hop::Edge;
        // What a relay says of the path is not the callee's answer, and a 503 speaks for one element alone.
        let path_failed = !edge && response.first(PATH_FAILED).is_some();
        let try_next = path_failed || (edge && code == 503);
        match self.phase {
            Phase::Answered => {}
            Phase::Open if try_next && !self.plan.is_empty() => self.advance(engine, now),
            Phase::Open if path_failed && self.attempts.iter().any(|attempt| !attempt.done) => {}
            Phase::Open | Phase::Cancelled if edge && code == 503 => {
                // RFC 3261 §16.7 step 6: a lone 503 would make the caller give up all of us.
                self.conclude(engine, now, 500, "Server Internal Error");
            }
            Phase::Open | Phase::Cancelled => {
                self.finish(engine);
                self.pass_up(engine, now, n, response);
            }
        }
    }

    /// An attempt ended without an answer: Timer B or F, or the transport failed.
    pub(super) fn on_failure(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        engine.deadlines.remove(&self.silence(engine, n));
        self.attempts[n].done = true;
        if self.phase == Phase::Answered {
            return;
        }
        if self.phase == Phase::Open && !self.plan.is_empty() {
            return self.advance(engine, now);
        }
        if self.attempts.iter().any(|attempt| !attempt.done) {
            return;
        }
        match self.phase {
            Phase::Cancelled => self.conclude(engine, now, 487, "Request Terminated"),
            Phase::Open | Phase::Answered => self.conclude(engine, now, 408, "Request Timeout"),
        }
    }

    /// The next element has not said a word. A silent proxy of the mesh is a silent path: the same request goes over
    /// the next one as well, and the egress takes the copies for what they are. A silent edge element is given up.
    pub(super) fn on_silence(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard || self.attempts[n].done || self.phase != Phase::Open {
            return;
        }
        match self.attempts[n].hop.clone() {
            Hop::Mesh(region, _) => self.sign(engine, &region, HopSign::Timeout),
            Hop::Edge if self.plan.is_empty() => {}
            Hop::Edge => {
                engine.layer.cancel(now, self.attempts[n].id);
            }
        }
        self.advance(engine, now);
    }

    /// The world looks different. When no path stands any more over which this request is out, its answer may be on
    /// none of them: a copy goes over a path that stands, and the egress answers there as well.
    pub(super) fn on_view(&mut self, engine: &mut Engine, now: Instant) {
        let stands = |attempt: &Attempt| match &attempt.hop {
            Hop::Mesh(_, Some(path)) => !attempt.done && engine.view.stands(path, attempt.to),
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
        for attempt in self.attempts.iter().filter(|attempt| !attempt.done) {
            engine.layer.cancel(now, attempt.id);
        }
        if self.attempts.iter().all(|attempt| attempt.done) {
            self.conclude(engine, now, 487, "Request Terminated");
        }
    }

    /// Timer A or E sent an attempt's request again. (What is sent again after an answer is an ACK.)
    pub(super) fn on_retransmission(&mut self, engine: &mut Engine, n: usize) {
        if self.attempts[n].heard {
            return;
        }
        self.attempts[n].repeated = true;
        if let Hop::Mesh(region, _) = self.attempts[n].hop.clone() {
            self.sign(engine, &region, HopSign::Retransmission);
        }
    }

    /// One transaction is over. True when it was the last.
    pub(super) fn release(&mut self) -> bool {
        self.live -= 1;
        self.live == 0
    }

    /// Takes every deadline and every index entry of this context back.
    pub(super) fn close(&mut self, engine: &mut Engine) {
        self.finish(engine);
        for attempt in &self.attempts {
            engine.clients.remove(&attempt.id);
        }
    }

    /// Sends the request over the next leg of the plan, if there is one.
    fn advance(&mut self, engine: &mut Engine, now: Instant) {
        let Some(leg) = self.plan.pop_front() else { return };
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
                    path: path.clone(),
                    attempt: n + 1,
                    route_epoch: engine.view.table.epoch,
                    policy_revision: engine.view.table.policy_revision,
                });
            }
        }
        self.live += 1;
        self.attempts.push(Attempt {
            id,
            to: leg.to,
            hop: leg.hop,
            sent: now,
            heard: false,
            repeated: false,
            done: false,
        });
        let silence = self.silence(engine, n);
        engine.deadlines.insert(silence);
    }

    fn hear(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard {
            return;
        }
        self.attempts[n].heard = true;
        engine.deadlines.remove(&self.silence(engine, n));
        let attempt = &self.attempts[n];
        if let Hop::Mesh(region, _) = attempt.hop.clone()
            && !attempt.repeated
        {
            let delay = now.saturating_duration_since(attempt.sent);
            self.sign(engine, &region, HopSign::Answer(delay));
        }
    }

    /// Hop measurements are taken from INVITE alone: only there the next proxy answers by itself.
    fn sign(&self, engine: &mut Engine, region: &Region, sign: HopSign) {
        if self.request.method() == Method::Invite {
            engine.hop(region, sign);
        }
    }

    fn silence(&self, engine: &Engine, n: usize) -> (Instant, Key, Timer) {
        let attempt = &self.attempts[n];
        let patience = match attempt.hop {
            Hop::Mesh(..) => engine.site.hop_timeout,
            Hop::Edge => engine.site.edge_timeout,
        };
        (attempt.sent + patience, self.key, Timer::Silence(n))
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

    fn finish(&mut self, engine: &mut Engine) {
        self.phase = Phase::Answered;
        self.stop_timer_c(engine);
        for n in 0..self.attempts.len() {
            engine.deadlines.remove(&self.silence(engine, n));
        }
    }

    /// Ends with a status of our own. (A 408 to anything but INVITE ends with the layer: RFC 4320 §4.2.)
    fn conclude(&mut self, engine: &mut Engine, now: Instant, code: u16, reason: &str) {
        self.finish(engine);
        let tag = engine.mint.tag(&self.request);
        let first = Reply::new(&self.request, self.from, code, reason).to_tag(&tag).finish();
        let Ok(message) = Message::parse(first, &engine.site.limits) else {
            unreachable!("our own reply to a parsed request is a message");
        };
        engine.note(Note::Answered(code));
        for upstream in &self.upstreams {
            let bytes = upstream.dress(&message);
            engine.layer.respond(now, upstream.id, code, bytes);
        }
    }

    fn pass_up(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let mut edit = response.edit();
        edit.pop_first(Name::Via);
        // The word of a relay to the ingress does not leave the mesh, and does not enter it either.
        if !matches!(self.attempts[n].hop, Hop::Mesh(_, None)) {
            edit.remove(PATH_FAILED);
        }
        let Ok(message) = Message::parse(edit.finish(), &engine.site.limits) else {
            // Only our Via was on it: the response is not one to this request.
            return;
        };
        let code = message.status().unwrap_or(0);
        if code >= 200 {
            engine.note(Note::Answered(code));
        }
        for upstream in &self.upstreams {
            upstream.pass(engine, now, &message);
        }
        self.passed = Some(message);
    }
}

impl Upstream {
    fn pass(&self, engine: &mut Engine, now: Instant, message: &Message) {
        let bytes = self.dress(message);
        engine.layer.respond(now, self.id, message.status().unwrap_or(0), bytes);
    }

    /// The message with the Via stack of this copy of the request.
    fn dress(&self, message: &Message) -> Bytes {
        let Some(vias) = &self.vias else { return message.raw().clone() };
        let mut edit = message.edit();
        edit.remove(Name::Via);
        for via in vias.iter().rev() {
            edit.push_first(Name::Via, via);
        }
        edit.finish()
    }
}
