//! What a policy has to say about the paths between two regions.

use super::{Objective, Policy, Protect, Rule, Word};
use crate::{
    Class, Path, Region, Slice, Time, Traffic,
    path::RELAYS_MAX,
    reason::{Obstacle, Sway, SwayKind},
};

/// The rules that apply between one source and one destination.
pub(crate) struct Constraints<'a> {
    rules: Vec<&'a Rule>,
    /// The relay chain that calls are pinned to, and the rule that says so.
    pub(crate) pin: Option<(&'a [Region], &'a Rule)>,
    max_relays: Option<(usize, &'a Rule)>,
}

/// What the rules add to the score of a path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    /// Points of R, the sum of what each rule gives.
    pub(crate) total_r: f64,
    /// Whether a rule pins calls to exactly this path.
    pub(crate) pinned: bool,
    /// What each rule did.
    pub(crate) sways: Vec<Sway>,
}

/// One `avoid` or `prefer` of a rule that applies: which relays it means, and what it gives.
pub(crate) struct Tendency<'a> {
    words: &'a [Word],
    pub(crate) r: f64,
    kind: SwayKind,
    rule: &'a Rule,
}

/// For which calls, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion<'a> {
    pub(crate) slice: &'a Slice,
    pub(crate) at: Time,
}

impl Policy {
    /// Every slice that calls of these classes can fall into, in order. Never empty.
    pub(crate) fn slices(&self, classes: &[Class]) -> Vec<Slice> {
        classes.iter().map(|class| Slice { class: class.clone(), rules: 0 }).collect()
    }

    /// The slice of one call.
    pub(crate) fn slice_of(&self, traffic: &Traffic) -> Slice {
        Slice { class: traffic.class.clone(), rules: 0 }
    }

    /// Whether a rule speaks of called numbers.
    pub(crate) fn asks_for_numbers(&self) -> bool {
        false
    }

    /// When the next time window of a rule opens or closes after `at`.
    pub(crate) fn next_turn(&self, _at: Time) -> Option<Time> {
        None
    }

    /// What applies between these two regions.
    pub(crate) fn between(&self, from: &Region, to: &Region, _occasion: Occasion<'_>) -> Constraints<'_> {
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.matches(from, to)).collect();
        // Of several pins and limits the last one holds.
        let pin = rules.iter().rev().find_map(|rule| Some((rule.pin.as_deref()?, *rule)));
        let max_relays = rules.iter().rev().find_map(|rule| Some((rule.max_relays?, *rule)));
        Constraints { rules, pin, max_relays }
    }
}

impl<'a> Constraints<'a> {
    /// The most relays that are allowed.
    pub(crate) fn relays_max(&self) -> usize {
        self.max_relays.map_or(RELAYS_MAX, |(max, _)| max)
    }

    /// The rule that forbids this relay, or with `None` the direct path.
    pub(crate) fn forbids(&self, relay: Option<&Region>) -> Option<&'a Rule> {
        self.rules.iter().copied().find(|rule| rule.forbid.iter().any(|word| word.means(relay)))
    }

    /// The rule that forbids this link.
    pub(crate) fn forbids_link(&self, _from: &Region, _to: &Region) -> Option<&'a Rule> {
        None
    }

    /// What the rules and the cost of traffic add to a path for each time that it uses this link, points of R; mostly
    /// below zero.
    pub(crate) fn link_r(&self, _from: &Region, _to: &Region) -> f64 {
        0.0
    }

    /// When packets and requests go over two paths.
    pub(crate) fn protect(&self) -> Protect {
        Protect::OnSuspicion
    }

    /// What paths are compared by.
    pub(crate) fn objective(&self) -> Objective {
        Objective::Quality
    }

    /// Why the rules keep calls off this path, if they do.
    pub(crate) fn obstacle(&self, path: &Path) -> Option<Obstacle> {
        let forbidden = |relay: Option<&Region>| {
            let rule = self.forbids(relay)?.name.clone();
            Some(Obstacle::Forbidden { relay: relay.cloned(), rule })
        };
        if let Some((max, rule)) = self.max_relays
            && path.relays().len() > max
        {
            return Some(Obstacle::TooManyRelays { max, rule: rule.name.clone() });
        }
        if path.is_direct() { forbidden(None) } else { path.relays().iter().find_map(|r| forbidden(Some(r))) }
    }

    /// Everything that may add to a score. The scorer gives each a bit: a rule counts once a path, however
    /// many of the relays it names are on it.
    pub(crate) fn tendencies(&self) -> impl Iterator<Item = Tendency<'a>> {
        self.rules.iter().flat_map(|rule| {
            let avoid = Tendency { words: &rule.avoid, r: -rule.avoid_r, kind: SwayKind::Avoids, rule };
            let prefer = Tendency { words: &rule.prefer, r: rule.prefer_r, kind: SwayKind::Prefers, rule };
            [avoid, prefer].into_iter().filter(|tendency| !tendency.words.is_empty())
        })
    }

    /// What the rules add to the score of this path, rule by rule.
    pub(crate) fn terms(&self, path: &Path) -> Terms {
        let mut terms = Terms::default();
        for tendency in self.tendencies() {
            let relays = path.relays();
            let meant = relays.iter().find(|relay| tendency.means(Some(relay)));
            if meant.is_some() || (path.is_direct() && tendency.means(None)) {
                terms.total_r += tendency.r;
                terms.sways.push(Sway {
                    kind: tendency.kind,
                    relay: meant.cloned(),
                    rule: tendency.rule.name.clone(),
                    r: tendency.r,
                });
            }
        }
        if let Some((relays, rule)) = self.pin
            && relays == path.relays()
        {
            terms.pinned = true;
            let (relay, rule) = (relays.first().cloned(), rule.name.clone());
            terms.sways.push(Sway { kind: SwayKind::Pins, relay, rule, r: 0.0 });
        }
        terms
    }
}

impl Tendency<'_> {
    /// Whether it means this relay, or with `None` the direct path.
    pub(crate) fn means(&self, relay: Option<&Region>) -> bool {
        self.words.iter().any(|word| word.means(relay))
    }
}
