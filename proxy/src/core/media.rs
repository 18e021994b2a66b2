//! What the core asks of the media relay of its region: session descriptions as they pass are rewritten, so that media
//! goes by way of the relay; and what belongs to calls that are over is given back.
//!
//! The proxy keeps nothing of a call. Which ends a description goes between is known from the way of its message: from the
//! edge over the mesh, from the mesh to the edge, or from edge to edge of one region, which is anchored once.

use super::{
    body,
    branch::{LoopMark, Token},
    decide::Source,
    plan::Hop,
    site::Site,
    view::View,
};
use bytes::Bytes;
use memchr::memmem;
use ringway_router::{Region, Traffic};
use ringway_sip::{Message, Method, Name, Peer};
use std::net::IpAddr;

/// How the proxy anchors media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Without a relay there is no call; otherwise its media goes its own way.
    pub required: bool,
}

/// Where one end of a description has its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Phones and trunks: RTP to the addresses in the description.
    Edge,
    /// The relay of another region: tunnels.
    Mesh,
}

/// What a description is in its exchange (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody offers media.
    Offer,
    /// The other one answers.
    Answer,
}

/// From which end to which a request goes, as far as its media is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Where the request comes from.
    pub from: Side,
    /// Where it goes.
    pub to: Side,
    /// The other end of the mesh side. `None`: there is none, or the description alone says.
    pub region: Option<Region>,
}

/// A description to be rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is.
    pub kind: Kind,
    /// The call.
    pub call_id: String,
    /// The tag of whoever made the offer; also in the answer to it.
    pub from_tag: String,
    /// The tag of the other one; empty in a first offer.
    pub to_tag: String,
    /// Under which the offer of a request outside a dialog is told from other ones; else empty.
    pub branch: String,
    /// The description.
    pub sdp: Bytes,
    /// From which end to which the description goes.
    pub way: Way,
    /// What the call is, for the rules.
    pub traffic: Traffic,
    /// The address that it came from, when its sender sits behind a NAT.
    pub received_from: Option<IpAddr>,
}

/// What is over. No answer comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The call.
    pub call_id: String,
    /// Tags of the two parties, in whichever order.
    pub tags: (String, String),
    /// Only what was offered under this branch; empty: all that these two have.
    pub branch: String,
}

/// Why a description has not been rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanchored {
    /// No relay of the region answers, or none has room.
    Away,
    /// The relay cannot make sense of the description.
    Malformed,
}

/// What became of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The relay rewrote it.
    Anchored,
    /// It passed as it was: the region at the other end has no relay.
    NoRelayThere,
    /// Likewise: it stands in a body that is not understood.
    Strange,
    /// Likewise: no relay of the own region answers, and none is required.
    Away,
    /// Its message was refused: no relay of the own region answers.
    RefusedAway,
    /// Likewise: the relay could not make sense of it.
    RefusedMalformed,
    /// Lines that only relays may write were taken out of what passed as it was.
    Stripped,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Anchored,
        Self::NoRelayThere,
        Self::Strange,
        Self::Away,
        Self::RefusedAway,
        Self::RefusedMalformed,
        Self::Stripped,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::NoRelayThere => "no_relay_there",
            Self::Strange => "strange",
            Self::Away => "away",
            Self::RefusedAway => "refused_away",
            Self::RefusedMalformed => "refused_malformed",
            Self::Stripped => "stripped",
        }
    }
}

impl Way {
    /// The Via parameter by which the ingress tells the egress that it anchors the call, and in which region.
    pub const PARAM: &'static str = "rw-media";

