//! What a check finds in documents that are good: pairs without a path, pins that cannot hold, names that fit nothing.

use super::*;

fn known() -> [Region; 4] {
    ["us-west-1", "us-west-2", "us-east-1", "us-east-2"].map(region)
}

fn found(document: &str) -> Vec<String> {
    let policy = Policy::parse(&format!("revision = 1\n{document}")).unwrap();
    let findings = policy.check_against(&known(), Time::from_millis(1_795_514_400_000));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn findings() {
    let table: [(&str, &[&str]); 11] = [
        ("[[rule]]\nforbid = [\"us-*\"]", &[]),
        (
            "[[rule]]\nname = \"all\"\nmatch = { from = \"us-west-2\" }\nforbid = [\"*\", \"direct\"]",
            &[
                "error: \"all\": no path would be left for us-west-2 > us-east-1, us-west-2 > us-east-2, us-west-2 > us-west-1",
            ],
        ),
        (
            "[[rule]]\nname = \"r\"\nforbid = [\"direct\"]\n[[rule]]\nname = \"q\"\nmatch = { from = \"us-west-2\", to = \"us-west-1\" }\nmax_relays = 0",
            &["error: \"q\": no path would be left for us-west-2 > us-west-1"],
        ),
        ("[[rule]]\nforbid_links = [\"us-west-2 > us-east-1\"]", &[]),
        (
            "[[rule]]\nname = \"cut\"\nforbid_links = [\"us-west-2 > *\"]",
            &[
                "error: \"cut\": no path would be left for us-west-2 > us-east-1, us-west-2 > us-east-2, us-west-2 > us-west-1",
            ],
        ),
        (
            "[[rule]]\nname = \"acme\"\nmatch = { tenant = \"acme\", to = \"us-east-1\" }\nforbid = [\"direct\"]\nmax_relays = 0",
            &[
                "error: \"acme\": no path would be left for us-east-2 > us-east-1 (tenant acme), us-west-1 > us-east-1 (tenant acme), us-west-2 > us-east-1 (tenant acme)",
            ],
        ),
        (
            "[[rule]]\nname = \"nights\"\nmatch = { to = \"us-east-1\", from = \"us-east-2\", when = { from = \"22:00\", to = \"06:00\" } }\nforbid = [\"direct\"]\nmax_relays = 0",
            &["error: \"nights\": no path would be left for us-east-2 > us-east-1"],
        ),
        (
            "[[rule]]\nname = \"wide\"\nforbid = [\"us-east-2\"]\n[[rule]]\nname = \"pin\"\nmatch = { from = \"us-west-2\", to = \"us-east-1\" }\npin = [\"us-east-2\"]",
            &["error: \"pin\": its pin can never hold: policy forbids us-east-2 (\"wide\")"],
        ),
        (
            "[[rule]]\nname = \"narrow\"\nmatch = { to = \"us-west-1\" }\nforbid = [\"us-east-2\"]\n[[rule]]\nname = \"pin\"\nmatch = { from = \"us-west-2\" }\npin = [\"us-east-2\"]",
            &[
                "warning: \"pin\": its pin cannot hold for 1 of 2 pairs: policy forbids us-east-2 (\"narrow\")",
            ],
        ),
        (
            "[[rule]]\nname = \"over\"\nmatch = { when = { until = 2020-01-01T00:00:00Z } }\nmax_relays = 1",
            &["warning: \"over\": its time is over: it does nothing any more"],
        ),
        (
            "[[cost]]\nfrom = \"ap-*\"\nusd_per_gb = 1\n[[rule]]\nname = \"r\"\npin = [\"us-east-9\"]\nforbid_links = [\"eu-* > *\"]\nbias = { ap-1 = 2 }",
            &[
                "warning: \"r\": forbid_links \"eu-* > *\" fits no known region",
                "warning: \"r\": bias \"ap-1\" fits no known region",
                "error: \"r\": pin \"us-east-9\" fits no known region",
                "warning: \"cost\": \"ap-* > *\" fits no known link",
            ],
        ),
    ];
    for (document, then) in table {
        assert_eq!(found(document), then, "{document}");
    }
}

#[test]
fn what_parts_only_tomorrow_is_found_today() {
    let document = "[[rule]]\nname = \"soon\"\nmatch = { when = { after = 2026-11-25T10:00:00Z } }\nforbid = [\"*\", \"direct\"]";
    let found = found(document);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("error: \"soon\"") && found[0].ends_with("and 7 more"), "{found:?}");
}
