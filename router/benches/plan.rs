//! How long a plan takes: a policy that touches every pair, 50 regions, four recorded hours in which every link keeps
//! changing. `cargo bench -p ringway-router --bench plan`.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement, not the program")]

use std::time::{Duration, Instant};

use ringway_router::{Input, LinkReport, NodeId, Policy, Region, Report, Router, Settings, Time};

fn main() {
    let count = |text: String| text.parse::<usize>().ok();
    let regions = std::env::args().filter_map(count).next().unwrap_or(50);
    let names: Vec<Region> = (0..regions).map(|i| format!("r{i:02}").parse().unwrap()).collect();
    // One report a minute is enough here, and must not count as silence.
    let settings = Settings { report_expiry: Duration::from_secs(180), ..Settings::default() };
    let mut router = Router::new(names[0].clone(), settings);
    let minutes = 240_u64;
    let mut feed = Time::from_millis(1_795_514_400_000);
    let started = Instant::now();
    for (minute, salt) in (0..minutes).zip(0_usize..) {
        feed = Time::from_millis(1_795_514_400_000 + minute * 60_000);
        for (i, from) in names.iter().enumerate() {
            let link = |(j, to): (usize, &Region)| {
                let salt = (i * 7_919 + j * 104_729 + salt * 31) % 97;
                let rtt_ms = 20.0 + ((i * 31 + j * 17) % 200) as f64 + (salt % 5) as f64;
                LinkReport {
                    loss: if salt == 0 { 0.05 } else { 0.0 },
                    ..LinkReport::clean(to.clone(), rtt_ms)
                }
            };
            let links = names.iter().enumerate().filter(|(j, _)| *j != i).map(link).collect();
            let origin = NodeId { region: from.clone(), node: "n".parse().unwrap() };
            let report = Report { origin, incarnation: 1, sequence: minute + 1, full: true, links };
            router.handle(feed, Input::Report(report));
            while router.poll().is_some() {}
        }
    }
    // Only now: with live regions, every report would make a table.
    router.handle(feed, Input::Regions(names.iter().skip(1).cloned().collect()));
    println!("{regions} regions, {minutes} minutes fed in {:.1} s", started.elapsed().as_secs_f64());
    let basis = router.basis(feed);
    let documents = [
        ("a rule for every pair", "[[rule]]\navoid = [\"r0*\"]\navoid_r = 5\n".to_owned()),
        (
            "a rule for one pair",
            "[[rule]]\nmatch = { from = \"r01\", to = \"r02\" }\navoid = [\"r0*\"]\n".to_owned(),
        ),
        (
            "links and cost for every pair",
            "[[cost]]\nusd_per_gb = 0.02\n[[rule]]\navoid_links = [\"r0* <> r1*\"]\ncost_r = 50\n".to_owned(),
        ),
        (
            "ten tenants",
            (0..10)
                .map(|i| format!("[[rule]]\nmatch = {{ tenant = \"t{i}\" }}\navoid = [\"r{i}*\"]\n"))
                .collect(),
        ),
    ];
    for (what, rules) in documents {
        let policy = Policy::parse(&format!("revision = 1\n{rules}")).unwrap();
        let started = cpu_s();
        let plan = basis.plan(&policy);
        println!(
            "{what}: {:.2} s of CPU for {} of {} minutes and {} worst moments; {} shifts",
            cpu_s() - started,
            plan.samples,
            plan.recorded,
            plan.worst_moments,
            plan.shifts.len(),
        );
    }
}

/// What this process has taken so far, in user mode: other programs on the machine do not count (proc(5)).
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u32 = stat.rsplit(')').next().unwrap().split_whitespace().nth(11).unwrap().parse().unwrap();
    f64::from(ticks) / 100.0
}
