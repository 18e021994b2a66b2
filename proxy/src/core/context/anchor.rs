//! The descriptions in a request, one for each branch (RFC 3264: who forks makes several exchanges of one offer), and what
//! is given back when a branch comes to nothing.
//!
//! ```text
//!             there is a way
//!   (none) --------------------> Waiting --- rewritten -----> Ready
//!                                   |  \---- refused -------> the branch ends
//!                                   \------- no relay, and none required: Off
//! ```
//! When the way becomes another one, because the branch goes to another region, it begins anew.

use super::{Context, Phase, branch::Branch};
use crate::core::{
    body::{self, Found},
    decide::Source,
    engine::{Described, Engine},
    media::{self, Fate, Kind, Order, Unanchored, Way},
    output::{Note, Output},
    plan::{Hop, Leg},
    question::Ticket,
};
use bytes::Bytes;
use ringway_sip::Method;
use std::time::Instant;

/// How the media of a branch is anchored.
pub(super) struct Anchor {
    pub(super) way: Way,
    /// Names its offers; empty in a dialog, where the tags do.
    pub(super) branch: String,
    /// What the description in the request is, if there is one.
    pub(super) kind: Option<Kind>,
    /// The relay has heard of it.
    pub(super) asked: bool,
    pub(super) state: State,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// The relay has the description.
    Waiting(Ticket),
    /// The body that goes on; `None`: as it came, for there is no description in it.
    Ready(Option<Bytes>),
    /// Descriptions pass as they are.
    Off,
}

impl Context {
    /// Whether the request may set out for a branch: there is nothing to be rewritten in it, or it has been. Otherwise
    /// the relay is asked, and the branch goes on when it has answered.
    pub(super) fn is_anchored(&mut self, engine: &mut Engine, b: usize) -> bool {
        if !media::is_on(&engine.site) || !media::negotiates(self.request.method()) {
            return true;
        }
        let Some(leg) = self.branches[b].plan.front() else { return true };
        let before = self.branches[b].anchor.as_ref().map(|anchor| &anchor.way);
        let way = Way::of(&self.request, self.source, &leg.hop, &engine.view)
            // Its first copy is out with the name of the relay there: a later one says nothing else.
            .or_else(|| before.filter(|before| before.leads(&leg.hop)).cloned());
        match (&self.branches[b].anchor, &way) {
            (Some(anchor), Some(way)) if anchor.way == *way => {
                return !matches!(anchor.state, State::Waiting(_));
            }
            (None, None) | (Some(_) | None, Some(_)) | (Some(_), None) => {}
        }
        let lacks_relay = way.is_none() && matches!(leg.hop, Hop::Mesh(..)) && self.source == Source::Edge;
        self.give_back(engine, b);
        match (body::find(&self.request), way) {
            (Found::Sdp(_), None) if lacks_relay && self.is_first(b) => {
                engine.note(Note::Media(Fate::NoRelayThere));
                true
            }
            (Found::Strange, Some(_)) => {
                engine.note(Note::Media(Fate::Strange));
                true
            }
            (Found::Sdp(_) | Found::Nothing | Found::Strange, None) => true,
            (Found::Nothing, Some(way)) => {
                let branch = self.next_offer();
                let state = State::Ready(None);
                self.branches[b].anchor = Some(Anchor { way, branch, kind: None, asked: false, state });
                true
            }
            (Found::Sdp(place), Some(way)) => {
                let branch = self.next_offer();
                let sdp = Bytes::copy_from_slice(&self.request.body()[place]);
                let order = self.order_of_request(engine, way.clone(), branch.clone(), sdp);
                let kind = Some(order.kind);
                let state = State::Waiting(engine.ask_relay(Described::Request(self.key, b), order));
                self.branches[b].anchor = Some(Anchor { way, branch, kind, asked: true, state });
                false
            }
        }
    }

