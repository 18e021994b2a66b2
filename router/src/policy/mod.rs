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
//! forbid_links = ["us-west-2 > us-east-1"]    # never over these; "<>" for both ways
//! avoid = ["us-east-2"]              # avoid_r points of R less (30) over these
//! avoid_links = ["us-west-* <> us-east-2"]    # likewise, for each of them on the path
//! prefer = ["us-west-1"]             # prefer_r points of R more (10) over these
//! bias = { us-east-2 = -4.5, "us-west-1 > us-east-1" = 2 }   # points of R for each on the path
//! pin = ["us-east-2"]                # over exactly these relays while that path is up
//! max_relays = 1                     # 0 to 2
//! protect = "always"                 # two paths at once: "never", "on-suspicion" or "always"
//! objective = "delay"                # what paths are compared by: "quality", "delay" or "cost"
//! ```
//! `forbid`, `avoid`, `prefer` and `bias` name relays, by glob; `"direct"` means the path without one. Rules apply
//! in order: terms and prohibitions add up, of several pins, limits, protections and objectives the last one holds.
//! A `match` may also ask for `class`, `tenant`, `called` and `when`; docs/policies.md is the reference.

mod apply;
mod check;
mod glob;
mod links;
mod parse;
mod reach;
mod scope;
mod slices;
#[cfg(test)]
mod tests;
mod when;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Region, Time};
pub(crate) use apply::{Constraints, Occasion, Terms};
pub use check::{Finding, Severity};
use glob::Glob;
use links::{Cost, LinkWord};
pub use parse::PolicyError;
pub(crate) use reach::{pairs, parted};
use scope::{Asked, Scope, TenantWord};
pub use slices::Condition;
pub(crate) use slices::{Kind, kinds};

/// The most rules in a document: as many as the scorer has bits for.
pub const RULES_MAX: usize = 64;

/// A policy document that has been read and found good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Policy {
    /// Grows with every document; zero for "no policy".
    pub revision: u64,
    pub(crate) rules: Vec<Rule>,
    costs: Vec<Cost>,
    /// One bit for each rule that asks something of the call itself.
    conditional: u64,
    /// Which of those calls can meet together, in order.
    mixtures: Vec<slices::Mixture>,
    document: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    scope: Scope,
    action: Action,
}

/// What a rule does about the calls that it fits.
#[derive(Clone, Debug, PartialEq)]
struct Action {
    forbid: Vec<Word>,
    forbid_links: Vec<LinkWord>,
    avoid: Vec<Word>,
    avoid_links: Vec<LinkWord>,
    avoid_r: f64,
    prefer: Vec<Word>,
    prefer_r: f64,
    bias: Vec<Bias>,
    /// No relay: pinned to the direct path.
    pin: Option<Vec<Region>>,
    max_relays: Option<usize>,
    /// Points of R for a dollar a gigabyte; zero: cost does not count.
    cost_r: f64,
    protect: Option<Protect>,
    objective: Option<Objective>,
}

/// One entry of `bias`.
#[derive(Clone, Debug, PartialEq)]
struct Bias {
    on: Biased,
    r: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Biased {
    Relay(Word),
    Link(LinkWord),
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
        Self {
            revision: 0,
            rules: Vec::new(),
            costs: Vec::new(),
            conditional: 0,
            mixtures: vec![(None, 0)],
            document: String::new(),
        }
    }

    /// Reads a policy document.
    ///
    /// # Errors
    /// The first thing wrong with it, with line, column, key and reason.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        let parse::Parsed { revision, rules, costs, mixtures } = parse::parse(document)?;
        let asking = rules.iter().enumerate().filter(|(_, rule)| !rule.scope.asked.is_nothing());
        let conditional = asking.fold(0, |bits, (i, _)| bits | 1 << i);
        Ok(Self { revision, rules, costs, conditional, mixtures, document: document.to_owned() })
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

    /// What a gigabyte over this link costs, in dollars. Of several entries the last one holds; none: nothing.
    pub fn usd_per_gb(&self, from: &Region, to: &Region) -> f64 {
        self.costs.iter().rev().find(|cost| cost.links.means(from, to)).map_or(0.0, |cost| cost.usd_per_gb)
    }

    /// Whether it has a cost table.
    pub fn has_costs(&self) -> bool {
        !self.costs.is_empty()
    }

    /// When the next time window of a rule opens or closes after `at`.
    pub(crate) fn next_turn(&self, at: Time) -> Option<Time> {
        self.rules.iter().filter_map(|rule| rule.scope.when?.next_turn(at)).min()
    }

    /// Those of the rules, one bit each.
    fn mask(&self, which: impl Fn(&Rule) -> bool) -> u64 {
        let meant = self.rules.iter().enumerate().filter(|(_, rule)| which(rule));
        meant.fold(0, |bits, (i, _)| bits | 1 << i)
    }

    /// The rules whose time it is.
    pub(crate) fn holding(&self, at: Time) -> u64 {
        self.mask(|rule| rule.scope.holds(at))
    }

    /// Of the rules whose time it is, those about calls of this slice.
    pub(crate) fn applying(&self, slice_rules: u64, holding: u64) -> u64 {
        holding & (!self.conditional | slice_rules)
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

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Relay(glob) => glob.fmt(f),
        }
    }
}
