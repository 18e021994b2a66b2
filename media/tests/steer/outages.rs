//! Something breaks.

use crate::{
    FOREVER, SEED, fair, show,
    world::{CALIFORNIA, DIRECT, OHIO, OREGON, OVER_OHIO, VIRGINIA, World, path},
};
use ringway_media::core::steer::{Stage, Why};
use ringway_router::{Protect, Time};
use std::time::Duration;

const RUNS: u64 = 200;

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

#[test]
fn always_protected_calls_lose_nothing_through_a_cut_and_the_death_of_a_relay() {
    for (what, breaks) in [
        ("cut both ways", cut_both_ways as fn(&mut World, Time)),
        ("cut there", cut_one_way),
        ("lane", cut_lane),
        ("relay", |world: &mut World, at: Time| world.kill(OHIO, at)),
    ] {
        for run in 0..50 {
            let mut world = World::new(SEED + run, 10, Protect::Always);
            world.run(Duration::from_secs(3));
            let at = world.now;
            breaks(&mut world, at);
            world.run(Duration::from_secs(3));
            // Then the other one of the two dies as well: by now it has been replaced.
            let at = world.now;
            world.kill(if what == "relay" { CALIFORNIA } else { OHIO }, at);
            world.run(Duration::from_secs(3));
            world.hang_up();
            assert_eq!(world.lost(), 0, "{what}, run {run}: {:?}", world.moves);
        }
    }
}

#[test]
fn two_paths_of_5_percent_independent_loss_each_leave_less_than_a_third_of_a_percent() {
    let (mut sent, mut lost) = (0, 0);
    for run in 0..10 {
        let mut world = World::ranked(SEED + run, 10, Protect::Always, &[DIRECT, OVER_OHIO]);
        world.link(OREGON, VIRGINIA).lose(0.05);
        world.link(OREGON, OHIO).lose(0.05);
        world.run(Duration::from_secs(60));
        world.hang_up();
        sent += world.sent();
        lost += world.lost();
    }
    let share = f64::from(lost) / f64::from(sent);
    println!("two paths at 5 % each: {lost} of {sent} lost, {:.3} %", share * 100.0);
    assert!(share <= 0.003);
}

/// Without copies, packets wait until the doubt is confirmed.
#[test]
fn calls_that_are_never_protected_wait_a_round_trip_longer() {
    let (_, p99) = show("cut both ways, protect = never, 1 call", outages(1, Protect::Never, cut_both_ways));
    assert!(p99 <= 300.0);
    let (_, p99) = show("cut there, protect = never, 1 call", outages(1, Protect::Never, cut_one_way));
    assert!(p99 <= 300.0);
}

#[test]
fn a_relay_that_dies_under_a_detour_is_left_for_another_path() {
    let mut all = Vec::new();
    for run in 0..RUNS {
        let mut world = World::ranked(SEED + run, 1, Protect::OnSuspicion, &[1, 2, 0]);
        world.run(Duration::from_secs(3));
        let at = world.now;
        world.kill(OHIO, at);
        world.run(Duration::from_secs(3));
        all.extend(world.outages_since(at));
        assert!(world.trunk.places().all(|(_, number)| number.path() != path(1)));
    }
    let (p50, p99) = show("relay dies under a detour, 1 call", all);
    assert!(p50 <= 130.0 && p99 <= 250.0);
}

#[test]
fn a_dark_lane_costs_no_relay_and_a_cut_takes_the_backup() {
    for run in 0..50 {
        let mut world = fair(SEED + run, 1, Protect::OnSuspicion);
        let at = world.now;
        cut_lane(&mut world, at);
        world.run(Duration::from_secs(2));
        let [.., moved] = world.moves[..] else { panic!("no move") };
        let to = moved.to.unwrap();
        assert_eq!((to.path(), moved.why), (path(DIRECT), Why::Dark), "{:?}", world.moves);
        assert_ne!(to.lane(), moved.from.unwrap().lane());
        let at = world.now;
        cut_both_ways(&mut world, at);
        world.run(Duration::from_secs(2));
        assert!(world.trunk.places().all(|(_, number)| number.path() == path(1)), "{:?}", world.moves);
        assert_eq!(world.moves.len(), 3, "no detours on the way: {:?}", world.moves);
    }
}

/// The first packets of a trunk may meet a path that is already dark.
#[test]
fn a_trunk_that_begins_on_a_dark_path_finds_another() {
    let mut all = Vec::new();
    for run in 0..50 {
        let mut world = World::new(SEED + run, 1, Protect::OnSuspicion);
        let at = world.now;
        cut_both_ways(&mut world, at);
        world.run(Duration::from_secs(2));
        world.hang_up();
        all.push(f64::from(world.lost()) * 20.0);
    }
    let (_, p99) = show("direct is dark from the first packet on, 1 call", all);
    assert!(p99 <= 700.0);
}

