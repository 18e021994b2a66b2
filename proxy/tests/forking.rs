//! Who is registered is called: RFC 3261 §10.3 and §16.5 to §16.7, RFC 3327, RFC 5393, RFC 5626.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::time::Duration;
use world::{
    CALLER, Draft, Manner, Sip, Survey, World,
    place::{
        Place::{self, California, Ohio, Oregon, Virginia},
        RING,
    },
};

const BOB: &str = "sip:bob@mesh.example";

fn fair() -> World {
    World::new(&Survey::fair()).with_phones(Manner::default())
}

/// Registers a phone at `n` of a region's edge; gives the answer.
fn register(world: &mut World, place: Place, n: u8, contact: &str, extra: &[&str]) -> Sip {
    let at = place.edge(n);
    let mut request = Draft::new("REGISTER", "sip:mesh.example", &format!("reg-{}-{n}", place.name()), at);
    request.to = format!("<{BOB}>");
    request.extra = vec![format!("Contact: {contact}")];
    request.extra.extend(extra.iter().map(|&line| line.to_owned()));
    world.send(at, place.proxy(), request.text());
    world.run_ms(100);
    let answer = world.between(place.proxy(), at).last().copied().cloned();
    answer.expect("an answer to the REGISTER")
}

/// A phone that is registered.
fn phone(world: &mut World, place: Place, n: u8, q: &str, manner: Manner) {
    let at = place.edge(n);
    let answer = register(world, place, n, &format!("<sip:bob@{at}>;q={q}"), &[]);
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    world.callee(at, manner);
}

fn call_bob(world: &mut World) {
    world.place(Draft::new("INVITE", BOB, "b1", CALLER.edge(1)));
}

fn invites(world: &World, place: Place, n: u8) -> usize {
    let at = place.edge(n);
    world.callees.iter().filter(|callee| callee.at == at).map(|callee| callee.invites("b1")).sum()
}

fn rung(world: &World, place: Place, n: u8) -> u16 {
    let callee = world.callees.iter().find(|callee| callee.at == place.edge(n)).unwrap();
    callee.rung.values().next().map_or(0, |rung| rung.code)
}

#[test]
fn a_registration_is_told_back_refreshed_and_removed() {
    let mut world = fair();
    let at = Virginia.edge(2);
    let contact = format!("<sip:bob@{at}>");
    let answer = register(&mut world, Virginia, 2, &format!("{contact};expires=600"), &[]);
    assert_eq!(answer.status(), Some(200));
    assert!(answer.one("Contact").starts_with(&format!("{contact};expires=600")), "{answer:?}");
    let brief = register(&mut world, Virginia, 3, &format!("{contact};expires=10"), &[]);
    assert_eq!((brief.status(), brief.one("Min-Expires")), (Some(423), "60"));
    let gone = register(&mut world, Virginia, 4, "*", &["Expires: 0"]);
    assert_eq!((gone.status(), gone.has("Contact")), (Some(200), false), "{gone:?}");
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [404]);
    world.assert_drained();
}

#[test]
fn a_stranger_and_the_mesh_register_nobody() {
    let mut world = fair();
    let mut request = Draft::new("REGISTER", "sip:mesh.example", "r1", Oregon.proxy());
    request.to = format!("<{BOB}>");
    world.send(Oregon.proxy(), Virginia.proxy(), request.text());
    world.settle();
    assert_eq!(world.codes(Virginia.proxy(), Oregon.proxy(), "REGISTER"), [403]);
}

#[test]
fn who_is_registered_in_another_region_is_called_there() {
    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::default());
    call_bob(&mut world);
    world.settle();
    let call = world.placed("b1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    let invite = world.request(Virginia.proxy(), Virginia.edge(2), "INVITE");
    assert_eq!(invite.uri(), format!("sip:bob@{}", Virginia.edge(2)), "the contact is the Request-URI");
    assert!(!invite.has("Route"), "our own Path value comes off: {invite:?}");
    world.assert_drained();
}

