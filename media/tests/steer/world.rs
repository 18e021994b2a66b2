//! Oregon, California, Ohio, Virginia: relays, links with measured delays, calls, in virtual time.

use crate::link::Link;
use ringway_media::core::{
    RelayId,
    steer::{
        Ears, Input, Moved, Output, PathId, PathNumber, Reaction, Report, SendReport, Table, Trunk, Way,
    },
};
use ringway_router::{Protect, Time};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

pub(crate) const OREGON: RelayId = RelayId(1);
pub(crate) const CALIFORNIA: RelayId = RelayId(2);
pub(crate) const OHIO: RelayId = RelayId(3);
pub(crate) const VIRGINIA: RelayId = RelayId(4);
/// 20 ms of G.711.
pub(crate) const PTIME: Duration = Duration::from_millis(20);
const LANES: u8 = 4;
/// One way, ms. Together: direct 64.0 ms round trip, over Ohio 67.0, over California 85.7.
const DELAYS_MS: [(RelayId, RelayId, f64); 5] = [
    (OREGON, VIRGINIA, 32.0),
    (OREGON, OHIO, 25.3),
    (OHIO, VIRGINIA, 8.2),
    (OREGON, CALIFORNIA, 11.2),
    (CALIFORNIA, VIRGINIA, 31.65),
];
pub(crate) const DIRECT: u16 = 0;
pub(crate) const OVER_OHIO: u16 = 1;
pub(crate) const OVER_CALIFORNIA: u16 = 2;
/// Without the mark and the seal: IPv4, UDP, header, kind, hops; then the body of a report.
const REPORT_BYTES: u64 = 28 + 16 + 16 + 2 + 4 + 19;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Speak { call: usize },
    Arrive { number: u16, sequence: u32, packet: Option<(usize, u32)> },
    Report { at: usize },
    Table { at: usize },
    Link { at: usize },
}

/// One direction of a call.
#[derive(Clone, Default)]
pub(crate) struct Call {
    pub(crate) sent: u32,
    pub(crate) lost: u32,
    pub(crate) overtaken: u32,
    arrived: Vec<bool>,
    last: Option<(Time, u32)>,
    /// `(when it ended, how long)` for each time without packets that was longer than two packets apart.
    pub(crate) gaps: Vec<(Time, Duration)>,
    talks_until: Time,
    silent_until: Time,
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) trunk: Trunk,
    ears: Ears,
    links: BTreeMap<(RelayId, RelayId), Link>,
    chance: fastrand::Rng,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    made: u64,
    reports: Vec<Report>,
    tables: Vec<Table>,
    orders: Vec<(RelayId, RelayId, bool)>,
    pub(crate) calls: Vec<Call>,
    /// Pauses in speech: mean length of talk and of silence.
    pub(crate) pauses: Option<(Duration, Duration)>,
    pub(crate) moves: Vec<Moved>,
    pub(crate) report_bytes: u64,
    pub(crate) alarms: u64,
    began: Time,
}

pub(crate) fn path(number: u16) -> PathId {
    PathId::new(number).unwrap()
}

pub(crate) fn way(number: u16) -> Way {
    let hops = match number {
        DIRECT => vec![VIRGINIA],
        OVER_OHIO => vec![OHIO, VIRGINIA],
        OVER_CALIFORNIA => vec![CALIFORNIA, VIRGINIA],
        other => panic!("no path {other}"),
    };
    Way { path: path(number), hops }
}

pub(crate) fn table(made_at: Time, ranked: &[u16], protect: Protect) -> Table {
    let reaction = ranked.get(1).map(|next| Reaction { from: OREGON, to: VIRGINIA, way: way(*next) });
    let ranked = ranked.iter().map(|number| way(*number)).collect();
    Table { made_at, ranked, reactions: reaction.into_iter().collect(), protect }
}

impl World {
    pub(crate) fn new(seed: u64, calls: usize, protect: Protect) -> Self {
        Self::ranked(seed, calls, protect, &[DIRECT, OVER_OHIO, OVER_CALIFORNIA])
    }

