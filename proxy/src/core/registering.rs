//! A REGISTER on its way through the core (RFC 3261 §10.3): read, applied by whoever keeps the directory, answered.

use super::{
    Proxy,
    engine::{Asked, Engine},
    output::Note,
    question::Question,
    registrar::{Registration, Rejection, answer},
};
use crate::location::{Binding, Refused};
use ringway_sip::{Message, Peer, Reply, ServerId};
use std::time::Instant;

/// RFC 5626 §4.4.1: within so long a client that keeps its flow alive sends something, in seconds.
const FLOW_TIMER_S: u32 = 120;

impl Proxy {
    /// Reads it, and asks for what it wants.
    pub(super) fn on_register(&mut self, now: Instant, id: ServerId, request: Message, from: Peer) {
        let registration =
            match Registration::read(&request, &self.engine.site.names, &self.engine.site.registrar) {
                Ok(registration) => registration,
                Err(rejection) => return self.engine.reject(now, id, &request, from, &rejection),
            };
        let mut change = registration.change.clone();
        if change.path.is_empty() {
            // RFC 5626 §5.1: who registers here without anybody between is reached by the flow by which it came.
            change.path.push(self.engine.site.flow_route(from));
        }
        let asked = Asked::Registered { id, request, from, registration };
        self.engine.ask(asked, Question::Register(change));
    }
}

impl Engine {
    /// Says what became of it. Where something changed the transaction stays (timer J): a REGISTER that comes again because
    /// its answer was lost is answered again, and not taken for one that is out of order.
    pub(super) fn on_registered(
        &mut self,
        now: Instant,
        (id, request, from): (ServerId, &Message, Peer),
        registration: &Registration,
        bindings: Result<Vec<Binding>, Refused>,
        now_unix_ms: u64,
    ) {
        let bindings = match bindings {
            Ok(bindings) => bindings,
            Err(refused) => return self.reject(now, id, request, from, &refused.into()),
        };
        let bindings: Vec<&Binding> = bindings.iter().collect();
        let tag = self.mint.tag(request);
        let mut reply = Reply::new(request, from.address, 200, "OK").to_tag(&tag);
        for (name, value) in answer(registration, &bindings, now_unix_ms, Some(FLOW_TIMER_S)) {
            reply = reply.header(name, &value);
        }
        let bytes = reply.finish();
        if registration.is_question() {
            return self.answer_and_forget(now, id, request, 200, bytes);
        }
        self.layer.respond(now, id, 200, bytes);
        self.note(Note::Answered(200));
    }

    fn reject(&mut self, now: Instant, id: ServerId, request: &Message, from: Peer, rejection: &Rejection) {
        let (code, reason) = rejection.status();
        let tag = self.mint.tag(request);
        let mut reply = Reply::new(request, from.address, code, reason).to_tag(&tag);
        if let Some((name, value)) = rejection.header() {
            reply = reply.header(name, &value);
        }
        self.answer_and_forget(now, id, request, code, reply.finish());
    }
}
