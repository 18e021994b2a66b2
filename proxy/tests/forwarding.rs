//! RFC 3261 §16 from hop to hop: what a call, and every other request, looks like on its way through the mesh.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::{collections::BTreeSet, time::Duration};
use world::{
    CALLEE, CALLER, Draft, Manner, NUMBER, Place, Sip, Survey, World,
    place::Place::{California, Ohio, Oregon, Virginia},
    sip::parameter,
};

/// Direct is browned out: calls between Oregon and Virginia go via Ohio.
fn relayed() -> World {
    World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default())
}

/// The stations of a request from the caller to the callee via Ohio.
fn stations() -> [std::net::SocketAddr; 5] {
    [CALLER.edge(1), Oregon.proxy(), Ohio.proxy(), Virginia.proxy(), CALLEE.edge(1)]
}

fn on_each_hop<'a>(world: &'a World, method: &str) -> Vec<&'a Sip> {
    stations().windows(2).map(|hop| world.request(hop[0], hop[1], method)).collect()
}

#[test]
fn a_relayed_call_runs_from_invite_to_the_200_for_its_bye() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let call = world.placed("c1");
    assert_eq!((call.rings, &call.finals[..], call.bye), (1, &[200][..], Some(200)));
    assert_eq!(world.paths(), ["via us-east-2"]);
    for hop in stations().windows(2) {
        let asked: Vec<&str> = world.between(hop[0], hop[1]).iter().map(|sip| sip.method()).collect();
        assert_eq!(asked, ["INVITE", "ACK", "BYE"], "nothing is sent twice from {}", hop[0]);
        let answers = world.codes(hop[1], hop[0], "INVITE");
        let want: &[u16] = if hop[1] == CALLEE.edge(1) { &[180, 200] } else { &[100, 180, 200] };
        assert_eq!(answers, want, "each proxy answers 100 at once, and passes the rest: {}", hop[1]);
        assert_eq!(world.codes(hop[1], hop[0], "BYE"), [200]);
    }
    world.assert_drained();
}

#[test]
fn each_hop_puts_one_via_on_top_and_notes_where_the_request_came_from() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let mut branches = BTreeSet::new();
    for method in ["INVITE", "ACK", "BYE"] {
        for (hops, invite) in on_each_hop(&world, method).into_iter().enumerate() {
            let vias = invite.all("Via");
            assert_eq!(vias.len(), hops + 1, "{method}");
            for (via, sender) in vias.iter().zip(stations()[..=hops].iter().rev()) {
                let sent_by = via.strip_prefix("SIP/2.0/UDP ").unwrap().split(';').next().unwrap();
                assert_eq!(sent_by, sender.to_string(), "{method}: {via}");
                assert!(parameter(via, "branch").unwrap().starts_with("z9hG4bK"), "{via}");
            }
            for (via, sender) in vias.iter().zip(stations()[..=hops].iter().rev()).skip(1) {
                // RFC 3581 §4: the next element fills both in.
                assert_eq!(parameter(via, "received"), Some(sender.ip().to_string().as_str()), "{via}");
                assert_eq!(parameter(via, "rport"), Some("5060"), "{via}");
            }
            assert!(branches.insert(invite.branch().to_owned()), "{method}: a branch is used twice");
        }
    }
}

#[test]
fn a_response_leaves_each_hop_with_one_via_less() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let requests = on_each_hop(&world, "INVITE");
    for (hop, request) in stations().windows(2).zip(requests) {
        for response in world.between(hop[1], hop[0]).iter().filter(|sip| sip.method() == "INVITE") {
            let sent: Vec<_> =
                request.all("Via").iter().map(|via| parameter(via, "branch").unwrap().to_owned()).collect();
            let back: Vec<_> =
                response.all("Via").iter().map(|via| parameter(via, "branch").unwrap().to_owned()).collect();
            assert_eq!(sent, back, "the Vias of {} from {}", response.title(), hop[1]);
        }
    }
}

#[test]
fn the_edges_record_themselves_and_the_relay_does_not() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let invites = on_each_hop(&world, "INVITE");
    let (ingress, egress) = (Oregon.route(), Virginia.route());
    let recorded: Vec<Vec<&str>> = invites.iter().map(|invite| invite.all("Record-Route")).collect();
    assert_eq!(recorded, [vec![], vec![&*ingress], vec![&*ingress], vec![&*egress, &*ingress]]);
    let ok = world
        .between(Oregon.proxy(), CALLER.edge(1))
        .into_iter()
        .find(|sip| sip.status() == Some(200))
        .unwrap();
    assert_eq!(ok.all("Record-Route"), [&*egress, &*ingress]);
}

