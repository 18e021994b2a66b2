//! What happens when the first way does not work: silent links, dead relays, silent and overloaded edge elements.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::time::Duration;
use world::{
    CALLEE, CALLER, Draft, Manner, NUMBER, Place, Survey, World,
    place::{
        EDGE_TIMEOUT, HOP_TIMEOUT,
        Place::{California, Ohio, Oregon, Virginia},
    },
};

const TIMER_B: Duration = Duration::from_secs(32);

fn direct() -> World {
    World::new(&Survey::fair()).with_phones(Manner::default())
}

fn via_ohio() -> World {
    World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default())
}

/// One ring, one answer, one hang-up, and nothing left.
fn assert_completed(world: &World, call_id: &str) {
    let call = world.placed(call_id);
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    assert_eq!(world.callees[0].invites(call_id), 1, "INVITE transactions at the callee");
    assert!(world.callees[0].rung.values().all(|rung| rung.acked), "the ACK arrives");
    world.assert_drained();
}

#[test]
fn over_a_black_hole_the_same_invite_sets_out_again_when_its_answer_is_late() {
    let mut world = direct();
    world.cut(Oregon, Virginia);
    world.call("c1");
    world.settle();
    assert_eq!(world.paths()[0], "direct");
    assert_eq!(world.paths().len(), 2, "one more path was enough");
    let first = world.packets(Oregon.proxy(), Virginia.proxy()).next().unwrap();
    let relay = Place::of(
        world
            .wire
            .iter()
            .find(|p| p.from == Oregon.proxy() && p.at > first.at && p.to != CALLER.edge(1))
            .unwrap()
            .to,
    )
    .unwrap();
    let second = world.packets(Oregon.proxy(), relay.proxy()).next().unwrap();
    // The round trip of 64 ms as measured (67.2 at the 95th percentile), an eighth of it, and 20 ms.
    assert_eq!(second.at - first.at, Duration::from_micros(95_600));
    let set_up = world.placed("c1").answered_at.unwrap();
    assert!(set_up < Duration::from_millis(400), "{set_up:?}, with 200 ms of ringing");
    assert_completed(&world, "c1");
}

#[test]
fn the_egress_absorbs_the_copy_and_answers_it_over_both_paths() {
    let mut world = direct();
    // Slow, not dead: both copies arrive.
    world.weather(Oregon, Virginia, |way| way.delay = Duration::from_millis(400));
    world.call("c1");
    world.run_ms(1_500);
    assert_eq!((world.paths().len(), world.absorbed(Virginia)), (2, 1));
    world.settle();
    let call = world.placed("c1");
    assert_eq!((call.finals.iter().all(|code| *code == 200), call.bye), (true, Some(200)));
    assert_eq!(world.callees[0].invites("c1"), 1);
    assert!(world.codes(Virginia.proxy(), Oregon.proxy(), "INVITE").contains(&200), "over the slow path");
    let relay = Place::ALL
        .into_iter()
        .find(|p| !world.between(Virginia.proxy(), p.proxy()).is_empty() && *p != Oregon);
    assert!(world.codes(Virginia.proxy(), relay.unwrap().proxy(), "INVITE").contains(&200), "over the other");
    world.assert_drained();
    for hop in [Oregon, relay.unwrap()].map(Place::proxy) {
        let asked = world.request(hop, Virginia.proxy(), "INVITE").all("Via").len();
        let answers = world.between(Virginia.proxy(), hop).into_iter().filter(|sip| sip.method() == "INVITE");
        assert!(answers.into_iter().all(|sip| sip.all("Via").len() == asked), "each copy with its own Vias");
    }
}

#[test]
fn a_copy_that_comes_after_the_answer_is_answered_too() {
    for code in [200, 486, 503] {
        let mut world = World::new(&Survey::fair()).with_phones(Manner::refuses(code));
        world.weather(Oregon, Virginia, |way| way.delay = Duration::from_millis(1_500));
        world.call("c1");
        world.settle();
        let want = if code == 503 { 500 } else { code };
        assert_eq!(world.placed("c1").finals[0], want);
        assert_eq!(world.callees[0].invites("c1"), 1);
        // Within the mesh a 503 stays what it is: it says that no path is at fault.
        let late = world.codes(Virginia.proxy(), Oregon.proxy(), "INVITE");
        assert_eq!(late.last(), Some(&code), "over the late path");
        world.assert_drained();
    }
}

#[test]
fn a_black_hole_behind_the_relay_is_gone_round_as_fast() {
    let mut world = via_ohio();
    world.cut(Ohio, Virginia);
    world.call("c1");
    world.settle();
    assert_eq!(world.paths()[0], "via us-east-2");
    assert!(
        world.placed("c1").answered_at.unwrap() < Duration::from_millis(1_300),
        "{:?}",
        world.placed("c1").answered_at
    );
    assert_eq!(world.callees[0].invites("c1"), 1);
    // Ohio's word to the ingress stays in the mesh.
    let edge = world.wire.iter().filter(|packet| packet.to == CALLER.edge(1) || packet.to == CALLEE.edge(1));
    assert!(edge.into_iter().all(|packet| !packet.sip.has("Ringway-Path-Failed")));
    assert_completed(&world, "c1");
}

