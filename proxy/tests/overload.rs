//! An edge element in Virginia that can take so many calls a second is offered three times as many from Oregon, on a
//! network that is well: it does what it can, nobody goes around it, and calls for help get through.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::{
    Input,
    output::{HopSign, Note},
};
use std::time::Duration;
use world::{
    CALLER, Manner, Place, Sip, Survey, World,
    desk::{Desk, Plea},
    place::views,
    sip::parameter,
};

/// Calls that the element can take in a second, and messages that may wait for it: 0.6 s of them.
const CAPACITY: u32 = 20;
const ROOM: usize = 40;
const OVERLOAD: Duration = Duration::from_secs(32);

/// Who hears nothing but silence for so long hangs up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of calls that were placed.
struct Tally {
    placed: usize,
    /// Answered in time, and brought to a proper end.
    good: usize,
    help_placed: usize,
    help_answered: usize,
    /// Good calls answered in each second.
    goodput: Vec<usize>,
}

/// Places calls for a time, every twentieth of them for help.
fn place(world: &mut World, name: &str, a_second: u32, time: Duration) {
    let end = world.now + time;
    let mut n = 0;
    while world.now < end {
        let draft = world.invite(&format!("{name}-{n}"));
        let help = n % 20 == 19;
        world.place(if help { draft.with("Resource-Priority: esnet.1") } else { draft });
        // Not all at one beat.
        let pause = Duration::from_secs(1) / a_second;
        world.run(if n % 2 == 0 { pause / 2 } else { pause * 3 / 2 });
        n += 1;
    }
}

fn tally(world: &World, name: &str) -> Tally {
    let mut tally = Tally { placed: 0, good: 0, help_placed: 0, help_answered: 0, goodput: Vec::new() };
    for (call_id, call) in world.callers[0].calls.iter().filter(|(id, _)| id.starts_with(name)) {
        let n: usize = call_id.rsplit('-').next().unwrap().parse().unwrap();
        let answered = call.finals.first() == Some(&200);
        tally.placed += 1;
        let in_time = call.answered_at.is_some_and(|at| at - call.placed_at <= PATIENCE);
        let good = answered && in_time && call.bye == Some(200);
        tally.good += usize::from(good);
        tally.help_placed += usize::from(n % 20 == 19);
        tally.help_answered += usize::from(n % 20 == 19 && answered);
        if good {
            let second = usize::try_from(call.answered_at.unwrap().as_secs()).unwrap();
            tally.goodput.resize(tally.goodput.len().max(second + 1), 0);
            tally.goodput[second] += 1;
        }
    }
    tally
}

fn world(plea: Plea, room: usize, controlled: bool) -> World {
    let views = views(&Survey::fair(), &[]);
    let mut world = World::with_sites(1, views, |site| site.overload.enabled = controlled);
    world = world.with_phones(Manner::default());
    world.callees[0].desk = Some(Desk::new(CAPACITY, room, plea));
    world
}

/// How many calls a second the element took of three times as many as it can, from the fifth second on; all that must
/// hold besides is asserted.
fn run(title: &str, plea: Plea, room: usize, controlled: bool) -> f64 {
    let mut world = world(plea, room, controlled);
    place(&mut world, "storm", 3 * CAPACITY, OVERLOAD);
    world.settle();
    let after = tally(&world, "storm");
    let seconds = usize::try_from(OVERLOAD.as_secs()).unwrap();
    let goodput: usize = after.goodput.iter().take(seconds).sum();
    let goodput = goodput as f64 / seconds as f64 / f64::from(CAPACITY);
    let invites = world.hops(Place::Oregon).iter().filter(|(_, sign)| *sign == HopSign::Request).count();
    println!(
        "{title}: goodput {:.0} % of what it can, {} of {} calls good, for help {} of {}, {} INVITEs from the \
         ingress, {} messages dropped by the element",
        100.0 * goodput,
        after.good,
        after.placed,
        after.help_answered,
        after.help_placed,
        invites,
        world.callees[0].desk.as_ref().unwrap().dropped,
    );
    println!("  answered, second by second: {:?}", after.goodput);
    assert_eq!(invites, after.placed, "a request went twice");
    if controlled {
        assert_no_path_is_blamed(&world);
        assert_eq!(after.help_answered, after.help_placed, "a call for help was lost");
    }
    world.assert_drained();
    goodput
}

