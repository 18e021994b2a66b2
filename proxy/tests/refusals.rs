//! What is refused, with which status and which words; and what is dropped without a word, but counted.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::{Input, output::Dropped};
use ringway_sip::Peer;
use std::net::SocketAddr;
use world::{
    CALLEE, CALLER, Draft, Manner, NUMBER, Place, Sip, Survey, World,
    place::Place::{California, Ohio, Oregon, Virginia},
};

fn fair() -> World {
    World::new(&Survey::fair()).with_phones(Manner::default())
}

/// Sends one request to the caller's proxy and gives the final answer. Nothing may leave the region.
fn refused(world: &mut World, request: Draft) -> Sip {
    let call_id = request.call_id.clone();
    world.place(request);
    world.settle();
    let answers = world.between(Oregon.proxy(), CALLER.edge(1));
    let answer = answers.into_iter().find(|sip| sip.one("Call-ID") == call_id && sip.status() >= Some(200));
    let answer = answer.cloned().expect("an answer");
    let away =
        |packet: &&world::ladder::Packet| packet.sip.one("Call-ID") == call_id && packet.to != CALLER.edge(1);
    assert!(world.wire.iter().filter(away).all(|packet| packet.to == Oregon.proxy()), "it is not forwarded");
    world.assert_drained();
    answer
}

fn ask(method: &str, uri: &str) -> Draft {
    Draft::new(method, uri, "r1", CALLER.edge(1))
}

#[test]
fn each_reason_has_its_status() {
    let to_self = format!("sip:{}.mesh.example", Oregon.name());
    let no_host = Draft { uri: "sip:".to_owned(), ..ask("INVITE", NUMBER) };
    let cases = [
        (483, ask("INVITE", NUMBER).max_forwards(0)),
        (483, ask("BYE", NUMBER).max_forwards(0)),
        (420, ask("INVITE", NUMBER).with("Proxy-Require: foo, bar")),
        (416, ask("INVITE", "tel:+17035550100")),
        (416, ask("INVITE", "urn:service:sos")),
        (404, ask("INVITE", "sip:+442075550100@mesh.example")),
        (404, ask("INVITE", "sip:nobody@us-west-2.mesh.example")),
        (420, ask("REGISTER", &to_self).with("Require: gruu")),
        (403, ask("INVITE", "sip:someone@192.0.2.77:5060")),
        (403, ask("INVITE", NUMBER).route("sip:192.0.2.77:5060;lr")),
        (400, no_host),
        (400, ask("INVITE", NUMBER).route("sip:a b")),
    ];
    for (code, request) in cases {
        let text = request.text();
        assert_eq!(refused(&mut fair(), request).status(), Some(code), "{text}");
    }
}

#[test]
fn a_refusal_has_a_tag_and_says_why() {
    let answer = refused(&mut fair(), ask("INVITE", "sip:+442075550100@mesh.example"));
    assert!(answer.one("To").contains(";tag="));
    assert_eq!(answer.one("Warning"), "399 us-west-2 \"not registered, and not in the dial plan\"");
}

#[test]
fn unknown_options_are_listed_in_unsupported() {
    let answer = refused(&mut fair(), ask("INVITE", NUMBER).with("Proxy-Require: foo, bar"));
    assert_eq!(answer.all("Unsupported"), ["foo", "bar"]);
}

#[test]
fn options_for_the_proxy_or_without_hops_left_is_answered_here() {
    for request in [ask("OPTIONS", "sip:10.1.0.1:5060"), ask("OPTIONS", NUMBER).max_forwards(0)] {
        let answer = refused(&mut fair(), request);
        assert_eq!(answer.status(), Some(200));
        assert!(answer.all("Allow").contains(&"INVITE"));
    }
}

#[test]
fn an_edge_element_may_not_choose_the_path() {
    let mut world = fair();
    let request =
        ask("INVITE", NUMBER).route("sip:us-east-2.mesh.example;lr").route("sip:us-east-1.mesh.example;lr");
    assert_eq!(refused(&mut world, request).status(), Some(403));
}

/// An edge element of Oregon that is sent a request sends it back to the proxy, changed or not.
fn sent_back(change: impl Fn(&Sip) -> String) -> World {
    let mut world = fair();
    let app = Oregon.edge(9);
    world.place(ask("INVITE", "sip:+12065550100@mesh.example"));
    world.run_ms(50);
    let invite = world.request(Oregon.proxy(), app, "INVITE").clone();
    let headers = invite.headers.iter().filter(|(name, _)| name != "Record-Route");
    let lines: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let via = format!("Via: SIP/2.0/UDP {app};rport;branch=z9hG4bK-app\r\n");
    let text = format!("{}\r\n{via}{}\r\n", change(&invite), lines.concat());
    world.send(app, Oregon.proxy(), text);
    world.run_ms(500);
    world
}

#[test]
fn a_request_that_comes_back_unchanged_is_a_loop() {
    let world = sent_back(|invite| invite.start.clone());
    assert_eq!(world.codes(Oregon.proxy(), Oregon.edge(9), "INVITE"), [482]);
    assert_eq!(world.between(Oregon.proxy(), Oregon.edge(9)).len(), 3, "INVITE, 482, and the 482 again");
}

