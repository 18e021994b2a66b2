//! What a controller orders.

use super::Wishes;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Whether anybody is there.
    Ping,
    /// Somebody offers media.
    Offer(Box<Proposal>),
    /// The other one answers.
    Answer(Box<Proposal>),
    /// The call is over, or a branch of it.
    Delete(Delete),
    /// How a call is doing.
    Query(Query),
    /// Which calls there are, at most so many.
    List(usize),
    /// How the relay is doing.
    Statistics,
    /// Some media is to pass no more, or to pass again.
    Gate(Gate),
}

/// Which call, and who in it. Texts are empty where the controller gave none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The Call-ID.
    pub call_id: String,
    /// The tag of the offer's sender, in its answer too.
    pub from_tag: String,
    /// The tag of the other one.
    pub to_tag: String,
    /// Tells forked answers apart.
    pub branch: String,
}

/// A description that somebody sends, and what is to become of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Whose.
    pub call: Call,
    /// The description.
    pub sdp: Vec<u8>,
    /// What is to become of it.
    pub wishes: Wishes,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Which one. Without a tag: all of it.
    pub call: Call,
    /// It is an error if there is no such call; otherwise it is worth a warning.
    pub fatal: bool,
    /// How long ports and keys stay; `None`: not at all.
    pub delay: Option<Duration>,
}

/// A question about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which one. With a tag: of this party and whom it talks to.
    pub call: Call,
}

/// What passes no more, or again, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Which call.
    pub call: Call,
    /// What.
    pub what: Gated,
    /// Whether the gate closes: whether it is blocked, silenced or forwarded from now on, or no more.
    pub closed: bool,
    /// Whose media.
    pub from: Party,
    /// Only on its way to this one.
    pub to: Party,
    /// For a whole call: what was ordered for single parties goes too.
    pub all: bool,
}

/// What a gate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gated {
    /// All packets but DTMF.
    Media,
    /// The same, replaced by silence.
    Sound,
    /// DTMF events (RFC 4733).
    Dtmf,
    /// A copy of the packets for a listener.
    Copy,
}

/// A party of a call, as a controller names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Party {
    /// All of them.
    #[default]
    Everybody,
    /// By its tag.
    Tag(String),
    /// By the controller's own name for it.
    Label(String),
    /// By the address that its description names.
    Address(IpAddr),
}

/// The kinds of orders, as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `ping`
    Ping,
    /// `offer`
    Offer,
    /// `answer`
    Answer,
    /// `delete`
    Delete,
    /// `query`
    Query,
    /// `list`
    List,
    /// `statistics`
    Statistics,
    /// `block media`
    BlockMedia,
    /// `unblock media`
    UnblockMedia,
    /// `silence media`
    SilenceMedia,
    /// `unsilence media`
    UnsilenceMedia,
    /// `block DTMF`
    BlockDtmf,
    /// `unblock DTMF`
    UnblockDtmf,
    /// `start forwarding`
    StartForwarding,
    /// `stop forwarding`
    StopForwarding,
}

impl Command {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ping => Kind::Ping,
            Self::Offer(_) => Kind::Offer,
            Self::Answer(_) => Kind::Answer,
            Self::Delete(_) => Kind::Delete,
            Self::Query(_) => Kind::Query,
            Self::List(_) => Kind::List,
            Self::Statistics => Kind::Statistics,
            Self::Gate(gate) => match (gate.what, gate.closed) {
                (Gated::Media, true) => Kind::BlockMedia,
                (Gated::Media, false) => Kind::UnblockMedia,
                (Gated::Sound, true) => Kind::SilenceMedia,
                (Gated::Sound, false) => Kind::UnsilenceMedia,
                (Gated::Dtmf, true) => Kind::BlockDtmf,
                (Gated::Dtmf, false) => Kind::UnblockDtmf,
                (Gated::Copy, true) => Kind::StartForwarding,
                (Gated::Copy, false) => Kind::StopForwarding,
            },
        }
    }

    /// The call that it is about.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Offer(proposal) | Self::Answer(proposal) => Some(&proposal.call),
            Self::Delete(delete) => Some(&delete.call),
            Self::Query(query) => Some(&query.call),
            Self::Gate(gate) => Some(&gate.call),
            Self::Ping | Self::List(_) | Self::Statistics => None,
        }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 15] = [
        Kind::Ping,
        Kind::Offer,
        Kind::Answer,
        Kind::Delete,
        Kind::Query,
        Kind::List,
        Kind::Statistics,
        Kind::BlockMedia,
        Kind::UnblockMedia,
        Kind::SilenceMedia,
        Kind::UnsilenceMedia,
        Kind::BlockDtmf,
        Kind::UnblockDtmf,
        Kind::StartForwarding,
        Kind::StopForwarding,
    ];

    /// The word on the wire, in lower case; the metric label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Delete => "delete",
            Self::Query => "query",
            Self::List => "list",
            Self::Statistics => "statistics",
            Self::BlockMedia => "block media",
            Self::UnblockMedia => "unblock media",
            Self::SilenceMedia => "silence media",
            Self::UnsilenceMedia => "unsilence media",
            Self::BlockDtmf => "block dtmf",
            Self::UnblockDtmf => "unblock dtmf",
            Self::StartForwarding => "start forwarding",
            Self::StopForwarding => "stop forwarding",
        }
    }

    /// What it opens or closes, if it is such a kind.
    pub(super) fn gate(self) -> Option<(Gated, bool)> {
        Some(match self {
            Self::BlockMedia => (Gated::Media, true),
            Self::UnblockMedia => (Gated::Media, false),
            Self::SilenceMedia => (Gated::Sound, true),
            Self::UnsilenceMedia => (Gated::Sound, false),
            Self::BlockDtmf => (Gated::Dtmf, true),
            Self::UnblockDtmf => (Gated::Dtmf, false),
            Self::StartForwarding => (Gated::Copy, true),
            Self::StopForwarding => (Gated::Copy, false),
            Self::Ping
            | Self::Offer
            | Self::Answer
            | Self::Delete
            | Self::Query
            | Self::List
            | Self::Statistics => return None,
        })
    }
}

impl fmt::Debug for Proposal {
    /// Without the description: it holds addresses and keys, and a log must not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proposal({:?}, {} bytes)", self.call, self.sdp.len())
    }
}
