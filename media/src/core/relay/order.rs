//! What a controller orders. Descriptions are already read: who rewrites SDP builds these, and writes what [`Answered`](super::Answered)
//! says.

use super::{
    super::{RelayId, StreamId, rtp::Format, srtp::Master},
    RouteKey,
};
use ringway_router::Traffic;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// One order. Each may be repeated: it gets the same answer, and nothing is done twice.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// Somebody offers media, for the first time or anew.
    Offer(Description<'a>),
    /// The other one answers.
    Answer(Description<'a>),
    /// The call is over, or a branch of it.
    Delete(Whom<'a>),
    /// The same, but a call that is over goes on for so long, for the last words of both; an offer or answer before that keeps
    /// it. A branch ends at once.
    Retire(Whom<'a>, Duration),
    /// What is known of the call?
    Query {
        /// Its Call-ID.
        call_id: &'a str,
    },
    /// What somebody sends is held back, or no longer. An empty `from_tag`: of all parties.
    Curb(Whom<'a>, Curb, Switch),
    /// The controller lives.
    Renew {
        /// Its name.
        controller: &'a str,
    },
}

/// A call, or one of its parties.
#[derive(Debug, Clone, Copy)]
pub struct Whom<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The party that asks for it; empty: all of the call.
    pub from_tag: &'a str,
    /// The other party; may be empty.
    pub to_tag: &'a str,
    /// The branch; may be empty.
    pub branch: &'a str,
}

/// What a session description says, and what the controller says of it.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// Who orders. Empty: a controller without a lease.
    pub controller: &'a str,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The tag of the offer's sender, in its answer too.
    pub from_tag: &'a str,
    /// The tag of the one who answers; empty in a first offer.
    pub to_tag: &'a str,
    /// Tells forked branches apart; may be empty.
    pub branch: &'a str,
    /// Where the sender of the description has its media.
    pub from: Side,
    /// Where its receiver has.
    pub to: Side,
    /// The address that the description came from, when it is better than the one that it names.
    pub received_from: Option<IpAddr>,
    /// Which sources are learned.
    pub learning: Learning,
    /// What was learned is forgotten, even if the description names the same addresses as before.
    pub relatch: bool,
    /// Whether RTCP shares the port of RTP.
    pub muxing: Muxing,
    /// What the call is, as far as ways between regions depend on it. `None`: as before.
    pub traffic: Option<&'a Arc<Traffic>>,
    /// Its `m=` lines.
    pub sections: &'a [Section<'a>],
}

impl<'a> Description<'a> {
    /// Whose it is.
    #[must_use]
    pub fn whom(&self) -> Whom<'a> {
        let Self { call_id, from_tag, to_tag, branch, .. } = *self;
        Whom { call_id, from_tag, to_tag, branch }
    }
}

/// Where somebody has its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A phone or trunk: RTP to a port of this interface.
    Edge {
        /// Which interface.
        interface: u8,
        /// IPv4 or IPv6; `None`: that of the other one.
        family: Option<Family>,
    },
    /// The relay of another region.
    Mesh {
        /// Which way to there. `None`: as before; there is none before the first offer.
        route: Option<RouteKey>,
    },
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Which source a party may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Learning {
    /// The first one, once; packets go there.
    #[default]
    Symmetric,
    /// The one that signaling named, and no other.
    Strict,
    /// The first one, once; packets go to what signaling named all the same.
    Asymmetric,
}

/// Whether RTCP shares the port of RTP (RFC 5761).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Muxing {
    /// As the two parties agree.
    #[default]
    Mirror,
    /// What the sender offers is taken, whatever the receiver says.
    Accept,
    /// It is taken from the sender and not offered to the receiver.
    Demux,
    /// It is offered to the receiver, whatever the sender does.
    Offer,
    /// The receiver gets one port and must share it.
    Require,
    /// Nobody shares.
    Reject,
}

/// What an `m=` line says.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Where packets go.
    pub remote: Remote,
    /// `a=rtcp-mux`.
    pub mux: bool,
    /// `a=rtcp-rsize` (RFC 5506).
    pub reduced: bool,
    /// SRTP, as the description came. Without [`Self::keys`] it passes as it is.
    pub sealed: bool,
    /// SRTP, as the description goes on to its receiver.
    pub sealed_on: bool,
    /// On hold: not `sendrecv`, or at no address.
    pub held: bool,
    /// What its payload types stand for.
    pub formats: &'a [Format],
    /// The keys that an answer settles; in an offer they mean nothing yet.
    pub keys: Keys<'a>,
}

/// SRTP keys (RFC 4568) of both parties of an answer. None at all: plain RTP, or SRTP that passes as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keys<'a> {
    /// Of the offer's sender.
    pub offerer: Locks<'a>,
    /// Of the one who answers.
    pub answerer: Locks<'a>,
}

/// SRTP keys between one party and us. When what one party sends has the key with which the other one gets it, packets pass as
/// they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Locks<'a> {
    /// Of what the party sends: from the line of its own description. `None`: plain.
    pub inward: Option<&'a Master>,
    /// Of what it gets: from the line of ours. `None`: plain.
    pub outward: Option<&'a Master>,
}

/// Where packets for a party go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// Port 0: there is no such medium, or no longer.
    Off,
    /// To these addresses. An unspecified address (RFC 3264 §8.4): nothing is to be sent.
    Edge {
        /// For RTP.
        rtp: SocketAddr,
        /// For RTCP; `None`: the next port.
        rtcp: Option<SocketAddr>,
    },
    /// Through tunnels to this relay, which gave it this number.
    Mesh {
        /// The relay of the other region.
        relay: RelayId,
        /// The stream's number there.
        stream: StreamId,
    },
}

/// What may be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curb {
    /// All RTP but keys pressed: it is dropped.
    Media,
    /// Keys pressed (RFC 4733): their packets are dropped.
    Keys,
    /// Voice: G.711 goes on as silence, with its sequence and time; any other format is dropped. Keys pass.
    Voice,
}

/// Whether it is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// From now on.
    On,
    /// No longer.
    Off,
}
