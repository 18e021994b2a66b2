//! What operators order by hand, which objective rules name, and which backup experience speaks for: seen from outside, in
//! the world of the simulation.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_router::{Input, Order, Override, Path, Protect, RouteTable, Time, Traffic};
use world::{CALIFORNIA, Event, OHIO, OREGON, VIRGINIA, World, region, story};

fn order(order: Order, until_s: Option<u64>) -> Override {
    let until = until_s.map(|second| Time::from_millis(second * 1_000));
    Override { order, until, by: "ann on w2-1".to_owned(), why: "maintenance".to_owned() }
}

fn pin(via: &str, until_s: Option<u64>) -> Override {
    order(Order::PinRoute(Path::new([OREGON, via, VIRGINIA].map(region)).unwrap()), until_s)
}

fn told(events: Vec<(u64, Event)>, end_s: u64) -> Vec<(f64, String, String, String)> {
    let mut world = World::new(1);
    world.play(events, end_s);
    let story = story(&world.changes, VIRGINIA);
    story.into_iter().skip_while(|(at_s, ..)| *at_s < 5.0).collect()
}

#[test]
fn a_link_is_disabled_for_a_while_and_says_by_whom() {
    let off = order(Order::DisableLink { from: region(OREGON), to: region(VIRGINIA) }, Some(20));
    let told = told(vec![(10, Event::Orders(vec![off]))], 60);
    assert_eq!(told.len(), 2, "{told:#?}");
    let (at_s, _, new, why) = &told[0];
    assert_eq!((*at_s, new.as_str()), (10.0, "via us-east-2"));
    assert_eq!(why, "link us-west-2 > us-east-1 was disabled by ann on w2-1 (\"maintenance\")");
    let (at_s, _, new, _) = &told[1];
    assert!((20.0..=26.0).contains(at_s) && new == "direct", "it ends by itself: {told:#?}");
}

#[test]
fn no_new_call_goes_to_a_drained_region_or_over_it() {
    let mut world = World::new(1);
    let drain = |name| order(Order::DrainRegion(region(name)), None);
    world.play(vec![(10, Event::Weather(OREGON, VIRGINIA, 0.3, 80.0))], 20);
    world.play(vec![(20, Event::Orders(vec![drain(OHIO)]))], 21);
    let table = world.router.table();
    let virginia = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap();
    assert!(virginia.ranked.iter().all(|ranked| !ranked.path.relays().contains(&region(OHIO))));
    assert_eq!(virginia.reason.to_string(), "us-east-2 is drained by ann on w2-1 (\"maintenance\")");
    let refused = table.route(&region(OHIO), &Traffic::voice()).unwrap().refused.clone().unwrap();
    assert!(refused.by_policy && refused.why.contains("ann on w2-1"), "{refused}");
}

#[test]
fn a_pin_by_hand_is_above_the_pins_of_the_policy_and_ends_by_itself() {
    let policy = "revision = 4\n[[rule]]\nname = \"east\"\npin = [\"us-east-2\"]";
    let told =
        told(vec![(10, Event::Policy(policy)), (15, Event::Orders(vec![pin(CALIFORNIA, Some(30))]))], 40);
    let short: Vec<_> = told.iter().map(|(at_s, _, new, why)| (*at_s, new.as_str(), why.as_str())).collect();
    assert_eq!(
        short,
        [
            (10.0, "via us-east-2", "policy revision 4 pins calls to us-east-2 (\"east\")"),
            (15.0, "via us-west-1", "ann on w2-1 (\"maintenance\") pinned calls to us-west-1"),
            (30.0, "via us-east-2", "policy revision 4 pins calls to us-east-2 (\"east\")"),
        ]
    );
}

#[test]
fn a_pin_by_hand_is_below_what_the_policy_forbids_and_below_what_is_down() {
    let policy = "revision = 4\n[[rule]]\nname = \"no\"\nforbid = [\"us-west-1\"]";
    let forbidden =
        told(vec![(10, Event::Policy(policy)), (15, Event::Orders(vec![pin(CALIFORNIA, None)]))], 30);
    assert_eq!(forbidden, []);
    let down = told(
        vec![(10, Event::Orders(vec![pin(CALIFORNIA, None)])), (20, Event::Cut(OREGON, CALIFORNIA))],
        25,
    );
    assert_eq!(down[1].2, "direct", "{down:#?}");
}

