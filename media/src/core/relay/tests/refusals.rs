//! Orders that are refused: nothing has changed then.

use super::super::{
    Description, Family, Order, PARTIES_MAX, Refusal, Remote, Section, Side, Whom, settings::CONTROLLERS_MAX,
};
use super::world::*;
use std::time::Duration;

#[test]
fn orders_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let sections = [section(phone(1))];
    let good = offer(&sections);
    let long = "x".repeat(257);
    let many = [section(phone(1)); 9];
    let six = [section("[2001:db8::1]:4000".parse().unwrap())];
    let elsewhere = Side::Edge { interface: 7, family: None };
    let nowhere = Refusal::NoInterface { interface: 7, family: Family::V4 };
    let table = [
        (Description { call_id: "", ..good }, Refusal::Name),
        (Description { from_tag: "", ..good }, Refusal::Name),
        (Description { branch: &long, ..good }, Refusal::Name),
        (Description { call_id: &long, ..good }, Refusal::Name),
        (Description { to_tag: "a", ..good }, Refusal::OneTag),
        (Description { sections: &many, ..good }, Refusal::Sections),
        (Description { to: elsewhere, ..good }, nowhere),
    ];
    for (description, refusal) in table {
        assert_eq!(world.offer(description), Err(refusal));
        assert_eq!((world.relay.present(world.now).calls, world.host.open.len()), (0, 0), "{refusal:?}");
    }
    assert_eq!(world.answer(answer(&sections)), Err(Refusal::NoCall));
    world.offer(good).unwrap();
    assert_eq!(world.answer(offer(&sections)), Err(Refusal::Name), "whoever answers has a tag");
    assert_eq!(world.answer(Description { from_tag: "x", ..answer(&sections) }), Err(Refusal::NoParty));
    assert_eq!(world.answer(Description { branch: "x", ..answer(&sections) }), Err(Refusal::NoParty));
    assert_eq!(world.answer(answer(&six)), Err(Refusal::Family));
    assert_eq!(world.delete("x", "", ""), Err(Refusal::NoParty));
    let whom = Whom { call_id: "x", from_tag: "", to_tag: "", branch: "" };
    assert_eq!(world.handle(Order::Delete(whom)), Err(Refusal::NoCall));
    assert_eq!(world.handle(Order::Renew { controller: "" }), Err(Refusal::Name));
    assert!(world.answer(answer(&sections)).is_ok(), "all of that has changed nothing");
}

#[test]
fn when_the_ports_are_used_up_it_is_said_and_nothing_is_leaked() {
    let mut world = World::with(1, |settings| settings.pools[0].ports = 10_000..=10_005);
    world.call();
    let free = world.relay.present(world.now).pairs_free;
    let (one, two) = ([section(phone(1))], [section(phone(1)), section(phone(3))]);
    let refusal = Err(Refusal::NoPorts { interface: 0 });
    for _ in 0..3 {
        assert_eq!(world.offer(Description { call_id: "next", ..offer(&one) }), refusal);
        assert_eq!(world.offer(answer(&two)), refusal, "one more medium in the call that is there");
        assert_eq!((world.host.open.len(), world.relay.present(world.now).pairs_free), (4, free));
    }
    assert_eq!(world.relay.present(world.now).calls, 1);
    assert!(world.offer(answer(&one)).is_ok(), "the call goes on");
    world.delete("", "", "").unwrap();
    assert_eq!(world.offer(Description { call_id: "next", ..offer(&one) }), refusal, "they rest");
    world.pass(Duration::from_secs(5));
    assert!(world.offer(Description { call_id: "next", ..offer(&one) }).is_ok());
}

#[test]
fn a_host_that_binds_no_more_leaks_nothing() {
    for left in 0..4 {
        let mut world = World::new();
        world.host.left = Some(left);
        assert_eq!(world.offer(offer(&[section(phone(1))])), Err(Refusal::NoPorts { interface: 0 }));
        assert_eq!((world.host.open.len(), world.relay.present(world.now).legs), (0, 0));
        world.pass(Duration::from_secs(5));
        let present = world.relay.present(world.now);
        assert_eq!((present.pairs_free, present.calls), (present.pairs, 0));
    }
}

#[test]
fn everything_is_bounded() {
    let mut world = World::with(1, |settings| settings.calls_max = 1);
    let sections = [section(phone(1))];
    for n in 0..PARTIES_MAX - 1 {
        assert!(world.offer(Description { branch: &format!("z{n}"), ..offer(&sections) }).is_ok());
    }
    let branches = world.relay.present(world.now).legs;
    assert_eq!(world.offer(Description { branch: "more", ..offer(&sections) }), Err(Refusal::Parties));
    assert_eq!(world.relay.present(world.now).legs, branches);
    let other = Description { call_id: "other", ..offer(&sections) };
    assert_eq!(world.offer(other), Err(Refusal::Calls));
    // All who ever answered one branch count too.
    let tags: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let answers = tags.iter().filter(|tag| {
        world.answer(Description { branch: "z0", to_tag: tag, ..answer(&sections) }) == Err(Refusal::Parties)
    });
    assert_eq!(answers.count(), 19);
    world.delete("", "", "").unwrap();
    for n in 0..CONTROLLERS_MAX {
        world.handle(Order::Renew { controller: &format!("c{n}") }).unwrap();
    }
    assert_eq!(world.handle(Order::Renew { controller: "more" }), Err(Refusal::Controllers));
    assert_eq!(world.offer(Description { controller: "more", ..other }), Err(Refusal::Controllers));
    assert_eq!(world.relay.present(world.now).calls, 0);
}

#[test]
fn an_answer_with_more_sections_than_the_offer_opens_nothing() {
    let mut world = World::new();
    world.offer(offer(&[section(phone(1))])).unwrap();
    let off = Section { remote: Remote::Off, ..section(phone(2)) };
    let locals = world.answer(answer(&[section(phone(2)), section(phone(3)), off])).unwrap();
    assert_eq!(locals[1..], [super::super::Local::Off; 2]);
    assert_eq!(world.relay.present(world.now).legs, 2);
}
