//! What holds in every world: no loop, no forbidden relay, no panic, and the same answer for the same inputs.

#![expect(clippy::unwrap_used, reason = "strategies are test code, though they are no tests")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use ringway_router::{
    Input, LinkReport, NodeId, Order, Output, Override, Path, Policy, Region, Report, Router, Settings, Time,
    Traffic, Verdict,
};

fn region(i: usize) -> Region {
    format!("r{i}").parse().unwrap()
}

fn home() -> Region {
    region(0)
}

/// A time as a node might send it: mostly sane, now and then absurd.
fn milliseconds() -> impl Strategy<Value = f64> {
    prop_oneof![80 => 0.0..400.0, 1 => any::<f64>(), 1 => Just(f64::NAN)]
}

fn link() -> impl Strategy<Value = LinkReport> {
    (prop::bool::weighted(0.9), milliseconds(), milliseconds(), 0.0..0.3_f64).prop_map(
        |(up, rtt_ms, jitter_ms, loss)| LinkReport {
            up,
            jitter_ms,
            loss,
            ..LinkReport::clean(home(), rtt_ms)
        },
    )
}

fn report(size: usize) -> impl Strategy<Value = Report> {
    let links = prop::collection::btree_map(0..size, link(), 0..=size);
    (0..size, links).prop_map(|(from, links)| Report {
        origin: NodeId { region: region(from), node: "n".parse().unwrap() },
        incarnation: 1,
        sequence: 0,
        full: true,
        links: links
            .into_iter()
            .filter(|(to, _)| *to != from)
            .map(|(to, link)| LinkReport { to: region(to), ..link })
            .collect(),
    })
}

fn policy(size: usize) -> impl Strategy<Value = String> {
    let action = prop_oneof![
        (0..size).prop_map(|i| format!("forbid = [\"r{i}\"]")),
        (0..size).prop_map(|i| format!("avoid = [\"r{i}\", \"direct\"]")),
        (0..size).prop_map(|i| format!("prefer = [\"r{i}\"]")),
        (0..size).prop_map(|i| format!("pin = [\"r{i}\"]")),
        (0..3_usize).prop_map(|max| format!("max_relays = {max}")),
        Just("forbid = [\"direct\"]".to_owned()),
    ];
    prop::collection::vec(action, 0..4).prop_map(|actions| {
        actions.iter().fold("revision = 1\n".to_owned(), |document, a| document + "[[rule]]\n" + a + "\n")
    })
}

fn order(size: usize) -> impl Strategy<Value = Override> {
    let order = prop_oneof![
        (0..size, 0..size).prop_map(|(from, to)| Order::DisableLink { from: region(from), to: region(to) }),
        (1..size).prop_map(|i| Order::DrainRegion(region(i))),
        (1..size - 1).prop_map(|i| Order::PinRoute(Path::new([0, i, i + 1].map(region)).unwrap())),
    ];
    // Some have ended before they are heard, some end later, some never.
    let until = prop::option::of((900_000..1_040_000_u64).prop_map(Time::from_millis));
    (order, until).prop_map(|(order, until)| Override { order, until, by: "ops".into(), why: String::new() })
}

fn input(size: usize) -> impl Strategy<Value = Input> {
    prop_oneof![
        12 => report(size).prop_map(Input::Report),
        2 => prop::collection::btree_set(0..size, 0..=size)
            .prop_map(|live| Input::Regions(live.into_iter().map(region).collect())),
        1 => policy(size).prop_map(|text| Input::Policy(Arc::new(Policy::parse(&text).unwrap()))),
        2 => Just(Input::Tick),
        1 => prop::collection::vec(order(size), 0..3).prop_map(Input::Overrides),
    ]
}

/// Gives the reports their numbers: mostly news, every seventh one stale.
fn numbered(inputs: Vec<(u64, Input)>) -> Vec<(u64, Input)> {
    let number = |(i, (step_ms, input)): (u64, (u64, Input))| match input {
        Input::Report(report) => {
            let sequence = if i % 7 == 6 { i - 6 } else { i };
            (step_ms, Input::Report(Report { sequence, ..report }))
        }
        other => (step_ms, other),
    };
    (0..).zip(inputs).map(number).collect()
}

