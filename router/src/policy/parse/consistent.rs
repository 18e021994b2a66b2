//! What one rule must not say at once. What rules may not say together depends on the regions, see `check.rs`.

use std::ops::Range;

use toml::Spanned;

use super::{
    super::{Glob, LinkWord, Objective},
    error::{Fault, fault},
    shapes::{Entry, Words},
};

/// Refuses a rule that says nothing, or that says two things at once. `costs`: the document has a cost table.
pub(super) fn check(entry: &Entry, span: &Range<usize>, costs: bool) -> Result<(), Fault> {
    says_something(entry, span)?;
    weights_have_their_action(entry)?;
    words_stand_once(entry)?;
    pin_can_be(entry)?;
    let priced = [
        ("cost_r", entry.cost_r.as_ref().map(Spanned::span)),
        (
            "objective",
            entry.objective.as_ref().filter(|o| *o.get_ref() == Objective::Cost).map(Spanned::span),
        ),
    ];
    for (key, place) in priced {
        if let Some(place) = place.filter(|_| !costs) {
            return Err(fault(&place, key, "nothing has a cost: the document has no [[cost]]"));
        }
    }
    Ok(())
}

fn says_something(entry: &Entry, span: &Range<usize>) -> Result<(), Fault> {
    let Entry { forbid, forbid_links, avoid, avoid_links, prefer, pin, .. } = entry;
    let words = [forbid, forbid_links, avoid, avoid_links, prefer, pin].iter().any(|words| words.is_some());
    let Entry { bias, max_relays, cost_r, protect, objective, .. } = entry;
    let limits = bias.is_some() || max_relays.is_some() || cost_r.is_some();
    if words || limits || protect.is_some() || objective.is_some() {
        return Ok(());
    }
    let actions = "the rule does nothing: it needs forbid, forbid_links, avoid, avoid_links, prefer, bias, pin, \
                   max_relays, cost_r, protect or objective";
    Err(fault(span, "rule", actions))
}

fn weights_have_their_action(entry: &Entry) -> Result<(), Fault> {
    let Entry { avoid, avoid_links, avoid_r, prefer, prefer_r, .. } = entry;
    if let (Some(r), None, None) = (avoid_r, avoid, avoid_links) {
        return Err(fault(&r.span(), "avoid_r", "means nothing without avoid or avoid_links"));
    }
    if let (Some(r), None) = (prefer_r, prefer) {
        return Err(fault(&r.span(), "prefer_r", "means nothing without prefer"));
    }
    Ok(())
}

fn words_stand_once(entry: &Entry) -> Result<(), Fault> {
    let Entry { forbid, forbid_links, avoid, avoid_links, prefer, pin, .. } = entry;
    for (key, words) in [("pin", pin), ("prefer", prefer)] {
        for (other_key, others) in [("forbid", forbid), ("avoid", avoid)] {
            if let Some(word) = first_in_both(words.as_ref(), others.as_ref()) {
                let reason = format!("\"{}\" is also in {other_key} of the same rule", word.get_ref());
                return Err(fault(&word.span(), key, reason));
            }
        }
    }
    for (key, words, other_key, others) in
        [("avoid", avoid, "forbid", forbid), ("avoid_links", avoid_links, "forbid_links", forbid_links)]
    {
        let (Some(words), Some(others)) = (words, others) else { continue };
        if let Some(word) = words.get_ref().iter().find(|word| others.get_ref().contains(word)) {
            let reason = format!("\"{}\" is also in {other_key} of the same rule", word.get_ref());
            return Err(fault(&word.span(), key, reason));
        }
    }
    let biased = entry.bias.iter().flat_map(|pairs| &pairs.get_ref().0);
    let forbidden: Vec<_> = [forbid, forbid_links].into_iter().flatten().flat_map(Spanned::get_ref).collect();
    for (word, _) in biased {
        if forbidden.contains(&word) {
            let reason = format!("\"{}\" is forbidden by the same rule", word.get_ref());
            return Err(fault(&word.span(), "bias", reason));
        }
    }
    Ok(())
}

/// A pin that the rule itself keeps calls off.
fn pin_can_be(entry: &Entry) -> Result<(), Fault> {
    let Entry { pin: Some(pin), max_relays, forbid_links, scope, .. } = entry else { return Ok(()) };
    let relays: Vec<&str> = pin.get_ref().iter().map(|word| word.get_ref().as_str()).collect();
    let relays: Vec<&str> = relays.into_iter().filter(|word| *word != "direct").collect();
    if let Some(max) = max_relays
        && relays.len() as u64 > *max.get_ref()
    {
        let reason = format!("{} relays, but max_relays is {} in the same rule", relays.len(), max.get_ref());
        return Err(fault(&pin.span(), "pin", reason));
    }
    for (key, end) in [("from", &scope.from), ("to", &scope.to)] {
        let end = end.as_ref().map(|end| end.get_ref().as_str());
        if let Some(region) = end.filter(|end| relays.contains(end)) {
            return Err(fault(&pin.span(), "pin", format!("{region} is also {key}: a loop")));
        }
    }
    let end = |end: &Option<Spanned<String>>| {
        end.as_ref().map_or_else(|| "*".to_owned(), |end| end.get_ref().clone())
    };
    let chain: Vec<String> = [end(&scope.from)]
        .into_iter()
        .chain(relays.iter().map(|&relay| relay.to_owned()))
        .chain([end(&scope.to)])
        .collect();
    let forbidden =
        forbid_links.iter().flat_map(Spanned::get_ref).filter_map(|text| LinkWord::new(text.get_ref()).ok());
    for word in forbidden {
        // An end that is a glob stands for many regions: only where the word covers them all is the pin hopeless.
        let hop = chain.iter().zip(chain.iter().skip(1)).find(|(from, to)| covers(&word, from, to));
        if let Some((from, to)) = hop {
            let reason = format!("goes over {from} > {to}, which forbid_links of the same rule names");
            return Err(fault(&pin.span(), "pin", reason));
        }
    }
    Ok(())
}

fn covers(word: &LinkWord, from: &str, to: &str) -> bool {
    let fits = |from: &str, to: &str| word.from.covers(from) && word.to.covers(to);
    fits(from, to) || (word.both_ways && fits(to, from))
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
