use super::*;
use crate::core::{
    Lane,
    relay::RouteKey,
    steer::{Flags, Pick, Report},
    tunnel::{Frame, relay_id},
};
use ringway_router::Protect;
use world::{CALIFORNIA, OHIO, OHIO_TOO, OREGON, VIRGINIA, VOICE, World};

mod world;

const SEED: u64 = 5;
const SECOND: Duration = Duration::from_secs(1);

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What packets of the first call take now.
fn taken(world: &World) -> Vec<Hops> {
    let to = world.relays[VIRGINIA].id();
    world.relays[OREGON].workers[0].places(to, world.calls[0].stream).map(|(hops, _)| hops).collect()
}

fn hops(world: &World, relays: &[usize]) -> Hops {
    let ids: Vec<RelayId> = relays.iter().map(|relay| world.relays[*relay].id()).collect();
    Hops::new(&ids).unwrap()
}

#[test]
fn calls_cross_the_mesh_in_both_directions_and_links_are_measured_by_that() {
    let mut world = World::new(SEED, 4, 2);
    world.route_all(Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 8);
    world.call(VIRGINIA, OREGON, 8);
    world.run(5 * SECOND);
    assert_eq!(taken(&world), [hops(&world, &[VIRGINIA])]);
    world.hang_up();
    assert_eq!((world.lost(), world.refused(), &world.wrong), (0, 0, &vec![]));
    assert!(world.sent() >= 16 * 250);
    let now = world.now;
    for (here, there) in [(OREGON, "virginia"), (VIRGINIA, "oregon")] {
        let (mut sent, mut received) = (0, 0);
        for mesh in &mut world.relays[here].workers {
            let links = mesh.take_links(now);
            let there: Vec<_> = links.iter().filter(|link| link.region.as_str() == there).collect();
            assert!(
                there.iter().all(|link| link.sent_lost + link.received_lost + link.gaps == 0),
                "{links:?}"
            );
            let rtt = there.iter().filter_map(|link| link.rtt).min().unwrap();
            assert!((63.9..64.5).contains(&ms(rtt)), "{rtt:?}");
            sent += there.iter().map(|link| link.sent).sum::<u64>();
            received += there.iter().map(|link| link.received).sum::<u64>();
            let counts = mesh.counts();
            assert_eq!((counts.reports_foreign, counts.crowded, counts.copies), (0, 0, 0));
            assert!(counts.reports > 200, "{counts:?}");
        }
        assert!(sent > 2_000 && received > 2_000);
    }
}

#[test]
fn loss_on_a_link_is_counted_at_both_ends_of_it() {
    let mut world = World::new(SEED, 4, 1);
    world.route(OREGON, &[&[OREGON, VIRGINIA]], Protect::Never);
    world.route(VIRGINIA, &[&[VIRGINIA, OREGON]], Protect::Never);
    world.call(OREGON, VIRGINIA, 20);
    world.link(OREGON, VIRGINIA).loss = 0.02;
    world.run(20 * SECOND);
    world.hang_up();
    let (now, lost) = (world.now, world.lost() as u64);
    let told = world.relays[OREGON].workers[0].take_links(now);
    let seen = world.relays[VIRGINIA].workers[0].take_links(now);
    let sum = |links: &[LinkCount], what: fn(&LinkCount) -> u64| links.iter().map(what).sum::<u64>();
    let (told, told_gaps) = (sum(&told, |link| link.sent_lost), sum(&told, |link| link.sent_gaps));
    let (seen, gaps) = (sum(&seen, |link| link.received_lost), sum(&seen, |link| link.gaps));
    assert!(lost > 300, "{lost}");
    // A few probes are lost, too.
    assert!(seen.abs_diff(lost) < 20 && told.abs_diff(lost) < 20, "{lost} lost, {seen} seen, {told} told");
    assert!(gaps > seen * 9 / 10 && gaps <= seen);
    assert!(told_gaps > told * 9 / 10 && told_gaps <= told, "{told_gaps} gaps of {told}");
}

