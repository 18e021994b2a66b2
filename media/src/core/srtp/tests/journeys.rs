//! Packets that get lost, overtake each other and come twice, over the turns of the sequence number.

use super::*;
use crate::core::srtp::window::WINDOW;
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::HashSet;

/// One packet of a journey: how many numbers are left out before it, by how many places it is late, whether it is lost, and
/// whether it comes a second time, so many places later.
#[derive(Debug, Clone)]
struct Step {
    gap: u64,
    late: usize,
    is_lost: bool,
    again: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![40 => Just(0_u64), 4 => 1..200_u64, 1 => 10_000..30_000_u64];
    let late = prop_oneof![5 => Just(0_usize), 2 => 1..8_usize, 1 => 8..200_usize];
    let again = prop_oneof![6 => Just(None), 1 => (0..300_usize).prop_map(Some)];
    (gap, late, prop::bool::weighted(0.1), again).prop_map(|(gap, late, is_lost, again)| Step {
        gap,
        late,
        is_lost,
        again,
    })
}

/// The numbers that are sent, and then the order in which they arrive.
fn journey(first: u64, steps: &[Step]) -> (Vec<u64>, Vec<u64>) {
    let (mut number, mut sent, mut arrivals) = (first, vec![first], vec![(0, first)]);
    for (place, step) in steps.iter().enumerate() {
        number += 1 + step.gap;
        sent.push(number);
        if !step.is_lost {
            arrivals.push((place + 1 + step.late, number));
            arrivals.extend(step.again.map(|later| (place + 1 + step.late + later, number)));
        }
    }
    arrivals.sort_by_key(|(place, _)| *place);
    (sent, arrivals.into_iter().map(|(_, number)| number).collect())
}

/// What must become of each arrival, by numbers that nobody has to guess. None: no receiver could know, for more than half
/// of all sequence numbers lie between.
fn verdicts(arrivals: &[u64]) -> Option<Vec<Result<(), Refusal>>> {
    let mut highest = arrivals[0];
    let mut seen = HashSet::new();
    let verdict = |number: &u64| {
        if number.abs_diff(highest) >= 1 << 15 {
            return None;
        }
        let is_old = highest.checked_sub(*number).is_some_and(|behind| behind >= WINDOW);
        highest = highest.max(*number);
        Some(match (is_old, seen.insert(*number)) {
            (true, _) => Err(Refusal::TooOld),
            (false, false) => Err(Refusal::Replayed),
            (false, true) => Ok(()),
        })
    };
    arrivals.iter().map(verdict).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a sequence number is the lower 16 bits")]
fn packet(source: u32, number: u64) -> Vec<u8> {
    let size = usize::try_from(number % 50).unwrap();
    rtp(source, number as u16, &[&number.to_be_bytes()[..], &vec![0x5a; size]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_arrives_once_and_in_time_is_what_was_sent(
        suite in select(&Suite::ALL[..]),
        first in prop_oneof![0..65_536_u64, 65_400..65_536_u64],
        steps in vec(step(), 1..400),
        mki in select(vec![None, Mki::new(1, 4), Mki::new(7, 1)]),
    ) {
        let (sent, arrivals) = journey(first, &steps);
        let verdicts = verdicts(&arrivals);
        prop_assume!(verdicts.is_some());
        let master = named(key(suite, 7), mki);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        // A second source whose numbers have nothing to do with the first one's.
        let (mut other, calm) = (0_u16, 0x0c0f_fee0);
        let protected: std::collections::HashMap<u64, Vec<u8>> =
            sent.iter().map(|number| (*number, protect(&mut sender, &packet(1, *number)).unwrap())).collect();
        for (number, verdict) in arrivals.iter().zip(verdicts.unwrap()) {
            let got = unprotect(&mut receiver, &protected[number]);
            prop_assert_eq!(got, verdict.map(|()| packet(1, *number)), "{}", number);
            let plain = rtp(calm, other, b"calm");
            other = other.wrapping_add(1);
            let sealed = protect(&mut sender, &plain).unwrap();
            prop_assert_eq!(unprotect(&mut receiver, &sealed), Ok(plain));
            prop_assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Replayed));
        }
    }

    /// A relay in the middle gets packets as they come, and protects them as they come: the last receiver must still agree
    /// on their numbers.
    #[test]
    fn packets_that_are_out_of_order_are_protected_by_their_own_numbers(
        first in 65_300..65_536_u64,
        steps in vec(step(), 1..300),
    ) {
        let (_, arrivals) = journey(first, &steps);
        let verdicts = verdicts(&arrivals);
        prop_assume!(verdicts.is_some());
        let master = key(Suite::AesCm128HmacSha1_80, 9);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        for (number, verdict) in arrivals.iter().zip(verdicts.unwrap()) {
            let sealed = protect(&mut sender, &packet(1, *number));
            prop_assert_eq!(sealed.as_ref().map(drop), verdict.as_ref().map(drop));
            if let Ok(sealed) = sealed {
                prop_assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet(1, *number)));
            }
        }
    }

    #[test]
    fn rtcp_arrives_in_any_order_and_once(
        suite in select(&Suite::ALL[..]),
        order in Just((0..100_usize).collect::<Vec<_>>()).prop_shuffle(),
        rest in vec(any::<u8>(), 0..100),
    ) {
        let master = named(key(suite, 3), Mki::new(300, 2));
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        let plain = rtcp(5, &rest);
        let sent: Vec<Vec<u8>> = (0..100).map(|_| protect_rtcp(&mut sender, &plain).unwrap()).collect();
        for at in order {
            prop_assert_eq!(unprotect_rtcp(&mut receiver, &sent[at]), Ok(plain.clone()));
            prop_assert_eq!(unprotect_rtcp(&mut receiver, &sent[at]), Err(Refusal::Replayed));
        }
    }

    /// Whatever comes from the wire: no panic, and nothing is let in.
    #[test]
    fn noise_is_refused(suite in select(&Suite::ALL[..]), mut noise in vec(any::<u8>(), 0..120), version in any::<bool>()) {
        if let Some(first) = noise.first_mut().filter(|_| version) {
            *first = *first & 0x3f | 0x80;
        }
        let master = named(key(suite, 3), Mki::new(1, 1));
        prop_assert!(unprotect(&mut Receiver::new(&master), &noise).is_err());
        prop_assert!(unprotect_rtcp(&mut Receiver::new(&master), &noise).is_err());
        // Sent, it is either no packet or comes back as it was.
        if let Ok(sealed) = protect(&mut Sender::new(&master), &noise) {
            prop_assert_eq!(unprotect(&mut Receiver::new(&master), &sealed).unwrap(), noise);
        }
    }
}

