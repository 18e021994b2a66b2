//! How calls end.

use super::super::{Answered, CallReport, Description, Event, Order, Refusal, Section, Whom};
use super::world::*;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn silent(events: Vec<Event>) -> Vec<CallReport> {
    let silent = |event| match event {
        Event::Silent(report) => Some(*report),
        Event::Close(_) | Event::Latched { .. } | Event::Lapsed(_) => None,
    };
    events.into_iter().filter_map(silent).collect()
}

/// Voice from `a`, a packet a second.
fn talk(world: &mut World, to: std::net::SocketAddr, seconds: std::ops::Range<u16>) {
    for n in seconds {
        assert_eq!(silent(world.pass(S(1))), []);
        assert!(world.send(phone(1), to, &rtp(7, n)).is_ok());
    }
}

#[test]
fn a_call_without_media_is_over_after_a_minute_and_its_ports_come_back() {
    let mut world = World::new();
    let (a, _) = world.call();
    talk(&mut world, a, 0..100);
    assert_eq!(silent(world.pass(S(59))), []);
    let told = silent(world.pass(S(1)));
    assert_eq!(
        told.iter().map(|report| (&*report.call_id, report.streams[0].summary.packets)).collect::<Vec<_>>(),
        [("call", 100)]
    );
    assert_eq!((world.host.open.len(), world.relay.deadline()), (0, None));
    let present = world.relay.present(world.now + S(5));
    assert_eq!((present.calls, present.legs, present.pairs_free), (0, 0, present.pairs));
}

#[test]
fn strangers_and_nonsense_keep_no_call_alive() {
    let mut world = World::new();
    let (a, _) = world.call();
    talk(&mut world, a, 0..1);
    for n in 0..59 {
        world.pass(S(1));
        assert!(world.send(phone(66), a, &rtp(9, n)).is_err());
        assert!(world.send(phone(1), a, &[0x80; 3]).is_err());
    }
    assert_eq!(silent(world.pass(S(1))).len(), 1);
}

#[test]
fn hold_and_ringing_have_more_patience() {
    let mut held = World::new();
    held.call();
    held.offer(answer(&[Section { held: true, ..section(phone(1)) }])).unwrap();
    held.answer(answer(&[section(phone(2))])).unwrap();
    assert_eq!(silent(held.pass(S(3_599))), []);
    held.offer(answer(&[section(phone(1))])).unwrap();
    held.answer(answer(&[section(phone(2))])).unwrap();
    assert_eq!(silent(held.pass(S(59))), [], "a new order begins anew");
    assert_eq!(silent(held.pass(S(1))).len(), 1);

    let mut ringing = World::new();
    ringing.offer(offer(&[section(phone(1))])).unwrap();
    assert_eq!(silent(ringing.pass(S(299))), []);
    assert_eq!(silent(ringing.pass(S(1))).len(), 1);
    assert_eq!(ringing.host.open.len(), 0);
}

#[test]
fn a_call_outlives_its_controller_for_as_long_as_media_flows() {
    let mut world = World::new();
    let (offered, answered) = ([section(phone(1))], [section(phone(2))]);
    world.offer(Description { controller: "sbc-1", ..offer(&offered) }).unwrap();
    let a = port(world.answer(Description { controller: "sbc-1", ..answer(&answered) }).unwrap()[0]);
    let waiting = Description { controller: "sbc-1", call_id: "ringing", ..offer(&offered) };
    world.offer(waiting).unwrap();
    // The lease lapses after 30 s: what rings without a sound ends, the call does not.
    let mut ended = Vec::new();
    for n in 0..200 {
        for event in world.pass(S(1)) {
            match event {
                Event::Silent(report) => ended.push((n, report.call_id.to_string())),
                Event::Lapsed(controller) => assert_eq!((&*controller, n), ("sbc-1", 29)),
                Event::Close(_) | Event::Latched { .. } => {}
            }
        }
        assert!(world.send(phone(1), a, &rtp(7, n)).is_ok());
    }
    assert_eq!(ended, [(29, "ringing".into())]);
    // Nobody is there to take the hold off: the longer patience is not for orphans.
    assert_eq!(silent(world.pass(S(59))), []);
    let told = silent(world.pass(S(1)));
    assert_eq!((told.len(), &*told[0].controller), (1, "sbc-1"));
    assert_eq!(world.host.open.len(), 0);
}

