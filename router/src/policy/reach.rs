//! Which pairs of regions a policy parts, whatever the network does: nothing that it allows could join them even with
//! all links up. Looked at for every kind of call and every mixture of open time windows, but each mixture of rules only
//! once a pair.

use std::collections::BTreeSet;

use super::{Constraints, Kind, Policy, kinds};
use crate::{Region, Time, path::RELAYS_MAX};

/// So many turns of time windows are looked at; daily hours are seen for a month.
const TURNS_MAX: usize = 64;

/// What policies say of a pair: joined, or the rule that parts it.
pub(crate) type Verdicts<'a, const N: usize> = [Result<(), &'a str>; N];

/// Asks all policies about every pair, and says what they answer wherever one of them parts it.
pub(crate) fn parted<'a, const N: usize>(
    policies: [&'a Policy; N],
    known: &BTreeSet<&Region>,
    at: Time,
    mut say: impl FnMut(&Region, &Region, &Kind, Verdicts<'a, N>),
) {
    let prohibiting = policies.map(|policy| policy.mask(|rule| rule.action.prohibits()));
    if prohibiting == [0; N] {
        return;
    }
    let mut mixtures: Vec<([u64; N], Kind)> = Vec::new();
    let kinds = kinds(policies.map(|policy| policy.rules.as_slice()), usize::MAX).unwrap_or_default();
    for holding in moments(policies, at) {
        for (kind, rules) in &kinds {
            let mask: [u64; N] =
                std::array::from_fn(|i| policies[i].applying(rules[i], holding[i]) & prohibiting[i]);
            if mixtures.iter().all(|(seen, _)| *seen != mask) {
                mixtures.push((mask, kind.clone()));
            }
        }
    }
    for (from, to) in pairs(known) {
        let joining = policies.map(|policy| policy.mask(|rule| rule.scope.joins(from, to)));
        let mut seen = BTreeSet::new();
        for (mask, kind) in &mixtures {
            let mask: [u64; N] = std::array::from_fn(|i| mask[i] & joining[i]);
            if seen.insert(mask) {
                let verdicts =
                    std::array::from_fn(|i| joins(&policies[i].of_mask(mask[i], from, to), from, to, known));
                if verdicts.iter().any(Result::is_err) {
                    say(from, to, kind, verdicts);
                }
            }
        }
    }
}

/// All ordered pairs of regions.
pub(crate) fn pairs<'a>(known: &BTreeSet<&'a Region>) -> impl Iterator<Item = (&'a Region, &'a Region)> {
    let from: Vec<&Region> = known.iter().copied().collect();
    let to = from.clone();
    from.into_iter().flat_map(move |a| to.clone().into_iter().map(move |b| (a, b))).filter(|(a, b)| a != b)
}

/// The rules that hold at `at`, and at every turn of a window after it; each set once.
fn moments<const N: usize>(policies: [&Policy; N], at: Time) -> Vec<[u64; N]> {
    let holding = |at: Time| policies.map(|policy| policy.holding(at));
    let next = |at: Time| policies.iter().filter_map(|policy| policy.next_turn(at)).min();
    let mut moments = vec![holding(at)];
    let mut turn = next(at);
    for _ in 0..TURNS_MAX {
        let Some(at) = turn else { break };
        if !moments.contains(&holding(at)) {
            moments.push(holding(at));
        }
        turn = next(at);
    }
    moments
}

/// Whether an allowed path joins two regions when all links are up; otherwise the rule that has to answer for it: the
/// last one that takes anything away.
fn joins<'a>(
    constraints: &Constraints<'a>,
    from: &Region,
    to: &Region,
    known: &BTreeSet<&Region>,
) -> Result<(), &'a str> {
    let link = |a: &Region, b: &Region| constraints.forbids_link(a, b).is_none();
    let barring = constraints.forbids(None).or_else(|| constraints.forbids_link(from, to));
    let Some(barring) = barring else { return Ok(()) };
    let relays_max = constraints.relays_max().min(RELAYS_MAX);
    let free = |relay: &&Region| *relay != from && *relay != to && constraints.forbids(Some(relay)).is_none();
    let relays: Vec<&Region> =
        if relays_max == 0 { Vec::new() } else { known.iter().copied().filter(free).collect() };
    let first: Vec<&Region> = relays.iter().copied().filter(|a| link(from, a)).collect();
    let last: Vec<&Region> = relays.into_iter().filter(|b| link(b, to)).collect();
    let one = || first.iter().any(|a| last.contains(a));
    let two = || relays_max > 1 && first.iter().any(|a| last.iter().any(|b| a != b && link(a, b)));
    if one() || two() {
        return Ok(());
    }
    Err(constraints.prohibitions().last().map_or(barring.name.as_str(), |rule| rule.name.as_str()))
}
