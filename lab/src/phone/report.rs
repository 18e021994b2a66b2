//! What phones tell the lab about their calls.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Something that happened to a call. The caller's phone sends the first and the last, the callee's the arrival.
#[derive(Clone, Debug)]
pub enum PhoneEvent {
    /// The first INVITE has left.
    Placed {
        /// The Call-ID, which stays the same over every hop.
        call_id: String,
        /// The caller's number.
        from: String,
        /// The number called.
        to: String,
        /// When it left.
        at: Instant,
    },
    /// The INVITE reached the callee for the first time.
    Arrived {
        /// The Call-ID.
        call_id: String,
        /// The sent-by hosts of its Via stack in travel order: the caller's phone first, the last proxy at the end.
        hops: Vec<String>,
    },
    /// The caller has its 2xx.
    Answered {
        /// The Call-ID.
        call_id: String,
        /// From the first INVITE to the first 18x, or to the 200 where none came.
        setup: Duration,
        /// When it came.
        at: Instant,
    },
    /// A phone got a request within a dialog that is neither ACK nor BYE: a re-INVITE, an UPDATE. A call that moves to another
    /// path needs none.
    Asked {
        /// The Call-ID.
        call_id: String,
        /// Its method.
        method: String,
    },
    /// The call is over, well or not.
    Ended(CallReport),
}

/// One call, as its caller lived it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// The Call-ID.
    pub call_id: String,
    /// When its first INVITE left.
    pub placed_at: Instant,
    /// From the first INVITE to the first 18x, or to the 200 where none came.
    pub setup: Option<Duration>,
    /// Whether a 2xx came.
    pub answered: bool,
    /// When it was over.
    pub ended_at: Instant,
    /// How it ended.
    pub end: CallEnd,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// BYE, 200.
    HungUp,
    /// A final answer of 300 or more.
    Refused {
        /// The status code.
        code: u16,
        /// The reason phrase as received.
        reason: String,
    },
    /// No answer at all to the INVITE: timer B, RFC 3261 §17.1.1.2.
    InviteTimeout,
    /// Provisional answers, but no final one.
    NoFinalAnswer,
    /// No answer to the BYE: timer F, RFC 3261 §17.1.2.2.
    ByeTimeout,
    /// Another answer to the BYE than 2xx.
    ByeRefused {
        /// The status code.
        code: u16,
        /// The reason phrase as received.
        reason: String,
    },
    /// The 2xx could not make a dialog: no Contact, or a URI that cannot be printed.
    BadAnswer,
}

impl CallReport {
    /// Whether everything went as it should.
    pub fn is_good(&self) -> bool {
        self.end == CallEnd::HungUp
    }
}

impl fmt::Display for CallEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("hung up"),
            Self::Refused { code, reason } => write!(f, "INVITE got {code} {reason}"),
            Self::InviteTimeout => f.write_str("INVITE got no answer (timer B)"),
            Self::NoFinalAnswer => f.write_str("INVITE got no final answer"),
            Self::ByeTimeout => f.write_str("BYE got no answer (timer F)"),
            Self::ByeRefused { code, reason } => write!(f, "BYE got {code} {reason}"),
            Self::BadAnswer => f.write_str("200 without a usable Contact"),
        }
    }
}
