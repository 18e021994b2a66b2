//! While copies of one INVITE are under way: CANCEL, answers and failures in every order. Whatever comes first, the caller
//! gets one final answer, the callee rings once, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use std::time::Duration;
use world::{
    CALLER, Draft, Manner, NUMBER, Survey, World,
    place::Place::{self, Ohio, Oregon, Virginia},
};

/// What the network does to the first path, so that a copy sets out, or none does.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Fair,
    /// One way; later than the hedge waits.
    Slow(u64),
    Cut,
    /// Only what comes back is lost.
    Deaf,
    /// Both paths lose nearly half, each way.
    Lossy,
}

const WEATHER: [Weather; 6] =
    [Weather::Fair, Weather::Slow(70), Weather::Slow(400), Weather::Cut, Weather::Deaf, Weather::Lossy];
/// When the callee has its last word, and which.
const ANSWERS: [(u64, u16); 9] =
    [(0, 200), (60, 200), (200, 200), (0, 486), (60, 486), (200, 486), (60, 503), (60, 603), (500, 200)];
/// When the caller thinks better of it. The hedge sets out after 92 ms, the direct path takes 32 ms one way.
const CANCELS_MS: [u64; 12] = [1, 15, 33, 65, 91, 93, 110, 125, 160, 230, 300, 470];

fn world(weather: Weather, seed: u64) -> World {
    let survey = Survey::fair();
    let mut world = World::with_views(seed, world::place::views(&survey, &[]));
    match weather {
        Weather::Fair => {}
        Weather::Slow(ms) => {
            world.weather(Oregon, Virginia, |way| way.delay = Duration::from_millis(ms));
        }
        Weather::Cut => world.cut(Oregon, Virginia),
        Weather::Deaf => world.way(Virginia, Oregon).cut = true,
        Weather::Lossy => {
            world.weather(Oregon, Virginia, |way| way.loss = 0.4);
            world.weather(Ohio, Virginia, |way| way.loss = 0.4);
        }
    }
    world
}

fn manner((after_ms, code): (u64, u16)) -> Manner {
    Manner {
        ring: Some(Duration::from_millis(after_ms / 2)),
        answer: Some((Duration::from_millis(after_ms), code)),
        ..Manner::default()
    }
}

/// Plays one call and checks what must hold in any order.
fn play(weather: Weather, answer: (u64, u16), cancel_ms: Option<u64>, seed: u64) {
    let case = format!("{weather:?}, {answer:?}, cancel {cancel_ms:?}, seed {seed}");
    let mut world = world(weather, seed).with_phones(manner(answer));
    world.place(Draft::new("INVITE", NUMBER, "o1", CALLER.edge(1)));
    if let Some(ms) = cancel_ms {
        world.run_ms(ms);
        world.cancel("o1");
    }
    world.settle();
    let call = world.placed("o1");
    let mut finals = call.finals.clone();
    finals.dedup();
    assert_eq!(finals.len(), 1, "{case}: {finals:?}");
    let callee = if answer.1 == 503 { 500 } else { answer.1 };
    let expected = match cancel_ms {
        None => finals[0] == callee,
        // RFC 3261 §9.1: it may come too late.
        Some(_) => finals[0] == 487 || finals[0] == callee,
    };
    assert!(expected, "{case}: {finals:?}");
    let rung = world.callees[0].invites("o1");
    assert!(rung <= 1, "{case}: rang {rung} times");
    // Nobody goes on ringing, and a refused or canceled INVITE is acknowledged.
    for rung in world.callees[0].rung.values() {
        // A 2xx that crossed the CANCEL on a path that lost it: no copy sets out for a canceled call (docs/status.md), so
        // nobody hears it, and the callee ends the session by itself when no ACK comes (RFC 3261 §13.3.1.4).
        let unheard = cancel_ms.is_some() && rung.code == 200 && finals[0] == 487;
        // Or its ACK was lost, and the BYE came before the next copy of the 200.
        let acked = rung.acked
            || call.bye == Some(200)
            || (unheard && matches!(weather, Weather::Deaf | Weather::Lossy));
        assert!(
            rung.code >= 200 && acked,
            "{case}: left at {}, acknowledged {}, {finals:?}",
            rung.code,
            rung.acked
        );
    }
    if finals[0] == 200 {
        assert_eq!(call.bye, Some(200), "{case}");
    }
    world.assert_drained();
}

#[test]
fn every_answer_in_every_weather() {
    for weather in WEATHER {
        for answer in ANSWERS {
            play(weather, answer, None, 1);
        }
    }
}

#[test]
fn a_cancel_at_every_moment() {
    for weather in WEATHER {
        for answer in ANSWERS {
            for cancel_ms in CANCELS_MS {
                play(weather, answer, Some(cancel_ms), 1);
            }
        }
    }
}

#[test]
fn loss_in_many_orders() {
    for seed in 2..60 {
        for cancel_ms in [None, Some(33), Some(93), Some(160)] {
            play(Weather::Lossy, (60, 200), cancel_ms, seed);
            play(Weather::Lossy, (60, 486), cancel_ms, seed);
        }
    }
}

/// Whatever else a dialog carries passes (RFC 3262, RFC 3311): the proxy knows nothing of it, and need not.
#[test]
fn prack_and_update_pass_over_a_relay() {
    let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
    for method in ["PRACK", "UPDATE", "INFO"] {
        let mut request =
            Draft::new(method, &format!("sip:callee@{}", Virginia.edge(1)), method, CALLER.edge(1));
        request.to = format!("<{NUMBER}>;tag=callee1");
        request.routes = [Oregon, Virginia].map(Place::route).to_vec();
        request.extra = vec!["RAck: 1 1 INVITE".into()];
        world.place(request);
        world.settle();
        assert_eq!(world.placed(method).finals, [200], "{method}");
        let arrived = world.request(Virginia.proxy(), Virginia.edge(1), method);
        assert_eq!((arrived.one("RAck"), arrived.has("Route")), ("1 1 INVITE", false));
    }
    world.assert_drained();
}
