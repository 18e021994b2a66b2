//! Route policies: the operators' rules, one TOML document with a revision.
//!
//! ```toml
//! revision = 7                       # grows with every apply
//!
//! [[rule]]
//! name = "keep out of Ohio"          # shown where the rule decides; "rule 1" when left out
//! match = { from = "us-west-*", to = "us-east-*" }   # globs; what is left out matches all
//! both_ways = true                   # also from "to" to "from"; false when left out
//! forbid = ["us-east-2"]             # never over these
//! avoid = ["us-east-2"]              # avoid_r points of R less (30) over these
//! prefer = ["us-west-1"]             # prefer_r points of R more (10) over these
//! pin = ["us-east-2"]                # over exactly these relays while that path is up
//! max_relays = 1                     # 0 to 2
//! ```
//! `forbid`, `avoid` and `prefer` name relays, by glob; `"direct"` means the path without one. Rules apply
//! in order: terms and prohibitions add up, of several pins and relay limits the last one holds.

mod apply;
mod glob;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Region;
pub(crate) use apply::{Constraints, Occasion, Terms};
use glob::Glob;
pub use parse::PolicyError;

/// The most rules in a document: as many as the scorer has bits for.
pub const RULES_MAX: usize = 64;

/// A policy document that has been read and found good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Policy {
    /// Grows with every document; zero for "no policy".
    pub revision: u64,
    rules: Vec<Rule>,
    document: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    from: Glob,
    to: Glob,
    both_ways: bool,
    forbid: Vec<Word>,
    avoid: Vec<Word>,
    avoid_r: f64,
    prefer: Vec<Word>,
    prefer_r: f64,
    /// No relay: pinned to the direct path.
    pin: Option<Vec<Region>>,
    max_relays: Option<usize>,
}

/// When packets and requests go over two paths at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protect {
    /// Never.
    Never,
    /// While the chosen path is under suspicion.
    #[default]
    OnSuspicion,
    /// From the first packet on.
    Always,
}

/// What paths are compared by, beside the terms of the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// What callers hear: R.
    #[default]
    Quality,
    /// The shortest delay among paths that sound good enough.
    Delay,
    /// The lowest cost among paths that sound good enough.
    Cost,
}

/// One entry of `forbid`, `avoid` or `prefer`.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Direct,
    Relay(Glob),
}

impl Policy {
    /// No policy at all: revision 0.
    pub fn empty() -> Self {
        Self { revision: 0, rules: Vec::new(), document: String::new() }
    }

    /// Reads a policy document.
    ///
    /// # Errors
    /// The first thing wrong with it, with line, column, key and reason.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        let (revision, rules) = parse::parse(document)?;
        Ok(Self { revision, rules, document: document.to_owned() })
    }

    /// The document exactly as it was given.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// 16 hex digits that differ when the documents differ (FNV-1a, 64 bits). Shows drift between nodes; no
    /// protection against anyone who wants it to be the same.
    pub fn digest(&self) -> String {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{:016x}", self.document.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }

    /// What is legal but probably not meant: names and globs that fit none of the known regions.
    pub fn warnings<'a>(&self, known: impl IntoIterator<Item = &'a Region>) -> Vec<String> {
        let known: Vec<&Region> = known.into_iter().collect();
        let mut warnings = Vec::new();
        for rule in &self.rules {
            let mut warn = |key: &str, pattern: &dyn fmt::Display, fits: bool| {
                if !fits {
                    warnings.push(format!("{:?}: {key} \"{pattern}\" fits no known region", rule.name));
                }
            };
            let fits = |glob: &Glob| known.iter().any(|region| glob.matches(region.as_str()));
            warn("from", &rule.from, fits(&rule.from));
            warn("to", &rule.to, fits(&rule.to));
            for (key, words) in [("forbid", &rule.forbid), ("avoid", &rule.avoid), ("prefer", &rule.prefer)] {
                for word in words {
                    if let Word::Relay(glob) = word {
                        warn(key, glob, fits(glob));
                    }
                }
            }
            for relay in rule.pin.iter().flatten() {
                warn("pin", relay, known.contains(&relay));
            }
        }
        warnings
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::empty()
    }
}

impl TryFrom<String> for Policy {
    type Error = PolicyError;

    fn try_from(document: String) -> Result<Self, PolicyError> {
        if document.is_empty() { Ok(Self::empty()) } else { Self::parse(&document) }
    }
}

impl From<Policy> for String {
    fn from(policy: Policy) -> String {
        policy.document
    }
}

impl Rule {
    fn matches(&self, from: &Region, to: &Region) -> bool {
        let fits =
            |from: &Region, to: &Region| self.from.matches(from.as_str()) && self.to.matches(to.as_str());
        fits(from, to) || (self.both_ways && fits(to, from))
    }
}

impl Word {
    /// Whether the word means this relay, or with `None` the direct path.
    fn means(&self, relay: Option<&Region>) -> bool {
        match (self, relay) {
            (Self::Direct, None) => true,
            (Self::Relay(glob), Some(relay)) => glob.matches(relay.as_str()),
            (Self::Direct, Some(_)) | (Self::Relay(_), None) => false,
        }
    }
}
