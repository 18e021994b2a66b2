//! A mesh in virtual time: one node a region, probes every 100 ms with seeded losses, reports every 500 ms,
//! and the router of us-west-2 in the middle.

#![allow(dead_code, reason = "each of the tests that share this world uses a part of it")]

use std::{collections::BTreeSet, sync::Arc};

use ringway_router::{
    Change, Explanation, Input, Journal, LinkReport, NodeId, Output, Override, Policy, Region, Report,
    RouteTable, Router, Settings, Time, Traffic, measure::LossEstimate,
};

pub(crate) const OREGON: &str = "us-west-2";
pub(crate) const CALIFORNIA: &str = "us-west-1";
pub(crate) const OHIO: &str = "us-east-2";
pub(crate) const VIRGINIA: &str = "us-east-1";

/// Round trips between the four regions of the AWS whitepaper, p50 in ms: cloudping.co, one year to July 2025,
/// by way of commonwarexyz/monorepo `examples/estimator`.
const RTT_MS: [(&str, &str, f64); 12] = [
    (OREGON, CALIFORNIA, 21.720),
    (OREGON, OHIO, 50.502),
    (OREGON, VIRGINIA, 64.031),
    (CALIFORNIA, OREGON, 21.890),
    (CALIFORNIA, OHIO, 52.468),
    (CALIFORNIA, VIRGINIA, 63.944),
    (OHIO, OREGON, 51.166),
    (OHIO, CALIFORNIA, 53.220),
    (OHIO, VIRGINIA, 15.068),
    (VIRGINIA, OREGON, 64.419),
    (VIRGINIA, CALIFORNIA, 64.160),
    (VIRGINIA, OHIO, 16.476),
];

const REPORT_MS: u64 = 500;
const PROBES: u32 = 5;

#[derive(Clone)]
pub(crate) enum Event {
    /// Both ways of a link: share of packets lost each way, ms added each way.
    Weather(&'static str, &'static str, f64, f64),
    Cut(&'static str, &'static str),
    Mend(&'static str, &'static str),
    /// All nodes of the region are gone.
    Die(&'static str),
    Policy(&'static str),
    Orders(Vec<Override>),
}

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) journal: Journal,
    pub(crate) changes: Vec<Change>,
    pub(crate) tables: Vec<Arc<RouteTable>>,
    links: Vec<Link>,
    alive: BTreeSet<Region>,
    now_ms: u64,
    sequence: u64,
    chance: u64,
}

struct Link {
    from: Region,
    to: Region,
    rtt_ms: f64,
    added_ms: f64,
    loss: f64,
    cut: bool,
    estimate: LossEstimate,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let link = |(from, to, rtt_ms): (&str, &str, f64)| Link {
            from: region(from),
            to: region(to),
            rtt_ms,
            added_ms: 0.0,
            loss: 0.0,
            cut: false,
            estimate: LossEstimate::new(Time::default()),
        };
        let router = Router::new(region(OREGON), Settings::default());
        let mut world = Self {
            journal: Journal::new(Time::default(), &router),
            router,
            changes: Vec::new(),
            tables: Vec::new(),
            links: RTT_MS.into_iter().map(link).collect(),
            alive: [CALIFORNIA, OHIO, VIRGINIA, OREGON].map(region).into(),
            now_ms: 0,
            sequence: 0,
            chance: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        world.announce();
        world
    }

    /// Loses this share of the packets on every link, for good.
    pub(crate) fn with_loss(mut self, loss: f64) -> Self {
        self.links.iter_mut().for_each(|link| link.loss = loss);
        self
    }

    /// Plays the events at their seconds, and then on until `end_s`.
    pub(crate) fn play(&mut self, events: Vec<(u64, Event)>, end_s: u64) {
        for (at_s, event) in events {
            self.run_until(at_s);
            self.apply(event);
        }
        self.run_until(end_s);
    }

