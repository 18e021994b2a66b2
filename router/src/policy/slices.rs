//! Which mixtures of rules calls can meet. Classes and tenants are names, called numbers have prefixes: of two such words
//! one contains the other or they have nothing in common. So the calls that exist fall into finitely many kinds, one a
//! class, a tenant word and a prefix, and the rules that speak of each kind are known from the document alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{Asked, Policy, Rule, TenantWord};
use crate::{Class, Slice, Traffic};

/// The most mixtures of rules that one document may tell apart: each has a route to every region.
pub(crate) const SLICES_MAX: usize = 64;
/// The most classes, tenants or prefixes that a document may name, of each.
pub(crate) const NAMES_MAX: usize = 1_024;
/// The most pairings of them that are looked at to find the mixtures.
const COMBINATIONS_MAX: usize = 1 << 20;

/// What one rule asks of a call: a data plane that knows all of them finds the [`Slice`] of a call by itself. An empty list
/// asks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The bit of [`Slice::rules`] that stands for the rule.
    pub bit: u32,
    /// Classes.
    pub classes: Vec<Class>,
    /// Tenants, as in the document: `acme`, or `acme-*`.
    pub tenants: Vec<String>,
    /// What called numbers start with.
    pub called: Vec<String>,
}

impl Condition {
    /// Whether the rule speaks of this call.
    pub fn fits(&self, traffic: &Traffic) -> bool {
        let Traffic { class, tenant, called } = traffic;
        let is_word = |word: &String| {
            tenant.as_ref().is_some_and(|tenant| match word.strip_suffix('*') {
                Some(start) => tenant.as_str().starts_with(start),
                None => tenant.as_str() == word,
            })
        };
        (self.classes.is_empty() || self.classes.contains(class))
            && (self.tenants.is_empty() || self.tenants.iter().any(is_word))
            && (self.called.is_empty() || self.called.iter().any(|start| called.starts_with(start)))
    }
}

/// Calls that no rule tells apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// `None`: a class that no rule names.
    pub(crate) class: Option<Class>,
    pub(crate) tenant: Tenants,
    /// The longest prefix that fits; empty when none does.
    pub(crate) called: String,
}

/// A tenant, as far as rules tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tenants {
    /// Nobody said whose the call is.
    Nobody,
    /// Starts with this, and no longer word fits. Empty: no rule names it.
    Under(String),
    /// Named in full.
    Is(String),
}

/// The rules of one class of calls, one bit each: `None` is every class that no rule names.
pub(crate) type Mixture = (Option<Class>, u64);

/// The kinds that these policies tell apart together, one for each different mixture, with the rules of each policy.
/// `None`: there are more than `max` mixtures, or too many names to find out.
pub(crate) fn kinds<const N: usize>(policies: [&[Rule]; N], max: usize) -> Option<Vec<(Kind, [u64; N])>> {
    let asked = || policies.iter().flat_map(|rules| rules.iter()).map(|rule| &rule.scope.asked);
    let bits = |fits: &dyn Fn(&Asked) -> bool| {
        policies.map(|rules| {
            let fitting = rules.iter().enumerate().filter(|(_, rule)| fits(&rule.scope.asked));
            fitting.fold(0_u64, |bits, (i, _)| bits | 1 << i)
        })
    };

    let names = asked().flat_map(|asked| asked.classes.iter().cloned().map(Some));
    // Classes stay apart even where the rules are the same, because each has its own ear.
    let classes: BTreeMap<Option<Class>, [u64; N]> = names
        .chain([None])
        .map(|name| {
            let fits = |a: &Asked| {
                a.classes.is_empty() || name.as_ref().is_some_and(|name| a.classes.contains(name))
            };
            (name.clone(), bits(&fits))
        })
        .collect();
    let words: BTreeSet<&TenantWord> = asked().flat_map(|asked| &asked.tenants).collect();
    let named = words.into_iter().map(|word| match word {
        TenantWord::Is(name) => Tenants::Is(name.clone()),
        TenantWord::StartsWith(start) => Tenants::Under(start.clone()),
    });
    let tenants =
        distinct([Tenants::Nobody, Tenants::Under(String::new())].into_iter().chain(named), |tenant| {
            bits(&|a: &Asked| a.tenants.is_empty() || a.tenants.iter().any(|word| tenant.fits(word)))
        });
    let prefixes: BTreeSet<&String> = asked().flat_map(|asked| &asked.called).collect();
    let called = distinct([String::new()].into_iter().chain(prefixes.into_iter().cloned()), |number| {
        bits(&|a: &Asked| a.called.is_empty() || a.called.iter().any(|start| number.starts_with(start)))
    });
    let conditional = bits(&|asked| !asked.is_nothing());
    if classes.len() * tenants.len() * called.len() > COMBINATIONS_MAX * N.pow(3) {
        return None;
    }

    let mut mixtures = BTreeSet::new();
    let mut kinds = BTreeMap::new();
    for (class, of_class) in &classes {
        for (tenant, of_tenant) in &tenants {
            for (number, of_number) in &called {
                let rules: [u64; N] =
                    std::array::from_fn(|i| of_class[i] & of_tenant[i] & of_number[i] & conditional[i]);
                mixtures.insert(rules);
                if mixtures.len() > max {
                    return None;
                }
                kinds.entry((class.clone(), rules)).or_insert_with(|| Kind {
                    class: class.clone(),
                    tenant: tenant.clone(),
                    called: number.clone(),
                });
            }
        }
    }
    Some(kinds.into_iter().map(|((_, rules), kind)| (kind, rules)).collect())
}

