//! Responses on their way up. Those with a description wait for the media relay, and the others behind them: a 200 never
//! overtakes a 183.

use super::{Context, anchor::State, dialog_of};
use crate::core::{
    body::{self, Found},
    engine::{Described, Engine},
    media::{self, Fate, Kind, Order, Unanchored},
    output::{Note, Output},
    plan::Hop,
    upstream::Word,
};
use bytes::Bytes;
use ringway_sip::{Message, Method, Name};
use std::{collections::BTreeSet, ops::Range, time::Instant};

/// A response that waits for its turn.
pub(super) struct Outgoing {
    word: Word,
    /// The rewriting of its description, and where in the body that stands.
    rewriting: Option<(usize, Range<usize>)>,
}

/// A description that was given to the relay, and what came of it. Responses come again until they are acknowledged, in
/// provisional and final ones the same answer: the relay is asked once.
pub(super) struct Rewriting {
    /// The branch; `None`: it came in an ACK, or is not good for anything more.
    of: Option<usize>,
    /// Of whoever made it.
    tag: String,
    old: Bytes,
    new: Option<Result<Bytes, Unanchored>>,
    /// There was a 2xx with it.
    won: bool,
}

impl Context {
    /// Passes a 1xx or 2xx up that may hold an offer or an answer.
    pub(super) fn pass_described(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        n: usize,
        (word, response): (Word, &Message),
    ) {
        if !media::negotiates(self.request.method()) {
            return self.pass(engine, now, word);
        }
        let rewriting = self.rewriting(engine, n, response);
        let word = match rewriting {
            None if self.crosses_border(n) && !response.body().is_empty() => word.without_tunnel(engine),
            Some(_) | None => word,
        };
        if word.code >= 200 {
            self.open_dialog(engine, self.attempts[n].of, response.to_tag().unwrap_or_default());
        }
        self.outbox.push_back(Outgoing { word, rewriting });
        self.empty_outbox(engine, now);
    }

    /// A 2xx opens the dialog of this tag. When the relay was never told of it, it has an offer that nobody answered.
    fn open_dialog(&mut self, engine: &mut Engine, b: usize, tag: &str) {
        let mut is_known = false;
        for known in self.rewritings.iter_mut().filter(|known| known.of == Some(b) && known.tag == tag) {
            known.won = true;
            is_known = true;
        }
        if !is_known {
            self.drop_offer(engine, b);
        }
    }

    /// Gives back what a branch was offered, although it has won.
    fn drop_offer(&mut self, engine: &mut Engine, b: usize) {
        let won = std::mem::replace(&mut self.branches[b].won, false);
        self.give_back(engine, b);
        self.branches[b].won = won;
    }

    /// Passes a response up as it is.
    pub(super) fn pass(&mut self, engine: &mut Engine, now: Instant, word: Word) {
        if self.outbox.is_empty() {
            return self.give(engine, now, word);
        }
        self.outbox.push_back(Outgoing { word, rewriting: None });
    }

    /// The relay answered for a response.
    pub(in crate::core) fn on_rewritten(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        rewriting: usize,
        found: Result<Vec<u8>, Unanchored>,
    ) {
        if found.is_ok() {
            engine.note(Note::Media(Fate::Anchored));
        }
        self.rewritings[rewriting].new = Some(found.map(Bytes::from));
        self.empty_outbox(engine, now);
    }

    fn empty_outbox(&mut self, engine: &mut Engine, now: Instant) {
        while let Some(Outgoing { word, rewriting }) = self.outbox.pop_front() {
            let Some((at, place)) = rewriting else {
                self.give(engine, now, word);
                continue;
            };
            match &self.rewritings[at].new {
                None => return self.outbox.push_front(Outgoing { word, rewriting: Some((at, place)) }),
                Some(Ok(sdp)) => {
                    let word = word.with_description(&place, sdp);
                    self.give(engine, now, word);
                }
                Some(Err(why)) => self.give_unanchored(engine, now, (at, *why), word),
            }
        }
    }

