//! Packets between two phones.

use super::super::super::SocketId;
use super::super::{
    Curb, Description, Event, Exits, Learning, Local, Muxing, Packet, Reason, Remote, Section, Switch,
    Verdict,
};
use super::world::*;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

#[test]
fn both_ways_pass_unchanged_from_the_port_that_each_phone_knows() {
    let mut world = World::new();
    let (a, b) = world.call();
    for n in 0..50 {
        let packet = rtp(7, 65_530_u16.wrapping_add(n));
        let sent = world.send(phone(1), a, &packet).unwrap();
        assert_eq!((sent.from, sent.to, &sent.bytes), (b, phone(2), &packet));
        let packet = rtp(8, n);
        let sent = world.send(phone(2), b, &packet).unwrap();
        assert_eq!((sent.from, sent.to, sent.bytes), (a, phone(1), packet));
    }
    let report = world.report();
    let streams: Vec<_> =
        report.streams.iter().map(|stream| (&*stream.tag, stream.summary.packets)).collect();
    assert_eq!(streams, [("a", 50), ("b", 50)]);
}

#[test]
fn keys_unknown_formats_extensions_and_padding_pass_byte_for_byte() {
    let mut world = World::new();
    let (a, _) = world.call();
    let mut extended = payload(7, 3, 96, &[0xbe, 0xde, 0, 1, 1, 2, 3, 4, 9, 9, 0, 2]);
    extended[0] = 0xb0;
    for packet in [payload(7, 1, 101, &[5, 0x8a, 3, 0x20]), payload(7, 2, 127, &[]), extended] {
        assert_eq!(world.send(phone(1), a, &packet).map(|sent| sent.bytes), Ok(packet));
    }
}

#[test]
fn what_is_no_media_is_dropped_and_counted_and_moves_no_latch() {
    let mut world = World::new();
    let (a, _) = world.call();
    let cut = &rtp(7, 1)[..11];
    let mut sources = rtp(7, 1)[..14].to_vec();
    sources[0] = 0x8f;
    let report = sender_report(7, 1);
    let long = [rtp(7, 1), vec![0; 1_400]].concat();
    let table = [
        (cut, "malformed"),
        (&sources, "malformed"),
        (&[], "not-media"),
        (&[0, 1, 0, 0], "not-media"),
        (&[22, 254, 253], "not-media"),
        (&report, "rtcp-in-rtp"),
        (&long, "oversized"),
    ];
    for (packet, label) in table {
        assert_eq!(world.send(phone(9), a, packet).map_err(Reason::label), Err(label));
    }
    assert_eq!(world.send(phone(1), after(a), &rtp(7, 1)), Err(Reason::RtpInRtcp));
    assert_eq!(world.send(phone(1), after(phone(3)), &rtp(7, 1)), Err(Reason::NoCall));
    let counts = world.relay.counts();
    assert_eq!((counts.passed, counts.dropped.iter().sum::<u64>()), (0, 9));
    assert_eq!(world.report().streams[0].dropped, 8);
    // Nobody was learned by any of these.
    assert!(world.send(phone(1), a, &rtp(7, 2)).is_ok());
}

#[test]
fn a_stranger_is_dropped_and_never_sent_to() {
    let mut world = World::new();
    let (a, b) = world.call();
    assert!(world.send(phone(1), a, &rtp(7, 1)).is_ok());
    assert_eq!(world.send(phone(66), a, &rtp(7, 2)), Err(Reason::Stranger));
    assert_eq!(world.send(phone(66), after(a), &sender_report(7, 2)), Err(Reason::Stranger));
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
    let report = world.report();
    assert_eq!((report.streams[0].summary.packets, report.streams[0].dropped), (1, 2));
}

#[test]
fn a_phone_behind_a_nat_is_learned_once_and_told() {
    let mut world = World::new();
    let (a, b) = world.call();
    assert!(world.send(phone(50), a, &rtp(7, 1)).is_ok());
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(50)));
    let latched = world.events().into_iter().filter_map(|event| match event {
        Event::Latched { source, .. } => Some(source),
        Event::Close(_) | Event::Silent(_) | Event::Lapsed(_) => None,
    });
    assert_eq!(latched.collect::<Vec<_>>(), [phone(50), phone(2)]);
}

