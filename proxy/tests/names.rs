//! Names on the way out (RFC 3263), and messages that are too long for a datagram (RFC 3261 §18.1.1).

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_sip::Peer;
use world::{
    CALLER, Draft, Manner, Survey, World,
    place::{
        EDGE_TIMEOUT,
        Place::{Ohio, Oregon, Virginia},
    },
};

const PBX: &str = "sip:+15575550100@mesh.example";

fn fair() -> World {
    World::new(&Survey::fair()).with_phones(Manner::default())
}

fn call_pbx(world: &mut World) {
    world.place(Draft::new("INVITE", PBX, "p1", CALLER.edge(1)));
    world.settle();
}

#[test]
fn a_name_in_the_dial_plan_is_looked_up_and_the_ack_and_the_bye_find_their_way() {
    let mut world = fair();
    world.library.hosts.insert("pbx.example".into(), vec![Peer::udp(Virginia.edge(1))]);
    call_pbx(&mut world);
    let call = world.placed("p1");
    assert_eq!((&call.finals[..], call.bye), (&[200][..], Some(200)));
    world.assert_drained();
}

#[test]
fn the_next_address_is_tried_when_one_is_silent_refuses_or_is_overloaded() {
    for manner in [Manner::deaf(), Manner::refuses(503)] {
        let mut world = fair();
        let peers = [2, 1].map(|n| Peer::udp(Virginia.edge(n)));
        world.library.hosts.insert("pbx.example".into(), peers.to_vec());
        world.callee(Virginia.edge(2), manner.clone());
        call_pbx(&mut world);
        assert_eq!(world.placed("p1").finals, [200], "{manner:?}");
        assert!(world.placed("p1").answered_at.unwrap() < 2 * EDGE_TIMEOUT);
        world.assert_drained();
    }
}

#[test]
fn dns_that_is_away_or_knows_nothing_or_lies_leads_nowhere() {
    let mut world = fair();
    world.library.dns_away = true;
    call_pbx(&mut world);
    assert_eq!(world.placed("p1").finals, [504]);
    world.assert_drained();

    let mut world = fair();
    call_pbx(&mut world);
    assert_eq!(world.placed("p1").finals, [404]);
    world.assert_drained();

    let mut world = fair();
    let lie = Peer::udp("192.0.2.66:5060".parse().unwrap());
    world.library.hosts.insert("pbx.example".into(), vec![lie, Peer::udp(Oregon.edge(1))]);
    call_pbx(&mut world);
    assert_eq!(world.placed("p1").finals, [403], "neither is of Virginia's edge");
    assert!(world.wire.iter().all(|packet| packet.to != lie.address));
    world.assert_drained();
}

#[test]
fn a_contact_that_is_a_name_is_asked_for_in_the_dialog() {
    let mut world = fair();
    world.library.hosts.insert("pbx.example".into(), vec![Peer::udp(Virginia.edge(1))]);
    world.library.hosts.insert("phone.example".into(), vec![Peer::udp(CALLER.edge(1))]);
    world.callees[0].manner.hang_up = Some(std::time::Duration::from_secs(1));
    let mut invite = Draft::new("INVITE", PBX, "p1", CALLER.edge(1));
    invite.extra = vec!["Contact: <sip:caller@phone.example>".into()];
    world.place_for(invite, std::time::Duration::from_secs(60));
    world.settle();
    assert_eq!(world.placed("p1").hung_up, 1, "the BYE of the callee goes to phone.example");
    world.assert_drained();
}

#[test]
fn what_is_long_goes_over_tcp_and_as_a_datagram_where_nobody_listens() {
    for no_streams in [false, true] {
        let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
        world.no_streams = no_streams;
        let mut invite = world.invite("l1");
        invite.body = "x".repeat(1_300);
        world.place(invite);
        world.settle();
        assert_eq!(world.placed("l1").finals, [200]);
        let over = if no_streams { "SIP/2.0/UDP " } else { "SIP/2.0/TCP " };
        for (from, to) in [(Oregon.proxy(), Ohio.proxy()), (Ohio.proxy(), Virginia.proxy())] {
            let invite = world.request(from, to, "INVITE");
            assert!(invite.all("Via")[0].starts_with(over), "{invite:?}");
        }
        assert_eq!(world.callees[0].invites("l1"), 1);
        world.assert_drained();
    }
}
