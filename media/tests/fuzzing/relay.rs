//! Sequences of orders, packets and time on a relay, three bytes an operation: what is done, and to whom.

use ringway_media::core::{
    Outbox, RelayId, SocketId, StreamId,
    relay::{
        Answered, Arrival, Binder, Busy, Curb, Description, Event, Exits, Keys, Learning, Local, Muxing,
        Onward, Order, PARTIES_MAX, Packet, Pool, Relay, Remote, RouteKey, SECTIONS_MAX, Section, Settings,
        Side, Switch, Tunnels, Verdict, Whom,
    },
    rtp::{Coding, Format},
};
use ringway_router::Time;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

const CALLS: [&str; 3] = ["call-0", "call-1", "call-2"];
const TAGS: [&str; 4] = ["a", "b", "c", ""];
/// Who offers, to whom; and who answers. Most of it makes sense.
const OFFERERS: [&str; 4] = ["a", "a", "b", "a"];
const ASKED: [&str; 4] = ["", "", "b", "c"];
const ANSWERERS: [&str; 4] = ["b", "c", "b", "a"];
const BRANCHES: [&str; 3] = ["", "z1", "z2"];
const CONTROLLERS: [&str; 3] = ["", "sbc-1", "sbc-2"];
const FORMATS: [Format; 2] = [
    Format { payload_type: 0, coding: Coding::Pcmu, clock_hz: 8_000 },
    Format { payload_type: 101, coding: Coding::Event, clock_hz: 8_000 },
];
const TUNNEL: SocketId = SocketId(0);
const EDGE: Side = Side::Edge { interface: 0, family: None };
const MESH: Side = Side::Mesh { route: Some(RouteKey(1)) };
/// Where the caller of each call is, and where the others are.
const SIDES: [[Side; 2]; 3] = [[EDGE, Side::Edge { interface: 1, family: None }], [EDGE, MESH], [MESH, EDGE]];
const MUXINGS: [Muxing; 6] =
    [Muxing::Mirror, Muxing::Accept, Muxing::Demux, Muxing::Offer, Muxing::Require, Muxing::Reject];

/// Whatever is done in whatever order: packets go only where signaling or a valid packet said, everything is bounded, and in
/// the end all ports are free.
pub(crate) fn relay_ops(data: &[u8]) {
    let mut world = World::new();
    for operation in data.chunks_exact(3).take(400) {
        world.take(operation[0], operation[1], operation[2]);
        world.check();
    }
    world.wind_down();
}

/// A relay, and what must be true of it.
struct World {
    relay: Relay,
    host: Host,
    outbox: Outbox,
    now: Time,
    sequence: u16,
    /// Which call has a local address.
    owners: BTreeMap<SocketAddr, usize>,
    /// What descriptions of a call have named.
    named: Vec<BTreeSet<SocketAddr>>,
    /// Who sent something valid to a local address.
    heard: BTreeSet<(SocketAddr, SocketAddr)>,
    streams: Vec<StreamId>,
}

#[derive(Default)]
struct Host {
    open: BTreeMap<SocketId, SocketAddr>,
    binds: u32,
}

/// Every way but one is there.
struct Wire;

impl Binder for Host {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        self.binds += 1;
        assert!(!self.open.values().any(|open| *open == local), "{local} is bound already");
        // Now and then somebody else has it.
        if self.binds.is_multiple_of(7) {
            return Err(Busy);
        }
        let id = (1..).map(SocketId).find(|id| !self.open.contains_key(id)).expect("there are numbers");
        self.open.insert(id, local);
        Ok(id)
    }
}

impl Tunnels for Wire {
    fn send(&mut self, _now: Time, frame: Onward, packet: &[u8], outbox: &mut Outbox) -> bool {
        frame.to != RelayId(3) && outbox.push(TUNNEL, SocketAddr::from(([198, 51, 100, 1], 7_000)), packet)
    }
}

