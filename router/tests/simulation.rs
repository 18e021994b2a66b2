//! What the router does in a world where things happen: events in, route changes out, over virtual time.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::sync::Arc;

use ringway_router::{Input, Policy, Time, Traffic, Verdict};
use world::{CALIFORNIA, Event, OHIO, OREGON, VIRGINIA, World, region, story};

const AVOID_OHIO: &str = r#"
revision = 1
[[rule]]
name = "keep out of Ohio"
match = { from = "us-west-*", to = "us-east-*" }
both_ways = true
avoid = ["us-east-2"]
"#;

/// What is expected of one change: between these seconds, from this path to that one, for this reason.
type Expected = (f64, f64, &'static str, &'static str, &'static str);

fn check(seed: u64, events: Vec<(u64, Event)>, end_s: u64, expected: &[Expected]) -> World {
    let mut world = World::new(seed);
    world.play(events, end_s);
    let told = story(&world.changes, VIRGINIA);
    assert_eq!(told.len(), expected.len(), "seed {seed}: {told:#?}");
    for ((at_s, old, new, reason), (from_s, to_s, old_path, new_path, why)) in told.iter().zip(expected) {
        assert!((*from_s..=*to_s).contains(at_s), "seed {seed}: at {at_s} s: {told:#?}");
        assert_eq!((old.as_str(), new.as_str()), (*old_path, *new_path), "seed {seed}: {told:#?}");
        assert!(reason.contains(why), "seed {seed}: {reason:?} does not say {why:?}");
    }
    world
}

#[test]
fn the_whitepaper() {
    for seed in 1..=20 {
        let world = check(
            seed,
            vec![
                (20, Event::Weather(OREGON, VIRGINIA, 0.2, 80.0)),
                (35, Event::Policy(AVOID_OHIO)),
                (50, Event::Policy("revision = 2")),
                (50, Event::Weather(OREGON, VIRGINIA, 0.0, 0.0)),
            ],
            90,
            &[
                (0.5, 0.5, "none", "direct", "first path found: direct, R 93.2"),
                (20.5, 25.5, "direct", "via us-east-2", "% and R fell to"),
                (35.0, 35.0, "via us-east-2", "via us-west-1", "policy revision 1 avoids us-east-2"),
                (56.0, 66.0, "via us-west-1", "direct", "direct is best again and held for 5 s"),
            ],
        );
        let epochs: Vec<u64> = world.tables.iter().map(|table| table.epoch).collect();
        assert_eq!(epochs, (1..=epochs.len() as u64).collect::<Vec<_>>(), "one step a table");
    }
}

#[test]
fn a_brownout_is_left_within_two_and_a_half_seconds_on_average() {
    let mut seconds = Vec::new();
    for seed in 1..=100 {
        let mut world = World::new(seed);
        world.play(vec![(20, Event::Weather(OREGON, VIRGINIA, 0.2, 80.0))], 40);
        let told = story(&world.changes, VIRGINIA);
        seconds.push(told.get(1).map_or(20.0, |(at_s, ..)| at_s - 20.0));
    }
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    assert!(mean < 2.5, "{mean} s: {seconds:?}");
}

#[test]
fn the_region_in_use_as_a_relay_dies() {
    check(
        1,
        vec![(10, Event::Weather(OREGON, VIRGINIA, 0.3, 80.0)), (25, Event::Die(OHIO))],
        60,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.5, 15.0, "direct", "via us-east-2", "direct lost"),
            (25.0, 25.0, "via us-east-2", "via us-west-1", "us-east-2 has no live node"),
        ],
    );
}

#[test]
fn a_cut_moves_calls_at_once_and_a_mended_link_is_held() {
    check(
        1,
        vec![(10, Event::Cut(OREGON, VIRGINIA)), (20, Event::Mend(OREGON, VIRGINIA))],
        60,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.5, 10.5, "direct", "via us-east-2", "link us-west-2 > us-east-1 is down"),
            // 5 s until the link counts as up, then 5 s until direct counts as best, after the loss has gone.
            (30.0, 40.0, "via us-east-2", "direct", "direct is best again and held"),
        ],
    );
}

#[test]
fn a_flapping_link_does_not_flap_the_route() {
    let flap = |second: u64| {
        let event = if second % 8 < 2 { Event::Cut(OREGON, VIRGINIA) } else { Event::Mend(OREGON, VIRGINIA) };
        (10 + second, event)
    };
    check(
        1,
        (0..600).map(flap).collect(),
        610,
        &[(0.5, 0.5, "none", "direct", "first path"), (10.5, 10.5, "direct", "via us-east-2", "is down")],
    );
}

