//! Media is anchored where calls enter and leave the mesh: which descriptions go to the media relay, in which direction, and
//! what is left of a call when it is over. The relays of this world are a model of a few lines (`world/relay.rs`).

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::media::{Fate, Kind, Side};
use std::{net::SocketAddr, time::Duration};
use world::{
    CALLEE, CALLER, Draft, Manner, NUMBER, Place, Sip, Survey, World,
    callee::Speech,
    caller::draft_in_dialog,
    place::Place::{Ohio, Oregon, Virginia},
    sip::{answer, is_sdp, sdp},
};

const TUNNEL: &str = "a=ringway-tunnel:1 ";

/// Calls from Oregon to Virginia go via Ohio; every region has a relay, and needs it.
fn anchored(speech: Speech) -> World {
    let survey = Survey::fair().brownout(Oregon, Virginia);
    World::anchored(1, &survey, true).with_phones(Manner { speech, ..Manner::default() })
}

fn offer(world: &World, call_id: &str) -> Draft {
    let mut invite = world.invite(call_id);
    invite.body = sdp(CALLER.edge(1), 40_000);
    invite
}

/// What one description says: its address, its first port, and whether it speaks of tunnels.
fn said(sip: &Sip) -> (String, u16, bool) {
    let line = |start: &str| sip.body.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    let port = line("m=").split(' ').nth(1).unwrap_or("0").parse().unwrap();
    assert_eq!(sip.one("Content-Length"), sip.body.len().to_string(), "{}", sip.start);
    (line("c=IN IP4 ").to_owned(), port, sip.body.contains(TUNNEL))
}

fn address(place: Place) -> String {
    format!("10.{}.2.1", place as u8 + 1)
}

fn ok(world: &World, from: SocketAddr, to: SocketAddr, method: &str) -> Sip {
    let all = world.between(from, to);
    all.into_iter().find(|sip| sip.status() == Some(200) && sip.method() == method).unwrap().clone()
}

#[test]
fn both_legs_of_a_call_are_anchored_and_the_relay_region_touches_nothing() {
    let mut world = anchored(Speech::Final);
    world.place(offer(&world, "c1"));
    world.settle();
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    let stations = [CALLER.edge(1), Oregon.proxy(), Ohio.proxy(), Virginia.proxy(), CALLEE.edge(1)];
    let invite = |hop: usize| said(world.request(stations[hop], stations[hop + 1], "INVITE"));
    assert_eq!(invite(0), ("10.1.1.1".to_owned(), 40_000, false));
    assert_eq!((invite(1).0, invite(1).2), (address(Oregon), true));
    assert_eq!(invite(2), invite(1), "Ohio is in transit");
    assert_eq!((invite(3).0, invite(3).2), (address(Virginia), false));
    let answer = |hop: usize| said(&ok(&world, stations[hop + 1], stations[hop], "INVITE"));
    assert_eq!(answer(3), ("10.4.1.1".to_owned(), 30_000, false));
    assert_eq!((answer(2).0, answer(2).2), (address(Virginia), true));
    assert_eq!(answer(1), answer(2));
    assert_eq!((answer(0).0, answer(0).2), (address(Oregon), false));
    assert_eq!(world.relay(Oregon).told("c1"), ["offer edge>mesh us-east-1", "answer mesh>edge us-east-1"]);
    assert_eq!(world.relay(Virginia).told("c1"), ["offer mesh>edge us-west-2", "answer edge>mesh us-west-2"]);
    assert!(world.relay(Ohio).orders.is_empty());
    world.assert_media_is_back();
}

#[test]
fn an_order_says_who_speaks_and_of_which_offer() {
    let mut world = anchored(Speech::Final);
    world.place(offer(&world, "c1").with("Subject: x"));
    world.settle();
    for place in [Oregon, Virginia] {
        let [offer, answer] = &world.relay(place).orders[..] else {
            panic!("two orders in {}", place.name())
        };
        assert_eq!((offer.kind, answer.kind), (Kind::Offer, Kind::Answer));
        assert_eq!((&*offer.from_tag, &*offer.to_tag), ("from-c1", ""));
        assert_eq!((&*answer.from_tag, &*answer.to_tag), ("from-c1", "callee1"));
        assert!(!offer.branch.is_empty() && offer.branch == answer.branch, "{offer:?} {answer:?}");
        assert_eq!(offer.traffic.class.as_str(), "voice");
        assert_eq!(offer.received_from, None, "the caller's contact is where it sends from");
    }
}

