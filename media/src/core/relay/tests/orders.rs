//! Orders: repeated, forked, with several media.

use super::super::{Answered, Curb, Description, Local, Order, Reason, Remote, Section, Settings, Switch};
use super::world::*;
use std::net::SocketAddr;

fn branch<'a>(name: &'a str, sections: &'a [Section<'a>]) -> Description<'a> {
    Description { branch: name, ..offer(sections) }
}

#[test]
fn an_order_that_is_repeated_gets_the_same_answer_and_opens_nothing() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let b = world.offer(branch("z1", &sections)).unwrap();
    assert_eq!(world.offer(branch("z1", &sections)), Ok(b.clone()));
    let answered = [section(phone(2))];
    let answered = Description { branch: "z1", ..answer(&answered) };
    let a = world.answer(answered).unwrap();
    assert_eq!(world.answer(answered), Ok(a));
    assert_eq!(world.offer(branch("z1", &sections)), Ok(b), "even after the answer");
    assert_eq!((world.host.open.len(), world.relay.present(world.now).legs), (4, 2));
    let report = world.delete("a", "b", "").unwrap();
    assert_eq!(world.delete("a", "b", ""), Ok(report));
    assert_eq!(world.host.open.len(), 0);
}

#[test]
fn of_forked_branches_the_last_answer_wins_and_the_others_stay() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let one = port(world.offer(branch("z1", &sections)).unwrap()[0]);
    let two = port(world.offer(branch("z2", &sections)).unwrap()[0]);
    assert_ne!(one, two);
    assert!(world.send(phone(11), one, &rtp(8, 1)).is_ok(), "the first one is heard at once");
    assert_eq!(world.send(phone(12), two, &rtp(9, 1)), Err(Reason::Unjoined));

    let first = [section(phone(11))];
    let first = Description { branch: "z1", to_tag: "b1", ..answer(&first) };
    let a = port(world.answer(first).unwrap()[0]);
    let second = [section(phone(12))];
    let second = Description { branch: "z2", to_tag: "b2", ..answer(&second) };
    assert_eq!(world.answer(second).map(|locals| port(locals[0])), Ok(a));
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(12)));
    assert_eq!(world.send(phone(12), two, &rtp(9, 2)).map(|sent| sent.to), Ok(phone(1)));
    assert_eq!(world.send(phone(11), one, &rtp(8, 2)), Err(Reason::Unjoined));

    assert!(world.answer(first).is_ok());
    assert_eq!(world.send(phone(1), a, &rtp(7, 2)).map(|sent| sent.to), Ok(phone(11)));
    // The branch that lost is deleted; the call goes on.
    world.delete("a", "b2", "").unwrap();
    assert_eq!(world.send(phone(12), two, &rtp(9, 3)), Err(Reason::NoCall));
    assert_eq!(world.send(phone(11), one, &rtp(8, 3)).map(|sent| sent.to), Ok(phone(1)));
    world.delete("a", "b1", "").unwrap();
    assert_eq!((world.relay.present(world.now).calls, world.host.open.len()), (0, 0));
}

#[test]
fn a_branch_is_deleted_by_its_name_before_it_has_a_tag() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let one = port(world.offer(branch("z1", &sections)).unwrap()[0]);
    world.offer(branch("z2", &sections)).unwrap();
    world.delete("a", "", "z1").unwrap();
    assert_eq!(world.send(phone(11), one, &rtp(8, 1)), Err(Reason::NoCall));
    let answered = [section(phone(12))];
    let a = port(world.answer(Description { branch: "z2", ..answer(&answered) }).unwrap()[0]);
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(12)));
}

