//! Packets between two regions.

use super::super::super::{RelayId, StreamId};
use super::super::{Arrival, Description, Local, Reason, Refusal, RouteKey, Side};
use super::world::*;
use ringway_router::Traffic;
use std::{net::SocketAddr, sync::Arc};

/// A call from a phone at one relay to a phone at another; where each phone sends to.
fn call(one: &mut World, other: &mut World) -> (SocketAddr, SocketAddr) {
    let offered = [section(phone(1))];
    let out = one.offer(Description { to: MESH, ..offer(&offered) }).unwrap();
    let offered = [far(1, stream(out[0]))];
    let b = port(other.offer(Description { from: MESH, ..offer(&offered) }).unwrap()[0]);
    let answered = [section(phone(2))];
    let back = other.answer(Description { to: MESH, ..answer(&answered) }).unwrap();
    let answered = [far(2, stream(back[0]))];
    let a = port(one.answer(Description { from: MESH, ..answer(&answered) }).unwrap()[0]);
    (a, b)
}

fn stream(local: Local) -> StreamId {
    match local {
        Local::Mesh { stream } => stream,
        other => panic!("{other:?}"),
    }
}

#[test]
fn voice_and_reports_cross_in_both_directions_byte_for_byte() {
    let (mut one, mut other) = World::two();
    let (a, b) = call(&mut one, &mut other);
    for n in 0..20 {
        let frame = one.send(phone(1), a, &rtp(7, n)).unwrap();
        assert_eq!(frame.to, tunnel(2));
        let sent = other.arrive(&frame.bytes).unwrap();
        assert_eq!((sent.from, sent.to, sent.bytes), (b, phone(2), rtp(7, n)));
        let frame = other.send(phone(2), b, &rtp(8, n)).unwrap();
        let sent = one.arrive(&frame.bytes).unwrap();
        assert_eq!((sent.from, sent.to, sent.bytes), (a, phone(1), rtp(8, n)));
    }
    let frame = one.send(after(phone(1)), after(a), &sender_report(7, 5)).unwrap();
    let sent = other.arrive(&frame.bytes).unwrap();
    assert_eq!((sent.from, sent.to), (after(b), after(phone(2))));
    assert_eq!(one.tunnels.routes, [RouteKey(3); 21]);
    let streams = one.report().streams;
    assert_eq!((streams[0].side, streams[1].side), (EDGE, MESH));
    assert_eq!((streams[1].summary.packets, streams[1].local, streams[1].remote), (20, None, None));
}

#[test]
fn a_round_trip_is_measured_through_the_mesh() {
    let (mut one, mut other) = World::two();
    let (a, b) = call(&mut one, &mut other);
    let ms = std::time::Duration::from_millis;
    assert!(one.send(after(phone(1)), after(a), &sender_report(7, 5)).is_ok());
    let frame = other.send(after(phone(2)), after(b), &receiver_report(7, 5, ms(300))).unwrap();
    one.now = one.now + ms(380);
    assert!(one.arrive(&frame.bytes).is_ok());
    assert_eq!(one.report().streams[1].round_trip.map(|trip| trip.as_millis()), Some(80));
}

#[test]
fn a_number_that_was_not_handed_out_and_another_relay_are_dropped() {
    let (mut one, mut other) = World::two();
    let (a, _) = call(&mut one, &mut other);
    let _ = one.send(phone(1), a, &rtp(7, 1)).unwrap();
    let own = one.send(phone(1), a, &rtp(7, 2)).unwrap();
    let number = u32::from_be_bytes(own.bytes[9..13].try_into().unwrap());
    let arrival = Arrival { stream: StreamId(number), origin: RelayId(1), rtcp: false };
    assert!(other.arrived(arrival, &rtp(7, 2)).is_ok());
    let forged = Arrival { origin: RelayId(3), ..arrival };
    assert_eq!(other.arrived(forged, &rtp(7, 3)), Err(Reason::Origin));
    let unknown = Arrival { stream: StreamId(number ^ 0x4000), ..arrival };
    assert_eq!(other.arrived(unknown, &rtp(7, 3)), Err(Reason::NoCall));
    assert_eq!(other.arrived(arrival, &rtp(7, 3)[..10]).map_err(Reason::label), Err("malformed"));
    assert_eq!(other.arrived(arrival, &vec![0x80; 1_501]), Err(Reason::Oversized));
    other.delete("", "", "").unwrap();
    assert_eq!(other.arrived(arrival, &rtp(7, 4)), Err(Reason::NoCall));
}

