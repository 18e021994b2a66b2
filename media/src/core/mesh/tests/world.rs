//! Relays with real keys and real frames, links with measured delays, calls, in virtual time.

use super::super::{Mesh, Routes, Row};
use crate::core::{
    Outbox, RelayId, SocketId, StreamId,
    relay::{Onward, RouteKey},
    tunnel::{Keys, Peer},
};
use ringway_router::{Path, Protect, Reaction, Region, Time};
use std::{
    cmp::Reverse, collections::BTreeMap, collections::BinaryHeap, net::Ipv4Addr, sync::Arc, time::Duration,
};

pub(super) const OREGON: usize = 0;
pub(super) const CALIFORNIA: usize = 1;
pub(super) const OHIO: usize = 2;
pub(super) const VIRGINIA: usize = 3;
/// A second relay in Ohio.
pub(super) const OHIO_TOO: usize = 4;
const NAMES: [(&str, &str); 5] =
    [("oregon", "a"), ("california", "a"), ("ohio", "a"), ("virginia", "a"), ("ohio", "b")];
/// One way between regions, ms; measured.
const DELAYS_MS: [(&str, &str, f64); 6] = [
    ("oregon", "virginia", 32.0),
    ("oregon", "ohio", 25.3),
    ("ohio", "virginia", 8.2),
    ("oregon", "california", 11.2),
    ("california", "virginia", 31.65),
    ("california", "ohio", 25.2),
];
pub(super) const PTIME: Duration = Duration::from_millis(20);
pub(super) const VOICE: RouteKey = RouteKey(0);
const LANES: u32 = 2;

pub(super) struct Relay {
    pub(super) keys: Keys,
    pub(super) peer: Peer,
    pub(super) workers: Vec<Mesh>,
    pub(super) dead: bool,
}

/// One direction of a call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    from: usize,
    worker: usize,
    to: usize,
    pub(super) stream: StreamId,
    pub(super) sent: u32,
    /// When each packet came, and nothing for those that did not.
    pub(super) came: Vec<Option<Time>>,
}

/// A link, one way.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    delay: Duration,
    pub(super) loss: f64,
    /// Lanes (sockets) that are dark.
    pub(super) dark: Vec<u32>,
    jitter: Duration,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Speak(usize),
    Arrive { to: usize, worker: usize, datagram: Vec<u8> },
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) relays: Vec<Relay>,
    pub(super) links: BTreeMap<(Region, Region), Link>,
    pub(super) calls: Vec<Call>,
    pub(super) chance: fastrand::Rng,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    made: u64,
    outbox: Outbox,
    incarnation: u64,
    /// Packets that were handed out twice, or for a stream that is not there.
    pub(super) wrong: Vec<String>,
}

pub(super) fn region(relay: usize) -> Region {
    NAMES[relay].0.parse().unwrap()
}

pub(super) fn path(relays: &[usize]) -> Path {
    Path::new(relays.iter().map(|relay| region(*relay))).unwrap()
}

impl Relay {
    fn new(now: Time, n: usize, workers: usize, incarnation: u64) -> Self {
        let byte = u8::try_from(n).unwrap() + 1;
        let seed = |kind: u8| {
            let mut seed = [kind; 32];
            (seed[0], seed[1]) = (byte, u8::try_from(incarnation).unwrap());
            seed
        };
        let node = NAMES[n].1.parse().unwrap();
        let keys = Keys::new(now, region(n), node, &seed(1), &seed(2)).unwrap();
        let first = (u16::from(byte)) * 1_000;
        let peer = Peer {
            region: region(n),
            node: NAMES[n].1.parse().unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            ports: (0..u16::try_from(workers).unwrap()).map(|worker| first + worker).collect(),
            sender_key: keys.sender_key(),
            receiving_keys: keys.receiving_keys().collect(),
            incarnation,
        };
        let sockets = || (0..LANES).map(SocketId).collect();
        let mesh = |worker| Mesh::new(now, region(n), u8::try_from(worker).unwrap(), sockets(), keys.table());
        Self { workers: (0..workers).map(mesh).collect(), keys, peer, dead: false }
    }

    pub(super) fn id(&self) -> RelayId {
        self.keys.own()
    }
}

impl World {
    pub(super) fn new(seed: u64, relays: usize, workers: usize) -> Self {
        let now = Time::from_millis(1_000_000);
        let mut links = BTreeMap::new();
        for (a, b, ms) in DELAYS_MS {
            let link = Link { delay: Duration::from_secs_f64(ms / 1_000.0), ..Link::default() };
            links.insert((a.parse().unwrap(), b.parse().unwrap()), link.clone());
            links.insert((b.parse().unwrap(), a.parse().unwrap()), link);
        }
        let mut world = Self {
            now,
            relays: (0..relays).map(|n| Relay::new(now, n, workers, 1)).collect(),
            links,
            calls: Vec::new(),
            chance: fastrand::Rng::with_seed(seed),
            events: BinaryHeap::new(),
            made: 0,
            outbox: Outbox::new(64),
            incarnation: 1,
            wrong: Vec::new(),
        };
        world.meet();
        world
    }