#[test]
fn a_branch_that_was_forked_behind_our_back_belongs_to_the_last_one() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let b = port(world.offer(branch("z1", &sections)).unwrap()[0]);
    let mut a = None;
    for (host, to_tag) in [(11, "b1"), (12, "b2")] {
        let sections = [section(phone(host))];
        let answered = Description { branch: "z1", to_tag, ..answer(&sections) };
        a = world.answer(answered).ok().map(|locals| port(locals[0]));
        assert_eq!(
            world.send(phone(1), a.unwrap(), &rtp(7, host.into())).map(|sent| sent.to),
            Ok(phone(host))
        );
    }
    assert!(world.send(phone(12), b, &rtp(9, 1)).is_ok());
    assert_eq!(world.send(phone(11), b, &rtp(8, 1)), Err(Reason::Stranger));
    world.delete("a", "b1", "").unwrap();
    assert!(
        world.send(phone(1), a.unwrap(), &rtp(7, 50)).is_ok(),
        "the one who lost is gone, the call is not"
    );
    world.delete("b2", "a", "").unwrap();
    assert_eq!(world.relay.present(world.now).calls, 0);
}

#[test]
fn the_next_one_to_try_takes_the_place_of_the_one_before_where_nobody_names_branches() {
    let mut world = World::new();
    let (_, b) = world.call();
    let again = world.offer(offer(&[section(phone(1))])).unwrap();
    assert_eq!(port(again[0]), b);
    let sections = [section(phone(3))];
    let a = port(world.answer(Description { to_tag: "c", ..answer(&sections) }).unwrap()[0]);
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(3)));
}

#[test]
fn either_side_may_offer_anew_and_the_ports_stay() {
    let mut world = World::new();
    let (a, b) = world.call();
    let sections = [section(phone(3))];
    let anew = Description { from_tag: "b", to_tag: "a", ..offer(&sections) };
    assert_eq!(world.offer(anew).map(|locals| port(locals[0])), Ok(a));
    let sections = [section(phone(1))];
    let answered = Description { from_tag: "b", to_tag: "a", ..answer(&sections) };
    assert_eq!(world.answer(answered).map(|locals| port(locals[0])), Ok(b));
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(3)));
}

#[test]
fn the_one_who_is_called_may_be_the_first_to_name_itself_in_an_offer() {
    let mut world = World::new();
    let b = port(world.offer(offer(&[section(phone(1))])).unwrap()[0]);
    let sections = [section(phone(2))];
    let update = Description { from_tag: "b", to_tag: "a", ..offer(&sections) };
    let a = port(world.offer(update).unwrap()[0]);
    assert_eq!(world.relay.present(world.now).legs, 2);
    assert_eq!(world.send(phone(2), b, &rtp(8, 1)).map(|sent| sent.to), Ok(phone(1)));
    assert_eq!(world.send(phone(1), a, &rtp(7, 1)).map(|sent| sent.to), Ok(phone(2)));
}

#[test]
fn each_medium_has_its_own_legs_and_one_that_is_refused_has_none() {
    let mut world = World::new();
    let off = Section { remote: Remote::Off, ..section(phone(1)) };
    let video = |host: u8| section(SocketAddr::new(phone(host).ip(), 6_000));
    let b = world.offer(offer(&[section(phone(1)), off, video(1)])).unwrap();
    assert_eq!(b[1], Local::Off);
    assert_eq!(world.relay.present(world.now).legs, 4);
    let a = world.answer(answer(&[section(phone(2)), off, off])).unwrap();
    assert_eq!(a[1..], [Local::Off, Local::Off]);
    assert!(world.send(phone(2), port(b[0]), &rtp(8, 1)).is_ok());
    assert_eq!(world.send(phone(2), port(b[2]), &rtp(9, 1)), Err(Reason::Unjoined));
    // Later it is wanted after all, at the ports that are there.
    assert_eq!(world.offer(answer(&[section(phone(1)), off, video(1)])).map(|locals| locals[2]), Ok(b[2]));
    let a = world.answer(answer(&[section(phone(2)), off, video(2)])).unwrap();
    let sent = world.send(phone(1), port(a[2]), &rtp(9, 1)).unwrap();
    assert_eq!((sent.from, sent.to.port()), (port(b[2]), 6_000));
    // And voice goes where voice goes.
    assert_eq!(world.send(phone(1), port(a[0]), &rtp(7, 1)).map(|sent| sent.to), Ok(phone(2)));
}

