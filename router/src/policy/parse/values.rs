//! The values of single keys.

use toml::Spanned;

use super::{
    super::{Bias, Biased, Glob, LinkWord, Word},
    error::{Fault, fault},
    shapes::{Pairs, Words},
};
use crate::{Region, path::RELAYS_MAX};

/// Points of R that `avoid` subtracts, and `prefer` adds, when the rule does not say.
pub(super) const AVOID_R: f64 = 30.0;
pub(super) const PREFER_R: f64 = 10.0;
/// No rule may weigh more than the scale is long.
const WEIGHT_R_MAX: f64 = 100.0;

pub(super) fn name(name: Option<Spanned<String>>, number: usize) -> Result<String, Fault> {
    let Some(name) = name else { return Ok(format!("rule {number}")) };
    let length = name.get_ref().chars().count();
    if !(1..=80).contains(&length) || name.get_ref().chars().any(char::is_control) {
        return Err(fault(&name.span(), "name", "a name has 1 to 80 printable characters"));
    }
    Ok(name.into_inner())
}

/// One end of a pair or of a link.
pub(super) fn end(pattern: Option<Spanned<String>>, key: &'static str) -> Result<Glob, Fault> {
    match pattern {
        None => Ok(Glob::any()),
        Some(pattern) => glob(&pattern, key),
    }
}

pub(super) fn words(words: Option<&Words>, key: &'static str) -> Result<Vec<Word>, Fault> {
    entries(words, key)?.iter().map(|text| word(text, key)).collect()
}

pub(super) fn links(words: Option<&Words>, key: &'static str) -> Result<Vec<LinkWord>, Fault> {
    let link = |text: &Spanned<String>| {
        LinkWord::new(text.get_ref()).map_err(|reason| fault(&text.span(), key, reason))
    };
    entries(words, key)?.iter().map(link).collect()
}

pub(super) fn bias(pairs: Spanned<Pairs>) -> Result<Vec<Bias>, Fault> {
    let whole = pairs.span();
    let Pairs(pairs) = pairs.into_inner();
    if pairs.is_empty() {
        return Err(fault(&whole, "bias", "an empty table does nothing"));
    }
    let bias = |(text, r): (Spanned<String>, Spanned<f64>)| {
        let on = if text.get_ref().contains('>') {
            let link = LinkWord::new(text.get_ref()).map_err(|reason| fault(&text.span(), "bias", reason))?;
            Biased::Link(link)
        } else {
            Biased::Relay(word(&text, "bias")?)
        };
        let points = *r.get_ref();
        // No number is not above 0 either.
        if !(points.abs() > 0.0 && points.abs() <= WEIGHT_R_MAX) {
            let reason = format!("{points} points of R, not -{WEIGHT_R_MAX} to {WEIGHT_R_MAX} and not 0");
            return Err(fault(&r.span(), "bias", reason));
        }
        Ok(Bias { on, r: points })
    };
    pairs.into_iter().map(bias).collect()
}

pub(super) fn pin(words: &Words) -> Result<Vec<Region>, Fault> {
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

pub(super) fn weight(weight: Option<Spanned<f64>>, key: &'static str, default: f64) -> Result<f64, Fault> {
    let Some(weight) = weight else { return Ok(default) };
    if *weight.get_ref() > 0.0 && *weight.get_ref() <= WEIGHT_R_MAX {
        return Ok(*weight.get_ref());
    }
    let reason = format!("{} points of R, not above 0 and up to {WEIGHT_R_MAX}", weight.get_ref());
    Err(fault(&weight.span(), key, reason))
}

pub(super) fn max_relays(max: &Spanned<u64>) -> Result<usize, Fault> {
    match usize::try_from(*max.get_ref()) {
        Ok(relays) if relays <= RELAYS_MAX => Ok(relays),
        _ => Err(fault(&max.span(), "max_relays", format!("{}, not 0 to {RELAYS_MAX}", max.get_ref()))),
    }
}

fn entries<'a>(words: Option<&'a Words>, key: &'static str) -> Result<&'a [Spanned<String>], Fault> {
    match words {
        None => Ok(&[]),
        Some(words) if words.get_ref().is_empty() => {
            Err(fault(&words.span(), key, "an empty list does nothing"))
        }
        Some(words) => Ok(words.get_ref()),
    }
}

fn word(text: &Spanned<String>, key: &'static str) -> Result<Word, Fault> {
    match text.get_ref().as_str() {
        "direct" => Ok(Word::Direct),
        _ => glob(text, key).map(Word::Relay),
    }
}

fn glob(pattern: &Spanned<String>, key: &'static str) -> Result<Glob, Fault> {
    let reason = || format!("\"{}\" is no region: a-z, 0-9, -, with * and ? for any", pattern.get_ref());
    Glob::new(pattern.get_ref()).ok_or_else(|| fault(&pattern.span(), key, reason()))
}
