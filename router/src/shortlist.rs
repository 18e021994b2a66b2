//! The best few chains of relays between two regions, without an allocation per candidate. The list knows how far down it
//! is complete, so that when one link has changed only the chains over that link have to be scored again.

/// As many are told: enough to find a backup that shares nothing with the winner.
pub(crate) const LISTED: usize = 16;
/// As many are kept: some may get worse before the others have to be looked at again.
const KEPT: usize = 2 * LISTED;

/// Zero to two relays, by their index in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    len: usize,
    relays: [usize; 2],
}

/// The chains with the highest scores, best first. Of equal scores the shorter chain stands first, then the
/// one whose relays come first in the alphabet, so that the same world always gives the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shortlist {
    entries: Vec<(f64, Chain)>,
    /// Every chain that is as good as this one is on the list. `None`: every chain there is.
    floor: Option<(f64, Chain)>,
}

impl Chain {
    pub(crate) fn direct() -> Self {
        Self { len: 0, relays: [0, 0] }
    }

    pub(crate) fn one(a: usize) -> Self {
        Self { len: 1, relays: [a, 0] }
    }

    pub(crate) fn two(a: usize, b: usize) -> Self {
        Self { len: 2, relays: [a, b] }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn relays(&self) -> &[usize] {
        &self.relays[..self.len]
    }

    /// The links from one region over these relays to another.
    pub(crate) fn hops(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
        let [a, b] = self.relays;
        let stops = match self.len {
            0 => [from, to, to, to],
            1 => [from, a, to, to],
            _ => [from, a, b, to],
        };
        (0..=self.len).map(move |i| (stops[i], stops[i + 1]))
    }
}

impl Shortlist {
    /// Whether a chain of this score could get on the list. One that is turned away counts as left out.
    pub(crate) fn admits(&mut self, score: f64) -> bool {
        match self.entries.last() {
            Some((worst, _)) if self.entries.len() == KEPT && score < *worst => {
                self.floor = self.entries.last().copied();
                false
            }
            Some(_) | None => true,
        }
    }

    /// Puts a chain on the list if it is good enough.
    pub(crate) fn offer(&mut self, score: f64, chain: Chain) {
        let at = self.entries.partition_point(|listed| ahead(listed, &(score, chain)));
        self.entries.insert(at, (score, chain));
        self.trim();
    }

    /// No more chains will be offered.
    pub(crate) fn seal(&mut self) {
        if self.floor.is_some() {
            self.floor = self.entries.last().copied();
        }
    }

    /// Takes chains off the list that have to be scored again. Returns whether there were any.
    pub(crate) fn strike(&mut self, stale: impl Fn(&Chain) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(_, chain)| !stale(chain));
        self.entries.len() < before
    }

    /// Puts a chain that was scored again back on the list, if that is where it belongs.
    pub(crate) fn readmit(&mut self, score: f64, chain: Chain) -> bool {
        let entry = (score, chain);
        let beyond = self.floor.as_ref().is_some_and(|floor| ahead(floor, &entry));
        if beyond || self.entries.iter().any(|(_, listed)| *listed == chain) {
            return false;
        }
        let at = self.entries.partition_point(|listed| ahead(listed, &entry));
        self.entries.insert(at, entry);
        self.trim();
        at < LISTED
    }

    /// Whether so many chains were taken off that others may belong on the list now.
    pub(crate) fn is_short(&self) -> bool {
        self.floor.is_some() && self.entries.len() < LISTED
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The best, best first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = Chain> {
        self.entries.iter().take(LISTED).map(|(_, chain)| *chain)
    }

    fn trim(&mut self) {
        if self.entries.len() > KEPT {
            self.entries.truncate(KEPT);
            self.floor = self.entries.last().copied();
        }
    }
}

/// Whether the first stands strictly before the second.
fn ahead((score, chain): &(f64, Chain), (other_score, other): &(f64, Chain)) -> bool {
    score.total_cmp(other_score).reverse().then(chain.cmp(other)).is_lt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_stay_in_order_and_ties_fall_to_the_shorter() {
        let mut list = Shortlist::default();
        for i in 0..80_u32 {
            list.offer(f64::from(i % 40), Chain::one(i as usize));
        }
        list.offer(39.0, Chain::direct());
        let chains: Vec<Chain> = list.chains().collect();
        assert_eq!(chains.len(), LISTED);
        assert_eq!(chains[..3], [Chain::direct(), Chain::one(39), Chain::one(79)]);
        assert!(list.admits(30.0) && !list.admits(21.0));
    }

    #[test]
    fn a_list_knows_when_it_has_lost_too_many() {
        let mut list = Shortlist::default();
        for i in 0..60_u32 {
            list.offer(f64::from(i), Chain::one(i as usize));
        }
        list.seal();
        assert!(!list.readmit(3.0, Chain::one(3)), "it was not among the best kept");
        assert!(list.strike(|chain| chain.relays()[0] >= 44));
        assert!(!list.is_short(), "16 are left");
        assert!(list.strike(|chain| chain.relays()[0] == 43) && list.is_short());
        assert!(list.readmit(43.5, Chain::one(43)) && !list.is_short());
        assert!(!list.strike(|chain| chain.len() == 2));

        let mut whole = Shortlist::default();
        whole.offer(1.0, Chain::direct());
        whole.seal();
        assert!(whole.strike(|_| true) && !whole.is_short(), "there are no others");
    }

    #[test]
    fn a_chain_knows_its_links() {
        let hops = |chain: Chain| chain.hops(8, 9).collect::<Vec<_>>();
        assert_eq!(hops(Chain::direct()), [(8, 9)]);
        assert_eq!(hops(Chain::one(3)), [(8, 3), (3, 9)]);
        assert_eq!(hops(Chain::two(3, 4)), [(8, 3), (3, 4), (4, 9)]);
    }
}