#[test]
fn a_cut_link_is_left_for_the_next_path_within_a_quarter_of_a_second() {
    let mut outages = Vec::new();
    for seed in 0..5 {
        let mut world = World::new(seed, 4, 2);
        world.route_all(Protect::OnSuspicion);
        world.call(OREGON, VIRGINIA, 50);
        world.run(3 * SECOND);
        world.spoil(OREGON, VIRGINIA, 1.0);
        let cut = world.now;
        world.run(2 * SECOND);
        assert_eq!(taken(&world), [hops(&world, &[OHIO, VIRGINIA])], "seed {seed}");
        let moved = std::iter::from_fn(|| world.relays[OREGON].workers[0].poll_move()).last().unwrap();
        assert_eq!((moved.hops, moved.route), (Some(hops(&world, &[OHIO, VIRGINIA])), VOICE));
        outages.extend(world.outages_since(cut));
        world.hang_up();
        assert_eq!((&world.wrong, world.refused()), (&vec![], 0));
    }
    outages.sort_unstable();
    let (median, late) = (ms(outages[outages.len() / 2]), ms(outages[outages.len() * 99 / 100]));
    println!("{} calls: outage p50 {median:.0} ms, p99 {late:.0} ms", outages.len());
    assert!(median <= 130.0 && late <= 250.0, "p50 {median}, p99 {late}");
}

#[test]
fn a_dark_lane_is_left_for_the_other_one_of_the_same_relays() {
    let mut world = World::new(SEED, 4, 1);
    world.route_all(Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 20);
    world.run(3 * SECOND);
    world.link(OREGON, VIRGINIA).dark = vec![0];
    let dark = world.now;
    world.run(2 * SECOND);
    assert_eq!(taken(&world), [hops(&world, &[VIRGINIA])]);
    let outages = world.outages_since(dark);
    assert!(ms(outages[19]) <= 250.0, "{outages:?}");
}

#[test]
fn what_is_always_protected_loses_nothing_to_a_cut_and_a_dead_relay() {
    let mut world = World::new(SEED, 4, 2);
    world.route_all(Protect::Always);
    world.call(OREGON, VIRGINIA, 20);
    world.run(3 * SECOND);
    assert_eq!(taken(&world), [hops(&world, &[VIRGINIA]), hops(&world, &[OHIO, VIRGINIA])]);
    world.spoil(OREGON, VIRGINIA, 1.0);
    world.run(3 * SECOND);
    world.spoil(OREGON, VIRGINIA, 0.0);
    world.run(20 * SECOND);
    world.relays[OHIO].dead = true;
    world.run(3 * SECOND);
    world.hang_up();
    assert_eq!((world.lost(), &world.wrong), (0, &vec![]));
    let copies: u64 = world.relays[VIRGINIA].workers.iter().map(|mesh| mesh.counts().copies).sum();
    assert!(copies > u64::from(world.sent()) / 2, "{copies} of {}", world.sent());
}

#[test]
fn of_two_paths_that_lose_five_percent_each_almost_nothing_is_lost() {
    let mut world = World::new(SEED, 4, 1);
    world.route_all(Protect::Always);
    world.spoil(OREGON, VIRGINIA, 0.05);
    world.spoil(OREGON, OHIO, 0.05);
    world.spoil(OREGON, CALIFORNIA, 0.05);
    world.call(OREGON, VIRGINIA, 50);
    world.run(20 * SECOND);
    world.hang_up();
    let share = world.lost() as f64 / f64::from(world.sent());
    assert!(share <= 0.003, "{share}");
    assert_eq!(world.wrong, [""; 0]);
}

#[test]
fn another_table_moves_calls_without_a_lost_or_doubled_packet() {
    let mut world = World::new(SEED, 4, 2);
    world.route_all(Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 40);
    world.run(2 * SECOND);
    for via in [OHIO, CALIFORNIA] {
        let paths: [&[usize]; 2] = [&[OREGON, via, VIRGINIA], &[OREGON, VIRGINIA]];
        world.route(OREGON, &paths, Protect::OnSuspicion);
        world.run(3 * SECOND);
        assert_eq!(taken(&world), [hops(&world, &[via, VIRGINIA])]);
    }
    world.hang_up();
    assert_eq!((world.lost(), world.refused(), &world.wrong), (0, 0, &vec![]));
}

