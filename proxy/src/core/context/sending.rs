//! Sending a request on, over one leg after the other: when its path is late, silent, or known to lose.

use super::{
    Context, Phase,
    anchor::{Anchor, State},
};
use crate::core::{
    attempt::Attempt,
    branch::LoopMark,
    engine::Engine,
    forward::Passage,
    marks::marks,
    output::{HopSign, Note},
    plan::{Hop, Leg},
};
use ringway_router::Region;
use ringway_sip::{Method, Peer, Transport};
use std::time::Instant;

/// RFC 3261 §18.1.1: what is longer goes over a transport that does not lose a fragment. Who does not listen for streams
/// gets it as a datagram after all.
const DATAGRAM_MAX: usize = 1_300;

impl Context {
    /// The first answer of the next proxy is late: the hedge of DESIGN §4. The ingress sends a copy over another path; a
    /// relay tells the ingress.
    pub(in crate::core) fn on_late(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.is_overloaded(engine, now, n) {
            return;
        }
        self.warn(engine, now, n);
        if self.may_help(n) && engine.patience.spend() {
            self.advance(engine, now, self.attempts[n].of);
        }
    }

    /// The next element has not said a word. A silent proxy of the mesh is a silent path: the same request goes over
    /// the next one as well, and the egress takes the copies for what they are. A silent edge element is given up.
    pub(in crate::core) fn on_silence(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        let (of, heard) = (self.attempts[n].of, self.attempts[n].heard || self.attempts[n].done);
        if heard || self.phase != Phase::Open {
            return;
        }
        match self.attempts[n].hop.clone() {
            Hop::Mesh(..) if self.is_server_late(engine, now, n) => return,
            Hop::Mesh(region, _) => {
                self.sign(engine, &region, HopSign::Timeout);
                self.warn(engine, now, n);
                // Its copy is out already, or there was none to be had.
                if !self.may_help(n) || !engine.patience.spend() {
                    return;
                }
            }
            Hop::Sibling | Hop::Edge | Hop::Flow if self.branches[of].plan.is_empty() => {}
            Hop::Sibling | Hop::Edge | Hop::Flow => {
                engine.note(Note::Unanswered(self.attempts[n].to));
                self.attempts[n].given_up = true;
                engine.layer.cancel(now, self.attempts[n].id);
            }
        }
        self.advance(engine, now, of);
    }

    /// Timer A or E sent an attempt's request again. (What is sent again after an answer is an ACK.)
    pub(in crate::core) fn on_retransmission(&mut self, engine: &mut Engine, now: Instant, n: usize) {
        if self.attempts[n].heard {
            return;
        }
        self.attempts[n].repeated = true;
        self.note_again(engine, now, n);
        if self.is_overloaded(engine, now, n) {
            return;
        }
        if let Hop::Mesh(region, _) = self.attempts[n].hop.clone() {
            self.sign(engine, &region, HopSign::Retransmission);
            self.warn(engine, now, n);
        }
    }

    /// Whether a copy over another path could help this attempt: it has none yet, and there is a path.
    pub(super) fn may_help(&self, n: usize) -> bool {
        let of = self.attempts[n].of;
        let is_latest = self.attempts[n + 1..].iter().all(|attempt| attempt.of != of);
        self.phase == Phase::Open && is_latest && !self.branches[of].plan.is_empty()
    }

    /// The best leg of the branch that shares no link with what was tried; if all do, the best one.
    fn next_leg(&mut self, b: usize) -> Option<Leg> {
        let tried = || self.attempts.iter().filter(|attempt| attempt.of == b);
        let fresh = |leg: &Leg| tried().all(|attempt| leg.hop.is_independent_of(&attempt.hop));
        let next = self.branches[b].plan.iter().position(fresh).unwrap_or(0);
        self.branches[b].plan.remove(next)
    }

    /// Sends the request over the next leg of the branch, if there is one. Over a path that is known to lose, the one
    /// after it gets its copy at once.
    pub(super) fn advance(&mut self, engine: &mut Engine, now: Instant, b: usize) {
        if !self.is_anchored(engine, b) {
            return;
        }
        let (mut shed, mut copies) = (None, 0);
        while let Some(leg) = self.next_leg(b) {
            if let Err(spared) = self.offer(engine, now, b, &leg) {
                shed = Some(spared);
                continue;
            }
            let again = leg.goes_again(copies);
            self.send(engine, now, b, leg);
            copies += 1;
            if !again {
                break;
            }
        }
        if let Some(shed) = shed {
            self.end_shed(engine, now, b, shed);
        }
    }

