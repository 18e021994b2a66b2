//! RFC 3261 §16.11: the ACK to a 2xx is a request of its own, without a transaction and without an answer. When the callee
//! made the offer, the answer is in it.

use super::{
    Proxy, body,
    context::dialog_of,
    decide::Source,
    engine::{Asked, Described, Key},
    forward::Passage,
    gates::Held,
    marks::traffic,
    media::{self, Fate, Kind, Order, Unanchored, Way},
    output::{Dropped, Note, Output},
    plan::{Hop, Leg},
    question::Question,
    request::Start,
    target::{Goal, Target},
};
use bytes::Bytes;
use ringway_sip::{Message, Peer};
use std::collections::VecDeque;

/// ACKs that may wait, for DNS or for the media relay. The callee repeats its 2xx, and another ACK comes.
const ACKS_WAITING_MAX: usize = 1_024;

/// An ACK that is ready but for its description.
pub(super) struct HeldAck {
    pub(super) ack: Message,
    from: Peer,
    source: Source,
    pops: usize,
    legs: VecDeque<Leg>,
}

impl Proxy {
    pub(super) fn on_ack(&mut self, from: Peer, ack: Message) {
        if self.engine.gates.is_closed(ack.call_id()) {
            let call_id = ack.call_id().to_owned();
            if self.engine.gates.hold(&call_id, Held::Ack { from, ack }).is_some() {
                self.engine.note(Note::Dropped(Dropped::UnanchoredAck));
            }
            return;
        }
        let source = Source::of(from, &self.engine.site, &self.engine.view);
        let identity = self.engine.mint.identity(&ack);
        match self.judge(&ack, identity, from, source) {
            Ok((pops, Start::Pursue(Target { goal: Goal::Named(places), .. }, _)))
                if self.engine.asked.len() < ACKS_WAITING_MAX =>
            {
                self.engine.ask(Asked::Ack { ack, from, source, pops }, Question::Resolve(places));
            }
            Ok((pops, Start::Pursue(_, legs))) => self.send_ack(ack, from, source, pops, legs),
            Ok(_) | Err(_) => self.engine.note(Note::Dropped(Dropped::UnroutableAck)),
        }
    }

    /// Sends an ACK on, once its description has been rewritten, if there is one.
    pub(super) fn send_ack(
        &mut self,
        ack: Message,
        from: Peer,
        source: Source,
        pops: usize,
        legs: VecDeque<Leg>,
    ) {
        let held = HeldAck { ack, from, source, pops, legs };
        match self.answer_in(&held) {
            None => self.transmit(&held, None),
            Some((order, key)) => {
                let context = self.contexts.get(&key);
                if let Some(sdp) = context.and_then(|context| context.acknowledged(&order)) {
                    return self.transmit(&held, Some(&sdp));
                }
                if self.engine.asked.len() >= ACKS_WAITING_MAX {
                    return self.engine.note(Note::Dropped(Dropped::UnanchoredAck));
                }
                self.engine.ask_relay(Described::Ack(Box::new(held)), order);
            }
        }
    }

    /// The answer in an ACK, if it is to be anchored here, and the context of its INVITE. Where no offer is known there is
    /// none any more: a BYE has been quicker, or somebody says again what was agreed.
    fn answer_in(&mut self, held: &HeldAck) -> Option<(Order, Key)> {
        let HeldAck { ack, from, source, legs, .. } = held;
        if !media::is_on(&self.engine.site) || self.engine.offerless.is_empty() {
            return None;
        }
        let key = *self.engine.offerless.get(&dialog_of(ack))?;
        let place = match body::find(ack) {
            body::Found::Sdp(place) => place,
            body::Found::Nothing => return None,
            body::Found::Strange => {
                self.engine.note(Note::Media(Fate::Strange));
                return None;
            }
        };
        let way = Way::of(ack, *source, &legs.front()?.hop, &self.engine.view)?;
        let traffic = traffic(ack, *from, *source, &self.engine.site).ok()?;
        let tag = |tag: Option<&str>| tag.unwrap_or_default().to_owned();
        let order = Order {
            kind: Kind::Answer,
            call_id: ack.call_id().to_owned(),
            from_tag: tag(ack.to_tag()),
            to_tag: tag(ack.from_tag()),
            branch: String::new(),
            sdp: Bytes::copy_from_slice(&ack.body()[place]),
            way,
            traffic,
            received_from: (*source == Source::Edge).then(|| media::behind_nat(ack, *from)).flatten(),
        };
        Some((order, key))
    }

    /// The relay answered. Without it the ACK is lost, like one that the network lost: the callee asks for it again. One
    /// that the relay cannot read passes: nothing better would come of asking for it again.
    pub(super) fn on_answer_in_ack(&mut self, held: &HeldAck, found: Result<Vec<u8>, Unanchored>) {
        let sdp = match found {
            Ok(sdp) => {
                self.engine.note(Note::Media(Fate::Anchored));
                Some(Bytes::from(sdp))
            }
            Err(why) => match (self.engine.unanchored(why), why) {
                (None, _) | (Some(_), Unanchored::Malformed) => None,
                (Some(_), Unanchored::Away) => {
                    return self.engine.note(Note::Dropped(Dropped::UnanchoredAck));
                }
            },
        };
        let known = self.engine.offerless.get(&dialog_of(&held.ack));
        if let (Some(context), Some(sdp)) = (known.and_then(|key| self.contexts.get_mut(key)), &sdp) {
            context.remember_ack(&held.ack, sdp);
        }
        self.transmit(held, sdp.as_deref());
    }

    /// Sends an ACK. It takes the best path of the moment, or the one that brought the answer when the first did not,
    /// and where that is known to lose, an independent one as well; should it be lost, the callee repeats its 2xx, and
    /// another comes.
    fn transmit(&mut self, held: &HeldAck, sdp: Option<&[u8]>) {
        let HeldAck { ack, from, source, pops, legs } = held;
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
        let body = match (sdp, body::find(ack)) {
            (Some(sdp), body::Found::Sdp(place)) => Some(body::with(ack.body(), &place, sdp)),
            _ if media::is_border(*source, &best.hop) => body::stripped(ack.body()),
            _ => None,
        };
        if sdp.is_none() && body.is_some() {
            self.engine.note(Note::Media(Fate::Stripped));
        }
        let branch = self.engine.mint.stateless_branch(ack);
        for leg in [best].into_iter().chain(copy) {
            let passage = Passage {
                from: *from,
                source: *source,
                pops: *pops,
                record: false,
                uri: None,
                marks: "",
                leg,
                branch: &branch,
                token: None,
                breadth: None,
                body: body.as_deref(),
                anchored: false,
            };
            let bytes = passage.apply(ack, &self.engine.site);
            self.engine.out.push_back(Output::Send { to: leg.to, bytes });
        }
    }
}
