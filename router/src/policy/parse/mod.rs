//! From TOML to rules, strictly: an unknown key, a contradiction or a value out of range is an error with
//! its place, because a rule that is silently not obeyed is worse than none.

mod consistent;
mod error;
mod scope;
mod shapes;
mod values;

use std::ops::Range;

use super::{Action, Cost, LinkWord, RULES_MAX, Rule, slices};
pub use error::PolicyError;
use error::{Fault, fault};
use shapes::{CostEntry, Document, Entry};
use toml::Spanned;

/// The longest document, in bytes.
pub(super) const DOCUMENT_MAX: usize = 256 * 1_024;
/// The most entries of the cost table.
const COSTS_MAX: usize = 256;
/// Dearer than any carrier or cloud.
const USD_PER_GB_MAX: f64 = 1_000.0;

/// What a document says.
pub(super) struct Parsed {
    pub(super) revision: u64,
    pub(super) rules: Vec<Rule>,
    pub(super) costs: Vec<Cost>,
    pub(super) mixtures: Vec<slices::Mixture>,
}

/// Reads a document.
pub(super) fn parse(document: &str) -> Result<Parsed, PolicyError> {
    if document.len() > DOCUMENT_MAX {
        let reason = format!("the document has {} bytes, more than {DOCUMENT_MAX}", document.len());
        return Err(PolicyError { line: 1, column: 1, key: String::new(), reason });
    }
    let parsed: Document = toml::from_str(document).map_err(|error| PolicyError::syntax(document, &error))?;
    check(parsed).map_err(|fault| fault.placed(document))
}

fn check(document: Document) -> Result<Parsed, Fault> {
    let Document { revision, rule: entries, cost } = document;
    if *revision.get_ref() == 0 {
        return Err(fault(&revision.span(), "revision", "revisions start at 1"));
    }
    if let Some(extra) = cost.get(COSTS_MAX) {
        return Err(fault(&extra.span(), "cost", format!("more than {COSTS_MAX} entries")));
    }
    let costs: Vec<Cost> =
        cost.into_iter().map(|entry| price(entry.into_inner())).collect::<Result<_, _>>()?;

    let mut rules: Vec<Rule> = Vec::new();
    for entry in entries {
        let span = entry.span();
        if rules.len() == RULES_MAX {
            return Err(fault(&span, "rule", format!("more than {RULES_MAX} rules")));
        }
        let rule = rule(entry.into_inner(), &span, (rules.len() + 1, !costs.is_empty()))?;
        if let Some(first) = rules.iter().position(|other| other.name == rule.name) {
            let reason = format!("\"{}\" is also the name of rule {}", rule.name, first + 1);
            return Err(fault(&span, "name", reason));
        }
        named(&rules, &rule, &span)?;
        rules.push(rule);
    }
    let kinds = slices::kinds([&rules], slices::SLICES_MAX);
    let Some(kinds) = kinds else {
        let reason = format!(
            "the classes, tenants and prefixes of all rules make more than {} slices: kinds of calls that different \
             rules speak of, each with its own routes",
            slices::SLICES_MAX
        );
        return Err(fault(&revision.span(), "rule", reason));
    };
    let mut mixtures: Vec<_> = kinds.into_iter().map(|(kind, [rules])| (kind.class, rules)).collect();
    mixtures.dedup();
    Ok(Parsed { revision: revision.into_inner(), rules, costs, mixtures })
}

/// Refuses more names than can be told apart in bounded time.
fn named(rules: &[Rule], next: &Rule, span: &Range<usize>) -> Result<(), Fault> {
    let asked = || rules.iter().chain([next]).map(|rule| &rule.scope.asked);
    let counts = [
        ("class", asked().map(|asked| asked.classes.len()).sum::<usize>()),
        ("tenant", asked().map(|asked| asked.tenants.len()).sum()),
        ("called", asked().map(|asked| asked.called.len()).sum()),
    ];
    match counts.into_iter().find(|(_, count)| *count > slices::NAMES_MAX) {
        Some((key, _)) => {
            Err(fault(span, key, format!("more than {} of them in all rules", slices::NAMES_MAX)))
        }
        None => Ok(()),
    }
}

fn rule(entry: Entry, span: &Range<usize>, (number, costs): (usize, bool)) -> Result<Rule, Fault> {
    consistent::check(&entry, span, costs)?;
    Ok(Rule {
        name: values::name(entry.name, number)?,
        scope: scope::scope(entry.scope, entry.both_ways)?,
        action: Action {
            forbid: values::words(entry.forbid.as_ref(), "forbid")?,
            forbid_links: values::links(entry.forbid_links.as_ref(), "forbid_links")?,
            avoid: values::words(entry.avoid.as_ref(), "avoid")?,
            avoid_links: values::links(entry.avoid_links.as_ref(), "avoid_links")?,
            avoid_r: values::weight(entry.avoid_r, "avoid_r", values::AVOID_R)?,
            prefer: values::words(entry.prefer.as_ref(), "prefer")?,
            prefer_r: values::weight(entry.prefer_r, "prefer_r", values::PREFER_R)?,
            bias: entry.bias.map(values::bias).transpose()?.unwrap_or_default(),
            pin: entry.pin.as_ref().map(values::pin).transpose()?,
            max_relays: entry.max_relays.as_ref().map(values::max_relays).transpose()?,
            cost_r: values::weight(entry.cost_r, "cost_r", 0.0)?,
            protect: entry.protect.map(Spanned::into_inner),
            objective: entry.objective.map(Spanned::into_inner),
        },
    })
}

fn price(entry: CostEntry) -> Result<Cost, Fault> {
    let CostEntry { from, to, both_ways, usd_per_gb } = entry;
    let usd = *usd_per_gb.get_ref();
    if !(0.0..=USD_PER_GB_MAX).contains(&usd) {
        let reason = format!("{usd} dollars, not 0 to {USD_PER_GB_MAX}");
        return Err(fault(&usd_per_gb.span(), "usd_per_gb", reason));
    }
    let links = LinkWord { from: values::end(from, "from")?, to: values::end(to, "to")?, both_ways };
    Ok(Cost { links, usd_per_gb: usd })
}
