//! What a registrar and a mesh of them may rely on.

use super::{BUCKETS, Binding, Change, Contacts, Limits, Merged, Refused, Sealed, Store, Unfit, Wish};
use crate::location::{BINDING_BYTES_MAX, TOMBSTONE_MS};
use proptest::prelude::*;
use ringway_router::NodeId;
use std::sync::Arc;

const AOR: &str = "sip:alice@example.com";
const NOW_US: u64 = 1_000_000_000;
const NOW_MS: u64 = NOW_US / 1000;

/// A binding of a node in that region, good for an hour.
pub(in crate::location) fn binding_in(region: &str, contact: &str) -> Binding {
    let node = node(region);
    Binding {
        aor: AOR.into(),
        contact: contact.into(),
        instance: None,
        reg_id: None,
        call_id: "c".into(),
        cseq: 1,
        q: 1000,
        path: Vec::new(),
        region: node.region.clone(),
        node,
        expires_unix_ms: NOW_MS + 3_600_000,
        covers_unix_ms: 0,
        updated_unix_us: NOW_US,
        removed: false,
    }
}

fn node(region: &str) -> NodeId {
    NodeId { region: region.parse().unwrap(), node: "n1".parse().unwrap() }
}

fn store() -> Store {
    Store::new(node("east"), Limits { contacts_max: 3, aors_max: 2 })
}

fn wish(contact: &str, expires_s: u32) -> Wish {
    Wish { contact: contact.into(), instance: None, reg_id: None, q: 1000, expires_s }
}

fn change(call_id: &str, cseq: u32, wishes: &[Wish]) -> Change {
    let contacts = Contacts::Set(wishes.to_vec());
    Change { aor: AOR.into(), call_id: call_id.into(), cseq, path: Vec::new(), contacts }
}

/// Merges as if the record had been signed: signatures are looked at elsewhere.
fn merge(store: &mut Store, record: Binding, now_unix_ms: u64) -> Merged {
    let sealed = Sealed { binding: Vec::new(), signature: Vec::new() };
    store.merge(record, Arc::new(sealed), now_unix_ms)
}

fn contacts(store: &Store, now_unix_ms: u64) -> Vec<&str> {
    store.lookup(AOR, now_unix_ms).into_iter().map(|binding| binding.contact.as_str()).collect()
}

#[test]
fn contacts_come_by_q_and_then_the_newest_and_end_in_time() {
    let mut store = store();
    let low = Wish { q: 500, ..wish("sip:low@h", 60) };
    store.apply(&change("c", 1, &[low, wish("sip:old@h", 60)]), NOW_US).unwrap();
    store.apply(&change("c", 2, &[wish("sip:new@h", 120)]), NOW_US + 1).unwrap();
    assert_eq!(contacts(&store, NOW_MS), ["sip:new@h", "sip:old@h", "sip:low@h"]);
    assert_eq!(contacts(&store, NOW_MS + 60_000), ["sip:new@h"]);
    store.expire(NOW_MS + 60_000 + TOMBSTONE_MS, 9);
    assert_eq!(store.bucket(bucket(&store)).count(), 1);
    store.expire(NOW_MS + 120_000 + TOMBSTONE_MS, 9);
    assert_eq!((store.aors(), store.digest()), (0, &[0; BUCKETS]));
}

/// The only bucket that has something in it.
fn bucket(store: &Store) -> usize {
    (0..BUCKETS).find(|bucket| store.bucket(*bucket).next().is_some()).unwrap()
}

