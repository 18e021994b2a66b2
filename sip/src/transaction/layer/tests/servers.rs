//! Server transactions: copies of requests, where answers go, ACK, CANCEL.

use super::*;
use crate::peer::Transport;

/// Lets `message` come in from [`NEAR`] and gives the transaction that it starts.
fn start_server(layer: &mut Layer, now: Instant, message: &Message) -> ServerId {
    layer.receive(now, addr(NEAR), message.clone());
    match layer.poll() {
        Some(Output::Request { id, from, message: got }) => {
            assert_eq!((from, got.raw()), (addr(NEAR), message.raw()));
            id
        }
        other => panic!("a new request goes to the user, not {other:?}"),
    }
}

fn respond(layer: &mut Layer, now: Instant, id: ServerId, request: &Message, code: u16) {
    layer.respond(now, id, code, response(request, code).raw().clone());
}

#[test]
fn a_copy_of_an_invite_gets_the_last_answer_again() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKs1");
    let id = start_server(&mut layer, start, &invite);
    layer.receive(start, addr(NEAR), invite.clone());
    assert!(drain(&mut layer).is_empty(), "there is no answer yet");
    for code in [100, 180, 486] {
        respond(&mut layer, start, id, &invite, code);
        layer.receive(start, addr(NEAR), invite.clone());
        let sent = format!("send SIP/2.0 {code} to {NEAR}");
        assert_eq!(drain(&mut layer), [sent.clone(), format!("{sent} again")]);
    }
}

#[test]
fn a_failure_is_sent_until_the_ack_comes() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKs2");
    let id = start_server(&mut layer, start, &invite);
    respond(&mut layer, start, id, &invite, 503);
    drain(&mut layer);
    let first = start + Duration::from_millis(500);
    assert_eq!(layer.deadline(), Some(first));
    layer.tick(first);
    assert_eq!(drain(&mut layer), [format!("send SIP/2.0 503 to {NEAR} again")]);
    for _ in 0..2 {
        layer.receive(first, addr(NEAR), request("ACK", "z9hG4bKs2"));
    }
    assert!(drain(&mut layer).is_empty(), "the ACK to a failure ends here");
    assert_eq!(run_out(&mut layer, first), [(5_000, "server ended".to_owned())]);
}

#[test]
fn without_an_ack_timer_h_tells_the_user() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKs3");
    let id = start_server(&mut layer, start, &invite);
    respond(&mut layer, start, id, &invite, 404);
    let done = run_out(&mut layer, start);
    let end = [(32_000, "unacknowledged".to_owned()), (32_000, "server ended".to_owned())];
    assert_eq!(done[done.len() - 2..], end);
}

#[test]
fn after_a_2xx_copies_pass_down_and_acks_pass_up() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKs4");
    let id = start_server(&mut layer, start, &invite);
    respond(&mut layer, start, id, &invite, 200);
    respond(&mut layer, start, id, &invite, 200);
    layer.receive(start, addr(NEAR), invite.clone());
    layer.receive(start, addr(NEAR), request("ACK", "z9hG4bKown"));
    layer.receive(start, addr(NEAR), request("ACK", "z9hG4bKs4"));
    let sent = format!("send SIP/2.0 200 to {NEAR}");
    assert_eq!(drain(&mut layer), [sent.as_str(), &sent, "ack", "ack"]);
}

#[test]
fn requests_other_than_invite_get_neither_1xx_nor_408() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let bye = request("BYE", "z9hG4bKs5");
    let id = start_server(&mut layer, start, &bye);
    respond(&mut layer, start, id, &bye, 100);
    assert!(drain(&mut layer).is_empty());
    respond(&mut layer, start, id, &bye, 408);
    assert_eq!(drain(&mut layer), ["server ended"]);
}

#[test]
fn the_answer_to_another_request_is_kept_for_its_copies() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let options = request("OPTIONS", "z9hG4bKs6");
    let id = start_server(&mut layer, start, &options);
    respond(&mut layer, start, id, &options, 200);
    layer.receive(start, addr(NEAR), options.clone());
    let sent = format!("send SIP/2.0 200 to {NEAR}");
    assert_eq!(drain(&mut layer), [sent.clone(), format!("{sent} again")]);
    assert_eq!(run_out(&mut layer, start), [(32_000, "server ended".to_owned())]);
}

#[test]
fn a_cancel_finds_its_invite_and_is_answered_by_the_user() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKs7");
    let id = start_server(&mut layer, start, &invite);
    let cancel = request("CANCEL", "z9hG4bKs7");
    layer.receive(start, addr(NEAR), cancel.clone());
    let Some(Output::Cancel { id: canceling, invite: meant, .. }) = layer.poll() else {
        panic!("the CANCEL goes to the user")
    };
    assert_eq!(meant, Some(id));
    respond(&mut layer, start, canceling, &cancel, 200);
    layer.receive(start, addr(NEAR), cancel);
    let sent = format!("send SIP/2.0 200 to {NEAR}");
    assert_eq!(drain(&mut layer), [sent.clone(), format!("{sent} again")]);

    layer.receive(start, addr(NEAR), request("CANCEL", "z9hG4bKnone"));
    assert_eq!(drain(&mut layer), ["cancel unknown"]);
}

/// RFC 3261 §18.2.2: by the connection that brought the request; when that is gone, by a new one to sent-by.
#[test]
fn answers_over_a_stream_stay_on_their_connection_while_it_lives() {
    let (now, mut layer) = (epoch(), Layer::new(Timing::default()));
    let flow = Peer::flow(Transport::Tcp, "203.0.113.7:40000".parse().unwrap(), 9);
    layer.receive(now, flow, request("INVITE", "a"));
    let Some(Output::Request { id, message, .. }) = layer.poll() else { panic!("a new request") };
    let answer = |code| Reply::new(&message, flow.address, code, "So").to_tag("b2").finish();
    layer.respond(now, id, 180, answer(180));
    let Some(Output::Send { to, .. }) = layer.poll() else { panic!("an answer") };
    assert_eq!(to, flow);

    layer.transport_failed(now, Peer::flow(Transport::Tcp, flow.address, 8));
    assert!(layer.poll().is_none(), "another connection is not ours");
    layer.transport_failed(now, flow);
    let Some(Output::Send { to, again, .. }) = layer.poll() else { panic!("the answer again") };
    let by_sent_by = Peer::new(Transport::Tcp, "203.0.113.7:5062".parse().unwrap());
    assert_eq!((to, again), (by_sent_by, true), "it may have been lost with the connection");
    layer.respond(now, id, 200, answer(200));
    let Some(Output::Send { to, .. }) = layer.poll() else { panic!("an answer") };
    assert_eq!(to, by_sent_by);
    layer.abandon_server(id);
    assert!(layer.connected.is_empty());
}

#[test]
fn over_a_stream_nothing_is_sent_twice() {
    let (now, mut layer) = (epoch(), Layer::new(Timing::default()));
    let to = Peer::new(Transport::Tls, "203.0.113.7:5061".parse().unwrap());
    let invite = request("INVITE", "a");
    layer.request(now, to, "z9hG4bKx", Method::Invite, invite.raw().clone());
    assert!(matches!(layer.poll(), Some(Output::Send { again: false, .. })));
    let given_up = now + Timing::default().t1 * 64;
    assert_eq!(layer.deadline(), Some(given_up), "no timer A, but timer B");
    layer.tick(given_up);
    assert!(matches!(layer.poll(), Some(Output::TimedOut { .. })));
    assert!(layer.connected.is_empty(), "nothing is remembered of a connection by which none lives");
}
