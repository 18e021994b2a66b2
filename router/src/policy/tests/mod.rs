//! What good documents do; next door, what is refused, when rules hold, and which calls they tell apart.

mod checks;
mod documents;
mod refusals;
mod slicing;

use super::*;
use crate::{Path, Slice, reason::Obstacle};

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn path(regions: &str) -> Path {
    Path::new(regions.split(' ').map(region)).unwrap()
}

fn between<'a>(policy: &'a Policy, path: &Path) -> Constraints<'a> {
    let occasion = Occasion { slice: &Slice::voice(), at: Time::default() };
    policy.between(path.source(), path.destination(), occasion)
}

/// A document of one rule for all pairs.
fn rule(actions: &str) -> Policy {
    Policy::parse(&format!("revision = 1\n[[rule]]\nname = \"r\"\n{actions}")).unwrap()
}

fn obstacle(policy: &Policy, regions: &str) -> Option<Obstacle> {
    let path = path(regions);
    between(policy, &path).obstacle(&path)
}

fn terms(policy: &Policy, regions: &str) -> Terms {
    let path = path(regions);
    between(policy, &path).terms(&path)
}

#[test]
fn forbid_takes_relays_out_and_adds_up() {
    let policy =
        Policy::parse("revision = 1\n[[rule]]\nforbid = [\"us-*\"]\n[[rule]]\nforbid = [\"direct\"]")
            .unwrap();
    let rule_of = |regions| match obstacle(&policy, regions) {
        Some(Obstacle::Forbidden { rule, .. }) => rule,
        other => format!("{other:?}"),
    };
    assert_eq!(rule_of("a us-east-2 b"), "rule 1");
    assert_eq!(rule_of("a eu-west-1 us-east-2 b"), "rule 1");
    assert_eq!(rule_of("a b"), "rule 2");
    assert_eq!(rule_of("a eu-west-1 b"), "None");
}

#[test]
fn terms_count_once_a_rule_and_name_it() {
    let policy = rule("avoid = [\"us-*\"]\nprefer = [\"direct\", \"eu-1\"]\nprefer_r = 4");
    assert_eq!(terms(&policy, "a us-1 us-2 b").total_r, -30.0);
    assert_eq!(terms(&policy, "a us-1 eu-1 b").total_r, -26.0);
    assert_eq!(terms(&policy, "a b").total_r, 4.0);
    assert_eq!(terms(&policy, "a ap-1 b"), Terms::default());
    assert_eq!(terms(&policy, "a us-1 b").sways[0].to_string(), "avoids us-1 (\"r\", -30.0)");
}

#[test]
fn the_last_pin_and_the_last_limit_hold() {
    let policy = Policy::parse(
        "revision = 1\n[[rule]]\npin = [\"c\"]\nmax_relays = 1\n[[rule]]\npin = [\"d\", \"e\"]\nmax_relays = 2",
    )
    .unwrap();
    assert!(terms(&policy, "a d e b").pinned);
    assert!(!terms(&policy, "a e d b").pinned, "a pin is a chain, in order");
    assert!(!terms(&policy, "a c b").pinned);
    assert_eq!(obstacle(&policy, "a c d b"), None);
    let direct_only = rule("max_relays = 0");
    assert_eq!(obstacle(&direct_only, "a b"), None);
    assert_eq!(
        obstacle(&direct_only, "a c b").unwrap().to_string(),
        "policy allows 0 relays at most (\"r\")"
    );
    assert!(terms(&rule("pin = [\"direct\"]"), "a b").pinned);
}

#[test]
fn rules_match_one_way_unless_told_otherwise() {
    let one = "match = { from = \"us-west-*\", to = \"us-east-*\" }\nforbid = [\"c\"]";
    let both = format!("{one}\nboth_ways = true");
    for (policy, back) in [(rule(one), false), (rule(&both), true)] {
        assert!(obstacle(&policy, "us-west-2 c us-east-1").is_some());
        assert_eq!(obstacle(&policy, "us-east-1 c us-west-2").is_some(), back);
        assert_eq!(obstacle(&policy, "us-west-2 c us-west-1"), None);
    }
}

#[test]
fn names_that_fit_nothing_are_worth_a_warning() {
    let known = ["us-west-2", "us-east-1"].map(region);
    let policy = rule("match = { from = \"us-wset-*\" }\nforbid = [\"us-*\", \"direct\"]");
    assert_eq!(policy.warnings(&known), ["\"r\": from \"us-wset-*\" fits no known region"]);
    assert_eq!(rule("pin = [\"us-east-2\"]").warnings(&known).len(), 1);
    assert_eq!(rule("forbid = [\"us-*\"]").warnings(&known), Vec::<String>::new());
}

#[test]
fn the_document_stays_as_it_was_and_its_digest_is_stable() {
    let document = "revision = 3 # a comment\n";
    let policy = Policy::parse(document).unwrap();
    assert_eq!((policy.revision, policy.document()), (3, document));
    // Known answers of FNV-1a (draft-eastlake-fnv §6): the offset basis for no text at all.
    assert_eq!(Policy::empty().digest(), "cbf29ce484222325");
    assert_ne!(policy.digest(), Policy::parse("revision = 3 # another\n").unwrap().digest());
    assert_eq!(Policy::empty().revision, 0);
}

