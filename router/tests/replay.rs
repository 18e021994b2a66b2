//! The replay: Ringway's router and others on the same trace of hours of weather, scored by what callers hear. What
//! it says and what not stands in `docs/replay.md`.
//!
//! `cargo test -p ringway-router --release --test replay -- --nocapture --include-ignored` prints the tables.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers of the simulated world are small")]

mod atlas;
#[path = "replay/mod.rs"]
mod replay;

use atlas::{Atlas, weather::BAD_DAY};
use replay::{
    cases::{CASES, STORM},
    study::Study,
};

#[test]
fn the_short_replay() {
    let score = Study::new(4, &[0, 1, 2, 3], 1.0, 1, BAD_DAY).play();
    println!("{score}");
}

#[test]
#[ignore = "takes minutes; prints the tables of docs/replay.md"]
fn the_long_replay() {
    for (size, homes, hours) in [(4, vec![0, 1, 2, 3], 6.0)] {
        let score = Study::new(size, &homes, hours, 1, BAD_DAY).play();
        println!("{score}");
    }
}

#[test]
fn the_router_alone_is_safe_and_comes_back() {
    for size in [4, 16] {
        let atlas = Atlas::new(size);
        CASES.iter().for_each(|case| case.play(&atlas, 0));
    }
}

#[test]
fn after_a_storm_calls_are_on_the_best_paths() {
    let atlas = Atlas::new(4);
    (1..=5).for_each(|seed| STORM.play(&atlas, seed));
}
