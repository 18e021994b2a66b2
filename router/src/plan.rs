//! What another policy would change: which calls would take another path now, and in the last 24 hours as they were
//! recorded; what that does to R and to cost; and who could not be reached any more. Paths are compared as if nothing
//! were chosen yet: the hold and the margin of a running router only make changes rarer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use crate::{
    Class, Finding, History, Override, Path, Policy, Region, Sample, Settings, Severity, Time,
    emodel::Hearing,
    graph::Graph,
    overrides::Orders,
    policy::{Constraints, Kind, kinds, pairs, parted},
    score::{Weighed, Weigher},
};

mod text;

/// So many paths are scored at most, two policies together. Sets how many of the recorded minutes are looked at.
const PATHS_MAX: usize = 80_000_000;
/// To match a region with the name of a link takes as long as to score so many paths.
const WORD_PATHS: usize = 20;
/// The coming day is taken to be like the recorded one, so that rules see the hours at which they would hold.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The most pairs that are listed one by one.
const LISTED_MAX: usize = 10_000;

/// A world to try policies on: what holds, what is measured, and what was measured.
#[derive(Clone, Debug)]
pub struct Basis {
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// What operators ordered by hand: it holds now, and is no part of the recorded day.
    pub overrides: Vec<Override>,
    /// How paths are scored.
    pub settings: Settings,
    /// The regions that there are.
    pub regions: BTreeSet<Region>,
    /// The links as they are.
    pub now: Sample,
    /// The links as they were.
    pub history: Arc<History>,
}

/// What another policy would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The moment that `now` means.
    pub at: Time,
    /// The revision in force.
    pub old_revision: u64,
    /// The revision that was tried.
    pub new_revision: u64,
    /// Calls that have a path now and would have none: the policy must not be applied.
    pub unreachable: Vec<Unreachable>,
    /// What else should be known of the document.
    pub findings: Vec<Finding>,
    /// Calls that would change path, the most often moved first.
    pub shifts: Vec<Shift>,
    /// Pairs of regions that there are.
    pub pairs: usize,
    /// Recorded minutes.
    pub recorded: usize,
    /// How many of them were looked at, evenly spread.
    pub samples: usize,
    /// How many of the worst moments of their hours were looked at besides.
    pub worst_moments: usize,
}

/// Calls that could not be made any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unreachable {
    /// Where they start.
    pub from: Region,
    /// Where they go.
    pub to: Region,
    /// Which of them; empty: all that no rule names.
    pub calls: String,
    /// Why, with the rule.
    pub why: String,
}

/// Calls that would change path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Where they start.
    pub from: Region,
    /// Where they go.
    pub to: Region,
    /// Which of them; empty: all that no rule names.
    pub calls: String,
    /// What would happen now; `None`: nothing.
    pub now: Option<Step>,
    /// The share of the recorded minutes in which the path would have been another.
    pub share: f64,
    /// Of the recorded minutes, the share in which there would have been no path where there was one.
    pub lost_share: f64,
    /// R of the new path less R of the old one, mean of the minutes in which they differ.
    pub delta_r_mean: f64,
    /// The same at its worst, the worst moments of every hour and now included.
    pub delta_r_worst: f64,
    /// What a gigabyte costs more, mean of the minutes in which the paths differ.
    pub delta_usd_per_gb: f64,
}

/// One change of path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The path so far; `None`: there is none.
    pub old: Option<Path>,
    /// The path then; `None`: there would be none.
    pub new: Option<Path>,
    /// R of the new path less R of the old one; zero when one of them is missing.
    pub delta_r: f64,
    /// What a gigabyte costs more.
    pub delta_usd_per_gb: f64,
}

/// Calls that the two policies may speak of differently, by the rules of each.
struct Case<'a> {
    from: &'a Region,
    to: &'a Region,
    calls: String,
    hearing: Hearing,
    old: Constraints<'a>,
    new: Constraints<'a>,
}

type Key = (Region, Region, String);

/// What was seen of one case so far.
#[derive(Default)]
struct Tally {
    now: Option<Step>,
    moved: usize,
    lost: usize,
    delta_r_sum: f64,
    delta_r_worst: Option<f64>,
    usd_sum: f64,
    compared: usize,
}

/// What a look at one moment counts for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Now,
    Minute,
    Worst,
}