#[test]
fn the_example_of_the_documentation_is_good() {
    let module = include_str!("../mod.rs");
    let (_, rest) = module.split_once("//! ```toml\n").unwrap();
    let (example, _) = rest.split_once("//! ```\n").unwrap();
    // The example shows every key at once; as one rule it would contradict itself.
    let lines: Vec<&str> = example.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
    let (head, actions): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| {
        ["revision", "[[rule", "name", "match", "both_ways"].iter().any(|key| line.starts_with(key))
            || line.is_empty()
    });
    assert_eq!(actions.len(), 10);
    for action in actions {
        let policy = Policy::parse(&format!("{}\n{action}", head.join("\n"))).unwrap();
        assert_eq!((policy.revision, policy.rules[0].name.as_str()), (7, "keep out of Ohio"));
        assert!(policy.rules[0].scope.both_ways);
    }
}

#[test]
fn links_are_forbidden_one_way_or_both() {
    let policy = rule("forbid_links = [\"a > c\", \"c <> d\"]");
    let table = [
        ("a b", false),
        ("a c b", true),
        ("c a b", false),
        ("b d c a", true),
        ("b c d a", true),
        ("a d b", false),
    ];
    for (regions, forbidden) in table {
        assert_eq!(obstacle(&policy, regions).is_some(), forbidden, "{regions}");
    }
    assert_eq!(obstacle(&policy, "a c b").unwrap().to_string(), "policy forbids link a > c (\"r\")");
}

#[test]
fn avoided_links_count_each_and_biases_too() {
    let policy = rule(
        "avoid_links = [\"us-* > us-*\"]\navoid_r = 4\n\
         bias = { us-1 = -2, \"us-2 > b\" = 0.5, direct = 7, b = 50 }",
    );
    let table =
        [("us-1 us-2 b", -4.0 + 0.5), ("a us-1 b", -2.0), ("a us-1 us-2 b", -2.0 - 4.0 + 0.5), ("a b", 7.0)];
    for (regions, r) in table {
        // What is said of a relay is not said of the ends.
        assert_eq!(terms(&policy, regions).total_r, r, "{regions}");
    }
}

#[test]
fn what_the_links_add_up_to_is_what_the_path_is_told() {
    let policy = Policy::parse(
        "revision = 1\n[[cost]]\nusd_per_gb = 0.02\n[[cost]]\nfrom = \"a\"\nusd_per_gb = 0.09\n\
         [[rule]]\nbias = { c = 3, direct = -1 }\ncost_r = 50\n[[rule]]\navoid_links = [\"c > b\"]\ncost_r = 10\n\
         forbid_links = [\"d <> c\"]",
    )
    .unwrap();
    let names = ["a", "b", "c", "d"].map(region);
    for regions in ["a b", "a c b", "a c d b", "a d c b"] {
        let path = path(regions);
        let constraints = between(&policy, &path);
        let matrix = constraints.links_r(&names.iter().collect::<Vec<_>>());
        for (i, r) in matrix.into_iter().enumerate() {
            let (from, to) = (&names[i / 4], &names[i % 4]);
            assert_eq!(r.is_none(), constraints.forbids_link(from, to).is_some());
            assert!(r.is_none_or(|r| (r - constraints.link_r(from, to)).abs() < 1e-9), "{from} > {to} {r:?}");
        }
        let sum: f64 = path.hops().map(|(from, to)| constraints.link_r(from, to)).sum();
        assert!((constraints.terms(&path).total_r - sum).abs() < 1e-9, "{regions}");
    }
    let costs = terms(&policy, "a d b").sways.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        costs,
        ["counts what this path costs (\"rule 1\", -5.5)", "counts what this path costs (\"rule 2\", -1.1)"]
    );
}

#[test]
fn the_last_protection_and_the_last_objective_hold() {
    let policy = Policy::parse(
        "revision = 1\n[[rule]]\nprotect = \"always\"\nobjective = \"delay\"\n\
         [[rule]]\nmatch = { to = \"b\" }\nprotect = \"never\"",
    )
    .unwrap();
    let (to_b, to_c) = (path("a b"), path("a c"));
    let (b, c) = (between(&policy, &to_b), between(&policy, &to_c));
    assert_eq!((b.protect(), b.objective()), (Protect::Never, Objective::Delay));
    assert_eq!((c.protect(), c.objective()), (Protect::Always, Objective::Delay));
    let empty = Policy::empty();
    let none = between(&empty, &to_b);
    assert_eq!((none.protect(), none.objective()), (Protect::OnSuspicion, Objective::Quality));
}

#[test]
fn a_rule_holds_only_in_its_time() {
    let policy = rule(
        "match = { when = { after = 2026-11-24T10:00:00Z, until = 2026-11-24T12:00:00Z } }\nforbid = [\"c\"]",
    );
    let path = path("a c b");
    let at = |hour: u64| Time::from_millis((1_795_514_400 + hour * 3_600 - 36_000) * 1_000);
    let barred = |at| {
        let occasion = Occasion { slice: &Slice::voice(), at };
        policy.between(path.source(), path.destination(), occasion).obstacle(&path).is_some()
    };
    assert_eq!([9, 10, 11, 12].map(|hour| barred(at(hour))), [false, true, true, false]);
    assert_eq!(policy.next_turn(at(9)), Some(at(10)));
    assert_eq!(policy.next_turn(at(10)), Some(at(12)));
    assert_eq!(policy.next_turn(at(12)), None);
}