    /// The way of a request, by where it comes from and where it goes. `None`: its descriptions are not anchored here.
    #[must_use]
    pub fn of(request: &Message, source: Source, hop: &Hop, view: &View) -> Option<Self> {
        match (source, hop) {
            (Source::Edge, Hop::Mesh(_, path)) => {
                let to = path.as_ref()?.destination();
                let region = view.media.contains(to).then(|| to.clone());
                region.map(|to| Self { from: Side::Edge, to: Side::Mesh, region: Some(to) })
            }
            // A sibling on the way finds nothing of a tunnel in it, and lets it pass.
            (Source::Edge, Hop::Edge | Hop::Flow | Hop::Sibling) => {
                Some(Self { from: Side::Edge, to: Side::Edge, region: None })
            }
            (Source::Mesh, Hop::Edge | Hop::Flow) => {
                tunneled(request).map(|region| Self { from: Side::Mesh, to: Side::Edge, region })
            }
            (Source::Mesh, Hop::Mesh(..) | Hop::Sibling) | (Source::Stranger, _) => None,
        }
    }

    /// Whether a leg goes over the mesh to where this way leads.
    #[must_use]
    pub fn leads(&self, hop: &Hop) -> bool {
        let Hop::Mesh(_, Some(path)) = hop else { return false };
        self.enters_the_mesh() && self.region.as_ref() == Some(path.destination())
    }

    /// The way of its answers.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { from: self.to, to: self.from, region: self.region.clone() }
    }

    /// Whether it sets out over the mesh, so that the egress has to be told.
    #[must_use]
    pub fn enters_the_mesh(&self) -> bool {
        self.to == Side::Mesh
    }
}

/// Whether the ingress anchored a request that came over the mesh, and in which region, if it says so. The Via of the
/// ingress is the first with a token: what edge elements wrote stands below it. An ACK has none, but what is in it of a
/// tunnel an ingress has written, because it lets nothing of the kind in.
fn tunneled(request: &Message) -> Option<Option<Region>> {
    if request.method() == Method::Ack {
        return body::tells_of_tunnel(request.body()).then_some(None);
    }
    memmem::find(request.raw(), Way::PARAM.as_bytes())?;
    let ingress = request.vias().flatten().find(|via| via.param(Token::PARAM).is_some())?;
    Some(Region::try_from(ingress.param(Way::PARAM)??).ok())
}

/// Whether messages of this kind carry offers and answers (RFC 3261 §13, RFC 3262 §5, RFC 3311). Elsewhere a description
/// only tells of abilities (RFC 3261 §11.2).
#[must_use]
pub fn negotiates(method: Method<'_>) -> bool {
    matches!(method, Method::Invite | Method::Ack | Method::Prack | Method::Update)
}

/// Whether a message crosses the border between edge and mesh, or from edge to edge: there nothing passes that only relays
/// may say to each other.
#[must_use]
pub fn is_border(source: Source, hop: &Hop) -> bool {
    source == Source::Edge || matches!(hop, Hop::Edge | Hop::Flow)
}

/// The CSeq of the INVITE whose provisional response a PRACK acknowledges (RFC 3262 §7.2).
#[must_use]
pub fn acknowledged(prack: &Message) -> Option<u32> {
    prack.first(Name::Other("RAck"))?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The address to expect media from, of an element whose contact is another address than it sends from: it sits behind a
/// NAT, and its description does not know better than its contact.
#[must_use]
pub fn behind_nat(message: &Message, from: Peer) -> Option<IpAddr> {
    let contact = message.contacts().next()?.ok()?.uri.ip()?;
    let from = from.address.ip();
    (contact != from).then_some(from)
}

/// Tells the offers of one request from those of others: with the request's own mark, so that one that comes by twice
/// (a spiral) is two.
#[must_use]
pub fn branch(identity: u64, cseq: u32, offer: usize) -> String {
    format!("{}-{cseq}-{offer}", LoopMark::of(identity))
}

/// Names the call in a [`Release`].
#[must_use]
pub fn release(request: &Message, branch: String) -> Release {
    let tag = |tag: Option<&str>| tag.unwrap_or_default().to_owned();
    let tags = (tag(request.from_tag()), tag(request.to_tag()));
    Release { call_id: request.call_id().to_owned(), tags, branch }
}

/// Whether media is anchored here. Where it is not, edge elements are kept from speaking like relays all the same.
#[must_use]
pub fn is_on(site: &Site) -> bool {
    site.media.is_some()
}
