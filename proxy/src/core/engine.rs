//! What every request context works with: the transaction layer, the deadlines, the mint, and the way out.

use super::{
    ack::HeldAck,
    branch::Mint,
    decide::Source,
    gates::Gates,
    media::{Fate, Order, Unanchored},
    output::{HopEvent, HopSign, Note, Output},
    overload::{Overload, Proofs},
    patience::Patience,
    question::{Question, Ticket},
    refusal::Refusal,
    registrar::Registration,
    site::Site,
    upstream::Word,
    view::View,
};
use bytes::Bytes;
use ringway_router::{Path, Region};
use ringway_sip::{ClientId, Layer, Message, Method, Name, Peer, Reply, Seeded, ServerId};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

/// Names a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

/// The timers of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The attempt of this number should have been answered by now: a copy goes over another path.
    Hedge(usize),
    /// The attempt of this number has not been answered at all: the next element is silent.
    Silence(usize),
    /// RFC 3261 §16.6 step 11: the callee has been ringing for too long.
    C,
    /// Serial forking: the devices of this tier have been ringing for long enough.
    Ring,
}

/// The private header by which a relay tells the ingress that it cannot reach the next region of the path: in a 504,
/// for good; in a 100, that it has heard nothing so far. It never leaves the mesh.
pub(super) const PATH_FAILED: Name<'static> = Name::Other("Ringway-Path-Failed");

/// Who waits for an answer.
pub(super) enum Asked {
    /// A context, for its targets.
    Targets(Key),
    /// A branch of a context, for the addresses of its host.
    Addresses(Key, usize),
    /// A REGISTER, for what became of it.
    Registered { id: ServerId, request: Message, from: Peer, registration: Registration },
    /// An ACK, for the addresses of its host.
    Ack { ack: Message, from: Peer, source: Source, pops: usize },
    /// A description of this call; nothing else of the call goes on meanwhile.
    Description { call_id: String, of: Described },
}

/// What a description is of.
pub(super) enum Described {
    /// The request of a context, for one of its branches.
    Request(Key, usize),
    /// A response that waits in a context; the number of its rewriting.
    Response(Key, usize),
    /// An ACK.
    Ack(Box<HeldAck>),
}

/// See the module.
pub(super) struct Engine {
    pub(super) site: Arc<Site>,
    pub(super) view: Arc<View>,
    pub(super) mint: Mint,
    pub(super) layer: Layer,
    pub(super) clients: HashMap<ClientId, (Key, usize), Seeded>,
    pub(super) asked: HashMap<Ticket, Asked>,
    pub(super) tickets: u64,
    pub(super) gates: Gates,
    /// By Call-ID and CSeq: INVITEs without an offer, whose callee makes it.
    pub(super) offerless: HashMap<(String, u32), Key>,
    pub(super) deadlines: BTreeSet<(Instant, Key, Timer)>,
    /// By Call-ID and CSeq: the paths of INVITEs that were answered over another one than the first.
    pub(super) answered_over: HashMap<(String, u32), Path>,
    pub(super) patience: Patience,
    pub(super) overload: Overload,
    pub(super) proofs: Proofs,
    pub(super) out: VecDeque<Output>,
}

impl Engine {
    pub(super) fn note(&mut self, note: Note) {
        self.out.push_back(Output::Note(note));
    }

    pub(super) fn hop(&mut self, to: &Region, what: HopSign) {
        self.note(Note::Hop(HopEvent { to: to.clone(), what }));
    }

