//! What the proxies learn of the links from SIP itself: one story for each hop, of INVITE alone, and never a round trip
//! that might be that of another copy (Karn's rule).

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::output::HopSign::{self, Answer, Request, Retransmission, Timeout};
use std::time::Duration;
use world::{
    CALLER, Draft, Manner, NUMBER, Survey, World,
    place::Place::{California, Ohio, Oregon, Virginia},
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn to(region: &str, signs: &[HopSign]) -> Vec<(String, HopSign)> {
    signs.iter().map(|sign| (region.to_owned(), *sign)).collect()
}

#[test]
fn each_proxy_measures_its_own_hop_from_the_first_answer() {
    let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
    world.call("c1");
    world.settle();
    // The 100 of the next proxy, not the 180 of the callee. Neither ACK nor BYE count, nor the hop to the edge.
    assert_eq!(world.hops(Oregon), to("us-east-2", &[Request, Answer(ms(50))]));
    assert_eq!(world.hops(Ohio), to("us-east-1", &[Request, Answer(ms(16))]));
    assert_eq!(world.hops(Virginia), []);
}

#[test]
fn a_request_that_was_sent_again_gives_no_round_trip() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    // The only path, and its first packet is lost.
    world.look(Oregon, |view| view.neighbors.retain(|region, _| *region == Virginia.region()));
    world.way(Oregon, Virginia).cut = true;
    world.call("c1");
    world.run_ms(400);
    world.way(Oregon, Virginia).cut = false;
    world.settle();
    assert_eq!(world.placed("c1").finals, [200]);
    assert_eq!(world.hops(Oregon), to("us-east-1", &[Request, Timeout, Retransmission]));
}

#[test]
fn an_answer_after_the_hop_timeout_is_still_a_round_trip() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.look(Oregon, |view| view.neighbors.retain(|region, _| *region == Virginia.region()));
    world.weather(Oregon, Virginia, |way| way.delay = ms(200));
    world.call("c1");
    world.settle();
    // Sent once, so the 400 ms are those of the link, slow as it is.
    assert_eq!(world.hops(Oregon), to("us-east-1", &[Request, Timeout, Answer(ms(400))]));
}

#[test]
fn silence_is_the_fault_of_the_first_region_of_the_path() {
    let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
    world.cut(Oregon, Ohio);
    world.call("c1");
    world.settle();
    let blamed: Vec<_> = world.hops(Oregon).into_iter().filter(|(_, sign)| *sign == Timeout).collect();
    assert_eq!(blamed, to("us-east-2", &[Timeout]), "not Virginia, where the path ends");
    assert_eq!(world.placed("c1").bye, Some(200));
}

#[test]
fn silence_behind_the_relay_is_seen_by_the_relay_alone() {
    let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
    world.cut(Ohio, Virginia);
    world.call("c1");
    world.settle();
    assert!(world.hops(Ohio).contains(&("us-east-1".to_owned(), Timeout)));
    let at_ingress = world.hops(Oregon);
    assert!(!at_ingress.iter().any(|(_, sign)| *sign == Timeout), "{at_ingress:?}");
    assert_eq!(at_ingress[..2], to("us-east-2", &[Request, Answer(ms(50))]));
}

#[test]
fn only_invite_is_measured() {
    for method in ["MESSAGE", "OPTIONS", "FOO"] {
        let mut world = World::new(&Survey::fair().brownout(Oregon, Virginia)).with_phones(Manner::default());
        world.cut(Oregon, California);
        world.place(Draft::new(method, NUMBER, "m1", CALLER.edge(1)));
        world.settle();
        assert_eq!(world.placed("m1").finals, [200]);
        assert_eq!((world.hops(Oregon), world.hops(Ohio)), (vec![], vec![]), "{method}");
    }
}