#[test]
fn ordinary_loss_does_not_flap_the_route() {
    for (loss, changes_max) in [(0.001, 0), (0.005, 0), (0.01, 2)] {
        for seed in 1..=3 {
            let mut world = World::new(seed).with_loss(loss);
            world.play(vec![], 1_200);
            let told = story(&world.changes, VIRGINIA);
            assert!(told.len() <= 1 + changes_max, "{loss}, seed {seed}, in 20 minutes: {told:#?}");
        }
    }
}

#[test]
fn the_destination_dies_and_calls_are_refused_with_a_reason() {
    let world = check(
        1,
        vec![(10, Event::Die(VIRGINIA))],
        12,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.0, 10.0, "direct", "none", "us-east-1 has no live node"),
        ],
    );
    let table = world.router.table();
    let route = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap();
    assert!(route.ranked.is_empty());
    let refused = route.refused.clone().unwrap();
    assert_eq!((refused.by_policy, refused.why.as_str()), (false, "no live node in us-east-1"));
}

#[test]
fn a_policy_that_leaves_no_path_refuses_calls_and_names_the_rule() {
    let world = check(
        1,
        vec![(10, Event::Policy("revision = 3\n[[rule]]\nname = \"stay\"\nforbid = [\"*\", \"direct\"]"))],
        12,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.0, 10.0, "direct", "none", "policy revision 3 forbids the direct path (\"stay\")"),
        ],
    );
    let table = world.router.table();
    let refused = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap().refused.clone().unwrap();
    assert!(refused.by_policy, "{refused}");
    assert!(refused.why.contains("revision 3") && refused.why.contains("\"stay\""), "{refused}");
}

#[test]
fn a_pinned_path_is_used_while_it_is_up() {
    let world = check(
        1,
        vec![
            (10, Event::Policy("revision = 4\n[[rule]]\nname = \"west\"\npin = [\"us-west-1\"]")),
            (20, Event::Cut(CALIFORNIA, VIRGINIA)),
        ],
        22,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.0, 10.0, "direct", "via us-west-1", "policy revision 4 pins calls to us-west-1 (\"west\")"),
            (20.5, 20.5, "via us-west-1", "direct", "link us-west-1 > us-east-1 is down"),
        ],
    );
    let table = world.router.table();
    let first = &table.route(&region(VIRGINIA), &Traffic::voice()).unwrap().ranked[0];
    assert_eq!(first.note, "\"west\" pins another path, but link us-west-1 > us-east-1 is down");
}

#[test]
fn a_preferred_relay_is_taken_at_once_and_left_when_the_policy_goes() {
    let prefer = "revision = 6\n[[rule]]\nname = \"west\"\nprefer = [\"us-west-1\"]";
    check(
        1,
        vec![(10, Event::Policy(prefer)), (20, Event::Policy("revision = 7"))],
        30,
        &[
            (0.5, 0.5, "none", "direct", "first path"),
            (10.0, 10.0, "direct", "via us-west-1", "policy revision 6 prefers us-west-1 (\"west\", +10.0)"),
            (20.0, 20.0, "via us-west-1", "direct", "policy revision 7 took back"),
        ],
    );
}

#[test]
fn the_first_backup_shares_nothing_with_the_chosen_path() {
    let mut world = World::new(1);
    world.play(vec![(10, Event::Weather(OREGON, VIRGINIA, 0.3, 80.0))], 20);
    for route in world.router.table().routes() {
        assert_eq!(route.ranked[1].path.overlap(&route.ranked[0].path), 0, "{}", route.to);
        assert!(route.ranked.len() <= 4);
    }
}

#[test]
fn explain_shows_all_paths_and_what_became_of_them() {
    let mut world = World::new(1);
    let policy = "revision = 5\n[[rule]]\nname = \"no Ohio\"\nforbid = [\"us-east-2\"]";
    world.play(vec![(10, Event::Policy(policy)), (10, Event::Cut(OREGON, CALIFORNIA))], 15);
    let explain = |from, to| world.router.explain(world.now(), &region(from), &region(to), &Traffic::voice());

    let home = explain(OREGON, VIRGINIA);
    let verdicts: Vec<(String, Verdict)> = home
        .candidates
        .iter()
        .map(|candidate| (candidate.ranked.path.detour().to_string(), candidate.verdict))
        .collect();
    assert_eq!(verdicts.len(), 5, "direct, two relays, two chains of two");
    assert_eq!(verdicts[0], ("direct".to_owned(), Verdict::Chosen));
    assert!(verdicts.contains(&("via us-east-2".to_owned(), Verdict::Forbidden)), "{verdicts:?}");
    assert!(verdicts.contains(&("via us-west-1".to_owned(), Verdict::Down)), "{verdicts:?}");
    assert!(home.since.is_some() && home.note.is_empty());

    let other = explain(VIRGINIA, CALIFORNIA);
    assert_eq!(other.chosen.unwrap().to_string(), "us-east-1 > us-west-1");
    assert!(other.note.contains("us-east-1 remembers"), "{}", other.note);
    assert_eq!(explain(OREGON, "mars").refused.unwrap().why, "no region mars is known");
}