#[test]
fn in_several_regions_the_device_with_the_best_path_rings() {
    let mut world = fair();
    let instance = ";+sip.instance=\"<urn:uuid:1>\"";
    for (place, reg_id) in [(Virginia, 1), (California, 2)] {
        let contact = format!("<sip:bob@{}>{instance};reg-id={reg_id}", place.edge(2));
        let answer = register(&mut world, place, 2, &contact, &["Supported: path, outbound"]);
        assert_eq!((answer.status(), answer.one("Require")), (Some(200), "outbound"), "{answer:?}");
        world.callee(place.edge(2), Manner::default());
    }
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [200]);
    // One device with two flows: California is 22 ms away, Virginia 64.
    assert_eq!((invites(&world, California, 2), invites(&world, Virginia, 2)), (1, 0));
    world.assert_drained();
}

#[test]
fn devices_of_one_preference_ring_at_once_and_the_first_answer_ends_the_others() {
    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::only_rings());
    phone(&mut world, Ohio, 2, "1.0", Manner::default());
    call_bob(&mut world);
    world.settle();
    let call = world.placed("b1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    assert_eq!((rung(&world, Virginia, 2), rung(&world, Ohio, 2)), (487, 200));
    // RFC 5393 §5.3.3: the breadth is shared.
    let invite = world.request(Ohio.proxy(), Ohio.edge(2), "INVITE");
    assert_eq!(invite.one("Max-Breadth"), "30");
    world.assert_drained();
}

#[test]
fn those_of_the_next_preference_are_called_when_the_first_are_busy_or_rang_for_long() {
    for manner in [Manner::refuses(486), Manner::only_rings(), Manner::deaf()] {
        let mut world = fair();
        let started = world.now;
        phone(&mut world, Virginia, 2, "1.0", manner.clone());
        phone(&mut world, Ohio, 2, "0.5", Manner::default());
        call_bob(&mut world);
        world.settle();
        assert_eq!(world.placed("b1").finals, [200], "{manner:?}");
        let waited = world.placed("b1").answered_at.unwrap() - started;
        assert!(waited < RING + Duration::from_secs(2), "{waited:?}");
        assert_eq!(invites(&world, Ohio, 2), 1);
        world.assert_drained();
    }
}

#[test]
fn of_several_refusals_the_best_goes_up() {
    for (codes, best) in
        [([404, 302], 302), ([503, 486], 486), ([503, 503], 500), ([480, 603], 603), ([415, 486], 415)]
    {
        let mut world = fair();
        phone(&mut world, Virginia, 2, "1.0", Manner::refuses(codes[0]));
        phone(&mut world, Ohio, 2, "1.0", Manner::refuses(codes[1]));
        call_bob(&mut world);
        world.settle();
        assert_eq!(world.placed("b1").finals, [best], "{codes:?}");
        world.assert_drained();
    }
}

#[test]
fn a_603_ends_the_search() {
    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::refuses(603));
    phone(&mut world, Ohio, 2, "1.0", Manner::only_rings());
    phone(&mut world, California, 2, "0.1", Manner::default());
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [603]);
    assert_eq!(rung(&world, Ohio, 2), 487, "who rang was told to stop");
    assert_eq!(invites(&world, California, 2), 0);
    world.assert_drained();
}

#[test]
fn a_cancel_ends_every_branch() {
    let mut world = fair();
    for (place, n) in [(Virginia, 2), (Ohio, 2), (Oregon, 7)] {
        phone(&mut world, place, n, "1.0", Manner::only_rings());
    }
    phone(&mut world, California, 2, "0.5", Manner::default());
    call_bob(&mut world);
    world.run_ms(500);
    world.cancel("b1");
    world.settle();
    assert_eq!((&world.placed("b1").finals[..], world.placed("b1").cancel), (&[487][..], Some(200)));
    for (place, n) in [(Virginia, 2), (Ohio, 2), (Oregon, 7)] {
        assert_eq!(rung(&world, place, n), 487, "{place:?}");
    }
    assert_eq!(invites(&world, California, 2), 0, "no tier begins after a CANCEL");
    world.assert_drained();
}