/// Every bit of a packet, of its tag, its number and its MKI.
#[test]
fn a_bit_that_flipped_is_always_noticed() {
    for suite in Suite::ALL {
        let master = named(key(suite, 11), Mki::new(1, 2));
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        let mut with_extension = rtp(1, 65_530, b"\x01\x02\x03\x04\xbe\xde\x00\x01exts a payload");
        with_extension[0] = 0x91;
        let sealed = protect(&mut sender, &with_extension).unwrap();
        let report = rtcp(1, b"some blocks of a report");
        let sealed_report = protect_rtcp(&mut sender, &report).unwrap();
        for bit in 0..8 * sealed.len() {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut receiver, &flipped).is_err(), "{suite:?} {bit}");
        }
        for bit in 0..8 * sealed_report.len() {
            let mut flipped = sealed_report.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut receiver, &flipped).is_err(), "{suite:?} {bit}");
        }
        // None of that has moved anything.
        assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), with_extension);
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed_report).unwrap(), report);
    }
}

/// Three turns of the sequence number, every packet, and a hole just short of half a turn in each.
#[test]
fn long_calls_stay_in_step_through_long_holes() {
    let master = key(Suite::AeadAes128Gcm, 5);
    let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
    for number in 60_000..260_000_u64 {
        let sealed = protect(&mut sender, &packet(1, number)).unwrap();
        // 2^15 - 1 numbers on from the last one that came: the most that can be told.
        if number % 65_536 < 30_000 || number % 65_536 >= 30_000 + 32_766 {
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet(1, number)), "{number}");
        }
    }
}

/// A phone that begins shortly before a turn, and whose first packets come before we listen.
#[test]
fn a_call_whose_first_packets_were_lost_before_a_turn_is_understood() {
    for suite in Suite::ALL {
        let master = key(suite, 6);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        let sent: Vec<_> =
            (65_500..65_600).map(|number| protect(&mut sender, &packet(1, number)).unwrap()).collect();
        let mut forged = sent[50].clone();
        forged[14] ^= 1;
        assert_eq!(unprotect(&mut receiver, &forged), Err(Refusal::Forged));
        for (number, sealed) in (65_500..65_600).zip(&sent).skip(50) {
            assert_eq!(unprotect(&mut receiver, sealed), Ok(packet(1, number)), "{suite:?}");
            assert_eq!(unprotect(&mut receiver, sealed), Err(Refusal::Replayed));
        }
        // What overtook the turn is late, not lost.
        assert_eq!(unprotect(&mut receiver, &sent[35]), Ok(packet(1, 65_535)));
        // Two turns on nobody can know.
        sender.put(2, 131_072, 0);
        let late = protect(&mut sender, &rtp(2, 1, b"late")).unwrap();
        assert_eq!(unprotect(&mut receiver, &late), Err(Refusal::Forged));
    }
}

/// RFC 3711 §3.3.1 has the rollover counter go on when the key changes; many begin at zero.
#[test]
fn after_a_change_of_keys_both_rollover_counters_are_understood() {
    for (suite, begins_anew) in Suite::ALL.into_iter().flat_map(|suite| [(suite, false), (suite, true)]) {
        let (old, new) = (key(suite, 6), key(suite, 7));
        let (mut sender, mut receiver) = (Sender::new(&old), Receiver::new(&old));
        for number in 65_500..65_600 {
            let sealed = protect(&mut sender, &packet(1, number)).unwrap();
            assert!(unprotect(&mut receiver, &sealed).is_ok());
        }
        let before = protect_rtcp(&mut sender, &rtcp(1, b"")).unwrap();
        assert!(unprotect_rtcp(&mut receiver, &before).is_ok());
        if begins_anew {
            sender = Sender::new(&new);
        } else {
            sender.rekey(&new);
        }
        receiver.rekey(&new);
        for number in 65_600..65_700 {
            let sealed = protect(&mut sender, &packet(1, number)).unwrap();
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet(1, number)), "{suite:?}");
            // An order that is repeated changes nothing: what came, came.
            receiver.rekey(&new);
            assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Replayed));
        }
        let after = protect_rtcp(&mut sender, &rtcp(1, b"")).unwrap();
        assert!(unprotect_rtcp(&mut receiver, &after).is_ok());
        assert_eq!(
            unprotect_rtcp(&mut receiver, &before),
            Err(if begins_anew { Refusal::Replayed } else { Refusal::Forged })
        );
    }
}
