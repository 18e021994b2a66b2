//! The answers to what the core asked ([`super::question`]), and who waits for them.

use super::{
    Proxy,
    decide::by_dial_plan,
    engine::{Asked, Described, Key},
    media::Unanchored,
    output::{Dropped, Note},
    plan::plan,
    question::{Answer, Ticket},
    refusal::Refusal,
    target::{Goal, Target, edge_of, targets},
};
use crate::location::Binding;
use ringway_router::Traffic;
use std::time::Instant;

impl Proxy {
    /// Whoever asked may be gone: canceled, or answered over another way.
    pub(super) fn on_told(&mut self, now: Instant, ticket: Ticket, answer: Answer) {
        let Some(asked) = self.engine.asked.remove(&ticket) else { return };
        match (asked, answer) {
            (Asked::Targets(key), Answer::Located(bindings)) => self.on_located(now, key, bindings),
            (Asked::Addresses(key, b), Answer::Resolved(found)) => {
                if let Some(context) = self.contexts.get_mut(&key) {
                    context.on_addresses(&mut self.engine, now, b, found);
                }
            }
            (
                Asked::Registered { id, request, from, registration },
                Answer::Registered { bindings, now_unix_ms },
            ) => {
                self.engine.on_registered(now, (id, &request, from), &registration, bindings, now_unix_ms);
            }
            (Asked::Ack { ack, from, source, pops }, Answer::Resolved(found)) => {
                let peers = edge_of(found, &self.engine.site);
                let (site, view) = (&self.engine.site, &self.engine.view);
                let legs = peers.and_then(|peers| {
                    plan(&Target::to(Goal::Edge(peers)), ack.call_id(), &Traffic::voice(), site, view)
                });
                match legs {
                    Ok(legs) => self.send_ack(ack, from, source, pops, legs),
                    Err(_) => self.engine.note(Note::Dropped(Dropped::UnroutableAck)),
                }
            }
            (Asked::Description { call_id, of }, Answer::Media(found)) => {
                self.engine.gates.open(&call_id);
                self.on_description(now, ticket, of, found);
                self.let_through(now, &call_id);
            }
            (
                Asked::Targets(_)
                | Asked::Addresses(..)
                | Asked::Registered { .. }
                | Asked::Ack { .. }
                | Asked::Description { .. },
                Answer::Located(_) | Answer::Resolved(_) | Answer::Registered { .. } | Answer::Media(_),
            ) => unreachable!("an answer is of the kind of its question"),
        }
    }

    /// The media relay has said what goes on in place of a description.
    fn on_description(
        &mut self,
        now: Instant,
        ticket: Ticket,
        of: Described,
        found: Result<Vec<u8>, Unanchored>,
    ) {
        match of {
            Described::Request(key, b) => {
                if let Some(context) = self.contexts.get_mut(&key) {
                    context.on_offered(&mut self.engine, now, (b, ticket), found);
                }
            }
            Described::Response(key, rewriting) => {
                if let Some(context) = self.contexts.get_mut(&key) {
                    context.on_rewritten(&mut self.engine, now, rewriting, found);
                }
            }
            Described::Ack(held) => self.on_answer_in_ack(&held, found),
        }
    }

    /// RFC 3261 §16.5: whoever is registered is the target set; if nobody is, the dial plan may know better.
    fn on_located(&mut self, now: Instant, key: Key, bindings: Vec<Binding>) {
        let Some(context) = self.contexts.get_mut(&key) else { return };
        let engine = &mut self.engine;
        let (request, source) = context.request();
        let traffic = match context.traffic(engine) {
            Ok(traffic) => traffic,
            Err(refusal) => return context.refuse(engine, now, &refusal),
        };
        let is_registered = !bindings.is_empty();
        let tiers = targets(bindings, source, &traffic, &engine.site, &engine.view);
        if !tiers.is_empty() {
            return context.fork(engine, now, tiers);
        }
        let planned = by_dial_plan(request, source, &engine.site).and_then(|target| {
            let legs = plan(&target, request.call_id(), &traffic, &engine.site, &engine.view)?;
            Ok((target, legs))
        });
        match planned {
            Ok((target, legs)) => context.pursue(engine, now, target, legs),
            Err(Refusal::NotFound) if is_registered => context.refuse(engine, now, &Refusal::Unreachable),
            Err(refusal) => context.refuse(engine, now, &refusal),
        }
    }
}