#[test]
fn expiry_looks_at_what_is_due_and_counts_the_living() {
    let mut store = Store::new(node("east"), Limits::default());
    let of = |n: u32, cseq, expires_s| {
        let aor = format!("sip:{n}@h");
        Change { aor, ..change("c", cseq, &[wish("sip:a@h", expires_s)]) }
    };
    for n in 0..100 {
        store.apply(&of(n, 1, 60 + n), NOW_US).unwrap();
    }
    let live = |store: &Store| store.live().values().sum::<usize>();
    assert_eq!((store.expire(NOW_MS + 59_999, 1_000), live(&store)), (0, 100));
    assert_eq!((store.expire(NOW_MS + 69_000, 1_000), live(&store)), (10, 90));
    // A refresh costs one look, when the old end is due; a removal counts at once.
    store.apply(&of(50, 2, 3_600), NOW_US).unwrap();
    store.apply(&of(51, 2, 0), NOW_US).unwrap();
    assert_eq!(live(&store), 89);
    assert_eq!((store.expire(NOW_MS + 110_000, 1_000), live(&store)), (41, 49));
    assert_eq!(store.expire(NOW_MS + 110_000, 1_000), 0);
    assert_eq!((store.expire(NOW_MS + 999_000, 7), store.aors()), (7, 93), "no more than was asked for");
    assert_eq!(store.expire(NOW_MS + 999_000, 1_000), 92);
    assert_eq!((store.aors(), live(&store), store.bucket(0).count() < 2), (1, 1, true));
}

#[test]
fn a_shorter_refresh_is_not_undone_by_who_missed_it() {
    let mut east = store();
    let first = east.apply(&change("c", 1, &[wish("sip:a@h", 3_600)]), NOW_US).unwrap().remove(0);
    let refresh = east.apply(&change("c", 2, &[wish("sip:a@h", 60)]), NOW_US + 1).unwrap().remove(0);
    let mut west = Store::new(node("west"), Limits::default());
    merge(&mut west, refresh, NOW_MS);
    let later_ms = NOW_MS + 60_000 + TOMBSTONE_MS + 1;
    for store in [&mut east, &mut west] {
        store.expire(later_ms, 9);
        assert_eq!(merge(store, first.clone(), later_ms), Merged::Stale, "another node still has the first");
        assert_eq!(contacts(store, later_ms), [""; 0]);
        // When the first would have ended, there is nothing to remember.
        store.expire(NOW_MS + 3_600_000 + TOMBSTONE_MS, 9);
        assert_eq!(store.aors(), 0);
    }
}

#[test]
fn who_overwrote_what_it_did_not_know_writes_once_more() {
    let east_2 = NodeId { node: "n2".parse().unwrap(), ..node("east") };
    let mut other = Store::new(east_2, Limits::default());
    let long = other.apply(&change("c", 1, &[wish("sip:a@h", 3_600)]), NOW_US).unwrap().remove(0);
    let mut east = store();
    let short = east.apply(&change("d", 1, &[wish("sip:a@h", 60)]), NOW_US + 1).unwrap().remove(0);
    assert_eq!(merge(&mut other, short.clone(), NOW_MS), Merged::Taken);
    assert_eq!(merge(&mut other, long.clone(), NOW_MS), Merged::Stale, "not its own to mend");
    assert_eq!(merge(&mut east, long.clone(), NOW_MS), Merged::Outlasting);
    let again = east.unsealed(9);
    assert_eq!((again.len(), again[0].expires_unix_ms), (1, short.expires_unix_ms));
    assert_eq!(merge(&mut other, again[0].clone(), NOW_MS), Merged::Taken);
    assert_eq!(merge(&mut east, long.clone(), NOW_MS), Merged::Stale, "once is enough");
    let later_ms = NOW_MS + 60_000 + TOMBSTONE_MS + 1;
    for store in [&mut east, &mut other] {
        store.expire(later_ms, 9);
        assert_eq!(merge(store, long.clone(), later_ms), Merged::Stale);
    }
}

#[test]
fn what_is_written_waits_until_this_very_version_is_signed() {
    let mut store = store();
    let sealed = || Arc::new(Sealed { binding: vec![1], signature: vec![2] });
    let first = store.apply(&change("c", 1, &[wish("sip:a@h", 60)]), NOW_US).unwrap();
    assert_eq!(store.unsealed(9), first);
    let second = store.apply(&change("c", 2, &[wish("sip:a@h", 60)]), NOW_US + 1).unwrap();
    store.seal(&first[0], sealed());
    assert_eq!(store.unsealed(9), second, "the first is no more");
    let nothing = std::collections::HashSet::new();
    assert_eq!(store.missing(bucket(&store), &nothing, NOW_MS).count(), 0, "not to be told unsigned");
    store.seal(&second[0], sealed());
    assert!(!store.has_unsealed() && store.unsealed(9).is_empty());
    assert_eq!(store.missing(bucket(&store), &nothing, NOW_MS).count(), 1);
}

