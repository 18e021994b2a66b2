//! The paths that a trunk knows, with what is known of each lane, and which of them is the best one to turn to.

use super::{
    super::{Lane, RelayId},
    health::Health,
    names::{PathId, PathNumber},
    table::Table,
};
use ringway_router::{Backoff, Time};
use std::time::Duration;

/// A path that failed is not gone back to for so long; twice as long each time that it fails again soon.
const HOLD: Duration = Duration::from_secs(5);

/// All of them.
#[derive(Debug)]
pub(super) struct Ways {
    here: RelayId,
    lanes: u8,
    known: Vec<Known>,
    /// `(from, to, path)`: the table's reactions.
    reactions: Vec<(RelayId, RelayId, PathId)>,
    down: Vec<(RelayId, RelayId)>,
}

/// One path.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) path: PathId,
    hops: Vec<RelayId>,
    /// Its place in the table; `None`: it is there only as a reaction, or not any more.
    pub(super) rank: Option<usize>,
    /// Whether the table has it at all.
    pub(super) listed: bool,
    /// The lane that is used, or would be.
    pub(super) lane: Lane,
    pub(super) lanes: Vec<Health>,
    backoff: Backoff,
    /// It failed, and is not trusted before this.
    pub(super) not_before: Option<Time>,
}

/// What is wanted of a path to turn to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need<'a> {
    /// Away from here.
    pub(super) from: PathNumber,
    /// Taken by the other copy.
    pub(super) taken: [Option<PathNumber>; 2],
    /// Tried already.
    pub(super) tried: &'a [PathId],
    /// Better than nothing is not good enough: `from` still carries something.
    pub(super) good: bool,
}

impl Ways {
    pub(super) fn new(here: RelayId, lanes: u8) -> Self {
        Self { here, lanes, known: Vec::new(), reactions: Vec::new(), down: Vec::new() }
    }

    /// Takes over a table. What it does not list is forgotten unless it is in use.
    pub(super) fn take(&mut self, now: Time, table: Table, in_use: impl Fn(PathId) -> bool) {
        for known in &mut self.known {
            (known.rank, known.listed) = (None, false);
        }
        self.reactions.clear();
        for (rank, way) in table.ranked.into_iter().enumerate() {
            let known = self.place(now, way.path, way.hops);
            known.rank = known.rank.or(Some(rank));
        }
        for reaction in table.reactions {
            self.reactions.push((reaction.from, reaction.to, reaction.way.path));
            self.place(now, reaction.way.path, reaction.way.hops);
        }
        self.known.retain(|known| known.listed || in_use(known.path));
    }

