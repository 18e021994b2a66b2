//! What a good document would do to the regions that there are: names that fit none, pairs that no path could join,
//! pins that another rule takes back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{Biased, Constraints, Kind, LinkWord, Occasion, Policy, Rule, Word, kinds};
use crate::{Class, Path, Region, Slice, Time, path::RELAYS_MAX};

/// Moments of the coming week at which windows turn: no more than these are looked at.
const TURNS_MAX: usize = 64;
/// The most findings that are listed.
const FINDINGS_MAX: usize = 1_000;

/// Something that an operator should know before a policy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule that it is about.
    pub rule: String,
    /// The sentence, without the rule.
    pub what: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Probably not meant.
    Warning,
    /// Calls would be refused, or the rule cannot do what it says.
    Error,
}

impl Policy {
    /// What is legal but probably not meant: names and globs that fit none of the known regions.
    pub fn warnings<'a>(&self, known: impl IntoIterator<Item = &'a Region>) -> Vec<String> {
        let known: BTreeSet<&Region> = known.into_iter().collect();
        self.strangers(&known).iter().map(|finding| format!("{:?}: {}", finding.rule, finding.what)).collect()
    }

    /// Looks at the document with the eyes of a mesh of these regions, all links up, at `at` and at every turn of a time
    /// window in the week after it. Errors are pairs that no allowed path could join, and pins that can never hold
    /// because a region in them is unknown or another rule forbids the chain; warnings are other names that fit no known
    /// region, rules that are over, and pins that only some of their calls can follow.
    pub fn check_against<'a>(&self, known: impl IntoIterator<Item = &'a Region>, at: Time) -> Vec<Finding> {
        let known: BTreeSet<&Region> = known.into_iter().collect();
        let mut findings = self.strangers(&known);
        for rule in &self.rules {
            if rule.scope.when.is_some_and(|when| when.has_ended(at)) {
                findings.push(rule.warning("its time is over: it does nothing any more".to_owned()));
            }
        }
        findings.extend(self.unjoined(&known, at));
        findings.extend(self.rules.iter().filter_map(|rule| self.pin_held(rule, &known)));
        findings.truncate(FINDINGS_MAX);
        findings
    }

    /// Names that fit no region.
    fn strangers(&self, known: &BTreeSet<&Region>) -> Vec<Finding> {
        let fits = |glob: &super::Glob| known.iter().any(|region| glob.matches(region.as_str()));
        let link_fits = |word: &LinkWord| fits(&word.from) && fits(&word.to);
        let word_fits = |word: &Word| match word {
            Word::Direct => true,
            Word::Relay(glob) => fits(glob),
        };
        let mut findings = Vec::new();
        for rule in &self.rules {
            let mut warn = |key: &str, pattern: &dyn fmt::Display, fits: bool| {
                if !fits {
                    findings.push(rule.warning(format!("{key} \"{pattern}\" fits no known region")));
                }
            };
            warn("from", &rule.scope.from, fits(&rule.scope.from));
            warn("to", &rule.scope.to, fits(&rule.scope.to));
            let action = &rule.action;
            for (key, words) in
                [("forbid", &action.forbid), ("avoid", &action.avoid), ("prefer", &action.prefer)]
            {
                words.iter().for_each(|word| warn(key, word, word_fits(word)));
            }
            for (key, words) in [("forbid_links", &action.forbid_links), ("avoid_links", &action.avoid_links)]
            {
                words.iter().for_each(|word| warn(key, word, link_fits(word)));
            }
            for bias in &action.bias {
                match &bias.on {
                    Biased::Relay(word) => warn("bias", word, word_fits(word)),
                    Biased::Link(word) => warn("bias", word, link_fits(word)),
                }
            }
            for relay in action.pin.iter().flatten().filter(|relay| !known.contains(relay)) {
                let what = format!("pin \"{relay}\" fits no known region");
                findings.push(Finding { severity: Severity::Error, ..rule.warning(what) });
            }
        }
        for cost in self.costs.iter().filter(|cost| !link_fits(&cost.links)) {
            let what = format!("\"{}\" fits no known link", cost.links);
            findings.push(Finding { severity: Severity::Warning, rule: "cost".to_owned(), what });
        }
        findings
    }

    /// Pairs that no allowed path could join, whatever the network does: one finding for each rule that takes the last
    /// path away, with the pairs that it parts.
    fn unjoined(&self, known: &BTreeSet<&Region>, at: Time) -> Vec<Finding> {
        if !self.rules.iter().any(|rule| rule.action.prohibits()) {
            return Vec::new();
        }
        let kinds = kinds([&self.rules], usize::MAX).unwrap_or_default();
        let mut parted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for moment in self.moments(at) {
            for (kind, [rules]) in &kinds {
                let slice = Slice { class: kind.class.clone().unwrap_or_else(Class::voice), rules: *rules };
                for (from, to) in pairs(known) {
                    let constraints = self.between(from, to, Occasion { slice: &slice, at: moment });
                    if let Err(rule) = joins(&constraints, from, to, known) {
                        let calls = sentence(from, to, kind);
                        parted.entry(rule.to_owned()).or_default().insert(calls);
                    }
                }
            }
        }
        let finding = |(rule, calls): (String, BTreeSet<String>)| {
            let what = format!("no path would be left for {}", listed(&calls));
            Finding { severity: Severity::Error, rule, what }
        };
        parted.into_iter().map(finding).collect()
    }

    /// `at`, and every moment of the week after it at which another set of rules begins to hold.
    fn moments(&self, at: Time) -> Vec<Time> {
        let holding = |at: Time| self.rules.iter().map(|rule| rule.scope.holds(at)).collect::<Vec<_>>();
        let mut seen = BTreeSet::from([holding(at)]);
        let mut moments = vec![at];
        let mut turn = self.next_turn(at);
        for _ in 0..TURNS_MAX {
            let Some(next) = turn else { break };
            if seen.insert(holding(next)) {
                moments.push(next);
            }
            turn = self.next_turn(next);
        }
        moments
    }

    /// Whether the chain of a pin can carry the calls that it speaks of, for all that the other rules say.
    fn pin_held(&self, rule: &Rule, known: &BTreeSet<&Region>) -> Option<Finding> {
        let relays = rule.action.pin.as_deref()?;
        if relays.iter().any(|relay| !known.contains(relay)) {
            return None;
        }
        // Those that speak whenever this rule does: without conditions, or with the same ones.
        let wider = |other: &&Rule| {
            (other.scope.asked.is_nothing() || other.scope.asked == rule.scope.asked)
                && (other.scope.when.is_none() || other.scope.when == rule.scope.when)
        };
        let others: Vec<&Rule> = self.rules.iter().filter(wider).collect();
        let (mut meant, mut barred, mut by) = (0, 0, None);
        for (from, to) in pairs(known).filter(|(from, to)| rule.scope.joins(from, to)) {
            let Ok(path) = Path::new([from].into_iter().chain(relays).chain([to]).cloned()) else { continue };
            meant += 1;
            let constraints = Constraints::of(&others, &self.costs, (from, to));
            if let Some(obstacle) = constraints.obstacle(&path) {
                barred += 1;
                by.get_or_insert_with(|| obstacle.to_string());
            }
        }
        let by = by?;
        if barred == meant {
            let what = format!("its pin can never hold: {by}");
            return Some(Finding { severity: Severity::Error, ..rule.warning(what) });
        }
        Some(rule.warning(format!("its pin cannot hold for {barred} of {meant} pairs: {by}")))
    }
}

