//! What the core says: messages to send, and notes on what happened, for counters, logs and measurements.

use super::{
    media::{Fate, Release},
    overload::News,
    question::{Question, Ticket},
};
use bytes::Bytes;
use ringway_router::{Path, Region};
use ringway_sip::{ParseError, Peer};
use std::{fmt, time::Duration};

/// One thing for the shell to do.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send this message.
    Send {
        /// Where.
        to: Peer,
        /// What.
        bytes: Bytes,
    },
    /// Find this out, and come back with it; the request waits for it.
    Ask(Ticket, Question),
    /// Media is over; no answer is waited for.
    Release(Release),
    /// Something happened.
    Note(Note),
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Note {
    /// A message was not treated.
    Dropped(Dropped),
    /// A request came in and was taken.
    Request {
        /// Its method, when it is one of RFC 3261's; else `other`.
        method: &'static str,
        /// `edge` or `mesh`.
        source: &'static str,
    },
    /// A final response of this status was passed up or made here.
    Answered(u16),
    /// A request was refused.
    Refused {
        /// The metric label.
        label: &'static str,
        /// The status that was sent.
        code: u16,
        /// The sentence that was sent.
        why: String,
        /// The call.
        call_id: String,
    },
    /// A request that opens a dialog set out from this ingress.
    SetOut {
        /// The call.
        call_id: String,
        /// Whom it calls: the Request-URI. A person's: not for a log that was not asked for it.
        called: String,
        /// The path that it was given.
        path: Path,
        /// 1 for the first path, 2 when that one was silent, …
        attempt: usize,
        /// The table that was asked.
        route_epoch: u64,
        /// The policy behind that table.
        policy_revision: u64,
    },
    /// An element of the edge did not answer, or cannot be reached.
    Unanswered(Peer),
    /// A copy of a request that is here already came over another path, and was absorbed.
    Absorbed,
    /// An INVITE hop to another region, as seen from here (a measurement of that link).
    Hop(HopEvent),
    /// Something about overload.
    Overload(News),
    /// A session description passed, or did not.
    Media(Fate),
}

/// One observation of the SIP hop to a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopEvent {
    /// The next region.
    pub to: Region,
    /// What was seen.
    pub what: HopSign,
}

/// What a hop shows. INVITE only: each proxy answers it at once with 100, so the delay is that of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopSign {
    /// A request was sent.
    Request,
    /// It was sent again (Timer A).
    Retransmission,
    /// The first answer, after this long. Karn's rule: not counted when the request had been sent again.
    Answer(Duration),
    /// No answer within the hop timeout.
    Timeout,
    /// Refused for want of room (503).
    Unavailable,
}

/// Why a message was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is no SIP message, for this reason.
    Malformed(ParseError),
    /// A request from somebody who is neither of the mesh nor of the edge.
    StrangerRequest,
    /// Likewise a response.
    StrangerResponse,
    /// A response to nothing that we asked.
    StrayResponse,
    /// An ACK that cannot be routed (an ACK is never answered).
    UnroutableAck,
    /// An ACK whose description no media relay rewrites; the callee asks for it again.
    UnanchoredAck,
}

impl Dropped {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed(error) => error.label(),
            Self::StrangerRequest => "stranger_request",
            Self::StrangerResponse => "stranger_response",
            Self::StrayResponse => "stray_response",
            Self::UnroutableAck => "unroutable_ack",
            Self::UnanchoredAck => "unanchored_ack",
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
