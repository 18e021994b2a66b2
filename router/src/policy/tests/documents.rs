//! The reference, docs/policies.md: what its examples say of themselves is true. A comment in an example such as
//! `# us-west-2 > us-east-1, while us-west-2 > us-east-1 loses 5 %: via us-east-2` is played with a router in a world of
//! six regions, and every example must make a difference.

use std::collections::BTreeSet;

use super::*;
use crate::{Input, LinkReport, NodeId, Report, Router, Settings, Traffic};

const REFERENCE: &str = include_str!("../../../../docs/policies.md");

/// One way, ms: about half of what AWS shows between these regions.
const DELAYS_MS: [(&str, &str, f64); 15] = [
    ("us-west-2", "us-west-1", 11.0),
    ("us-west-2", "us-east-2", 25.0),
    ("us-west-2", "us-east-1", 32.0),
    ("us-west-1", "us-east-2", 26.0),
    ("us-west-1", "us-east-1", 32.0),
    ("us-east-2", "us-east-1", 8.0),
    ("eu-west-1", "us-east-1", 34.0),
    ("eu-west-1", "us-east-2", 38.0),
    ("eu-west-1", "us-west-2", 60.0),
    ("eu-west-1", "us-west-1", 65.0),
    ("eu-central-1", "us-east-1", 45.0),
    ("eu-central-1", "us-east-2", 50.0),
    ("eu-central-1", "us-west-2", 70.0),
    ("eu-central-1", "us-west-1", 75.0),
    ("eu-central-1", "eu-west-1", 12.0),
];

/// One line of an example: which call, in what circumstances, and what becomes of it.
struct Claim {
    from: Region,
    to: Region,
    traffic: Traffic,
    at: Time,
    /// Link and loss; all lost: down.
    troubles: Vec<(Region, Region, f64)>,
    result: String,
}

impl Claim {
    /// `FROM > TO, CIRCUMSTANCE, …: RESULT`. Whatever has the sign of a link must be one, so that no claim goes unproved.
    fn read(line: &str) -> Option<Self> {
        let line = line.strip_prefix("# ").filter(|line| line.contains(" > "))?;
        let bad = || -> ! { panic!("no claim: {line}") };
        let (call, result) = line.rsplit_once(": ").unwrap_or_else(|| bad());
        let mut parts = call.split(", ");
        let link = |text: &str| {
            let (from, to) = text.split_once(" > ").unwrap_or_else(|| bad());
            (region(from), region(to))
        };
        let (from, to) = link(parts.next().unwrap_or_else(|| bad()));
        let (traffic, troubles) = (Traffic::voice(), Vec::new());
        let at = moment("2026-11-24T10:00:00Z");
        let mut claim = Self { from, to, traffic, at, troubles, result: result.to_owned() };
        for part in parts {
            match part.split_once(' ').unwrap_or_else(|| bad()) {
                ("tenant", name) => claim.traffic.tenant = Some(name.parse().unwrap()),
                ("class", name) => claim.traffic.class = name.parse().unwrap(),
                ("called", number) => claim.traffic.called = number.to_owned(),
                ("at", time) => claim.at = moment(time),
                ("while", trouble) => {
                    let (text, loss) = if let Some(text) = trouble.strip_suffix(" is down") {
                        (text, 1.0)
                    } else {
                        let lossy = trouble.strip_suffix(" %").and_then(|rest| rest.split_once(" loses "));
                        let (text, percent) = lossy.unwrap_or_else(|| bad());
                        (text, percent.parse::<f64>().unwrap() / 100.0)
                    };
                    let (a, b) = link(text);
                    claim.troubles.push((a, b, loss));
                }
                _ => bad(),
            }
        }
        Some(claim)
    }

