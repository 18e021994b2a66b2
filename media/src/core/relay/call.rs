//! A call: its parties, and who has which leg. Small and cold; the packet path sees legs only.

use super::{Description, PARTIES_MAX, Side, Whom, leg::Curbs};
use ringway_router::{Time, Traffic};
use std::sync::Arc;

/// A call. Parties are known by their tags; the first one is the caller.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Arc<str>,
    /// Whose it is; empty: of nobody with a lease.
    pub(super) controller: Arc<str>,
    pub(super) created: Time,
    /// The last order that was about it.
    pub(super) signaled: Time,
    pub(super) answered: bool,
    /// It was deleted, and goes on until then.
    pub(super) retires: Option<Time>,
    /// When it is looked at next.
    pub(super) due: Time,
    pub(super) parties: Vec<Party>,
    /// What it is, as far as ways between regions depend on it.
    pub(super) traffic: Option<Arc<Traffic>>,
    /// What of everybody is held back, of those who come later, too.
    pub(super) curbs: Curbs,
}

/// Somebody in a call ("monologue" in rtpengine's words).
#[derive(Debug)]
pub(super) struct Party {
    /// Empty: it has not answered yet.
    pub(super) tag: Arc<str>,
    /// The branch that its offer went down; empty: none was named.
    pub(super) branch: Arc<str>,
    /// The controller's own word for it; empty: none.
    pub(super) label: Arc<str>,
    pub(super) side: Side,
    /// Those who answered the same branch before: it was forked behind our back, and the last one to answer has the ports.
    pub(super) outdone: Vec<Arc<str>>,
    /// What of it is held back, in all its sections.
    pub(super) curbs: Curbs,
    /// By section; `None`: it was never opened.
    pub(super) legs: Vec<Option<u32>>,
}

impl Call {
    pub(super) fn by_tag(&self, tag: &str) -> Option<usize> {
        self.parties.iter().position(|party| *party.tag == *tag).filter(|_| !tag.is_empty())
    }

    /// A branch that has not answered. Without a name: the last one.
    pub(super) fn unanswered(&self, branch: &str) -> Option<usize> {
        let fits = |party: &Party| party.tag.is_empty() && (branch.is_empty() || *party.branch == *branch);
        self.parties.iter().rposition(fits)
    }

    pub(super) fn by_branch(&self, branch: &str) -> Option<usize> {
        self.parties.iter().rposition(|party| *party.branch == *branch).filter(|_| !branch.is_empty())
    }

    /// Who offers to whom; `None`: somebody who is not there yet.
    pub(super) fn offering(&self, whom: Whom<'_>) -> (Option<usize>, Option<usize>) {
        let claimed = || self.by_tag(whom.to_tag).and_then(|_| self.unanswered(whom.branch));
        let offerer = self.by_tag(whom.from_tag).or_else(claimed);
        let other = |party: &usize| Some(*party) != offerer;
        let answerer = if whom.to_tag.is_empty() {
            // The same branch again; or, where nobody names branches, the next one to try in its place.
            let fits = |party: &usize| other(party) && *self.parties[*party].branch == *whom.branch;
            (0..self.parties.len()).rev().find(fits)
        } else {
            self.by_tag(whom.to_tag).or_else(|| self.unanswered(whom.branch).filter(other))
        };
        (offerer, answerer)
    }

    /// Whose offer is answered by whom; `None`: somebody who is not there.
    pub(super) fn answering(&self, whom: Whom<'_>) -> (Option<usize>, Option<usize>) {
        let offerer = self.by_tag(whom.from_tag);
        let other = |party: &usize| Some(*party) != offerer;
        let same = || {
            // Forked behind our back: one branch of ours, several that answer. The last one has it.
            let last = (0..self.parties.len()).rev().find(other);
            self.by_branch(whom.branch).or(last.filter(|_| whom.branch.is_empty()))
        };
        let known = self.by_tag(whom.to_tag);
        let answerer = known.or_else(|| self.unanswered(whom.branch)).or_else(same).filter(other);
        (offerer, answerer)
    }

    /// Whether an offer tells anew what the call is. In a dialog the number that was called may be left out: it is as before.
    pub(super) fn is_sorted_by(&self, offer: &Description<'_>) -> bool {
        let silent = offer.traffic.is_none_or(|traffic| traffic.called.is_empty());
        let known = self.traffic.as_ref().is_some_and(|traffic| !traffic.called.is_empty());
        offer.to_tag.is_empty() || !(silent && known)
    }

    /// Whether one more fits, with all names that it has.
    pub(super) fn has_room(&self) -> bool {
        self.parties.iter().map(|party| 1 + party.outdone.len()).sum::<usize>() < PARTIES_MAX
    }

    pub(super) fn legs(&self) -> impl Iterator<Item = u32> {
        self.parties.iter().flat_map(|party| party.legs.iter().flatten().copied())
    }
}

impl Party {
    pub(super) fn new(tag: &str, branch: &str, side: Side) -> Self {
        Self {
            tag: tag.into(),
            branch: branch.into(),
            label: "".into(),
            side,
            outdone: Vec::new(),
            curbs: Curbs::default(),
            legs: Vec::new(),
        }
    }

    pub(super) fn leg(&self, section: usize) -> Option<u32> {
        self.legs.get(section).copied().flatten()
    }

    pub(super) fn place(&mut self, section: usize, leg: u32) -> Option<u32> {
        if self.legs.len() <= section {
            self.legs.resize(section + 1, None);
        }
        self.legs[section].replace(leg)
    }
}