    fn run_until(&mut self, end_s: u64) {
        while self.now_ms < end_s * 1_000 {
            let next_report = self.now_ms / REPORT_MS * REPORT_MS + REPORT_MS;
            match self.router.deadline() {
                Some(deadline) if deadline.millis() < next_report => {
                    assert!(deadline > self.now(), "a deadline that has passed is never met");
                    self.now_ms = deadline.millis();
                    self.tell(Input::Tick);
                }
                _ => {
                    self.now_ms = next_report;
                    self.report();
                }
            }
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Weather(a, b, loss, added_ms) => self.both_ways(a, b, |link| {
                link.loss = loss;
                link.added_ms = added_ms;
            }),
            Event::Cut(a, b) => self.both_ways(a, b, |link| link.cut = true),
            Event::Mend(a, b) => self.both_ways(a, b, |link| link.cut = false),
            Event::Die(name) => {
                self.alive.remove(&region(name));
                self.announce();
            }
            Event::Orders(orders) => self.tell(Input::Overrides(orders)),
            Event::Policy(document) => {
                self.tell(Input::Policy(Arc::new(Policy::parse(document).unwrap())));
            }
        }
    }

    fn both_ways(&mut self, a: &str, b: &str, change: impl Fn(&mut Link)) {
        let (a, b) = (region(a), region(b));
        for link in &mut self.links {
            if (&link.from, &link.to) == (&a, &b) || (&link.from, &link.to) == (&b, &a) {
                change(link);
            }
        }
    }

    fn announce(&mut self) {
        let others = self.alive.iter().filter(|region| region.as_str() != OREGON).cloned();
        self.tell(Input::Regions(others.collect()));
    }

    fn report(&mut self) {
        self.sequence += 1;
        for origin in self.alive.clone() {
            let own: Vec<usize> = (0..self.links.len()).filter(|i| self.links[*i].from == origin).collect();
            let links = own.into_iter().map(|i| self.measure(i)).collect();
            let origin = NodeId { region: origin, node: "n-1".parse().unwrap() };
            self.tell(Input::Report(Report {
                origin,
                incarnation: 1,
                sequence: self.sequence,
                full: true,
                links,
            }));
        }
    }

    fn measure(&mut self, i: usize) -> LinkReport {
        let up = !self.links[i].cut && self.alive.contains(&self.links[i].to);
        let lost = match up {
            true => (0..PROBES).map(|_| u32::from(self.dice() < self.links[i].loss)).sum(),
            false => PROBES,
        };
        let now = self.now();
        let Link { to, rtt_ms, added_ms, estimate, .. } = &mut self.links[i];
        estimate.update(now, PROBES, lost);
        let rtt_ms = if up { *rtt_ms + 2.0 * *added_ms } else { 0.0 };
        LinkReport {
            up,
            rtt_p95_ms: rtt_ms * 1.05,
            jitter_ms: rtt_ms * 0.01,
            loss: estimate.loss(),
            packets: 100,
            ..LinkReport::clean(to.clone(), rtt_ms)
        }
    }

    fn tell(&mut self, input: Input) {
        let now = self.now();
        assert!(self.journal.note(now, &input, &self.router), "a journal has room for the whole test");
        self.router.handle(now, input);
        while let Some(output) = self.router.poll() {
            match output {
                Output::Table(table) => self.tables.push(table),
                Output::Changed(change) => self.changes.push(change),
                Output::Refused { origin, why } => panic!("{origin}: {why}"),
            }
        }
    }

    /// Why each destination is reached as it is, at this moment.
    pub(crate) fn explained(&self) -> Vec<(Time, Explanation)> {
        let (now, home) = (self.now(), region(OREGON));
        let explain = |to| (now, self.router.explain(now, &home, &region(to), &Traffic::voice()));
        [CALIFORNIA, OHIO, VIRGINIA].into_iter().map(explain).collect()
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.now_ms)
    }

    /// xorshift64: 0 to 1.
    fn dice(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// The changes of the calls to one region, as `(second, old, new, reason)`.
pub(crate) fn story(changes: &[Change], to: &str) -> Vec<(f64, String, String, String)> {
    let named = |path: &Option<ringway_router::Path>| {
        path.as_ref().map_or("none".to_owned(), |path| path.detour().to_string())
    };
    let of = |change: &Change| {
        (
            change.at.millis() as f64 / 1_000.0,
            named(&change.old),
            named(&change.new),
            change.reason.to_string(),
        )
    };
    changes.iter().filter(|change| change.to.as_str() == to).map(of).collect()
}