fn run(inputs: &[(u64, Input)], mut inspect: impl FnMut(&Router, Time, &Output)) -> Router {
    let mut router = Router::new(home(), Settings::default());
    let mut now = Time::from_millis(1_000_000);
    for (step_ms, input) in inputs {
        now = now + Duration::from_millis(*step_ms);
        router.handle(now, input.clone());
        while let Some(output) = router.poll() {
            inspect(&router, now, &output);
        }
    }
    router
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_path_loops_or_passes_what_is_forbidden(
        inputs in prop::collection::vec((0_u64..1_000, input(6)), 1..80).prop_map(numbered),
    ) {
        let mut live = BTreeSet::new();
        let mut document = Policy::empty();
        let mut overrides: Vec<Override> = Vec::new();
        let mut now = Time::default();
        let mut router = Router::new(home(), Settings::default());
        for (step_ms, input) in inputs {
            now = now + Duration::from_millis(step_ms);
            match &input {
                Input::Regions(regions) => live.clone_from(regions),
                Input::Policy(policy) => document = policy.as_ref().clone(),
                Input::Overrides(orders) => overrides.clone_from(orders),
                Input::Report(_) | Input::Tick => {}
            }
            let epoch = router.table().epoch;
            router.handle(now, input);
            while router.poll().is_some() {}
            let table = router.table();
            prop_assert!(table.epoch <= epoch + 1);
            prop_assert!(router.deadline().is_none_or(|deadline| deadline > now));
            for route in table.routes() {
                prop_assert_eq!(route.ranked.is_empty(), route.refused.is_some());
                for reaction in &route.reactions {
                    let failed = (&reaction.from, &reaction.to);
                    prop_assert!(route.ranked[0].path.hops().any(|hop| hop == failed));
                    prop_assert!(reaction.path.hops().all(|hop| hop != failed), "{:?}", reaction);
                    let usable = router.explain(now, &home(), &route.to, &Traffic::voice()).candidates;
                    let verdict = usable.iter().find(|c| c.ranked.path == reaction.path).unwrap().verdict;
                    prop_assert!(matches!(verdict, Verdict::Backup | Verdict::Usable), "{:?}", verdict);
                }
                for ranked in &route.ranked {
                    for order in overrides.iter().filter(|order| order.holds(now)) {
                        match &order.order {
                            Order::DisableLink { from, to } => {
                                prop_assert!(ranked.path.hops().all(|hop| hop != (from, to)), "{}", ranked.path);
                            }
                            Order::DrainRegion(drained) => {
                                prop_assert!(!ranked.path.regions()[1..].contains(drained), "{}", ranked.path);
                            }
                            Order::PinRoute(_) => {}
                        }
                    }
                    let regions: BTreeSet<_> = ranked.path.regions().iter().collect();
                    prop_assert_eq!(regions.len(), ranked.path.regions().len());
                    prop_assert_eq!((ranked.path.source(), ranked.path.destination()), (&home(), &route.to));
                    prop_assert!(ranked.path.relays().len() <= 2);
                    prop_assert!(ranked.path.regions()[1..].iter().all(|r| live.contains(r)));
                    prop_assert!([ranked.r, ranked.score, ranked.delay_ms, ranked.loss].iter().all(|v| v.is_finite()));
                    for relay in ranked.path.relays() {
                        let forbidden = format!("forbid = [\"{relay}\"]");
                        prop_assert!(!document.document().contains(&forbidden), "{}", ranked.path);
                    }
                    if ranked.path.is_direct() {
                        prop_assert!(!document.document().contains("forbid = [\"direct\"]"));
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        inputs in prop::collection::vec((0_u64..1_000, input(5)), 1..60).prop_map(numbered),
    ) {
        let outputs = |inputs: &[(u64, Input)]| {
            let mut outputs = Vec::new();
            run(inputs, |_, _, output| outputs.push(format!("{output:?}")));
            outputs
        };
        prop_assert_eq!(outputs(&inputs), outputs(&inputs));
    }

    #[test]
    fn a_router_that_was_written_down_goes_on_as_the_one_that_stayed(
        inputs in prop::collection::vec((0_u64..1_000, input(5)), 2..60).prop_map(numbered),
        cut in 0_usize..60,
    ) {
        let (before, after) = inputs.split_at(cut % inputs.len());
        let mut stayed = run(before, |_, _, _| ());
        let mut now = before.iter().fold(Time::from_millis(1_000_000), |now, (ms, _)| now + Duration::from_millis(*ms));
        let text = serde_json::to_string(&stayed).unwrap();
        let mut moved: Router = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&text, &serde_json::to_string(&moved).unwrap());
        for (step_ms, input) in after {
            now = now + Duration::from_millis(*step_ms);
            let mut outputs = [Vec::new(), Vec::new()];
            for (router, outputs) in [&mut stayed, &mut moved].into_iter().zip(&mut outputs) {
                router.handle(now, input.clone());
                outputs.extend(std::iter::from_fn(|| router.poll()).map(|output| format!("{output:?}")));
            }
            prop_assert_eq!(&outputs[0], &outputs[1]);
            prop_assert_eq!(stayed.deadline(), moved.deadline());
            for (from, to) in [(0, 1), (0, 4), (2, 3)] {
                let explain = |router: &Router| router.explain(now, &region(from), &region(to), &Traffic::voice());
                prop_assert_eq!(explain(&stayed), explain(&moved));
            }
        }
    }

    #[test]
    fn without_a_memory_the_best_of_all_paths_is_chosen(
        rtts in prop::collection::vec(1.0..500.0_f64, 36),
        losses in prop::collection::vec(0_u32..60, 36),
    ) {
        let reports = (0..6).map(|from| {
            let link = |to: usize| LinkReport {
                loss: f64::from(losses[from * 6 + to]) / 300.0,
                ..LinkReport::clean(region(to), rtts[from * 6 + to])
            };
            let links = (0..6).filter(|to| *to != from).map(link).collect();
            let origin = NodeId { region: region(from), node: "n".parse().unwrap() };
            (0, Input::Report(Report { origin, incarnation: 1, sequence: 1, full: true, links }))
        });
        let everybody = Input::Regions((1..6).map(region).collect());
        // The regions come last: until then no path may be chosen, so there is nothing to hold on to.
        let inputs: Vec<_> = reports.chain([(0, everybody)]).collect();
        let router = run(&inputs, |_, _, _| ());
        for to in (1..6).map(region) {
            let all = router.explain(Time::from_millis(1_000_000), &home(), &to, &Traffic::voice()).candidates;
            prop_assert_eq!(all.len(), 1 + 4 + 4 * 3);
            let best = all.iter().map(|candidate| candidate.ranked.score).fold(f64::MIN, f64::max);
            let table = router.table();
            let chosen = &table.route(&to, &Traffic::voice()).unwrap().ranked[0];
            prop_assert_eq!(chosen.score, best);
            prop_assert_eq!(all[0].verdict, Verdict::Chosen);
        }
    }
}