    /// A response without its description would promise what cannot be kept. A provisional one is not needed; a reliable
    /// one comes again (RFC 3262 §3), and may fare better. After a 2xx only the truth helps the caller; the callee gives up
    /// when nobody acknowledges it (RFC 3261 §13.3.1.4).
    fn give_unanchored(
        &mut self,
        engine: &mut Engine,
        now: Instant,
        (at, why): (usize, Unanchored),
        word: Word,
    ) {
        let refusal = engine.unanchored(why);
        if let (200.., Some(b)) = (word.code, self.rewritings[at].of) {
            self.rewritings[at].won = false;
            self.drop_offer(engine, b);
        }
        let Some(refusal) = refusal else {
            let word = word.without_tunnel(engine);
            return self.give(engine, now, word);
        };
        match word.code {
            ..200 if word.is_reliable() => self.rewritings[at].of = None,
            ..200 => self.give(engine, now, word.without_body()),
            200.. => {
                let word = match why {
                    Unanchored::Away => engine.refusal(&self.request, self.from, &refusal),
                    Unanchored::Malformed => engine.word(&self.request, self.from, 502, "Bad Gateway"),
                };
                self.give(engine, now, word);
            }
        }
    }

    /// The rewriting of the description in a response, if there is one that is anchored here: known already, or asked for
    /// now.
    fn rewriting(
        &mut self,
        engine: &mut Engine,
        n: usize,
        response: &Message,
    ) -> Option<(usize, Range<usize>)> {
        let of = self.attempts[n].of;
        let anchor = self.branches[of].anchor.as_ref()?;
        let kind = match (anchor.kind, &anchor.state) {
            (Some(Kind::Offer), State::Ready(_)) => Kind::Answer,
            // RFC 3261 §13.2.1: without an offer in the INVITE the callee makes it. Nothing else is answered with an offer.
            (None, State::Ready(_)) if self.request.method() == Method::Invite => Kind::Offer,
            (Some(Kind::Answer) | None, State::Ready(_)) | (_, State::Waiting(_) | State::Off) => {
                return None;
            }
        };
        let place = match body::find(response) {
            Found::Sdp(place) => place,
            Found::Nothing => return None,
            Found::Strange => {
                engine.note(Note::Media(Fate::Strange));
                return None;
            }
        };
        let (tag, old) = (response.to_tag().unwrap_or_default(), &response.body()[place.clone()]);
        let known = |known: &Rewriting| known.of == Some(of) && known.tag == tag && known.old == old;
        if let Some(at) = self.rewritings.iter().position(known) {
            return Some((at, place));
        }
        let rewriting = Rewriting {
            of: Some(of),
            tag: tag.to_owned(),
            old: Bytes::copy_from_slice(old),
            new: None,
            won: false,
        };
        let order = self.order_of_response(engine, n, (response, kind), rewriting.old.clone())?;
        let at = self.rewritings.len();
        self.rewritings.push(rewriting);
        engine.ask_relay(Described::Response(self.key, at), order);
        Some((at, place))
    }

    fn order_of_response(
        &mut self,
        engine: &mut Engine,
        n: usize,
        (response, kind): (&Message, Kind),
        sdp: Bytes,
    ) -> Option<Order> {
        let traffic = self.traffic(engine).ok()?;
        let anchor = self.branches[self.attempts[n].of].anchor.as_mut()?;
        anchor.asked = true;
        let tag = |tag: Option<&str>| tag.unwrap_or_default().to_owned();
        let (caller, callee) = (tag(self.request.from_tag()), tag(response.to_tag()));
        let (from_tag, to_tag) = match kind {
            Kind::Answer => (caller, callee),
            Kind::Offer => {
                engine.offerless.insert(dialog_of(&self.request), self.key);
                (callee, caller)
            }
        };
        let from_edge = matches!(self.attempts[n].hop, Hop::Edge | Hop::Flow);
        Some(Order {
            kind,
            call_id: self.request.call_id().to_owned(),
            from_tag,
            to_tag,
            branch: anchor.branch.clone(),
            sdp,
            way: anchor.way.back(),
            traffic,
            received_from: from_edge.then(|| media::behind_nat(response, self.attempts[n].to)).flatten(),
        })
    }

    /// What the relay made of the answer in an ACK to this INVITE, if it has come before.
    pub(in crate::core) fn acknowledged(&self, order: &Order) -> Option<Bytes> {
        let same =
            |known: &&Rewriting| known.of.is_none() && known.tag == order.from_tag && known.old == order.sdp;
        self.rewritings.iter().find(same)?.new.clone()?.ok()
    }