#[test]
fn the_address_that_the_description_came_from_is_better_than_the_one_it_names() {
    let mut world = World::new();
    let private = SocketAddr::from(([10, 0, 0, 5], 4_000));
    let sections = [section(private)];
    let offered = Description { received_from: Some(phone(1).ip()), ..offer(&sections) };
    let b = port(world.offer(offered).unwrap()[0]);
    world.answer(answer(&[section(phone(2))])).unwrap();
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
}

#[test]
fn a_new_address_in_a_new_offer_is_learned_anew_and_the_old_one_again_is_not() {
    let mut world = World::new();
    let (a, b) = world.call();
    assert!(world.send(phone(50), a, &rtp(7, 1)).is_ok());
    // Somebody refreshes the session: nothing moves.
    world.offer(answer(&[section(phone(1))])).unwrap();
    assert_eq!(world.send(phone(66), a, &rtp(7, 2)), Err(Reason::Stranger));
    // The phone moves.
    assert_eq!(world.offer(answer(&[section(phone(3))])).map(|locals| port(locals[0])), Ok(b));
    assert_eq!(
        world.answer(answer(&[section(phone(2))])).map(|locals| port(locals[0])),
        Ok(a),
        "ours never change"
    );
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(3)));
    assert!(world.send(phone(50), a, &rtp(7, 3)).is_ok(), "on its way when the phone moved");
    assert_eq!(world.send(phone(2), b, &rtp(8, 2)).map(|sent| sent.to), Ok(phone(3)));
    assert!(world.send(phone(51), a, &rtp(9, 1)).is_ok());
    assert_eq!(world.send(phone(2), b, &rtp(8, 3)).map(|sent| sent.to), Ok(phone(51)));
    // A controller may ask for it without a new address.
    let sections = [section(phone(3))];
    world.offer(Description { relatch: true, ..answer(&sections) }).unwrap();
    assert_eq!(world.send(phone(52), a, &rtp(9, 2)), Err(Reason::Stranger), "it may be refused");
    world.answer(answer(&[section(phone(2))])).unwrap();
    assert!(world.send(phone(52), a, &rtp(9, 2)).is_ok());
    assert_eq!(world.send(phone(2), b, &rtp(8, 4)).map(|sent| sent.to), Ok(phone(52)));
}

#[test]
fn strict_and_asymmetric_as_they_are_ordered() {
    for (learning, passes) in [(Learning::Strict, false), (Learning::Asymmetric, true)] {
        let mut world = World::new();
        let sections = [section(phone(1))];
        let b = port(world.offer(Description { learning, ..offer(&sections) }).unwrap()[0]);
        let a = port(world.answer(answer(&[section(phone(2))])).unwrap()[0]);
        assert_eq!(world.send(phone(50), a, &rtp(7, 1)).is_ok(), passes, "{learning:?}");
        assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)), "{learning:?}");
    }
}

#[test]
fn early_voice_of_the_one_who_is_called_is_heard_before_the_answer() {
    let mut world = World::new();
    let b = port(world.offer(offer(&[section(phone(1))])).unwrap()[0]);
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
    assert_eq!(world.send(phone(66), b, &rtp(6, 1)), Err(Reason::Stranger));
    let a = port(world.answer(answer(&[section(phone(2))])).unwrap()[0]);
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(2)));
}

#[test]
fn rtcp_goes_to_its_own_port_or_to_the_one_that_was_named() {
    let mut world = World::new();
    let named = SocketAddr::new(phone(1).ip(), 5_555);
    let remote = Remote::Edge { rtp: phone(1), rtcp: Some(named) };
    let b = port(world.offer(offer(&[Section { remote, ..section(phone(1)) }])).unwrap()[0]);
    let a = port(world.answer(answer(&[section(phone(2))])).unwrap()[0]);
    let report = sender_report(7, 1);
    let sent = world.send(named, after(a), &report).unwrap();
    assert_eq!((sent.from, sent.to, &sent.bytes), (after(b), after(phone(2)), &report));
    assert_eq!(world.send(after(phone(2)), after(b), &report).map(|sent| sent.to), Ok(named));
}

