//! Requests: taken in and sent on, absorbed, answered here, or refused; and the CANCEL, which is special.

use super::{
    Proxy,
    branch::{LoopMark, Token},
    context::{Context, Opening},
    decide::{Decision, Source, decide},
    engine::{Asked, Key},
    forward::opens_dialog,
    gates::Held,
    marks::traffic,
    output::Note,
    plan::{Leg, plan},
    question::Question,
    refusal::Refusal,
    target::{Goal, Target},
};
use memchr::memmem;
use ringway_sip::{Message, Method, Name, Peer, Reply, ServerId};
use std::{collections::VecDeque, time::Instant};

/// What an OPTIONS for the node itself is told (RFC 3261 §11.2).
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER";

impl Proxy {
    /// A request came. While a description of its call is at the media relay, it waits; but for a copy of what has been
    /// taken in already, whose sender wants to hear that its path carries.
    pub(super) fn on_request(&mut self, now: Instant, id: ServerId, from: Peer, request: Message) {
        if !self.engine.gates.is_closed(request.call_id()) || self.is_copy(&request) {
            return self.take_in(now, id, from, request);
        }
        if request.method() == Method::Invite {
            self.engine.answer(now, id, &request, from, 100, "Trying");
        }
        let call_id = request.call_id().to_owned();
        if let Some(Held::Request { id, from, request }) =
            self.engine.gates.hold(&call_id, Held::Request { id, from, request })
        {
            self.engine.refuse(now, id, &request, from, &Refusal::Overloaded);
        }
    }

    /// Lets what waited at the gate of a call go on.
    pub(super) fn let_through(&mut self, now: Instant, call_id: &str) {
        while let Some(held) = self.engine.gates.next(call_id) {
            match held {
                Held::Request { id, from, request } => self.take_in(now, id, from, request),
                Held::Ack { from, ack } => self.on_ack(from, ack),
            }
        }
    }

    /// Whether the same request is here already, and came over another path.
    fn is_copy(&self, request: &Message) -> bool {
        ingress_token(request).is_some_and(|token| self.tokens.contains_key(&token))
    }

