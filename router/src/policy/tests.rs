//! Documents that are refused, with their place; and what the good ones do.

use super::*;
use crate::{Path, Slice, Time, reason::Obstacle};

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
fn bad_documents_are_refused_with_line_column_key_and_reason() {
    let table = [
        ("", (1, 1, "revision"), "missing field"),
        ("revision = 0", (1, 12, "revision"), "start at 1"),
        ("revision = -1", (1, 12, "revision"), "invalid value"),
        ("revision = \"7\"", (1, 12, "revision"), "invalid type: string"),
        ("revision = 1\nrevison = 2", (2, 1, "revison"), "unknown field"),
        ("revision = 1\n[[rule]]\nforbidd = [\"a\"]", (3, 1, "forbidd"), "unknown field"),
        ("revision = 1\n[[rule]]\nforbid = \"a\"", (3, 10, "forbid"), "invalid type"),
        ("revision = 1\n[[rule]]\nforbid = [\"a\",\n  7]", (4, 3, "forbid"), "invalid type: integer"),
        ("revision = 1\n[[rule]]\nforbid = []", (3, 10, "forbid"), "empty list"),
        ("revision = 1\n[[rule]]\nforbid = [\"US-East\"]", (3, 11, "forbid"), "no region"),
        ("revision = 1\n[[rule]]\nmatch = { form = \"a\" }\npin = [\"a\"]", (3, 11, "form"), "unknown field"),
        ("revision = 1\n[[rule]]\nmatch = { from = \"a b\" }\npin = [\"a\"]", (3, 18, "from"), "no region"),
        ("revision = 1\n\n[[rule]]\nname = \"idle\"", (3, 1, "rule"), "does nothing"),
        ("revision = 1\n[[rule]]\nname = \"\"\npin = [\"a\"]", (3, 8, "name"), "1 to 80"),
        ("revision = 1\n[[rule]]\npin = [\"a\"]\nforbid = [\"a\"]", (3, 8, "pin"), "also in forbid"),
        ("revision = 1\n[[rule]]\npin = [\"us-a\"]\nforbid = [\"us-*\"]", (3, 8, "pin"), "also in forbid"),
        ("revision = 1\n[[rule]]\nprefer = [\"a\"]\navoid = [\"a\"]", (3, 11, "prefer"), "also in avoid"),
        ("revision = 1\n[[rule]]\npin = [\"a\", \"b\", \"c\"]", (3, 7, "pin"), "3 relays, not 1 to 2"),
        ("revision = 1\n[[rule]]\npin = [\"a\", \"a\"]", (3, 13, "pin"), "a loop"),
        ("revision = 1\n[[rule]]\npin = [\"direct\", \"a\"]", (3, 8, "pin"), "stands alone"),
        ("revision = 1\n[[rule]]\npin = [\"us-*\"]", (3, 8, "pin"), "no globs"),
        ("revision = 1\n[[rule]]\npin = [\"a\", \"b\"]\nmax_relays = 1", (3, 7, "pin"), "max_relays is 1"),
        ("revision = 1\n[[rule]]\nmax_relays = 3", (3, 14, "max_relays"), "3, not 0 to 2"),
        ("revision = 1\n[[rule]]\navoid = [\"a\"]\navoid_r = nan", (4, 11, "avoid_r"), "points of R"),
        ("revision = 1\n[[rule]]\navoid = [\"a\"]\navoid_r = -3", (4, 11, "avoid_r"), "points of R"),
        ("revision = 1\n[[rule]]\nforbid = [\"a\"]\nprefer_r = 5", (4, 12, "prefer_r"), "without prefer"),
    ];
    for (document, (line, column, key), reason) in table {
        let error = Policy::parse(document).unwrap_err();
        assert_eq!(
            (error.line, error.column, error.key.as_str()),
            (line, column, key),
            "{document}\n{error}"
        );
        assert!(error.reason.contains(reason), "{document}\n{error}");
    }
}

#[test]
fn text_that_is_no_toml_has_a_place_too() {
    let error = Policy::parse("revision = 1\n[[rule\n").unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    let many = format!("revision = 1\n{}", "[[rule]]\nmax_relays = 1\n".repeat(RULES_MAX + 1));
    let error = Policy::parse(&many).unwrap_err();
    assert_eq!((error.line, error.reason.as_str()), (2 + 2 * RULES_MAX, "more than 64 rules"));
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
    let module = include_str!("mod.rs");
    let (_, rest) = module.split_once("//! ```toml\n").unwrap();
    let (example, _) = rest.split_once("//! ```\n").unwrap();
    // The example shows every key at once; as one rule it would contradict itself.
    let lines: Vec<&str> = example.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
    let action =
        |line: &&str| ["forbid", "avoid", "prefer", "pin", "max_relays"].iter().any(|a| line.starts_with(a));
    let head: Vec<&str> = lines.iter().copied().filter(|line| !action(line)).collect();
    let actions: Vec<&str> = lines.iter().copied().filter(action).collect();
    assert_eq!(actions.len(), 5);
    for action in actions {
        let policy = Policy::parse(&format!("{}\n{action}", head.join("\n"))).unwrap();
        assert_eq!((policy.revision, policy.rules[0].name.as_str()), (7, "keep out of Ohio"));
        assert!(policy.rules[0].both_ways);
    }
}