    /// The mesh tells every relay which ones live.
    pub(super) fn meet(&mut self) {
        let live = self.relays.iter().filter(|relay| !relay.dead);
        let roster: Vec<Peer> = live.map(|relay| relay.peer.clone()).collect();
        for relay in &mut self.relays {
            assert_eq!(relay.keys.meet(self.now, &roster), []);
            let table = relay.keys.table();
            relay.workers.iter_mut().for_each(|mesh| mesh.adopt(self.now, Arc::clone(&table)));
        }
    }

    /// The router of a relay's region made a table.
    pub(super) fn route(&mut self, relay: usize, paths: &[&[usize]], protect: Protect) {
        let paths: Vec<Path> = paths.iter().map(|relays| path(relays)).collect();
        let to = paths.first().map_or(region(VIRGINIA), |path| path.destination().clone());
        let around = paths.first().filter(|path| path.is_direct()).and(paths.get(1));
        let around = around.map(|path| Reaction { from: region(relay), to: to.clone(), path: path.clone() });
        let row = Row { key: VOICE, to, paths, reactions: around.into_iter().collect(), protect };
        let routes = Arc::new(Routes { made_at: self.now, rows: vec![row] });
        for mesh in &mut self.relays[relay].workers {
            mesh.steer(self.now, Arc::clone(&routes));
        }
    }

    /// Oregon to Virginia and back: direct, then over Ohio, then over California.
    pub(super) fn route_all(&mut self, protect: Protect) {
        for (from, to) in [(OREGON, VIRGINIA), (VIRGINIA, OREGON)] {
            let paths: [&[usize]; 3] = [&[from, to], &[from, OHIO, to], &[from, CALIFORNIA, to]];
            self.route(from, &paths, protect);
        }
    }

    /// So many calls from a relay to another; each worker has its share at both ends.
    pub(super) fn call(&mut self, from: usize, to: usize, calls: usize) {
        let workers = self.relays[from].workers.len();
        for n in 0..calls {
            let number = u32::try_from(self.calls.len() * workers + n % workers).unwrap();
            let (stream, worker) = (StreamId(number), (n / workers) % workers);
            self.calls.push(Call { from, worker, to, stream, sent: 0, came: Vec::new() });
            let phase = PTIME.mul_f64(self.chance.f64());
            self.plan(self.now + phase, Event::Speak(self.calls.len() - 1));
        }
    }

    pub(super) fn link(&mut self, from: usize, to: usize) -> &mut Link {
        self.links.get_mut(&(region(from), region(to))).unwrap()
    }

    /// Loses this share both ways from now on.
    pub(super) fn spoil(&mut self, a: usize, b: usize, loss: f64) {
        self.link(a, b).loss = loss;
        self.link(b, a).loss = loss;
    }

    pub(super) fn jitter(&mut self, jitter: Duration) {
        self.links.values_mut().for_each(|link| link.jitter = jitter);
    }

    /// It stops, and starts anew at once with nothing in its memory.
    pub(super) fn restart(&mut self, relay: usize) {
        self.incarnation += 1;
        let workers = self.relays[relay].workers.len();
        self.relays[relay] = Relay::new(self.now, relay, workers, self.incarnation);
    }

