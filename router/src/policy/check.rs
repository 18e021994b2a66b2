//! What a good document would do to the regions that there are: names that fit none, pairs that no path could join,
//! pins that another rule takes back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{
    Biased, Constraints, Kind, LinkWord, Policy, Rule, Word,
    reach::{pairs, parted},
};
use crate::{Path, Region, Time};

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

    /// Looks at the document with the eyes of a mesh of these regions, all links up, at `at` and at the turns of time
    /// windows after it. Errors are pairs that no allowed path could join, and pins that can never hold
    /// because a region in them is unknown or another rule forbids the chain; warnings are other names that fit no known
    /// region, rules that are over, and pins that only some of their calls can follow.
    pub fn check_against<'a>(&self, known: impl IntoIterator<Item = &'a Region>, at: Time) -> Vec<Finding> {
        let known: BTreeSet<&Region> = known.into_iter().collect();
        let mut findings = self.doubts(&known, at);
        findings.extend(self.unjoined(&known, at));
        findings.truncate(FINDINGS_MAX);
        findings
    }

    /// All of that but the pairs.
    pub(crate) fn doubts(&self, known: &BTreeSet<&Region>, at: Time) -> Vec<Finding> {
        let mut findings = self.strangers(known);
        for rule in &self.rules {
            if rule.scope.when.is_some_and(|when| when.has_ended(at)) {
                findings.push(rule.warning("its time is over: it does nothing any more".to_owned()));
            }
        }
        findings.extend(self.rules.iter().filter_map(|rule| self.pin_held(rule, known)));
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

    /// Pairs that no allowed path could join: one finding for each rule that takes the last path away, with the pairs
    /// that it parts.
    fn unjoined(&self, known: &BTreeSet<&Region>, at: Time) -> Vec<Finding> {
        let mut rules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        parted([self], known, at, |from, to, kind, [verdict]| {
            if let Err(rule) = verdict {
                rules.entry(rule.to_owned()).or_default().insert(sentence(from, to, kind));
            }
        });
        let finding = |(rule, calls): (String, BTreeSet<String>)| {
            let what = format!("no path would be left for {}", listed(&calls));
            Finding { severity: Severity::Error, rule, what }
        };
        rules.into_iter().map(finding).collect()
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

/// `a > b`, and which of the calls.
fn sentence(from: &Region, to: &Region, kind: &Kind) -> String {
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