impl Basis {
    /// Tries a policy. Takes up to some ten seconds at 50 regions; pure, so it may run on any thread.
    pub fn plan(&self, new: &Policy) -> Plan {
        let known: BTreeSet<&Region> = self.regions.iter().collect();
        let at = self.now.at;
        let mut findings = new.doubts(&known, at);
        let kinds = kinds([&self.policy.rules, &new.rules], usize::MAX).unwrap_or_else(|| {
            let what = "the two policies tell too many kinds of calls apart to be compared".to_owned();
            findings.push(Finding { severity: Severity::Error, rule: "all rules".to_owned(), what });
            Vec::new()
        });
        let (cases, tallies) = (BTreeMap::new(), BTreeMap::new());
        let mut trial = Trial { basis: self, new, known: &known, kinds: &kinds, cases, tallies };
        let mut unreachable = trial.parted();
        unreachable.extend(trial.look(&self.now, at, Look::Now));

        let worst: Vec<&Sample> = self.history.worst().collect();
        let recorded = self.history.len();
        let samples = trial.affordable(recorded, worst.len());
        for i in 0..samples {
            // Evenly spread; the last one is the newest.
            let index = (i + 1) * recorded / samples - 1;
            if let Some(sample) = self.history.sample(index) {
                trial.look(&sample, sample.at + DAY, Look::Minute);
            }
        }
        // Where not even all of these can be afforded, the newest matter most.
        let affordable = worst.len().min(samples);
        for sample in worst.iter().rev().take(affordable) {
            trial.look(sample, sample.at + DAY, Look::Worst);
        }
        Plan {
            at,
            old_revision: self.policy.revision,
            new_revision: new.revision,
            unreachable: unreachable.into_values().take(LISTED_MAX).collect(),
            findings,
            shifts: trial.shifts(samples),
            pairs: pairs(&known).count(),
            recorded,
            samples,
            worst_moments: affordable,
        }
    }
}

impl Plan {
    /// Whether it finds what should keep the policy from being applied: calls without a path, or rules that cannot do
    /// what they say.
    pub fn has_errors(&self) -> bool {
        !self.unreachable.is_empty()
            || self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

struct Trial<'a> {
    basis: &'a Basis,
    new: &'a Policy,
    known: &'a BTreeSet<&'a Region>,
    kinds: &'a [(Kind, [u64; 2])],
    /// By the rules that hold under each policy.
    cases: BTreeMap<[u64; 2], Vec<Case<'a>>>,
    tallies: BTreeMap<Key, Tally>,
}

impl<'a> Trial<'a> {
    fn policies(&self) -> [&'a Policy; 2] {
        [&self.basis.policy, self.new]
    }

    /// Pairs that the old policy joins and the new one parts, whatever the network does.
    fn parted(&self) -> BTreeMap<Key, Unreachable> {
        let mut unreachable = BTreeMap::new();
        parted(self.policies(), self.known, self.basis.now.at, |from, to, kind, verdicts| {
            if let [Ok(()), Err(rule)] = verdicts {
                let why = format!("\"{rule}\" leaves no path, were all links up");
                let entry = unreachable_to((from, to, kind.to_string()), why);
                unreachable.insert((from.clone(), to.clone(), kind.to_string()), entry);
            }
        });
        unreachable
    }

    /// The calls that the policies may treat differently while these rules hold.
    fn cases(&mut self, holding: [u64; 2]) -> &[Case<'a>] {
        let ([old, new], known, kinds) = (self.policies(), self.known, self.kinds);
        let settings = &self.basis.settings;
        self.cases.entry(holding).or_insert_with(|| {
            let mut cases = Vec::new();
            for (from, to) in pairs(known) {
                let mut seen = BTreeSet::new();
                for (kind, rules) in kinds {
                    let masks = [old.applying(rules[0], holding[0]), new.applying(rules[1], holding[1])];
                    let (old, new) = (old.of_mask(masks[0], from, to), new.of_mask(masks[1], from, to));
                    // Classes that are heard alike are told apart by rules only.
                    let class = kind.class.as_ref().filter(|class| settings.classes.contains_key(class));
                    if !old.same_as(&new) && seen.insert((class, old.names(), new.names())) {
                        let hearing = settings.hearing(class.unwrap_or(&Class::voice()));
                        cases.push(Case { from, to, calls: kind.to_string(), hearing, old, new });
                    }
                }
            }
            cases
        })
    }

    /// How many of the recorded minutes can be looked at.
    fn affordable(&mut self, recorded: usize, worst: usize) -> usize {
        let at = self.basis.now.at;
        let regions = self.known.len();
        let mut busiest = 1;
        for at in [at, at + DAY] {
            let holding = self.policies().map(|policy| policy.holding(at));
            // Names of links are matched for every pair anew.
            let words = |case: &Case<'_>| case.old.link_words() + case.new.link_words();
            let work = |case: &Case<'_>| 2 * regions * regions + WORD_PATHS * regions * words(case);
            busiest = self.cases(holding).iter().map(work).sum::<usize>().max(busiest);
        }
        let looks = (PATHS_MAX / busiest).max(2);
        recorded.min(looks.saturating_sub(worst.min(looks / 2)))
    }