    /// A new receiving key: the own workers first, then the others.
    pub(super) fn renew(&mut self, relay: usize) {
        let seed = std::array::from_fn(|_| self.chance.u8(..));
        let relay = &mut self.relays[relay];
        relay.keys.renew(self.now, &seed).unwrap();
        relay.peer.receiving_keys = relay.keys.receiving_keys().collect();
        self.meet();
    }

    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let next = self.events.peek().map(|Reverse((at, _, _))| *at);
            let meshes = self.relays.iter().filter(|relay| !relay.dead).flat_map(|relay| &relay.workers);
            let due = meshes.filter_map(Mesh::deadline).chain(next).min();
            let Some(at) = due.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if next == Some(at) {
                let Some(Reverse((_, _, event))) = self.events.pop() else { unreachable!("peeked") };
                self.on(event);
            }
            self.poll();
        }
        self.now = end;
    }

    /// Nobody speaks any more; what is under way arrives.
    pub(super) fn hang_up(&mut self) {
        let events = std::mem::take(&mut self.events).into_iter();
        self.events = events.filter(|Reverse((_, _, event))| !matches!(event, Event::Speak(_))).collect();
        self.run(Duration::from_secs(1));
    }

    pub(super) fn sent(&self) -> u32 {
        self.calls.iter().map(|call| call.sent).sum()
    }

    pub(super) fn lost(&self) -> usize {
        self.calls.iter().flat_map(|call| &call.came).filter(|came| came.is_none()).count()
    }

    /// The longest time without a packet that a call had after this, less the usual one; the shortest first.
    pub(super) fn outages_since(&self, at: Time) -> Vec<Duration> {
        let outage = |call: &Call| {
            let mut came: Vec<Time> =
                call.came.iter().flatten().copied().filter(|came| *came >= at).collect();
            came.sort_unstable();
            let gaps = came.windows(2).map(|pair| pair[1].since(pair[0]));
            let first = came.first().map(|first| first.since(at));
            gaps.chain(first).max().unwrap_or(Duration::MAX).saturating_sub(PTIME)
        };
        let mut outages: Vec<Duration> = self.calls.iter().map(outage).collect();
        outages.sort_unstable();
        outages
    }

    /// Frames that anybody refused, and what else should not be.
    pub(super) fn refused(&self) -> u64 {
        let meshes = self.relays.iter().flat_map(|relay| &relay.workers);
        meshes.map(|mesh| mesh.counts().refused.total()).sum()
    }

    fn plan(&mut self, at: Time, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, event)));
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Speak(call) => self.speak(call),
            Event::Arrive { to, .. } if self.relays[to].dead => {}
            Event::Arrive { to, worker, datagram } => self.arrive(to, worker, datagram),
        }
    }

    fn speak(&mut self, at: usize) {
        self.plan(self.now + PTIME, Event::Speak(at));
        let to = self.relays[self.calls[at].to].id();
        let call = &mut self.calls[at];
        let mut packet = [0x80; 172];
        packet[..4].copy_from_slice(&u32::try_from(at).unwrap().to_be_bytes());
        packet[4..8].copy_from_slice(&call.sent.to_be_bytes());
        let rtcp = call.sent % 50 == 49;
        let onward = Onward { to, stream: call.stream, route: VOICE, rtcp };
        call.sent += 1;
        call.came.push(None);
        let (from, worker) = (call.from, call.worker);
        let _ = self.relays[from].workers[worker].send(self.now, onward, &packet, &mut self.outbox);
        self.flush(from);
    }

    fn arrive(&mut self, to: usize, worker: usize, mut datagram: Vec<u8>) {
        let delivery = self.relays[to].workers[worker].receive(self.now, &mut datagram, &mut self.outbox);
        if let Some(delivery) = delivery {
            let (arrival, packet) = (delivery.arrival, &datagram[delivery.packet]);
            let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
            let (call, number) = (&mut self.calls[word(0) as usize], word(4) as usize);
            let fits = call.to == to
                && call.stream == arrival.stream
                && arrival.origin == self.relays[call.from].keys.own()
                && packet.len() == 172
                && packet[8..].iter().all(|byte| *byte == 0x80)
                && arrival.rtcp == (number % 50 == 49)
                && call.came[number].is_none();
            if !fits {
                self.wrong.push(format!("{} of {:?} at {to}/{worker}", number, call.stream));
            }
            call.came[number] = Some(self.now);
        }
        self.flush(to);
    }

    fn poll(&mut self) {
        for relay in 0..self.relays.len() {
            for worker in 0..self.relays[relay].workers.len() {
                let dead = self.relays[relay].dead;
                let mesh = &mut self.relays[relay].workers[worker];
                if !dead && mesh.deadline().is_some_and(|due| due <= self.now) {
                    mesh.poll(self.now, &mut self.outbox);
                    self.flush(relay);
                }
            }
        }
    }

    fn flush(&mut self, from: usize) {
        let outbox = std::mem::replace(&mut self.outbox, Outbox::new(0));
        for slot in outbox.packets() {
            let (to, worker) = (usize::from(slot.to.port() / 1_000 - 1), usize::from(slot.to.port() % 1_000));
            let (here, there) = (region(from), region(to));
            let (mut delay, mut jitter) = (Duration::from_micros(300), Duration::ZERO);
            if here != there {
                let link = &self.links[&(here, there)];
                if link.dark.contains(&slot.socket.0) || self.chance.f64() < link.loss {
                    continue;
                }
                (delay, jitter) = (link.delay, link.jitter);
            }
            let at = self.now + delay + jitter.mul_f64(self.chance.f64());
            self.plan(at, Event::Arrive { to, worker, datagram: slot.bytes().to_vec() });
        }
        self.outbox = outbox;
        self.outbox.clear();
    }
}