impl World {
    fn new() -> Self {
        let pool = |interface, local| Pool { interface, local, ports: 10_000..=10_015 };
        let pools = vec![
            pool(0, Ipv4Addr::LOCALHOST.into()),
            pool(0, Ipv6Addr::LOCALHOST.into()),
            pool(1, Ipv4Addr::new(127, 0, 0, 2).into()),
        ];
        let settings = Settings { pools, calls_max: 2, seed: 5, ..Settings::default() };
        Self {
            relay: Relay::new(settings),
            host: Host::default(),
            outbox: Outbox::new(Outbox::ROOM),
            now: Time::from_millis(1_000_000),
            sequence: 0,
            owners: BTreeMap::new(),
            named: vec![BTreeSet::new(); CALLS.len()],
            heard: BTreeSet::new(),
            streams: Vec::new(),
        }
    }

    fn take(&mut self, what: u8, whom: u8, how: u8) {
        match what % 16 {
            0..=2 => self.describe(whom, how, true, what >> 4),
            3..=4 => self.describe(whom, how, false, what >> 4),
            5..=10 => self.packet(whom, how),
            11 => self.frame(whom, how),
            12 => self.order(whom, how),
            13 => self.delete(whom, how),
            14 => self.pass(Duration::from_millis(u64::from(whom))),
            _ => self.pass(Duration::from_secs(u64::from(whom & how))),
        }
        self.events();
    }

    /// An offer or an answer.
    fn describe(&mut self, whom: u8, how: u8, offer: bool, flags: u8) {
        let call = usize::from(whom) % CALLS.len();
        let offerer = OFFERERS[usize::from(whom >> 2) % 4];
        let other = if offer { ASKED } else { ANSWERERS }[usize::from(whom >> 4) % 4];
        let sender = if offer { offerer } else { other };
        let [mut from, mut to] = SIDES[call];
        // Now and then somebody is on the wrong side.
        if (sender == "a") == (flags == 15) {
            (from, to) = (to, from);
        }
        let address = address(how);
        let mut remotes = [Remote::Off; 2];
        for (place, remote) in remotes.iter_mut().enumerate().take(1 + usize::from(how >> 7)) {
            let rtp = SocketAddr::new(address.ip(), address.port() + 10 * u16::try_from(place).unwrap_or(0));
            *remote = match from {
                Side::Edge { .. } => Remote::Edge { rtp, rtcp: None },
                Side::Mesh { .. } => {
                    Remote::Mesh { relay: RelayId(u32::from(flags % 4)), stream: StreamId(1) }
                }
            };
        }
        let sections = remotes.map(|remote| Section {
            remote,
            mux: how & 0x10 != 0,
            reduced: false,
            sealed: how & 0x60 == 0x60,
            sealed_on: how & 0x60 == 0x60,
            held: flags & 1 != 0,
            formats: &FORMATS,
            keys: Keys::default(),
        });
        let description = Description {
            controller: CONTROLLERS[usize::from(flags >> 1) % 3],
            call_id: CALLS[call],
            from_tag: offerer,
            to_tag: other,
            branch: BRANCHES[usize::from(whom >> 6) % 3],
            from,
            to,
            received_from: None,
            learning: [Learning::Symmetric, Learning::Strict, Learning::Asymmetric]
                [usize::from(flags >> 2) % 3],
            relatch: flags & 2 != 0,
            traffic: None,
            muxing: MUXINGS[usize::from(flags) % 6],
            sections: &sections,
        };
        let order = if offer { Order::Offer(description) } else { Order::Answer(description) };
        let before = (self.host.open.len(), self.relay.present(self.now).legs);
        let answered = self.relay.handle(self.now, order, &mut self.host);
        self.events();
        match answered {
            Ok(Answered::Media(locals)) => {
                let again = self.relay.handle(self.now, order, &mut self.host);
                assert_eq!(again, Ok(Answered::Media(locals.clone())), "the same again");
                self.named(call, &remotes, &locals);
            }
            Ok(other) => unreachable!("{other:?}"),
            Err(_) => {
                assert_eq!(
                    (self.host.open.len(), self.relay.present(self.now).legs),
                    before,
                    "nothing stays"
                );
            }
        }
    }