#[test]
fn no_binding_is_written_that_others_would_refuse() {
    let mut store = store();
    let long = format!("sip:{}@h", "a".repeat(BINDING_BYTES_MAX));
    let refused =
        |store: &mut Store, contact: &str| store.apply(&change("c", 1, &[wish(contact, 60)]), NOW_US);
    assert_eq!(refused(&mut store, &long), Err(Refused::Unfit(Unfit::TooLong)));
    assert_eq!(refused(&mut store, "sip:a\r\n@h"), Err(Refused::Unfit(Unfit::Field("contact"))));
    let late = Binding { updated_unix_us: NOW_US + 601_000_000, ..binding_in("west", "sip:a@h") };
    assert_eq!(late.check(NOW_MS), Err(Unfit::Time));
    let eternal = Binding { expires_unix_ms: NOW_MS + 86_400_001, ..binding_in("west", "sip:a@h") };
    assert_eq!(eternal.check(NOW_MS), Err(Unfit::Time));
    assert_eq!(binding_in("west", "sip:a@h").check(NOW_MS), Ok(()));
}

#[test]
fn an_overtaken_registration_changes_nothing_at_all() {
    let mut store = store();
    store.apply(&change("c", 5, &[wish("sip:a@h", 60)]), NOW_US).unwrap();
    for cseq in [4, 5] {
        let late = change("c", cseq, &[wish("sip:b@h", 60), wish("sip:a@h", 0)]);
        assert_eq!(store.apply(&late, NOW_US + 1), Err(Refused::OutOfOrder));
        let clear = Change { contacts: Contacts::Clear, ..late };
        assert_eq!(store.apply(&clear, NOW_US + 1), Err(Refused::OutOfOrder));
    }
    assert_eq!(contacts(&store, NOW_MS), ["sip:a@h"]);
    // Another Call-ID is a client that started anew: its count means nothing (RFC 3261 §10.3 step 7).
    store.apply(&change("d", 1, &[wish("sip:a@h", 0)]), NOW_US + 1).unwrap();
    assert_eq!(contacts(&store, NOW_MS), [""; 0]);
    assert_eq!(store.apply(&change("d", 1, &[wish("sip:a@h", 60)]), NOW_US + 2), Err(Refused::OutOfOrder));
}

#[test]
fn an_equivalent_contact_replaces_and_a_wildcard_clears_the_own_region_only() {
    let mut store = store();
    assert_eq!(merge(&mut store, binding_in("west", "sip:w@h"), NOW_MS), Merged::Taken);
    store.apply(&change("c", 1, &[wish("sip:a@H", 60)]), NOW_US + 1).unwrap();
    store.apply(&change("c", 2, &[wish("sip:%61@h", 60)]), NOW_US + 2).unwrap();
    assert_eq!(contacts(&store, NOW_MS), ["sip:%61@h", "sip:w@h"]);
    let clear = Change { contacts: Contacts::Clear, ..change("c", 3, &[]) };
    assert_eq!(store.apply(&clear, NOW_US + 3).unwrap().len(), 1);
    assert_eq!(contacts(&store, NOW_MS), ["sip:w@h"]);
}

#[test]
fn a_flow_replaces_itself_and_stands_beside_the_other() {
    let mut store = store();
    let flow = |contact, reg_id| Wish {
        instance: Some("<urn:x>".into()),
        reg_id: Some(reg_id),
        ..wish(contact, 60)
    };
    store.apply(&change("c", 1, &[flow("sip:a@1", 1)]), NOW_US).unwrap();
    store.apply(&change("d", 1, &[flow("sip:a@2", 2)]), NOW_US + 1).unwrap();
    store.apply(&change("e", 1, &[flow("sip:a@3", 1)]), NOW_US + 2).unwrap();
    assert_eq!(contacts(&store, NOW_MS), ["sip:a@3", "sip:a@2"]);
}