#[test]
fn without_a_way_nothing_is_sent_and_it_is_counted() {
    let (mut one, mut other) = World::two();
    let (a, _) = call(&mut one, &mut other);
    one.tunnels.ways.clear();
    assert_eq!(one.send(phone(1), a, &rtp(7, 1)), Err(Reason::NoWay));
    let mut early = World::with(1, |_| {});
    let sections = [section(phone(1))];
    early.offer(Description { to: MESH, ..offer(&sections) }).unwrap();
    let a = *early.host.open.values().next().unwrap();
    assert_eq!(early.send(phone(1), a, &rtp(7, 1)), Err(Reason::Nowhere), "nobody has answered yet");
}

#[test]
fn early_voice_from_another_region_is_heard_and_then_only_from_the_one_that_was_named() {
    let mut one = World::with(1, |_| {});
    let sections = [section(phone(1))];
    let number = stream(one.offer(Description { to: MESH, ..offer(&sections) }).unwrap()[0]);
    let arrival = Arrival { stream: number, origin: RelayId(2), rtcp: false };
    assert_eq!(one.arrived(arrival, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
    let answered = [far(4, StreamId(9))];
    one.answer(Description { from: MESH, ..answer(&answered) }).unwrap();
    assert_eq!(one.arrived(arrival, &rtp(8, 2)), Err(Reason::Origin));
    assert!(one.arrived(Arrival { origin: RelayId(4), ..arrival }, &rtp(8, 3)).is_ok());
}

#[test]
fn regions_are_not_joined_and_addresses_do_not_come_from_the_mesh() {
    let mut one = World::with(1, |_| {});
    let (tunneled, plain) = ([far(2, StreamId(9))], [section(phone(1))]);
    let table = [
        Description { from: MESH, to: MESH, ..offer(&tunneled) },
        Description { from: MESH, ..offer(&plain) },
        offer(&tunneled),
    ];
    for description in table {
        assert_eq!(one.offer(description), Err(Refusal::Sides));
    }
    one.offer(offer(&plain)).unwrap();
    assert_eq!(
        one.offer(Description { to: MESH, ..offer(&plain) }),
        Err(Refusal::Sides),
        "it was the edge before"
    );
    assert_eq!(one.relay.present(one.now).calls, 1);
}

#[test]
fn the_way_can_be_told_anew() {
    let (mut one, mut other) = World::two();
    let (a, _) = call(&mut one, &mut other);
    let sections = [section(phone(1))];
    let to = Side::Mesh { route: Some(RouteKey(8)) };
    one.offer(Description { to, ..answer(&sections) }).unwrap();
    assert!(one.send(phone(1), a, &rtp(7, 1)).is_ok());
    assert_eq!(one.tunnels.routes, [RouteKey(8)]);
}

#[test]
fn calls_go_another_way_by_what_they_are_and_the_others_stay() {
    let (mut one, mut other) = World::two();
    let (a, _) = call(&mut one, &mut other);
    let sections = [section(phone(1))];
    let traffic = |called: &str| Arc::new(Traffic { called: called.into(), ..Traffic::voice() });
    let (near, far) = (traffic("+1"), traffic("+49"));
    one.offer(Description { to: MESH, traffic: Some(&near), ..answer(&sections) }).unwrap();
    one.offer(Description { to: MESH, ..answer(&sections) }).unwrap();
    let follower = |traffic: &Arc<Traffic>, route| (Arc::clone(traffic), RouteKey(route));
    assert_eq!(one.relay.followers().into_iter().collect::<Vec<_>>(), [follower(&near, 3)]);

    one.relay.reroute(&[(follower(&far, 3), RouteKey(8)), (follower(&near, 4), RouteKey(9))].into());
    assert!(one.send(phone(1), a, &rtp(7, 1)).is_ok());
    one.relay.reroute(&[(follower(&near, 3), RouteKey(10))].into());
    assert!(one.send(phone(1), a, &rtp(7, 2)).is_ok());
    assert_eq!(one.tunnels.routes, [RouteKey(3), RouteKey(10)]);
    assert_eq!(one.relay.followers().into_iter().collect::<Vec<_>>(), [follower(&near, 10)]);
}
