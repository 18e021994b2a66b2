//! How long voice is gone when something breaks, and what it costs that it is not: both ends of a trunk and a modeled
//! network in virtual time. Delays are measured (AWS, July 2025), everything else is modeled. Every test prints its seed.

mod link;
mod world;

use ringway_router::{Protect, Time};
use std::time::Duration;
use world::{
    CALIFORNIA, DIRECT, OHIO, OREGON, OVER_CALIFORNIA, OVER_OHIO, PTIME, VIRGINIA, World, path, table,
};

const SEED: u64 = 0x5eed_0005;
const FOREVER: Time = Time::from_micros(u64::MAX);
const RUNS: u64 = 250;

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

/// Prints p50, p95, p99 and the greatest; gives p50 and p99.
fn show(what: &str, mut times: Vec<f64>) -> (f64, f64) {
    times.sort_unstable_by(f64::total_cmp);
    let [p50, p95, p99, most] = [50, 95, 99, 100].map(|percent| quantile(&times, percent));
    println!("| {what} | {} | {p50:.1} | {p95:.1} | {p99:.1} | {most:.1} |", times.len());
    (p50, p99)
}

/// A world in which all is well, at an arbitrary moment.
fn fair(seed: u64, calls: usize, protect: Protect) -> World {
    let mut world = World::new(seed, calls, protect);
    for link in world.all_links() {
        link.lose(0.001);
    }
    let phase = Duration::from_micros(fastrand::Rng::with_seed(seed).u64(0..100_000));
    world.run(Duration::from_secs(8) + phase);
    world
}

/// The outages of calls, over many worlds, when something breaks.
fn outages(calls: usize, protect: Protect, mut breaks: impl FnMut(&mut World, Time)) -> Vec<f64> {
    let runs = RUNS / if calls >= 100 { 10 } else { 1 };
    let mut all = Vec::new();
    for run in 0..runs {
        let mut world = fair(SEED + run, calls, protect);
        let at = world.now;
        breaks(&mut world, at);
        world.run(Duration::from_secs(3));
        all.extend(world.outages_since(at));
    }
    all
}

fn cut_both_ways(world: &mut World, at: Time) {
    world.spoil(OREGON, VIRGINIA, at, FOREVER, 1.0);
}

fn cut_one_way(world: &mut World, at: Time) {
    world.link(OREGON, VIRGINIA).trouble(at, FOREVER, None, 1.0);
}

fn cut_lane(world: &mut World, at: Time) {
    for (from, to) in [(OREGON, VIRGINIA), (VIRGINIA, OREGON)] {
        world.link(from, to).trouble(at, FOREVER, Some(0), 1.0);
    }
}

#[test]
fn a_hard_cut_takes_voice_away_for_130_ms_at_the_median_and_250_at_worst() {
    println!("| what (seed {SEED:#x}) | calls | p50, ms | p95 | p99 | max |");
    for (what, breaks) in [
        ("direct cut both ways", cut_both_ways as fn(&mut World, Time)),
        ("direct cut there", cut_one_way),
        ("one lane dark", cut_lane),
    ] {
        for calls in [1, 10] {
            let (p50, p99) =
                show(&format!("{what}, {calls} calls"), outages(calls, Protect::OnSuspicion, breaks));
            assert!(p50 <= 130.0 && p99 <= 250.0, "{what}: p50 {p50} ms, p99 {p99} ms");
        }
    }
}
