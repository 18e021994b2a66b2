//! What a controller gets back.

use super::super::{
    CallKey, RelayId, SocketId, StreamId,
    rtp::{Malformed, Summary},
    srtp::{self, Suite},
};
use super::{RouteKey, Side};
use ringway_router::Time;
use ringway_sip::sdp::Profile;
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// The answer to an order that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// What to write into the description, a section each.
    Media(Vec<Local>),
    /// The call is over; or, of several branches, one is.
    Over(CallReport),
    /// The call as it stands.
    Report(CallReport),
    /// The lease lasts for so long, from now.
    Lease(Duration),
    /// It is done.
    Done,
}

/// Where the receiver of a description is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Nowhere: port 0.
    Off,
    /// To these addresses of ours.
    Edge {
        /// RTP.
        rtp: SocketAddr,
        /// RTCP, unless it shares the port; `None`: it must.
        rtcp: Option<SocketAddr>,
        /// Whether to say `a=rtcp-mux`.
        mux: bool,
    },
    /// Through tunnels, under this number.
    Mesh {
        /// The number.
        stream: StreamId,
    },
}

/// What was counted of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// Its Call-ID.
    pub call_id: Arc<str>,
    /// Whose it is; empty: of nobody with a lease.
    pub controller: Arc<str>,
    /// Since when it is here.
    pub created: Time,
    /// When the last order about it came.
    pub signaled: Time,
    /// What each party sent, section by section.
    pub streams: Vec<StreamReport>,
}

/// What one party sent in one section.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamReport {
    /// The tag of the party; empty: not known yet.
    pub tag: Arc<str>,
    /// The branch that its offer went down; empty: none was named.
    pub branch: Arc<str>,
    /// The controller's own word for the party; empty: none.
    pub label: Arc<str>,
    /// What its descriptions said of the medium.
    pub medium: Medium,
    /// Whom it talks to in this section; `None`: nobody yet, or nobody with a tag.
    pub peer: Option<Arc<str>>,
    /// Which section, from 0.
    pub media: u32,
    /// Where it comes in.
    pub side: Side,
    /// At which address of ours; `None` on the mesh side.
    pub local: Option<SocketAddr>,
    /// Where packets for the party go, on the edge side; `None`: nowhere.
    pub remote: Option<SocketAddr>,
    /// Where its packets go on to, if through tunnels.
    pub tunneled: Option<Tunneled>,
    /// RTCP shares the port.
    pub muxed: bool,
    /// When its last packet came; `None`: none has come.
    pub last: Option<Time>,
    /// Of RTP.
    pub summary: Summary,
    /// Packets of it that were dropped, strangers' at its port among them.
    pub dropped: u64,
    /// To the party and back, from RTCP.
    pub round_trip: Option<Duration>,
    /// Mean opinion score of somebody who listens here, 1 to 4.5; `None`: not known.
    pub mos: Option<f64>,
}

/// What the descriptions of a party said of a medium, as far as they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// `audio`, for example; empty: not known.
    pub kind: Box<str>,
    /// `PCMU/8000`, for example; empty: not known.
    pub codec: Box<str>,
    /// How it is carried.
    pub profile: Option<Profile>,
    /// The suite of SRTP between the party and us; `None`: plain, or SRTP that passes as it is.
    pub suite: Option<Suite>,
}

/// Where packets go that leave through tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunneled {
    /// The relay of the other region.
    pub to: RelayId,
    /// The number of the stream there.
    pub stream: StreamId,
    /// Which way.
    pub route: RouteKey,
}

/// What happened by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// This socket serves nobody any more: it is to be closed. Its number may be used again.
    Close(SocketId),
    /// A call was without media for too long, and is over.
    Silent(Box<CallReport>),
    /// The source of a stream was learned.
    Latched {
        /// Of which call.
        call: CallKey,
        /// At which socket.
        socket: SocketId,
        /// The source.
        source: SocketAddr,
    },
    /// A controller has let its lease lapse.
    Lapsed(Arc<str>),
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on.
    Passed,
    /// It does not.
    Dropped(Reason),
}

/// Why a packet does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its socket or stream belongs to no call.
    NoCall,
    /// Longer than a packet may be.
    Oversized,
    /// Not RTP or RTCP as it ought to be.
    Malformed(Malformed),
    /// STUN, DTLS, or nothing known.
    NotMedia,
    /// RTCP at a port for RTP, though it was not agreed to share it.
    RtcpInRtp,
    /// RTP at a port for RTCP.
    RtpInRtcp,
    /// From an address that is not the party's.
    Stranger,
    /// From another relay than the one that signaling named.
    Origin,
    /// SRTP that does not open, or that cannot be sealed.
    Sealing(srtp::Refusal),
    /// One of the two has SRTP, and its keys are not settled yet.
    Keyless,
    /// It came before.
    Twice,
    /// A controller said so.
    Curbed,
    /// Nobody listens: another branch has answered, or the medium was refused.
    Unjoined,
    /// The other one has no address yet, or wants nothing sent while it holds.
    Nowhere,
    /// The box is full, or no tunnel leads there.
    NoWay,
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = 15;
    /// The labels, in the order of [`Self::index`].
    pub const LABELS: [&'static str; Self::COUNT] = [
        "no-call",
        "oversized",
        "malformed",
        "not-media",
        "rtcp-in-rtp",
        "rtp-in-rtcp",
        "stranger",
        "origin",
        "twice",
        "curbed",
        "unjoined",
        "nowhere",
        "no-way",
        "srtp",
        "keyless",
    ];

    /// Its place among the labels.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::NoCall => 0,
            Self::Oversized => 1,
            Self::Malformed(_) => 2,
            Self::NotMedia => 3,
            Self::RtcpInRtp => 4,
            Self::RtpInRtcp => 5,
            Self::Stranger => 6,
            Self::Origin => 7,
            Self::Twice => 8,
            Self::Curbed => 9,
            Self::Unjoined => 10,
            Self::Nowhere => 11,
            Self::NoWay => 12,
            Self::Sealing(_) => 13,
            Self::Keyless => 14,
        }
    }

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS[self.index()]
    }
}
