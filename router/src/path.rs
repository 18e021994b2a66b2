//! A path: the regions a call passes, from its source over at most two relays to its destination. Being a
//! source route it cannot loop, and the constructor sees to it that none is ever built that does.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Region;

/// The most relay regions on a path. With two, every path of a 50-region mesh can still be scored exactly.
pub const RELAYS_MAX: usize = 2;

/// Two to four distinct regions: source, relays, destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Region>", into = "Vec<Region>")]
pub struct Path(Arc<[Region]>);

/// A list of regions that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Fewer than two regions, or more than four.
    #[error("a path has 2 to 4 regions, not {0}")]
    Length(usize),
    /// A region that is passed twice: a loop.
    #[error("{0} stands twice on the path")]
    Loop(Region),
}

impl Path {
    /// The path through these regions, in this order.
    ///
    /// # Errors
    /// When there are fewer than two regions or more than four, or when one of them repeats.
    pub fn new(regions: impl IntoIterator<Item = Region>) -> Result<Self, InvalidPath> {
        let regions: Arc<[Region]> = regions.into_iter().collect();
        if !(2..=RELAYS_MAX + 2).contains(&regions.len()) {
            return Err(InvalidPath::Length(regions.len()));
        }
        for (i, region) in regions.iter().enumerate() {
            if regions[..i].contains(region) {
                return Err(InvalidPath::Loop(region.clone()));
            }
        }
        Ok(Self(regions))
    }

    /// The path without a relay.
    ///
    /// # Errors
    /// When both ends are the same region.
    pub fn direct(source: Region, destination: Region) -> Result<Self, InvalidPath> {
        Self::new([source, destination])
    }

    /// The region where the call enters the mesh.
    pub fn source(&self) -> &Region {
        &self.0[0]
    }

    /// The region where it leaves.
    pub fn destination(&self) -> &Region {
        &self.0[self.0.len() - 1]
    }

    /// The regions between the two ends.
    pub fn relays(&self) -> &[Region] {
        &self.0[1..self.0.len() - 1]
    }

    /// All regions, source first.
    pub fn regions(&self) -> &[Region] {
        &self.0
    }

    /// Whether there is no relay on it.
    pub fn is_direct(&self) -> bool {
        self.0.len() == 2
    }

    /// The links it is made of, in order.
    pub fn hops(&self) -> impl Iterator<Item = (&Region, &Region)> {
        self.0.windows(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// What it has in common with another path between the same two ends: shared relays plus shared links.
    /// Zero means that no single link or relay takes both down.
    pub fn overlap(&self, other: &Path) -> usize {
        let relays = self.relays().iter().filter(|r| other.relays().contains(r)).count();
        let links = self.hops().filter(|hop| other.hops().any(|o| o == *hop)).count();
        relays + links
    }

    /// How an engineer calls it when both ends are known: `direct`, or `via us-east-2`.
    pub fn detour(&self) -> Detour<'_> {
        Detour(self)
    }
}

/// Prints a path without its two ends; made by [`Path::detour`].
pub struct Detour<'a>(&'a Path);

impl fmt::Display for Detour<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.relays() {
            [] => f.write_str("direct"),
            relays => write!(f, "via {}", Chain(relays)),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(&self.0).fmt(f)
    }
}

impl TryFrom<Vec<Region>> for Path {
    type Error = InvalidPath;

    fn try_from(regions: Vec<Region>) -> Result<Self, InvalidPath> {
        Self::new(regions)
    }
}

impl From<Path> for Vec<Region> {
    fn from(path: Path) -> Self {
        path.0.to_vec()
    }
}

struct Chain<'a>(&'a [Region]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, region) in self.0.iter().enumerate() {
            write!(f, "{}{region}", if i == 0 { "" } else { " > " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(regions: &str) -> Result<Path, InvalidPath> {
        Path::new(regions.split_whitespace().map(|r| Region::try_from(r).unwrap()))
    }

    #[test]
    fn a_path_knows_its_parts() {
        let p = path("us-west-2 us-east-2 us-east-1").unwrap();
        assert_eq!(p.to_string(), "us-west-2 > us-east-2 > us-east-1");
        assert_eq!(p.detour().to_string(), "via us-east-2");
        assert_eq!((p.source().as_str(), p.destination().as_str()), ("us-west-2", "us-east-1"));
        assert_eq!(p.hops().count(), 2);
        assert!(!p.is_direct());
        assert_eq!(path("a b").unwrap().detour().to_string(), "direct");
    }

    #[test]
    fn loops_and_odd_lengths_are_refused() {
        assert_eq!(path("a"), Err(InvalidPath::Length(1)));
        assert_eq!(path("a b c d e"), Err(InvalidPath::Length(5)));
        assert_eq!(path("a b a"), Err(InvalidPath::Loop("a".parse().unwrap())));
        assert_eq!(path("a b b c"), Err(InvalidPath::Loop("b".parse().unwrap())));
    }

    #[test]
    fn overlap_counts_what_one_fault_can_take_from_both() {
        let first = path("a c b").unwrap();
        assert_eq!(first.overlap(&path("a b").unwrap()), 0);
        assert_eq!(first.overlap(&path("a d b").unwrap()), 0);
        assert_eq!(first.overlap(&path("a c d b").unwrap()), 2);
        assert_eq!(first.overlap(&path("a d c b").unwrap()), 2);
    }
}
