//! The packet path: a packet in its place, a verdict, perhaps a packet in the box. Nothing is allocated, nothing waits.
//!
//! ```text
//!  socket ─▶ leg ─▶ kind ─▶ stranger? ─▶ open, well formed? ─▶ latch ─┐
//!  stream ─▶ leg ─▶ origin? ───────────▶ well formed? ────────────────┴▶ account ─▶ curbs ─▶ peer ─▶ seal ─▶ box or tunnels
//! ```

use super::super::{
    CallKey, Outbox, PACKET_MAX, RelayId, SocketId, StreamId,
    rtp::{Coding, Header, Item, Kind, Seen, check_rtcp, kind, rtcp_items, rtcp_like},
};
use super::{
    Event, Onward, Reason, Relay, Tunneled, Tunnels, Verdict,
    latch::Heard,
    leg::{Edge, Leg, Mux, Way},
};
use ringway_router::Time;
use std::net::SocketAddr;

/// Events about latches are for information: no more of them than this wait to be polled.
pub(super) const LATCHED_MAX: usize = 256;

/// A packet where it was received, with room behind it.
#[derive(Debug)]
pub struct Packet<'a> {
    /// Where it stands, with room behind it: SRTP grows by a tag.
    pub bytes: &'a mut [u8],
    /// How long it is.
    pub length: usize,
}

/// What a frame that came out of a tunnel says beside its packet. Who opened it knows that its origin is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Our number for the stream.
    pub stream: StreamId,
    /// The relay that sealed the packet first.
    pub origin: RelayId,
    /// RTCP, not RTP.
    pub rtcp: bool,
}

/// Where packets leave.
#[derive(Debug)]
pub struct Exits<'a, T> {
    /// To other regions.
    pub tunnels: &'a mut T,
    /// To the edge; the tunnels put their frames in here too.
    pub outbox: &'a mut Outbox,
}

/// Which leg a socket serves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port {
    pub(super) leg: u32,
    pub(super) rtcp: bool,
}

impl Relay {
    /// A packet came in at a socket. It goes on at once, or not at all.
    pub fn packet<T: Tunnels>(
        &mut self,
        now: Time,
        socket: SocketId,
        from: SocketAddr,
        packet: Packet<'_>,
        exits: &mut Exits<'_, T>,
    ) -> Verdict {
        let Some(port) = self.sockets.get(socket.place()).copied().flatten() else {
            return self.counted(None, Err(Reason::NoCall));
        };
        let outcome = self.at_the_edge(now, port, from, packet, exits);
        self.counted(Some(port.leg), outcome)
    }

    /// A packet came out of a tunnel.
    pub fn arrived(
        &mut self,
        now: Time,
        arrival: Arrival,
        packet: Packet<'_>,
        outbox: &mut Outbox,
    ) -> Verdict {
        let Some(leg) = self.streams.find(arrival.stream) else {
            return self.counted(None, Err(Reason::NoCall));
        };
        let outcome = self.out_of_the_mesh(now, leg, arrival, packet, outbox);
        self.counted(Some(leg), outcome)
    }

    fn counted(&mut self, leg: Option<u32>, outcome: Result<(), Reason>) -> Verdict {
        let Err(reason) = outcome else {
            self.counts.passed += 1;
            return Verdict::Passed;
        };
        self.counts.dropped[reason.index()] += 1;
        if let Some(leg) = leg.and_then(|leg| self.legs.find_mut(leg)) {
            leg.dropped += 1;
        }
        Verdict::Dropped(reason)
    }