#[test]
fn a_call_that_rings_outlives_the_path_that_failed_it() {
    let mut world = via_ohio();
    world.callees[0].manner.answer = Some((TIMER_B + Duration::from_secs(10), 200));
    world.cut(Ohio, Virginia);
    world.call("c1");
    world.settle();
    // Ohio gave up after Timer B, while the callee was ringing over the other path.
    assert_completed(&world, "c1");
}

#[test]
fn a_relay_without_a_live_next_node_says_504_and_the_ingress_takes_the_next_path() {
    let mut world = via_ohio();
    world.look(Ohio, |view| drop(view.neighbors.remove(&Virginia.region())));
    world.call("c1");
    world.settle();
    let word = world
        .between(Ohio.proxy(), Oregon.proxy())
        .into_iter()
        .find(|sip| sip.status() == Some(504))
        .unwrap();
    assert_eq!(word.one("Ringway-Path-Failed"), "us-east-1");
    assert!(
        world.placed("c1").answered_at.unwrap() < HOP_TIMEOUT + Duration::from_millis(300),
        "at once, not after a timeout"
    );
    assert_completed(&world, "c1");
}

#[test]
fn when_no_path_is_left_the_edge_hears_504_but_not_the_word_of_the_relay() {
    // Only via Ohio, and Ohio sees nobody.
    let survey = Survey::fair().down(Oregon, Virginia).down(Oregon, California);
    let mut world = World::new(&survey).with_phones(Manner::default());
    world.look(Ohio, |view| view.neighbors.retain(|region, _| *region == Oregon.region()));
    world.call("c1");
    world.settle();
    assert_eq!(world.placed("c1").finals, [504]);
    let to_edge = world.between(Oregon.proxy(), CALLER.edge(1));
    assert!(to_edge.iter().all(|sip| !sip.has("Ringway-Path-Failed")));
    world.assert_drained();
}

#[test]
fn an_unreachable_first_hop_is_given_up_at_once() {
    let mut world = direct();
    world.cut(Oregon, Virginia);
    world.call("c1");
    world.run_ms(5);
    world.feed(Oregon, ringway_proxy::core::Input::Unreachable(ringway_sip::Peer::udp(Virginia.proxy())));
    world.settle();
    assert!(world.placed("c1").answered_at.unwrap() < HOP_TIMEOUT + Duration::from_millis(100));
    assert_completed(&world, "c1");
}

#[test]
fn a_call_that_rings_over_a_link_that_dies_is_answered_over_another() {
    let mut world = direct();
    world.callees[0].manner.answer = Some((Duration::from_secs(5), 200));
    world.call("c1");
    world.run_ms(1_000);
    assert_eq!(world.placed("c1").rings, 1);
    world.cut(Oregon, Virginia);
    let survey = Survey::fair().down(Oregon, Virginia);
    Place::ALL.into_iter().for_each(|place| world.look(place, |view| view.table = survey.table(place)));
    world.settle();
    assert_eq!(world.absorbed(Virginia), 1);
    assert_completed(&world, "c1");
}

#[test]
fn a_call_that_rings_by_way_of_a_draining_node_is_left_alone() {
    for (drains, absorbed) in [(true, 0), (false, 1)] {
        let mut world = direct();
        world.callees[0].manner.answer = Some((Duration::from_secs(5), 200));
        world.call("c1");
        world.run_ms(1_000);
        // The node takes no new calls. While it lives, what is out by way of it will be answered; when it is gone, a
        // copy goes over another path.
        world.look(Oregon, |view| {
            view.neighbors.remove(&Virginia.region());
            if !drains {
                view.standing.remove(&Virginia.proxy());
            }
        });
        world.settle();
        assert_eq!(world.absorbed(Virginia), absorbed, "drains: {drains}");
        if drains {
            assert_completed(&world, "c1");
        }
    }
}

#[test]
fn a_bye_finds_another_way_too() {
    let mut world = direct();
    world.call("c1");
    world.run_ms(600);
    world.cut(Oregon, Virginia);
    world.settle();
    assert_completed(&world, "c1");
    assert_eq!(world.callees[0].requests.iter().filter(|sip| sip.is_request("BYE")).count(), 1);
}

#[test]
fn with_all_paths_dead_an_invite_ends_with_408_and_anything_else_with_nothing() {
    for (method, finals) in [("INVITE", &[408][..]), ("MESSAGE", &[][..])] {
        let mut world = direct();
        Place::ALL.into_iter().filter(|p| *p != Oregon).for_each(|p| world.cut(Oregon, p));
        world.place(Draft::new(method, NUMBER, "c1", CALLER.edge(1)));
        world.settle();
        // RFC 4320 §4.2: a 408 to a request other than INVITE would come too late for anybody.
        assert_eq!(world.placed("c1").finals, finals, "{method}");
        world.assert_drained();
    }
}

