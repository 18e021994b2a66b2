//! A description as it comes and as it goes on: what the relay is told of it, and what the relay says written into it.

use super::{
    Undone,
    accord::{Accord, Said},
};
use crate::{
    config,
    core::{
        RelayId, StreamId,
        relay::{self, Learning, Local, Muxing, Remote, Section, Side, Terms, Whom},
        rtp::{Coding, Format},
        srtp::Chance,
    },
    ng::{Call, Family, Mux, Refusal, RtcpAttribute, Wishes},
};
use bytes::Bytes;
use ringway_router::Traffic;
use ringway_sip::sdp::{self, Description, Direction, Edit, Profile, Rtcp, Scope, Tunnel};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The port of descriptions between regions (RFC 863): media goes through tunnels, so nobody listens there, or sends.
const DISCARD: u16 = 9;
/// What stands in `o=` and `s=` where the controller wants the sender's own words replaced.
const NOBODY: &str = "-";

/// A description, read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) call: Call,
    controller: String,
    wishes: Wishes,
    sides: [Side; 2],
    traffic: Arc<Traffic>,
    parts: Vec<Part>,
}

/// One `m=` section.
#[derive(Debug)]
struct Part {
    /// `None`: not RTP, so it is refused.
    profile: Option<Profile>,
    remote: Remote,
    mux: bool,
    reduced: bool,
    held: bool,
    formats: Vec<Format>,
    /// The values of its `a=crypto` lines.
    lines: Vec<String>,
    kind: Box<str>,
    codec: Box<str>,
}

impl Draft {
    /// Reads what the relay has to know.
    ///
    /// # Errors
    /// What the relay cannot do, or cannot be asked for.
    pub(super) fn read(
        description: &Description,
        controller: String,
        call: Call,
        wishes: Wishes,
        (sides, traffic): ([Side; 2], Arc<Traffic>),
    ) -> Result<Self, Refusal> {
        let tunneled = matches!(sides[0], Side::Mesh { .. });
        let parts = description.media().map(|media| Part::read(&media, tunneled));
        Ok(Self { parts: parts.collect::<Result<_, _>>()?, call, controller, wishes, sides, traffic })
    }

