//! Requests: taken in and sent on, absorbed, answered here, or refused; and the two that are special, CANCEL and ACK.

use super::{
    Proxy,
    branch::Token,
    context::{Context, Opening, dialog_of},
    decide::{Decision, Source, decide},
    engine::Key,
    forward::{Passage, opens_dialog},
    output::{Dropped, Note, Output},
    plan::{Hop, Leg, plan},
    refusal::Refusal,
};
use memchr::memmem;
use ringway_sip::{Message, Method, Name, Peer, Reply, ServerId};
use std::time::Instant;

/// What an OPTIONS for the node itself is told (RFC 3261 §11.2).
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS";

impl Proxy {
    pub(super) fn on_request(&mut self, now: Instant, id: ServerId, from: Peer, request: Message) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let from_mesh = source == Source::Mesh;
        self.engine.note(Note::Request {
            method: label(request.method()),
            source: if from_mesh { "mesh" } else { "edge" },
        });
        let decided = self.judge(&request, source);
        let (decision, legs) = match decided {
            Ok((Decision::Answer, _)) => return self.answer_options(now, id, &request, from),
            Ok((decision, legs)) => (decision, legs),
            Err(refusal) => return self.engine.refuse(now, id, &request, from, &refusal),
        };
        let (edge, token) = match decision {
            Decision::Answer => unreachable!("answered above"),
            Decision::Ingress { .. } => (true, Some(self.engine.mint.token())),
            Decision::Relay { .. } => (false, None),
            Decision::Egress { .. } => (true, ingress_token(&request).filter(|_| from_mesh)),
        };
        if let Some(key) = token.and_then(|token| self.tokens.get(&token).copied())
            && let Some(context) = self.contexts.get_mut(&key)
        {
            self.servers.insert(id, key);
            return context.join(&mut self.engine, now, id, &request, from);
        }
        self.count += 1;
        let key = Key(self.count);
        self.servers.insert(id, key);
        if let Some(token) = token {
            self.tokens.insert(token, key);
        }
        let record = edge && opens_dialog(&request);
        let opening = Opening { id, request, from, decision, record, token, plan: legs };
        let context = Context::open(&mut self.engine, now, key, opening);
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

    /// RFC 3261 §16.11: the ACK to a 2xx is a request of its own, without a transaction and without an answer. It
    /// takes the best path of the moment, or the one that brought the answer when the first did not, and where that is
    /// known to lose, an independent one as well; should it be lost, the callee repeats its 2xx, and another comes.
    pub(super) fn on_ack(&mut self, from: Peer, ack: &Message) {
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let judged = self.judge(ack, source);
        let proven = self.engine.answered_over.get(&dialog_of(ack));
        let is_proven = |leg: &Leg| matches!(&leg.hop, Hop::Mesh(_, Some(path)) if Some(path) == proven);
        let Some((pops, legs, best)) = judged.ok().and_then(|(decision, legs)| {
            let best = legs.iter().position(is_proven).unwrap_or(0);
            (best < legs.len()).then(|| (decision.pops(), legs, best))
        }) else {
            return self.engine.note(Note::Dropped(Dropped::UnroutableAck));
        };
        let best = &legs[best];
        let copy = best
            .is_lossy()
            .then(|| legs.iter().find(|leg| *leg != best && leg.hop.is_independent_of(&best.hop)))
            .flatten();
        let branch = self.engine.mint.stateless_branch(ack, self.engine.mint.mark(ack));
        for leg in [best].into_iter().chain(copy) {
            let passage = Passage { from, pops, record: false, leg, branch: &branch, token: None };
            let bytes = passage.apply(ack, &self.engine.site);
            self.engine.out.push_back(Output::Send { to: leg.to, bytes });
        }
    }

    /// Decision and legs, or the refusal.
    fn judge(&self, request: &Message, source: Source) -> Result<Judgment, Refusal> {
        let (site, view) = (&self.engine.site, &self.engine.view);
        let mark = self.engine.mint.mark(request);
        // RFC 3261 §16.3 step 4: our Via with the same mark is a loop, with another one a spiral.
        let own = memmem::find(request.raw(), self.engine.own_via.as_bytes()).is_some();
        if own && request.vias().flatten().any(|via| site.is_own_via(&via) && mark.is_in(via.branch())) {
            return Err(Refusal::Loop);
        }
        let decision = decide(request, source, site, view)?;
        let legs = plan(&decision, request.call_id(), site, view)?;
        Ok((decision, legs))
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

type Judgment = (Decision, std::collections::VecDeque<Leg>);

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