#[test]
fn a_request_that_comes_back_for_another_number_is_a_spiral_and_passes() {
    let world = sent_back(|_| format!("INVITE {NUMBER} SIP/2.0"));
    assert_eq!(world.codes(Oregon.proxy(), Oregon.edge(9), "INVITE"), [100, 180, 200]);
    assert_eq!(world.callees[0].invites("r1"), 1);
}

#[test]
fn policy_that_forbids_all_paths_is_a_403_that_names_the_rule() {
    let survey = Survey::fair().policy(
        "revision = 1\n[[rule]]\nname = \"stay west\"\nmatch = { from = \"us-west-2\", to = \"us-east-1\" }\nforbid = [\"direct\", \"us-*\"]\n",
    );
    let mut world = World::new(&survey).with_phones(Manner::default());
    let answer = refused(&mut world, ask("INVITE", NUMBER));
    assert_eq!(answer.status(), Some(403));
    assert!(answer.one("Warning").contains("stay west"), "{}", answer.one("Warning"));
}

#[test]
fn no_path_that_is_up_is_a_503_with_retry_after() {
    let survey = Survey::fair().dead(Virginia);
    let mut world = World::new(&survey).with_phones(Manner::default());
    let answer = refused(&mut world, ask("INVITE", NUMBER));
    assert_eq!((answer.status(), answer.has("Retry-After")), (Some(503), true));
    assert!(answer.one("Warning").contains("us-east-1"), "{}", answer.one("Warning"));
}

#[test]
fn paths_without_a_live_neighbor_are_no_paths() {
    let mut world = fair();
    world.look(Oregon, |view| view.neighbors.clear());
    let answer = refused(&mut world, ask("INVITE", NUMBER));
    assert_eq!((answer.status(), answer.has("Retry-After")), (Some(503), true));
}

#[test]
fn a_draining_node_takes_no_new_calls_but_finishes_those_it_has() {
    let mut world = fair();
    world.call("c1");
    world.run_ms(600);
    world.look(Oregon, |view| view.draining = true);
    for (method, uri) in [("OPTIONS", "sip:10.1.0.1:5060"), ("INVITE", NUMBER)] {
        world.place(Draft::new(method, uri, method, CALLER.edge(1)));
    }
    world.settle();
    assert_eq!(
        (&world.placed("OPTIONS").finals[..], &world.placed("INVITE").finals[..]),
        (&[503][..], &[503][..])
    );
    assert_eq!((&world.placed("c1").finals[..], world.placed("c1").bye), (&[200][..], Some(200)));
    let answers = world.between(Oregon.proxy(), CALLER.edge(1));
    assert!(answers.iter().filter(|sip| sip.status() == Some(503)).all(|sip| sip.has("Retry-After")));
    world.assert_drained();
}

#[test]
fn draining_is_for_new_calls_from_the_edge_alone() {
    let mut world = fair();
    // In a dialog; and new, but already taken in by another node of the mesh.
    world.look(Oregon, |view| view.draining = true);
    let mut again = Draft::new("INVITE", "sip:callee@10.4.1.1:5060", "again", CALLER.edge(1));
    again.to.push_str(";tag=callee1");
    again.routes = vec![Oregon.route(), Virginia.route()];
    world.place(again);
    world.run_ms(500);
    assert_eq!(world.placed("again").finals, [200]);
    world.look(Oregon, |view| view.draining = false);
    world.look(Virginia, |view| view.draining = true);
    world.call("new");
    world.settle();
    assert_eq!(world.placed("new").finals, [200]);
}

#[test]
fn strangers_get_no_answer_and_are_counted() {
    let stranger = SocketAddr::from(([203, 0, 113, 9], 5060));
    let mut world = fair();
    world.send(stranger, Oregon.proxy(), ask("INVITE", NUMBER).text());
    world.send(stranger, Oregon.proxy(), ask("OPTIONS", "sip:10.1.0.1").text());
    let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                    To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    world.send(stranger, Oregon.proxy(), response);
    // Another port of a peer's host is a stranger too.
    world.send(SocketAddr::new(Virginia.proxy().ip(), 9), Oregon.proxy(), ask("INVITE", NUMBER).text());
    // And so is the edge of another region.
    world.send(CALLEE.edge(1), Oregon.proxy(), ask("INVITE", NUMBER).text());
    world.settle();
    assert_eq!(world.wire.len(), 5, "nothing but the five datagrams of the strangers");
    assert_eq!(world.drops(Oregon, Dropped::StrangerRequest), 4);
    assert_eq!(world.drops(Oregon, Dropped::StrangerResponse), 1);
    world.assert_drained();
}

