//! SRTP on one side, on both, and before its keys are settled.

use super::super::super::srtp::{Master, Receiver, Sender, Suite};
use super::super::{Description, Keys, Locks, Named, Reason, Refusal, Section, Terms};
use super::world::*;
use std::net::SocketAddr;

fn key(byte: u8) -> Master {
    Master::new(Suite::AesCm128HmacSha1_80, &[byte; 46])
}

fn protect(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut bytes = [packet, &[0; 64]].concat();
    let length = sender.protect(&mut bytes, packet.len()).unwrap();
    bytes.truncate(length);
    bytes
}

fn open(receiver: &mut Receiver, packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    let length = receiver.unprotect(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

/// The caller speaks RTP, the called one SRTP: where each sends to.
fn bridge(world: &mut World, keys: Keys<'_>) -> (SocketAddr, SocketAddr) {
    let offered = [Section { sealed_on: true, ..section(phone(1)) }];
    let b = port(world.offer(offer(&offered)).unwrap()[0]);
    let answered = [Section { sealed: true, keys, ..section(phone(2)) }];
    (port(world.answer(answer(&answered)).unwrap()[0]), b)
}

#[test]
fn plain_and_sealed_voice_and_reports_meet() {
    let mut world = World::new();
    let (ours, theirs) = (key(1), key(2));
    let answerer = Locks { inward: Some(&theirs), outward: Some(&ours) };
    let (a, b) = bridge(&mut world, Keys { answerer, ..Keys::default() });
    let (mut sender, mut receiver) = (Sender::new(&theirs), Receiver::new(&ours));
    for n in 0..10 {
        let sent = world.send(phone(1), a, &rtp(7, n)).unwrap();
        assert_ne!(sent.bytes[12..172], rtp(7, n)[12..]);
        assert_eq!((open(&mut receiver, &sent.bytes), sent.to), (rtp(7, n), phone(2)));
        let sealed = protect(&mut sender, &rtp(8, n));
        assert_eq!(world.send(phone(2), b, &sealed).map(|sent| sent.bytes), Ok(rtp(8, n)));
    }
    let sent = world.send(after(phone(1)), after(a), &sender_report(7, 77)).unwrap();
    let mut bytes = sent.bytes.clone();
    let length = receiver.unprotect_rtcp(&mut bytes).unwrap();
    assert_eq!(bytes[..length], sender_report(7, 77));
    let report = receiver_report(7, 77, std::time::Duration::from_millis(5));
    let mut bytes = [&report[..], &[0; 64]].concat();
    let length = sender.protect_rtcp(&mut bytes, report.len()).unwrap();
    world.now = world.now + std::time::Duration::from_millis(45);
    let sent = world.send(after(phone(2)), after(b), &bytes[..length]).unwrap();
    assert_eq!(sent.bytes, report);
    let trip = world.report().streams[1].round_trip.map(|trip| trip.as_millis());
    assert_eq!(trip, Some(40), "we can read it");
}

#[test]
fn what_does_not_open_moves_no_latch_and_keeps_no_call_alive() {
    let mut world = World::new();
    let (ours, theirs) = (key(1), key(2));
    let answerer = Locks { inward: Some(&theirs), outward: Some(&ours) };
    let (a, b) = bridge(&mut world, Keys { answerer, ..Keys::default() });
    let forged = protect(&mut Sender::new(&key(3)), &rtp(8, 1));
    for packet in [&forged, &rtp(8, 1)] {
        assert_eq!(world.send(phone(66), b, packet).map_err(Reason::label), Err("srtp"));
    }
    let good = protect(&mut Sender::new(&theirs), &rtp(8, 1));
    assert!(world.send(phone(52), b, &good).is_ok(), "behind a NAT");
    assert_eq!(world.send(phone(52), b, &good).map_err(Reason::label), Err("srtp"), "replayed");
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(52)));
    assert_eq!(world.report().streams[1].summary.packets, 1);
}

#[test]
fn one_key_for_both_passes_unopened_and_two_keys_are_changed() {
    let keys = [key(1), key(2), key(3), key(4)];
    let [a_sends, b_sends, to_b, to_a] = &keys;
    let mut world = World::new();
    let sealed = |keys| Section { sealed: true, sealed_on: true, keys, ..section(phone(1)) };
    let offered = [sealed(Keys::default())];
    world.offer(offer(&offered)).unwrap();
    // What `a` sends goes on under its key; what `b` sends, under another.
    let offerer = Locks { inward: Some(a_sends), outward: Some(to_a) };
    let answerer = Locks { inward: Some(b_sends), outward: Some(a_sends) };
    let answered = [Section { remote: section(phone(2)).remote, ..sealed(Keys { offerer, answerer }) }];
    let a = port(world.answer(answer(&answered)).unwrap()[0]);
    let b = world.report().streams[1].local.unwrap();
    let sealed = protect(&mut Sender::new(a_sends), &rtp(7, 1));
    assert_eq!(world.send(phone(1), a, &sealed).map(|sent| sent.bytes), Ok(sealed));
    let mut sender = Sender::new(b_sends);
    let sent = world.send(phone(2), b, &protect(&mut sender, &rtp(8, 1))).unwrap();
    assert_eq!(open(&mut Receiver::new(to_a), &sent.bytes), rtp(8, 1));
    // The same answer again goes on where it was: nothing is used twice.
    world.answer(answer(&answered)).unwrap();
    let sent = world.send(phone(2), b, &protect(&mut sender, &rtp(8, 2))).unwrap();
    let mut receiver = Receiver::new(to_a);
    assert_eq!(open(&mut receiver, &sent.bytes), rtp(8, 2));
    // A new answer, new keys.
    let offerer = Locks { inward: Some(a_sends), outward: Some(to_a) };
    let answerer = Locks { inward: Some(b_sends), outward: Some(to_b) };
    let keys = Keys { offerer, answerer };
    let answered = [Section { keys, ..answered[0] }];
    world.answer(answer(&answered)).unwrap();
    let sent = world.send(phone(1), a, &protect(&mut Sender::new(a_sends), &rtp(7, 2))).unwrap();
    assert_eq!(open(&mut Receiver::new(to_b), &sent.bytes), rtp(7, 2));
}

