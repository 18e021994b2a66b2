//! What overload has to do with one request: whether its next hop is spared it, what its answers show of an edge
//! element, and how it ends when nobody may be asked. A path is never the reason, and never the remedy.

use super::{Context, Phase};
use crate::core::{
    decide::Source,
    engine::Engine,
    overload::Shed,
    plan::{Hop, Leg},
    upstream::Word,
};
use ringway_sip::{Message, Method, Name, Reply};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

impl Context {
    /// Whether this request may take that leg of a branch. Where a proxy of the mesh is spared it, every other path is as
    /// well: they lead to the same server, and to go around would carry the overload through the mesh.
    pub(super) fn offer(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        b: usize,
        leg: &Leg,
    ) -> Result<(), Shed> {
        let infers = leg.hop == Hop::Edge;
        let offered = engine.overload.offer(now, leg.to.address, infers, &self.request);
        if offered.is_err() && matches!(leg.hop, Hop::Mesh(..)) {
            self.branches[b].plan.clear();
        }
        offered
    }

    /// A leg of a branch was spared this request. When nobody else is working on it, that is how it ends.
    pub(super) fn end_shed(&mut self, engine: &mut Engine, now: Instant, b: usize, shed: Shed) {
        let mut attempts = self.attempts.iter();
        if self.phase == Phase::Open && !attempts.any(|attempt| attempt.of == b && attempt.is_pending()) {
            let word = self.overloaded(engine, Some(shed.retry_after));
            self.end_unreached(engine, now, b, word);
            self.settle(engine, now);
        }
    }

    /// Whom the request is for is overloaded.
    ///
    /// RFC 3261 §16.7 step 6: a 503 to an edge element would have it give up all of us, and every region behind us, for
    /// one server that is overloaded; it hears 500, and when to try again (RFC 3261 §20.33 allows both). Within the
    /// mesh the 503 stays a 503: that of an egress ends the request at its ingress, and no path is blamed.
    pub(super) fn overloaded(&self, engine: &Engine, wait: Option<Duration>) -> Word {
        let (code, reason) = match self.source {
            Source::Mesh => (503, "Service Unavailable"),
            Source::Edge | Source::Stranger => (500, "Server Internal Error"),
        };
        let tag = engine.mint.tag(&self.request);
        let mut reply = Reply::new(&self.request, self.from.address, code, reason).to_tag(&tag);
        if let Some(wait) = wait {
            // Rounded up: nobody is to come too early.
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            reply = reply.header(Name::RetryAfter, &seconds.to_string());
        }
        Word { code, bytes: reply.finish() }
    }

    /// Whether a proxy of the mesh that is late has said why. Then it is no path that fails.
    pub(super) fn is_overloaded(&self, engine: &Engine, now: Instant, n: usize) -> bool {
        engine.overload.has_told(now, self.attempts[n].to.address)
    }

    /// Whether whoever is silent is no path: a proxy that has said why, or the element behind a path that carries. Of an
    /// INVITE each proxy tells by its 100 that the path to it carries; of nothing else.
    pub(super) fn is_server_late(&self, engine: &Engine, now: Instant, n: usize) -> bool {
        let attempt = &self.attempts[n];
        let carries = |path| engine.proofs.has(path, attempt.sent);
        let proven = matches!(&attempt.hop, Hop::Mesh(_, Some(path)) if carries(path));
        self.is_overloaded(engine, now, n) || (proven && self.request.method() != Method::Invite)
    }

    /// What a response says besides its answer.
    pub(super) fn listen(&self, engine: &mut Engine, now: Instant, n: usize, code: u16, response: &Message) {
        let attempt = &self.attempts[n];
        engine.overload.hear(now, attempt.to.address, response);
        if !attempt.heard && code != 503 {
            self.note_answer(engine, now, n);
        }
        if let Hop::Mesh(_, Some(path)) = &attempt.hop {
            engine.proofs.note(path, attempt.sent, code);
        }
    }

    pub(super) fn note_sent(&self, engine: &mut Engine, now: Instant, n: usize) {
        if let Some((to, _)) = self.observed(n) {
            engine.overload.note_sent(now, to);
        }
    }

    fn note_answer(&self, engine: &mut Engine, now: Instant, n: usize) {
        if let Some((to, sent)) = self.observed(n) {
            let reliable = self.attempts[n].to.transport.is_reliable();
            engine.overload.note_answer(now, to, sent, reliable);
        }
    }

    pub(super) fn note_again(&self, engine: &mut Engine, now: Instant, n: usize) {
        if let Some((to, sent)) = self.observed(n) {
            engine.overload.note_again(now, to, sent);
        }
    }

    pub(super) fn note_refused(&self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let attempt = &self.attempts[n];
        if attempt.hop == Hop::Edge && response.status() == Some(503) {
            engine.overload.note_refused(now, attempt.to.address, attempt.sent, response);
        }
    }

    /// An edge element is known by how it answers INVITE, which it does at once or with a 100.
    fn observed(&self, n: usize) -> Option<(SocketAddr, Instant)> {
        let attempt = &self.attempts[n];
        (attempt.hop == Hop::Edge && self.request.method() == Method::Invite)
            .then_some((attempt.to.address, attempt.sent))
    }
}