    fn at_the_edge<T: Tunnels>(
        &mut self,
        now: Time,
        port: Port,
        from: SocketAddr,
        mut packet: Packet<'_>,
        exits: &mut Exits<'_, T>,
    ) -> Result<(), Reason> {
        packet.check()?;
        let leg = self.legs.find_mut(port.leg).ok_or(Reason::NoCall)?;
        let rtcp = rtcp_at(port, leg.mux, packet.filled())?;
        let Way::Edge(edge) = &leg.way else { return Err(Reason::NoCall) };
        if edge.would_hear(now, port, from) == Heard::Stranger {
            return Err(Reason::Stranger);
        }
        let header = read(leg, rtcp, &mut packet)?;
        // Only a packet that is one, and opens, teaches where its sender is.
        if let Some(socket) = leg.hear(now, port, from).filter(|_| self.events.len() < LATCHED_MAX) {
            self.events.push_back(Event::Latched { call: CallKey(leg.call), socket, source: from });
        }
        let (peer, hidden, passes) = through(now, leg, header, &mut packet)?;
        let other = self.legs.find_mut(peer).ok_or(Reason::Unjoined)?;
        if header.is_none() && !hidden {
            remember(now, other, packet.filled());
        }
        seal(other, rtcp, (hidden, passes), &mut packet)?;
        match &other.way {
            Way::Edge(edge) => send(edge, other.mux, rtcp, packet.filled(), exits.outbox),
            Way::Mesh(_) => {
                let Tunneled { to, stream, route } = other.tunneled().ok_or(Reason::Nowhere)?;
                let frame = Onward { to, stream, route, rtcp };
                let sent = exits.tunnels.send(now, frame, packet.filled(), exits.outbox);
                if sent { Ok(()) } else { Err(Reason::NoWay) }
            }
        }
    }

    fn out_of_the_mesh(
        &mut self,
        now: Time,
        number: u32,
        arrival: Arrival,
        mut packet: Packet<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), Reason> {
        packet.check()?;
        let leg = self.legs.find_mut(number).ok_or(Reason::NoCall)?;
        let Way::Mesh(mesh) = &leg.way else { return Err(Reason::NoCall) };
        // Before the answer, whoever was told the number may be faster with its voice than with its name.
        if mesh.remote.is_some_and(|(relay, _)| relay != arrival.origin) {
            return Err(Reason::Origin);
        }
        let header = read(leg, arrival.rtcp, &mut packet)?;
        let (peer, hidden, passes) = through(now, leg, header, &mut packet)?;
        let other = self.legs.find_mut(peer).ok_or(Reason::Unjoined)?;
        if header.is_none() && !hidden {
            remember(now, other, packet.filled());
        }
        seal(other, arrival.rtcp, (hidden, passes), &mut packet)?;
        // Two regions are never joined here: a relay in transit knows nothing of calls.
        let Way::Edge(edge) = &other.way else { return Err(Reason::NoWay) };
        send(edge, other.mux, arrival.rtcp, packet.filled(), outbox)
    }
}

