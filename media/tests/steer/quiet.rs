//! Nothing breaks: what is done nevertheless.

use crate::{SEED, world::World};
use ringway_router::Protect;
use std::time::Duration;

/// What a quiet stretch brought, for one trunk.
struct Quiet {
    hours: f64,
    moves: u64,
    lanes: u64,
    suspicions: u64,
    copies: f64,
    alarms: u64,
    bytes_a_second: f64,
}

fn watch(calls: usize, hours: f64, prepare: impl Fn(&mut World)) -> Quiet {
    let mut world = World::new(SEED, calls, Protect::OnSuspicion);
    prepare(&mut world);
    world.run(Duration::from_secs_f64(hours * 3_600.0));
    let counts = world.trunk.counts();
    Quiet {
        hours,
        moves: counts.path_moves,
        lanes: counts.lane_moves,
        suspicions: counts.suspicions,
        copies: counts.copies as f64 / counts.packets as f64,
        alarms: world.alarms,
        bytes_a_second: world.report_bytes as f64 / world.seconds(),
    }
}

fn print(what: &str, quiet: &Quiet) {
    println!(
        "| {what} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} % | {:.1} | {:.0} |",
        quiet.moves as f64 / quiet.hours * 24.0,
        quiet.lanes as f64 / quiet.hours * 24.0,
        quiet.suspicions as f64 / quiet.hours,
        quiet.alarms as f64 / quiet.hours,
        quiet.copies * 100.0,
        quiet.hours,
        quiet.bytes_a_second,
    );
}

fn lose(loss: f64) -> impl Fn(&mut World) {
    move |world| world.all_links().for_each(|link| link.lose(loss))
}

/// How long the quiet links are watched, hours of virtual time for one call. `RINGWAY_LINK_HOURS` sets it.
fn hours() -> f64 {
    std::env::var("RINGWAY_LINK_HOURS").ok().and_then(|hours| hours.parse().ok()).unwrap_or(0.5)
}

#[test]
fn background_loss_moves_nobody() {
    println!(
        "| background, calls | path moves a day | lane moves a day | suspicions an hour | alarms an hour | copies | hours | report bytes/s |"
    );
    for (what, loss, calls) in [
        ("0.1 %, 1 call", 0.001, 1),
        ("1 %, 1 call", 0.01, 1),
        ("0.1 %, 10 calls", 0.001, 10),
        ("1 %, 10 calls", 0.01, 10),
    ] {
        let quiet = watch(calls, hours() / if calls > 1 { 5.0 } else { 1.0 }, lose(loss));
        print(what, &quiet);
        assert!(quiet.moves + quiet.lanes <= u64::from(loss > 0.005), "{what}: {} moves", quiet.moves);
        assert!(quiet.copies <= 0.02, "{what}: {}", quiet.copies);
    }
}

#[test]
fn bursts_of_30_ms_cost_copies_but_move_nobody() {
    let spells = |world: &mut World| {
        world.all_links().for_each(|link| link.lose_in_spells(0.001, Duration::from_millis(30)));
    };
    for calls in [1, 10] {
        let quiet = watch(calls, hours() / if calls > 1 { 5.0 } else { 1.0 }, spells);
        print(&format!("0.1 % in bursts of 30 ms, {calls} calls"), &quiet);
        assert!(quiet.copies <= 0.02, "{}", quiet.copies);
    }
}

/// One call with pauses in speech, then all of them at once on hold: the far end raises a few alarms, the near end knows better.
#[test]
fn pauses_in_speech_are_no_outage() {
    let pauses = |world: &mut World| {
        world.pauses = Some((Duration::from_secs(1), Duration::from_millis(1_350)));
    };
    for calls in [1, 3] {
        let quiet = watch(calls, 1.0, pauses);
        print(&format!("no loss, pauses in speech, {calls} calls"), &quiet);
        assert_eq!((quiet.moves, quiet.lanes, quiet.suspicions), (0, 0, 0));
        assert!(quiet.alarms as f64 <= quiet.hours * 3_600.0 / 2.35 * 3.0 * calls as f64);
    }
}

/// Nobody speaks: no probe, no report, no alarm.
#[test]
fn a_trunk_at_rest_is_silent() {
    let mut world = World::new(SEED, 1, Protect::OnSuspicion);
    world.run(Duration::from_secs(5));
    world.hang_up();
    world.run(Duration::from_secs(20));
    let (probes, bytes) = (world.trunk.counts().probes, world.report_bytes);
    world.run(Duration::from_secs(3_600));
    assert_eq!((world.trunk.counts().probes, world.report_bytes), (probes, bytes));
    assert_eq!(world.trunk.deadline(), None);
    assert_eq!(world.trunk.counts().suspicions, 0);
}
