//! What it costs to make the route table: all of it, and after one link has changed. No averages: the 50th and 99th
//! percentile of single runs.
//!
//! ```console
//! $ cargo bench -p ringway-router
//! ```
//!
//! The time is what this thread spent on a processor, so that other work on the machine does not count.

#![expect(clippy::unwrap_used, reason = "what is built here is known to be good")]

use std::{hint::black_box, sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};
use ringway_router::{Input, LinkReport, NodeId, Policy, Region, Report, Router, Settings, Time, Traffic};

/// Of each; the first tenth is not counted, while caches and branches are cold.
const RUNS: usize = 440;

/// Ten rules of the kinds that people write; two of them speak of links.
const TEN_RULES: &str = r#"
revision = 1
[[rule]]
match = { from = "r0?", to = "r4?" }
both_ways = true
avoid = ["r1?"]
[[rule]]
forbid = ["r20", "r21"]
[[rule]]
prefer = ["r3?"]
prefer_r = 2
[[rule]]
avoid = ["r2?"]
avoid_r = 5
[[rule]]
match = { to = "r1?" }
max_relays = 1
[[rule]]
match = { to = "r3?" }
pin = ["r07"]
[[rule]]
forbid_links = ["r05 > r06"]
[[rule]]
avoid_links = ["r00 > r08"]
avoid_r = 3
[[rule]]
avoid = ["direct"]
avoid_r = 1
[[rule]]
match = { to = "r45" }
forbid = ["direct"]
"#;

/// A router in a full mesh of regions, one node each.
struct Mesh {
    router: Router,
    size: usize,
    now: Time,
    sequence: u64,
    chance: u64,
}

fn main() {
    for size in [16, 50] {
        for (rules, document) in [("no rules", "revision = 1"), ("10 rules", TEN_RULES)] {
            let mut mesh = Mesh::new(size, document);
            let paths: usize = (1..size).map(|to| mesh.paths_to(to)).sum();
            let whole = percentiles(|_| mesh.everything());
            let ns = whole.0.as_nanos() as f64 / paths as f64;
            println!(
                "whole table   {size} regions, {rules}: {}  {paths} paths, {ns:.1} ns a path",
                told(whole)
            );
            for (what, link) in [("from home", (0, 9)), ("elsewhere", (8, 9)), ("to home", (9, 0))] {
                let one = percentiles(|i| mesh.one_link(link, i));
                println!("one link      {size} regions, {rules}, {what:<9}: {}", told(one));
            }
        }
    }
}

impl Mesh {
    fn new(size: usize, document: &str) -> Self {
        let home = region(0);
        let now = Time::from_millis(1_000_000_000);
        let mut mesh = Self {
            router: Router::new(home, Settings::default()),
            size,
            now,
            sequence: 0,
            chance: 88_172_645,
        };
        mesh.tell(Input::Regions((0..size).map(region).collect()));
        mesh.tell(Input::Policy(Arc::new(Policy::parse(document).unwrap())));
        for from in 0..size {
            let links = (0..size).filter(|to| *to != from).map(|to| mesh.weather(from, to)).collect();
            mesh.report(from, true, links);
        }
        mesh
    }

    fn paths_to(&self, to: usize) -> usize {
        self.router.explain(self.now, &region(0), &region(to), &Traffic::voice()).candidates.len()
    }

    /// Orders of operators void all that is known of the paths.
    fn everything(&mut self) -> Duration {
        self.now = self.now + Duration::from_millis(1);
        let started = cpu_time();
        self.tell(Input::Overrides(Vec::new()));
        cpu_time() - started
    }

    /// A link gets so much worse, and better again, that it is acted on at once. Reports of others keep the mesh alive.
    fn one_link(&mut self, (from, to): (usize, usize), run: usize) -> Duration {
        if run.is_multiple_of(4) {
            for origin in (0..self.size).filter(|origin| *origin != from) {
                self.report(origin, false, Vec::new());
            }
        }
        self.now = self.now + Duration::from_millis(1_000);
        let loss = if run.is_multiple_of(2) { 0.2 } else { 0.0 };
        let link = LinkReport { loss, ..self.weather(from, to) };
        let report = self.next_report(from, false, vec![link]);
        let started = cpu_time();
        self.tell(Input::Report(report));
        cpu_time() - started
    }

    fn weather(&mut self, from: usize, to: usize) -> LinkReport {
        let far = (from as f64 - to as f64).abs() * 4.0;
        let loss = if self.dice() < 0.1 { self.dice() * 0.02 } else { 0.0 };
        LinkReport { loss, ..LinkReport::clean(region(to), 10.0 + far + 60.0 * self.dice()) }
    }

    fn report(&mut self, from: usize, full: bool, links: Vec<LinkReport>) {
        let report = self.next_report(from, full, links);
        self.tell(Input::Report(report));
    }

    fn next_report(&mut self, from: usize, full: bool, links: Vec<LinkReport>) -> Report {
        self.sequence += 1;
        let origin = NodeId { region: region(from), node: "n-1".parse().unwrap() };
        Report { origin, incarnation: 1, sequence: self.sequence, full, links }
    }

    fn tell(&mut self, input: Input) {
        self.router.handle(self.now, input);
        while let Some(output) = self.router.poll() {
            black_box(output);
        }
    }

    /// xorshift64: 0 to 1.
    fn dice(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What this thread has spent on a processor.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

fn region(i: usize) -> Region {
    format!("r{i:02}").parse().unwrap()
}

fn percentiles(mut run: impl FnMut(usize) -> Duration) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..RUNS).map(&mut run).skip(RUNS / 11).collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn told((p50, p99): (Duration, Duration)) -> String {
    format!("p50 {:8.1} µs, p99 {:8.1} µs", p50.as_secs_f64() * 1e6, p99.as_secs_f64() * 1e6)
}
