//! The best few chains of relays of a scan, without an allocation per candidate.

/// As many as are kept: enough to find a backup that shares nothing with the winner.
const KEPT: usize = 16;

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

    pub(crate) fn relays(&self) -> impl Iterator<Item = usize> {
        self.relays.into_iter().take(self.len)
    }
}

impl Shortlist {
    /// Whether a chain of this score could get on the list.
    pub(crate) fn admits(&self, score: f64) -> bool {
        self.entries.len() < KEPT || self.entries.last().is_some_and(|(worst, _)| score >= *worst)
    }

    /// Puts a chain on the list if it is good enough.
    pub(crate) fn offer(&mut self, score: f64, chain: Chain) {
        let better = |(s, c): &(f64, Chain)| s.total_cmp(&score).reverse().then(c.cmp(&chain)).is_lt();
        let at = self.entries.partition_point(better);
        if at < KEPT {
            self.entries.truncate(KEPT - 1);
            self.entries.insert(at, (score, chain));
        }
    }

    /// Puts a chain on the list however it scores.
    pub(crate) fn keep(&mut self, chain: Chain) {
        if self.entries.iter().all(|(_, listed)| *listed != chain) {
            self.entries.push((f64::NEG_INFINITY, chain));
        }
    }

    /// What is on the list, best first.
    pub(crate) fn chains(&self) -> impl Iterator<Item = Chain> {
        self.entries.iter().map(|(_, chain)| *chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_stay_in_order_and_ties_fall_to_the_shorter() {
        let mut list = Shortlist::default();
        for i in 0..40_u32 {
            list.offer(f64::from(i % 20), Chain::one(i as usize));
        }
        list.offer(19.0, Chain::direct());
        let chains: Vec<Chain> = list.chains().collect();
        assert_eq!(chains.len(), KEPT);
        assert_eq!(chains[..3], [Chain::direct(), Chain::one(19), Chain::one(39)]);
        assert!(list.admits(13.0) && !list.admits(11.0));
    }

    #[test]
    fn what_must_be_kept_is_kept() {
        let mut list = Shortlist::default();
        list.keep(Chain::two(1, 2));
        list.keep(Chain::two(1, 2));
        assert_eq!(list.chains().collect::<Vec<_>>(), [Chain::two(1, 2)]);
    }
}