    /// Asks through the shell; the answer comes as [`super::Input::Told`].
    pub(super) fn ask(&mut self, who: Asked, question: Question) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.asked.insert(ticket, who);
        self.out.push_back(Output::Ask(ticket, question));
        ticket
    }

    /// Lets the media relay rewrite a description. What comes of the same call meanwhile waits at the gate.
    pub(super) fn ask_relay(&mut self, of: Described, order: Order) -> Ticket {
        let call_id = order.call_id.clone();
        self.gates.close(&call_id);
        self.ask(Asked::Description { call_id, of }, Question::Media(Box::new(order)))
    }

    /// The relay has not rewritten a description: the refusal of its message, or `None` if it may pass as it is.
    pub(super) fn unanchored(&mut self, why: Unanchored) -> Option<Refusal> {
        let (fate, refusal) = match (why, self.site.media.is_some_and(|media| media.required)) {
            (Unanchored::Away, false) => (Fate::Away, None),
            (Unanchored::Away, true) => (Fate::RefusedAway, Some(Refusal::NoMediaRelay)),
            (Unanchored::Malformed, _) => (Fate::RefusedMalformed, Some(Refusal::BadDescription)),
        };
        self.note(Note::Media(fate));
        refusal
    }

    /// A response of our own, to be given later.
    pub(super) fn word(&self, request: &Message, from: Peer, code: u16, reason: &str) -> Word {
        let tag = self.mint.tag(request);
        Word { code, bytes: Reply::new(request, from.address, code, reason).to_tag(&tag).finish() }
    }

    /// Sends a response; under overload with a word to those before us that they hold back (RFC 7339 §5.3).
    pub(super) fn respond(&mut self, now: Instant, id: ServerId, code: u16, bytes: Bytes) {
        let bytes = match self.overload.order(now) {
            Some(order) => order.put_on(bytes),
            None => bytes,
        };
        self.layer.respond(now, id, code, bytes);
    }

    /// Answers `request` with a status of our own.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        id: ServerId,
        request: &Message,
        from: Peer,
        code: u16,
        reason: &str,
    ) {
        let mut reply = Reply::new(request, from.address, code, reason);
        // RFC 3261 §8.2.6.2: a 100 has no tag of ours.
        if code > 100 {
            reply = reply.to_tag(&self.mint.tag(request));
        }
        self.respond(now, id, code, reply.finish());
        if code >= 200 {
            self.note(Note::Answered(code));
        }
    }

    /// Gives the final answer to a request that needs nothing more. Only an INVITE has to be remembered, for its ACK;
    /// of a flood of anything else nothing stays.
    pub(super) fn answer_and_forget(
        &mut self,
        now: Instant,
        id: ServerId,
        request: &Message,
        code: u16,
        bytes: Bytes,
    ) {
        self.respond(now, id, code, bytes);
        if request.method() != Method::Invite {
            self.layer.abandon_server(id);
        }
        self.note(Note::Answered(code));
    }

    /// Answers `request` with a refusal.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        id: ServerId,
        request: &Message,
        from: Peer,
        refusal: &Refusal,
    ) {
        let Word { code, bytes } = self.refusal(request, from, refusal);
        self.answer_and_forget(now, id, request, code, bytes);
    }

    /// A refusal as a response, which says why (Warning, RFC 3261 §20.43, code 399).
    pub(super) fn refusal(&mut self, request: &Message, from: Peer, refusal: &Refusal) -> Word {
        let (code, reason) = refusal.status();
        let why = refusal.to_string();
        let tag = self.mint.tag(request);
        let warning = format!("399 {} \"{}\"", self.site.names.home(), why.replace(['"', '\\'], "'"));
        let mut reply =
            Reply::new(request, from.address, code, reason).to_tag(&tag).header(Name::Warning, &warning);
        reply = match refusal {
            Refusal::BadExtension(options) => reply.header(Name::Unsupported, options),
            Refusal::PathFailed(region) => reply.header(PATH_FAILED, region.as_str()),
            Refusal::Draining | Refusal::NoPath(_) | Refusal::NoMediaRelay => {
                reply.header(Name::RetryAfter, "5")
            }
            Refusal::Overloaded => reply.header(Name::RetryAfter, "2"),
            _ => reply,
        };
        let call_id = request.call_id().to_owned();
        self.note(Note::Refused { label: refusal.label(), code, why, call_id });
        Word { code, bytes: reply.finish() }
    }
}