#[test]
fn limits_hold() {
    let mut store = store();
    let four = ["sip:1@h", "sip:2@h", "sip:3@h", "sip:4@h"].map(|contact| wish(contact, 60));
    assert_eq!(store.apply(&change("c", 1, &four), NOW_US), Err(Refused::TooManyContacts));
    store.apply(&change("c", 1, &four[1..]), NOW_US).unwrap();
    assert_eq!(store.apply(&change("c", 2, &four[..1]), NOW_US), Err(Refused::TooManyContacts));
    let of = |aor: &str| Change { aor: aor.into(), ..change("c", 1, &four[..1]) };
    store.apply(&of("sip:b@h"), NOW_US).unwrap();
    assert_eq!(store.apply(&of("sip:c@h"), NOW_US), Err(Refused::Full));
    let stranger = Binding { aor: "sip:d@h".into(), ..binding_in("west", "sip:1@h") };
    assert_eq!(merge(&mut store, stranger, NOW_MS), Merged::Refused);
    let liar = Binding { region: "east".parse().unwrap(), ..binding_in("west", "sip:1@h") };
    assert_eq!(merge(&mut store, liar, NOW_MS), Merged::Refused);
}

#[test]
fn two_stores_that_trade_their_differing_buckets_agree() {
    let limits = Limits::default();
    let mut stores = ["east", "west"].map(|region| Store::new(node(region), limits));
    for n in 0..500 {
        let aor = format!("sip:{n}@h");
        let change = Change { aor, ..change("c", 1, &[wish("sip:a@h", 60)]) };
        stores[n % 2].apply(&change, NOW_US).unwrap();
        if n % 5 == 0 {
            let clear = Change { contacts: Contacts::Clear, cseq: 2, ..change };
            stores[n % 2].apply(&clear, NOW_US).unwrap();
        }
    }
    let [east, west] = &mut stores;
    for bucket in east.differing(west.digest()) {
        let (theirs, ours): (Vec<_>, Vec<_>) =
            (west.bucket(bucket).cloned().collect(), east.bucket(bucket).cloned().collect());
        theirs.into_iter().for_each(|record| assert_ne!(merge(east, record, NOW_MS), Merged::Refused));
        ours.into_iter().for_each(|record| assert_ne!(merge(west, record, NOW_MS), Merged::Refused));
    }
    assert_eq!(east.differing(west.digest()), [0; 0]);
    assert_eq!((east.aors(), west.aors()), (500, 500));
}

prop_compose! {
    fn record()(
        region in prop::sample::select(vec!["east", "west"]),
        contact in prop::sample::select(vec!["sip:a@h", "sip:a@h;x=1", "sip:a@h;x=2"]),
        reg_id in prop::option::of(1_u32..3),
        updated in 0_u64..4,
        cseq in 1_u32..3,
        removed: bool,
    ) -> Binding {
        let instance = reg_id.map(|_| "i".to_owned());
        let updated_unix_us = NOW_US + updated;
        Binding { instance, reg_id, updated_unix_us, cseq, removed, ..binding_in(region, contact) }
    }
}

proptest! {
    #[test]
    fn any_order_of_the_same_records_ends_in_the_same_store(
        (records, shuffled) in prop::collection::vec(record(), 0..20)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let fill = |records: Vec<Binding>| {
            let mut store = Store::new(node("north"), Limits::default());
            records.into_iter().for_each(|record| {
                merge(&mut store, record, NOW_MS);
            });
            store
        };
        let (one, other) = (fill(records), fill(shuffled));
        prop_assert_eq!(one.digest(), other.digest());
        let all = |store: &Store| {
            let mut all: Vec<String> = (0..BUCKETS).flat_map(|n| store.bucket(n)).map(|b| format!("{b:?}")).collect();
            all.sort();
            all
        };
        prop_assert_eq!(all(&one), all(&other));
    }
}