#[test]
fn rtcp_comes_from_where_the_rtp_comes_from() {
    let mut world = World::new();
    let (a, b) = world.call();
    assert!(world.send(phone(50), a, &rtp(7, 1)).is_ok());
    assert_eq!(world.send(phone(66), after(a), &sender_report(7, 1)), Err(Reason::Stranger));
    let nat = SocketAddr::new(phone(50).ip(), 31_000);
    assert!(world.send(nat, after(a), &sender_report(7, 1)).is_ok());
    assert_eq!(world.send(after(phone(2)), after(b), &sender_report(8, 1)).map(|sent| sent.to), Ok(nat));
}

#[test]
fn one_port_for_both_where_both_agree() {
    let shared = |host| [Section { mux: true, ..section(phone(host)) }];
    let apart = |host| [section(phone(host))];
    let report = sender_report(7, 1);
    let says = |locals: &[Local]| matches!(locals[0], Local::Edge { mux: true, .. });
    // What the offer says, who is asked, what the answer says; what each is told.
    let table = [
        (true, Muxing::Mirror, true, true, true),
        (true, Muxing::Mirror, false, true, false),
        (false, Muxing::Mirror, false, false, false),
        (true, Muxing::Accept, false, true, true),
        (true, Muxing::Demux, false, false, true),
        (false, Muxing::Offer, true, true, false),
        (true, Muxing::Reject, false, false, false),
    ];
    for (offers, muxing, answers, b_told, a_told) in table {
        let mut world = World::new();
        let (offered, answered) =
            (if offers { shared(1) } else { apart(1) }, if answers { shared(2) } else { apart(2) });
        let locals = world.offer(Description { muxing, ..offer(&offered) }).unwrap();
        let b = port(locals[0]);
        assert_eq!(says(&locals), b_told, "{muxing:?} {offers} {answers}");
        let locals = world.answer(answer(&answered)).unwrap();
        let a = port(locals[0]);
        assert_eq!(says(&locals), a_told, "{muxing:?} {offers} {answers}");
        // Each sends and gets it as it was told.
        let (from, at) = if a_told { (phone(1), a) } else { (after(phone(1)), after(a)) };
        let to = if answers { (b, phone(2)) } else { (after(b), after(phone(2))) };
        let sent = world.send(from, at, &report).unwrap();
        assert_eq!((sent.from, sent.to), to, "{muxing:?} {offers} {answers}");
        // And again, when the same is said again.
        let again = world.offer(Description { muxing, ..offer(&offered) }).unwrap();
        assert_eq!((says(&again), port(again[0])), (b_told, b));
        assert_eq!(world.answer(answer(&answered)).map(|locals| says(&locals)), Ok(a_told));
    }
}

#[test]
fn one_port_is_opened_where_sharing_is_required() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let locals = world.offer(Description { muxing: Muxing::Require, ..offer(&sections) }).unwrap();
    assert!(matches!(locals[0], Local::Edge { rtcp: None, mux: true, .. }));
    assert_eq!(world.host.open.len(), 3);
    let a = port(world.answer(answer(&[Section { mux: true, ..section(phone(2)) }])).unwrap()[0]);
    let sent = world.send(after(phone(1)), after(a), &sender_report(7, 1)).unwrap();
    assert_eq!((sent.from, sent.to), (port(locals[0]), phone(2)));
}