    fn named(&mut self, call: usize, remotes: &[Remote], locals: &[Local]) {
        for remote in remotes {
            if let Remote::Edge { rtp, .. } = remote {
                self.named[call].extend([*rtp, next(*rtp)]);
            }
        }
        self.streams.extend(locals.iter().filter_map(|local| match local {
            Local::Mesh { stream } => Some(*stream),
            Local::Edge { .. } | Local::Off => None,
        }));
        let query = Order::Query { call_id: CALLS[call] };
        let Ok(Answered::Report(report)) = self.relay.handle(self.now, query, &mut self.host) else {
            unreachable!("the call is there")
        };
        for local in report.streams.iter().filter_map(|stream| stream.local) {
            self.owners.insert(local, call);
            self.owners.insert(next(local), call);
        }
    }

    /// Somebody sends something to a port that is open, or to none.
    fn packet(&mut self, whom: u8, how: u8) {
        let place = usize::from(whom) % (self.host.open.len() + 1);
        let open = self.host.open.iter().nth(place);
        let (socket, local) = open.map_or((SocketId(77_777), None), |(id, local)| (*id, Some(*local)));
        let rtcp = local.is_some_and(|local| local.port() % 2 == 1);
        let from = if rtcp { next(address(how)) } else { address(how) };
        let (bytes, valid) = self.bytes(how, rtcp);
        let mut room = [0; 1_600];
        room[..bytes.len()].copy_from_slice(&bytes);
        let packet = Packet { bytes: &mut room, length: bytes.len() };
        let mut exits = Exits { tunnels: &mut Wire, outbox: &mut self.outbox };
        let verdict = self.relay.packet(self.now, socket, from, packet, &mut exits);
        assert!(valid || verdict != Verdict::Passed, "{bytes:?}");
        assert!(local.is_some() || verdict != Verdict::Passed);
        if let Some(local) = local.filter(|_| valid) {
            self.heard.insert((local, from));
        }
        self.sent(verdict, &bytes);
    }

    /// A frame comes out of a tunnel, for a number that is there or for none.
    fn frame(&mut self, whom: u8, how: u8) {
        let stream =
            self.streams.iter().rev().nth(usize::from(whom) % 4).copied().unwrap_or(StreamId(99_999));
        let rtcp = whom & 0x80 != 0;
        let (mut bytes, valid) = self.bytes(how, rtcp);
        let arrival = Arrival { stream, origin: RelayId(u32::from(how >> 1) % 4), rtcp };
        let packet = Packet { length: bytes.len(), bytes: &mut bytes };
        let verdict = self.relay.arrived(self.now, arrival, packet, &mut self.outbox);
        assert!(valid || verdict != Verdict::Passed);
        self.sent(verdict, &bytes);
    }

    /// Something to send, as the port is for, or not; and whether anybody may learn from it.
    fn bytes(&mut self, how: u8, rtcp: bool) -> (Vec<u8>, bool) {
        self.sequence = self.sequence.wrapping_add(1);
        let [high, low] = self.sequence.to_be_bytes();
        let report = || {
            let head = [0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, high, low, 0, 0, 0, 0];
            ([&head[..], &[0; 12]].concat(), true)
        };
        let voice = || (vec![0x80, 0, high, low, 0, 0, high, low, 0, 0, 0, 1, 1, 2, 3], true);
        match (how >> 3, rtcp) {
            (0..=25, false) | (26, true) => voice(),
            (0..=25, true) | (26, false) => report(),
            (27, _) => (vec![0x80, 0, high, low, 0], false),
            (28, _) => (vec![0x8f, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 1], false),
            (29, _) => (vec![0x80, 200, 0, 9, 0, 0, 0, 1], false),
            _ => (vec![0x16, 0xfe, high, low], false),
        }
    }