    /// Of which call it is, and between whom.
    pub(super) fn whom(&self) -> Whom<'_> {
        let Call { call_id, from_tag, to_tag, branch } = &self.call;
        Whom { call_id, from_tag, to_tag, branch }
    }

    /// How many `m=` lines it has.
    pub(super) fn sections(&self) -> usize {
        self.parts.len()
    }

    /// The controller's word for its sender.
    pub(super) fn label(&self) -> &str {
        &self.wishes.label
    }

    /// What becomes of each medium, after what was said before; `None` where it is not RTP.
    ///
    /// # Errors
    /// When profiles or keys do not fit.
    pub(super) fn agree(
        &self,
        offers: bool,
        terms: Vec<[Terms; 2]>,
        mut chance: impl FnMut() -> Chance,
    ) -> Result<Vec<Option<Accord>>, Undone> {
        let of = |(part, [mut from, to]): (&Part, [Terms; 2])| {
            let Some(said) = part.said() else { return Ok(None) };
            part.tell(&mut from);
            let accord = if offers { Accord::of_offer } else { Accord::of_answer };
            accord(said, &self.wishes, [from, to], &mut chance).map(Some)
        };
        self.parts.iter().zip(terms).map(of).collect()
    }

    /// What the relay is told.
    pub(super) fn with<R>(
        &self,
        accords: &[Option<Accord>],
        tell: impl FnOnce(relay::Description<'_>) -> R,
    ) -> R {
        let sections = self.parts.iter().zip(accords).map(|(part, accord)| part.section(accord.as_ref()));
        let sections: Vec<Section<'_>> = sections.collect();
        let Whom { call_id, from_tag, to_tag, branch } = self.whom();
        let wishes = &self.wishes;
        tell(relay::Description {
            controller: &self.controller,
            call_id,
            from_tag,
            to_tag,
            branch,
            from: self.sides[0],
            to: self.sides[1],
            received_from: wishes.received_from.filter(|_| !wishes.trust_address),
            learning: if wishes.strict_source {
                Learning::Strict
            } else if wishes.asymmetric {
                Learning::Asymmetric
            } else {
                Learning::Symmetric
            },
            relatch: wishes.reset,
            muxing: muxing(wishes.mux),
            traffic: Some(&self.traffic),
            sections: &sections,
        })
    }

    /// The description that goes on. All lines that need not change keep their bytes and their order.
    pub(super) fn write(
        &self,
        description: &Description,
        (locals, accords): (&[Local], &[Option<Accord>]),
        settings: &config::Relay,
        own: Option<RelayId>,
    ) -> Bytes {
        let mut edit = description.edit();
        let shown =
            |address: SocketAddr| self.wishes.media_address.unwrap_or_else(|| settings.shown(address.ip()));
        let ours = locals.iter().find_map(|local| match local {
            Local::Edge { rtp, .. } => Some(shown(*rtp)),
            // Nobody sends there, and nobody learns where the phone is.
            Local::Mesh { .. } => settings.interface.first().map(|one| settings.shown(one.listen)),
            Local::Off => None,
        });
        if let Some(ip) = ours {
            self.write_addresses(&mut edit, description, ip);
        }
        edit.remove_ice();
        edit.remove_tunnels();
        if accords.iter().flatten().any(Accord::is_bridge) {
            edit.remove_dtls();
        }
        for (index, ((part, accord), local)) in self.parts.iter().zip(accords).zip(locals).enumerate() {
            let Some(accord) = accord else {
                // What is no RTP cannot be relayed, and may not find another way: its addresses are changed, too.
                edit.port(index, 0);
                continue;
            };
            accord.write(&mut edit, index);
            match local {
                Local::Off => edit.port(index, 0),
                Local::Edge { rtp, rtcp, mux } => {
                    let old_hold =
                        matches!(part.remote, Remote::Edge { rtp, .. } if rtp.ip().is_unspecified());
                    if old_hold && self.wishes.replace.zero_address {
                        edit.connection(Scope::Media(index), shown(*rtp));
                    }
                    edit.port(index, rtp.port());
                    edit.rtcp_mux(index, *mux);
                    edit.rtcp(index, self.rtcp(*rtcp, ours));
                }
                Local::Mesh { stream } => {
                    edit.port(index, DISCARD);
                    edit.rtcp(index, None);
                    let name = |own: RelayId| Tunnel { relay: own.0, stream: stream.0 };
                    edit.tunnel(index, own.map(name));
                }
            }
        }
        edit.finish()
    }

    fn write_addresses(&self, edit: &mut Edit<'_>, description: &Description, ip: IpAddr) {
        edit.connections(ip);
        let replace = self.wishes.replace;
        if replace.session_connection && description.connection().is_some() {
            edit.connection(Scope::Session, ip);
        }
        if replace.origin {
            edit.origin(ip);
        }
        if replace.username {
            edit.username(NOBODY);
        }
        if replace.session_name {
            edit.session_name(NOBODY);
        }
    }

    fn rtcp(&self, rtcp: Option<SocketAddr>, ip: Option<IpAddr>) -> Option<Rtcp<'static>> {
        let rtcp = rtcp?;
        match self.wishes.rtcp_attribute {
            RtcpAttribute::Short => Some(Rtcp::short(rtcp.port())),
            RtcpAttribute::Full => Some(Rtcp::full(rtcp.port(), ip.unwrap_or(rtcp.ip()))),
            RtcpAttribute::None => None,
        }
    }
}

impl Part {
    fn read(media: &sdp::Media<'_>, tunneled: bool) -> Result<Self, Refusal> {
        let kind: Box<str> = media.kind().into();
        let Some(profile) = media.profile() else { return Ok(Self::foreign(kind)) };
        if profile.is_tls() {
            return Err(Refusal::Unsupported("DTLS"));
        }
        let remote = match media.rtp() {
            _ if media.is_rejected() => Remote::Off,
            _ if tunneled => {
                let tunnel = media.tunnel().ok().flatten().ok_or(Refusal::Invalid("sdp"))?;
                Remote::Mesh { relay: RelayId(tunnel.relay), stream: StreamId(tunnel.stream) }
            }
            Some(rtp) => Remote::Edge { rtp, rtcp: media.rtcp().map_err(|_| Refusal::Invalid("sdp"))? },
            // Names of hosts would have to be looked up while a call waits.
            None => return Err(Refusal::Unsupported("host names in c= lines")),
        };
        let lines = media.attributes().filter(|attribute| attribute.name == "crypto");
        Ok(Self {
            profile: Some(profile),
            remote,
            mux: media.is_muxed(),
            reduced: media.attribute("rtcp-rsize").is_some(),
            held: media.is_held() || media.direction() != Direction::SendRecv,
            formats: media.formats().filter_map(|format| format_of(media, format)).collect(),
            lines: lines.map(|attribute| attribute.value.to_owned()).collect(),
            kind,
            codec: codec(media),
        })
    }

