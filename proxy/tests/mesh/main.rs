//! A mesh in virtual time: every node as it is in the product, from its signature to its routes, over a modelled network.
//! Seeds are printed; the same seed gives the same trace.

#![expect(clippy::cast_possible_truncation, reason = "small times in f64, in microseconds")]
#![expect(clippy::needless_range_loop, reason = "a matrix is set in both directions")]

mod checks;
mod network;
mod node;
mod papers;
mod streams;
mod world;

use network::Weather;
use ringway_proxy::mesh::{convert, flood::Word, ledger::Signed, statement::Statement};
use std::sync::Arc;
use world::{Plan, Traffic, World};

const SEED: u64 = 20_261_124;

const COLUMNS: &str = "mesh | kbit/s a node, busiest | copies | statements a node and second, bytes each | digests bit/s | µs a node and second";

fn small(name: &'static str, nodes: usize) -> World {
    start(&Plan { name, seed: SEED, regions: 4, nodes, router_every: 1 })
}

fn start(plan: &Plan) -> World {
    println!("{}: seed {}, {} regions of {} nodes", plan.name, plan.seed, plan.regions, plan.nodes);
    World::new(plan)
}

/// Lets so many seconds pass, after which all have to see the same, and every route has to be usable.
fn settle(world: &mut World, seconds: f64) {
    world.run(seconds);
    let (differ, unusable) = (checks::differences(world), checks::unusable(world));
    let seed = world.seed;
    assert!(
        differ.is_empty(),
        "seed {seed}: {} differences: {:#?}",
        differ.len(),
        &differ[..differ.len().min(5)]
    );
    assert!(unusable.is_empty(), "seed {seed}: {:#?}", &unusable[..unusable.len().min(5)]);
}

