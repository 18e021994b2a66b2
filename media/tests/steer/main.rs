//! How long voice is gone when something breaks, and what it costs that it is not: both ends of a trunk and a modeled
//! network in virtual time. Delays are measured (AWS, July 2025), everything else is modeled. Every test prints its seed.

#![allow(clippy::unwrap_used, reason = "a world that is set up wrong is a failed test")]

mod link;
mod outages;
mod quiet;
mod wishes;
mod world;

use ringway_router::{Protect, Time};
use std::time::Duration;
use world::World;

const SEED: u64 = 0x5eed_0005;
const FOREVER: Time = Time::from_micros(u64::MAX);

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