#[test]
fn a_narrow_request_rings_one_device_after_the_other() {
    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::refuses(486));
    phone(&mut world, Ohio, 2, "1.0", Manner::refuses(480));
    world.place(Draft::new("INVITE", BOB, "b1", CALLER.edge(1)).with("Max-Breadth: 1"));
    world.settle();
    assert_eq!((invites(&world, Virginia, 2), invites(&world, Ohio, 2)), (1, 1));
    let at = |place: Place| world.packets(place.proxy(), place.edge(2)).next().unwrap().at;
    assert_ne!(at(Virginia), at(Ohio), "not at once");

    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::default());
    world.place(Draft::new("INVITE", BOB, "b1", CALLER.edge(1)).with("Max-Breadth: 0"));
    world.settle();
    assert_eq!(world.placed("b1").finals, [440]);
    world.assert_drained();
}

#[test]
fn a_path_leads_through_the_border() {
    let mut world = fair();
    let sbc = Virginia.edge(5);
    let path = format!("Path: <sip:{sbc};lr>");
    let answer = register(&mut world, Virginia, 5, "<sip:bob@192.168.0.9>", &[&path, "Supported: path"]);
    assert_eq!(answer.one("Path"), format!("<sip:{sbc};lr>"));
    world.callee(sbc, Manner::default());
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [200]);
    let invite = world.request(Virginia.proxy(), sbc, "INVITE");
    assert_eq!(
        (invite.uri(), invite.all("Route")),
        ("sip:bob@192.168.0.9", vec![&*format!("<sip:{sbc};lr>")])
    );
    world.assert_drained();
}

#[test]
fn a_path_out_of_the_edge_leads_nowhere() {
    let mut world = fair();
    register(&mut world, Virginia, 5, "<sip:bob@192.168.0.9>", &["Path: <sip:192.0.2.66;lr>"]);
    call_bob(&mut world);
    world.settle();
    assert!(world.placed("b1").finals[0] >= 400);
    assert!(world.wire.iter().all(|packet| packet.to.ip().to_string() != "192.0.2.66"));
    world.assert_drained();
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_it_registered_from_and_in_the_dialog_too() {
    let mut world = fair();
    let nat = Virginia.edge(6);
    register(&mut world, Virginia, 6, "<sip:bob@192.168.0.9:5060>", &[]);
    let manner = Manner { hang_up: Some(Duration::from_secs(1)), ..Manner::default() };
    world.callee(nat, manner);
    world.place_for(Draft::new("INVITE", BOB, "b1", CALLER.edge(1)), Duration::from_secs(60));
    world.settle();
    let call = world.placed("b1");
    assert_eq!((&call.finals[..], call.hung_up), (&[200][..], 1));
    let invite = world.request(Virginia.proxy(), nat, "INVITE");
    assert_eq!(invite.uri(), "sip:bob@192.168.0.9:5060");
    assert!(invite.all("Record-Route")[0].starts_with("<sip:flow~"), "{invite:?}");
    world.request(Virginia.proxy(), nat, "ACK");
    world.assert_drained();
}

#[test]
fn nobody_there_is_a_404_and_nobody_reachable_a_480() {
    let mut world = fair();
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [404]);

    let mut world = World::with_views(1, world::place::views(&Survey::fair(), &[]));
    world.callers.push(world::Caller::new(CALLER.edge(1)));
    phone(&mut world, Virginia, 2, "1.0", Manner::default());
    world.look(Oregon, |view| view.table = Survey::fair().dead(Virginia).table(Oregon));
    call_bob(&mut world);
    world.settle();
    assert_eq!(world.placed("b1").finals, [480]);
    world.assert_drained();
}

#[test]
fn a_request_that_was_forked_before_us_is_taken_once() {
    let mut world = fair();
    phone(&mut world, Virginia, 2, "1.0", Manner::default());
    call_bob(&mut world);
    let mut again = Draft::new("INVITE", BOB, "b1", CALLER.edge(1));
    again.branch = "z9hG4bK-other-fork".into();
    let at = CALLER.edge(2);
    again.sent_by = at;
    world.send(at, Oregon.proxy(), again.text());
    world.settle();
    assert_eq!(world.codes(Oregon.proxy(), at, "INVITE").last(), Some(&482));
    assert_eq!((&world.placed("b1").finals[..], invites(&world, Virginia, 2)), (&[200][..], 1));
    world.assert_drained();
}