#[test]
fn before_the_keys_are_settled_nobody_hears_noise_and_nobody_overhears_voice() {
    let mut world = World::new();
    let offered = [Section { sealed_on: true, ..section(phone(1)) }];
    let b = port(world.offer(offer(&offered)).unwrap()[0]);
    let a = world.report().streams[0].local.unwrap();
    let early = protect(&mut Sender::new(&key(2)), &rtp(8, 1));
    assert_eq!(world.send(phone(2), b, &early), Err(Reason::Keyless));
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)), Err(Reason::Keyless));
    let both = [Section { sealed: true, sealed_on: true, ..section(phone(1)) }];
    let same = Description { call_id: "other", ..offer(&both) };
    let b = port(world.offer(same).unwrap()[0]);
    assert!(world.send(phone(2), b, &early).is_ok(), "what passes as it is, passes early too");
}

#[test]
fn an_offer_that_nobody_answers_changes_nothing() {
    let mut world = World::new();
    let (ours, theirs) = (key(1), key(2));
    let answerer = Locks { inward: Some(&theirs), outward: Some(&ours) };
    let (a, b) = bridge(&mut world, Keys { answerer, ..Keys::default() });
    let mut receiver = Receiver::new(&ours);
    let plain = [section(phone(1))];
    world.offer(Description { to_tag: "b", ..offer(&plain) }).unwrap();
    let sent = world.send(phone(1), a, &rtp(7, 1)).unwrap();
    assert_eq!(open(&mut receiver, &sent.bytes), rtp(7, 1), "never plain to one who speaks SRTP");
    let sealed = protect(&mut Sender::new(&theirs), &rtp(8, 1));
    assert_eq!(world.send(phone(2), b, &sealed).map(|sent| sent.bytes), Ok(rtp(8, 1)));
    let answered = [section(phone(2))];
    world.answer(answer(&answered)).unwrap();
    assert_eq!(world.send(phone(1), a, &rtp(7, 2)).map(|sent| sent.bytes), Ok(rtp(7, 2)));
}

#[test]
fn a_port_of_another_kind_goes_on_with_the_keys_and_what_was_said() {
    let mut world = World::new();
    let (ours, theirs) = (key(1), key(2));
    let answerer = Locks { inward: Some(&theirs), outward: Some(&ours) };
    let (a, _) = bridge(&mut world, Keys { answerer, ..Keys::default() });
    let whom = answer(&[]).whom();
    let said = Terms { kind: "audio".into(), agreed: Some(Suite::AesCm128HmacSha1_80), ..Terms::default() };
    world.relay.keep(whom, false, "called", vec![[said.clone(), Terms::default()]]);
    let mut receiver = Receiver::new(&ours);
    let sent = world.send(phone(1), a, &rtp(7, 1)).unwrap();
    open(&mut receiver, &sent.bytes);
    // The called one moves to IPv6.
    let moved: SocketAddr = "[::1]:4000".parse().unwrap();
    let v6 = [Section { sealed: true, ..section(moved) }];
    let again = Description { from_tag: "b", to_tag: "a", ..offer(&v6) };
    world.offer(again).unwrap();
    assert_eq!(world.relay.terms(again.whom(), true, 1), [[said, Terms::default()]]);
    let keys = Keys { offerer: answerer, ..Keys::default() };
    let answered = [Section { sealed_on: true, keys, ..section(phone(1)) }];
    world.answer(Description { from_tag: "b", to_tag: "a", ..answer(&answered) }).unwrap();
    let sent = world.send(phone(1), a, &rtp(7, 2)).unwrap();
    assert_eq!((sent.to, open(&mut receiver, &sent.bytes)), (moved, rtp(7, 2)));
    let again = world.send(phone(1), a, &rtp(7, 2));
    assert!(again.is_err(), "no number is used twice with a key");
    assert_eq!(world.report().streams[1].label.as_ref(), "called");
}

#[test]
fn parties_have_other_names_than_their_tags() {
    let mut world = World::new();
    bridge(&mut world, Keys::default());
    let whom = answer(&[]).whom();
    let at = |party| Terms { address: Some(phone(party).ip()), ..Terms::default() };
    world.relay.keep(whom, false, "called", vec![[at(2), at(1)]]);
    let tag = |world: &World, named| world.relay.tag_of(whom.call_id, named).map(|tag| tag.to_string());
    assert_eq!(tag(&world, Named::Label("called")), Ok("b".to_owned()));
    for label in ["", "nobody"] {
        assert_eq!(tag(&world, Named::Label(label)), Err(Refusal::NoParty));
    }
    let expected = if phone(1).ip() == phone(2).ip() { Err(Refusal::Ambiguous) } else { Ok("a".to_owned()) };
    assert_eq!(tag(&world, Named::Address(phone(1).ip())), expected);
    assert_eq!(world.relay.tag_of("other", Named::Label("called")), Err(Refusal::NoCall));
}
