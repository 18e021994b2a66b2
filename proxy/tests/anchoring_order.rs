//! While a media relay thinks, nothing of the call overtakes anything; and what becomes of calls when it does not answer, when
//! they are canceled, refused, forked, or go elsewhere meanwhile.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::media::{Fate, Kind};
use std::time::Duration;
use world::{
    CALLEE, CALLER, Draft, Manner, Place, Sip, Survey, World,
    callee::Speech,
    caller::draft_in_dialog,
    place::Place::{California, Ohio, Oregon, Virginia},
    sip::{answer, is_sdp, sdp},
};

/// Direct comes first although it loses, so that there is always a copy.
const DIRECT_FIRST: &str = "revision = 1\n[[rule]]\nprefer = [\"direct\"]\nprefer_r = 100\n";
/// Longer than any link takes.
const SLOW_MS: u64 = 400;
const SLOW: Duration = Duration::from_millis(SLOW_MS);

fn anchored(survey: &Survey, manner: Manner) -> World {
    World::anchored(1, survey, true).with_phones(manner)
}

fn talks() -> Manner {
    Manner { speech: Speech::Final, ..Manner::default() }
}

fn direct(manner: Manner) -> World {
    anchored(&Survey::fair(), manner)
}

fn offer(world: &World, call_id: &str) -> Draft {
    let mut invite = world.invite(call_id);
    invite.body = sdp(CALLER.edge(1), 40_000);
    invite
}

/// An INVITE that leaves the offer to the callee.
fn asking(world: &World, call_id: &str) -> Draft {
    let mut invite = world.invite(call_id);
    invite.body = String::new();
    invite.extra.truncate(1);
    invite
}

fn slow(world: &mut World, place: Place, delay: Duration) {
    world.relays[place as usize].habit.delay = delay;
}

/// What went from a proxy to an element of its edge: `INVITE`, `183 to INVITE`; without 100s.
fn heard(world: &World, place: Place, n: u8) -> Vec<String> {
    let all = world.between(place.proxy(), place.edge(n)).into_iter();
    all.filter(|sip| sip.status() != Some(100)).map(Sip::title).collect()
}

/// The INVITE of the call as the callee got it.
fn rung(world: &World) -> Sip {
    world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE").clone()
}

#[test]
fn a_200_does_not_overtake_a_183_and_a_180_not_either() {
    let mut world = direct(talks());
    world.callees.clear();
    world.place_for(offer(&world, "c1"), Duration::from_secs(9));
    world.run_ms(100);
    slow(&mut world, Virginia, SLOW);
    slow(&mut world, Oregon, SLOW);
    let there = rung(&world);
    for (code, body) in [(183, sdp(CALLEE.edge(1), 30_000)), (180, String::new()), (200, String::new())] {
        world.send(CALLEE.edge(1), Virginia.proxy(), answer(&there, code, "b", CALLEE.edge(1), &body));
    }
    world.run_ms(SLOW_MS - 50);
    assert!(heard(&world, Oregon, 1).is_empty(), "all of them wait in Virginia");
    world.run_ms(2 * SLOW_MS);
    assert_eq!(heard(&world, Oregon, 1), ["183 to INVITE", "180 to INVITE", "200 to INVITE"]);
    assert_eq!(world.relay(Virginia).orders.len(), 2);
}

#[test]
fn a_copy_asks_nobody_again_while_the_relay_thinks_nor_later() {
    let mut world = direct(talks());
    world.callees.clear();
    world.place_for(offer(&world, "c1"), Duration::from_secs(9));
    world.run_ms(100);
    slow(&mut world, Virginia, SLOW);
    let early = answer(&rung(&world), 183, "b", CALLEE.edge(1), &sdp(CALLEE.edge(1), 30_000));
    for _ in 0..3 {
        world.send(CALLEE.edge(1), Virginia.proxy(), early.clone());
        world.run_ms(50);
    }
    world.run_ms(2 * SLOW_MS);
    world.send(CALLEE.edge(1), Virginia.proxy(), early);
    world.run_ms(200);
    assert_eq!(heard(&world, Oregon, 1).len(), 4, "every copy goes up");
    assert_eq!((world.relay(Virginia).orders.len(), world.relay(Oregon).orders.len()), (2, 2));
}

