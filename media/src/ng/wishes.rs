//! What a controller wants to become of a description and of its media, beyond what offer and answer say themselves.
//! Nothing here is of the wire: gRPC's `Description` fits in as well.

use ringway_sip::sdp::Profile;
use std::net::IpAddr;
use std::time::Duration;

/// See the module. [`Wishes::default`] is what rtpengine does without any flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Where the SIP message came from.
    pub received_from: Option<IpAddr>,
    /// Whether the addresses of the description are believed; otherwise its media is expected at
    /// [`Self::received_from`].
    pub trust_address: bool,
    /// The address that stands in the description that is passed on, instead of the relay's own: for relays behind NAT.
    pub media_address: Option<IpAddr>,
    /// Which kind of address the receiver of the description gets; `None`: the kind that it has itself.
    pub family: Option<Family>,
    /// The protocol towards the receiver of the description.
    pub transport: Transport,
    /// What becomes of ICE.
    pub ice: Ice,
    /// RTP and RTCP on one port.
    pub mux: Mux,
    /// SRTP keys in the description.
    pub sdes: Sdes,
    /// Which other parts of the description are replaced.
    pub replace: Replace,
    /// How the description says where RTCP goes.
    pub rtcp_attribute: RtcpAttribute,
    /// Names of the interfaces towards the sender and towards the receiver of the description.
    pub interfaces: Vec<String>,
    /// The sender's media does not come from where it wants to get media: no source is learned.
    pub asymmetric: bool,
    /// After the first source is learned, packets from another one are dropped.
    pub strict_source: bool,
    /// A new source is learned at any time. A door to strangers.
    pub media_handover: bool,
    /// One way of a call may carry media alone.
    pub unidirectional: bool,
    /// The relay keeps its ports though the other end changes its own.
    pub port_latching: bool,
    /// A description that has been through this relay already stays as it is.
    pub loop_protect: bool,
    /// The direction attributes stay as they are.
    pub original_sendrecv: bool,
    /// What was learned of the ends is forgotten.
    pub reset: bool,
    /// The TOS byte of packets that leave.
    pub tos: Tos,
    /// How long ports and keys stay when the call is deleted.
    pub delete_delay: Option<Duration>,
    /// The controller's name for the sender of the description.
    pub label: String,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            received_from: None,
            trust_address: true,
            media_address: None,
            family: None,
            transport: Transport::default(),
            ice: Ice::default(),
            mux: Mux::default(),
            sdes: Sdes::default(),
            replace: Replace::default(),
            rtcp_attribute: RtcpAttribute::default(),
            interfaces: Vec::new(),
            asymmetric: false,
            strict_source: false,
            media_handover: false,
            unidirectional: false,
            port_latching: false,
            loop_protect: false,
            original_sendrecv: false,
            reset: false,
            tos: Tos::default(),
            delete_delay: None,
            label: String::new(),
        }
    }
}

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The protocol of `m=` lines towards the receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// In an offer, as it is or, while its sender stays with its own, as the receiver had it before; in an answer, as it was
    /// offered.
    #[default]
    Kept,
    /// In an answer: as the answer says, even if it was not offered.
    Accept,
    /// This one. Never one with keys from DTLS.
    Profile(Profile),
}

/// What becomes of ICE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ice {
    /// The relay does as it sees fit.
    #[default]
    Default,
    /// It is taken out.
    Remove,
}

/// RTP and RTCP on one port (RFC 5761). Without any: as the sender of the description wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mux {
    /// Offer it, whether the sender did or not.
    pub offer: bool,
    /// Offer it as if it had been accepted before: without a second port.
    pub require: bool,
    /// Accept it from the sender, do not offer it to the receiver.
    pub demux: bool,
    /// Accept it from the sender, and offer it to the receiver as well.
    pub accept: bool,
    /// Do not accept it from the sender.
    pub reject: bool,
}

/// SRTP keys in the description (RFC 4568).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sdes {
    /// Offer none.
    pub off: bool,
    /// Suites that are not offered.
    pub without: Vec<String>,
    /// If there are any, only these suites are offered.
    pub only: Vec<String>,
    /// Suites to be listed first, in this order.
    pub order: Vec<String>,
    /// Offer no suite that the sender did not offer.
    pub nonew: bool,
    /// Write the `=` at the end of base64.
    pub pad: bool,
    /// Write the lifetime 2^31 behind each key.
    pub lifetime: bool,
    /// In an answer to a re-INVITE: keep the suite that was agreed on.
    pub fixed: bool,
}

/// Which other parts of the description are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replace {
    /// The address in `o=`.
    pub origin: bool,
    /// The `c=` line of the session, even if no media uses it.
    pub session_connection: bool,
    /// The user in `o=`: always the same one.
    pub username: bool,
    /// The `s=` line: always the same one.
    pub session_name: bool,
    /// The version in `o=`: counted by the relay, one more whenever the description changes.
    pub version: bool,
    /// The version grows even if nothing changes.
    pub version_always: bool,
    /// The address of nobody in `c=`, the old way to put on hold.
    pub zero_address: bool,
}

/// How the description says where RTCP goes (RFC 3605).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RtcpAttribute {
    /// `a=rtcp` with the port.
    #[default]
    Short,
    /// `a=rtcp` with port and address.
    Full,
    /// Not at all: it is the port above.
    None,
}

/// The TOS byte of packets that leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tos {
    /// The relay's own.
    #[default]
    Default,
    /// As it is.
    Kept,
    /// This one.
    Set(u8),
}
