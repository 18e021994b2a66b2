//! How long answers live, and what a DNS that is away does to them.

use super::{Memory, Outcome, Recall, Request, Server};
use crate::{clock::Clock, dns::Transport};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn request(host: &str) -> Request {
    Request::new(host, None, None, false).unwrap()
}

fn servers(port: u16) -> Arc<[Server]> {
    let addresses = vec![SocketAddr::from(([192, 0, 2, 1], port))];
    [Server { rank: 0, priority: 0, weight: 0, transport: Transport::Udp, addresses }].into()
}

fn found(port: u16, ttl: Duration) -> Outcome {
    Outcome::Found { servers: servers(port), ttl, partial: false }
}

/// A memory that has just learned this of `a.example`, and the time.
fn after(outcome: Outcome) -> (Memory, Instant) {
    let (mut memory, now) = (Memory::new(16), Clock::start().now());
    memory.learn(now, &request("a.example"), outcome);
    (memory, now)
}

#[test]
fn an_answer_lives_as_long_as_it_says_within_bounds() {
    let partial = |ttl| Outcome::Found { servers: servers(1), ttl, partial: true };
    let cases = [
        (found(1, 300 * S), 300 * S),
        (found(1, Duration::ZERO), S),
        (found(1, 86_400 * S), 3600 * S),
        (found(1, Duration::MAX), 3600 * S),
        (partial(300 * S), 30 * S),
        (partial(5 * S), 5 * S),
        (Outcome::Missing { ttl: None }, 30 * S),
        (Outcome::Missing { ttl: Some(10 * S) }, 10 * S),
        (Outcome::Missing { ttl: Some(86_400 * S) }, 30 * S),
        (Outcome::Missing { ttl: Some(Duration::ZERO) }, S),
    ];
    for (outcome, life) in cases {
        let shown = format!("{outcome:?}");
        let (mut memory, now) = after(outcome);
        assert_ne!(memory.recall(now + life - MS, &request("a.example")), Recall::Unknown, "{shown}");
        assert_eq!(memory.recall(now + life, &request("a.example")), Recall::Unknown, "{shown}");
    }
}

#[test]
fn requests_that_differ_in_anything_are_kept_apart() {
    let (mut memory, now) = after(found(1, 300 * S));
    let other = |port, transport, sips| Request::new("a.example", port, transport, sips).unwrap();
    for request in [
        request("b.example"),
        other(Some(5060), None, false),
        other(None, Some(Transport::Udp), false),
        other(None, None, true),
    ] {
        assert_eq!(memory.recall(now, &request), Recall::Unknown, "{request:?}");
    }
    assert_eq!(memory.recall(now, &request("A.EXAMPLE.")), Recall::Servers(servers(1)));
}

#[test]
fn a_good_answer_serves_for_a_day_while_dns_is_away() {
    let (mut memory, now) = after(found(1, 60 * S));
    let a = request("a.example");
    let mut at = now + 60 * S;
    for _ in 0..3 {
        assert_eq!(memory.recall(at, &a), Recall::Unknown, "it is time to ask again");
        assert_eq!(memory.learn(at, &a, Outcome::Away), Recall::Servers(servers(1)));
        assert_eq!(
            memory.recall(at + 30 * S - MS, &a),
            Recall::Servers(servers(1)),
            "nobody waits meanwhile"
        );
        at += 30 * S;
    }
    let end = now + 60 * S + 86_400 * S;
    assert_eq!(memory.learn(end - 5 * S, &a, Outcome::Away), Recall::Servers(servers(1)));
    assert_eq!(memory.recall(end, &a), Recall::Unknown);
    assert_eq!(memory.learn(end, &a, Outcome::Away), Recall::Unknown);
}

#[test]
fn dns_that_is_back_is_believed_at_once() {
    let a = request("a.example");
    let (mut memory, now) = after(found(1, 60 * S));
    memory.learn(now + 60 * S, &a, Outcome::Away);
    assert_eq!(memory.learn(now + 91 * S, &a, found(2, 60 * S)), Recall::Servers(servers(2)));
    assert_eq!(memory.recall(now + 92 * S, &a), Recall::Servers(servers(2)));
    assert_eq!(memory.learn(now + 200 * S, &a, Outcome::Missing { ttl: None }), Recall::Missing);
    assert_eq!(
        memory.learn(now + 300 * S, &a, Outcome::Away),
        Recall::Unknown,
        "what is gone is no fallback"
    );
}

#[test]
fn a_failed_lookup_is_not_remembered() {
    let (mut memory, now) = after(Outcome::Away);
    assert_eq!(memory.recall(now, &request("a.example")), Recall::Unknown);
    assert!(memory.entries.is_empty());
}

#[test]
fn a_flood_of_names_is_bounded_and_pushes_no_good_answer_out() {
    let (mut memory, now) = after(found(1, 3600 * S));
    for n in 0..1000u32 {
        let at = now + n * MS;
        memory.learn(at, &request(&format!("n{n}.example")), Outcome::Missing { ttl: None });
        assert!(memory.entries.len() <= 16, "{}", memory.entries.len());
    }
    assert_eq!(memory.recall(now + S, &request("a.example")), Recall::Servers(servers(1)));
    assert_eq!(memory.recall(now + S, &request("n999.example")), Recall::Missing, "the latest is there");
}

#[test]
fn among_good_answers_what_is_used_stays() {
    let (mut memory, now) = after(found(1, 3600 * S));
    for n in 0..100u32 {
        let at = now + n * MS;
        assert_ne!(memory.recall(at, &request("a.example")), Recall::Unknown, "{n}");
        memory.learn(at, &request(&format!("n{n}.example")), found(2, 3600 * S));
    }
    assert!(memory.entries.len() <= 16);
}