#[test]
fn links_show_what_was_measured() {
    let mut world = World::new(1);
    world.play(vec![(10, Event::Cut(OREGON, OHIO)), (12, Event::Weather(OREGON, VIRGINIA, 0.3, 80.0))], 30);
    let links = world.router.links(world.now());
    assert_eq!(links.len(), 12);
    let link = |from, to| links.iter().find(|l| (l.from.as_str(), l.to.as_str()) == (from, to)).unwrap();
    let brownout = link(OREGON, VIRGINIA);
    assert!(brownout.up && (0.15..0.5).contains(&brownout.loss), "{brownout:?}");
    assert!((brownout.delay_ms - 117.8).abs() < 0.1, "{brownout:?}");
    assert_eq!((link(OREGON, OHIO).up, link(OREGON, OHIO).standing), (false, "down"));
    assert_eq!((link(OHIO, VIRGINIA).up, link(OHIO, VIRGINIA).reporters), (true, 1));
}

#[test]
fn inputs_can_be_written_down_and_played_again() {
    let policy = Input::Policy(Arc::new(Policy::parse(AVOID_OHIO).unwrap()));
    let regions = Input::Regions([OHIO, VIRGINIA].map(region).into());
    for input in [policy, regions] {
        let text = toml::to_string(&input).unwrap();
        assert_eq!(toml::from_str::<Input>(&text).unwrap(), input, "{text}");
    }
}

#[test]
fn numbers_alone_make_a_new_table_once_a_second_at_most() {
    let mut world = World::new(1).with_loss(0.002);
    world.play(vec![], 60);
    let mut steering: Option<(Time, Vec<String>)> = None;
    for table in &world.tables {
        let paths = table.routes().flat_map(|r| &r.ranked).map(|ranked| ranked.path.to_string()).collect();
        if let Some((made_at, before)) = steering.replace((table.made_at, Vec::clone(&paths))) {
            assert!(
                before != paths || table.made_at.since(made_at).as_millis() >= 1_000,
                "epoch {}",
                table.epoch
            );
        }
    }
    assert!(world.tables.len() > 30, "the numbers are kept fresh: {} tables", world.tables.len());
}

#[test]
fn every_change_is_explained_again_from_the_journal() {
    let mut world = World::new(3);
    let mut told = Vec::new();
    for (second, event) in [
        (10, Event::Weather(OREGON, VIRGINIA, 0.2, 80.0)),
        (20, Event::Policy(AVOID_OHIO)),
        (25, Event::Die(CALIFORNIA)),
        (30, Event::Policy("revision = 2")),
        (35, Event::Weather(OREGON, VIRGINIA, 0.0, 0.0)),
        (60, Event::Cut(OREGON, VIRGINIA)),
    ] {
        world.play(vec![], second - 1);
        told.extend(world.explained());
        world.play(vec![(second, event)], second);
        told.extend(world.explained());
    }
    world.play(vec![], 70);
    told.extend(world.explained());

    // Through text, as it lies on a disk.
    let text = serde_json::to_string(&world.journal).unwrap();
    let journal: ringway_router::Journal = serde_json::from_str(&text).unwrap();
    assert_eq!(journal.changes(world.now()), world.changes);
    for (at, then) in told {
        let decision = journal.decision(at, &then.from, &then.to, &Traffic::voice());
        assert_eq!(decision.explanation, then, "{decision}");
    }
    // Reports of one moment are heard one after the other: the last change of a moment is the one that holds.
    let last = |change: &&ringway_router::Change| {
        let later = world.changes.iter().filter(|other| other.at == change.at && other.to == change.to);
        later.max_by_key(|other| other.epoch).map(|other| other.epoch) == Some(change.epoch)
    };
    for change in world.changes.iter().filter(last) {
        let decision = journal.decision(change.at, &change.from, &change.to, &Traffic::voice());
        assert_eq!(decision.explanation.chosen, change.new, "{decision}");
        assert_eq!(decision.explanation.reason, change.reason.to_string(), "{decision}");
        assert_eq!(decision.change.as_ref(), Some(change));
        assert!(decision.to_string().contains(&decision.explanation.reason), "{decision}");
    }
    assert!(world.changes.len() >= 6, "{:?}", world.changes);
}
