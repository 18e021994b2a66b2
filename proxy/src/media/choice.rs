//! Which relay a call is at: the same one for all its orders, as long as that one is well; a call that began while it was
//! not stays where it began.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Calls that are known to be at another relay than the first of their choice. When there is no more room all are forgotten:
/// their next offer is made anew, at a relay that does not know them.
const MOVED_MAX: usize = 65_536;

/// See the module. Pure.
#[derive(Debug, Default)]
pub(super) struct Choice {
    moved: HashMap<String, usize>,
}

/// What an order is, as far as the choice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A call begins: any relay will do.
    First,
    /// An offer in a dialog: another relay will do as well, the exchange tells it all.
    Renewal,
    /// Only the relay that has the offer understands it.
    Following,
}

impl Choice {
    /// The relays to ask, one after the other. `well`: whether each of them answers, as far as is known.
    pub(super) fn candidates(&self, call_id: &str, sort: Sort, well: &[bool]) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..well.len()).collect();
        ranked.sort_by_key(|&relay| std::cmp::Reverse(weight(call_id, relay)));
        let home = self.moved.get(call_id).or_else(|| ranked.first()).copied();
        let Some(home) = home else { return Vec::new() };
        match sort {
            Sort::Following => return vec![home],
            // What is not well may have recovered, so it is asked at last.
            Sort::First => ranked.sort_by_key(|&relay| !well[relay]),
            Sort::Renewal => ranked.sort_by_key(|&relay| (relay != home || !well[relay], !well[relay])),
        }
        ranked
    }

    /// A relay has taken a call.
    pub(super) fn settle(&mut self, call_id: &str, relay: usize, of: usize) {
        let first = (0..of).max_by_key(|&relay| weight(call_id, relay));
        if first == Some(relay) {
            self.moved.remove(call_id);
            return;
        }
        if self.moved.len() >= MOVED_MAX {
            self.moved.clear();
        }
        self.moved.insert(call_id.to_owned(), relay);
    }

    /// A call is over.
    pub(super) fn forget(&mut self, call_id: &str) {
        self.moved.remove(call_id);
    }
}

fn weight(call_id: &str, relay: usize) -> (u64, usize) {
    let mut hasher = DefaultHasher::new();
    (relay, call_id).hash(&mut hasher);
    (hasher.finish(), relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_and_stay_where_they_began() {
        let mut choice = Choice::default();
        let mut firsts = [0; 3];
        for call in 0..300 {
            let call = format!("call-{call}");
            let ranked = choice.candidates(&call, Sort::First, &[true; 3]);
            assert_eq!(ranked, choice.candidates(&call, Sort::Renewal, &[true; 3]));
            assert_eq!(choice.candidates(&call, Sort::Following, &[true; 3]), ranked[..1]);
            firsts[ranked[0]] += 1;

            let mut well = [true; 3];
            well[ranked[0]] = false;
            let others = choice.candidates(&call, Sort::First, &well);
            assert_eq!(others, [ranked[1], ranked[2], ranked[0]], "what is ill is asked at last");
            choice.settle(&call, others[0], 3);
            assert_eq!(choice.candidates(&call, Sort::Following, &[true; 3]), [others[0]]);
            assert_eq!(choice.candidates(&call, Sort::Renewal, &[true; 3])[0], others[0]);
            choice.forget(&call);
            assert_eq!(choice.candidates(&call, Sort::Following, &[true; 3]), ranked[..1]);
        }
        assert!(firsts.iter().all(|&calls| calls > 60), "{firsts:?}");
        assert!(choice.moved.is_empty());
    }

    #[test]
    fn an_offer_in_a_dialog_may_go_elsewhere_when_its_relay_is_gone() {
        let choice = Choice::default();
        let home = choice.candidates("c", Sort::Following, &[true, true])[0];
        let mut well = [true, true];
        well[home] = false;
        assert_eq!(choice.candidates("c", Sort::Renewal, &well), [1 - home, home]);
        assert_eq!(
            choice.candidates("c", Sort::Following, &well),
            [home],
            "an answer goes where its offer is"
        );
        assert!(choice.candidates("c", Sort::First, &[]).is_empty());
    }
}