/// No other path was tried, no relay saw a thing, and nothing was said against a path.
fn assert_no_path_is_blamed(world: &World) {
    let switched = |note: &Note| matches!(note, Note::SetOut { attempt: 2.., .. } | Note::Absorbed);
    let switches = world.notes.iter().filter(|(at, _, note)| *at <= OVERLOAD && switched(note));
    let count = switches.count();
    assert_eq!(count, 0, "path switches");
    assert!(world.paths().iter().all(|path| path == "direct"));
    for place in Place::ALL {
        let blamed = |sign: &HopSign| matches!(sign, HopSign::Retransmission | HopSign::Timeout);
        assert!(!world.hops(place).iter().any(|(_, sign)| blamed(sign)), "a hop was blamed in {place:?}");
    }
    for relay in [Place::California, Place::Ohio] {
        let relayed = world.packets(relay.proxy(), Place::Virginia.proxy());
        assert_eq!(relayed.filter(|packet| packet.at <= OVERLOAD).count(), 0);
    }
}

#[test]
fn a_silent_element_does_what_it_can() {
    run("silent, not controlled", Plea::Silent, ROOM, false);
    assert!(run("silent, controlled", Plea::Silent, ROOM, true) >= 0.9);
}

/// With 3.3 s of messages in its queue, all of them late and there up to three times before anybody can know: that has to
/// be worked off first.
#[test]
fn a_silent_element_with_a_long_queue_comes_back() {
    assert!(run("long queue, controlled", Plea::Silent, 5 * ROOM, true) >= 0.75);
}

#[test]
fn an_element_that_refuses_does_what_it_can() {
    run("503, not controlled", Plea::Refuses(None), ROOM, false);
    assert!(run("503, controlled", Plea::Refuses(None), ROOM, true) >= 0.9);
}

#[test]
fn an_element_that_asks_for_pauses_gets_them_and_does_what_it_can() {
    assert!(run("503 with Retry-After: 1, controlled", Plea::Refuses(Some(1)), ROOM, true) >= 0.9);
}

#[test]
fn an_element_that_tells_does_what_it_can() {
    run("RFC 7339, not controlled", Plea::Tells, ROOM, false);
    assert!(run("RFC 7339, controlled", Plea::Tells, ROOM, true) >= 0.9);
}

/// The ingress itself is too busy, as its worker tells: messages wait for 100 ms and more. The callee hangs up calls that
/// have begun.
#[test]
fn a_busy_node_refuses_what_is_new_and_keeps_what_has_begun() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    (0..10).for_each(|n| world.place_for(world.invite(&format!("begun-{n}")), Duration::from_secs(4)));
    world.run_ms(1_000);
    for n in 0..200 {
        world.feed(Place::Oregon, Input::Waited(Duration::from_millis(100 + n)));
        let draft = world.invite(&format!("new-{n}"));
        let help = n % 20 == 19;
        world.place(if help { draft.with("Resource-Priority: esnet.1") } else { draft });
        world.run_ms(20);
    }
    world.settle();
    let finals = |name: &str| -> Vec<u16> {
        let calls = world.callers[0].calls.iter().filter(|(id, _)| id.starts_with(name));
        calls.map(|(_, call)| call.finals[0]).collect()
    };
    let refused = finals("new").iter().filter(|code| **code == 503).count();
    println!("{refused} of 200 new calls refused");
    assert!(refused > 100 && finals("new").iter().all(|code| [200, 503].contains(code)));
    let byes = world.callers[0].calls.iter().filter(|(id, _)| id.starts_with("begun"));
    assert!(
        byes.into_iter().all(|(_, call)| call.finals[0] == 200 && call.bye == Some(200)),
        "a call that had begun"
    );
    let help = (0..200).filter(|n| n % 20 == 19);
    assert!(help.into_iter().all(|n| world.placed(&format!("new-{n}")).finals[0] == 200), "a call for help");
    let answers = world.between(Place::Oregon.proxy(), CALLER.edge(1));
    let refusals: Vec<&Sip> = answers.into_iter().filter(|sip| sip.status() == Some(503)).collect();
    assert!(refusals.iter().all(|sip| sip.one("Retry-After") == "2"));
    assert!(refusals.iter().all(|sip| !sip.one("Via").contains("oc=")), "a phone did not ask");
    world.assert_drained();
}