#[test]
fn keys_rotate_every_second_under_load_and_reordering_and_nothing_is_refused() {
    let mut world = World::new(SEED, 4, 2);
    world.jitter(Duration::from_millis(60));
    world.route_all(Protect::Always);
    world.call(OREGON, VIRGINIA, 10);
    world.call(VIRGINIA, OREGON, 10);
    for _ in 0..20 {
        world.run(SECOND);
        (0..4).for_each(|relay| world.renew(relay));
    }
    world.hang_up();
    assert_eq!((world.lost(), world.refused(), &world.wrong), (0, 0, &vec![]));
}

#[test]
fn two_relays_of_a_region_share_the_load_and_when_one_vanishes_only_its_calls_move() {
    let mut world = World::new(SEED, 5, 4);
    world.route(OREGON, &[&[OREGON, OHIO, VIRGINIA], &[OREGON, VIRGINIA]], Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 64);
    world.run(2 * SECOND);
    let passed = |world: &World, relay: usize| -> u64 {
        world.relays[relay].workers.iter().map(|mesh| mesh.counts().passed).sum()
    };
    let (one, other) = (passed(&world, OHIO), passed(&world, OHIO_TOO));
    assert!(one > 1_000 && other > 1_000, "{one}, {other}");
    // It says goodbye: the mesh names it no more, and it lives on for a moment.
    let goodbye = world.relays[OHIO_TOO].peer.clone();
    world.relays[OHIO_TOO].dead = true;
    world.meet();
    world.relays[OHIO_TOO].dead = false;
    let table = world.relays[OHIO_TOO].keys.table();
    assert!(table.relay(goodbye.id()).is_none() && table.relay(world.relays[OREGON].id()).is_some());
    world.run(SECOND);
    let before = passed(&world, OHIO_TOO);
    world.run(SECOND);
    assert_eq!(passed(&world, OHIO_TOO), before, "nothing goes there any more");
    world.hang_up();
    assert_eq!(world.wrong, [""; 0]);
    let moved = passed(&world, OHIO) > one;
    assert!(moved);
}

#[test]
fn a_relay_that_starts_anew_is_met_anew_and_its_calls_go_on() {
    let mut world = World::new(SEED, 4, 1);
    world.route_all(Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 10);
    world.run(3 * SECOND);
    world.restart(VIRGINIA);
    world.run(SECOND / 2);
    world.meet();
    let met = world.now;
    world.run(3 * SECOND);
    world.restart(OREGON);
    world.meet();
    let paths: [&[usize]; 2] = [&[OREGON, VIRGINIA], &[OREGON, OHIO, VIRGINIA]];
    world.route(OREGON, &paths, Protect::OnSuspicion);
    world.run(3 * SECOND);
    world.hang_up();
    let settled = met + Duration::from_millis(100);
    let late = |call: &world::Call| call.came.iter().flatten().filter(|came| **came > settled).count();
    let least = world.calls.iter().map(late).min().unwrap();
    assert!(least >= 290, "of 6 s of packets, {least} came");
    let foreign: u64 = world.relays.iter().map(|relay| relay.workers[0].counts().reports_foreign).sum();
    assert!(foreign < 20, "{foreign}");
}

#[test]
fn without_a_path_nothing_is_sent() {
    let mut world = World::new(SEED, 4, 1);
    let to = world.relays[VIRGINIA].id();
    let onward = Onward { to, stream: StreamId(0), route: VOICE, rtcp: false };
    let (now, mut outbox) = (world.now, Outbox::new(4));
    let mut send = |world: &mut World, onward| {
        let mesh = &mut world.relays[OREGON].workers[0];
        let sent = mesh.send(now, onward, b"voice", &mut outbox);
        mesh.poll(now, &mut outbox);
        let sealed = std::mem::replace(&mut outbox, Outbox::new(64));
        (sent, sealed.packets().len())
    };
    assert_eq!(send(&mut world, onward), (Err(Refusal::Unreachable), 0), "no table yet");
    world.route_all(Protect::OnSuspicion);
    assert_eq!(send(&mut world, onward).0, Ok(()));
    let other = Onward { route: RouteKey(9), ..onward };
    assert_eq!(send(&mut world, other), (Err(Refusal::Unreachable), 0), "no such row");
    let port = Onward { to: RelayId(1), ..onward };
    assert_eq!(send(&mut world, port), (Err(Refusal::Unreachable), 0), "no such relay");
    world.route(OREGON, &[], Protect::OnSuspicion);
    assert_eq!(send(&mut world, onward).0, Err(Refusal::Unreachable), "the policy forbids it");
    assert_eq!(world.relays[OREGON].workers[0].counts().refused.total(), 4);
}