    /// What becomes of the call under a policy, in the words of the claims.
    fn play(&self, policy: &Policy) -> String {
        let mut router = Router::new(self.from.clone(), Settings::default());
        let regions: BTreeSet<Region> =
            DELAYS_MS.iter().flat_map(|(a, b, _)| [region(a), region(b)]).collect();
        for origin in &regions {
            let links = regions.iter().filter(|to| *to != origin).map(|to| self.link(origin, to)).collect();
            let origin = NodeId { region: origin.clone(), node: "n".parse().unwrap() };
            let report = Report { origin, incarnation: 1, sequence: 1, full: true, links };
            router.handle(self.at, Input::Report(report));
        }
        router.handle(self.at, Input::Policy(policy.clone().into()));
        router.handle(self.at, Input::Regions(regions));
        let table = router.table();
        let route = table.route(&self.to, &self.traffic).unwrap();
        if self.result.starts_with("protect ") {
            return format!("protect {}", serde_json::to_string(&route.protect).unwrap().trim_matches('"'));
        }
        route.path().map_or_else(|| "refused".to_owned(), |path| path.detour().to_string())
    }

    fn link(&self, from: &Region, to: &Region) -> LinkReport {
        let (a, b) = (from.as_str(), to.as_str());
        let fits = |(x, y, _): &&(&str, &str, f64)| (a, b) == (*x, *y) || (b, a) == (*x, *y);
        let (_, _, delay_ms) = DELAYS_MS.iter().find(fits).unwrap();
        let loss = |a: &Region, b: &Region| {
            let found = self.troubles.iter().find(|(x, y, _)| (x, y) == (a, b));
            found.map_or(0.0, |(_, _, loss)| *loss)
        };
        let (there, back) = (loss(from, to), loss(to, from));
        let up = there.max(back) < 1.0;
        LinkReport { up, loss: there, loss_back: back, ..LinkReport::clean(to.clone(), 2.0 * delay_ms) }
    }
}

/// The start of the time window of a document that opens then.
fn moment(text: &str) -> Time {
    let document =
        format!("revision = 1\n[[rule]]\nmax_relays = 1\nmatch = {{ when = {{ after = {text} }} }}");
    Policy::parse(&document).unwrap().next_turn(Time::default()).unwrap()
}

/// Every ```toml block, with the number of its first line.
fn examples() -> Vec<(usize, String)> {
    let mut examples = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in REFERENCE.lines().zip(1..) {
        match (&mut open, line) {
            (None, "```toml") => open = Some((number + 1, String::new())),
            (Some(_), "```") => examples.extend(open.take()),
            (Some((_, text)), line) => *text += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    examples
}

#[test]
fn every_example_does_what_it_says_and_makes_a_difference() {
    for (number, text) in examples() {
        let policy = Policy::parse(&text).unwrap_or_else(|why| panic!("docs/policies.md:{number}: {why}"));
        let claims: Vec<Claim> = text.lines().filter_map(Claim::read).collect();
        for claim in &claims {
            let Claim { from, to, result, .. } = claim;
            assert_eq!(claim.play(&policy), *result, "docs/policies.md:{number}: {from} > {to}\n{text}");
        }
        let different = claims.iter().any(|claim| claim.play(&Policy::empty()) != claim.result);
        assert!(different, "docs/policies.md:{number}: the calls go as they would without it\n{text}");
    }
}

#[test]
fn every_action_and_every_condition_has_an_example() {
    let examples = examples();
    let shown = |key: &str| examples.iter().any(|(_, text)| text.lines().any(|line| is_key(line, key)));
    let actions = ["forbid", "forbid_links", "avoid", "avoid_links", "prefer", "bias", "pin", "max_relays"];
    let missing: Vec<&str> =
        actions.into_iter().chain(["cost_r", "protect", "objective"]).filter(|key| !shown(key)).collect();
    assert!(missing.is_empty(), "docs/policies.md shows no {missing:?}");
    let asked = |key: &str| {
        let asks = |line: &str| line.starts_with("match") && line.contains(&format!(" {key} = "));
        examples.iter().any(|(_, text)| text.lines().any(asks))
    };
    let conditions = ["from", "to", "class", "tenant", "called", "when", "days", "zone", "after", "until"];
    let missing: Vec<&str> = conditions.into_iter().filter(|key| !asked(key)).collect();
    assert!(missing.is_empty(), "docs/policies.md shows no match by {missing:?}");
}

fn is_key(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(left, _)| left.trim() == key)
}
