//! One party's end of one medium.

use super::super::{
    RelayId, SocketId, StreamId,
    rtp::{Coding, Format, RoundTrip, Stats},
    srtp::{Receiver, Sender},
};
use super::{
    FORMATS_MAX, Learning, Locks, Remote, RouteKey, Section, Terms, Tunneled, latch::Latch, ports::Pair,
};
use ringway_router::Time;
use std::net::{IpAddr, SocketAddr};

/// One party's end of one medium: what comes in here goes out at its peer.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: u32,
    pub(super) way: Way,
    /// Who hears the party.
    pub(super) peer: Option<u32>,
    /// What the payload types of its packets stand for.
    pub(super) formats: Box<[Format]>,
    pub(super) stats: Stats,
    pub(super) trip: RoundTrip,
    pub(super) dropped: u64,
    pub(super) mux: Mux,
    /// The offer to share is taken, whatever the other party says.
    pub(super) mux_alone: bool,
    pub(super) curbs: Curbs,
    /// Its last description said so.
    pub(super) held: bool,
    /// It speaks SRTP. Without keys that passes as it is.
    pub(super) sealed: bool,
    /// An answer said whether it does.
    pub(super) settled: bool,
    /// What its party offered in the dialog, and nobody has answered yet.
    offered: Option<Box<Offered>>,
    /// The same of sharing the port.
    mux_offered: Option<bool>,
    pub(super) lock: Lock,
    /// What packets have no need of.
    pub(super) terms: Box<Terms>,
    /// RTCP may come in parts (RFC 5506).
    pub(super) reduced: bool,
}

/// Where it is.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a leg has a box of its own; a second one would be one more look a packet"
)]
pub(super) enum Way {
    Edge(Edge),
    Mesh(Mesh),
}

/// At a port of ours.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) pair: Pair,
    pub(super) rtp: SocketId,
    /// None: one port for both.
    pub(super) rtcp: Option<SocketId>,
    pub(super) latch: Latch,
    pub(super) rtcp_latch: Latch,
}

/// In tunnels.
#[derive(Debug)]
pub(super) struct Mesh {
    /// The number that we handed out.
    pub(super) stream: StreamId,
    /// The other relay, and its number.
    pub(super) remote: Option<(RelayId, StreamId)>,
    pub(super) route: RouteKey,
}

/// Whether RTCP shares the port of RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mux {
    /// No.
    Never,
    /// It may come so; it is sent apart, until the answer.
    Offered,
    /// Yes.
    Agreed,
}

/// SRTP between the party and us (RFC 3711). Without keys, nothing is done.
#[derive(Debug, Default)]
pub(super) struct Lock {
    /// Of what it sends.
    pub(super) receiver: Option<Box<Receiver>>,
    /// Of what it gets.
    pub(super) sender: Option<Box<Sender>>,
    /// What it sends goes on under the same key: it passes as it is.
    pub(super) through: bool,
}

/// What is held back of what the party sends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Curbs {
    pub(super) media: bool,
    pub(super) keys: bool,
    pub(super) voice: bool,
}

impl Leg {
    pub(super) fn new(call: u32, way: Way, formats: &[Format]) -> Self {
        let mut leg = Self {
            call,
            way,
            peer: None,
            formats: Box::default(),
            stats: Stats::default(),
            trip: RoundTrip::default(),
            dropped: 0,
            mux: Mux::Never,
            mux_alone: false,
            curbs: Curbs::default(),
            held: false,
            sealed: false,
            settled: false,
            offered: None,
            mux_offered: None,
            lock: Lock::default(),
            terms: Box::default(),
            reduced: false,
        };
        leg.tell_formats(formats);
        leg
    }

    /// Its packets are numbered like this from now on.
    pub(super) fn tell_formats(&mut self, formats: &[Format]) {
        let formats = &formats[..formats.len().min(FORMATS_MAX)];
        if *self.formats != *formats {
            self.formats = formats.into();
            self.stats.forget_format();
        }
    }

    /// What its party answers. What it offered before, and nobody answered, does not matter any more.
    pub(super) fn describe(&mut self, now: Time, section: &Section<'_>, heard: &Hearing) {
        self.offered = None;
        (self.held, self.reduced) = (section.held, section.reduced);
        self.name(now, section.remote, heard);
    }

    fn name(&mut self, now: Time, remote: Remote, heard: &Hearing) {
        match (&mut self.way, remote) {
            (Way::Edge(edge), Remote::Edge { rtp, rtcp }) => edge.say(now, rtp, rtcp, heard),
            (Way::Mesh(mesh), Remote::Mesh { relay, stream }) => mesh.remote = Some((relay, stream)),
            (Way::Edge(_) | Way::Mesh(_), Remote::Off) => {}
            (Way::Edge(_), Remote::Mesh { .. }) | (Way::Mesh(_), Remote::Edge { .. }) => {
                unreachable!("sides are checked before anything is changed")
            }
        }
    }