impl Rule {
    fn warning(&self, what: String) -> Finding {
        Finding { severity: Severity::Warning, rule: self.name.clone(), what }
    }
}

fn pairs<'a>(known: &BTreeSet<&'a Region>) -> impl Iterator<Item = (&'a Region, &'a Region)> {
    let from: Vec<&Region> = known.iter().copied().collect();
    let to = from.clone();
    from.into_iter().flat_map(move |a| to.clone().into_iter().map(move |b| (a, b))).filter(|(a, b)| a != b)
}

/// Whether an allowed path joins two regions when all links are up; otherwise the rule that bars the direct one.
pub(crate) fn joins<'a>(
    constraints: &Constraints<'a>,
    from: &Region,
    to: &Region,
    known: &BTreeSet<&Region>,
) -> Result<(), &'a str> {
    let link = |a: &Region, b: &Region| constraints.forbids_link(a, b).is_none();
    let barring = constraints.forbids(None).or_else(|| constraints.forbids_link(from, to));
    let Some(barring) = barring else { return Ok(()) };
    let relays_max = constraints.relays_max().min(RELAYS_MAX);
    let free =
        |relay: &&&Region| **relay != from && **relay != to && constraints.forbids(Some(relay)).is_none();
    let relays: Vec<&Region> =
        if relays_max == 0 { Vec::new() } else { known.iter().filter(free).copied().collect() };
    let first: Vec<&Region> = relays.iter().copied().filter(|a| link(from, a)).collect();
    let last: Vec<&Region> = relays.into_iter().filter(|b| link(b, to)).collect();
    let one = || first.iter().any(|a| last.contains(a));
    let two = || relays_max > 1 && first.iter().any(|a| last.iter().any(|b| a != b && link(a, b)));
    if one() || two() {
        return Ok(());
    }
    // The last rule that takes anything away is the one that has to answer for it.
    Err(constraints.prohibitions().last().map_or(barring.name.as_str(), |rule| rule.name.as_str()))
}

/// `a > b`, and which of the calls.
pub(crate) fn sentence(from: &Region, to: &Region, kind: &Kind) -> String {
    match kind.to_string() {
        none if none.is_empty() => format!("{from} > {to}"),
        calls => format!("{from} > {to} ({calls})"),
    }
}

/// The first few, and how many more.
fn listed(calls: &BTreeSet<String>) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = calls.iter().take(SHOWN).map(String::as_str).collect();
    let more = calls.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: \"{}\": {}", self.rule, self.what)
    }
}