    pub(super) fn send(&mut self, engine: &mut Engine, now: Instant, b: usize, mut leg: Leg) {
        let branch = engine.mint.branch(LoopMark::of(self.identity));
        let marks = self.marks(engine);
        let body = self.body_over(engine, b, &leg);
        let told = (&*marks, body.as_deref());
        let mut bytes = self.passage(b, &leg, &branch, told).apply(&self.request, &engine.site);
        let mut datagram = None;
        if bytes.len() > DATAGRAM_MAX && leg.to.transport == Transport::Udp && !leg.refuses_streams {
            datagram = Some(Leg { refuses_streams: true, ..leg.clone() });
            leg.to = Peer::new(Transport::Tcp, leg.to.address);
            bytes = self.passage(b, &leg, &branch, told).apply(&self.request, &engine.site);
        }
        let id = engine.layer.request(now, leg.to, &branch, self.request.method(), bytes);
        let n = self.attempts.len();
        engine.clients.insert(id, (self.key, n));
        self.note_setting_out(engine, b, &leg);
        self.live += 1;
        let late_at = self.late_at(engine, now, &leg);
        let mut attempt = Attempt::new(id, b, leg.to, leg.hop, now, late_at);
        attempt.datagram = datagram;
        engine.deadlines.insert(attempt.silence(engine, self.key, n));
        engine.deadlines.extend(attempt.hedge(self.key, n));
        self.attempts.push(attempt);
        self.note_sent(engine, now, n);
    }

    /// What the edges record of it, so that the requests in the dialog are known for what they are.
    fn marks(&self, engine: &Engine) -> String {
        let recorded = self.record.then(|| self.traffic(engine).ok()).flatten();
        recorded.map(|traffic| marks(&traffic, engine.view.table.asks_for_numbers())).unwrap_or_default()
    }

    fn passage<'a>(
        &'a self,
        b: usize,
        leg: &'a Leg,
        branch: &'a str,
        (marks, body): (&'a str, Option<&'a [u8]>),
    ) -> Passage<'a> {
        let target = &self.branches[b];
        let anchored = |anchor: &Anchor| anchor.way.enters_the_mesh() && anchor.state != State::Off;
        Passage {
            from: self.from,
            source: self.source,
            pops: self.pops,
            record: self.record,
            uri: target.target.uri.as_deref(),
            marks,
            leg,
            branch,
            token: target.token,
            breadth: target.breadth,
            body,
            anchored: target.anchor.as_ref().is_some_and(anchored),
        }
    }

    fn note_setting_out(&self, engine: &mut Engine, b: usize, leg: &Leg) {
        let Hop::Mesh(region, path) = &leg.hop else { return };
        self.sign(engine, region, HopSign::Request);
        if let Some(path) = path.as_ref().filter(|_| self.record) {
            let before = self.attempts.iter().filter(|attempt| attempt.of == b).count();
            engine.note(Note::SetOut {
                call_id: self.request.call_id().to_owned(),
                called: self.request.uri().to_owned(),
                path: path.clone(),
                attempt: before + 1,
                route_epoch: engine.view.table.epoch,
                policy_revision: engine.view.table.policy_revision,
            });
        }
    }

    /// When the answer of the next proxy is late. An INVITE is answered at once and by the next hop itself; of other
    /// requests nobody can say.
    fn late_at(&self, engine: &mut Engine, now: Instant, leg: &Leg) -> Option<Instant> {
        let Hop::Mesh(region, _) = &leg.hop else { return None };
        if self.request.method() != Method::Invite || !leg.may_be_hedged() {
            return None;
        }
        engine.patience.pay();
        let round_trip = leg.measured.map(|path| path.round_trip);
        let patience = engine.patience.of(region, round_trip, engine.site.hop_timeout);
        (patience < engine.site.hop_timeout).then(|| now + patience)
    }

    pub(super) fn hear(&mut self, engine: &mut Engine, now: Instant, n: usize) {
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
    pub(super) fn sign(&self, engine: &mut Engine, region: &Region, sign: HopSign) {
        if self.request.method() == Method::Invite {
            engine.hop(region, sign);
        }
    }

    pub(super) fn cancel_attempts(
        &self,
        engine: &mut Engine,
        now: Instant,
        which: impl Fn(&Attempt) -> bool,
    ) {
        for attempt in self.attempts.iter().filter(|attempt| !attempt.done && which(attempt)) {
            engine.layer.cancel(now, attempt.id);
        }
    }
}
