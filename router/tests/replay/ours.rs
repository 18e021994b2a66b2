//! Ringway in the trace: every node probes its links and reports, reports travel as fast as the best way that works,
//! and the real router of each home region steers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ringway_router::{Change, Input, NodeId, Output, Policy, Report, Router, Settings, Time, Traffic};

use super::{
    guard::Guard,
    rivals::{Leg, Pair, Steering},
    sensor::Sensor,
    way::{Chain, Way},
};
use crate::atlas::{
    Atlas,
    chance::Chance,
    sky::{STEP_MS, Sky},
};

/// Where the clock of the trace starts, so that no time is 0.
const EPOCH_MS: u64 = 1_000_000;
const REPORT_STEPS: u64 = 5;
/// Probes of links without calls: what this budget allows, and no oftener than every 100 ms.
const IDLE_BUDGET_KBIT_S: f64 = 130.0;
const PACE_IDLE_MS: (f64, f64) = (100.0, 1_000.0);
const PACE_BUSY_MS: f64 = 20.0;
/// Question and answer, with headers, on the wire.
const PROBE_BYTES: u64 = 2 * 140;
/// A signed statement: node, numbers, signature, and its share of TCP, TLS and gRPC; and one link of it.
const STATEMENT_BYTES: u64 = 220;
const LINK_BYTES: u64 = 34;
/// What a lost packet costs a report that travels over TCP.
const RETRANSMISSION_MS: f64 = 250.0;

pub(crate) struct Ours<'a> {
    atlas: &'a Atlas,
    pairs: Vec<Pair>,
    homes: Vec<Home>,
    sensors: Vec<Sensor>,
    carries: Vec<bool>,
    chance: Chance,
    sequences: Vec<u64>,
    /// Reports on their way, by when they arrive (µs).
    mail: BTreeMap<(u64, u64), (usize, Arc<Report>)>,
    sent: u64,
    legs: Vec<Leg>,
    report_bytes: u64,
    pub(crate) guard: Guard,
    pub(crate) changes: Vec<Change>,
}

struct Home {
    region: usize,
    router: Router,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(
        pairs: &[Pair],
        atlas: &'a Atlas,
        settings: &Settings,
        policy: &str,
        mut chance: Chance,
    ) -> Self {
        let size = atlas.len();
        let mut regions: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
        regions.dedup();
        let policy = Arc::new(Policy::parse(policy).unwrap());
        let live =
            |home: usize| (0..size).filter(move |i| *i != home).map(|i| atlas.region(i).clone()).collect();
        let homes = regions
            .into_iter()
            .map(|region| {
                let mut router = Router::new(atlas.region(region).clone(), settings.clone());
                router.handle(time(0), Input::Policy(policy.clone()));
                router.handle(time(0), Input::Regions(live(region)));
                Home { region, router }
            })
            .collect();
        Self {
            pairs: pairs.to_vec(),
            homes,
            sensors: (0..size * size).map(|_| Sensor::new(&mut chance, PACE_IDLE_MS.0)).collect(),
            carries: vec![false; size * size],
            chance,
            sequences: vec![0; size],
            mail: BTreeMap::new(),
            sent: 0,
            legs: vec![Leg::whole(Way::Nothing); pairs.len()],
            report_bytes: 0,
            guard: Guard::new(policy),
            changes: Vec::new(),
            atlas,
        }
    }

    fn probe(&mut self, sky: &Sky<'_>) {
        let from_ms = sky.now_ms() as f64;
        let round_bytes = (PROBE_BYTES * (self.atlas.len() as u64 - 1)) as f64;
        let idle_ms = (round_bytes * 8.0 / IDLE_BUDGET_KBIT_S).clamp(PACE_IDLE_MS.0, PACE_IDLE_MS.1);
        for link in 0..self.sensors.len() {
            let (from, to) = self.atlas.ends(link);
            if from == to {
                continue;
            }
            let ways = (sky.link(link), sky.link(self.atlas.link(to, from)));
            let pace_ms = if self.carries[link] { PACE_BUSY_MS } else { idle_ms };
            if let Some(at_ms) = self.sensors[link].live(from_ms, ways, pace_ms, &mut self.chance) {
                self.tell(sky, at_ms, from, &[to]);
            }
        }
        let end_ms = from_ms + STEP_MS as f64 - 0.001;
        for from in 0..self.atlas.len() {
            if (sky.now_ms() / STEP_MS + from as u64).is_multiple_of(REPORT_STEPS) {
                let others: Vec<usize> = (0..self.atlas.len()).filter(|to| *to != from).collect();
                self.tell(sky, end_ms, from, &others);
            }
        }
    }