    /// What its party offers. In a dialog it holds when it is answered, for it may be refused (RFC 3264 §8).
    pub(super) fn offer(&mut self, now: Time, offered: Offered) {
        if self.settled {
            self.offered = Some(Box::new(offered));
        } else {
            self.take(now, &offered);
        }
    }

    /// What its party offered was answered.
    pub(super) fn answered(&mut self, now: Time) {
        if let Some(offered) = self.offered.take() {
            self.take(now, &offered);
        }
    }

    fn take(&mut self, now: Time, offered: &Offered) {
        (self.held, self.reduced) = (offered.held, offered.reduced);
        self.mux_alone = offered.mux_alone;
        self.name(now, offered.remote, &offered.heard);
    }

    /// That RTCP shares the port is offered to its party or by it, or is not.
    pub(super) fn offer_mux(&mut self, share: bool) {
        self.mux_offered = Some(share);
        if !self.settled {
            self.answer_mux();
        }
    }

    /// Whether our description for its party says so.
    pub(super) fn shows_mux(&self) -> bool {
        self.mux_offered.unwrap_or(self.mux != Mux::Never)
    }

    /// What was offered of that, comes to be answered.
    pub(super) fn answer_mux(&mut self) {
        self.mux = match (self.mux, self.mux_offered.take()) {
            (mux, None) => mux,
            (_, Some(false)) => Mux::Never,
            (Mux::Agreed, Some(true)) => Mux::Agreed,
            (Mux::Never | Mux::Offered, Some(true)) => Mux::Offered,
        };
    }

    /// SRTP is offered, or not. What was agreed on before stays so until the answer: an offer may be refused.
    pub(super) fn propose(&mut self, sealed: bool) {
        if !self.settled {
            self.sealed = sealed;
        }
    }

    /// An answer settles whether it is SRTP, and with which keys.
    pub(super) fn settle(&mut self, sealed: bool, own: Locks<'_>, other: Locks<'_>) {
        (self.sealed, self.settled) = (sealed, true);
        self.lock.turn(own, other);
    }

    /// The way to its party, if that is in another region.
    pub(super) fn steer(&mut self, route: RouteKey) {
        if let Way::Mesh(mesh) = &mut self.way {
            mesh.route = route;
        }
    }

    /// Where what its party gets goes, if through tunnels.
    pub(super) fn tunneled(&self) -> Option<Tunneled> {
        let Way::Mesh(mesh) = &self.way else { return None };
        let (to, stream) = mesh.remote?;
        Some(Tunneled { to, stream, route: mesh.route })
    }

    /// Whether we cannot read what it sends.
    pub(super) fn is_hidden(&self) -> bool {
        self.lock.through || (self.sealed && self.lock.receiver.is_none())
    }

    /// What a payload type of its packets stands for.
    pub(super) fn coding(&self, payload_type: u8) -> Coding {
        let described = self.formats.iter().find(|format| format.payload_type == payload_type).copied();
        let format = described.or_else(|| super::super::rtp::static_format(payload_type));
        format.map_or(Coding::Other, |format| format.coding)
    }
}

impl Lock {
    /// These keys from now on. A key that stays goes on as it was.
    fn turn(&mut self, own: Locks<'_>, other: Locks<'_>) {
        self.through = own.inward.is_some() && own.inward == other.outward;
        match (&mut self.receiver, own.inward) {
            (Some(receiver), Some(key)) => receiver.rekey(key),
            (None, Some(key)) => self.receiver = Some(Box::new(Receiver::new(key))),
            (_, None) => self.receiver = None,
        }
        match (&mut self.sender, own.outward) {
            (Some(sender), Some(key)) => sender.rekey(key),
            (None, Some(key)) => self.sender = Some(Box::new(Sender::new(key))),
            (_, None) => self.sender = None,
        }
    }
}

/// What a party offered, until it is answered.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) remote: Remote,
    pub(super) held: bool,
    pub(super) reduced: bool,
    pub(super) mux_alone: bool,
    pub(super) heard: Hearing,
}

/// How an address in a description is to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    pub(super) learning: Learning,
    pub(super) received_from: Option<IpAddr>,
    pub(super) relatch: bool,
}

impl Edge {
    fn say(&mut self, now: Time, rtp: SocketAddr, rtcp: Option<SocketAddr>, heard: &Hearing) {
        // RFC 3550 §11: without `a=rtcp`, RTCP goes to the next port.
        let next = || SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port()));
        let rtcp = rtcp.unwrap_or_else(next);
        for (latch, said) in [(&mut self.latch, rtp), (&mut self.rtcp_latch, rtcp)] {
            // RFC 3264 §8.4: hold by an address that is none, or no port.
            let nowhere = said.ip().is_unspecified() || said.port() == 0;
            let ip = heard.received_from.unwrap_or(said.ip());
            latch.say(now, (!nowhere).then(|| SocketAddr::new(ip, said.port())), heard.learning);
            if heard.relatch {
                latch.release(now);
            }
        }
    }
}
