//! Slices: whatever call comes, the one it is of is among those that are known beforehand, and brings exactly its rules.

use proptest::prelude::*;

use super::*;
use crate::{Class, Tenant, Traffic};

const CLASSES: [&str; 3] = ["voice", "video", "fax"];
const TENANTS: [&str; 6] = ["acme", "acme-*", "acme-east", "acme-e*", "b", "*"];
const CALLED: [&str; 5] = ["+1", "+1703*", "+17", "49", "4"];

fn class(name: &str) -> Class {
    name.parse().unwrap()
}

/// A rule that asks for some of these, or nothing.
fn asking() -> impl Strategy<Value = String> {
    let some = |all: &'static [&'static str]| {
        prop::option::weighted(0.5, prop::sample::subsequence(all.to_vec(), 1..=2))
            .prop_map(|picked| picked.map(|picked| format!("{picked:?}")))
    };
    (some(&CLASSES), some(&TENANTS), some(&CALLED)).prop_map(|(class, tenant, called)| {
        let asked = [("class", class), ("tenant", tenant), ("called", called)];
        let asked: Vec<String> =
            asked.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?))).collect();
        format!("[[rule]]\nmatch = {{ {} }}\nmax_relays = 1\n", asked.join(", "))
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let class_of = prop::sample::select(vec!["voice", "video", "fax", "text"]);
    let tenant = prop::option::of(prop::sample::select(vec![
        "acme",
        "acme-",
        "acme-east",
        "acme-east-2",
        "acme-west",
        "acmes",
        "b",
        "bb",
        "zzz",
    ]));
    let called = prop::sample::select(vec!["", "+1", "+17", "+17031234", "+12", "491", "4", "5", "alice"]);
    (class_of, tenant, called).prop_map(|(name, tenant, called)| Traffic {
        class: class(name),
        tenant: tenant.map(|tenant| tenant.parse::<Tenant>().unwrap()),
        called: called.to_owned(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_slice_of_every_call_is_known_and_brings_exactly_its_rules(
        rules in prop::collection::vec(asking(), 0..7),
        calls in prop::collection::vec(traffic(), 1..40),
        configured in prop::sample::subsequence(CLASSES.to_vec(), 0..=3),
    ) {
        let document = format!("revision = 1\n{}", rules.concat());
        let Ok(policy) = Policy::parse(&document) else { return Ok(()) };
        let configured: Vec<Class> = configured.into_iter().map(class).collect();
        let slices = policy.slices(&configured);
        prop_assert!(!slices.is_empty() && slices.is_sorted());
        for call in calls {
            let slice = policy.slice_of(&call);
            let fitting = policy.conditions().filter(|condition| condition.fits(&call));
            prop_assert_eq!(fitting.fold(0, |rules, condition| rules | 1 << condition.bit), slice.rules);
            let listed = slices.contains(&slice) || {
                // A class without routes of its own rides with voice.
                !configured.contains(&call.class) && slices.contains(&Slice { class: Class::voice(), ..slice.clone() })
            };
            prop_assert!(listed, "{call:?} {slice:?} {slices:?}\n{document}");
            let occasion = Occasion { slice: &slice, at: Time::default() };
            let applied = policy.between(&region("a"), &region("b"), occasion);
            let fitting = policy.rules.iter().filter(|rule| rule.scope.asked.fits(&call));
            let names: Vec<&str> = fitting.map(|rule| rule.name.as_str()).collect();
            prop_assert_eq!(applied.prohibitions().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), names);
        }
    }
}

#[test]
fn slices_are_the_mixtures_that_calls_can_meet_and_no_more() {
    let policy = Policy::parse(
        "revision = 1\n[[rule]]\nmatch = { tenant = \"acme\" }\nmax_relays = 1\n\
         [[rule]]\nmatch = { called = \"+1\" }\nmax_relays = 1\n\
         [[rule]]\nmatch = { called = \"+1703\" }\nmax_relays = 1\n[[rule]]\nmax_relays = 2",
    )
    .unwrap();
    let rules: Vec<u64> = policy.slices(&[Class::voice()]).iter().map(|slice| slice.rules).collect();
    // Who calls +1703 also calls +1; the rule that asks nothing has no bit.
    assert_eq!(rules, [0b000, 0b001, 0b010, 0b011, 0b110, 0b111]);
    assert_eq!(Policy::empty().slices(&[]), [Slice::voice()]);
    assert_eq!(Policy::empty().slices(&[class("video"), class("voice")]).len(), 2);
}

#[test]
fn a_class_that_only_rules_name_rides_with_voice_under_its_own_rules() {
    let policy = rule("match = { class = \"video\" }\nforbid = [\"c\"]");
    let voice = |rules| Slice { class: Class::voice(), rules };
    assert_eq!(policy.slices(&[Class::voice()]), [voice(0), voice(1)]);
    let video = |rules| Slice { class: class("video"), rules };
    assert_eq!(policy.slices(&[Class::voice(), class("video")]), [video(1), voice(0)]);
}

#[test]
fn a_slice_is_found_again_in_the_policy_before() {
    let two = |first: &str, second: &str| {
        let rule = |word: &str| format!("[[rule]]\nmatch = {{ {word} }}\nmax_relays = 1\n");
        Policy::parse(&format!("revision = 1\n{}{}", rule(first), rule(second))).unwrap()
    };
    let (acme, plus) = ("tenant = \"acme\"", "called = \"+1\"");
    let (before, now) = (two(acme, plus), two(plus, acme));
    let slice = |rules| Slice { class: Class::voice(), rules };
    for (is, was) in [(0b00, 0b00), (0b01, 0b10), (0b10, 0b01), (0b11, 0b11)] {
        assert_eq!(now.slice_before(&before, &slice(is)), slice(was));
    }
    assert_eq!(now.slice_before(&Policy::empty(), &slice(0b11)), slice(0));
}