#[test]
fn a_report_says_what_a_relay_knows() {
    let mut world = World::with(1, |settings: &mut Settings| settings.seed = 9);
    let created = world.now + std::time::Duration::from_millis(1);
    let (a, b) = world.call();
    for n in (1..=100_u16).filter(|n| n % 10 != 5) {
        assert!(world.send(phone(1), a, &rtp(7, n)).is_ok());
        world.now = world.now + std::time::Duration::from_millis(20);
    }
    let report = world.report();
    assert_eq!((&*report.call_id, &*report.controller, report.created), ("call", "", created));
    let [stream, other] = &report.streams[..] else { panic!("{report:?}") };
    assert_eq!((&*stream.tag, stream.media, stream.local, stream.remote), ("a", 0, Some(a), Some(phone(1))));
    assert_eq!((&*other.tag, other.local, other.remote, other.mos), ("b", Some(b), Some(phone(2)), None));
    assert_eq!((stream.summary.packets, stream.summary.lost, stream.summary.ssrc), (90, 10, 7));
    assert!((3.0..3.5).contains(&stream.mos.unwrap()), "10 % loss is heard: {:?}", stream.mos);
    assert_eq!(world.relay.call_ids().collect::<Vec<_>>(), ["call"]);
    let asked = world.handle(Order::Query { call_id: "other" });
    assert!(!matches!(asked, Ok(Answered::Report(_))));
}

/// Of the whole call and of one party, whatever comes after the order: another leg, another medium, another branch.
#[test]
fn what_is_held_back_stays_so_when_legs_are_opened_later() {
    for whom in ["", "a"] {
        let mut world = World::new();
        let (a, b) = world.call();
        world.curb(whom, Curb::Media, Switch::On);
        assert_eq!(world.send(phone(1), a, &rtp(7, 1)), Err(Reason::Curbed));
        // A medium more.
        let video = |host: u8| section(SocketAddr::new(phone(host).ip(), 6_000));
        world.offer(answer(&[section(phone(1)), video(1)])).unwrap();
        let locals = world.answer(answer(&[section(phone(2)), video(2)])).unwrap();
        let from = SocketAddr::new(phone(1).ip(), 6_000);
        assert_eq!(world.send(from, port(locals[1]), &rtp(9, 1)), Err(Reason::Curbed), "{whom:?}");
        // The other one, on another branch.
        let sections = [section(phone(1))];
        let c = port(world.offer(branch("z2", &sections)).unwrap()[0]);
        let sections = [section(phone(3))];
        world.answer(Description { branch: "z2", to_tag: "c", ..answer(&sections) }).unwrap();
        let sent = world.send(phone(3), c, &rtp(8, 1)).map(|sent| sent.to);
        assert_eq!(sent, if whom.is_empty() { Err(Reason::Curbed) } else { Ok(phone(1)) }, "{whom:?}");
        assert_ne!(b, c);
        world.curb(whom, Curb::Media, Switch::Off);
        assert_eq!(world.send(phone(1), a, &rtp(7, 2)).map(|sent| sent.to), Ok(phone(3)));
        assert!(world.send(phone(3), c, &rtp(8, 2)).is_ok());
    }
}

/// With an address of the other family a party gets other ports. What it may not send, it still may not.
#[test]
fn what_is_held_back_stays_so_at_another_port() {
    let mut world = World::new();
    let (a, _) = world.call();
    world.curb("a", Curb::Media, Switch::On);
    let six: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    let sections = [section(six)];
    world.offer(Description { to_tag: "b", ..offer(&sections) }).unwrap();
    let sections = [section(phone(2))];
    let anew = port(world.answer(answer(&sections)).unwrap()[0]);
    assert_ne!(anew, a);
    assert_eq!(world.send(six, anew, &rtp(7, 1)), Err(Reason::Curbed));
    world.curb("", Curb::Media, Switch::Off);
    assert_eq!(world.send(six, anew, &rtp(7, 2)).map(|sent| sent.to), Ok(phone(2)));
}
