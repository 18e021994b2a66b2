//! New keys under load, in virtual time.

use super::*;
use std::{collections::BTreeMap, time::Duration};

/// Half a minute of two relays that renew their keys every second, hear of the other's new key after up to 300 ms, and send
/// 200 frames a second each over a network that takes 20 to 120 ms: not one is refused.
#[test]
fn rotation_under_load_refuses_no_frame() {
    let seed = 7;
    let mut chance = fastrand::Rng::with_seed(seed);
    let start = Time::from_millis(1_000_000);
    let mut relays = [Relay::new(1, 0, start), Relay::new(2, 0, start)];
    let roster = relays.each_ref().map(|relay| relay.peer.clone());
    relays.iter_mut().for_each(|relay| relay.meet(start, &roster));
    // What arrives when: (to whom, what).
    let mut frames: BTreeMap<(Time, u32), (usize, Vec<u8>)> = BTreeMap::new();
    let mut news: BTreeMap<(Time, u32), (usize, Peer)> = BTreeMap::new();
    let (mut opened, mut keys_seen, mut most_keys) = (0, [const { Vec::new() }; 2], 0);
    for tick in 0..6_100_u32 {
        let now = start + Duration::from_millis(5) * tick;
        for n in 0..2 {
            if tick % 200 == 0 && tick < 6_000 {
                renew(&mut relays[n], now, chance.u8(..), tick);
                let heard = now + Duration::from_millis(chance.u64(0..300));
                news.insert((heard, tick * 2 + u32::from(n == 1)), (1 - n, relays[n].peer.clone()));
            }
            let to = relays[1 - n].id();
            if tick < 6_000 {
                let frame = relays[n].seal(0, &[to], b"voice").unwrap();
                let arrives = now + Duration::from_millis(chance.u64(20..120));
                frames.insert((arrives, tick * 2 + u32::from(n == 1)), (1 - n, frame));
            }
        }
        while let Some(entry) = news.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to, peer) = entry.remove();
            relays[to].meet(now, &[peer]);
        }
        while let Some(entry) = frames.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to, frame) = entry.remove();
            let got = relays[to].open_at(now, &frame);
            assert_eq!(got, Ok(b"voice".to_vec()), "seed {seed}, tick {tick}");
            opened += 1;
            keys_seen[to].push(Header::parse(&frame).unwrap().key);
        }
        for relay in &mut relays {
            let used: Vec<(u8, Time)> = relay.opener.used().collect();
            used.into_iter().for_each(|(key, at)| relay.keys.used(key, at));
            if relay.keys.expire(now) {
                relay.adopt();
            }
            most_keys = most_keys.max(relay.keys.receiving_keys().count());
        }
    }
    assert_eq!(opened, 12_000);
    for (relay, mut keys) in relays.iter_mut().zip(keys_seen) {
        keys.dedup();
        keys.sort_unstable();
        keys.dedup();
        assert!(keys.len() >= 30, "they took the new keys: {keys:?}");
        let end = start + Duration::from_secs(40);
        let counts = relay.opener.take(end);
        assert_eq!((counts[0].received, counts[0].lost), (6_000, 0), "counters go on under a new key");
        assert_eq!(relay.opener.take(end), []);
    }
    assert!(most_keys <= 62, "{most_keys} at a time");
    for relay in &mut relays {
        let later = start + Duration::from_secs(100);
        assert!(relay.keys.expire(later));
        assert_eq!(relay.keys.receiving_keys().count(), 1, "all but the newest go when nobody uses them");
        assert_eq!(relay.keys.deadline(), None);
    }
}

fn renew(relay: &mut Relay, now: Time, salt: u8, tick: u32) {
    let mut seed = [salt; 32];
    seed[..4].copy_from_slice(&tick.to_be_bytes());
    relay.keys.renew(now, &seed).unwrap();
    relay.adopt();
    relay.peer.receiving_keys = relay.keys.receiving_keys().collect();
}

#[test]
fn a_key_in_use_is_kept_and_one_that_is_not_goes_after_a_minute() {
    let at = Time::from_millis;
    let [mut a, mut b] = mesh();
    renew(&mut b, at(10_000), 1, 1);
    assert_eq!(b.keys.deadline(), Some(at(70_000)));
    // a has not heard of it.
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    b.open_at(at(69_000), &frame).unwrap();
    let used: Vec<(u8, Time)> = b.opener.used().collect();
    assert_eq!(used, [(0, at(69_000))]);
    used.into_iter().for_each(|(key, at)| b.keys.used(key, at));
    assert!(!b.keys.expire(at(128_999)));
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert!(b.keys.expire(at(129_000)));
    b.adopt();
    assert_eq!(b.open(&frame), Err(Refusal::Key));
    a.meet(at(129_000), &[b.peer.clone()]);
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!((Header::parse(&frame).unwrap().key, b.open(&frame)), (1, Ok(b"voice".to_vec())));
}

#[test]
fn a_relay_that_starts_anew_is_heard_from_its_first_counter_on_and_its_old_frames_are_not() {
    let now = Time::from_millis(0);
    let [mut a, mut b] = mesh();
    for _ in 0..2_000 {
        let frame = a.seal(0, &[b.id()], b"voice").unwrap();
        b.open(&frame).unwrap();
    }
    let old = a.seal(0, &[b.id()], b"old").unwrap();
    let mut a = Relay::new(1, 0, now);
    a.keys = Keys::new(now, a.peer.region.clone(), a.peer.node.clone(), &[77; 32], &[78; 32]).unwrap();
    a.peer.sender_key = a.keys.sender_key();
    a.peer.incarnation = 2;
    a.meet(now, &[b.peer.clone()]);
    b.meet(now, &[a.peer.clone()]);
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!(Header::parse(&frame).unwrap().counter, 0);
    assert_eq!(b.open(&frame), Ok(b"voice".to_vec()));
    assert_eq!(b.open(&old), Err(Refusal::Forged));
}

#[test]
fn a_relay_that_vanishes_and_comes_back_goes_on_counting_and_nothing_can_be_replayed() {
    let now = Time::from_millis(5);
    let [mut a, mut b] = mesh();
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!(b.open(&frame), Ok(b"voice".to_vec()));
    for relay in [&mut a, &mut b] {
        relay.meet(now, &[]);
    }
    assert_eq!(a.seal(0, &[b.id()], b"voice"), Err(Refusal::Unreachable));
    assert_eq!(b.open(&frame), Err(Refusal::Stranger));
    a.meet(now, &[b.peer.clone()]);
    b.meet(now, &[a.peer.clone()]);
    assert_eq!(b.open(&frame), Err(Refusal::Replayed));
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!((Header::parse(&frame).unwrap().counter, b.open(&frame)), (1, Ok(b"voice".to_vec())));
}

#[test]
fn a_relay_that_was_forgotten_altogether_never_sees_a_counter_twice() {
    let at = Time::from_millis;
    let [mut a, mut b] = mesh();
    for _ in 0..10 {
        let frame = a.seal(0, &[b.id()], b"voice").unwrap();
        b.open(&frame).unwrap();
    }
    a.meet(at(5), &[]);
    renew(&mut a, at(10), 1, 1);
    assert!(a.keys.expire(at(80_000)), "the key of that time is retired");
    a.adopt();
    assert_eq!(a.keys.table().slots.iter().flatten().count(), 0, "and the relay forgotten");
    a.meet(at(80_001), &[b.peer.clone()]);
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!(Header::parse(&frame).unwrap().counter, 10);
    assert_eq!(b.open(&frame), Ok(b"voice".to_vec()), "b had never heard of it");
}
