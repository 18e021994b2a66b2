//! Documents that are refused, with their place; and that nothing that is written brings the reader down.

use proptest::prelude::*;

use super::*;

/// Document; line, column and key of the fault; part of the reason.
type Refused = (&'static str, (usize, usize, &'static str), &'static str);

const REFUSED: &[Refused] = &[
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
    (
        "revision = 1\n[[rule]]\nname = \"a\"\npin = [\"a\"]\n[[rule]]\nname = \"a\"\npin = [\"b\"]",
        (5, 1, "name"),
        "also the name of rule 1",
    ),
    ("revision = 1\n[[rule]]\nforbid_links = [\"a - b\"]", (3, 17, "forbid_links"), "no link"),
    ("revision = 1\n[[rule]]\nforbid_links = [\"a > B\"]", (3, 17, "forbid_links"), "\"B\" is no region"),
    ("revision = 1\n[[rule]]\navoid_links = []", (3, 15, "avoid_links"), "empty list"),
    ("revision = 1\n[[rule]]\navoid = [\"a\"]\nforbid = [\"a\"]", (3, 10, "avoid"), "also in forbid"),
    (
        "revision = 1\n[[rule]]\navoid_links = [\"a > b\"]\nforbid_links = [\"a > b\"]",
        (3, 16, "avoid_links"),
        "also in forbid_links",
    ),
    (
        "revision = 1\n[[rule]]\nbias = { a = 2 }\nforbid = [\"a\"]",
        (3, 10, "bias"),
        "forbidden by the same rule",
    ),
    ("revision = 1\n[[rule]]\nbias = { a = 0 }", (3, 14, "bias"), "not 0"),
    ("revision = 1\n[[rule]]\nbias = { a = nan }", (3, 14, "bias"), "points of R"),
    ("revision = 1\n[[rule]]\nbias = { a = -101 }", (3, 14, "bias"), "points of R"),
    ("revision = 1\n[[rule]]\nbias = {}", (3, 8, "bias"), "empty table"),
    ("revision = 1\n[[rule]]\nbias = { \"a b\" = 1 }", (3, 10, "bias"), "no region"),
    (
        "revision = 1\n[[rule]]\npin = [\"a\", \"b\"]\nforbid_links = [\"a > b\"]",
        (3, 7, "pin"),
        "goes over a > b",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { from = \"c\" }\npin = [\"a\"]\nforbid_links = [\"c > *\"]",
        (4, 7, "pin"),
        "goes over c > a",
    ),
    ("revision = 1\n[[rule]]\nmatch = { from = \"a\" }\npin = [\"a\"]", (4, 7, "pin"), "also from"),
    (
        "revision = 1\n[[rule]]\nmatch = { from = \"a\", to = \"a\" }\nmax_relays = 1",
        (3, 18, "from"),
        "inside a region",
    ),
    ("revision = 1\n[[rule]]\nprotect = \"sometimes\"", (3, 11, "protect"), "unknown variant"),
    ("revision = 1\n[[rule]]\nobjective = \"cost\"", (3, 13, "objective"), "no [[cost]]"),
    ("revision = 1\n[[rule]]\ncost_r = 5", (3, 10, "cost_r"), "no [[cost]]"),
    ("revision = 1\n[[cost]]\nusd_per_gb = -1", (3, 14, "usd_per_gb"), "-1 dollars"),
    ("revision = 1\n[[cost]]\nfrom = \"a\"", (2, 1, "usd_per_gb"), "missing field"),
    ("revision = 1\n[[rule]]\nmatch = { class = \"Voice\" }\npin = [\"a\"]", (3, 19, "class"), "no globs"),
    ("revision = 1\n[[rule]]\nmatch = { class = [] }\npin = [\"a\"]", (3, 19, "class"), "fits nothing"),
    ("revision = 1\n[[rule]]\nmatch = { class = 7 }\npin = [\"a\"]", (3, 19, "class"), "a string or a list"),
    (
        "revision = 1\n[[rule]]\nmatch = { tenant = [\"a\", \"*b\"] }\npin = [\"a\"]",
        (3, 26, "tenant"),
        "no tenant",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { called = \"+1-703\" }\npin = [\"a\"]",
        (3, 20, "called"),
        "no prefix",
    ),
    ("revision = 1\n[[rule]]\nmatch = { called = \"+\" }\npin = [\"a\"]", (3, 20, "called"), "no prefix"),
    ("revision = 1\n[[rule]]\nmatch = { when = {} }\npin = [\"a\"]", (3, 18, "when"), "says nothing"),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { days = [\"monday\"] } }\npin = [\"a\"]",
        (3, 28, "days"),
        "unknown variant",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { days = [] } }\npin = [\"a\"]",
        (3, 27, "days"),
        "fits nothing",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { from = \"24:00\" } }\npin = [\"a\"]",
        (3, 27, "from"),
        "no time of day",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { to = \"7:00\" } }\npin = [\"a\"]",
        (3, 25, "to"),
        "no time of day",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { from = \"07:00\", to = \"07:00\" } }\npin = [\"a\"]",
        (3, 41, "to"),
        "the same as from",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { from = \"07:00\", zone = \"CET\" } }\npin = [\"a\"]",
        (3, 43, "zone"),
        "no zone",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { until = 2026-11-24 } }\npin = [\"a\"]",
        (3, 28, "until"),
        "no moment",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { until = \"2026-11-24\" } }\npin = [\"a\"]",
        (3, 28, "until"),
        "invalid type",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { after = 2026-11-24T10:00:00Z, until = 2026-11-24T10:00:00Z } }\npin = [\"a\"]",
        (3, 18, "when"),
        "never apply",
    ),
    (
        "revision = 1\n[[rule]]\nmatch = { when = { days = [\"mon\"], after = 2026-11-24T10:00:00Z, until = 2026-11-24T20:00:00Z } }\npin = [\"a\"]",
        (3, 18, "when"),
        "never apply",
    ),
];

#[test]
fn bad_documents_are_refused_with_line_column_key_and_reason() {
    for (document, (line, column, key), reason) in REFUSED {
        let error = Policy::parse(document).unwrap_err();
        assert_eq!(
            (error.line, error.column, error.key.as_str()),
            (*line, *column, *key),
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
fn a_document_that_is_too_long_is_not_even_read() {
    let long = format!("revision = 1\n# {}", "x".repeat(parse::DOCUMENT_MAX));
    let error = Policy::parse(&long).unwrap_err();
    assert_eq!(error.line, 1);
    assert!(error.reason.ends_with("bytes, more than 262144"), "{error}");
}

#[test]
fn more_slices_than_tables_are_refused() {
    let document = |rules: usize| {
        (0..rules).fold("revision = 1\n".to_owned(), |document, i| {
            document
                + &format!(
                    "[[rule]]\nmatch = {{ tenant = \"t{}\", called = \"+{}\" }}\nmax_relays = 1\n",
                    i % 9,
                    i / 9
                )
        })
    };
    assert!(Policy::parse(&document(63)).is_ok(), "each has its tenant and prefix, the rest none");
    let crossing = |of_each: usize| {
        (0..of_each).fold("revision = 1\n".to_owned(), |document, i| {
            document
                + &format!("[[rule]]\nmatch = {{ tenant = \"t{i}\" }}\nmax_relays = 1\n")
                + &format!("[[rule]]\nmatch = {{ called = \"+{i}\" }}\nmax_relays = 1\n")
        })
    };
    assert!(Policy::parse(&crossing(7)).is_ok(), "8 times 8 slices");
    let error = Policy::parse(&crossing(8)).unwrap_err();
    assert_eq!((error.line, error.key.as_str()), (1, "rule"));
    assert!(error.reason.contains("more than 64 slices"), "{error}");
}

#[test]
fn more_names_than_can_be_told_apart_are_refused() {
    let names = |count: usize| (0..count).map(|i| format!("\"t{i}\"")).collect::<Vec<_>>().join(", ");
    let document =
        |count| format!("revision = 1\n[[rule]]\nmatch = {{ tenant = [{}] }}\nmax_relays = 1", names(count));
    assert_eq!(Policy::parse(&document(1_024)).unwrap().slices(&[]).len(), 2);
    assert!(Policy::parse(&document(1_025)).unwrap_err().reason.contains("more than 1024"));
}

/// Documents that use every key between them.
const GOOD: [&str; 2] = [
    "revision = 7\n[[cost]]\nfrom = \"us-*\"\nboth_ways = true\nusd_per_gb = 0.02\n[[rule]]\nname = \"r\"\n\
     match = { from = \"us-*\", to = \"eu-?\", tenant = [\"acme\", \"b-*\"], class = \"voice\", called = \"+1703*\" }\n\
     both_ways = true\nforbid = [\"a\"]\nforbid_links = [\"c > d\"]\navoid = [\"b\"]\navoid_links = [\"d <> e\"]\n\
     avoid_r = 3\nprefer = [\"e\"]\nprefer_r = 2.5\nbias = { \"f > g\" = -1, h = 2 }\nmax_relays = 2\ncost_r = 9\n\
     protect = \"always\"\nobjective = \"cost\"\n",
    "revision = 8\n[[rule]]\nmatch = { when = { days = [\"mon\", \"sun\"], from = \"22:00\", to = \"06:00\", \
     zone = \"-05:30\", after = 2026-11-24T10:00:00Z, until = 2027-11-24T10:00:00+01:00 } }\npin = [\"a\", \"b\"]\n",
];

#[test]
fn the_documents_that_are_spoilt_below_are_good() {
    for document in GOOD {
        Policy::parse(document).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoilt_document_is_read_or_refused_with_a_place(
        which in 0..GOOD.len(),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), 1_usize..40), 1..8),
    ) {
        let mut bytes = GOOD[which].as_bytes().to_vec();
        for (at, how, byte, length) in spoils {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.drain(at..end)),
                _ => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Policy::parse(&text) {
            Ok(policy) => {
                policy.next_turn(Time::from_millis(1_795_514_400_000));
                policy.check_against(&["a", "us-1", "eu-1"].map(region), Time::default());
            }
            Err(error) => {
                prop_assert!(error.line >= 1 && error.column >= 1 && !error.reason.is_empty(), "{error}");
                prop_assert!(error.line <= text.lines().count().max(1) + 1, "{error}");
            }
        }
    }
}