#[test]
fn what_is_no_message_is_dropped_counted_and_refused_where_it_can_be() {
    let good = ask("INVITE", NUMBER).text();
    let mut long = ask("INVITE", NUMBER);
    long.body = "x".repeat(70_000);
    let bad: Vec<(Option<u16>, Vec<u8>)> = vec![
        (None, b"\x16\x03\x01\x02\x00\x01\x00".to_vec()),
        (None, b"hello\r\n\r\n".to_vec()),
        (None, vec![0xff; 1_500]),
        (Some(400), good.as_bytes()[..good.len() / 2].to_vec()),
        (Some(400), good.replace("Content-Length: 0", "Content-Length: 99").into_bytes()),
        (Some(400), good.replace("Content-Length: 0", "Content-Length: -1").into_bytes()),
        (Some(400), good.replace("CSeq: 1 INVITE", "CSeq: 1 BYE").into_bytes()),
        (Some(400), good.replace("Call-ID: r1\r\n", "").into_bytes()),
        (Some(505), good.replace("SIP/2.0\r\n", "SIP/3.0\r\n").into_bytes()),
        (Some(513), long.text().into_bytes()),
    ];
    let mut world = fair();
    let count = bad.len();
    for (status, datagram) in bad {
        let stranger = SocketAddr::from(([203, 0, 113, 9], 5060));
        let before = world.wire.len();
        world.feed(Oregon, Input::Message { from: Peer::udp(stranger), bytes: datagram.clone().into() });
        assert_eq!(world.wire.len(), before, "a stranger is told nothing");
        world.feed(Oregon, Input::Message { from: Peer::udp(CALLER.edge(1)), bytes: datagram.into() });
        let told = world.wire.get(before).and_then(|packet| packet.sip.status());
        assert_eq!(told, status, "after {before}");
    }
    assert_eq!(world.malformed(Oregon), count);
    let strangers = [Dropped::StrangerRequest, Dropped::StrangerResponse].map(|why| world.drops(Oregon, why));
    assert_eq!(strangers.iter().sum::<usize>(), count, "whatever a stranger sends, nobody reads it");
    // Line ends are a keepalive, and no fault (RFC 5626 §3.5.1).
    world.feed(Oregon, Input::Message { from: Peer::udp(CALLER.edge(1)), bytes: "\r\n\r\n".into() });
    assert_eq!(world.malformed(Oregon), count);
    assert_eq!(world.transactions(), 0);
    // And the proxy is well.
    world.call("c1");
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
}

#[test]
fn bytes_behind_the_content_length_do_not_travel() {
    let mut world = fair();
    let text = format!("{}GET / HTTP/1.1\r\n\r\n", ask("INVITE", NUMBER).text());
    world.send(CALLER.edge(1), Oregon.proxy(), text);
    world.run_ms(100);
    assert_eq!(world.request(Oregon.proxy(), Virginia.proxy(), "INVITE").body, "");
}

#[test]
fn a_response_to_nothing_and_an_ack_to_nowhere_are_counted() {
    let mut world = fair();
    world.send(CALLER.edge(1), Oregon.proxy(), ask("ACK", "sip:+442075550100@mesh.example").text());
    let stray = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    world.send(CALLER.edge(1), Oregon.proxy(), stray);
    world.settle();
    assert_eq!(world.wire.len(), 2, "neither is answered");
    assert_eq!(world.drops(Oregon, Dropped::UnroutableAck), 1);
    assert_eq!(world.drops(Oregon, Dropped::StrayResponse), 1);
}

#[test]
fn a_source_route_that_no_ingress_of_ours_made_is_a_loop() {
    // More regions ahead than a path can have, from a peer.
    let regions = [Oregon, California, Ohio, Virginia];
    let mut request = Draft::new("INVITE", NUMBER, "r1", Ohio.proxy());
    request.routes = regions.into_iter().map(Place::route).collect();
    let mut world = fair();
    world.feed(Oregon, Input::Message { from: Peer::udp(Ohio.proxy()), bytes: request.text().into() });
    world.run_ms(10);
    assert_eq!(world.codes(Oregon.proxy(), Ohio.proxy(), "INVITE"), [482]);
}

/// The node's own OPTIONS come from one port of its own address. Another port there is a stranger's.
#[test]
fn the_node_may_ask_through_itself_and_nobody_beside_it() {
    let mut world = fair();
    let own = SocketAddr::new(Oregon.proxy().ip(), 40_000);
    for (from, through) in [(own, true), (SocketAddr::new(own.ip(), 40_001), false)] {
        let call_id = from.to_string();
        let options = Draft::new("OPTIONS", "sip:us-east-1.mesh.example", &call_id, from);
        let options = options.route("sip:us-east-1.mesh.example;lr").text();
        world.feed(Oregon, Input::Message { from: Peer::udp(from), bytes: options.into_bytes().into() });
        world.run_ms(200);
        let answers = world.between(Oregon.proxy(), from);
        let well = answers.iter().filter(|sip| sip.one("Call-ID") == call_id && sip.status() == Some(200));
        assert_eq!(well.count(), usize::from(through), "{from}");
        let reached = world.between(Oregon.proxy(), Virginia.proxy());
        assert_eq!(reached.iter().any(|sip| sip.one("Call-ID") == call_id), through, "{from}");
    }
}