#[test]
fn a_phone_behind_a_nat_is_told_of() {
    let mut world = anchored(Speech::Final);
    let mut invite = offer(&world, "c1");
    invite.extra[0] = "Contact: <sip:caller@192.168.1.7:5060>".to_owned();
    world.place(invite);
    world.settle();
    let orders = &world.relay(Oregon).orders;
    assert_eq!(orders[0].received_from, Some(CALLER.edge(1).ip()));
    assert_eq!((orders[1].way.from, orders[1].received_from), (Side::Mesh, None));
}

#[test]
fn a_call_within_a_region_is_anchored_once() {
    let mut world = anchored(Speech::Final);
    world.callee(Oregon.edge(9), Manner { speech: Speech::Final, ..Manner::default() });
    let mut invite = offer(&world, "c1");
    invite.uri = "sip:+12065550199@mesh.example".to_owned();
    world.place(invite);
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert_eq!(world.relay(Oregon).told("c1"), ["offer edge>edge", "answer edge>edge"]);
    let there = said(world.request(Oregon.proxy(), Oregon.edge(9), "INVITE"));
    assert_eq!((there.0, there.2), (address(Oregon), false));
    world.assert_media_is_back();
}

#[test]
fn without_a_relay_at_the_other_end_media_goes_its_own_way() {
    let mut world = anchored(Speech::Final);
    world.look(Oregon, |view| view.media.clear());
    let mut invite = offer(&world, "c1");
    invite.body += "a=ringway-tunnel:1 00000001 00000001\r\n";
    world.place(invite);
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert!(world.relay(Oregon).orders.is_empty() && world.relay(Virginia).orders.is_empty());
    let fates = [Fate::NoRelayThere, Fate::Stripped].map(|fate| world.fates(Oregon, fate));
    assert_eq!(fates, [1, 1], "what only relays say does not come in with it");
    let there = said(world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE"));
    assert_eq!(there, ("10.1.1.1".to_owned(), 40_000, false));
    world.assert_media_is_back();
}

#[test]
fn nobody_at_the_edge_speaks_like_a_relay() {
    // Without any relay at all, too.
    let survey = Survey::fair();
    let mut world = World::new(&survey).with_phones(Manner::only_rings());
    let mut invite = offer(&world, "c1");
    invite.body += "a=ringway-tunnel:1 00000001 00000001\r\n";
    world.place(invite);
    world.run_ms(100);
    let there = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE").clone();
    assert!(!said(&there).2 && !said(world.request(Oregon.proxy(), Virginia.proxy(), "INVITE")).2);
    let body = sdp(CALLEE.edge(1), 30_000) + "a=ringway-tunnel:1 00000001 00000001\r\n";
    world.send(CALLEE.edge(1), Virginia.proxy(), answer(&there, 200, "forger", CALLEE.edge(1), &body));
    world.settle();
    assert!(!said(&ok(&world, Virginia.proxy(), Oregon.proxy(), "INVITE")).2);
    assert_eq!(said(&ok(&world, Oregon.proxy(), CALLER.edge(1), "INVITE")).1, 30_000);
}

#[test]
fn nobody_at_the_edge_speaks_like_an_ingress() {
    let mut world = anchored(Speech::Final);
    world.look(Oregon, |view| view.media.clear());
    let forged = "Via: SIP/2.0/UDP 10.1.1.9;branch=z9hG4bKx;rw-token=0123456789abcdef;rw-media=us-west-2";
    world.place(offer(&world, "c1").with(forged));
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert!(world.relay(Virginia).orders.is_empty(), "only what the Via of the ingress says counts");
}

#[test]
fn the_callee_may_make_the_offer() {
    let mut world = anchored(Speech::Final);
    let mut invite = world.invite("c1");
    invite.body = String::new();
    invite.extra.truncate(1);
    world.place(invite);
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert_eq!(world.relay(Virginia).told("c1"), ["offer edge>mesh us-west-2", "answer mesh>edge"]);
    assert_eq!(world.relay(Oregon).told("c1"), ["offer mesh>edge us-east-1", "answer edge>mesh us-east-1"]);
    for order in &world.relay(Oregon).orders {
        assert_eq!(
            (&*order.from_tag, &*order.to_tag),
            ("callee1", "from-c1"),
            "who offers, then who answers"
        );
    }
    let ack = said(world.request(Virginia.proxy(), CALLEE.edge(1), "ACK"));
    assert_eq!((ack.0, ack.2), (address(Virginia), false));
    world.assert_media_is_back();
}

#[test]
fn a_copy_of_the_ack_asks_nobody_again() {
    let mut world = anchored(Speech::Final);
    world.way(Virginia, Oregon).delay = Duration::from_millis(700);
    world.way(Ohio, Oregon).delay = Duration::from_millis(700);
    let mut invite = world.invite("c1");
    (invite.body, invite.extra) = (String::new(), vec![invite.extra[0].clone()]);
    world.place_for(invite, Duration::from_secs(5));
    world.settle();
    let acks =
        world.between(CALLER.edge(1), Oregon.proxy()).iter().filter(|sip| sip.is_request("ACK")).count();
    assert!(acks > 1, "the callee repeated its 200");
    assert_eq!(world.relay(Oregon).orders.len(), 2);
    world.assert_media_is_back();
}

#[test]
fn early_media_is_answered_once_for_all_its_copies() {
    let mut world = anchored(Speech::Early);
    world.place(offer(&world, "c1"));
    world.settle();
    let stations = world.between(Oregon.proxy(), CALLER.edge(1));
    let early = stations.iter().find(|sip| sip.status() == Some(183)).unwrap();
    assert_eq!(said(early).0, address(Oregon));
    assert_eq!(said(early), said(&ok(&world, Oregon.proxy(), CALLER.edge(1), "INVITE")));
    assert_eq!((world.relay(Oregon).orders.len(), world.relay(Virginia).orders.len()), (2, 2));
    world.assert_media_is_back();
}

/// An established call, the caller's INVITE, and the 200 that it heard.
fn established() -> (World, Draft, Sip) {
    let mut world = anchored(Speech::Final);
    world.place_for(offer(&world, "c1"), Duration::from_secs(30));
    world.run(Duration::from_secs(2));
    let (invite, ok) =
        (world.placed("c1").request.clone(), ok(&world, Oregon.proxy(), CALLER.edge(1), "INVITE"));
    (world, invite, ok)
}

/// A request in the dialog from the caller, or from the callee.
fn in_dialog(world: &World, (invite, ok): (&Draft, &Sip), method: &str, from_caller: bool) -> Draft {
    let mut draft = draft_in_dialog(invite, ok, method, 7);
    if !from_caller {
        let there = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE");
        draft.sent_by = CALLEE.edge(1);
        draft.uri = there.one("Contact").trim_matches(['<', '>']).to_owned();
        draft.routes = there.all("Record-Route").iter().map(|&route| route.to_owned()).collect();
        (draft.from, draft.to) = (ok.one("To").to_owned(), there.one("From").to_owned());
    }
    draft.extra =
        vec![format!("Contact: <sip:x@{}>", draft.sent_by), "Content-Type: application/sdp".to_owned()];
    draft.body = sdp(draft.sent_by, 50_000);
    draft
}

#[test]
fn offers_in_the_dialog_go_either_way() {
    for method in ["INVITE", "UPDATE"] {
        for from_caller in [true, false] {
            let (mut world, invite, heard) = established();
            let (near, far) = if from_caller { (Oregon, Virginia) } else { (Virginia, Oregon) };
            let request = in_dialog(&world, (&invite, &heard), method, from_caller);
            let before = world.relay(near).orders.len();
            world.send(request.sent_by, near.proxy(), request.text());
            world.run_ms(700);
            let answered = ok(&world, near.proxy(), request.sent_by, method);
            assert!(is_sdp(&answered.body), "{method} {from_caller}: {answered:?}");
            assert_eq!(said(&answered).0, address(near));
            let there = format!("offer edge>mesh {}", far.name());
            let back = format!("answer mesh>edge {}", far.name());
            assert_eq!(world.relay(near).told("c1")[before..], [there, back], "{method} {from_caller}");
            let told = &world.relay(far).told("c1")[before..];
            assert_eq!(
                told,
                [format!("offer mesh>edge {}", near.name()), format!("answer edge>mesh {}", near.name())]
            );
            assert!(world.relay(near).orders[before..].iter().all(|order| order.branch.is_empty()));
            if method == "INVITE" {
                let mut ack = request.follow("ACK", &request.to);
                ack.branch += "-ack";
                world.send(ack.sent_by, near.proxy(), ack.text());
            }
            world.settle();
            assert_eq!(world.placed("c1").bye, Some(200));
            world.assert_media_is_back();
        }
    }
}

#[test]
fn an_offer_in_the_dialog_that_is_refused_gives_nothing_back() {
    let (mut world, invite, heard) = established();
    world.callees[0].manner = Manner::refuses(488);
    let request = in_dialog(&world, (&invite, &heard), "INVITE", true);
    world.send(request.sent_by, Oregon.proxy(), request.text());
    world.run_ms(500);
    let codes = world.codes(Oregon.proxy(), CALLER.edge(1), "INVITE");
    assert_eq!(codes.last(), Some(&488), "{codes:?}");
    assert!(world.relay(Oregon).releases.is_empty(), "RFC 3261 section 14.1: all stays as it was");
    world.settle();
    world.assert_media_is_back();
}

#[test]
fn whoever_hangs_up_gives_back_and_a_challenge_does_not() {
    let (mut world, invite, heard) = established();
    let mut bye = in_dialog(&world, (&invite, &heard), "BYE", false);
    bye.body = String::new();
    world.callees[0].manner.deaf_until = Duration::MAX;
    world.send(bye.sent_by, Virginia.proxy(), bye.text());
    world.run_ms(200);
    assert_eq!(world.relay(Oregon).releases.len(), 1);
    assert_eq!((world.relay(Oregon).held().len(), world.relay(Virginia).held().len()), (0, 0));

    let (mut world, invite, heard) = established();
    world.callees.clear();
    let mut bye = in_dialog(&world, (&invite, &heard), "BYE", true);
    bye.body = String::new();
    world.send(bye.sent_by, Oregon.proxy(), bye.text());
    world.run_ms(100);
    let there = world.request(Virginia.proxy(), CALLEE.edge(1), "BYE").clone();
    world.send(CALLEE.edge(1), Virginia.proxy(), answer(&there, 407, "callee1", CALLEE.edge(1), ""));
    world.run_ms(100);
    assert!(world.relay(Oregon).releases.is_empty() && world.relay(Virginia).releases.is_empty());
}

#[test]
fn the_answer_to_an_offer_in_a_reliable_183_comes_in_its_prack() {
    let mut world = anchored(Speech::Final);
    (world.callees[0].manner.ring, world.callees[0].manner.answer) = (None, None);
    let mut invite = world.invite("c1");
    (invite.body, invite.extra) = (String::new(), vec![invite.extra[0].clone()]);
    world.place(invite);
    world.run_ms(100);
    let there = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE").clone();
    let body = sdp(CALLEE.edge(1), 30_000);
    let early = answer(&there, 183, "callee1", CALLEE.edge(1), &body)
        .replace("Content-Type", "Require: 100rel\r\nRSeq: 1\r\nContent-Type");
    world.send(CALLEE.edge(1), Virginia.proxy(), early.clone());
    world.send(CALLEE.edge(1), Virginia.proxy(), early);
    world.run_ms(100);
    let heard =
        world.between(Oregon.proxy(), CALLER.edge(1)).into_iter().find(|sip| sip.status() == Some(183));
    let heard = heard.unwrap().clone();
    assert_eq!(said(&heard).0, address(Oregon));
    let first = world.placed("c1").request.clone();
    let mut prack = draft_in_dialog(&first, &heard, "PRACK", 2).with("RAck: 1 1 INVITE");
    prack = prack.with("Content-Type: application/sdp");
    prack.body = sdp(CALLER.edge(1), 43_000);
    world.send(CALLER.edge(1), Oregon.proxy(), prack.text());
    world.run_ms(100);
    assert_eq!(world.relay(Oregon).told("c1"), ["offer mesh>edge us-east-1", "answer edge>mesh us-east-1"]);
    assert_eq!(world.relay(Virginia).told("c1"), ["offer edge>mesh us-west-2", "answer mesh>edge us-west-2"]);
    assert_eq!(said(world.request(Virginia.proxy(), CALLEE.edge(1), "PRACK")).0, address(Virginia));
    // RFC 3262 §5: the next description from there is an offer again.
    let mut update = draft_in_dialog(&first, &heard, "UPDATE", 3).with("Content-Type: application/sdp");
    update.body = sdp(CALLER.edge(1), 44_000);
    world.send(CALLER.edge(1), Oregon.proxy(), update.text());
    world.run_ms(200);
    let told = &world.relay(Oregon).told("c1")[2..];
    assert_eq!(
        told,
        ["offer edge>mesh us-east-1", "answer mesh>edge us-east-1"],
        "and the 200 to the PRACK nothing"
    );
    world.send(CALLEE.edge(1), Virginia.proxy(), answer(&there, 486, "callee1", CALLEE.edge(1), ""));
    world.settle();
    world.assert_media_is_back();
}

#[test]
fn a_description_among_other_parts_is_rewritten_there() {
    let mut world = anchored(Speech::Final);
    let mut invite = offer(&world, "c1");
    invite.extra[1] = "Content-Type: multipart/mixed;boundary=b".to_owned();
    let isup = "--b\r\nContent-Type: application/isup\r\n\r\n\u{1}\u{2}\r\n--b--\r\n";
    invite.body = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n{isup}", invite.body);
    world.place(invite);
    world.settle();
    let there = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE");
    assert_eq!(said(there).0, address(Virginia));
    assert!(there.body.starts_with("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "{}", there.body);
    assert!(there.body.ends_with(&format!("\r\n\r\n{isup}")), "{}", there.body);
    assert_eq!(world.placed("c1").bye, Some(200));
    world.assert_media_is_back();
}

#[test]
fn a_body_that_is_not_understood_passes_and_is_counted() {
    let mut world = anchored(Speech::Final);
    let invite = offer(&world, "c1").with("Content-Encoding: gzip");
    world.place(invite);
    world.settle();
    assert_eq!(world.fates(Oregon, Fate::Strange), 1);
    assert!(world.relay(Oregon).orders.is_empty() && world.relay(Virginia).orders.is_empty());
    assert_eq!(world.placed("c1").bye, Some(200));
}

#[test]
fn abilities_in_an_options_are_nobodys_offer() {
    let mut world = anchored(Speech::Final);
    let mut options =
        Draft::new("OPTIONS", NUMBER, "o1", CALLER.edge(1)).with("Content-Type: application/sdp");
    options.body = sdp(CALLER.edge(1), 40_000);
    world.place(options);
    world.settle();
    assert_eq!(world.placed("o1").finals, [200]);
    assert!(world.relay(Oregon).orders.is_empty());
}

#[test]
fn without_settings_nothing_is_asked() {
    let mut world =
        World::new(&Survey::fair()).with_phones(Manner { speech: Speech::Final, ..Manner::default() });
    world.place(offer(&world, "c1"));
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert!(world.relay(Oregon).orders.is_empty() && world.relay(Oregon).releases.is_empty());
}