#[test]
fn round_trips_are_told_from_reports_that_pass() {
    let mut world = World::new();
    let (a, b) = world.call();
    let ms = Duration::from_millis;
    assert!(world.send(after(phone(1)), after(a), &sender_report(7, 77)).is_ok());
    world.now = world.now + ms(1_060);
    assert!(world.send(after(phone(2)), after(b), &receiver_report(7, 77, ms(1_000))).is_ok());
    assert!(world.send(after(phone(2)), after(b), &sender_report(8, 78)).is_ok());
    world.now = world.now + ms(230);
    assert!(world.send(after(phone(1)), after(a), &receiver_report(8, 78, ms(200))).is_ok());
    let trips = world.report().streams.iter().map(|s| s.round_trip.unwrap().as_millis()).collect::<Vec<_>>();
    assert_eq!(trips, [30, 60]);
}

#[test]
fn a_packet_that_comes_twice_goes_on_once() {
    let mut world = World::new();
    let (a, _) = world.call();
    assert!(world.send(phone(1), a, &rtp(7, 1)).is_ok());
    assert!(world.send(phone(1), a, &rtp(7, 3)).is_ok());
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)), Err(Reason::Twice));
    assert!(world.send(phone(1), a, &rtp(7, 2)).is_ok(), "late is not twice");
    assert!(world.send(phone(1), a, &rtp(9, 30_000)).is_ok(), "another source passes");
    let summary = world.report().streams[0].summary;
    assert_eq!((summary.packets, summary.duplicates, summary.reordered, summary.lost), (4, 1, 1, 0));
}

#[test]
fn what_is_held_back_is_held_back_for_one_party_and_comes_again() {
    let mut world = World::new();
    let (a, b) = world.call();
    let (key, g729) = (payload(7, 100, 101, &[5, 10, 0, 160]), payload(7, 101, 18, &[1; 20]));
    world.curb("a", Curb::Voice, Switch::On);
    let silent = world.send(phone(1), a, &rtp(7, 99)).unwrap();
    assert_eq!(silent.bytes, [&rtp(7, 99)[..12], &[0xff; 160]].concat(), "its number and time stay");
    assert_eq!(world.send(phone(1), a, &key).map(|sent| sent.bytes), Ok(key));
    assert_eq!(world.send(phone(1), a, &g729), Err(Reason::Curbed));
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.bytes), Ok(rtp(8, 1)));
    world.curb("a", Curb::Voice, Switch::Off);

    world.curb("", Curb::Media, Switch::On);
    assert_eq!(world.send(phone(1), a, &rtp(7, 102)), Err(Reason::Curbed));
    assert_eq!(world.send(phone(2), b, &rtp(8, 2)), Err(Reason::Curbed));
    assert!(world.send(phone(1), a, &payload(7, 103, 101, &[5, 10, 0, 160])).is_ok());
    assert!(world.send(after(phone(1)), after(a), &sender_report(7, 1)).is_ok());
    world.curb("", Curb::Media, Switch::Off);

    world.curb("a", Curb::Keys, Switch::On);
    assert_eq!(world.send(phone(1), a, &payload(7, 104, 101, &[5, 10, 0, 160])), Err(Reason::Curbed));
    assert!(world.send(phone(1), a, &rtp(7, 105)).is_ok());
}

/// The caller offers anew, and the other one agrees.
fn renew(world: &mut World, offered: Section<'_>) {
    world.offer(answer(&[offered])).unwrap();
    world.answer(answer(&[section(phone(2))])).unwrap();
}

#[test]
fn an_offer_in_the_dialog_changes_nothing_before_it_is_answered() {
    let off = Section { remote: Remote::Off, ..section(phone(1)) };
    let nobody = SocketAddr::from(([0, 0, 0, 0], 4_000));
    let muxed = Section { mux: true, ..section(phone(1)) };
    for offered in [off, section(nobody), section(phone(9)), muxed] {
        let mut world = World::new();
        let (a, b) = world.call();
        world.offer(answer(&[offered])).unwrap();
        // The callee refuses it, so nobody tells the relay.
        assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(2)), "{offered:?}");
        assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)), "{offered:?}");
        assert_eq!(world.send(phone(1), a, &sender_report(7, 1)), Err(Reason::RtcpInRtp), "{offered:?}");
        // Then the callee offers, and the caller agrees: what it offered before does not matter any more.
        let other = Description { from_tag: "b", to_tag: "a", ..offer(&[]) };
        world.offer(Description { sections: &[section(phone(2))], ..other }).unwrap();
        world.answer(Description { sections: &[section(phone(1))], ..other }).unwrap();
        assert_eq!(world.send(phone(2), b, &rtp(8, 2)).map(|sent| sent.to), Ok(phone(1)), "{offered:?}");
    }
}