#[test]
fn the_ingress_pins_the_path_and_each_region_takes_its_own_route_off() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let (ingress, relay, egress) = (Oregon.route(), Ohio.route(), Virginia.route());
    let routes =
        |method| on_each_hop(&world, method).iter().map(|sip| sip.all("Route").join(" ")).collect::<Vec<_>>();
    let pinned = [format!("{relay} {egress}"), egress.clone(), String::new()];
    assert_eq!(routes("INVITE"), [vec![String::new()], pinned.to_vec()].concat());
    // In the dialog the phone names both edges, never the relay: that is chosen again for each request.
    for method in ["ACK", "BYE"] {
        assert_eq!(
            routes(method),
            [vec![format!("{ingress} {egress}")], pinned.to_vec()].concat(),
            "{method}"
        );
    }
}

#[test]
fn max_forwards_falls_by_one_a_hop() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    for method in ["INVITE", "ACK", "BYE"] {
        let left: Vec<&str> = on_each_hop(&world, method).iter().map(|sip| sip.one("Max-Forwards")).collect();
        assert_eq!(left, ["70", "69", "68", "67"], "{method}");
    }
}

#[test]
fn a_request_without_max_forwards_gets_70() {
    let mut world = relayed();
    let mut invite = world.invite("c1");
    invite.max_forwards = None;
    world.place(invite);
    world.settle();
    let left: Vec<&str> = on_each_hop(&world, "INVITE").iter().map(|sip| sip.one("Max-Forwards")).collect();
    assert_eq!(left, ["", "70", "69", "68"]);
}

#[test]
fn what_is_not_the_proxys_business_arrives_byte_for_byte() {
    let mut world = relayed();
    let invite = world
        .invite("c1")
        .with("X-Odd:   kept ,  as (it) stands  ")
        .with("p-asserted-identity: \"A\" <sip:+12065550100@example.com>")
        .with("Unknown-Header:");
    world.place(invite);
    world.settle();
    let ours = ["Via", "Route", "Record-Route", "Max-Forwards"];
    let kept = |sip: &Sip| {
        let foreign = sip.headers.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
        (sip.start.clone(), foreign.cloned().collect::<Vec<_>>(), sip.body.clone())
    };
    for method in ["INVITE", "ACK", "BYE"] {
        let hops = on_each_hop(&world, method);
        assert!(hops.iter().all(|sip| kept(sip) == kept(hops[0])), "{method}");
    }
    let backwards: Vec<&Sip> = stations()
        .windows(2)
        .filter_map(|hop| world.between(hop[1], hop[0]).into_iter().find(|sip| sip.status() == Some(200)))
        .collect();
    assert_eq!(backwards.len(), 4);
    assert!(backwards.iter().all(|sip| kept(sip) == kept(backwards[0])), "200");
}

#[test]
fn the_token_of_the_ingress_does_not_reach_the_edge_as_a_new_one() {
    let mut world = relayed();
    world.call("c1");
    world.settle();
    let tokens =
        |sip: &Sip| sip.all("Via").iter().map(|via| parameter(via, "rw-token").is_some()).collect::<Vec<_>>();
    let hops = on_each_hop(&world, "INVITE");
    assert_eq!(tokens(hops[1]), [true, false]);
    assert_eq!(tokens(hops[3]), [false, false, true, false], "only the Via of the ingress carries one");
}

#[test]
fn the_callee_hangs_up_and_its_bye_goes_back_over_both_edges() {
    let manner = Manner { hang_up: Some(Duration::from_millis(500)), ..Manner::default() };
    let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(manner);
    let invite = world.invite("c1");
    world.place_for(invite, Duration::from_secs(3_000));
    world.run_ms(5_000);
    assert_eq!(world.placed("c1").hung_up, 1);
    let hops: Vec<_> = stations().into_iter().rev().collect();
    for hop in hops.windows(2) {
        world.request(hop[0], hop[1], "BYE");
        assert_eq!(world.codes(hop[1], hop[0], "BYE"), [200]);
    }
}

#[test]
fn relays_are_chosen_afresh_for_each_request_of_a_dialog() {
    let mut world = relayed();
    world.call("c1");
    world.run_ms(600);
    assert_eq!(world.placed("c1").finals, [200]);
    // In the middle of the call the direct link is well again.
    let fair = Survey::fair();
    world.look(Oregon, |view| view.table = fair.table(Oregon));
    world.settle();
    world.request(Oregon.proxy(), Virginia.proxy(), "BYE");
    assert!(!world.between(Oregon.proxy(), Ohio.proxy()).iter().any(|sip| sip.is_request("BYE")));
    assert_eq!(world.placed("c1").bye, Some(200));
}