    /// The relay answered for the request.
    pub(in crate::core) fn on_offered(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        (b, ticket): (usize, Ticket),
        found: Result<Vec<u8>, Unanchored>,
    ) {
        let open = self.phase == Phase::Open && self.branches[b].outcome.is_none();
        let waits = |anchor: &Anchor| anchor.state == State::Waiting(ticket);
        if !open || !self.branches[b].anchor.as_ref().is_some_and(waits) {
            return;
        }
        let state = match (found, body::find(&self.request)) {
            (Ok(sdp), Found::Sdp(place)) => {
                engine.note(Note::Media(Fate::Anchored));
                State::Ready(Some(body::with(self.request.body(), &place, &sdp).into()))
            }
            (Ok(_), Found::Nothing | Found::Strange) => unreachable!("its description was sent to the relay"),
            (Err(why), _) => match engine.unanchored(why) {
                None => State::Off,
                Some(refusal) => {
                    let word = engine.refusal(&self.request, self.from, &refusal);
                    self.end(engine, now, b, word);
                    return self.settle(engine, now);
                }
            },
        };
        if let Some(anchor) = &mut self.branches[b].anchor {
            anchor.state = state;
        }
        self.advance(engine, now, b);
        self.settle(engine, now);
    }

    /// The body of the request as it goes over a leg of a branch; `None`: as it came.
    pub(super) fn body_over(&self, engine: &mut Engine, b: usize, leg: &Leg) -> Option<Bytes> {
        if let Some(Anchor { state: State::Ready(Some(body)), .. }) = &self.branches[b].anchor {
            return Some(body.clone());
        }
        if !media::is_border(self.source, &leg.hop) || !media::negotiates(self.request.method()) {
            return None;
        }
        let stripped = body::stripped(self.request.body())?;
        engine.note(Note::Media(Fate::Stripped));
        Some(stripped.into())
    }

    fn order_of_request(&self, engine: &Engine, way: Way, branch: String, sdp: Bytes) -> Order {
        let request = &self.request;
        let tag = |tag: Option<&str>| tag.unwrap_or_default().to_owned();
        // RFC 3262 §5: who acknowledges an offer answers it; who acknowledges an answer may offer again.
        let answers = request.method() == Method::Prack
            && media::acknowledged(request)
                .is_some_and(|cseq| engine.offerless.contains_key(&(request.call_id().to_owned(), cseq)));
        let (kind, from_tag, to_tag) = if answers {
            (Kind::Answer, request.to_tag(), request.from_tag())
        } else {
            (Kind::Offer, request.from_tag(), request.to_tag())
        };
        Order {
            kind,
            call_id: request.call_id().to_owned(),
            from_tag: tag(from_tag),
            to_tag: tag(to_tag),
            branch,
            sdp,
            way,
            traffic: self.traffic(engine).unwrap_or_else(|_| ringway_router::Traffic::voice()),
            received_from: (self.source == Source::Edge)
                .then(|| media::behind_nat(request, self.from))
                .flatten(),
        }
    }

    fn next_offer(&mut self) -> String {
        if self.request.to_tag().is_some() {
            return String::new();
        }
        self.offers += 1;
        media::branch(self.identity, self.request.cseq().number, self.offers)
    }

    fn is_first(&self, b: usize) -> bool {
        self.attempts.iter().all(|attempt| attempt.of != b)
    }

    /// Branches that are over without a 2xx have no media.
    pub(super) fn give_losers_back(&mut self, engine: &mut Engine) {
        for b in 0..self.branches.len() {
            let over = self.branches[b].outcome.is_some() || self.phase == Phase::Answered;
            let pending = self.attempts.iter().any(|attempt| attempt.of == b && !attempt.done);
            if over && !pending && !self.branches[b].won {
                self.give_back(engine, b);
            }
        }
    }

    /// What was offered for a branch is not needed any more. In a dialog what was agreed before holds (RFC 3261 §14.1).
    pub(super) fn give_back(&mut self, engine: &mut Engine, b: usize) {
        let Branch { anchor, won, .. } = &mut self.branches[b];
        if let Some(Anchor { branch, asked: true, .. }) = anchor.take()
            && !branch.is_empty()
            && !*won
        {
            engine.out.push_back(Output::Release(media::release(&self.request, branch)));
        }
    }
}