    /// What left, left for somebody who asked for it.
    fn sent(&mut self, verdict: Verdict, bytes: &[u8]) {
        let packets = self.outbox.packets();
        assert_eq!(packets.len(), usize::from(verdict == Verdict::Passed));
        for packet in packets.iter().filter(|packet| packet.socket != TUNNEL) {
            let local = self.host.open[&packet.socket];
            let named = self.owners.get(&local).is_some_and(|call| self.named[*call].contains(&packet.to));
            assert!(named || self.heard.contains(&(local, packet.to)), "{local} sent to {}", packet.to);
            assert_eq!(packet.bytes().get(..12), bytes.get(..12), "source, number and time are not touched");
        }
        self.outbox.clear();
    }

    fn order(&mut self, whom: u8, how: u8) {
        let call_id = CALLS[usize::from(whom) % CALLS.len()];
        let whom = Whom { call_id, from_tag: TAGS[usize::from(whom >> 2) % 4], to_tag: "", branch: "" };
        let curb = [Curb::Media, Curb::Keys, Curb::Voice][usize::from(how >> 1) % 3];
        let switch = if how & 8 == 0 { Switch::Off } else { Switch::On };
        let order = match how % 3 {
            0 => Order::Renew { controller: CONTROLLERS[usize::from(how >> 2) % 3] },
            1 => Order::Curb(whom, curb, switch),
            _ => Order::Query { call_id },
        };
        let _ = self.relay.handle(self.now, order, &mut self.host);
    }

    fn delete(&mut self, whom: u8, how: u8) {
        let call_id = CALLS[usize::from(whom) % CALLS.len()];
        let [from_tag, to_tag] = [whom >> 2, how].map(|tag| TAGS[usize::from(tag) % 4]);
        let branch = BRANCHES[usize::from(how >> 2) % 3];
        let order = Order::Delete(Whom { call_id, from_tag, to_tag, branch });
        let _ = self.relay.handle(self.now, order, &mut self.host);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.relay.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.relay.expire(self.now);
            assert!(self.relay.deadline().is_none_or(|next| next > self.now), "what is due was done");
            self.events();
        }
        self.now = until;
    }

    fn events(&mut self) {
        while let Some(event) = self.relay.poll() {
            if let Event::Close(socket) = event {
                let local = self.host.open.remove(&socket).expect("closed once");
                self.owners.remove(&local);
                self.heard.retain(|(at, _)| *at != local);
            }
        }
        let calls: BTreeSet<String> = self.relay.call_ids().map(str::to_owned).collect();
        for (named, id) in self.named.iter_mut().zip(CALLS) {
            if !calls.contains(id) {
                named.clear();
            }
        }
    }

    fn check(&mut self) {
        let present = self.relay.present(self.now);
        assert!(present.calls <= 2 && present.legs <= present.calls * PARTIES_MAX * SECTIONS_MAX);
        assert!(self.host.open.len() <= 2 * present.legs, "no socket without a leg");
    }

    /// Everybody hangs up. Nothing is left, and when the ports have rested, all are free.
    fn wind_down(mut self) {
        for call_id in CALLS {
            let whom = Whom { call_id, from_tag: "", to_tag: "", branch: "" };
            let _ = self.relay.handle(self.now, Order::Delete(whom), &mut self.host);
        }
        self.events();
        assert_eq!(self.host.open.len(), 0);
        self.pass(Duration::from_secs(60));
        let present = self.relay.present(self.now);
        assert_eq!((present.calls, present.legs, present.pairs_free), (0, 0, present.pairs));
        assert_eq!(self.relay.deadline(), None);
    }
}

fn address(whom: u8) -> SocketAddr {
    match whom % 8 {
        7 => SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 4_000)),
        6 => SocketAddr::from(([0, 0, 0, 0], 4_000)),
        host => SocketAddr::from(([192, 0, 2, host], 4_000)),
    }
}

fn next(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}
