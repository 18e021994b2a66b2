//! What the core cannot know by itself, asked through the shell: who is registered, what a registration changes, which
//! addresses a name has, and what a media relay makes of a description. Every question is answered, though some only after a while; until then the request waits.

use super::{
    dial::Next,
    media::{Order, Unanchored},
};
use crate::location::{Binding, Change, Refused};
use ringway_sip::{Peer, Transport, Uri};

/// Ties an answer to its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Who is registered under this address-of-record, in all regions.
    Locate(String),
    /// Apply this to the bindings of the own region.
    Register(Change),
    /// The addresses of these places together, in their order (RFC 3263).
    Resolve(Vec<Next>),
    /// Let the media relay of this region rewrite a description.
    Media(Box<Order>),
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Locate`]: the live bindings.
    Located(Vec<Binding>),
    /// To [`Question::Register`].
    Registered {
        /// The live bindings of the address-of-record in this region, or why nothing has changed.
        bindings: Result<Vec<Binding>, Refused>,
        /// When, in Unix milliseconds: an expiry is told as what is left of it.
        now_unix_ms: u64,
    },
    /// To [`Question::Resolve`]: where to send to, in the order in which to try them.
    Resolved(Result<Vec<Peer>, Unresolved>),
    /// To [`Question::Media`]: the description that goes on in its place.
    Media(Result<Vec<u8>, Unanchored>),
}

/// Why a host has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unresolved {
    /// There is no such host, or nothing there that we speak to.
    Missing,
    /// DNS does not answer.
    Away,
}

/// What a URI says of its destination (RFC 3263 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name.
    pub name: String,
    /// Given, it keeps SRV out of it.
    pub port: Option<u16>,
    /// Given, it keeps NAPTR out of it.
    pub transport: Option<Transport>,
}

impl Host {
    /// Reads it off a URI. `None`: the transport is not one that we speak, or it has to be safe on every hop (`sips`).
    #[must_use]
    pub fn of(uri: &Uri<'_>) -> Option<Self> {
        if uri.scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        let transport = match uri.params.find("transport").flatten() {
            None => None,
            Some(text) => Some(Transport::parse(text)?),
        };
        Some(Self { name: uri.host.to_ascii_lowercase(), port: uri.port, transport })
    }
}