#[test]
fn a_small_mesh_agrees_within_five_seconds() {
    for nodes in [1, 2] {
        let mut world = small("agrees", nodes);
        settle(&mut world, 5.0);
        assert_eq!(world.refused.len(), 0, "{:?}", world.refused);
        for node in 0..world.nodes.len() {
            assert_eq!(world.streams_of(node), 4 * nodes - 1, "everybody meets everybody");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = start(&Plan { name: "trace", seed, regions: 4, nodes: 2, router_every: 1 });
        world.run(3.0);
        world.network.cut(0, 1);
        world.feel(&[0, 1]);
        world.run(5.0);
        world.trace()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_cut_between_two_regions_is_known_to_all_within_a_round_trip_of_being_found() {
    let mut world = start(&Plan { name: "cut", seed: SEED, regions: 16, nodes: 2, router_every: 4 });
    settle(&mut world, 10.0);
    world.network.cut(0, 1);
    world.feel(&[0, 1]);
    // It is found within 150 ms; no round trip to, or over, a third region takes half a second more.
    world.run(0.65);
    let (ours, theirs) = (world.network.regions[0].clone(), world.network.regions[1].clone());
    for node in &world.nodes {
        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            let mut held = node.flood.ledger().all().filter(|(origin, _)| origin.region == *from);
            let knows = held.any(|(_, held)| held.statement.links.iter().any(|l| l.to == *to && !l.up));
            assert!(knows, "seed {SEED}: {} does not know that {from} lost {to}", node.id);
        }
    }
    settle(&mut world, 30.0);
    world.network.heal();
    world.feel(&[0, 1]);
    settle(&mut world, 30.0);
}

#[test]
fn faults_of_all_kinds_heal() {
    let mut world = start(&Plan { name: "faults", seed: SEED, regions: 16, nodes: 2, router_every: 8 });
    settle(&mut world, 10.0);
    let all: Vec<usize> = (0..16).collect();
    // One way only; a brownout; a region that loses half of its links at once; a node that dies and comes back.
    world.network.cut(0, 1);
    world.network.set(4, 5, Weather { cut: false, loss: 0.05, added_ms: 80.0 });
    (8..14).for_each(|to| world.network.cut(7, to));
    world.feel(&all);
    world.kill(20);
    settle(&mut world, 40.0);
    // A flapping link, meanwhile the dead node is back, its clock an hour behind what it was.
    for round in 0..20 {
        if round % 2 == 0 {
            world.network.cut(2, 6);
        } else {
            world.network.set(2, 6, Weather { cut: false, loss: 0.0, added_ms: 0.0 });
        }
        world.feel(&[2, 6]);
        if round == 4 {
            world.restart(20, -3_600_000_000);
        }
        world.run(0.5);
    }
    world.leave(9);
    world.network.heal();
    world.feel(&all);
    settle(&mut world, 40.0);
}

#[test]
fn a_partition_of_the_mesh_heals() {
    let mut world = start(&Plan { name: "partition", seed: SEED, regions: 16, nodes: 2, router_every: 8 });
    settle(&mut world, 10.0);
    let all: Vec<usize> = (0..16).collect();
    for (one, other) in (0..8).flat_map(|one| (8..16).map(move |other| (one, other))) {
        world.network.cut(one, other);
        world.network.cut(other, one);
    }
    world.feel(&all);
    world.run(90.0);
    let halves: Vec<usize> = world.nodes.iter().map(|node| node.flood.crowd().len()).collect();
    assert!(halves.iter().all(|count| *count == 16), "each half knows its own: {halves:?}");
    world.network.heal();
    world.feel(&all);
    settle(&mut world, 30.0);
}

/// A statement of a node, signed with its key, with a change.
fn signed(world: &mut World, node: usize, change: impl FnOnce(&mut Statement)) -> Word {
    let held = world.nodes[node].flood.ledger().of(&world.nodes[node].id.clone());
    let mut statement = (*held.expect("it has spoken").statement).clone();
    (statement.sequence, statement.basis) = (statement.sequence + 1_000, 0);
    change(&mut statement);
    let statement = convert::encode(&statement);
    let signature = world.nodes[node].identity.sign(&statement).expect("signed");
    Word::Statement(Arc::new(Signed { statement, signature }))
}

#[test]
fn a_liar_a_replay_and_a_flood_hurt_nobody_else() {
    let mut world = start(&Plan { name: "liar", seed: SEED, regions: 8, nodes: 2, router_every: 1 });
    settle(&mut world, 10.0);
    let liar = 5;
    let old = signed(&mut world, liar, |statement| statement.sequence -= 1_000);
    let loss = signed(&mut world, liar, |statement| statement.links[0].loss = 2.0);
    let itself =
        signed(&mut world, liar, |statement| statement.links[0].to = statement.origin.region.clone());
    let mut forged = signed(&mut world, liar, |_| ());
    if let Word::Statement(signed) = &mut forged {
        let mut altered = (**signed).clone();
        altered.statement.push(0x58); // one more field, after it was signed
        altered.statement.push(0);
        *signed = Arc::new(altered);
    }
    for word in [old, loss, itself, forged] {
        world.lie(liar, &word);
    }
    world.run(1.0);
    let refused: Vec<&str> = world.refused.keys().copied().collect();
    assert_eq!(refused, ["forged", "link_to_itself", "no_share"], "a replay is no news, and costs nothing");

    // Five thousand good signatures in a second, on every stream.
    world.refused.clear();
    for round in 0..5_000 {
        let word = signed(&mut world, liar, |statement| statement.sequence += round);
        world.lie(liar, &word);
        world.run(0.0002);
    }
    world.run(3.0);
    assert_eq!(world.refused.keys().copied().collect::<Vec<_>>(), ["flood"]);
    assert_eq!(world.listeners(liar), 0, "nobody listens to it any more");
    let id = world.nodes[liar].id.clone();
    let differ: Vec<String> = checks::differences(&world);
    let of_others = differ.iter().filter(|line| !line.contains(&id.to_string()));
    assert_eq!(of_others.count(), 0, "seed {SEED}: {differ:#?}");
    let taken = (0..world.nodes.len()).filter(|node| *node != liar).map(|node| world.nodes[node].spent).max();
    println!("while it flooded, the busiest node spent {:?} in all", taken.unwrap_or_default());
    // Mended and started again, it is let in.
    world.kill(liar);
    world.restart(liar, 0);
    settle(&mut world, 60.0);
}

/// What a node sends, kbit/s: on average, and the busiest.
fn rates(traffic: &Traffic, nodes: usize, seconds: f64) -> (f64, f64) {
    let rate = |bytes: u64| bytes as f64 * 8.0 / 1_000.0 / seconds;
    (rate(traffic.bytes) / nodes as f64, rate(traffic.most_of_a_node.values().copied().max().unwrap_or(0)))
}

/// Runs a mesh idle, then under load, and prints what it costs. Returns what a node sends, kbit/s, in both.
fn measure(regions: usize, nodes: usize, router_every: usize, window_s: usize) -> (f64, f64) {
    let mut world = start(&Plan { name: "scale", seed: SEED, regions, nodes, router_every });
    let count = regions * nodes;
    world.run(35.0);
    world.take_traffic();
    let mut costs = Vec::new();
    for is_loaded in [false, true] {
        let (seconds, said) = (window_s as f64, world.said());
        world.nodes.iter_mut().for_each(|node| node.spent = std::time::Duration::ZERO);
        for second in 0..window_s {
            if is_loaded {
                trouble(&mut world, second);
            }
            world.run(1.0);
        }
        let (traffic, said) = (world.take_traffic(), world.said() - said);
        let (mean, most) = rates(&traffic, count, seconds);
        let spent: f64 = world.nodes.iter().map(|node| node.spent.as_secs_f64()).sum();
        let state = if is_loaded { "load" } else { "idle" };
        println!(
            "{COLUMNS}\n{regions} x {nodes} {state} | {mean:.1}, {most:.1} | {:.2} | {:.2}, {:.0} | {:.0} | {:.0}",
            traffic.statements as f64 / (said as f64 * (count as f64 - 1.0)),
            said as f64 / seconds / count as f64,
            traffic.statement_bytes as f64 / traffic.statements.max(1) as f64,
            traffic.digest_bytes as f64 * 8.0 / seconds / count as f64,
            spent / count as f64 / seconds * 1e6,
        );
        costs.push(mean);
        world.network.heal();
        world.nodes.iter_mut().for_each(|node| node.unrest = 0.03);
    }
    let all: Vec<usize> = (0..regions).collect();
    world.nodes.iter_mut().for_each(|node| node.unrest = 0.0);
    world.feel(&all);
    settle(&mut world, 45.0);
    println!("streams of a node: {}", (0..count).map(|node| world.streams_of(node)).max().unwrap_or(0));
    (costs[0], costs[1])
}

/// Every second another link browns out, every ten seconds one is cut; the ones before are well again.
fn trouble(world: &mut World, second: usize) {
    let regions = world.network.regions.len();
    let pair = |n: usize| (n * 7 % regions, (n * 7 + 1 + n % (regions - 1)) % regions);
    if second > 0 {
        let (from, to) = pair(second - 1);
        world.network.set(from, to, Weather { cut: false, loss: 0.0, added_ms: 0.0 });
        world.feel(&[from, to]);
    }
    let (from, to) = pair(second);
    let is_cut = second.is_multiple_of(10);
    world.network.set(
        from,
        to,
        Weather { cut: is_cut, loss: if is_cut { 1.0 } else { 0.05 }, added_ms: 0.0 },
    );
    world.feel(&[from, to]);
}

#[test]
fn four_regions_cost_little() {
    let (idle, load) = measure(4, 2, 2, 20);
    assert!(idle < 74.0 && load < 150.0, "{idle} and {load} kbit/s");
}

#[test]
fn sixteen_regions_cost_little() {
    let (idle, load) = measure(16, 2, 16, 20);
    assert!(idle < 74.0 && load < 150.0, "{idle} and {load} kbit/s");
}

#[test]
#[ignore = "takes minutes; fails on the load, a target that is missed: docs/scale.md"]
fn fifty_regions_of_four_nodes_keep_to_the_budget() {
    let (idle, load) = measure(50, 4, 100, 30);
    assert!(idle < 74.0 && load < 150.0, "{idle} and {load} kbit/s beside the probes");
}