#[test]
fn a_lease_that_is_kept_or_taken_up_again_keeps_its_calls() {
    let mut world = World::new();
    let sections = [Section { held: true, ..section(phone(1)) }];
    world.offer(Description { controller: "sbc-1", ..offer(&sections) }).unwrap();
    world.answer(answer(&[section(phone(2))])).unwrap();
    let a = *world.host.open.values().next().unwrap();
    assert!(world.send(phone(1), a, &rtp(7, 1)).is_ok());
    for _ in 0..10 {
        let renewed = world.handle(Order::Renew { controller: "sbc-1" });
        assert_eq!(renewed, Ok(Answered::Lease(S(30))));
        assert_eq!(world.pass(S(29)), []);
    }
    let events = world.pass(S(1));
    assert!(
        matches!(&events[..], [Event::Lapsed(_), Event::Silent(_)]),
        "it had been silent for long: {events:?}"
    );

    let mut back = World::new();
    back.offer(Description { controller: "sbc-1", ..offer(&sections) }).unwrap();
    back.answer(answer(&[section(phone(2))])).unwrap();
    let a = *back.host.open.values().next().unwrap();
    assert!(back.send(phone(1), a, &rtp(7, 1)).is_ok());
    let events = back.pass(S(40));
    assert!(matches!(&events[..], [Event::Latched { .. }, Event::Lapsed(_)]), "{events:?}");
    back.handle(Order::Renew { controller: "sbc-1" }).unwrap();
    for _ in 0..20 {
        assert_eq!(back.pass(S(20)), []);
        back.handle(Order::Renew { controller: "sbc-1" }).unwrap();
    }
}

#[test]
fn a_call_that_is_deleted_with_a_delay_goes_on_for_so_long() {
    let whom = Whom { call_id: "call", from_tag: "a", to_tag: "", branch: "" };
    let mut world = World::new();
    let (a, _) = world.call();
    talk(&mut world, a, 0..10);
    let Ok(Answered::Over(report)) = world.handle(Order::Retire(whom, S(5))) else { panic!("it is there") };
    assert_eq!(report.streams[0].summary.packets, 10);
    talk(&mut world, a, 10..13);
    assert!(world.handle(Order::Retire(whom, S(5))).is_ok(), "repeated, it is not put off");
    talk(&mut world, a, 13..14);
    assert_eq!(silent(world.pass(S(1))), [], "that is no silence");
    assert_eq!((world.host.open.len(), world.relay.deadline()), (0, None));
    let Ok(Answered::Over(report)) = world.handle(Order::Delete(whom)) else { panic!("its report is kept") };
    assert_eq!(report.streams[0].summary.packets, 14);

    let mut again = World::new();
    let (a, _) = again.call();
    assert!(again.handle(Order::Retire(whom, S(5))).is_ok());
    again.offer(offer(&[section(phone(1))])).unwrap();
    talk(&mut again, a, 0..20);
    assert!(again.handle(Order::Retire(whom, S(4_000_000_000))).is_ok());
    assert_eq!(
        (silent(again.pass(S(60))), again.host.open.len()),
        (vec![], 0),
        "silence ends it all the same"
    );
}

#[test]
fn what_was_never_here_ends_nothing() {
    let mut world = World::new();
    let (a, _) = world.call();
    let gone = |to_tag, branch| Whom { call_id: "call", from_tag: "a", to_tag, branch };
    for whom in [gone("", "refused here"), gone("early", "")] {
        assert_eq!(
            world.relay.handle(world.now, Order::Delete(whom), &mut world.host),
            Err(Refusal::NoParty)
        );
    }
    assert!(world.send(phone(1), a, &rtp(7, 1)).is_ok());
}
