//! From TOML to rules, strictly: an unknown key, a contradiction or a value out of range is an error with
//! its place, because a rule that is silently not obeyed is worse than none.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{Glob, RULES_MAX, Rule, Word};
use crate::{Region, path::RELAYS_MAX};

/// Points of R that `avoid` subtracts, and `prefer` adds, when the rule does not say.
const AVOID_R: f64 = 30.0;
const PREFER_R: f64 = 10.0;
/// No rule may weigh more than the scale is long.
const WEIGHT_R_MAX: f64 = 100.0;

/// What is wrong with a policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}, {key}: {reason}")]
pub struct PolicyError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The key that the trouble is with; empty when the text is no TOML there.
    pub key: String,
    /// Why it is wrong.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    revision: Spanned<u64>,
    #[serde(default)]
    rule: Vec<Spanned<Entry>>,
}

/// A rule as it is written; `Spanned` keeps the place of whatever may be wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<Spanned<String>>,
    #[serde(default, rename = "match")]
    scope: Scope,
    #[serde(default)]
    both_ways: bool,
    forbid: Option<Words>,
    avoid: Option<Words>,
    avoid_r: Option<Spanned<f64>>,
    prefer: Option<Words>,
    prefer_r: Option<Spanned<f64>>,
    pin: Option<Words>,
    max_relays: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Scope {
    from: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
}

type Words = Spanned<Vec<Spanned<String>>>;

/// Something wrong with a key, before its line is looked up.
struct Fault {
    at: usize,
    key: &'static str,
    reason: String,
}

/// Reads a document: its revision and its rules.
pub(super) fn parse(document: &str) -> Result<(u64, Vec<Rule>), PolicyError> {
    let parsed: Document = toml::from_str(document).map_err(|error| syntax_error(document, &error))?;
    check(parsed).map_err(|fault| {
        let (line, column) = place(document, fault.at);
        PolicyError { line, column, key: fault.key.to_owned(), reason: fault.reason }
    })
}

fn check(document: Document) -> Result<(u64, Vec<Rule>), Fault> {
    if *document.revision.get_ref() == 0 {
        return Err(fault(&document.revision.span(), "revision", "revisions start at 1"));
    }
    let mut rules = Vec::new();
    for entry in document.rule {
        let span = entry.span();
        if rules.len() == RULES_MAX {
            return Err(fault(&span, "rule", format!("more than {RULES_MAX} rules")));
        }
        rules.push(rule(entry.into_inner(), &span, rules.len() + 1)?);
    }
    Ok((document.revision.into_inner(), rules))
}

fn rule(entry: Entry, span: &Range<usize>, number: usize) -> Result<Rule, Fault> {
    consistent(&entry, span)?;
    Ok(Rule {
        name: name(entry.name, number)?,
        from: scope(entry.scope.from, "from")?,
        to: scope(entry.scope.to, "to")?,
        both_ways: entry.both_ways,
        forbid: words(entry.forbid.as_ref(), "forbid")?,
        avoid: words(entry.avoid.as_ref(), "avoid")?,
        avoid_r: weight(entry.avoid_r, "avoid_r", AVOID_R)?,
        prefer: words(entry.prefer.as_ref(), "prefer")?,
        prefer_r: weight(entry.prefer_r, "prefer_r", PREFER_R)?,
        pin: entry.pin.as_ref().map(pin).transpose()?,
        max_relays: entry.max_relays.as_ref().map(max_relays).transpose()?,
    })
}

/// Refuses a rule that says nothing, or that says two things at once.
fn consistent(entry: &Entry, span: &Range<usize>) -> Result<(), Fault> {
    let Entry { forbid, avoid, avoid_r, prefer, prefer_r, pin, max_relays, .. } = entry;
    if [forbid, avoid, prefer, pin].iter().all(|words| words.is_none()) && max_relays.is_none() {
        let actions = "the rule does nothing: it needs forbid, avoid, prefer, pin or max_relays";
        return Err(fault(span, "rule", actions));
    }
    if let (Some(r), None) = (avoid_r, avoid) {
        return Err(fault(&r.span(), "avoid_r", "means nothing without avoid"));
    }
    if let (Some(r), None) = (prefer_r, prefer) {
        return Err(fault(&r.span(), "prefer_r", "means nothing without prefer"));
    }
    for (key, words) in [("pin", pin), ("prefer", prefer)] {
        for (other_key, others) in [("forbid", forbid), ("avoid", avoid)] {
            if let Some(word) = first_in_both(words.as_ref(), others.as_ref()) {
                let reason = format!("\"{}\" is also in {other_key} of the same rule", word.get_ref());
                return Err(fault(&word.span(), key, reason));
            }
        }
    }
    if let (Some(pin), Some(max)) = (pin, max_relays) {
        let relays = pin.get_ref().iter().filter(|word| word.get_ref() != "direct").count();
        if relays as u64 > *max.get_ref() {
            let reason = format!("{relays} relays, but max_relays is {} in the same rule", max.get_ref());
            return Err(fault(&pin.span(), "pin", reason));
        }
    }
    Ok(())
}

