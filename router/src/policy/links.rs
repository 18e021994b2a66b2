//! How rules name links: `us-west-2 > us-east-1` from the one to the other, `<>` for both ways; and what links cost.

use std::fmt;

use super::Glob;
use crate::Region;

/// Links by the globs of their ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkWord {
    pub(crate) from: Glob,
    pub(crate) to: Glob,
    pub(crate) both_ways: bool,
}

/// What traffic over some links costs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) links: LinkWord,
    pub(crate) usd_per_gb: f64,
}

impl LinkWord {
    /// Reads `a > b` or `a <> b`; the globs it could not read are given back.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let split = |arrow: &str| text.split_once(arrow).map(|(from, to)| (from.trim(), to.trim()));
        let (both_ways, (from, to)) = match (split("<>"), split(">")) {
            (Some(ends), _) => (true, ends),
            (None, Some(ends)) => (false, ends),
            (None, None) => {
                return Err(format!("\"{text}\" is no link: \"from > to\", or \"a <> b\" for both ways"));
            }
        };
        let glob = |end: &str| {
            Glob::new(end).ok_or_else(|| format!("\"{end}\" is no region: a-z, 0-9, -, with * and ? for any"))
        };
        Ok(Self { from: glob(from)?, to: glob(to)?, both_ways })
    }

    /// Whether it means this link.
    pub(crate) fn means(&self, from: &Region, to: &Region) -> bool {
        let fits =
            |from: &Region, to: &Region| self.from.matches(from.as_str()) && self.to.matches(to.as_str());
        fits(from, to) || (self.both_ways && fits(to, from))
    }
}

impl fmt::Display for LinkWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.from, if self.both_ways { "<>" } else { ">" }, self.to)
    }
}