    /// Compares the best paths of all cases at one moment. Returns what would be lost.
    fn look(&mut self, sample: &Sample, at: Time, look: Look) -> BTreeMap<Key, Unreachable> {
        let holding = self.policies().map(|policy| policy.holding(at));
        let graph = Graph::of(sample);
        let settings = &self.basis.settings;
        let overrides: &[Override] = if look == Look::Now { &self.basis.overrides } else { &[] };
        let orders = Orders::at(overrides, at);
        let costs = if self.new.has_costs() { self.new } else { self.policies()[0] };
        let mut tallies = std::mem::take(&mut self.tallies);
        let mut lost = BTreeMap::new();
        for case in self.cases(holding) {
            let weigher =
                Weigher { graph: &graph, settings, orders: &orders, hearing: case.hearing, lenient: false };
            let old = best(&weigher, case, &case.old);
            let new = best(&weigher, case, &case.new);
            let same = old.as_ref().map(|old| &old.path) == new.as_ref().map(|new| &new.path);
            if same {
                continue;
            }
            let key = (case.from.clone(), case.to.clone(), case.calls.clone());
            if let (Look::Now, Some(old), None) = (look, &old, &new) {
                let why =
                    case.new.obstacle(&old.path).map_or_else(String::new, |obstacle| obstacle.to_string());
                lost.insert(key.clone(), unreachable_to((case.from, case.to, case.calls.clone()), why));
            }
            tallies.entry(key).or_default().count(look, step(old.as_ref(), new.as_ref(), costs));
        }
        self.tallies = tallies;
        lost
    }

    fn shifts(self, samples: usize) -> Vec<Shift> {
        let share = |count: usize| if samples == 0 { 0.0 } else { count as f64 / samples as f64 };
        let mut shifts: Vec<Shift> = self
            .tallies
            .into_iter()
            .map(|((from, to, calls), tally)| {
                let mean = |sum: f64| if tally.compared == 0 { 0.0 } else { sum / tally.compared as f64 };
                Shift {
                    from,
                    to,
                    calls,
                    share: share(tally.moved),
                    lost_share: share(tally.lost),
                    delta_r_mean: mean(tally.delta_r_sum),
                    delta_r_worst: tally.delta_r_worst.unwrap_or(0.0),
                    delta_usd_per_gb: mean(tally.usd_sum),
                    now: tally.now,
                }
            })
            .collect();
        let weight = |shift: &Shift| (shift.now.is_some(), shift.share);
        shifts.sort_by(|a, b| {
            let (a, b) = (weight(a), weight(b));
            b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        shifts.truncate(LISTED_MAX);
        shifts
    }
}

impl Tally {
    fn count(&mut self, look: Look, step: Step) {
        let compared = step.old.is_some() && step.new.is_some();
        let gone = step.old.is_some() && step.new.is_none();
        if look == Look::Minute {
            self.moved += 1;
            self.lost += usize::from(gone);
        }
        if compared {
            let worst = self.delta_r_worst.unwrap_or(f64::INFINITY);
            self.delta_r_worst = Some(worst.min(step.delta_r));
        }
        // The worst moments are rare; they count for the worst, not for the mean.
        if compared && look != Look::Worst {
            self.compared += 1;
            self.delta_r_sum += step.delta_r;
            self.usd_sum += step.delta_usd_per_gb;
        }
        if look == Look::Now {
            self.now = Some(step);
        }
    }
}

fn best(weigher: &Weigher<'_>, case: &Case<'_>, constraints: &Constraints<'_>) -> Option<Weighed> {
    weigher.best(case.from, case.to, constraints).into_iter().next()
}

fn step(old: Option<&Weighed>, new: Option<&Weighed>, costs: &Policy) -> Step {
    let usd = |path: &Path| path.hops().map(|(from, to)| costs.usd_per_gb(from, to)).sum::<f64>();
    let (delta_r, delta_usd_per_gb) = match (old, new) {
        (Some(old), Some(new)) => (new.r - old.r, usd(&new.path) - usd(&old.path)),
        (Some(_) | None, None) | (None, Some(_)) => (0.0, 0.0),
    };
    let path = |weighed: Option<&Weighed>| weighed.map(|weighed| weighed.path.clone());
    Step { old: path(old), new: path(new), delta_r, delta_usd_per_gb }
}

fn unreachable_to((from, to, calls): (&Region, &Region, String), why: String) -> Unreachable {
    Unreachable { from: from.clone(), to: to.clone(), calls, why }
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
