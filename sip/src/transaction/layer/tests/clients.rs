//! Client transactions: copies, ACK, CANCEL, time-outs.

use super::*;

const BRANCH: &str = "z9hG4bKc1";

fn start_client(layer: &mut Layer, now: Instant, method: &str) -> (ClientId, Message) {
    let message = request(method, BRANCH);
    let id = layer.request(now, addr(FAR), BRANCH, message.method(), message.raw().clone());
    assert_eq!(drain(layer), [format!("send {method} sip:bob@example.net to {FAR}")]);
    (id, message)
}

#[test]
fn an_invite_is_sent_again_at_the_instants_of_timer_a() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    start_client(&mut layer, start, "INVITE");
    let copy = format!("send INVITE sip:bob@example.net to {FAR} again");
    let mut expected: Vec<_> = [500, 1500, 3500, 7500, 15_500, 31_500].map(|at| (at, copy.clone())).to_vec();
    expected.push((32_000, "timed out".to_owned()));
    expected.push((32_000, "client ended".to_owned()));
    assert_eq!(run_out(&mut layer, start), expected);
}

#[test]
fn a_failure_is_acknowledged_hop_by_hop_and_once_more_for_each_copy() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (_, invite) = start_client(&mut layer, start, "INVITE");
    layer.receive(start, addr(FAR), response(&invite, 486));
    let Some(Output::Send { to, bytes, .. }) = layer.poll() else { panic!("the ACK goes first") };
    let ack = parse(&bytes);
    assert_eq!((to, ack.method(), ack.uri()), (addr(FAR), Method::Ack, invite.uri()));
    assert_eq!((ack.via().branch(), ack.cseq().number, ack.to().tag()), (BRANCH, 7, Some("b2")));
    assert_eq!(ack.first(Name::Route), Some("<sip:relay.example;lr>"));
    assert_eq!(drain(&mut layer), ["response 486 to INVITE"]);

    layer.receive(start, addr(FAR), response(&invite, 486));
    assert_eq!(drain(&mut layer), [format!("send ACK sip:bob@example.net to {FAR} again")]);
    assert_eq!(run_out(&mut layer, start), [(32_000, "client ended".to_owned())]);
}

#[test]
fn every_2xx_passes_until_timer_m_and_is_a_stray_afterwards() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (_, invite) = start_client(&mut layer, start, "INVITE");
    for code in [180, 200, 200] {
        layer.receive(start, addr(FAR), response(&invite, code));
    }
    let passed = ["response 180 to INVITE", "response 200 to INVITE", "response 200 to INVITE again"];
    assert_eq!(drain(&mut layer), passed);
    assert_eq!(run_out(&mut layer, start), [(32_000, "client ended".to_owned())]);
    layer.receive(start, addr(FAR), response(&invite, 200));
    assert_eq!(drain(&mut layer), ["stray"]);
}

#[test]
fn a_copy_of_a_final_response_to_another_request_is_absorbed() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (_, bye) = start_client(&mut layer, start, "BYE");
    layer.receive(start, addr(FAR), response(&bye, 200));
    layer.receive(start, addr(FAR), response(&bye, 200));
    assert_eq!(drain(&mut layer), ["response 200 to BYE"]);
    assert_eq!(run_out(&mut layer, start), [(5_000, "client ended".to_owned())]);
}

#[test]
fn cancel_after_a_provisional_response_goes_out_at_once() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (id, invite) = start_client(&mut layer, start, "INVITE");
    layer.receive(start, addr(FAR), response(&invite, 180));
    drain(&mut layer);
    let canceling = layer.cancel(start, id).expect("the CANCEL is on its way");
    let Some(Output::Send { to, bytes, client, .. }) = layer.poll() else { panic!("a CANCEL is sent") };
    let cancel = parse(&bytes);
    assert_eq!((to, client, cancel.method()), (addr(FAR), Some(canceling), Method::Cancel));
    assert_eq!((cancel.via().branch(), cancel.uri(), cancel.to().tag()), (BRANCH, invite.uri(), None));
    assert_eq!(layer.cancel(start, id), None, "one CANCEL is enough");

    layer.receive(start, addr(FAR), response(&cancel, 200));
    layer.receive(start, addr(FAR), response(&invite, 487));
    let ack = format!("send ACK sip:bob@example.net to {FAR}");
    assert_eq!(drain(&mut layer), ["response 200 to CANCEL", &ack, "response 487 to INVITE"]);
}

#[test]
fn cancel_before_any_response_waits_for_one() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (id, invite) = start_client(&mut layer, start, "INVITE");
    assert_eq!(layer.cancel(start, id), None);
    assert!(drain(&mut layer).is_empty());
    layer.receive(start, addr(FAR), response(&invite, 100));
    let sent = format!("send CANCEL sip:bob@example.net to {FAR}");
    assert_eq!(drain(&mut layer), ["response 100 to INVITE", &sent]);
}

#[test]
fn a_canceled_invite_that_stays_silent_ends() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let (id, invite) = start_client(&mut layer, start, "INVITE");
    layer.receive(start, addr(FAR), response(&invite, 180));
    let canceling = layer.cancel(start, id).expect("the CANCEL is on its way");
    drain(&mut layer);
    let end = start + Duration::from_secs(32);
    layer.tick(end);
    let mut ended: Vec<_> = std::iter::from_fn(|| layer.poll())
        .filter_map(|output| match output {
            Output::TimedOut { id } => Some(id),
            _ => None,
        })
        .collect();
    ended.sort();
    assert_eq!(ended, [id, canceling]);
    assert_eq!(layer.clients(), 0);
}

#[test]
fn a_dead_next_hop_ends_what_waits_for_it_and_nothing_else() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let elsewhere = request("OPTIONS", "z9hG4bKelse");
    layer.request(start, addr(NEAR), "z9hG4bKelse", Method::Options, elsewhere.raw().clone());
    let answered = request("BYE", "z9hG4bKdone");
    layer.request(start, addr(FAR), "z9hG4bKdone", Method::Bye, answered.raw().clone());
    layer.receive(start, addr(FAR), response(&answered, 200));
    drain(&mut layer);
    start_client(&mut layer, start, "INVITE");
    layer.transport_failed(start, addr(FAR));
    assert_eq!(drain(&mut layer), ["transport failed", "client ended"]);
    assert_eq!(layer.clients(), 2);
}