#[test]
fn hold_mutes_one_way_and_both_come_back() {
    let mut world = World::new();
    let (a, b) = world.call();
    assert!(world.send(phone(50), a, &rtp(7, 1)).is_ok());
    let nobody = SocketAddr::from(([0, 0, 0, 0], 4_000));
    renew(&mut world, Section { held: true, ..section(nobody) });
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)), Err(Reason::Nowhere));
    assert!(world.send(phone(50), a, &rtp(7, 2)).is_ok(), "music on hold");
    renew(&mut world, section(phone(1)));
    assert_eq!(world.send(phone(2), b, &rtp(8, 2)).map(|sent| sent.to), Ok(phone(50)), "still known");
}

#[test]
fn four_and_six_meet() {
    let mut world = World::new();
    let six = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 4_000));
    let to = super::super::Side::Edge { interface: 0, family: Some(super::super::Family::V6) };
    let sections = [section(phone(1))];
    let b = port(world.offer(Description { to, ..offer(&sections) }).unwrap()[0]);
    let a = port(world.answer(answer(&[section(six)])).unwrap()[0]);
    assert!(a.is_ipv4() && b.is_ipv6());
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(six));
    assert_eq!(world.send(six, b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
    // The caller moves to a network with the other family: its port moves too, the other one's stays.
    let moved = SocketAddr::new(six.ip(), 4_002);
    assert_eq!(world.offer(answer(&[section(moved)])).map(|locals| port(locals[0])), Ok(b));
    let a = port(world.answer(answer(&[section(six)])).unwrap()[0]);
    assert!(a.is_ipv6());
    assert_eq!(world.send(moved, a, &rtp(7, 2)).map(|sent| sent.to), Ok(six));
}

#[test]
fn sealed_media_passes_as_it_is() {
    let mut world = World::new();
    let sealed = |host| [Section { sealed: true, sealed_on: true, ..section(phone(host)) }];
    let _ = world.offer(offer(&sealed(1))).unwrap();
    let a = port(world.answer(answer(&sealed(2))).unwrap()[0]);
    let mut packet = rtp(7, 1);
    packet[0] |= 0x20;
    assert!(world.send(phone(1), a, &packet).is_ok(), "its padding is encrypted");
    let report = [&sender_report(7, 1)[..8], &[0x5a; 39]].concat();
    assert_eq!(world.send(after(phone(1)), after(a), &report).map(|sent| sent.bytes), Ok(report));
    world.curb("a", Curb::Voice, Switch::On);
    assert_eq!(world.send(phone(1), a, &rtp(7, 2)), Err(Reason::Curbed), "silence cannot be written into it");
}

#[test]
fn what_still_comes_to_a_socket_that_is_to_be_closed_gets_into_no_other_call() {
    let mut world = World::new();
    let (a, _) = world.call();
    let late = world.host.open.iter().find(|(_, open)| **open == a).map(|(socket, _)| *socket).unwrap();
    world.delete("", "", "").unwrap();
    // The next call gets the numbers of the legs, and not yet those of the sockets.
    world.host.open = (1..=4).map(SocketId).map(|socket| (socket, phone(0))).collect();
    world.call();
    let mut bytes = rtp(7, 1);
    let packet = Packet { length: bytes.len(), bytes: &mut bytes };
    let mut exits = Exits { tunnels: &mut world.tunnels, outbox: &mut world.outbox };
    let verdict = world.relay.packet(world.now, late, phone(1), packet, &mut exits);
    assert_eq!(verdict, Verdict::Dropped(Reason::NoCall));
}
