//! What is made of the answers to a request, and of attempts that end without one: RFC 3261 §16.7.

use super::{Context, Phase};
use crate::core::{
    attempt::{Attempt, Failure},
    engine::{Engine, PATH_FAILED},
    output::Note,
    plan::Hop,
    upstream::Word,
};
use ringway_router::Region;
use ringway_sip::{Message, Method, Name, Reply};
use std::time::Instant;

impl Context {
    /// RFC 3261 §16.7.
    pub(in crate::core) fn on_response(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        n: usize,
        response: &Message,
    ) {
        self.hear(engine, now, n);
        let code = response.status().unwrap_or(0);
        match code {
            0..=100 => self.on_trying(engine, now, n, response),
            101..=199 if self.attempts[n].given_up => {}
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
                self.remember_path(engine, n);
                self.finish(engine, now);
                self.pass_up(engine, now, n, response);
            }
            300.. => {
                self.attempts[n].done = true;
                self.on_error(engine, now, n, response);
            }
        }
    }

    /// A 100 is of this hop alone. That of a relay may say that the hop after it is silent: then the next path is
    /// tried as well, as if the relay itself were late.
    fn on_trying(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        if self.timer_c.is_none() {
            self.restart_timer_c(engine, now);
        }
        let may_help = self.is_latest(n) && self.phase == Phase::Open && !self.plan.is_empty();
        if may_help && self.is_path_failure(n, response) && engine.patience.spend() {
            self.advance(engine, now);
        }
    }

    fn on_error(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let edge = self.attempts[n].hop == Hop::Edge;
        let lone_503 = edge && response.status() == Some(503);
        if self.phase == Phase::Answered {
            return;
        }
        if self.attempts[n].given_up || self.is_path_failure(n, response) {
            return self.fail(engine, now, n, Some(response));
        }
        if self.phase == Phase::Open && lone_503 && !self.plan.is_empty() {
            return self.advance(engine, now);
        }
        if lone_503 {
            // RFC 3261 §16.7 step 6: a lone 503 would make the caller give up all of us.
            return self.conclude(engine, now, 500, "Server Internal Error");
        }
        self.finish(engine, now);
        self.pass_up(engine, now, n, response);
    }

    /// What a relay says of the path is not the callee's answer.
    fn is_path_failure(&self, n: usize, response: &Message) -> bool {
        matches!(self.attempts[n].hop, Hop::Mesh(_, Some(_))) && response.first(PATH_FAILED).is_some()
    }

    /// An attempt ended without an answer.
    pub(in crate::core) fn on_failure(&mut self, engine: &mut Engine, now: Instant, n: usize, why: Failure) {
        self.attempts[n].stop_timers(engine, self.key, n);
        self.attempts[n].done = true;
        // RFC 4320 §4.2: when Timer F fires here, it has fired everywhere.
        let in_time = why == Failure::Unreachable || self.request.method() == Method::Invite;
        match self.attempts[n].hop.clone() {
            Hop::Mesh(region, None) if in_time && self.phase == Phase::Open => {
                self.conclude_path_failed(engine, now, &region);
            }
            Hop::Mesh(..) | Hop::Edge => self.fail(engine, now, n, None),
        }
    }

    /// One way less: the next one, or the ones that are under way, or the end. `word`: what a response said of it.
    fn fail(&mut self, engine: &mut Engine, now: Instant, n: usize, word: Option<&Message>) {
        // What was given up has had its successor, and has no say any more.
        let given_up = self.attempts[n].given_up;
        if self.phase == Phase::Open && !self.plan.is_empty() && !given_up {
            return self.advance(engine, now);
        }
        if self.attempts.iter().any(Attempt::is_pending) {
            return;
        }
        match (self.phase, word) {
            (Phase::Answered, _) => {}
            (Phase::Cancelled, _) => self.conclude(engine, now, 487, "Request Terminated"),
            (Phase::Open, Some(response)) if !given_up => {
                self.finish(engine, now);
                self.pass_up(engine, now, n, response);
            }
            (Phase::Open, _) => self.conclude(engine, now, 408, "Request Timeout"),
        }
    }

    /// At a relay: tells the ingress that the next hop does not answer. In a 100, because this relay goes on trying
    /// (the ingress may have no other path), and because a 100 never leaves its hop.
    pub(super) fn warn(&self, engine: &mut Engine, now: Instant, n: usize) {
        if let Hop::Mesh(region, None) = &self.attempts[n].hop
            && self.request.method() == Method::Invite
            && self.phase == Phase::Open
        {
            let reply = Reply::new(&self.request, self.from.address, 100, "Trying");
            let word = Word { code: 100, bytes: reply.header(PATH_FAILED, region.as_str()).finish() };
            self.upstreams.iter().for_each(|upstream| upstream.pass(engine, now, &word));
        }
    }

    /// An ACK has no answer by which a silent path could be known. Where the first path was, it goes the way on which
    /// its INVITE was answered.
    fn remember_path(&self, engine: &mut Engine, n: usize) {
        if let (1.., Hop::Mesh(_, Some(path))) = (n, &self.attempts[n].hop)
            && self.request.method() == Method::Invite
        {
            engine.answered_over.entry(dialog_of(&self.request)).or_insert_with(|| path.clone());
        }
    }

    /// Ends with a status of our own. (A 408 to anything but INVITE ends with the layer: RFC 4320 §4.2.)
    pub(super) fn conclude(&mut self, engine: &mut Engine, now: Instant, code: u16, reason: &str) {
        let tag = engine.mint.tag(&self.request);
        let bytes = Reply::new(&self.request, self.from.address, code, reason).to_tag(&tag).finish();
        self.conclude_with(engine, now, Word { code, bytes });
    }

    fn conclude_path_failed(&mut self, engine: &mut Engine, now: Instant, region: &Region) {
        let tag = engine.mint.tag(&self.request);
        let reply = Reply::new(&self.request, self.from.address, 504, "Server Time-out").to_tag(&tag);
        let bytes = reply.header(PATH_FAILED, region.as_str()).finish();
        self.conclude_with(engine, now, Word { code: 504, bytes });
    }

    fn conclude_with(&mut self, engine: &mut Engine, now: Instant, word: Word) {
        self.finish(engine, now);
        engine.note(Note::Answered(word.code));
        self.upstreams.iter().for_each(|upstream| upstream.pass(engine, now, &word));
        self.passed = Some(word);
    }

    fn pass_up(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let code = response.status().unwrap_or(0);
        if !matches!(response.vias().nth(1), Some(Ok(_))) {
            // Only our Via was on it: the caller cannot be reached with this, and must not wait for ever.
            let waiting = self.passed.as_ref().is_none_or(|passed| passed.code < 200);
            if code >= 200 && waiting {
                self.conclude(engine, now, 502, "Bad Gateway");
            }
            return;
        }
        let mut edit = response.edit();
        edit.pop_first(Name::Via);
        // The word of a relay to the ingress does not leave the mesh, and does not enter it either.
        if !matches!(self.attempts[n].hop, Hop::Mesh(_, None)) {
            edit.remove(PATH_FAILED);
        }
        if code >= 200 {
            engine.note(Note::Answered(code));
        }
        let word = Word { code, bytes: edit.finish() };
        for upstream in &self.upstreams {
            upstream.pass(engine, now, &word);
        }
        self.passed = Some(word);
    }
}

/// What an ACK shares with its INVITE.
pub(in crate::core) fn dialog_of(request: &Message) -> (String, u32) {
    (request.call_id().to_owned(), request.cseq().number)
}