    fn foreign(kind: Box<str>) -> Self {
        Self {
            profile: None,
            remote: Remote::Off,
            mux: false,
            reduced: false,
            held: false,
            formats: Vec::new(),
            lines: Vec::new(),
            kind,
            codec: Box::default(),
        }
    }

    fn said(&self) -> Option<Said<'_>> {
        Some(Said { profile: self.profile?, off: self.remote == Remote::Off, lines: &self.lines })
    }

    /// What reports name.
    fn tell(&self, terms: &mut Terms) {
        (terms.kind, terms.codec) = (self.kind.clone(), self.codec.clone());
        if let Remote::Edge { rtp, .. } = self.remote {
            terms.address = Some(rtp.ip());
        }
    }

    fn section<'a>(&'a self, accord: Option<&'a Accord>) -> Section<'a> {
        Section {
            remote: self.remote,
            mux: self.mux,
            reduced: self.reduced,
            sealed: self.profile.is_some_and(Profile::is_secure),
            sealed_on: accord.is_some_and(Accord::is_sealed),
            held: self.held,
            formats: &self.formats,
            keys: accord.map(Accord::keys).unwrap_or_default(),
        }
    }
}

/// The names of payload types that need no `a=rtpmap` (RFC 3551 §6).
const NAMED: [(u8, &str); 7] =
    [(0, "PCMU"), (3, "GSM"), (4, "G723"), (8, "PCMA"), (9, "G722"), (13, "CN"), (18, "G729")];

/// The codec that stands first, keys pressed and noise aside; empty where its name is not said.
fn codec(media: &sdp::Media<'_>) -> Box<str> {
    let name = |format: &str| match media.rtpmap(format) {
        Some(map) => Some(map.to_owned()),
        None => NAMED
            .iter()
            .find(|(number, _)| format.parse() == Ok(*number))
            .map(|(_, name)| format!("{name}/8000")),
    };
    let is_voice = |map: &String| {
        let coding = Coding::named(map.split('/').next().unwrap_or_default().trim());
        !matches!(coding, Coding::Event | Coding::Noise)
    };
    media.formats().filter_map(name).find(is_voice).unwrap_or_default().into()
}

/// What a payload type stands for: by `a=rtpmap`, or by its number (RFC 3551 §6).
fn format_of(media: &sdp::Media<'_>, format: &str) -> Option<Format> {
    let payload_type = format.parse().ok().filter(|number| *number < 128)?;
    let (coding, clock_hz) = match media.rtpmap(format) {
        Some(map) => {
            let mut words = map.split('/');
            let coding = Coding::named(words.next()?.trim());
            (coding, words.next().and_then(|clock| clock.trim().parse().ok()).unwrap_or(8_000))
        }
        None => {
            let name = NAMED.iter().find(|(number, _)| *number == payload_type)?.1;
            (Coding::named(name), 8_000)
        }
    };
    Some(Format { payload_type, coding, clock_hz })
}

impl From<Family> for relay::Family {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4,
            Family::V6 => Self::V6,
        }
    }
}

fn muxing(mux: Mux) -> Muxing {
    match mux {
        Mux { require: true, .. } => Muxing::Require,
        Mux { offer: true, .. } => Muxing::Offer,
        Mux { demux: true, .. } => Muxing::Demux,
        Mux { accept: true, .. } => Muxing::Accept,
        Mux { reject: true, .. } => Muxing::Reject,
        Mux { .. } => Muxing::Mirror,
    }
}