    fn tell(&mut self, sky: &Sky<'_>, at_ms: f64, from: usize, about: &[usize]) {
        self.sequences[from] += 1;
        let mut link =
            |to: &usize| self.sensors[from * self.atlas.len() + to].report(at_ms, self.atlas.region(*to));
        let report = Arc::new(Report {
            origin: NodeId { region: self.atlas.region(from).clone(), node: "n-1".parse().unwrap() },
            incarnation: 1,
            sequence: self.sequences[from],
            full: about.len() + 1 == self.atlas.len(),
            links: about.iter().map(&mut link).collect(),
        });
        // Every other node hears it once.
        let bytes = STATEMENT_BYTES + LINK_BYTES * about.len() as u64;
        self.report_bytes += bytes * (self.atlas.len() as u64 - 1);
        for home in 0..self.homes.len() {
            if let Some(takes_ms) = travel_ms(sky, from, self.homes[home].region) {
                let at_us = ((at_ms + takes_ms) * 1_000.0) as u64;
                self.sent += 1;
                self.mail.insert((at_us, self.sent), (home, report.clone()));
            }
        }
    }

    fn route(&mut self, sky: &Sky<'_>) {
        let end_us = (sky.now_ms() + STEP_MS) * 1_000;
        while let Some(entry) = self.mail.first_entry().filter(|entry| entry.key().0 < end_us) {
            let at_us = entry.key().0;
            let (home, report) = entry.remove();
            self.tick(sky, home, at_us);
            self.homes[home].router.handle(time(at_us), Input::Report(report.as_ref().clone()));
            self.take(sky, home, at_us);
        }
        for home in 0..self.homes.len() {
            self.tick(sky, home, end_us);
        }
    }

    /// Lets the deadlines come that lie before this.
    fn tick(&mut self, sky: &Sky<'_>, home: usize, until_us: u64) {
        while let Some(due) = self.homes[home].router.deadline().filter(|due| *due < time(until_us)) {
            self.homes[home].router.handle(due, Input::Tick);
            self.take(sky, home, due.since(time(0)).as_micros() as u64);
        }
    }

    fn take(&mut self, sky: &Sky<'_>, home: usize, at_us: u64) {
        let mut turned = false;
        while let Some(output) = self.homes[home].router.poll() {
            match output {
                Output::Table(table) => {
                    self.guard.check(&table);
                    turned = true;
                }
                Output::Changed(change) => self.changes.push(change),
                // A report may be overtaken by a newer one.
                Output::Refused { why, .. } => assert_eq!(why.label(), "stale"),
            }
        }
        if turned {
            let share = (at_us.saturating_sub(sky.now_ms() * 1_000)) as f64 / (STEP_MS * 1_000) as f64;
            self.steer(home, share);
        }
    }

    /// Follows the table of a home from this part of the step on.
    fn steer(&mut self, home: usize, share: f64) {
        let table = self.homes[home].router.table();
        for (pair, leg) in self.pairs.iter().zip(&mut self.legs) {
            if pair.0 != self.homes[home].region {
                continue;
            }
            let path =
                table.route(self.atlas.region(pair.1), &Traffic::voice()).and_then(|route| route.path());
            let way = path.map_or(Way::Nothing, |path| Way::One(Chain::of(path, self.atlas)));
            if way != leg.after {
                leg.share = if leg.before == leg.after { share.min(1.0) } else { leg.share };
                leg.after = way;
            }
        }
    }
}

impl Steering for Ours<'_> {
    fn name(&self) -> &'static str {
        "Ringway"
    }

    fn live(&mut self, sky: &Sky<'_>) {
        self.carries.fill(false);
        for leg in &mut self.legs {
            *leg = Leg::whole(leg.after);
            if let Way::One(chain) = leg.after {
                chain.links(self.atlas).for_each(|link| self.carries[link] = true);
            }
        }
        self.probe(sky);
        self.route(sky);
    }

    fn leg(&self, pair: usize) -> Leg {
        self.legs[pair]
    }

    fn control_bytes(&self) -> u64 {
        self.report_bytes + PROBE_BYTES * self.sensors.iter().map(|sensor| sensor.probes).sum::<u64>()
    }
}

fn time(micros: u64) -> Time {
    Time::from_millis(EPOCH_MS) + Duration::from_micros(micros)
}

/// How long a report takes over the best way that works, flooded over one relay at most. `None`: no way works.
fn travel_ms(sky: &Sky<'_>, from: usize, to: usize) -> Option<f64> {
    if from == to {
        return Some(0.0);
    }
    let link = |a: usize, b: usize| {
        let state = sky.link(sky.atlas.link(a, b));
        if state.is_cut() { f64::INFINITY } else { state.delay_p95_ms() + RETRANSMISSION_MS * state.loss }
    };
    let relays = (0..sky.atlas.len()).filter(|a| *a != from && *a != to);
    let least = relays.map(|a| link(from, a) + link(a, to)).fold(link(from, to), f64::min);
    least.is_finite().then_some(least)
}