/// Ohio passes on what Oregon and others never sent.
#[test]
fn a_relay_in_transit_cannot_speak_for_strangers_nor_report_for_others() {
    let mut world = World::new(SEED, 4, 2);
    world.route_all(Protect::OnSuspicion);
    world.call(VIRGINIA, OREGON, 1);
    world.run(SECOND);
    let to = world.relays[OREGON].id();
    let (_, number) = world.relays[VIRGINIA].workers[0].places(to, world.calls[0].stream).next().unwrap();
    let report = Report { number, highest: 9, received: 1, echo: 9, held_us: 0, flags: Flags(0) };
    let mut sealer = Sealer::new(0, vec![SocketId(0)], world.relays[OHIO].keys.table());
    let hops = hops(&world, &[OHIO, VIRGINIA]).step().unwrap();
    let mut arrive = |origin, origin_port, body| {
        let (frame, mut outbox) = (Frame { hops, port: 0, origin, origin_port, body }, Outbox::new(4));
        let hop = sealer.hop(&frame).unwrap();
        sealer.send(&mut outbox, hop, Lane(0), |bytes| frame.write(bytes)).unwrap();
        let mut datagram = outbox.packets()[0].bytes().to_vec();
        let virginia = &mut world.relays[VIRGINIA].workers[0];
        let before = virginia.counts();
        assert_eq!(virginia.receive(world.now, &mut datagram, &mut outbox), None);
        let after = virginia.counts();
        (after.refused.total() - before.refused.total(), after.reports_foreign - before.reports_foreign)
    };
    let oregon = to;
    let california = relay_id(&world::region(CALIFORNIA), &"a".parse().unwrap());
    let probe = Body::Probe(Pick { number, sequence: 1 });
    let table = [
        (RelayId(7), 0, probe, (1, 0)),                // not of the mesh
        (oregon, 2, probe, (1, 0)),                    // has no such worker
        (california, 0, probe, (0, 0)),                // could be
        (california, 0, Body::Report(report), (0, 1)), // not where our trunk leads
        (oregon, 1, Body::Report(report), (0, 1)),     // not the worker that it leads to
        (oregon, 0, Body::Report(report), (0, 0)),     // could be
    ];
    for (origin, port, body, expected) in table {
        assert_eq!(arrive(origin, port, body), expected, "{origin} {port} {body:?}");
    }
}

#[test]
fn a_relay_next_door_is_reached_without_a_table() {
    let mut world = World::new(SEED, 5, 1);
    world.call(OHIO, OHIO_TOO, 2);
    world.run(SECOND);
    world.hang_up();
    assert_eq!((world.lost(), world.refused(), &world.wrong), (0, 0, &vec![]));
}

#[test]
fn what_is_over_is_forgotten() {
    let mut world = World::new(SEED, 4, 1);
    world.route_all(Protect::OnSuspicion);
    world.call(OREGON, VIRGINIA, 10);
    world.run(2 * SECOND);
    world.hang_up();
    let kept = |world: &World, relay: usize| {
        let mesh = &world.relays[relay].workers[0];
        (mesh.ingress.size(), mesh.egress.size())
    };
    assert_eq!((kept(&world, OREGON), kept(&world, VIRGINIA)), (((1, 10), (0, 0)), ((0, 0), (1, 10))));
    world.run(200 * SECOND);
    assert_eq!((kept(&world, OREGON), kept(&world, VIRGINIA)), (((0, 0), (0, 0)), ((0, 0), (0, 0))));
}