#[test]
fn a_bye_waits_behind_its_ack_and_an_update_behind_the_183() {
    let mut world = direct(talks());
    slow(&mut world, Oregon, SLOW);
    world.place_for(asking(&world, "c1"), Duration::from_millis(100));
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    // One for each copy of the 200.
    assert_eq!(heard(&world, Virginia, 1), ["INVITE", "ACK", "ACK", "BYE"]);
    assert_eq!(world.relay(Oregon).orders.len(), 2);
    world.assert_media_is_back();

    let mut world = direct(talks());
    world.callees.clear();
    world.place(offer(&world, "c2"));
    world.run_ms(100);
    slow(&mut world, Oregon, SLOW);
    let there = rung(&world);
    let early = answer(&there, 183, "b", CALLEE.edge(1), &sdp(CALLEE.edge(1), 30_000));
    world.send(CALLEE.edge(1), Virginia.proxy(), early.clone());
    let mut update =
        Draft::new("UPDATE", there.one("Contact").trim_matches(['<', '>']), "c2", CALLEE.edge(1));
    (update.from, update.to) = (Sip::read(&early).one("To").to_owned(), there.one("From").to_owned());
    update.routes = there.all("Record-Route").iter().map(|&route| route.to_owned()).collect();
    world.send(CALLEE.edge(1), Virginia.proxy(), update.text());
    world.run_ms(2 * SLOW_MS);
    assert_eq!(heard(&world, Oregon, 1), ["183 to INVITE", "UPDATE"]);
}

#[test]
fn a_cancel_while_the_offer_waits_ends_it_and_the_callee_never_hears() {
    let mut world = direct(talks());
    slow(&mut world, Oregon, SLOW);
    world.place(offer(&world, "c1"));
    world.run_ms(50);
    world.cancel("c1");
    world.run_ms(50);
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.cancel), (&[487][..], Some(200)), "before the relay has answered");
    world.settle();
    assert!(world.callees[0].rung.is_empty());
    world.assert_media_is_back();
}

#[test]
fn a_cancel_of_an_invite_that_waits_at_the_gate_ends_it_there() {
    let mut world = direct(talks());
    world.place_for(offer(&world, "c1"), Duration::from_secs(20));
    world.run_ms(1_000);
    slow(&mut world, Oregon, SLOW);
    let (first, ok) = (world.placed("c1").request.clone(), world.between(Oregon.proxy(), CALLER.edge(1)));
    let ok = ok.into_iter().find(|sip| sip.status() == Some(200)).unwrap().clone();
    let mut update = draft_in_dialog(&first, &ok, "UPDATE", 7).with("Content-Type: application/sdp");
    update.body = sdp(CALLER.edge(1), 40_002);
    let invite = draft_in_dialog(&first, &ok, "INVITE", 8);
    for request in [&update, &invite, &invite.follow("CANCEL", &invite.to)] {
        world.send(CALLER.edge(1), Oregon.proxy(), request.text());
    }
    world.run_ms(50);
    let codes = |method| world.codes(Oregon.proxy(), CALLER.edge(1), method);
    assert_eq!(codes("CANCEL"), [200]);
    assert_eq!(codes("INVITE")[3..], [100, 487], "the first INVITE had 100, 180, 200");
    world.send(CALLER.edge(1), Oregon.proxy(), invite.follow("ACK", &invite.to).text());
    world.settle();
    assert_eq!(world.callees[0].invites("c1"), 1);
    assert!(heard(&world, Virginia, 1).contains(&"UPDATE".to_owned()));
    world.assert_media_is_back();
}

#[test]
fn at_the_gate_there_is_room_for_so_many() {
    let mut world = direct(talks());
    slow(&mut world, Oregon, SLOW);
    world.place_for(offer(&world, "c1"), Duration::from_secs(9));
    for n in 0..1_030 {
        let mut options = Draft::new("OPTIONS", world::NUMBER, "c1", CALLER.edge(1));
        options.branch = format!("z9hG4bK-flood-{n}");
        options.cseq = 100 + n;
        world.send(CALLER.edge(1), Oregon.proxy(), options.text());
    }
    world.run_ms(100);
    assert_eq!(world.codes(Oregon.proxy(), CALLER.edge(1), "OPTIONS"), [503; 6]);
    world.run_ms(1_000);
    let answers = world.codes(Oregon.proxy(), CALLER.edge(1), "OPTIONS");
    assert_eq!(answers.iter().filter(|code| **code == 200).count(), 1_024, "who waited is heard");
    world.settle();
    world.assert_media_is_back();
}

