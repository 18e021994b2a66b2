//! What is made of the answers to a request, and of attempts that end without one: RFC 3261 §16.7.

use super::{Context, Phase};
use crate::core::{
    attempt::{Attempt, Failure},
    engine::{Engine, PATH_FAILED},
    output::{HopSign, Note},
    overload::{retry_after, wire},
    plan::Hop,
    upstream::Word,
};
use ringway_router::Region;
use ringway_sip::{Message, Method, Name, Reply, Via, Way};
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
        let code = response.status().unwrap_or(0);
        self.listen(engine, now, n, code, response);
        self.hear(engine, now, n);
        if code == 503
            && let Hop::Mesh(region, _) = self.attempts[n].hop.clone()
        {
            self.sign(engine, &region, HopSign::Unavailable);
        }
        match code {
            0..=100 => self.on_trying(engine, now, n, response),
            101..=199 if self.attempts[n].given_up || self.has_ended(n) => {}
            101..=199 => {
                self.restart_timer_c(engine, now);
                if let Some(word) = self.word_of(n, response)
                    && self.phase != Phase::Answered
                {
                    self.pass_described(engine, now, n, (word, response));
                }
            }
            200..=299 => self.on_success(engine, now, n, response),
            300.. => {
                self.attempts[n].done = true;
                self.on_error(engine, now, n, response);
            }
        }
        if code >= 200 {
            self.give_losers_back(engine);
        }
    }

    /// A 100 is of this hop alone. That of a relay may say that the hop after it is silent: then the next path is
    /// tried as well, as if the relay itself were late.
    fn on_trying(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        if self.timer_c.is_none() {
            self.restart_timer_c(engine, now);
        }
        if self.may_help(n) && self.is_path_failure(n, response) && engine.patience.spend() {
            self.advance(engine, now, self.attempts[n].of);
        }
    }

    /// RFC 3261 §16.7 step 5 and RFC 6026: every 2xx goes up, also the later ones.
    fn on_success(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        self.attempts[n].done = true;
        self.branches[self.attempts[n].of].won = true;
        self.branches.iter_mut().for_each(|branch| branch.plan.clear());
        self.remember_path(engine, n);
        let answered = self.phase == Phase::Answered;
        self.finish(engine, now);
        match self.word_of(n, response) {
            Some(word) => self.pass_described(engine, now, n, (word, response)),
            // The caller cannot be reached with this, and must not wait for ever.
            None if !answered => {
                let word = engine.word(&self.request, self.from, 502, "Bad Gateway");
                self.pass(engine, now, word);
            }
            None => {}
        }
    }

    fn on_error(&mut self, engine: &mut Engine, now: Instant, n: usize, response: &Message) {
        let of = self.attempts[n].of;
        self.note_refused(engine, now, n, response);
        if self.phase == Phase::Answered || self.has_ended(n) {
            return;
        }
        if self.attempts[n].given_up || self.is_path_failure(n, response) {
            return self.fail(engine, now, n, Some(response));
        }
        let at_edge = matches!(self.attempts[n].hop, Hop::Edge | Hop::Flow | Hop::Sibling);
        let word = match response.status() {
            Some(503) if at_edge && self.phase == Phase::Open && !self.branches[of].plan.is_empty() => {
                return self.advance(engine, now, of);
            }
            // What a relay hears goes to the ingress as it is.
            Some(503) if !matches!(self.attempts[n].hop, Hop::Mesh(_, None)) => {
                self.overloaded(engine, retry_after(response))
            }
            Some(430) => {
                let word = engine.word(&self.request, self.from, 430, "Flow Failed");
                self.end_unreached(engine, now, of, word);
                return self.settle(engine, now);
            }
            _ => self
                .word_over_border(engine, n, response)
                .unwrap_or_else(|| engine.word(&self.request, self.from, 502, "Bad Gateway")),
        };
        self.end(engine, now, of, word);
        self.settle(engine, now);
    }

    /// Whether the branch of an attempt is over.
    fn has_ended(&self, n: usize) -> bool {
        self.branches[self.attempts[n].of].outcome.is_some()
    }

    /// What a relay says of the path is not the callee's answer.
    fn is_path_failure(&self, n: usize, response: &Message) -> bool {
        matches!(self.attempts[n].hop, Hop::Mesh(_, Some(_))) && response.first(PATH_FAILED).is_some()
    }

    /// An attempt ended without an answer.
    pub(in crate::core) fn on_failure(&mut self, engine: &mut Engine, now: Instant, n: usize, why: Failure) {
        self.end_attempt(engine, now, n, why);
        self.give_losers_back(engine);
    }

    fn end_attempt(&mut self, engine: &mut Engine, now: Instant, n: usize, why: Failure) {
        self.attempts[n].stop_timers(engine, self.key, n);
        self.attempts[n].done = true;
        if self.has_ended(n) {
            return;
        }
        if let Some(leg) = self.attempts[n].datagram.take().filter(|_| why == Failure::Unreachable)
            && self.phase == Phase::Open
        {
            return self.send(engine, now, self.attempts[n].of, leg);
        }
        // RFC 4320 §4.2: when Timer F fires here, it has fired everywhere.
        let in_time = why == Failure::Unreachable || self.request.method() == Method::Invite;
        match self.attempts[n].hop.clone() {
            Hop::Mesh(region, None) if in_time && self.phase == Phase::Open => {
                let word = self.path_failed(engine, &region);
                self.conclude(engine, now, word);
            }
            Hop::Mesh(..) => self.fail(engine, now, n, None),
            Hop::Sibling | Hop::Edge | Hop::Flow => {
                engine.note(Note::Unanswered(self.attempts[n].to));
                self.fail(engine, now, n, None);
            }
        }
    }

    /// One way less: the next one, or the ones that are under way, or the end. `word`: what a response said of it.
    fn fail(&mut self, engine: &mut Engine, now: Instant, n: usize, word: Option<&Message>) {
        // What was given up has had its successor, and has no say any more.
        let (of, given_up) = (self.attempts[n].of, self.attempts[n].given_up);
        if self.phase == Phase::Open && !self.branches[of].plan.is_empty() && !given_up {
            return self.advance(engine, now, of);
        }
        if self.attempts.iter().any(|attempt| attempt.of == of && attempt.is_pending()) {
            return;
        }
        let said = word.filter(|_| !given_up);
        let said = said.and_then(|response| self.word_over_border(engine, n, response));
        match (self.phase, said) {
            (Phase::Answered, _) => return,
            (Phase::Cancelled, _) => {
                let word = engine.word(&self.request, self.from, 487, "Request Terminated");
                self.end(engine, now, of, word);
            }
            (Phase::Seeking | Phase::Open, said) => {
                // RFC 5626 §5.3: the flow itself is gone.
                let (code, reason) = match self.attempts[n].to.way {
                    Way::Flow(_) => (430, "Flow Failed"),
                    Way::Any | Way::Name(_) => (408, "Request Timeout"),
                };
                let word = said.unwrap_or_else(|| engine.word(&self.request, self.from, code, reason));
                self.end_unreached(engine, now, of, word);
            }
        }
        self.settle(engine, now);
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
        let first = |attempt: &Attempt| attempt.of != self.attempts[n].of;
        if let (false, Hop::Mesh(_, Some(path))) =
            (self.attempts[..n].iter().all(first), &self.attempts[n].hop)
            && self.request.method() == Method::Invite
        {
            engine.answered_over.entry(dialog_of(&self.request)).or_insert_with(|| path.clone());
        }
    }

    fn path_failed(&self, engine: &Engine, region: &Region) -> Word {
        let tag = engine.mint.tag(&self.request);
        let reply = Reply::new(&self.request, self.from.address, 504, "Server Time-out").to_tag(&tag);
        Word { code: 504, bytes: reply.header(PATH_FAILED, region.as_str()).finish() }
    }

    /// A response without an answer in it, as it goes up. What it says of media is nobody's, but nothing in it is a relay's.
    fn word_over_border(&self, engine: &mut Engine, n: usize, response: &Message) -> Option<Word> {
        let word = self.word_of(n, response)?;
        let checked = self.crosses_border(n) && !response.body().is_empty();
        Some(if checked { word.without_tunnel(engine) } else { word })
    }

    /// A response as it goes up, without our Via. `None`: there is no other, so nobody could be reached with it.
    fn word_of(&self, n: usize, response: &Message) -> Option<Word> {
        let code = response.status()?;
        let next = Via::parse(response.values(Name::Via).nth(1)?).ok()?;
        let mut edit = response.edit();
        edit.pop_first(Name::Via);
        // RFC 7339 §5.6: nobody beyond this hop gives orders to those before it.
        if wire::has_order(&next) {
            edit.pop_first(Name::Via);
            edit.push_first(Name::Via, &wire::as_announced(&next));
        }
        // The word of a relay to the ingress does not leave the mesh, and does not enter it either.
        if !matches!(self.attempts[n].hop, Hop::Mesh(_, None)) {
            edit.remove(PATH_FAILED);
        }
        Some(Word { code, bytes: edit.finish() })
    }
}

/// What an ACK shares with its INVITE.
pub(in crate::core) fn dialog_of(request: &Message) -> (String, u32) {
    (request.call_id().to_owned(), request.cseq().number)
}
