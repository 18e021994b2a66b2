//! RFC 3261 §17.1.3 and §17.2.3: what makes two messages one transaction.

use super::*;

/// `message` with `from` replaced by `to` in its text.
fn changed(message: &Message, from: &str, to: &str) -> Message {
    let text = std::str::from_utf8(message.raw()).unwrap();
    assert!(text.contains(from), "{from}");
    parse(text.replace(from, to).as_bytes())
}

/// How many server transactions there are after both requests.
fn servers_after(first: &Message, second: &Message) -> usize {
    let (now, mut layer) = (epoch(), Layer::new(Timing::default()));
    layer.receive(now, addr(NEAR), first.clone());
    layer.receive(now, addr(NEAR), second.clone());
    layer.servers()
}

#[test]
fn branch_sent_by_and_method_make_a_server_transaction() {
    let invite = request("INVITE", "z9hG4bKm1");
    assert_eq!(servers_after(&invite, &changed(&invite, "caller.example:5062", "CALLER.example:5062")), 1);
    assert_eq!(servers_after(&invite, &changed(&invite, "Call-ID: call-1", "Call-ID: call-2")), 1);
    assert_eq!(servers_after(&invite, &changed(&invite, "caller.example:5062", "caller.example:5063")), 2);
    assert_eq!(servers_after(&invite, &changed(&invite, "caller.example", "other.example")), 2);
    assert_eq!(servers_after(&invite, &request("INVITE", "z9hG4bKm2")), 2);
    assert_eq!(servers_after(&invite, &request("OPTIONS", "z9hG4bKm1")), 2);
}

#[test]
fn without_the_cookie_the_headers_make_it() {
    for branch in ["1", "z9hG4bK"] {
        let invite = request("INVITE", branch);
        assert_eq!(servers_after(&invite, &invite), 1);
        assert_eq!(servers_after(&invite, &changed(&invite, "Call-ID: call-1", "Call-ID: call-2")), 2);
        assert_eq!(servers_after(&invite, &changed(&invite, "tag=a1", "tag=a2")), 2);
        assert_eq!(servers_after(&invite, &changed(&invite, "CSeq: 7", "CSeq: 8")), 2);
        assert_eq!(servers_after(&invite, &changed(&invite, "INVITE sip:bob@", "INVITE sip:carol@")), 2);
        assert_eq!(servers_after(&invite, &changed(&invite, ";rport", "")), 2);
    }
}

#[test]
fn the_ack_to_a_failure_finds_its_invite_even_without_the_cookie() {
    for branch in ["1", "z9hG4bKm3"] {
        let (now, mut layer) = (epoch(), Layer::new(Timing::default()));
        let invite = request("INVITE", branch);
        layer.receive(now, addr(NEAR), invite.clone());
        let Some(Output::Request { id, .. }) = layer.poll() else { panic!("the INVITE goes to the user") };
        layer.respond(now, id, 486, response(&invite, 486).raw().clone());
        drain(&mut layer);
        let ack = request("ACK", branch);
        let ack = changed(&ack, "To: <sip:bob@example.net>", "To: <sip:bob@example.net>;tag=b2");
        layer.receive(now, addr(NEAR), ack);
        assert!(drain(&mut layer).is_empty(), "branch {branch}");
    }
}

#[test]
fn a_response_needs_branch_and_method() {
    let (now, mut layer) = (epoch(), Layer::new(Timing::default()));
    let bye = request("BYE", "z9hG4bKm4");
    layer.request(now, addr(FAR), "z9hG4bKm4", Method::Bye, bye.raw().clone());
    drain(&mut layer);
    layer.receive(now, addr(FAR), response(&request("BYE", "z9hG4bKm5"), 200));
    layer.receive(now, addr(FAR), response(&request("INFO", "z9hG4bKm4"), 200));
    assert_eq!(drain(&mut layer), ["stray", "stray"]);
    layer.receive(now, addr(FAR), response(&bye, 200));
    assert_eq!(drain(&mut layer), ["response 200 to BYE"]);
}
