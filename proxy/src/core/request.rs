//! Requests: taken in and sent on, absorbed, answered here, or refused; and the two that are special, CANCEL and ACK.

use super::{
    Proxy,
    branch::{LoopMark, Token},
    context::{Context, Opening, dialog_of},
    decide::{Decision, Source, decide},
    engine::{Asked, Key},
    forward::{Passage, opens_dialog},
    marks::traffic,
    output::{Dropped, Note, Output},
    plan::{Hop, Leg, plan},
    question::Question,
    refusal::Refusal,
    target::{Goal, Target},
};
use memchr::memmem;
use ringway_sip::{Message, Method, Name, Peer, Reply, ServerId};
use std::{collections::VecDeque, time::Instant};

/// What an OPTIONS for the node itself is told (RFC 3261 §11.2).
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER";
/// ACKs that may wait for DNS. The callee repeats its 2xx, and another ACK comes.
const ACKS_WAITING_MAX: usize = 1_024;

impl Proxy {
    pub(super) fn on_request(&mut self, now: Instant, id: ServerId, from: Peer, request: Message) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let from_mesh = source == Source::Mesh;
        self.engine.note(Note::Request {
            method: label(request.method()),
            source: if from_mesh { "mesh" } else { "edge" },
        });
        // Before any work is done for it; but a copy of what has been taken in already is not new.
        let is_copy =
            |this: &Self| ingress_token(&request).is_some_and(|token| this.tokens.contains_key(&token));
        if self.engine.overload.share() > 0.0 && !is_copy(self) && self.engine.overload.refuses(&request) {
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
            Start::Locate(aor) => self.engine.ask(Asked::Targets(key), Question::Locate(aor)),
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
        let key = invite.and_then(|invite| self.servers.get(&invite));
        let Some(context) = key.and_then(|key| self.contexts.get_mut(key)) else {
            return self.engine.answer(now, id, cancel, from, 481, "Call/Transaction Does Not Exist");
        };
        self.engine.answer(now, id, cancel, from, 200, "OK");
        context.cancel(&mut self.engine, now);
    }

    /// RFC 3261 §16.11: the ACK to a 2xx is a request of its own, without a transaction and without an answer.
    pub(super) fn on_ack(&mut self, from: Peer, ack: Message) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let identity = self.engine.mint.identity(&ack);
        match self.judge(&ack, identity, from, source) {
            Ok((pops, Start::Pursue(Target { goal: Goal::Named(places), .. }, _)))
                if self.engine.asked.len() < ACKS_WAITING_MAX =>
            {
                self.engine.ask(Asked::Ack { ack, from, source, pops }, Question::Resolve(places));
            }
            Ok((pops, Start::Pursue(_, legs))) => {
                self.send_ack(&ack, from, source, pops, &legs);
            }
            Ok(_) | Err(_) => self.engine.note(Note::Dropped(Dropped::UnroutableAck)),
        }
    }

    /// Sends an ACK on. It takes the best path of the moment, or the one that brought the answer when the first did not,
    /// and where that is known to lose, an independent one as well; should it be lost, the callee repeats its 2xx, and
    /// another comes.
    pub(super) fn send_ack(
        &mut self,
        ack: &Message,
        from: Peer,
        source: Source,
        pops: usize,
        legs: &VecDeque<Leg>,
    ) {
        let proven = self.engine.answered_over.get(&dialog_of(ack));
        let is_proven = |leg: &Leg| matches!(&leg.hop, Hop::Mesh(_, Some(path)) if Some(path) == proven);
        let best = legs.iter().position(is_proven).unwrap_or(0);
        let Some(best) = legs.get(best) else {
            return self.engine.note(Note::Dropped(Dropped::UnroutableAck));
        };
        let copy = best
            .goes_again(0)
            .then(|| legs.iter().find(|leg| *leg != best && leg.hop.is_independent_of(&best.hop)))
            .flatten();
        let branch = self.engine.mint.stateless_branch(ack);
        for leg in [best].into_iter().chain(copy) {
            let passage = Passage {
                from,
                source,
                pops,
                record: false,
                uri: None,
                marks: "",
                leg,
                branch: &branch,
                token: None,
                breadth: None,
            };
            let bytes = passage.apply(ack, &self.engine.site);
            self.engine.out.push_back(Output::Send { to: leg.to, bytes });
        }
    }

    /// How many Routes come off, and what is done first; or the refusal.
    fn judge(
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
enum Start {
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
