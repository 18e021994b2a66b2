//! One node of the simulated mesh: the flood and, where asked for, a router, as the control task joins them; and the
//! model of what its probes find.

use crate::network::Network;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};
use ringway_node::identity::{Authority, Identity};
use ringway_proxy::mesh::{
    flood::{Flood, Input, Output},
    ledger::{LIFETIME_MAX, Ledger},
    statement::Statement,
};
use ringway_router::{self as router, LinkReport, NodeId, Policy, Region, Router, Settings, Time};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) const EXPIRY: Duration = Duration::from_secs(4);

/// 2026-11-24.
const UNIX_US: u64 = 1_795_478_400_000_000;

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) region: usize,
    pub(crate) identity: Identity,
    pub(crate) alive: bool,
    /// How far its clock is ahead of true time, µs.
    pub(crate) skew_us: i64,
    pub(crate) flood: Flood,
    pub(crate) router: Option<Router>,
    pub(crate) policy: Arc<Policy>,
    live: BTreeSet<Region>,
    incarnation: u64,
    sequence: u64,
    /// Slow drift of each round trip, a share of it.
    drift: Vec<f64>,
    /// How much of it comes in half a second.
    pub(crate) unrest: f64,
    pub(crate) chance: fastrand::Rng,
    /// What the flood took of the processor.
    pub(crate) spent: Duration,
    pub(crate) tables: u64,
    settled: Time,
}

/// What the world needs to make a node.
pub(crate) struct Birth<'a> {
    pub(crate) id: NodeId,
    pub(crate) region: usize,
    pub(crate) identity: Identity,
    pub(crate) authority: &'a Authority,
    pub(crate) policy: Arc<Policy>,
    pub(crate) has_router: bool,
    pub(crate) skew_us: i64,
    pub(crate) now: (Instant, u64),
    pub(crate) regions: usize,
    pub(crate) seed: u64,
}

impl Node {
    pub(crate) fn new(birth: Birth<'_>) -> Self {
        let Birth { id, region, identity, authority, policy, has_router, skew_us, now, regions, seed } =
            birth;
        let unix_us = unix_us(now.1, skew_us);
        let mut ledger = Ledger::new(id.clone(), authority.clone(), EXPIRY);
        ledger.introduce(unix_us, identity.certificate()).expect("its own certificate");
        let settings = Settings { report_expiry: LIFETIME_MAX, ..Settings::default() };
        let router = has_router.then(|| {
            let mut router = Router::new(id.region.clone(), settings);
            router.handle(Time::from_micros(unix_us), router::Input::Policy(Arc::clone(&policy)));
            router
        });
        Self {
            flood: Flood::new(now.0, ledger, id.clone(), identity.clone(), EXPIRY, seed),
            router,
            policy,
            live: BTreeSet::new(),
            incarnation: unix_us,
            sequence: 0,
            drift: vec![0.0; regions],
            unrest: 0.003,
            chance: fastrand::Rng::with_seed(seed ^ 0x5eed),
            spent: Duration::ZERO,
            tables: 0,
            settled: Time::default(),
            alive: true,
            id,
            region,
            identity,
            skew_us,
        }
    }

    pub(crate) fn unix_us(&self, now_us: u64) -> u64 {
        unix_us(now_us, self.skew_us)
    }

    /// What the flood says to do about what happened, as far as it is about streams; the router is told the rest.
    pub(crate) fn handle(&mut self, now: Instant, now_us: u64, input: Input) -> Vec<Output> {
        let began = spent();
        self.flood.handle(now, input);
        self.spent += spent().saturating_sub(began);
        let mut outputs = Vec::new();
        let time = Time::from_micros(self.unix_us(now_us));
        while let Some(output) = self.flood.poll() {
            match output {
                Output::News(statement) => self.tell_router(time, router::Input::Report(statement.report())),
                Output::Gone(statement) => {
                    self.tell_router(time, router::Input::Report(statement.withdrawal()));
                }
                Output::Send { .. }
                | Output::Close { .. }
                | Output::Named { .. }
                | Output::Refused { .. } => {
                    outputs.push(output);
                }
                Output::Unsigned(why) => panic!("{}: {why}", self.id),
            }
        }
        self.settle(time);
        outputs
    }