impl Packet<'_> {
    fn check(&self) -> Result<(), Reason> {
        let fits = self.length <= PACKET_MAX.min(self.bytes.len());
        if fits { Ok(()) } else { Err(Reason::Oversized) }
    }

    fn filled(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Leg {
    /// A valid packet comes from there. The socket, when that taught something.
    fn hear(&mut self, now: Time, port: Port, from: SocketAddr) -> Option<SocketId> {
        let Way::Edge(edge) = &mut self.way else { return None };
        let latch = if port.rtcp { &mut edge.rtcp_latch } else { &mut edge.latch };
        let learned = latch.hear(now, from) == Heard::Learned;
        learned.then(|| edge.rtcp.filter(|_| port.rtcp).unwrap_or(edge.rtp))
    }
}

impl Edge {
    fn would_hear(&self, now: Time, port: Port, from: SocketAddr) -> Heard {
        if !port.rtcp {
            return self.latch.would_hear(now, from);
        }
        let heard = self.rtcp_latch.would_hear(now, from);
        // Whoever sends RTCP is where the RTP comes from, if that is known.
        let elsewhere = self.latch.source().is_some_and(|source| source.ip() != from.ip());
        let named = self.rtcp_latch.destination() == Some(from);
        if heard == Heard::Learned && elsewhere && !named { Heard::Stranger } else { heard }
    }
}

/// Whether this is RTCP, where it came in.
fn rtcp_at(port: Port, mux: Mux, bytes: &[u8]) -> Result<bool, Reason> {
    match (kind(bytes), port.rtcp) {
        (Kind::Stun | Kind::Dtls | Kind::Other, _) => Err(Reason::NotMedia),
        (Kind::Rtp, true) => Err(Reason::RtpInRtcp),
        (Kind::Rtcp, true) => Ok(true),
        (Kind::Rtcp, false) if mux != Mux::Never => Ok(true),
        (Kind::Rtcp, false) if rtcp_like(bytes) => Err(Reason::RtcpInRtp),
        (Kind::Rtp | Kind::Rtcp, false) => Ok(false),
    }
}

/// Opens and checks a packet; the header of RTP.
fn read(leg: &mut Leg, rtcp: bool, packet: &mut Packet<'_>) -> Result<Option<Header>, Reason> {
    if let Some(receiver) = leg.lock.receiver.as_mut().filter(|_| !leg.lock.through) {
        let opened =
            if rtcp { receiver.unprotect_rtcp(packet.filled()) } else { receiver.unprotect(packet.filled()) };
        packet.length = opened.map_err(Reason::Sealing)?;
    }
    let hidden = leg.is_hidden();
    if rtcp {
        check_rtcp(packet.filled(), leg.reduced, hidden).map(|()| None)
    } else {
        Header::parse(packet.filled(), hidden).map(Some)
    }
    .map_err(Reason::Malformed)
}

/// Books a packet with the leg that it came in at, holds back what is to be held back, and says who hears it, whether it is
/// hidden from us, and whether it goes on under its own key.
fn through(
    now: Time,
    leg: &mut Leg,
    header: Option<Header>,
    packet: &mut Packet<'_>,
) -> Result<(u32, bool, bool), Reason> {
    let hidden = leg.is_hidden();
    if let Some(header) = header {
        if leg.stats.take(now, &header, packet.length, &leg.formats) == Seen::Twice {
            return Err(Reason::Twice);
        }
        curb(leg, &header, packet.filled())?;
    } else if !hidden {
        for item in rtcp_items(packet.filled()) {
            if let Item::Block(block) = item {
                leg.trip.on_block(now, block);
            }
        }
    }
    Ok((leg.peer.ok_or(Reason::Unjoined)?, hidden, leg.lock.through))
}

/// Seals a packet for the one who hears it. What is hidden goes only to whom it was promised hidden, and plain voice never does:
/// before the keys are settled, neither can be heard as anything but noise.
fn seal(
    other: &mut Leg,
    rtcp: bool,
    (hidden, passes): (bool, bool),
    packet: &mut Packet<'_>,
) -> Result<(), Reason> {
    let sender = other.lock.sender.as_mut().filter(|_| !passes);
    if other.sealed != (hidden || sender.is_some()) {
        return Err(Reason::Keyless);
    }
    let Some(sender) = sender else { return Ok(()) };
    if hidden {
        return Err(Reason::Keyless);
    }
    let sealed = if rtcp {
        sender.protect_rtcp(packet.bytes, packet.length)
    } else {
        sender.protect(packet.bytes, packet.length)
    };
    packet.length = sealed.map_err(Reason::Sealing)?;
    Ok(())
}

fn curb(leg: &Leg, header: &Header, bytes: &mut [u8]) -> Result<(), Reason> {
    let curbs = leg.curbs;
    if !(curbs.media || curbs.keys || curbs.voice) {
        return Ok(());
    }
    let coding = leg.coding(header.payload_type);
    if coding == Coding::Event {
        return if curbs.keys { Err(Reason::Curbed) } else { Ok(()) };
    }
    if curbs.media {
        return Err(Reason::Curbed);
    }
    if curbs.voice {
        let silence = coding.silence().filter(|_| !leg.is_hidden()).ok_or(Reason::Curbed)?;
        bytes[header.payload_at..header.payload_at + header.payload_bytes].fill(silence);
    }
    Ok(())
}

fn send(edge: &Edge, mux: Mux, rtcp: bool, bytes: &[u8], outbox: &mut Outbox) -> Result<(), Reason> {
    let shared = !rtcp || mux == Mux::Agreed;
    let (socket, to) = match edge.rtcp {
        Some(socket) if !shared => (socket, edge.rtcp_latch.destination()),
        Some(_) | None => (edge.rtp, edge.latch.destination()),
    };
    let to = to.ok_or(Reason::Nowhere)?;
    if outbox.push(socket, to, bytes) { Ok(()) } else { Err(Reason::NoWay) }
}

/// A sender report was passed on: its answer will tell how far away the party is.
fn remember(now: Time, other: &mut Leg, bytes: &[u8]) {
    for item in rtcp_items(bytes) {
        if let Item::Sender(report) = item {
            other.trip.on_sent(now, report);
        }
    }
}