    pub(crate) fn ranked(seed: u64, calls: usize, protect: Protect, ranked: &[u16]) -> Self {
        let now = Time::from_millis(1_000_000);
        let mut links = BTreeMap::new();
        for (from, to, ms) in DELAYS_MS {
            let link = Link::new(Duration::from_secs_f64(ms / 1_000.0));
            links.insert((from, to), link.clone());
            links.insert((to, from), link);
        }
        let mut world = Self {
            now,
            trunk: Trunk::new(now, OREGON, LANES),
            ears: Ears::new(),
            links,
            chance: fastrand::Rng::with_seed(seed),
            events: BinaryHeap::new(),
            made: 0,
            reports: Vec::new(),
            tables: Vec::new(),
            orders: Vec::new(),
            calls: vec![Call::default(); calls],
            pauses: None,
            moves: Vec::new(),
            report_bytes: 0,
            alarms: 0,
            began: now,
        };
        world.trunk.handle(now, Input::Table(table(now, ranked, protect)));
        for call in 0..calls {
            let phase = PTIME.mul_f64(world.chance.f64());
            world.plan(now + phase, Event::Speak { call });
        }
        world.drain();
        world
    }

    pub(crate) fn link(&mut self, from: RelayId, to: RelayId) -> &mut Link {
        self.links.get_mut(&(from, to)).unwrap()
    }

    /// Every link.
    pub(crate) fn all_links(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.values_mut()
    }

    /// Loses this share both ways from then on.
    pub(crate) fn spoil(&mut self, a: RelayId, b: RelayId, from: Time, until: Time, loss: f64) {
        self.link(a, b).trouble(from, until, None, loss);
        self.link(b, a).trouble(from, until, None, loss);
    }

    /// A relay dies.
    pub(crate) fn kill(&mut self, relay: RelayId, at: Time) {
        for ((from, to), link) in &mut self.links {
            if *from == relay || *to == relay {
                link.trouble(at, Time::from_micros(u64::MAX), None, 1.0);
            }
        }
    }

    pub(crate) fn table_at(&mut self, at: Time, table: Table) {
        self.tables.push(table);
        self.plan(at, Event::Table { at: self.tables.len() - 1 });
    }

    pub(crate) fn order_at(&mut self, at: Time, from: RelayId, to: RelayId, up: bool) {
        self.orders.push((from, to, up));
        self.plan(at, Event::Link { at: self.orders.len() - 1 });
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let next = self.events.peek().map(|Reverse((at, _, _))| *at);
            let due = [next, self.trunk.deadline(), self.ears.deadline()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if next == Some(at) {
                let Some(Reverse((_, _, event))) = self.events.pop() else { unreachable!("peeked") };
                self.on(event);
            } else {
                self.trunk.handle(self.now, Input::Tick);
            }
            self.drain();
        }
        self.now = end;
    }

    /// No more is said; what is on its way arrives. Counts what did not.
    pub(crate) fn hang_up(&mut self) {
        self.events = std::mem::take(&mut self.events)
            .into_iter()
            .filter(|Reverse((_, _, event))| !matches!(event, Event::Speak { .. }))
            .collect();
        self.run(Duration::from_secs(1));
        for call in &mut self.calls {
            call.lost = u32::try_from(call.arrived.iter().filter(|arrived| !**arrived).count()).unwrap();
        }
    }

    /// For each call, the longest outage that ended after this: the time without packets, less the usual one.
    pub(crate) fn outages_since(&self, at: Time) -> Vec<f64> {
        let longest = |call: &Call| {
            let gaps = call.gaps.iter().filter(|(ended, _)| *ended >= at).map(|(_, gap)| *gap);
            let open = call.last.map(|(last, _)| self.now.since(last)).filter(|open| *open > PTIME * 10);
            gaps.chain(open).max().unwrap_or(PTIME)
        };
        self.calls.iter().map(|call| longest(call).saturating_sub(PTIME).as_secs_f64() * 1_000.0).collect()
    }

    pub(crate) fn lost(&self) -> u32 {
        self.calls.iter().map(|call| call.lost).sum()
    }

    pub(crate) fn sent(&self) -> u32 {
        self.calls.iter().map(|call| call.sent).sum()
    }

