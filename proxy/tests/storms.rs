//! Many calls in bad weather, decided by seeds: loss, cuts, swaps of the view, callers that lose patience. What must
//! hold in all of them: one INVITE transaction at the callee, an end for every caller, and nothing left behind.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::view::View;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use world::{
    CALLER, Draft, Manner, NUMBER, Place, Survey, World,
    place::{
        Place::{California, Ohio, Oregon, Virginia},
        TIMER_C, views,
    },
};

const TIMER_B: Duration = Duration::from_secs(32);

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// INVITE transactions at the callee, by Call-ID.
fn invites(world: &World) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for rung in world.callees[0].rung.values() {
        *count.entry(rung.invite.one("Call-ID")).or_insert(0) += 1;
    }
    count
}

#[test]
fn with_three_in_ten_packets_lost_calls_are_answered_once_and_nothing_leaks() {
    const WORLDS: u64 = 20;
    const CALLS: u64 = 100;
    let views = views(&Survey::fair(), &[]);
    let (mut answered, mut quick, mut late) = (0, 0, 0);
    for seed in 1..=WORLDS {
        let mut world = World::with_views(seed, views.clone()).with_phones(Manner::default());
        for a in Place::ALL {
            Place::ALL.into_iter().filter(|b| *b != a).for_each(|b| world.way(a, b).loss = 0.3);
        }
        for n in 0..CALLS {
            world.call(&format!("c{n}"));
            world.run_ms(50);
        }
        // 64·T1 after the last word; once more for what was canceled in vain, and once more for its 487.
        world.run(4 * TIMER_B);
        late += world.transactions();
        world.settle();
        assert!(
            world.now < TIMER_C + 4 * TIMER_B,
            "seed {seed}: the last transaction ended at {:?}",
            world.now
        );
        let calls = world.callers[0].calls.values();
        for call in calls.filter(|call| call.finals.first() == Some(&200)) {
            answered += 1;
            quick += u64::from(call.answered_at.unwrap() - call.placed_at < seconds(2));
        }
        let twice: Vec<_> = invites(&world).into_iter().filter(|(_, count)| *count != 1).collect();
        assert_eq!(twice, [], "seed {seed}: more than one INVITE transaction at the callee");
        world.assert_drained();
    }
    assert!(answered * 1_000 >= WORLDS * CALLS * 999, "{answered} of {} answered", WORLDS * CALLS);
    // A relay that lost the 200, while the answer went another way, and to which no CANCEL came: until Timer C.
    assert!(late <= 10, "{late} transactions left after four times 64·T1");
    assert!(quick * 100 >= WORLDS * CALLS * 90, "{quick} of {} within two seconds", WORLDS * CALLS);
}

#[test]
fn a_hundred_swaps_of_the_view_in_the_middle_of_calls_lose_nothing() {
    let fair = views(&Survey::fair(), &[]);
    let detour = views(&Survey::fair().brownout(Oregon, Virginia), &[]);
    let around = views(&Survey::fair().brownout(Oregon, Virginia).brownout(Oregon, Ohio), &[]);
    let mut world = World::with_views(1, fair.clone()).with_phones(Manner::default());
    for n in 0..100_usize {
        world.call(&format!("c{n}"));
        world.run_ms(40);
        let next = [&detour, &around, &fair][n % 3];
        for place in Place::ALL {
            world.look(place, |view| *view = View::clone(&next[place as usize]));
        }
    }
    world.settle();
    for (call_id, call) in &world.callers[0].calls {
        // More than one 200 is the same answer, brought by a copy whose path was taken from under it.
        let answered = !call.finals.is_empty() && call.finals.iter().all(|code| *code == 200);
        assert!(answered && call.bye == Some(200), "{call_id}: {:?}, BYE {:?}", call.finals, call.bye);
    }
    let mut taken = world.paths();
    taken.sort();
    taken.dedup();
    assert_eq!(taken, ["direct", "via us-east-2", "via us-west-1"], "the swaps were felt");
    assert!(invites(&world).values().all(|count| *count == 1));
    world.assert_drained();
}

/// A world in which anything may happen, and did: everything that it said, as one number.
fn storm(seed: u64, choices: &[[Arc<View>; 4]]) -> u64 {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut world = World::with_views(seed, choices[0].clone()).with_phones(Manner::default());
    let mut placed = 0;
    for _ in 0..chance.usize(10..80) {
        let (a, b) = (chance.choice(Place::ALL).unwrap(), chance.choice(Place::ALL).unwrap());
        match chance.u8(0..12) {
            0..=3 => {
                placed += 1;
                world.call(&format!("c{placed}"));
            }
            4 if placed > 0 => world.cancel(&format!("c{}", chance.usize(1..=placed))),
            5 => {
                placed += 1;
                let method = chance.choice(["MESSAGE", "OPTIONS", "FOO"]).unwrap();
                world.place(Draft::new(method, NUMBER, &format!("c{placed}"), CALLER.edge(1)));
            }
            6 => world.way(a, b).loss = chance.f64() * 0.6,
            7 => world.way(a, b).cut = chance.bool(),
            8 => world.way(a, b).delay = Duration::from_millis(chance.u64(1..700)),
            9 => {
                let next = chance.choice(choices).unwrap();
                world.look(a, |view| *view = View::clone(&next[a as usize]));
            }
            10 => {
                world.callees[0].manner = chance
                    .choice([
                        Manner::default(),
                        Manner::only_rings(),
                        Manner::refuses(486),
                        Manner::refuses(503),
                        Manner { deaf_until: world.now + seconds(40), ..Manner::default() },
                    ])
                    .unwrap();
            }
            _ => {
                let garbage: Vec<u8> = (0..chance.usize(0..200)).map(|_| chance.u8(..)).collect();
                world.send(CALLER.edge(1), Oregon.proxy(), garbage);
            }
        }
        world.run_ms(chance.u64(0..800));
    }
    world.settle();
    world.assert_drained();
    for (call_id, call) in &world.callers[0].calls {
        let ended = !call.finals.is_empty() || !call.is_invite() || !world.heard_by_proxy(call_id);
        assert!(ended, "seed {seed}: {call_id} never got a final answer");
    }
    world.digest()
}

#[test]
fn whatever_happens_every_call_ends_nothing_is_left_and_a_seed_repeats_it() {
    let choices = [
        views(&Survey::fair(), &[]),
        views(&Survey::fair().brownout(Oregon, Virginia), &[]),
        views(&Survey::fair().dead(California), &[California]),
        views(&Survey::fair().down(Oregon, Virginia), &[Ohio]),
        views(&Survey::fair().dead(Virginia), &[Virginia]),
    ];
    for seed in 1..=300 {
        let first = storm(seed, &choices);
        if seed % 10 == 0 {
            assert_eq!(storm(seed, &choices), first, "seed {seed} does not repeat itself");
        }
    }
}