/// One of each that meet the same rules.
fn distinct<T, const N: usize>(
    all: impl Iterator<Item = T>,
    rules: impl Fn(&T) -> [u64; N],
) -> Vec<(T, [u64; N])> {
    let mut seen = BTreeSet::new();
    all.map(|one| {
        let rules = rules(&one);
        (one, rules)
    })
    .filter(|(_, rules)| seen.insert(*rules))
    .collect()
}

impl Policy {
    /// Every slice that calls can fall into when these classes have routes of their own, in order. Never empty.
    pub(crate) fn slices(&self, classes: &[Class]) -> Vec<Slice> {
        let voice = Class::voice();
        let named = |class: &Class| self.mixtures.iter().any(|(name, _)| name.as_ref() == Some(class));
        let mut slices = BTreeSet::new();
        for (name, rules) in &self.mixtures {
            let slice = |class: &Class| Slice { class: class.clone(), rules: *rules };
            match name {
                Some(class) if classes.contains(class) => slices.extend([slice(class)]),
                // A class without routes of its own rides with voice, under its own rules.
                Some(_) => slices.extend([slice(&voice)]),
                None => {
                    slices.extend(classes.iter().filter(|class| !named(class)).map(slice));
                    slices.extend([slice(&voice)]);
                }
            }
        }
        slices.into_iter().collect()
    }

    /// Whether a rule asks whom a call is for.
    pub(crate) fn asks_for_numbers(&self) -> bool {
        self.rules.iter().any(|rule| !rule.scope.asked.called.is_empty())
    }

    /// What the rules ask that speak only of some calls.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = Condition> {
        let rules = (0..u64::BITS).zip(&self.rules);
        rules.filter(|(_, rule)| !rule.scope.asked.is_nothing()).map(|(bit, rule)| {
            let Asked { classes, tenants, called } = &rule.scope.asked;
            let tenants = tenants.iter().map(ToString::to_string).collect();
            Condition { bit, classes: classes.clone(), tenants, called: called.clone() }
        })
    }

    /// The slice of one call.
    pub(crate) fn slice_of(&self, traffic: &Traffic) -> Slice {
        let mut rules = 0;
        let mut left = self.conditional;
        while left != 0 {
            let i = left.trailing_zeros();
            left &= left - 1;
            if self.rules[i as usize].scope.asked.fits(traffic) {
                rules |= 1 << i;
            }
        }
        Slice { class: traffic.class.clone(), rules }
    }

    /// The slice under an earlier policy of the calls that are of this slice now.
    pub(crate) fn slice_before(&self, before: &Policy, slice: &Slice) -> Slice {
        let same = |class: &Option<Class>| class.as_ref().is_none_or(|class| *class == slice.class);
        let kinds = kinds([&self.rules, &before.rules], usize::MAX).unwrap_or_default();
        let fits = |(kind, rules): &&(Kind, [u64; 2])| rules[0] == slice.rules && same(&kind.class);
        let found = kinds.iter().filter(fits).max_by_key(|(kind, _)| kind.class.is_some());
        Slice { class: slice.class.clone(), rules: found.map_or(0, |(_, rules)| rules[1]) }
    }
}

impl Tenants {
    fn fits(&self, word: &TenantWord) -> bool {
        match (self, word) {
            (Self::Is(name), word) => word.fits(name),
            (Self::Under(start), TenantWord::StartsWith(other)) => start.starts_with(other),
            (Self::Nobody, _) | (Self::Under(_), TenantWord::Is(_)) => false,
        }
    }
}

/// Whose and what calls they are, for people; empty for the calls that no rule names.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.as_ref().map(|class| format!("class {class}"));
        let tenant = match &self.tenant {
            Tenants::Nobody => None,
            Tenants::Under(start) => Some(format!("tenant {start}*")),
            Tenants::Is(name) => Some(format!("tenant {name}")),
        };
        let called = (!self.called.is_empty()).then(|| format!("called {}*", self.called));
        f.write_str(&[class, tenant, called].into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