#[test]
fn calls_that_come_to_nothing_give_all_back() {
    let busy = Manner { speech: Speech::Early, answer: Some((Duration::from_millis(50), 486)), ..talks() };
    let mut world = direct(Manner { ring: Some(Duration::from_millis(10)), ..busy });
    world.place(offer(&world, "c1"));
    world.run_ms(600);
    assert_eq!(world.placed("c1").finals, [486]);
    assert_eq!((world.relay(Oregon).orders.len(), world.relay(Virginia).orders.len()), (2, 2));
    let held = |world: &World| world.relay(Oregon).held().len() + world.relay(Virginia).held().len();
    assert_eq!(held(&world), 0, "at once, not when the transaction is over");
    world.settle();

    let mut world = direct(Manner { speech: Speech::Early, answer: None, ..talks() });
    world.place(offer(&world, "c2"));
    world.run_ms(300);
    assert!(held(&world) > 0);
    world.cancel("c2");
    world.run_ms(500);
    assert_eq!((&world.placed("c2").finals[..], held(&world)), (&[487][..], 0));
    world.place(offer(&world, "c3"));
    world.settle();
    assert_eq!(world.placed("c3").finals, [487], "Timer C");
    world.assert_media_is_back();

    let mut world = direct(Manner::deaf());
    world.place(offer(&world, "c4"));
    world.settle();
    assert_eq!(world.placed("c4").finals, [408]);
    world.assert_media_is_back();
}

#[test]
fn a_caller_that_is_challenged_offers_anew() {
    let mut world = direct(Manner::refuses(407));
    let first = offer(&world, "c1");
    world.place(first.clone());
    world.run_ms(500);
    assert_eq!(world.placed("c1").finals, [407]);
    world.callees[0].manner = talks();
    world.place(Draft { cseq: 2, branch: "z9hG4bK-again".to_owned(), ..first });
    world.settle();
    assert_eq!(world.placed("c1").finals, [200]);
    let branches: Vec<&str> = world.relay(Oregon).orders.iter().map(|order| &*order.branch).collect();
    assert!(branches[0] != branches[1] && branches[1] == branches[2], "{branches:?}");
    world.assert_media_is_back();
}