#[test]
fn a_time_window_turns_like_a_new_policy() {
    // The world begins on Thursday, 1 January 1970, at midnight.
    let policy = "revision = 2\n[[rule]]\nname = \"night\"\nmatch = { when = { from = \"00:01\", to = \"00:02\" } }\n\
                  prefer = [\"us-west-1\"]";
    let told = told(vec![(10, Event::Policy(policy))], 150);
    let short: Vec<_> = told.iter().map(|(at_s, _, new, _)| (*at_s, new.as_str())).collect();
    assert_eq!(short, [(60.0, "via us-west-1"), (120.0, "direct")], "{told:#?}");
}

#[test]
fn objective_and_protection_reach_the_route() {
    let policy = "revision = 2\n[[cost]]\nfrom = \"us-west-2\"\nto = \"us-east-1\"\nusd_per_gb = 0.09\n\
                  [[rule]]\nmatch = { to = \"us-east-1\" }\nobjective = \"cost\"\nprotect = \"always\"";
    let mut world = World::new(1);
    world.play(vec![(10, Event::Policy(policy))], 12);
    let table = world.router.table();
    let route = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap();
    assert_eq!(route.protect, Protect::Always);
    assert!(!route.path().unwrap().is_direct(), "the direct link costs 9 cents: {}", route.reason);
    // No price makes up for a path on which nobody is understood.
    world.play(
        vec![
            (20, Event::Weather(OREGON, OHIO, 0.4, 0.0)),
            (20, Event::Weather(OREGON, CALIFORNIA, 0.4, 0.0)),
        ],
        40,
    );
    let route = world.router.table().route(&region(VIRGINIA), &Traffic::voice()).unwrap().clone();
    assert!(route.path().unwrap().is_direct(), "{}", route.reason);
}

#[test]
fn the_backup_moves_to_the_path_that_did_not_fail_together_with_the_chosen_one() {
    let mut world = World::new(1);
    world.play(vec![], 10);
    let backup = |world: &World| {
        let table = world.router.table();
        let route = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap().clone();
        assert!(route.path().unwrap().is_direct(), "{}", route.reason);
        let scores: Vec<f64> = route.ranked.iter().map(|ranked| ranked.score).collect();
        let (first, reaction) = (route.ranked[1].path.detour().to_string(), &route.reactions[0].path);
        assert_eq!(first, reaction.detour().to_string(), "the direct path has one link");
        (first, scores)
    };
    let (first, _) = backup(&world);
    assert_eq!(first, "via us-east-2");
    for i in 0..4 {
        let at_s = 20 + i * 400;
        world.play(
            vec![
                (at_s, Event::Cut(OREGON, VIRGINIA)),
                (at_s + 1, Event::Cut(OREGON, OHIO)),
                (at_s + 5, Event::Mend(OREGON, VIRGINIA)),
                (at_s + 5, Event::Mend(OREGON, OHIO)),
            ],
            at_s + 399,
        );
    }
    let (first, scores) = backup(&world);
    assert_eq!(first, "via us-west-1");
    assert!(scores[1] < scores[2], "though it scores less: {scores:?}");
}

/// A region that is drained is not called any more. A dialog that stands there has no other region, and keeps to the rules.
#[test]
fn the_dialogs_of_a_drained_region_have_paths_that_the_rules_allow() {
    let mut world = World::new(1);
    world.play(vec![(10, Event::Policy("revision = 1\n[[rule]]\nforbid = [\"direct\"]"))], 20);
    let drain = order(Order::DrainRegion(region(VIRGINIA)), None);
    let now = world.now();
    assert!(world.router.undrained(now).is_none());
    world.router.handle(now, Input::Overrides(vec![drain]));
    let paths = |table: &RouteTable| {
        let route = table.route(&region(VIRGINIA), &Traffic::voice()).unwrap();
        route.ranked.iter().map(|ranked| ranked.path.detour().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&world.router.table()), Vec::<String>::new());
    let dialogs = paths(&world.router.undrained(now).unwrap());
    assert_eq!(dialogs.first().map(String::as_str), Some("via us-east-2"), "{dialogs:?}");
    assert!(!dialogs.contains(&"direct".to_owned()), "{dialogs:?}");
    assert_eq!(paths(&world.router.table()), Vec::<String>::new(), "the router itself is as it was");
}