/// The first word that stands in one list and is meant by the other, be it by a glob.
fn first_in_both<'a>(words: Option<&'a Words>, others: Option<&Words>) -> Option<&'a Spanned<String>> {
    let means = |other: &str, word: &str| {
        // "direct" is a path, not a region: no glob means it.
        other == word || (word != "direct" && Glob::new(other).is_some_and(|glob| glob.matches(word)))
    };
    let others = others?.get_ref();
    words?.get_ref().iter().find(|word| others.iter().any(|other| means(other.get_ref(), word.get_ref())))
}

fn name(name: Option<Spanned<String>>, number: usize) -> Result<String, Fault> {
    let Some(name) = name else { return Ok(format!("rule {number}")) };
    let length = name.get_ref().chars().count();
    if !(1..=80).contains(&length) || name.get_ref().chars().any(char::is_control) {
        return Err(fault(&name.span(), "name", "a name has 1 to 80 printable characters"));
    }
    Ok(name.into_inner())
}

fn scope(pattern: Option<Spanned<String>>, key: &'static str) -> Result<Glob, Fault> {
    match pattern {
        None => Ok(Glob::any()),
        Some(pattern) => glob(&pattern, key),
    }
}

fn words(words: Option<&Words>, key: &'static str) -> Result<Vec<Word>, Fault> {
    let Some(words) = words else { return Ok(Vec::new()) };
    if words.get_ref().is_empty() {
        return Err(fault(&words.span(), key, "an empty list does nothing"));
    }
    let word = |word: &Spanned<String>| match word.get_ref().as_str() {
        "direct" => Ok(Word::Direct),
        _ => glob(word, key).map(Word::Relay),
    };
    words.get_ref().iter().map(word).collect()
}

fn glob(pattern: &Spanned<String>, key: &'static str) -> Result<Glob, Fault> {
    let reason = || format!("\"{}\" is no region: a-z, 0-9, -, with * and ? for any", pattern.get_ref());
    Glob::new(pattern.get_ref()).ok_or_else(|| fault(&pattern.span(), key, reason()))
}

fn pin(words: &Words) -> Result<Vec<Region>, Fault> {
    let list = words.get_ref();
    if list.len() == 1 && list[0].get_ref() == "direct" {
        return Ok(Vec::new());
    }
    if !(1..=RELAYS_MAX).contains(&list.len()) {
        return Err(fault(&words.span(), "pin", format!("{} relays, not 1 to {RELAYS_MAX}", list.len())));
    }
    let mut relays: Vec<Region> = Vec::new();
    for word in list {
        if word.get_ref() == "direct" {
            return Err(fault(&word.span(), "pin", "\"direct\" stands alone or not at all"));
        }
        let region = Region::try_from(word.get_ref().as_str())
            .map_err(|error| fault(&word.span(), "pin", format!("{error}; a pin has no globs")))?;
        if relays.contains(&region) {
            return Err(fault(&word.span(), "pin", format!("{region} stands twice: a loop")));
        }
        relays.push(region);
    }
    Ok(relays)
}

fn weight(weight: Option<Spanned<f64>>, key: &'static str, default: f64) -> Result<f64, Fault> {
    let Some(weight) = weight else { return Ok(default) };
    if *weight.get_ref() > 0.0 && *weight.get_ref() <= WEIGHT_R_MAX {
        return Ok(*weight.get_ref());
    }
    let reason = format!("{} points of R, not above 0 and up to {WEIGHT_R_MAX}", weight.get_ref());
    Err(fault(&weight.span(), key, reason))
}

fn max_relays(max: &Spanned<u64>) -> Result<usize, Fault> {
    match usize::try_from(*max.get_ref()) {
        Ok(relays) if relays <= RELAYS_MAX => Ok(relays),
        _ => Err(fault(&max.span(), "max_relays", format!("{}, not 0 to {RELAYS_MAX}", max.get_ref()))),
    }
}

fn fault(span: &Range<usize>, key: &'static str, reason: impl Into<String>) -> Fault {
    Fault { at: span.start, key, reason: reason.into() }
}

/// What the TOML reader found, in our shape.
fn syntax_error(document: &str, error: &toml::de::Error) -> PolicyError {
    let at = error.span().map_or(0, |span| span.start);
    let (line, column) = place(document, at);
    let reason = error.message().trim().replace('\n', "; ");
    let named = reason.split_once("field `").and_then(|(_, rest)| rest.split_once('`'));
    let key = match named {
        Some((key, _)) => key.to_owned(),
        None => key_before(document, at).unwrap_or_default(),
    };
    PolicyError { line, column, key, reason }
}

/// The key whose value stands at this place: what is left of the nearest `=` before it.
fn key_before(document: &str, at: usize) -> Option<String> {
    let (left, _) = document.get(..at)?.rsplit_once('=')?;
    let key = left.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c.is_whitespace())).next()?;
    key.split_whitespace().next_back().map(str::to_owned)
}

/// Line and column of a byte offset, from 1.
fn place(document: &str, at: usize) -> (usize, usize) {
    let before = document.get(..at).unwrap_or(document);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
