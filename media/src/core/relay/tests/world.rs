//! Relays with a host that binds and tunnels that carry, all in memory.

use super::super::super::{Outbox, RelayId, SocketId, StreamId, rtp::Coding, rtp::Format};
use super::super::{
    Answered, Arrival, Binder, Busy, CallReport, Curb, Description, Event, Exits, Keys, Learning, Local,
    Muxing, Onward, Order, Packet, Pool, Reason, Refusal, Relay, Remote, RouteKey, Section, Settings, Side,
    Switch, Tunnels, Verdict, Whom,
};
use ringway_router::Time;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

pub(super) const FORMATS: [Format; 3] = [
    Format { payload_type: 0, coding: Coding::Pcmu, clock_hz: 8_000 },
    Format { payload_type: 18, coding: Coding::Speech(ringway_router::Codec::G729), clock_hz: 8_000 },
    Format { payload_type: 101, coding: Coding::Event, clock_hz: 8_000 },
];
pub(super) const EDGE: Side = Side::Edge { interface: 0, family: None };
pub(super) const MESH: Side = Side::Mesh { route: Some(RouteKey(3)) };
pub(super) const TUNNEL: SocketId = SocketId(0);

/// One relay, its host, and what it sent.
pub(super) struct World {
    pub(super) relay: Relay,
    pub(super) host: Host,
    pub(super) tunnels: Wire,
    pub(super) outbox: Outbox,
    pub(super) now: Time,
}

/// Opens sockets, unless it is told not to.
#[derive(Default)]
pub(super) struct Host {
    pub(super) open: BTreeMap<SocketId, SocketAddr>,
    pub(super) busy: Vec<u16>,
    /// Binds that still succeed; none: all do.
    pub(super) left: Option<usize>,
}

/// Tunnels: frames with all that real ones say in the clear, sent through the box as real ones are.
pub(super) struct Wire {
    pub(super) own: RelayId,
    pub(super) ways: BTreeMap<RelayId, SocketAddr>,
    pub(super) routes: Vec<RouteKey>,
}

/// A packet that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl Binder for Host {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        if self.busy.contains(&local.port()) || self.left == Some(0) {
            return Err(Busy);
        }
        self.left = self.left.map(|left| left - 1);
        assert!(!self.open.values().any(|open| *open == local), "{local} is bound already");
        let id = (1..).map(SocketId).find(|id| !self.open.contains_key(id)).unwrap();
        self.open.insert(id, local);
        Ok(id)
    }
}

impl Tunnels for Wire {
    fn send(&mut self, _now: Time, frame: Onward, packet: &[u8], outbox: &mut Outbox) -> bool {
        let Some(way) = self.ways.get(&frame.to) else { return false };
        self.routes.push(frame.route);
        let mut bytes = vec![u8::from(frame.rtcp)];
        for number in [frame.to.0, self.own.0, frame.stream.0] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(packet);
        outbox.push(TUNNEL, *way, &bytes)
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(1, |_| {})
    }

    pub(super) fn with(number: u8, change: impl FnOnce(&mut Settings)) -> Self {
        let pool = |local: IpAddr| Pool { interface: 0, local, ports: 10_000..=10_099 };
        let pools = vec![pool(Ipv4Addr::new(127, 0, 0, number).into()), pool(Ipv6Addr::LOCALHOST.into())];
        let mut settings = Settings { pools, ..Settings::default() };
        change(&mut settings);
        let own = RelayId(u32::from(number));
        Self {
            relay: Relay::new(settings),
            host: Host::default(),
            tunnels: Wire { own, ways: BTreeMap::new(), routes: Vec::new() },
            outbox: Outbox::new(64),
            now: Time::from_millis(1_700_000_000_000),
        }
    }

    /// Two relays that know each other.
    pub(super) fn two() -> (Self, Self) {
        let (mut one, mut other) = (Self::with(1, |_| {}), Self::with(2, |_| {}));
        one.tunnels.ways.insert(RelayId(2), tunnel(2));
        other.tunnels.ways.insert(RelayId(1), tunnel(1));
        (one, other)
    }

    pub(super) fn handle(&mut self, order: Order<'_>) -> Result<Answered, Refusal> {
        let answered = self.relay.handle(self.now, order, &mut self.host);
        self.events();
        answered
    }

    pub(super) fn offer(&mut self, offer: Description<'_>) -> Result<Vec<Local>, Refusal> {
        self.handle(Order::Offer(offer)).map(media)
    }

    pub(super) fn answer(&mut self, answer: Description<'_>) -> Result<Vec<Local>, Refusal> {
        self.handle(Order::Answer(answer)).map(media)
    }