/// The egress is too busy and says so: its ingress holds back, and no other path is tried.
#[test]
fn a_busy_egress_is_spared_by_its_ingress() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    for n in 0..300 {
        world.feed(Place::Virginia, Input::Waited(Duration::from_millis(100 + n)));
        world.call(&format!("c-{n}"));
        world.run_ms(20);
    }
    world.settle();
    let calls = || world.callers[0].calls.values();
    let refused = calls().filter(|call| call.finals[0] == 500).count();
    let answered = calls().filter(|call| call.finals[0] == 200).count();
    let sent = world.hops(Place::Oregon).iter().filter(|(_, sign)| *sign == HopSign::Request).count();
    println!("{sent} of 300 calls sent on, {answered} answered, {refused} told 500 with Retry-After");
    assert_eq!(refused + answered, 300);
    assert!(refused > 100 && sent < 200, "the egress is asked for little more than it wants");
    assert_no_path_is_blamed(&world);
    let first = |proxy: Place, to| {
        world.between(proxy.proxy(), to).into_iter().find(|sip| sip.one("Via").contains(";oc="))
    };
    let told = first(Place::Virginia, Place::Oregon.proxy()).unwrap().one("Via");
    let share: u32 = parameter(told, "oc").unwrap().parse().unwrap();
    assert!((1..=98).contains(&share) && parameter(told, "oc-seq").is_some(), "{told}");
    assert!(first(Place::Oregon, CALLER.edge(1)).is_none(), "an order went further than its hop");
    world.assert_drained();
}

/// An edge element has no say over the hop before this one, whatever it writes into a Via that is not ours.
#[test]
fn an_order_is_for_one_hop() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.callees[0].forges = true;
    (0..20).for_each(|n| world.call(&format!("c-{n}")));
    world.settle();
    let told = world.between(Place::Virginia.proxy(), Place::Oregon.proxy());
    assert!(told.iter().all(|sip| !sip.all("Via").iter().any(|via| via.contains("oc=9"))), "a forged order");
    (20..40).for_each(|n| world.call(&format!("c-{n}")));
    world.settle();
    assert!(world.callers[0].calls.values().all(|call| call.finals[0] == 200));
    world.assert_drained();
}

/// A lone element that pauses is not asked, its calls end at once; where there is another, that one is asked.
#[test]
fn who_pauses_is_passed_over() {
    for (number, want) in [("sip:+17035550100@mesh.example", 500), ("sip:+15555550100@mesh.example", 200)] {
        let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
        let first = if want == 200 { Place::Virginia.edge(2) } else { Place::Virginia.edge(1) };
        world.callees[0].at = first;
        world.callees[0].desk = Some(Desk::new(CAPACITY, 0, Plea::Refuses(Some(9))));
        world.callee(Place::Virginia.edge(3), Manner::default());
        for n in 0..5 {
            let mut draft = world.invite(&format!("c-{n}"));
            draft.uri = number.to_owned();
            draft.to = format!("<{number}>");
            world.place(draft);
            world.run_ms(1_000);
        }
        world.settle();
        assert!(world.callers[0].calls.values().all(|call| call.finals[0] == want), "{number}");
        let asked = world.between(Place::Virginia.proxy(), first);
        assert_eq!(
            asked.into_iter().filter(|sip| sip.is_request("INVITE")).count(),
            1,
            "{number}: asked once"
        );
        let answers = world.between(Place::Oregon.proxy(), CALLER.edge(1));
        let told: Vec<u32> = answers.iter().filter_map(|sip| sip.one("Retry-After").parse().ok()).collect();
        assert_eq!(told, if want == 200 { vec![] } else { vec![9, 9, 8, 7, 6] }, "{number}");
    }
}

#[test]
fn when_the_storm_is_over_all_calls_pass() {
    for plea in [Plea::Silent, Plea::Refuses(None), Plea::Refuses(Some(1)), Plea::Tells] {
        let mut world = world(plea, ROOM, true);
        place(&mut world, "storm", 3 * CAPACITY, Duration::from_secs(15));
        place(&mut world, "lull", CAPACITY / 2, Duration::from_secs(3));
        place(&mut world, "after", CAPACITY / 2, Duration::from_secs(10));
        world.settle();
        let (lull, after) = (tally(&world, "lull"), tally(&world, "after"));
        println!("{plea:?}: {} of {} in the first 3 s", lull.good, lull.placed);
        assert_eq!(after.good, after.placed, "{plea:?}: after 3 s all calls pass");
        world.assert_drained();
    }
}