#[test]
fn a_call_goes_direct_where_direct_is_best() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.call("c1");
    world.settle();
    assert_eq!(world.paths(), ["direct"]);
    let invite = world.request(Oregon.proxy(), Virginia.proxy(), "INVITE");
    assert_eq!(invite.all("Route"), [Virginia.route()]);
    assert_eq!(world.placed("c1").bye, Some(200));
}

#[test]
fn requests_of_any_method_pass() {
    for method in ["MESSAGE", "FOO", "SUBSCRIBE", "OPTIONS"] {
        let mut world = relayed();
        let mut request = Draft::new(method, NUMBER, "m1", CALLER.edge(1)).with("Content-Type: text/plain");
        request.body = "hello".to_owned();
        world.place(request);
        world.settle();
        assert_eq!(world.placed("m1").finals, [200], "{method}");
        let hops = on_each_hop(&world, method);
        assert!(hops.iter().all(|sip| sip.body == "hello"), "{method}");
        let recorded = hops[3].all("Record-Route").len();
        assert_eq!(recorded, if method == "SUBSCRIBE" { 2 } else { 0 }, "{method}: only what opens a dialog");
        world.assert_drained();
    }
}

#[test]
fn a_call_inside_one_region_leaves_the_mesh_alone() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.callee(Oregon.edge(9), Manner::default());
    let mut invite = world.invite("c1");
    invite.uri = "sip:+12065550199@mesh.example".to_owned();
    world.place(invite);
    world.settle();
    let invite = world.request(Oregon.proxy(), Oregon.edge(9), "INVITE");
    assert_eq!((invite.all("Record-Route"), invite.all("Via").len()), (vec![&*Oregon.route()], 2));
    assert_eq!((&world.placed("c1").finals[..], world.placed("c1").bye), (&[200][..], Some(200)));
    assert!(world.wire.iter().all(|packet| Place::of(packet.to) == Some(Oregon)));
    world.assert_drained();
}

#[test]
fn of_several_candidate_regions_the_better_reached_is_taken() {
    for (survey, taken) in [
        (Survey::fair().brownout(Oregon, Virginia).brownout(Oregon, Ohio), California),
        (
            Survey::fair()
                .brownout(Oregon, California)
                .brownout(Ohio, California)
                .brownout(Virginia, California),
            Virginia,
        ),
    ] {
        let mut world = World::new(&survey).with_phones(Manner::default());
        world.callee(California.edge(1), Manner::default());
        let mut invite = world.invite("c1");
        invite.uri = "sip:+18005550100@mesh.example".to_owned();
        world.place(invite);
        world.settle();
        assert_eq!(world.placed("c1").bye, Some(200));
        world.request(taken.proxy(), taken.edge(1), "INVITE");
        let delivered = world
            .wire
            .iter()
            .filter(|packet| packet.to == California.edge(1) || packet.to == Virginia.edge(1));
        assert!(delivered.into_iter().all(|packet| Place::of(packet.to) == Some(taken)), "one region only");
    }
}

/// RFC 3261 §16.4.
#[test]
fn what_a_strict_router_did_to_a_request_is_undone() {
    let mut world = relayed();
    let mut invite = world.invite("c1");
    invite.uri = "sip:us-west-2.mesh.example;lr".to_owned();
    world.place(invite.route(NUMBER));
    world.settle();
    let arrived = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE");
    assert_eq!((arrived.uri(), arrived.has("Route")), (NUMBER, false));
    assert_eq!(world.placed("c1").finals, [200]);
    world.assert_drained();
}

/// RFC 3261 §16.6 step 6.
#[test]
fn a_strict_router_of_the_edge_gets_what_it_can_read() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    let strict = CALLER.edge(7);
    world.callee(strict, Manner::default());
    let invite = world.invite("c1").route("sip:us-west-2.mesh.example;lr").route(&format!("sip:{strict}"));
    world.place(invite.route("sip:behind.example;lr"));
    world.settle();
    let arrived = world.request(Oregon.proxy(), strict, "INVITE");
    assert_eq!(arrived.uri(), format!("sip:{strict}"));
    assert_eq!(arrived.all("Route"), ["<sip:behind.example;lr>", &format!("<{NUMBER}>")]);
    assert_eq!(world.placed("c1").finals, [200]);
    world.assert_drained();
}