#[test]
fn a_brownout_of_5_percent_moves_ten_calls_within_half_a_second() {
    for (calls, loss, limit) in [(1, 0.05, 5_000.0), (10, 0.05, 600.0), (100, 0.05, 300.0), (10, 0.2, 400.0)]
    {
        let (mut times, mut copied) = (Vec::new(), Vec::new());
        for run in 0..if calls > 10 { 30 } else { RUNS / 2 } {
            let mut world = fair(SEED + run, calls, Protect::OnSuspicion);
            let (at, moves) = (world.now, world.moves.len());
            world.spoil(OREGON, VIRGINIA, at, FOREVER, loss);
            let mut seen = None;
            while world.moves.len() == moves && world.now.since(at) < Duration::from_secs(60) {
                world.run(Duration::from_millis(5));
                if world.trunk.places().any(|(stage, _)| stage == Stage::Confirmed) {
                    seen.get_or_insert(world.now);
                }
            }
            copied.push(seen.unwrap_or(world.now).since(at).as_secs_f64() * 1_000.0);
            times.push(world.now.since(at).as_secs_f64() * 1_000.0);
        }
        let percent = loss * 100.0;
        let (copies_p50, _) =
            show(&format!("brownout of {percent:.0} %, until {calls} calls are sent twice"), copied);
        let (p50, _) = show(&format!("brownout of {percent:.0} %, until {calls} calls are moved"), times);
        assert!(copies_p50 <= limit / 2.0 && p50 <= limit, "{calls} calls, {percent} %");
    }
}

/// All paths are equally bad: nothing is gained by running around.
#[test]
fn a_brownout_of_everything_makes_nobody_run() {
    for run in 0..20 {
        let mut world = fair(SEED + run, 10, Protect::OnSuspicion);
        for link in world.all_links() {
            link.lose(0.05);
        }
        let moves = world.moves.len();
        world.run(Duration::from_secs(60));
        assert!(world.moves.len() - moves <= 3, "{:?}", &world.moves[moves..]);
        let counts = world.trunk.counts();
        assert!(counts.copies * 5 < counts.packets, "{counts:?}");
    }
}

/// A way back that is dark hides what arrives; the far end tells over another path, and copies stay few.
#[test]
fn a_cut_of_the_way_back_loses_nothing() {
    for run in 0..20 {
        let mut world = World::new(SEED + run, 1, Protect::OnSuspicion);
        world.run(Duration::from_secs(3));
        let at = world.now;
        world.link(VIRGINIA, OREGON).trouble(at, FOREVER, None, 1.0);
        world.run(Duration::from_secs(20));
        world.hang_up();
        assert_eq!(world.lost(), 0, "{:?}", world.moves);
        let counts = world.trunk.counts();
        assert!(counts.copies * 10 < counts.packets, "{counts:?}");
    }
}

/// Direct goes dark and comes back every two seconds, and the table, which knows nothing of it, wants direct.
#[test]
fn a_path_that_comes_and_goes_is_left_alone() {
    let mut world = fair(SEED, 1, Protect::OnSuspicion);
    let start = world.now;
    for n in 0..300 {
        let at = start + Duration::from_secs(4 * n);
        world.spoil(OREGON, VIRGINIA, at, at + Duration::from_secs(2), 1.0);
        let made_at = at + Duration::from_secs(3);
        world.table_at(made_at, crate::world::table(made_at, &[0, 1, 2], Protect::OnSuspicion));
    }
    let moves = world.moves.len();
    world.run(Duration::from_secs(1_200));
    let moves = world.moves.len() - moves;
    println!("a path that is dark every other two seconds for 20 minutes: {moves} moves");
    assert!(moves <= 30, "{moves}");
}

#[test]
fn both_backups_dead_is_survived_on_what_is_left() {
    let mut all = Vec::new();
    for run in 0..50 {
        let mut world = fair(SEED + run, 1, Protect::OnSuspicion);
        let at = world.now;
        cut_both_ways(&mut world, at);
        world.kill(OHIO, at);
        world.run(Duration::from_secs(3));
        all.extend(world.outages_since(at));
        assert!(world.trunk.places().all(|(_, number)| number.path() == path(2)), "{:?}", world.moves);
    }
    let (_, p99) = show("direct cut and the first backup's relay dead at once, 1 call", all);
    assert!(p99 <= 500.0);
    let mut world = fair(SEED, 1, Protect::OnSuspicion);
    let at = world.now;
    world.spoil(OREGON, VIRGINIA, at, at + Duration::from_secs(5), 1.0);
    for (relay, until) in [(OHIO, FOREVER), (CALIFORNIA, FOREVER)] {
        world.spoil(OREGON, relay, at, until, 1.0);
    }
    world.run(Duration::from_secs(10));
    assert!(
        world.outages_since(at)[0] <= 5_200.0,
        "back as soon as anything is: {:?}",
        world.outages_since(at)
    );
}