    /// Keeps it for when the ACK comes again, as it does for each copy of the 2xx.
    pub(in crate::core) fn remember_ack(&mut self, ack: &Message, sdp: &Bytes) {
        if let Found::Sdp(place) = body::find(ack) {
            let tag = ack.to_tag().unwrap_or_default().to_owned();
            let old = Bytes::copy_from_slice(&ack.body()[place]);
            self.rewritings.push(Rewriting { of: None, tag, old, new: Some(Ok(sdp.clone())), won: true });
        }
    }

    /// Nothing more comes of this request. Branches that have not won have no media, and of a branch that was forked
    /// further on only the dialogs that a 2xx opened.
    pub(super) fn give_rest_back(&mut self, engine: &mut Engine) {
        for b in 0..self.branches.len() {
            self.give_back(engine, b);
        }
        if self.rewritings.is_empty() {
            return;
        }
        let key = dialog_of(&self.request);
        if engine.offerless.get(&key) == Some(&self.key) {
            engine.offerless.remove(&key);
        }
        if self.request.to_tag().is_some() {
            return;
        }
        let opened: BTreeSet<&str> =
            self.rewritings.iter().filter(|known| known.won).map(|known| known.tag.as_str()).collect();
        let early = self.rewritings.iter().filter(|known| known.of.is_some_and(|b| self.branches[b].won));
        let early: BTreeSet<&str> = early.map(|known| known.tag.as_str()).collect();
        for tag in early.difference(&opened) {
            let mut release = media::release(&self.request, String::new());
            (*tag).clone_into(&mut release.tags.1);
            engine.out.push_back(Output::Release(release));
        }
    }

    pub(super) fn crosses_border(&self, n: usize) -> bool {
        media::is_border(self.source, &self.attempts[n].hop)
    }

    /// Sends a response to every copy of the request that came.
    fn give(&mut self, engine: &mut Engine, now: Instant, word: Word) {
        if word.code >= 200 {
            engine.note(Note::Answered(word.code));
            self.end_call(engine, word.code);
        }
        for upstream in &self.upstreams {
            upstream.pass(engine, now, &word);
        }
        self.passed = Some(word);
    }

    /// RFC 3261 §15: whatever is said to a BYE, the call is over; but for a challenge, after which it comes again. So it is
    /// when an offer comes for a dialog that is not there (RFC 5057 §5.1).
    fn end_call(&self, engine: &mut Engine, code: u16) {
        let ends = match self.request.method() {
            Method::Bye => !matches!(code, 401 | 407),
            method => media::negotiates(method) && self.request.to_tag().is_some() && code == 481,
        };
        let here = || (0..self.attempts.len()).any(|n| self.crosses_border(n));
        if ends && media::is_on(&engine.site) && here() {
            let call_id = self.request.call_id();
            engine.offerless.retain(|(of, _), _| of != call_id);
            engine.out.push_back(Output::Release(media::release(&self.request, String::new())));
        }
    }
}

impl Word {
    fn with_description(&self, place: &Range<usize>, sdp: &[u8]) -> Self {
        let message = self.message();
        let mut edit = message.edit();
        edit.body(None, &body::with(message.body(), place, sdp));
        Self { code: self.code, bytes: edit.finish() }
    }

    pub(super) fn without_tunnel(self, engine: &mut Engine) -> Self {
        if !body::tells_of_tunnel(&self.bytes) {
            return self;
        }
        let message = self.message();
        let Some(stripped) = body::stripped(message.body()) else { return self };
        engine.note(Note::Media(Fate::Stripped));
        let mut edit = message.edit();
        edit.body(None, &stripped);
        Self { code: self.code, bytes: edit.finish() }
    }

    fn without_body(&self) -> Self {
        let message = self.message();
        let mut edit = message.edit();
        edit.body(None, b"");
        edit.remove(Name::ContentType);
        Self { code: self.code, bytes: edit.finish() }
    }

    /// RFC 3262 §3: whether it is sent again until it is acknowledged.
    fn is_reliable(&self) -> bool {
        self.message().first(Name::Other("RSeq")).is_some()
    }
}
