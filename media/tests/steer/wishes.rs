//! The router speaks.

use crate::{
    FOREVER, SEED, fair,
    world::{CALIFORNIA, OHIO, OREGON, VIRGINIA, World, path, table},
};
use ringway_media::core::steer::{Stage, Why};
use ringway_router::Protect;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn on(world: &World) -> Vec<u16> {
    world.trunk.places().map(|(_, number)| number.path().get()).collect()
}

#[test]
fn a_planned_switch_of_a_thousand_calls_loses_nothing_within_a_second() {
    for protect in [Protect::Never, Protect::OnSuspicion, Protect::Always] {
        let mut world = World::new(SEED, 1_000, protect);
        world.run(SECOND);
        let at = world.now;
        world.table_at(at, table(at, &[2, 0, 1], protect));
        world.run(SECOND);
        let took = world.moves.iter().find(|moved| moved.why == Why::Table).unwrap().at.since(at);
        world.hang_up();
        println!(
            "planned switch of 1,000 calls, {protect:?}: {} ms, {} of {} lost, {} overtaken",
            took.as_millis(),
            world.lost(),
            world.sent(),
            world.overtaken()
        );
        assert!(took <= SECOND && world.lost() == 0 && world.overtaken() == 0);
        assert_eq!(world.trunk.places().next().unwrap().1.path(), path(2));
    }
}

/// To and fro, with other lanes in use, over many moments of a packet: nothing is lost, and since paths differ by less
/// than a packet is long, nothing is overtaken.
#[test]
fn planned_switches_to_and_fro_lose_nothing_and_keep_the_order() {
    for run in 0..60 {
        let mut world = World::new(SEED + run, 3, Protect::OnSuspicion);
        world.run(SECOND + Duration::from_millis(run));
        for n in 0..10 {
            let ranked: [u16; 3] = [[2, 0, 1], [0, 1, 2], [1, 0, 2]][n % 3];
            let at = world.now;
            world.table_at(at, table(at, &ranked, Protect::OnSuspicion));
            world.run(SECOND);
            assert_eq!(on(&world), ranked[..1]);
        }
        world.hang_up();
        assert_eq!((world.lost(), world.overtaken()), (0, 0));
        let counts = world.trunk.counts();
        assert!(counts.copies <= 10 * 30 && counts.table_moves == 10, "{counts:?}");
    }
}

#[test]
fn a_switch_by_the_data_plane_is_held_until_the_router_speaks_of_later() {
    let mut world = fair(SEED, 1, Protect::OnSuspicion);
    let at = world.now;
    world.spoil(OREGON, VIRGINIA, at, at + SECOND, 1.0);
    // A table that was made before the cut, and comes after the switch.
    world.table_at(at + SECOND / 2, table(at, &[0, 1, 2], Protect::OnSuspicion));
    world.run(3 * SECOND);
    assert_eq!(on(&world), [1], "an old table is no news");
    // A later one that agrees.
    world.table_at(world.now, table(world.now, &[1, 2, 0], Protect::OnSuspicion));
    world.run(20 * SECOND);
    assert_eq!(on(&world), [1]);
    world.table_at(world.now, table(world.now, &[0, 1, 2], Protect::OnSuspicion));
    world.run(SECOND);
    assert_eq!(on(&world), [0], "and one that calls back");
}

#[test]
fn a_router_that_says_nothing_is_taken_at_its_last_word_in_the_end() {
    let mut world = fair(SEED, 1, Protect::OnSuspicion);
    let at = world.now;
    world.spoil(OREGON, VIRGINIA, at, at + SECOND, 1.0);
    world.run(9 * SECOND);
    assert_eq!(on(&world), [1]);
    world.run(3 * SECOND);
    assert_eq!(on(&world), [0]);
}

#[test]
fn a_wish_for_a_dark_path_is_not_obeyed_and_costs_nothing() {
    let mut world = World::new(SEED, 1, Protect::OnSuspicion);
    world.run(3 * SECOND);
    let at = world.now;
    world.kill(CALIFORNIA, at);
    world.table_at(at + SECOND, table(at, &[2, 0, 1], Protect::OnSuspicion));
    world.run(10 * SECOND);
    assert_eq!(on(&world), [0]);
    assert!(world.trunk.counts().forgone >= 1);
    world.hang_up();
    assert_eq!(world.lost(), 0);
}

/// What the policy forbids is left, whatever else is known.
#[test]
fn a_path_that_is_not_listed_any_more_is_left_even_for_a_dark_one() {
    let mut world = World::new(SEED, 1, Protect::OnSuspicion);
    world.run(3 * SECOND);
    let at = world.now;
    world.table_at(at, table(at, &[1], Protect::OnSuspicion));
    world.run(SECOND);
    assert_eq!(on(&world), [1]);
    let at = world.now;
    world.kill(CALIFORNIA, at);
    world.table_at(at, table(at, &[2], Protect::OnSuspicion));
    world.run(2 * SECOND);
    assert_eq!(on(&world), [2]);
    let at = world.now;
    world.table_at(at, table(at, &[], Protect::OnSuspicion));
    world.run(SECOND);
    assert_eq!(on(&world), [0_u16; 0], "no path may carry calls");
    assert_eq!(world.moves.last().unwrap().to, None);
    let at = world.now;
    world.table_at(at, table(at, &[0, 1], Protect::OnSuspicion));
    world.run(SECOND);
    assert_eq!(on(&world), [0]);
}

#[test]
fn a_link_that_the_mesh_says_is_down_is_left_in_one_round_trip() {
    for run in 0..50 {
        let mut world = fair(SEED + run, 1, Protect::OnSuspicion);
        let at = world.now;
        world.order_at(at, OREGON, VIRGINIA, false);
        world.run(Duration::from_millis(150));
        let moved = *world.moves.last().unwrap();
        assert_eq!((moved.to.unwrap().path(), moved.why), (path(1), Why::LinkDown));
        world.order_at(world.now, OREGON, OHIO, false);
        world.run(Duration::from_millis(150));
        assert_eq!(on(&world), [2], "neither of the two that are down");
        world.order_at(world.now, OREGON, VIRGINIA, true);
        world.run(60 * SECOND);
        assert_eq!(on(&world), [0], "the table wins in the end");
    }
}

#[test]
fn the_second_copy_keeps_off_the_path_of_the_first() {
    let mut world = World::new(SEED, 1, Protect::Always);
    world.run(SECOND);
    assert_eq!(on(&world), [0, 1]);
    world.table_at(world.now, table(world.now, &[1, 0, 2], Protect::Always));
    world.run(SECOND);
    assert_eq!(on(&world), [1, 0], "they change places, and nothing moves");
    world.spoil(OREGON, VIRGINIA, world.now, FOREVER, 1.0);
    world.run(SECOND);
    assert_eq!(on(&world), [1, 2]);
    world.table_at(world.now, table(world.now, &[1, 0, 2], Protect::OnSuspicion));
    world.run(SECOND);
    assert_eq!(on(&world), [1]);
    assert!(world.trunk.places().all(|(stage, _)| stage == Stage::Steady));
}
