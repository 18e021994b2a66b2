//! Exactness of the scan, and what decides between paths.

use std::collections::BTreeSet;

use super::*;
use crate::{LinkReport, NodeId, Policy, Report, Slice, Time, links::Links, policy::Occasion};

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn between<'a>(policy: &'a Policy, from: &Region, to: &Region) -> Constraints<'a> {
    policy.between(from, to, Occasion { slice: &Slice::voice(), at: Time::default() })
}

fn weigher<'a>(graph: &'a Graph, settings: &'a Settings, orders: &'a Orders<'a>) -> Weigher<'a> {
    Weigher { graph, settings, orders, hearing: settings.hearing(&crate::Class::voice()), lenient: false }
}

/// A full mesh of regions r00, r01, …; `rtt_ms` and `lost` (of 1,000 probes) by source and destination.
fn mesh(size: usize, rtt_ms: impl Fn(usize, usize) -> f64, lost: impl Fn(usize, usize) -> u32) -> Graph {
    let settings = Settings::default();
    let name = |i: usize| region(&format!("r{i:02}"));
    let mut links = Links::default();
    for from in 0..size {
        let link = |to: usize| LinkReport {
            loss: f64::from(lost(from, to)) / 1_000.0,
            ..LinkReport::clean(name(to), rtt_ms(from, to))
        };
        let report = Report {
            origin: NodeId { region: name(from), node: "n-1".parse().unwrap() },
            incarnation: 1,
            sequence: 1,
            full: true,
            links: (0..size).filter(|to| *to != from).map(link).collect(),
        };
        links.handle(Time::default(), &report, &settings).unwrap();
    }
    Graph::new(&links, &(0..size).map(name).collect::<BTreeSet<_>>())
}

/// Scrambles two indices into something that looks like a network.
fn scrambled(from: usize, to: usize) -> usize {
    (from * 7_919 + to * 104_729 + from * to * 31) % 997
}

#[test]
fn fifty_regions_have_112_945_paths_from_each() {
    let (settings, orders) = (Settings::default(), Orders::default());
    let graph = mesh(50, |_, _| 60.0, |_, _| 0);
    let weigher = weigher(&graph, &settings, &orders);
    let home = region("r00");
    let others = graph.regions().filter(|to| **to != home);
    assert_eq!(others.map(|to| weigher.every_path(&home, to).len()).sum::<usize>(), 112_945);
}

#[test]
fn the_shortlist_is_what_weighing_every_path_gives() {
    let (settings, orders) = (Settings::default(), Orders::default());
    let graph = mesh(
        12,
        |a, b| 20.0 + scrambled(a, b) as f64,
        |a, b| if scrambled(b, a).is_multiple_of(3) { 40 } else { 0 },
    );
    let weigher = weigher(&graph, &settings, &orders);
    let policy = Policy::parse("revision = 1\n[[rule]]\navoid = [\"r1?\"]").unwrap();
    let home = region("r00");
    for to in graph.regions().filter(|to| **to != home) {
        let constraints = between(&policy, &home, to);
        let mut all: Vec<Weighed> =
            weigher.every_path(&home, to).iter().map(|path| weigher.weigh(path, &constraints)).collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let best = weigher.best(&home, to, &constraints);
        assert_eq!(best.len(), 16);
        for (fast, slow) in best.iter().zip(&all) {
            assert!((fast.score - slow.score).abs() < 1e-9, "{} or {}", fast.path, slow.path);
        }
    }
}

#[test]
fn of_paths_that_sound_the_same_the_direct_one_wins_and_of_detours_the_shorter() {
    let (settings, orders) = (Settings::default(), Orders::default());
    let rtts =
        [[0.0, 64.0, 51.0, 22.0], [64.0, 0.0, 16.0, 64.0], [51.0, 15.0, 0.0, 53.0], [22.0, 64.0, 52.0, 0.0]];
    let graph = mesh(4, |a, b| rtts[a][b], |_, _| 0);
    let weigher = weigher(&graph, &settings, &orders);
    let policy = Policy::empty();
    let (from, to) = (region("r00"), region("r01"));
    let best = weigher.best(&from, &to, &between(&policy, &from, &to));
    let order: Vec<String> = best.iter().map(|path| path.path.detour().to_string()).collect();
    assert_eq!(order, ["direct", "via r02", "via r03", "via r03 > r02", "via r02 > r03"]);
    assert!(best.iter().take(3).all(|path| (path.r - 93.2).abs() < 1e-6), "all of them sound perfect");
}

#[test]
fn delay_and_loss_of_a_path_are_those_of_its_links_together() {
    let (settings, orders) = (Settings::default(), Orders::default());
    let graph = mesh(3, |_, _| 100.0, |_, _| 100);
    let weigher = weigher(&graph, &settings, &orders);
    let policy = Policy::empty();
    let path = Path::new(["r00", "r02", "r01"].map(region)).unwrap();
    let weighed = weigher.weigh(&path, &between(&policy, &region("r00"), &region("r01")));
    assert!((weighed.delay_ms - 100.5).abs() < 1e-9);
    assert!((weighed.loss - 0.19).abs() < 0.001, "1 - 0.9², not 20 %: {}", weighed.loss);
    assert!((weighed.r - crate::emodel::rating(settings.codec, 160.5, weighed.loss)).abs() < 1e-9);
    assert_eq!(weighed.terms_r, -1.0);
}