#[test]
fn a_silent_callee_is_a_408_for_an_invite_and_nothing_for_the_rest() {
    for (method, finals) in [("INVITE", &[408][..]), ("MESSAGE", &[][..])] {
        let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::deaf());
        world.place(Draft::new(method, NUMBER, "c1", CALLER.edge(1)));
        world.settle();
        assert_eq!(world.placed("c1").finals, finals, "{method}");
        world.assert_drained();
    }
}

/// A call to a number that several elements of Virginia's edge answer for: `callees[1]` and those after it.
fn elements(number: &str, manners: Vec<Manner>) -> World {
    let mut world = direct();
    for (n, manner) in (2..).zip(manners) {
        world.callee(CALLEE.edge(n), manner);
    }
    let mut invite = world.invite("c1");
    invite.uri = format!("sip:{number}@mesh.example");
    world.place(invite);
    world
}

fn two_elements(first: Manner, second: Manner) -> World {
    elements("+15555550100", vec![first, second])
}

#[test]
fn a_silent_edge_element_gives_way_to_the_next() {
    let mut world = two_elements(Manner::deaf(), Manner::default());
    world.settle();
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    assert!(call.answered_at.unwrap() < EDGE_TIMEOUT + Duration::from_millis(500));
    world.assert_drained();
}

#[test]
fn an_element_that_wakes_up_late_is_canceled_and_its_487_ends_nothing() {
    let late = Manner { deaf_until: Duration::from_millis(1_600), ..Manner::only_rings() };
    let slow = Manner { answer: Some((Duration::from_secs(20), 200)), ..Manner::default() };
    let mut world = elements("+15565550100", vec![late, slow, Manner::default()]);
    world.settle();
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    assert_eq!(call.rings, 1, "the caller hears the second ring, not the one that was given up");
    let woken: Vec<u16> = world.callees[1].rung.values().map(|rung| rung.code).collect();
    assert_eq!(woken, [487], "the late one was told that it is not wanted any more");
    assert!(world.callees[3].rung.is_empty(), "while the second rings, the third is left alone");
    world.assert_drained();
}

#[test]
fn when_the_late_element_answers_first_the_other_is_canceled() {
    // RFC 3261 §16.7 step 10. It answers without ringing, so no CANCEL could reach it before.
    let late = Manner { deaf_until: Duration::from_millis(1_600), ring: None, ..Manner::refuses(200) };
    let mut world = two_elements(late, Manner::only_rings());
    world.settle();
    assert_eq!((&world.placed("c1").finals[..], world.placed("c1").bye), (&[200][..], Some(200)));
    let other: Vec<u16> = world.callees[2].rung.values().map(|rung| rung.code).collect();
    assert_eq!(other, [487], "nobody rings for a call that is answered");
    world.assert_drained();
}

#[test]
fn a_503_from_one_element_tries_the_next() {
    let mut world = two_elements(Manner::refuses(503), Manner::default());
    world.settle();
    assert_eq!((&world.placed("c1").finals[..], world.placed("c1").bye), (&[200][..], Some(200)));
    world.assert_drained();
}

#[test]
fn other_refusals_are_the_answer() {
    for code in [404, 480, 486, 603] {
        let mut world = two_elements(Manner::refuses(code), Manner::default());
        world.settle();
        assert_eq!(world.placed("c1").finals, [code]);
        assert!(world.callees[2].rung.is_empty(), "nobody else is asked after {code}");
        world.assert_drained();
    }
}

#[test]
fn a_lone_503_becomes_500() {
    // RFC 3261 §16.7 step 6: passed on, it would make the caller give up the whole mesh.
    let mut world = two_elements(Manner::refuses(503), Manner::refuses(503));
    world.settle();
    assert_eq!(world.placed("c1").finals, [500]);
    world.assert_drained();
}

#[test]
fn an_answer_without_the_vias_that_it_was_asked_with_is_a_502() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::deaf());
    world.call("c1");
    world.run_ms(100);
    let invite = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE").clone();
    let mut bare = invite.clone();
    bare.headers.retain(|(name, _)| name != "Via");
    bare.headers.insert(0, ("Via".to_owned(), invite.all("Via")[0].to_owned()));
    let text = world::sip::answer(&bare, 200, "t", CALLEE.edge(1), "");
    world.send(CALLEE.edge(1), Virginia.proxy(), text);
    world.settle();
    assert_eq!(world.placed("c1").finals, [502]);
    world.assert_drained();
}

#[test]
fn a_canceled_call_whose_path_fails_ends_with_487() {
    let mut world = via_ohio();
    world.callees[0].manner = Manner::only_rings();
    // The word that Ohio sees nobody takes its time; the caller loses patience before it comes.
    world.look(Ohio, |view| drop(view.neighbors.remove(&Virginia.region())));
    world.way(Ohio, Oregon).delay = Duration::from_millis(200);
    world.call("c1");
    world.run_ms(100);
    world.cancel("c1");
    world.settle();
    assert_eq!((&world.placed("c1").finals[..], world.placed("c1").cancel), (&[487][..], Some(200)));
    world.assert_drained();
}