#[test]
fn a_copy_over_another_path_is_anchored_once() {
    let survey = Survey::fair().lossy(Oregon, Virginia).policy(DIRECT_FIRST);
    let mut world = anchored(&survey, talks());
    slow(&mut world, Virginia, SLOW);
    world.place(offer(&world, "c1"));
    world.settle();
    assert_eq!((world.absorbed(Virginia) > 0, world.placed("c1").bye), (true, Some(200)));
    let offers = |place| world.relay(place).orders.iter().filter(|order| order.kind == Kind::Offer).count();
    assert_eq!((offers(Oregon), offers(Virginia)), (1, 1));
    let copies =
        world.packets(Oregon.proxy(), Virginia.proxy()).chain(world.packets(Ohio.proxy(), Virginia.proxy()));
    let bodies: Vec<&str> =
        copies.filter(|packet| packet.sip.is_request("INVITE")).map(|packet| &*packet.sip.body).collect();
    assert!(bodies.len() > 1 && bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    world.assert_media_is_back();
}

#[test]
fn a_copy_keeps_the_description_though_the_mesh_forgets_the_relay_there() {
    let mut world = anchored(&Survey::fair().policy(DIRECT_FIRST), talks());
    world.cut(Oregon, Virginia);
    world.place(offer(&world, "c1"));
    world.run_ms(20);
    assert_eq!(world.packets(Oregon.proxy(), Virginia.proxy()).count(), 1, "the first copy is on its way");
    world.look(Oregon, |view| view.media.clear());
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert_eq!(world.relay(Oregon).told("c1"), ["offer edge>mesh us-east-1", "answer mesh>edge us-east-1"]);
    assert_eq!(world.fates(Oregon, Fate::NoRelayThere), 0);
    world.assert_media_is_back();
}

#[test]
fn a_call_that_goes_to_another_region_after_all_is_offered_there() {
    let mut world = direct(talks());
    world.callee(California.edge(1), talks());
    let mut invite = offer(&world, "c1");
    invite.uri = "sip:+18005550100@mesh.example".to_owned();
    slow(&mut world, Oregon, SLOW);
    world.place(invite);
    world.run_ms(50);
    let table = Survey::fair().dead(California).table(Oregon);
    world.look(Oregon, |view| view.table = table);
    world.settle();
    let told = world.relay(Oregon).told("c1");
    assert_eq!(told[..2], ["offer edge>mesh us-west-1", "offer edge>mesh us-east-1"], "{told:?}");
    let first = world.relay(Oregon).orders[0].branch.clone();
    assert_eq!(world.relay(Oregon).releases[0].branch, first);
    assert_eq!((world.placed("c1").bye, world.callees[1].rung.len()), (Some(200), 0));
    world.assert_media_is_back();
}

/// Registers bob at an element of the edge.
fn register(world: &mut World, place: Place, n: u8, manner: Manner) {
    let at = place.edge(n);
    let call_id = format!("reg-{}-{n}", place.name());
    let mut request = Draft::new("REGISTER", "sip:mesh.example", &call_id, at);
    request.to = "<sip:bob@mesh.example>".to_owned();
    request.extra = vec![format!("Contact: <sip:bob@{at}>")];
    world.send(at, place.proxy(), request.text());
    world.callee(at, manner);
    world.run_ms(50);
}

#[test]
fn devices_that_ring_at_once_have_offers_of_their_own() {
    let mut world = direct(Manner::deaf());
    let later =
        |ms| Manner { answer: Some((Duration::from_millis(ms), 200)), speech: Speech::Early, ..talks() };
    register(&mut world, Virginia, 5, later(200));
    register(&mut world, Virginia, 6, later(2_000));
    register(&mut world, Oregon, 7, later(3_000));
    let mut invite = offer(&world, "b1");
    (invite.uri, invite.to) = ("sip:bob@mesh.example".to_owned(), "<sip:bob@mesh.example>".to_owned());
    world.place(invite);
    world.settle();
    assert_eq!((&world.placed("b1").finals[..], world.placed("b1").bye), (&[200][..], Some(200)));
    let told = world.relay(Oregon).told("b1");
    let count = |what: &str| told.iter().filter(|told| *told == what).count();
    assert_eq!((count("offer edge>mesh us-east-1"), count("offer edge>edge")), (2, 1), "{told:?}");
    for place in [Oregon, Virginia] {
        let offers = world.relay(place).orders.iter().filter(|order| order.kind == Kind::Offer);
        let branches: std::collections::BTreeSet<&str> = offers.clone().map(|order| &*order.branch).collect();
        assert_eq!(branches.len(), offers.count(), "{}", place.name());
    }
    world.assert_media_is_back();
}

#[test]
fn of_a_call_that_is_forked_further_on_each_answer_is_anchored() {
    let mut world = direct(talks());
    world.callees.clear();
    world.place(offer(&world, "c1"));
    world.run_ms(100);
    let there = rung(&world);
    let say = |world: &mut World, code: u16, tag: &str, port: u16| {
        let text = answer(&there, code, tag, CALLEE.edge(1), &sdp(CALLEE.edge(1), port));
        world.send(CALLEE.edge(1), Virginia.proxy(), text);
    };
    say(&mut world, 183, "left", 30_000);
    say(&mut world, 183, "right", 30_100);
    say(&mut world, 200, "right", 30_100);
    world.run_ms(300);
    let heard = world.between(Oregon.proxy(), CALLER.edge(1));
    let bodies: Vec<&str> = heard.iter().filter(|sip| is_sdp(&sip.body)).map(|sip| &*sip.body).collect();
    assert!(bodies.len() == 3 && bodies[0] != bodies[1] && bodies[1] == bodies[2], "{bodies:?}");
    let tags: Vec<&str> = world.relay(Virginia).orders.iter().map(|order| &*order.to_tag).collect();
    assert_eq!(tags, ["", "left", "right"]);
    world.callee(CALLEE.edge(1), talks());
    world.settle();
    world.assert_media_is_back();
}

#[test]
fn without_its_relay_a_call_is_refused_where_one_is_required() {
    let mut world = direct(talks());
    world.relays[Oregon as usize].habit.away = true;
    world.place(offer(&world, "c1"));
    world.settle();
    let refusal =
        world.between(Oregon.proxy(), CALLER.edge(1)).into_iter().find(|sip| sip.status() == Some(503));
    let refusal = refusal.unwrap();
    assert!(refusal.has("Retry-After") && refusal.one("Warning").contains("no media relay"), "{refusal:?}");
    assert_eq!(world.fates(Oregon, Fate::RefusedAway), 1);
    world.assert_media_is_back();

    let mut world = direct(talks());
    world.relays[Virginia as usize].habit.away = true;
    world.place(offer(&world, "c2"));
    world.settle();
    assert_eq!(world.placed("c2").finals, [500], "it is the server there, no path is to blame");
    assert_eq!(world.codes(Virginia.proxy(), Oregon.proxy(), "INVITE"), [100, 503]);
    assert!(world.callees[0].rung.is_empty());
    world.assert_media_is_back();
}

#[test]
fn where_none_is_required_media_goes_its_own_way() {
    let mut world = World::anchored(1, &Survey::fair(), false).with_phones(talks());
    world.relays[Oregon as usize].habit.away = true;
    let invite = offer(&world, "c1");
    world.place(invite.clone());
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert_eq!(world.fates(Oregon, Fate::Away), 1);
    assert_eq!(rung(&world).body, invite.body);
    assert!(world.relay(Virginia).orders.is_empty(), "the egress hears that nothing is anchored");
    world.assert_media_is_back();
}

#[test]
fn a_relay_that_goes_away_before_the_answer_ends_the_call() {
    let mut world = direct(talks());
    world.place(offer(&world, "c1"));
    world.run_ms(100);
    world.relays[Virginia as usize].habit.away = true;
    world.settle();
    assert_eq!(world.placed("c1").finals, [500], "the caller does not wait for media that never comes");
    assert!(!world.callees[0].rung.values().next().unwrap().acked, "and the callee gives up by itself");
    world.assert_media_is_back();
}

#[test]
fn a_183_that_cannot_be_anchored_promises_no_media() {
    let mut world = direct(talks());
    world.callees.clear();
    world.place(offer(&world, "c1"));
    world.run_ms(100);
    world.relays[Virginia as usize].habit.away = true;
    let there = rung(&world);
    let early = answer(&there, 183, "b", CALLEE.edge(1), &sdp(CALLEE.edge(1), 30_000));
    let reliable = early.replace("Content-Type", "Require: 100rel\r\nRSeq: 7\r\nContent-Type");
    world.send(CALLEE.edge(1), Virginia.proxy(), reliable.clone());
    world.send(CALLEE.edge(1), Virginia.proxy(), early);
    world.run_ms(100);
    let ringing: Vec<Sip> = world
        .between(Oregon.proxy(), CALLER.edge(1))
        .into_iter()
        .filter(|sip| sip.status() == Some(183))
        .cloned()
        .collect();
    let [only] = &ringing[..] else { panic!("{ringing:?}") };
    assert!(only.body.is_empty() && !only.has("Content-Type") && !only.has("RSeq"), "{only:?}");
    // It is sent again until it is acknowledged, and by then the relay may be back.
    world.relays[Virginia as usize].habit.away = false;
    world.send(CALLEE.edge(1), Virginia.proxy(), reliable);
    world.run_ms(100);
    let last = world.between(Oregon.proxy(), CALLER.edge(1)).into_iter().last().unwrap();
    assert!(is_sdp(&last.body) && last.one("RSeq") == "7", "{last:?}");
}

#[test]
fn a_description_that_the_relay_cannot_read_is_not_acceptable() {
    let mut world = direct(talks());
    let mut invite = offer(&world, "c1");
    invite.body = invite.body.replace("v=0", "v=one");
    world.place(invite);
    world.settle();
    assert_eq!(world.placed("c1").finals, [488]);
    assert_eq!(world.fates(Oregon, Fate::RefusedMalformed), 1);
    world.assert_media_is_back();
}

#[test]
fn whatever_happens_nothing_is_left() {
    for seed in 1..=30 {
        println!("seed {seed}");
        let mut chance = fastrand::Rng::with_seed(seed);
        let survey = if chance.bool() { Survey::fair() } else { Survey::fair().brownout(Oregon, Virginia) };
        let mut world = World::anchored(seed, &survey, chance.u8(0..4) > 0).with_phones(talks());
        world.weather(Oregon, Virginia, |way| way.loss = 0.05);
        for n in 0..40 {
            let call = format!("c{n}");
            for place in [Oregon, Virginia] {
                let habit = &mut world.relays[place as usize].habit;
                habit.delay = Duration::from_millis(chance.u64(0..300));
                habit.away = chance.u8(0..12) == 0;
            }
            world.callees[0].manner = Manner {
                ring: chance.bool().then(|| Duration::from_millis(chance.u64(0..100))),
                answer: Some((
                    Duration::from_millis(chance.u64(100..600)),
                    [200, 200, 200, 486][chance.usize(0..4)],
                )),
                hang_up: (chance.u8(0..3) == 0).then(|| Duration::from_millis(chance.u64(0..300))),
                speech: if chance.bool() { Speech::Early } else { Speech::Final },
                ..Manner::default()
            };
            let request = if chance.u8(0..4) == 0 { asking(&world, &call) } else { offer(&world, &call) };
            world.place_for(request, Duration::from_millis(chance.u64(0..900)));
            world.run_ms(chance.u64(0..400));
            if chance.u8(0..4) == 0 {
                world.cancel(&call);
            }
        }
        world.settle();
        world.assert_media_is_back();
        let orders = world.relay(Oregon).orders.len() + world.relay(Virginia).orders.len();
        assert!(orders > 50, "{orders}");
    }
}