    pub(crate) fn overtaken(&self) -> u32 {
        self.calls.iter().map(|call| call.overtaken).sum()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.now.since(self.began).as_secs_f64()
    }

    fn plan(&mut self, at: Time, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, event)));
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Speak { call } => self.speak(call),
            Event::Arrive { number, sequence, packet } => self.arrive(PathNumber(number), sequence, packet),
            Event::Report { at } => self.trunk.handle(self.now, Input::Report(self.reports[at])),
            Event::Table { at } => self.trunk.handle(self.now, Input::Table(self.tables[at].clone())),
            Event::Link { at } => {
                let (from, to, up) = self.orders[at];
                self.trunk.handle(self.now, Input::Link { from, to, up });
            }
        }
    }

    fn speak(&mut self, call: usize) {
        self.plan(self.now + PTIME, Event::Speak { call });
        if !self.talks(call) {
            return;
        }
        let number = self.calls[call].sent;
        self.calls[call].sent += 1;
        self.calls[call].arrived.push(false);
        let picks = self.trunk.pick(self.now);
        assert!(picks.second.is_none_or(|second| picks.first.unwrap().number != second.number));
        for pick in [picks.first, picks.second].into_iter().flatten() {
            self.send(pick.number, pick.sequence, Some((call, number)));
        }
    }

    fn talks(&mut self, call: usize) -> bool {
        let Some((talk, silence)) = self.pauses else { return true };
        let (chance, this) = (&mut self.chance, &mut self.calls[call]);
        if self.now >= this.silent_until {
            this.talks_until = self.now + talk.mul_f64(-(1.0 - chance.f64()).ln());
            this.silent_until = this.talks_until + silence.mul_f64(-(1.0 - chance.f64()).ln());
        }
        self.now < this.talks_until
    }

    fn arrive(&mut self, number: PathNumber, sequence: u32, packet: Option<(usize, u32)>) {
        let Some((call, n)) = packet else { return self.ears.asked(self.now, number, sequence) };
        self.ears.arrived(self.now, number, sequence);
        let call = &mut self.calls[call];
        // The egress drops the second copy by the sequence in the stream.
        if std::mem::replace(&mut call.arrived[usize::try_from(n).unwrap()], true) {
            return;
        }
        if let Some((last, highest)) = call.last {
            let gap = self.now.since(last);
            if gap > PTIME * 2 {
                call.gaps.push((self.now, gap));
            }
            call.overtaken += u32::from(n < highest);
            call.last = Some((self.now, highest.max(n)));
        } else {
            call.last = Some((self.now, n));
        }
    }

    fn send(&mut self, number: PathNumber, sequence: u32, packet: Option<(usize, u32)>) {
        let hops = way(number.path().get()).hops;
        if let Some(out) = self.cross(OREGON, &hops, number.lane().0) {
            self.plan(out, Event::Arrive { number: number.0, sequence, packet });
        }
    }

    fn cross(&mut self, from: RelayId, hops: &[RelayId], lane: u8) -> Option<Time> {
        let (mut at, mut here) = (self.now, from);
        for hop in hops {
            at = self.links.get_mut(&(here, *hop)).unwrap().cross(at, lane, &mut self.chance)?;
            here = *hop;
        }
        Some(at)
    }

    fn drain(&mut self) {
        while let Some(output) = self.trunk.poll() {
            match output {
                Output::SendProbe { number, sequence } => self.send(number, sequence, None),
                Output::Moved(moved) => self.moves.push(moved),
            }
        }
        while let Some(SendReport { report, over }) = self.ears.poll(self.now) {
            let mut back = way(over.path().get()).hops;
            self.report_bytes += REPORT_BYTES + 4 * u64::try_from(back.len()).unwrap();
            self.alarms += u64::from(report.flags.overdue() && over == report.number);
            back.reverse();
            back.push(OREGON);
            if let Some(out) = self.cross(VIRGINIA, &back[1..], over.lane().0) {
                self.reports.push(report);
                self.plan(out, Event::Report { at: self.reports.len() - 1 });
            }
        }
    }
}