    /// A link went down or came up.
    pub(super) fn link(&mut self, from: RelayId, to: RelayId, up: bool) {
        self.down.retain(|link| *link != (from, to));
        if !up {
            self.down.push((from, to));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.iter_mut()
    }

    pub(super) fn known(&self, path: PathId) -> Option<&Known> {
        self.known.iter().find(|known| known.path == path)
    }

    pub(super) fn known_mut(&mut self, path: PathId) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.path == path)
    }

    pub(super) fn health(&self, number: PathNumber) -> Option<&Health> {
        self.known(number.path())?.lanes.get(usize::from(number.lane().0))
    }

    pub(super) fn health_mut(&mut self, number: PathNumber) -> Option<&mut Health> {
        self.known_mut(number.path())?.lanes.get_mut(usize::from(number.lane().0))
    }

    /// Whether the table has this path.
    pub(super) fn lists(&self, path: PathId) -> bool {
        self.known(path).is_some_and(|known| known.listed)
    }

    /// Whether the mesh says that a link of it is down.
    pub(super) fn is_down(&self, path: PathId) -> bool {
        self.known(path).is_some_and(|known| known.links(self.here).any(|link| self.down.contains(&link)))
    }

    /// What two paths share; see [`Known::overlap`].
    pub(super) fn overlap(&self, one: PathId, other: PathId) -> usize {
        self.known(one).zip(self.known(other)).map_or(0, |(one, other)| one.overlap(other, self.here))
    }

    /// The path that the table ranks first.
    pub(super) fn first(&self) -> Option<&Known> {
        self.known.iter().find(|known| known.rank == Some(0))
    }

    /// The best path to turn to: one that answers, is not in a brownout, did not fail lately, shares least, is what the table
    /// computed for the failure of one of the links, and is ranked well; in this order.
    pub(super) fn choose(&self, now: Time, need: Need<'_>) -> Option<PathNumber> {
        let from = self.known(need.from.path())?;
        let usable = |known: &&Known| {
            known.listed
                && known.path != from.path
                && !need.tried.contains(&known.path)
                && !self.is_down(known.path)
        };
        let taken = |path: PathId| need.taken.iter().flatten().any(|number| number.path() == path);
        let best = self.known.iter().filter(usable).min_by_key(|known| {
            let reaction = from.links(self.here).any(|(a, b)| self.reactions.contains(&(a, b, known.path)));
            let key = (taken(known.path), !known.is_alive(now), known.is_brownout(), known.is_on_hold(now));
            (key, from.overlap(known, self.here), !reaction, known.rank.unwrap_or(usize::MAX))
        })?;
        let is_good = best.is_alive(now) && !best.is_brownout() && !best.is_on_hold(now) && !taken(best.path);
        (is_good || !need.good).then(|| best.number())
    }

    fn place(&mut self, now: Time, path: PathId, hops: Vec<RelayId>) -> &mut Known {
        let at = self.known.iter().position(|known| known.path == path).unwrap_or_else(|| {
            let lanes = (0..self.lanes).map(|_| Health::new(now)).collect();
            self.known.push(Known {
                path,
                hops,
                rank: None,
                listed: true,
                lane: Lane(0),
                lanes,
                backoff: Backoff::default(),
                not_before: None,
            });
            self.known.len() - 1
        });
        self.known[at].listed = true;
        &mut self.known[at]
    }
}

impl Known {
    /// The path with the lane that is used on it.
    pub(super) fn number(&self) -> PathNumber {
        PathNumber::new(self.path, self.lane)
    }

    /// All its numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = PathNumber> + use<> {
        let path = self.path;
        let lanes = u8::try_from(self.lanes.len()).unwrap_or(u8::MAX);
        (0..lanes).map(move |lane| PathNumber::new(path, Lane(lane)))
    }

    /// It had to be left.
    pub(super) fn failed(&mut self, now: Time) {
        self.backoff.failed(now, HOLD);
        self.not_before = Some(now + self.backoff.hold(HOLD));
    }

    /// It was wanted, and did not answer.
    pub(super) fn forgone(&mut self, now: Time) {
        self.backoff.promoted(now);
        self.failed(now);
    }

    /// It gets another chance.
    pub(super) fn promoted(&mut self, now: Time) {
        self.backoff.promoted(now);
        self.not_before = None;
        for health in &mut self.lanes {
            health.forgive(now);
        }
    }

    /// It failed not long ago.
    pub(super) fn is_on_hold(&self, now: Time) -> bool {
        self.not_before.is_some_and(|until| now < until)
    }

    fn used(&self) -> Option<&Health> {
        self.lanes.get(usize::from(self.lane.0))
    }

    fn is_alive(&self, now: Time) -> bool {
        self.used().is_some_and(|health| health.is_alive(now))
    }

    fn is_brownout(&self) -> bool {
        self.used().is_some_and(|health| health.loss.is_brownout())
    }

    fn links(&self, here: RelayId) -> impl Iterator<Item = (RelayId, RelayId)> {
        std::iter::once(here).chain(self.hops.iter().copied()).zip(self.hops.iter().copied())
    }

    /// Relays and links that both pass; the two ends are no relays.
    fn overlap(&self, other: &Known, here: RelayId) -> usize {
        let relays = |known: &Known| known.hops.len().saturating_sub(1);
        let shared =
            self.hops[..relays(self)].iter().filter(|hop| other.hops[..relays(other)].contains(hop)).count();
        shared + self.links(here).filter(|link| other.links(here).any(|o| o == *link)).count()
    }
}
