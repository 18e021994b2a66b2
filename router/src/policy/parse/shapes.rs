//! A policy as it is written, before it is understood. `Spanned` keeps the place of whatever may be wrong.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use toml::{Spanned, value::Datetime};

use super::super::{Objective, Protect, when::Day};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) revision: Spanned<u64>,
    #[serde(default)]
    pub(crate) rule: Vec<Spanned<Entry>>,
    #[serde(default)]
    pub(crate) cost: Vec<Spanned<CostEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: Option<Spanned<String>>,
    #[serde(default, rename = "match")]
    pub(crate) scope: Scope,
    #[serde(default)]
    pub(crate) both_ways: bool,
    pub(crate) forbid: Option<Words>,
    pub(crate) forbid_links: Option<Words>,
    pub(crate) avoid: Option<Words>,
    pub(crate) avoid_links: Option<Words>,
    pub(crate) avoid_r: Option<Spanned<f64>>,
    pub(crate) prefer: Option<Words>,
    pub(crate) prefer_r: Option<Spanned<f64>>,
    pub(crate) bias: Option<Spanned<Pairs>>,
    pub(crate) pin: Option<Words>,
    pub(crate) max_relays: Option<Spanned<u64>>,
    pub(crate) cost_r: Option<Spanned<f64>>,
    pub(crate) protect: Option<Spanned<Protect>>,
    pub(crate) objective: Option<Spanned<Objective>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) to: Option<Spanned<String>>,
    pub(crate) class: Option<Spanned<Listed>>,
    pub(crate) tenant: Option<Spanned<Listed>>,
    pub(crate) called: Option<Spanned<Listed>>,
    pub(crate) when: Option<Spanned<When>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    pub(crate) days: Option<Spanned<Vec<Day>>>,
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) to: Option<Spanned<String>>,
    pub(crate) zone: Option<Spanned<String>>,
    pub(crate) after: Option<Spanned<Datetime>>,
    pub(crate) until: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostEntry {
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) to: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) both_ways: bool,
    pub(crate) usd_per_gb: Spanned<f64>,
}

pub(crate) type Words = Spanned<Vec<Spanned<String>>>;

/// One text, or a list of them.
pub(crate) struct Listed(pub(crate) Vec<(Option<Range<usize>>, String)>);

/// A table of names and numbers, in the order of the document.
pub(crate) struct Pairs(pub(crate) Vec<(Spanned<String>, Spanned<f64>)>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Listed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Listed, E> {
                Ok(Listed(vec![(None, text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Listed, A::Error> {
                let mut listed = Vec::new();
                while let Some(item) = items.next_element::<Spanned<String>>()? {
                    listed.push((Some(item.span()), item.into_inner()));
                }
                Ok(Listed(listed))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of relays or links and points of R")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = entries.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Table)
    }
}
