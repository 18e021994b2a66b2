//! CANCEL, Timer C, and the acknowledgment of failures: RFC 3261 §9, §16.8, §16.10, §17.1.1.3.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::time::Duration;
use world::{
    CALLEE, CALLER, Draft, Manner, NUMBER, Survey, World,
    place::{
        Place::{Ohio, Oregon, Virginia},
        TIMER_C,
    },
};

/// Calls from Oregon to Virginia go via Ohio.
fn relayed(manner: Manner) -> World {
    World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(manner)
}

/// The call ended with 487 at both ends, on every hop, and nothing is left.
fn assert_canceled(world: &World, call_id: &str) {
    let call = world.placed(call_id);
    assert_eq!((&call.finals[..], call.cancel), (&[487][..], Some(200)));
    assert_eq!(world.callees[0].invites(call_id), 1);
    let rung = world.callees[0].rung.values().next().unwrap();
    assert_eq!((rung.code, rung.acked), (487, true));
    world.assert_drained();
}

#[test]
fn after_180_the_cancel_goes_hop_by_hop_and_487_comes_back() {
    let mut world = relayed(Manner::only_rings());
    world.call("c1");
    world.run_ms(1_000);
    assert_eq!(world.placed("c1").rings, 1);
    world.cancel("c1");
    world.settle();
    assert_canceled(&world, "c1");
    let hops = [CALLER.edge(1), Oregon.proxy(), Ohio.proxy(), Virginia.proxy(), CALLEE.edge(1)];
    for hop in hops.windows(2) {
        let invite = world.request(hop[0], hop[1], "INVITE").clone();
        let cancel = world.request(hop[0], hop[1], "CANCEL");
        // RFC 3261 §9.1: Request-URI, top Via and Route of the INVITE as it was sent on this hop, and one Via only.
        assert_eq!((cancel.uri(), cancel.all("Via")), (invite.uri(), vec![invite.all("Via")[0]]));
        assert_eq!(cancel.all("Route"), invite.all("Route"));
        assert_eq!(world.codes(hop[1], hop[0], "CANCEL"), [200]);
        // RFC 3261 §17.1.1.3: so is the ACK to the 487.
        let ack = world.request(hop[0], hop[1], "ACK");
        assert_eq!((ack.branch(), ack.all("Via").len()), (invite.branch(), 1));
    }
}

#[test]
fn before_180_the_callee_is_still_reached_by_the_cancel() {
    let manner = Manner { ring: Some(Duration::from_millis(400)), ..Manner::only_rings() };
    let mut world = relayed(manner);
    world.call("c1");
    world.run_ms(20);
    world.cancel("c1");
    world.settle();
    assert_canceled(&world, "c1");
}

#[test]
fn a_cancel_that_comes_while_two_copies_are_under_way_ends_both() {
    let mut world = relayed(Manner::only_rings());
    // Ohio is slow, so that the second copy sets out; both arrive.
    world.weather(Oregon, Ohio, |way| way.delay = Duration::from_millis(400));
    world.call("c1");
    world.run_ms(900);
    assert_eq!((world.paths().len(), world.absorbed(Virginia)), (2, 1));
    world.cancel("c1");
    world.settle();
    assert_canceled(&world, "c1");
}

#[test]
fn a_cancel_for_nothing_is_a_481() {
    let mut world = relayed(Manner::default());
    let cancel = Draft::new("CANCEL", NUMBER, "c1", CALLER.edge(1));
    world.place(cancel);
    world.settle();
    assert_eq!(world.placed("c1").cancel, Some(481));
    assert!(world.wire.iter().all(|packet| packet.to != Ohio.proxy()));
    world.assert_drained();
}

#[test]
fn a_200_that_crosses_the_cancel_wins() {
    let manner = Manner { answer: Some((Duration::from_millis(200), 200)), ..Manner::default() };
    let mut world = relayed(manner);
    world.call("c1");
    // The 200 leaves the callee at 235 ms; this CANCEL meets it half way.
    world.run_ms(215);
    world.cancel("c1");
    world.settle();
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.cancel, call.bye), (&[200][..], Some(200), Some(200)));
    assert!(world.callees[0].rung.values().all(|rung| rung.code == 200 && rung.acked));
    world.assert_drained();
}

#[test]
fn who_rings_for_longer_than_timer_c_is_canceled() {
    let mut world = relayed(Manner::only_rings());
    world.call("c1");
    world.run(TIMER_C - Duration::from_secs(1));
    assert!(world.callees[0].rung.values().all(|rung| rung.code == 180));
    world.settle();
    let call = world.placed("c1");
    assert_eq!((&call.finals[..], call.cancel), (&[487][..], None));
    assert!(call.answered_at.unwrap() < TIMER_C + Duration::from_secs(2));
    world.request(Virginia.proxy(), CALLEE.edge(1), "CANCEL");
    world.assert_drained();
}

#[test]
fn each_further_180_gives_the_callee_another_timer_c() {
    let mut world =
        relayed(Manner { answer: Some((TIMER_C + Duration::from_secs(60), 200)), ..Manner::default() });
    world.call("c1");
    world.run(Duration::from_secs(100));
    let again = world.callees[0].rung.values().next().unwrap().last.clone().unwrap();
    world.send(CALLEE.edge(1), Virginia.proxy(), again);
    world.settle();
    assert_eq!((world.placed("c1").rings, &world.placed("c1").finals[..]), (2, &[200][..]));
}

#[test]
fn a_failure_is_acknowledged_hop_by_hop() {
    let mut world = relayed(Manner::refuses(486));
    world.call("c1");
    world.settle();
    assert_eq!(world.placed("c1").finals, [486]);
    let hops = [CALLER.edge(1), Oregon.proxy(), Ohio.proxy(), Virginia.proxy(), CALLEE.edge(1)];
    for hop in hops.windows(2) {
        let acks: Vec<_> =
            world.between(hop[0], hop[1]).into_iter().filter(|sip| sip.is_request("ACK")).collect();
        let invite = world.request(hop[0], hop[1], "INVITE");
        assert_eq!((acks.len(), acks[0].branch()), (1, invite.branch()), "one for each hop, none passed on");
        assert_eq!(world.codes(hop[1], hop[0], "INVITE").last(), Some(&486));
    }
    world.assert_drained();
}

#[test]
fn copies_of_a_200_pass_until_the_ack_arrives() {
    let mut world = relayed(Manner::default());
    world.call("c1");
    world.run_ms(150);
    // ACKs are lost for two seconds, the 200 is not.
    world.way(Oregon, Ohio).cut = true;
    world.run_ms(2_000);
    assert_eq!(world.placed("c1").finals, [200, 200, 200]);
    world.way(Oregon, Ohio).cut = false;
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    assert!(world.callees[0].rung.values().all(|rung| rung.acked));
    world.assert_drained();
}