    fn take_in(&mut self, now: Instant, id: ServerId, from: Peer, request: Message) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let from_mesh = source == Source::Mesh;
        self.engine.note(Note::Request {
            method: label(request.method()),
            source: if from_mesh { "mesh" } else { "edge" },
        });
        // Before any work is done for it; but a copy of what has been taken in already is not new.
        let strained = self.engine.overload.share() > 0.0;
        if strained && !self.is_copy(&request) && self.engine.overload.refuses(&request) {
            return self.engine.refuse(now, id, &request, from, &Refusal::Overloaded);
        }
        let identity = self.engine.mint.identity(&request);
        let (pops, start) = match self.judge(&request, identity, from, source) {
            Ok(judged) => judged,
            Err(refusal) => return self.engine.refuse(now, id, &request, from, &refusal),
        };
        match start {
            Start::Answer => return self.answer_options(now, id, &request, from),
            Start::Register => return self.on_register(now, id, request, from),
            Start::Locate(_) | Start::Pursue(..) => {}
        }
        let token = ingress_token(&request).filter(|_| from_mesh);
        if let Some(key) = token.and_then(|token| self.tokens.get(&token).copied())
            && let Some(context) = self.contexts.get_mut(&key)
        {
            self.servers.insert(id, key);
            return context.join(&mut self.engine, now, id, &request, from);
        }
        if source == Source::Edge && self.identities.contains_key(&identity) {
            // RFC 3261 §8.2.2.2: somebody before us forked it, and both branches lead here.
            return self.engine.refuse(now, id, &request, from, &Refusal::Merged);
        }
        let is_relayed = matches!(&start, Start::Pursue(Target { goal: Goal::Relay(_), .. }, _));
        let token = token.filter(|_| !is_relayed);
        let record = !is_relayed && opens_dialog(&request);
        let opening = Opening { id, request, from, source, pops, record, token, identity };
        self.open(now, opening, start);
    }

    fn open(&mut self, now: Instant, opening: Opening, start: Start) {
        self.count += 1;
        let key = Key(self.count);
        self.servers.insert(opening.id, key);
        if let Some(token) = opening.token {
            self.tokens.insert(token, key);
        }
        if opening.source == Source::Edge {
            self.identities.insert(opening.identity, key);
        }
        let mut context = Context::open(&mut self.engine, now, key, opening);
        match start {
            Start::Pursue(target, legs) => context.pursue(&mut self.engine, now, target, legs),
            Start::Locate(aor) => {
                self.engine.ask(Asked::Targets(key), Question::Locate(aor));
            }
            Start::Answer | Start::Register => unreachable!("they need no context"),
        }
        self.contexts.insert(key, context);
    }

    /// RFC 3261 §16.10: a CANCEL is answered here, and sent on as one of our own.
    pub(super) fn on_cancel(
        &mut self,
        now: Instant,
        id: ServerId,
        invite: Option<ServerId>,
        from: Peer,
        cancel: &Message,
    ) {
        if let Some((invite_id, (invite, at))) =
            invite.and_then(|id| Some((id, self.engine.gates.take(cancel.call_id(), id)?)))
        {
            self.engine.answer(now, id, cancel, from, 200, "OK");
            return self.engine.answer(now, invite_id, &invite, at, 487, "Request Terminated");
        }
        let key = invite.and_then(|invite| self.servers.get(&invite));
        let Some(context) = key.and_then(|key| self.contexts.get_mut(key)) else {
            return self.engine.answer(now, id, cancel, from, 481, "Call/Transaction Does Not Exist");
        };
        self.engine.answer(now, id, cancel, from, 200, "OK");
        context.cancel(&mut self.engine, now);
    }

    /// How many Routes come off, and what is done first; or the refusal.
    pub(super) fn judge(
        &self,
        request: &Message,
        identity: u64,
        from: Peer,
        source: Source,
    ) -> Result<(usize, Start), Refusal> {
        let (site, view) = (&self.engine.site, &self.engine.view);
        let mark = LoopMark::of(identity);
        // RFC 3261 §16.3 step 4: our Via with the same mark is a loop, with another one a spiral.
        let own = site.sockets.may_stand_in(request.raw());
        if own && request.vias().flatten().any(|via| site.is_own_via(&via) && mark.is_in(via.branch())) {
            return Err(Refusal::Loop);
        }
        let decision = decide(request, from, source, site, view)?;
        Ok(match decision {
            Decision::Answer => (0, Start::Answer),
            Decision::Register => (0, Start::Register),
            Decision::Locate { aor, pops } => (pops, Start::Locate(aor)),
            Decision::Forward { target, pops } => {
                let traffic = traffic(request, from, source, site)?;
                let legs = plan(&target, request.call_id(), &traffic, site, view)?;
                (pops, Start::Pursue(target, legs))
            }
        })
    }

    fn answer_options(&mut self, now: Instant, id: ServerId, request: &Message, from: Peer) {
        if self.engine.view.draining {
            return self.engine.refuse(now, id, request, from, &Refusal::Draining);
        }
        let tag = self.engine.mint.tag(request);
        let reply = Reply::new(request, from.address, 200, "OK").to_tag(&tag).header(Name::Allow, ALLOW);
        self.engine.answer_and_forget(now, id, request, 200, reply.finish());
    }
}

/// What is done first with a request.
pub(super) enum Start {
    /// An OPTIONS is answered.
    Answer,
    /// A REGISTER is read.
    Register,
    /// An address-of-record is looked up.
    Locate(String),
    /// The target is known.
    Pursue(Target, VecDeque<Leg>),
}

/// The token that the ingress put on its Via.
fn ingress_token(request: &Message) -> Option<Token> {
    memmem::find(request.raw(), Token::PARAM.as_bytes())?;
    request.vias().flatten().find_map(|via| Token::parse(via.param(Token::PARAM)??))
}

fn label(method: Method<'_>) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Ack => "ACK",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Options => "OPTIONS",
        Method::Register => "REGISTER",
        _ => "other",
    }
}