    /// How things stand, as far as this node can measure.
    pub(crate) fn draft(
        &mut self,
        now_us: u64,
        network: &Network,
        alive: &[usize],
        leaving: bool,
    ) -> Statement {
        self.sequence += 1;
        let home = self.region;
        let (chance, unrest) = (&mut self.chance, self.unrest);
        for drift in &mut self.drift {
            *drift = (*drift + unrest * (chance.f64() - 0.5)) * 0.995;
        }
        let others = (0..network.regions.len()).filter(|region| *region != home);
        let known: BTreeSet<&Region> = self.flood.crowd().regions().collect();
        let links = others
            .filter(|region| known.contains(&network.regions[*region]))
            .map(|region| {
                let up = network.is_up(home, region) && alive[region] > 0;
                let rtt_ms = network.rtt_ms(home, region) * (1.0 + self.drift[region]);
                let (there, back) = (network.weather(home, region), network.weather(region, home));
                LinkReport {
                    up,
                    rtt_p95_ms: rtt_ms * 1.02 + 1.0,
                    jitter_ms: 0.5,
                    loss: if up { there.loss } else { 1.0 },
                    loss_back: if up { back.loss } else { 1.0 },
                    ..LinkReport::clean(network.regions[region].clone(), rtt_ms)
                }
            })
            .collect();
        let statement = Statement {
            origin: self.id.clone(),
            incarnation: self.incarnation,
            sequence: self.sequence,
            zone: format!("{}a", self.id.region),
            version: "0.1.0".into(),
            draining: false,
            leaving,
            sip_port: 5060,
            probe_port: 8620,
            policy_revision: self.policy.revision,
            policy_digest: self.policy.digest(),
            route_epoch: self.router.as_ref().map_or(0, |router| router.table().epoch),
            basis: 0,
            refresh: Duration::ZERO,
            urgent: false,
            advertise: None,
            probe_key: [7; 16],
            overrides: Vec::new(),
            links,
            media: None,
        };
        let time = Time::from_micros(self.unix_us(now_us));
        self.tell_router(time, router::Input::Report(statement.report()));
        statement
    }

    fn tell_router(&mut self, time: Time, input: router::Input) {
        if let Some(router) = &mut self.router {
            router.handle(time, input);
        }
    }

    /// What the control task does after every event; every table is looked at.
    fn settle(&mut self, time: Time) {
        // The product does this after every event; ten times a second the outcome is the same.
        if time.since(self.settled) < Duration::from_millis(100) {
            return;
        }
        self.settled = time;
        let Some(router) = &mut self.router else { return };
        let live: BTreeSet<Region> =
            self.flood.crowd().regions().filter(|region| **region != self.id.region).cloned().collect();
        if live != self.live {
            self.live.clone_from(&live);
            router.handle(time, router::Input::Regions(live));
        }
        if router.deadline().is_some_and(|deadline| deadline <= time) {
            router.handle(time, router::Input::Tick);
        }
        while let Some(output) = router.poll() {
            match output {
                router::Output::Table(table) => {
                    assert_eq!(table.epoch, self.tables + 1, "{}: one table an epoch", self.id);
                    self.tables = table.epoch;
                    crate::checks::table(&table, &self.id);
                }
                router::Output::Changed(_) => {}
                router::Output::Refused { origin, why } => panic!("{}: {origin}: {why}", self.id),
            }
        }
    }
}

fn unix_us(now_us: u64, skew_us: i64) -> u64 {
    (UNIX_US + now_us).saturating_add_signed(skew_us)
}

/// What this thread has taken of the processor; it is printed, and decides nothing.
fn spent() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("Linux tells");
    let micros = |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0));
    micros(usage.user_time()) + micros(usage.system_time())
}