    pub(super) fn delete(&mut self, from: &str, to: &str, branch: &str) -> Result<CallReport, Refusal> {
        let whom = Whom { call_id: "call", from_tag: from, to_tag: to, branch };
        match self.handle(Order::Delete(whom))? {
            Answered::Over(report) => Ok(report),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn curb(&mut self, tag: &str, curb: Curb, switch: Switch) {
        let whom = Whom { call_id: "call", from_tag: tag, to_tag: "", branch: "" };
        assert_eq!(self.handle(Order::Curb(whom, curb, switch)), Ok(Answered::Done));
    }

    pub(super) fn report(&mut self) -> CallReport {
        match self.handle(Order::Query { call_id: "call" }) {
            Ok(Answered::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    /// A call between two phones: where each of them sends to.
    pub(super) fn call(&mut self) -> (SocketAddr, SocketAddr) {
        self.now = self.now + Duration::from_millis(1);
        let b = port(self.offer(offer(&[section(phone(1))])).unwrap()[0]);
        let a = port(self.answer(answer(&[section(phone(2))])).unwrap()[0]);
        (a, b)
    }

    /// Somebody sends a packet to an address of ours.
    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Result<Sent, Reason> {
        let socket = self.host.open.iter().find(|(_, open)| **open == to).map(|(socket, _)| *socket);
        let mut room = [0; 1_600];
        room[..bytes.len()].copy_from_slice(bytes);
        let packet = Packet { bytes: &mut room, length: bytes.len() };
        let mut exits = Exits { tunnels: &mut self.tunnels, outbox: &mut self.outbox };
        let socket = socket.unwrap_or(SocketId(999_999));
        let verdict = self.relay.packet(self.now, socket, from, packet, &mut exits);
        self.outcome(verdict)
    }

    /// A frame comes out of a tunnel.
    pub(super) fn arrive(&mut self, frame: &[u8]) -> Result<Sent, Reason> {
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        assert_eq!(RelayId(number(1)), self.tunnels.own);
        let (origin, stream) = (RelayId(number(5)), StreamId(number(9)));
        self.arrived(Arrival { stream, origin, rtcp: frame[0] != 0 }, &frame[13..])
    }

    pub(super) fn arrived(&mut self, arrival: Arrival, packet: &[u8]) -> Result<Sent, Reason> {
        let mut room = packet.to_vec();
        let packet = Packet { length: room.len(), bytes: &mut room };
        let verdict = self.relay.arrived(self.now, arrival, packet, &mut self.outbox);
        self.outcome(verdict)
    }

    fn outcome(&mut self, verdict: Verdict) -> Result<Sent, Reason> {
        let sent = self.outbox.packets().iter().map(|slot| Sent {
            from: if slot.socket == TUNNEL { tunnel(0) } else { self.host.open[&slot.socket] },
            to: slot.to,
            bytes: slot.bytes().to_vec(),
        });
        let mut sent: Vec<Sent> = sent.collect();
        self.outbox.clear();
        assert_eq!(sent.len(), usize::from(verdict == Verdict::Passed), "{verdict:?}");
        match verdict {
            Verdict::Passed => Ok(sent.remove(0)),
            Verdict::Dropped(reason) => Err(reason),
        }
    }

    /// Time passes; what is due is done.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<Event> {
        let until = self.now + time;
        let mut events = Vec::new();
        while let Some(at) = self.relay.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.relay.expire(self.now);
            events.extend(self.events());
        }
        self.now = until;
        events
    }

    /// Takes the events, and closes what is to be closed.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.relay.poll() {
            if let Event::Close(socket) = event {
                assert!(self.host.open.remove(&socket).is_some(), "{socket:?} is closed twice");
            } else {
                events.push(event);
            }
        }
        events
    }
}

fn media(answered: Answered) -> Vec<Local> {
    match answered {
        Answered::Media(locals) => locals,
        other => panic!("{other:?}"),
    }
}

pub(super) fn tunnel(relay: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, relay], 7_000))
}

pub(super) fn phone(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 4_000))
}

pub(super) fn after(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

pub(super) fn port(local: Local) -> SocketAddr {
    match local {
        Local::Edge { rtp, .. } => rtp,
        other => panic!("{other:?}"),
    }
}

pub(super) fn section(rtp: SocketAddr) -> Section<'static> {
    let remote = Remote::Edge { rtp, rtcp: None };
    Section {
        remote,
        mux: false,
        reduced: false,
        sealed: false,
        sealed_on: false,
        held: false,
        formats: &FORMATS,
        keys: Keys::default(),
    }
}

pub(super) fn far(relay: u8, stream: StreamId) -> Section<'static> {
    Section { remote: Remote::Mesh { relay: RelayId(u32::from(relay)), stream }, ..section(phone(0)) }
}

/// From `a`, who calls, to nobody known yet.
pub(super) fn offer<'a>(sections: &'a [Section<'a>]) -> Description<'a> {
    Description {
        controller: "",
        call_id: "call",
        from_tag: "a",
        to_tag: "",
        branch: "",
        from: EDGE,
        to: EDGE,
        received_from: None,
        learning: Learning::Symmetric,
        relatch: false,
        traffic: None,
        muxing: Muxing::Mirror,
        sections,
    }
}

/// From `b`, to the offer of `a`.
pub(super) fn answer<'a>(sections: &'a [Section<'a>]) -> Description<'a> {
    Description { to_tag: "b", ..offer(sections) }
}

/// 20 ms of G.711, number `sequence`.
pub(super) fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    payload(ssrc, sequence, 0, &[0x11; 160])
}

pub(super) fn payload(ssrc: u32, sequence: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A sender report of this source.
pub(super) fn sender_report(ssrc: u32, ntp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend((u64::from(ntp) << 16).to_be_bytes());
    packet.extend([0; 12]);
    packet
}

/// A receiver report about that source, which held the last sender report for so long.
pub(super) fn receiver_report(about: u32, ntp: u32, held: Duration) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7, 0, 0, 0, 99];
    packet.extend(about.to_be_bytes());
    packet.extend([0; 12]);
    packet.extend(ntp.to_be_bytes());
    packet.extend(u32::try_from(held.as_micros() * 65_536 / 1_000_000).unwrap().to_be_bytes());
    packet
}
