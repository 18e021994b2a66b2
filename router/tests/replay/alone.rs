//! The router alone: no probes, only the reports of a mesh in which things happen, and what becomes of the tables.
//! Estimates are the truth here; how soon they are is the matter of the replay.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ringway_router::{
    Cause, Change, HopCounts, Input, LinkReport, NodeId, Output, Policy, Report, Router, Settings, Time,
    Traffic,
};

use super::{
    guard::Guard,
    way::{Chain, every_chain},
};
use crate::atlas::{Atlas, sky::Sky, weather::Spell};

const HOME: usize = 0;
const STEP_MS: u64 = 100;
/// A node says all that it knows so often, each in its own step; what has changed it says at once.
const REFRESH_STEPS: u64 = 20;
const EPOCH_US: u64 = 1_700_000_000_000_000;

/// What one node is up to.
struct Node {
    alive: bool,
    /// What its clock shows too much, µs: it only shows in its incarnations.
    skew_us: i64,
    incarnation: u64,
    sequence: u64,
    /// Its statements do not reach the home.
    cut_off: bool,
    /// Its SIP servers answer late and refuse.
    overloaded: bool,
}

pub(crate) struct World<'a> {
    pub(crate) sky: Sky<'a>,
    pub(crate) router: Router,
    pub(crate) changes: Vec<Change>,
    pub(crate) refused: u64,
    pub(crate) guard: Guard,
    nodes: Vec<Node>,
    told: Vec<Option<LinkReport>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(atlas: &'a Atlas, spells: &'a [Spell]) -> Self {
        let size = atlas.len();
        let policy = Arc::new(Policy::parse("revision = 1").unwrap());
        let mut router = Router::new(atlas.region(HOME).clone(), Settings::default());
        router.handle(time(0), Input::Policy(policy.clone()));
        let node = |_| Node {
            alive: true,
            skew_us: 0,
            incarnation: EPOCH_US,
            sequence: 0,
            cut_off: false,
            overloaded: false,
        };
        let mut world = Self {
            sky: Sky::new(atlas, spells),
            router,
            changes: Vec::new(),
            refused: 0,
            guard: Guard::new(policy),
            nodes: (0..size).map(node).collect(),
            told: vec![None; size * size],
        };
        world.announce();
        world
    }

    pub(crate) fn run_until(&mut self, second: u64) {
        while self.sky.now_ms() < second * 1_000 {
            self.sky.advance();
            while let Some(due) = self.router.deadline().filter(|due| *due < self.now()) {
                self.router.handle(due, Input::Tick);
                self.take();
            }
            for from in 0..self.nodes.len() {
                self.report(from);
            }
        }
    }

    pub(crate) fn kill(&mut self, region: usize) {
        self.nodes[region].alive = false;
        self.guard.dead.insert(self.sky.atlas.region(region).clone());
        self.announce();
    }

    /// The node starts again. Its incarnation is what its clock shows.
    pub(crate) fn start(&mut self, region: usize) {
        let shows = EPOCH_US + self.sky.now_ms() * 1_000;
        let node = &mut self.nodes[region];
        (node.alive, node.sequence) = (true, 0);
        node.incarnation = shows.saturating_add_signed(node.skew_us);
        self.guard.dead.remove(self.sky.atlas.region(region));
        self.announce();
    }

    pub(crate) fn skew(&mut self, region: usize, seconds: i64) {
        self.nodes[region].skew_us = seconds * 1_000_000;
    }

    /// Whether the statements of a region reach the home. Its links are as they were.
    pub(crate) fn cut_off(&mut self, region: usize, cut_off: bool) {
        self.nodes[region].cut_off = cut_off;
    }

    pub(crate) fn overload(&mut self, region: usize, overloaded: bool) {
        self.nodes[region].overloaded = overloaded;
    }

    /// Every destination whose calls do not go where they should in the weather of now.
    pub(crate) fn astray(&self) -> Vec<String> {
        let live = |chain: &Chain| chain.regions().iter().all(|region| self.nodes[*region].alive);
        let size = self.sky.atlas.len();
        let mut astray = Vec::new();
        for to in (0..size).filter(|to| *to != HOME && self.nodes[*to].alive) {
            let table = self.router.table();
            let route = table.route(self.sky.atlas.region(to), &Traffic::voice());
            let Some(path) = route.and_then(|route| route.path()) else {
                astray.push(format!("{to}: no path"));
                continue;
            };
            let chosen = Chain::of(path, self.sky.atlas);
            let better =
                every_chain(HOME, to, size).into_iter().filter(live).find(|c| self.beats(c, &chosen));
            astray.extend(better.map(|better| format!("{path}, but {:?} is better", better.regions())));
        }
        astray
    }

    /// Whether the settings want a call moved from one path to the other, sooner or later.
    fn beats(&self, other: &Chain, chosen: &Chain) -> bool {
        let settings = Settings::default();
        let price = |chain: &Chain| settings.relay_price_r * chain.relays() as f64;
        let by = other.r(&self.sky) - price(other) - chosen.r(&self.sky) + price(chosen);
        // The router takes half a round trip for the one-way delay, and 1 ms for 0.01 R.
        let slack = 0.7;
        by > settings.margin_r + slack || (other.relays() < chosen.relays() && by > slack)
    }

    fn announce(&mut self) {
        let others = (0..self.nodes.len()).filter(|i| *i != HOME && self.nodes[*i].alive);
        let live: BTreeSet<_> = others.map(|i| self.sky.atlas.region(i).clone()).collect();
        self.router.handle(self.now(), Input::Regions(live));
        self.take();
    }

    fn report(&mut self, from: usize) {
        let size = self.nodes.len();
        let full = (self.sky.now_ms() / STEP_MS + from as u64).is_multiple_of(REFRESH_STEPS);
        if !self.nodes[from].alive || self.nodes[from].cut_off {
            return;
        }
        let mut links = Vec::new();
        for to in (0..size).filter(|to| *to != from) {
            let report = self.measure(from, to);
            let told = &mut self.told[from * size + to];
            if full || told.as_ref().is_none_or(|told| worth_telling(told, &report)) {
                links.push(report.clone());
                *told = Some(report);
            }
        }
        if links.is_empty() {
            return;
        }
        let node = &mut self.nodes[from];
        node.sequence += 1;
        let origin = NodeId { region: self.sky.atlas.region(from).clone(), node: "n-1".parse().unwrap() };
        let (incarnation, sequence) = (node.incarnation, node.sequence);
        self.router.handle(self.now(), Input::Report(Report { origin, incarnation, sequence, full, links }));
        self.take();
    }

    fn measure(&self, from: usize, to: usize) -> LinkReport {
        let atlas = self.sky.atlas;
        let (there, back) = (self.sky.link(atlas.link(from, to)), self.sky.link(atlas.link(to, from)));
        let up = self.nodes[to].alive && !there.is_cut() && !back.is_cut();
        let rtt_ms = if up { there.delay_ms + back.delay_ms } else { 0.0 };
        let late = self.nodes[to].overloaded;
        let seconds = self.sky.now_ms() / 1_000;
        LinkReport {
            up,
            rtt_p95_ms: if up { there.delay_p95_ms() + back.delay_p95_ms() } else { 0.0 },
            jitter_ms: there.jitter_ms,
            loss: there.loss,
            loss_back: back.loss,
            packets: 100,
            cause: match (late, there.loss > 0.01 || !up) {
                (_, true) => Cause::Path,
                (true, false) => Cause::Server,
                (false, false) => Cause::None,
            },
            sip: HopCounts {
                requests: 100 * seconds,
                retransmissions: if late { 60 * seconds } else { 0 },
                timeouts: if late { 5 * seconds } else { 0 },
                answers: 90 * seconds,
                first_answer_ms: if late { 900.0 } else { rtt_ms },
                ..HopCounts::default()
            },
            ..LinkReport::clean(atlas.region(to).clone(), rtt_ms)
        }
    }

    fn take(&mut self) {
        while let Some(output) = self.router.poll() {
            match output {
                Output::Table(table) => self.guard.check(&table),
                Output::Changed(change) => self.changes.push(change),
                Output::Refused { why, .. } => {
                    assert_eq!(why.label(), "stale");
                    self.refused += 1;
                }
            }
        }
    }

    fn now(&self) -> Time {
        time(self.sky.now_ms())
    }
}

fn time(ms: u64) -> Time {
    Time::from_micros(EPOCH_US) + Duration::from_millis(ms)
}

fn worth_telling(told: &LinkReport, now: &LinkReport) -> bool {
    let moved = |new: f64, old: f64, least: f64, share: f64| (new - old).abs() > least.max(share * old);
    told.up != now.up
        || told.cause != now.cause
        || moved(now.loss, told.loss, 0.003, 0.25)
        || moved(now.rtt_p95_ms, told.rtt_p95_ms, 2.0, 0.05)
}
