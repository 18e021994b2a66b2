//! The routes of the home region: one choice for every destination and slice, made again whenever something changed.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Change, Path, Policy, RANKED_MAX, Ranked, Refused, Region, Route, Settings, Slice, Time,
    choice::{Choice, News},
    fate::Fate,
    graph::Graph,
    masks::Masks,
    overrides::Orders,
    pairs,
    policy::{Constraints, Occasion},
    reason::Obstacle,
    score::{Weighed, Weigher},
    table::Reaction,
};

/// What is remembered of every destination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Routes {
    #[serde(with = "pairs")]
    choices: BTreeMap<(Region, Slice), Choice>,
}

/// The world that routes are made from.
pub(crate) struct Scene<'a> {
    pub(crate) home: &'a Region,
    pub(crate) graph: &'a Graph,
    pub(crate) settings: &'a Settings,
    pub(crate) policy: &'a Policy,
    pub(crate) orders: &'a Orders<'a>,
    pub(crate) fate: &'a Fate,
    pub(crate) at: Time,
    /// How it was before, when rules or orders have just become others.
    pub(crate) before: Option<Before<'a>>,
}

/// Rules and orders as they were.
pub(crate) struct Before<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) orders: Orders<'a>,
    pub(crate) at: Time,
}

impl Routes {
    /// When a hold ends.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.choices.values().filter_map(Choice::deadline).min()
    }

    /// Chooses again for every region there is, and says what has changed. `epoch` is that of the table to
    /// come.
    pub(crate) fn update(
        &mut self,
        now: Time,
        scene: &Scene<'_>,
        news: &News,
        epoch: u64,
    ) -> (Vec<Arc<Route>>, Vec<Change>) {
        let (mut routes, mut changes) = (Vec::new(), Vec::new());
        if news.all {
            let slices = scene.policy.slices(&scene.settings.classes());
            self.choices.retain(|(to, slice), _| scene.graph.index(to).is_some() && slices.contains(slice));
            for to in scene.graph.regions().filter(|region| *region != scene.home) {
                for slice in &slices {
                    let destination = (to.clone(), slice.clone());
                    self.choices.entry(destination).or_insert_with(|| Choice::new(now));
                }
            }
        }
        for ((to, slice), choice) in &mut self.choices {
            let (route, change) = choice.update(now, scene, (to, slice), (news, epoch));
            routes.push(route);
            changes.extend(change);
        }
        (routes, changes)
    }
}

impl<'a> Scene<'a> {
    /// What applies to calls of this slice between two regions.
    pub(crate) fn between(&self, from: &Region, to: &Region, slice: &Slice) -> Constraints<'a> {
        self.policy.between(from, to, self.occasion(slice))
    }

    /// Weighs paths as calls of this slice hear them.
    pub(crate) fn weigher(&self, slice: &Slice) -> Weigher<'_> {
        let hearing = self.settings.hearing(&slice.class);
        Weigher { graph: self.graph, settings: self.settings, orders: self.orders, hearing, lenient: false }
    }

    fn occasion<'s>(&self, slice: &'s Slice) -> Occasion<'s> {
        Occasion { slice, at: self.at }
    }

    /// Why no path may carry calls between these two regions.
    pub(crate) fn refusal(&self, from: &Region, to: &Region, slice: &Slice) -> Refused {
        if from == to {
            return Refused::network(format!("a call inside {to} needs no path"));
        }
        let graph = self.graph;
        let (Some(f), Some(t)) = (graph.index(from), graph.index(to)) else {
            let unknown = if graph.index(from).is_none() { from } else { to };
            return Refused::network(format!("no region {unknown} is known"));
        };
        for (index, region) in [(f, from), (t, to)] {
            if !graph.is_live(index) {
                return Refused::network(format!("no live node in {region}"));
            }
        }
        if let Some(order) = self.orders.drains(to) {
            return Refused { by_policy: true, why: format!("{to} is drained by {order}") };
        }
        let (empty, none) = (Policy::empty(), Orders::default());
        let unbound = Weigher { orders: &none, ..self.weigher(slice) };
        let unbound = unbound.best(from, to, &empty.between(from, to, self.occasion(slice)));
        if let Some(first) = unbound.first() {
            let ordered = self.orders.obstacle(&first.path);
            if let Some(obstacle) = &ordered {
                return Refused { by_policy: true, why: format!("no path is left: {obstacle}") };
            }
            let obstacle = self.between(from, to, slice).obstacle(&first.path);
            let why = obstacle.map_or_else(String::new, |o| format!(": {o}"));
            let why = format!("policy revision {} leaves no path that is up{why}", self.policy.revision);
            return Refused { by_policy: true, why };
        }
        Refused::network(if graph.reachable(f, t) {
            format!("{to} is more than 2 relays away over the links that are up")
        } else {
            format!("no links that are up lead from {from} to {to}")
        })
    }

    /// The chosen path, then the backup from which most is to be expected once that has failed (see [`Fate`]), then the
    /// rest by score.
    pub(crate) fn ranked(
        &self,
        chosen: &Weighed,
        best: &[Weighed],
        (slice, constraints): (&Slice, &Constraints<'_>),
    ) -> Vec<Ranked> {
        let mut backups: Vec<&Weighed> = best.iter().filter(|path| path.path != chosen.path).collect();
        let expected = |path: &Weighed| spared(path.score, self.fate.shared(&chosen.path, &path.path));
        let first = backups.iter().map(|path| expected(path)).enumerate().reduce(higher);
        if let Some((i, _)) = first {
            backups[..=i].rotate_right(1);
        }
        let mut ranked: Vec<Ranked> =
            [chosen].into_iter().chain(backups).take(RANKED_MAX).map(Ranked::from).collect();
        if let Some(note) = self.lost_pin(chosen, slice, constraints) {
            let notes = [ranked[0].note.as_str(), note.as_str()];
            ranked[0].note = notes.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("; ");
        }
        ranked
    }

    /// For every link of the chosen path, where to go at once when that link fails.
    pub(crate) fn reactions(
        &self,
        chosen: &Weighed,
        best: &[Weighed],
        (slice, constraints): (&Slice, &Constraints<'_>),
        masks: Option<&Masks>,
    ) -> Vec<Reaction> {
        let react = |(from, to): (&Region, &Region)| {
            let without = |path: &Path| path.hops().all(|hop| hop != (from, to));
            let expected =
                |path: &Weighed| spared(path.score, self.fate.given((from, to), &chosen.path, &path.path));
            let pick = |paths: &[Weighed]| {
                let left = paths.iter().filter(|path| without(&path.path));
                let best = left.map(|path| (path, expected(path))).reduce(higher)?;
                Some(best.0.path.clone())
            };
            // All of the best may share the link: then it takes a look at the others.
            let path = pick(best).or_else(|| {
                let masks = masks?.without(self.graph.index(from)?, self.graph.index(to)?);
                let weigher = self.weigher(slice);
                pick(&weigher.told(&masks, &weigher.scan(&masks), constraints))
            })?;
            Some(Reaction { from: from.clone(), to: to.clone(), path })
        };
        chosen.path.hops().filter_map(react).collect()
    }

    /// What keeps calls off the path that a rule pins them to, when they go another way.
    fn lost_pin(&self, chosen: &Weighed, slice: &Slice, constraints: &Constraints<'_>) -> Option<String> {
        let (from, to) = (chosen.path.source(), chosen.path.destination());
        let (relays, who) = match (self.orders.pin(from, to), constraints.pin) {
            (Some((path, order)), _) => (path.relays(), order.to_string()),
            (None, Some((relays, rule))) => (relays, format!("\"{}\"", rule.name)),
            (None, None) => return None,
        };
        if chosen.terms.pinned {
            return None;
        }
        let why = match Path::new([from].into_iter().chain(relays).chain([to]).cloned()) {
            Ok(pinned) => {
                self.weigher(slice).obstacle(&pinned, constraints).map(|obstacle| obstacle.to_string())
            }
            Err(invalid) => Some(invalid.to_string()),
        };
        Some(format!("{who} pins another path, but {}", why?))
    }

    /// Whether the policy has just begun to speak differently of this path: another document, or the hour.
    pub(crate) fn policy_moved(&self, path: &Path, slice: &Slice, constraints: &Constraints<'_>) -> bool {
        self.before.as_ref().is_some_and(|Before { policy, at, .. }| {
            let slice = self.policy.slice_before(policy, slice);
            let before =
                policy.between(path.source(), path.destination(), Occasion { slice: &slice, at: *at });
            let blocked = |obstacle: Option<Obstacle>| obstacle.is_some();
            let (was, is) = (before.terms(path), constraints.terms(path));
            (was.total_r, was.pinned, before.objective()) != (is.total_r, is.pinned, constraints.objective())
                || blocked(before.obstacle(path)) != blocked(constraints.obstacle(path))
        })
    }

    /// Whether operators have just begun to speak differently of this path.
    pub(crate) fn orders_moved(&self, path: &Path) -> bool {
        self.before.as_ref().is_some_and(|Before { orders, .. }| {
            let pin = |orders: &Orders<'_>| {
                orders.pin(path.source(), path.destination()).map(|(pinned, _)| pinned == path)
            };
            pin(orders) != pin(self.orders)
        })
    }
}

/// Of two the one with the higher value; the first when they are equal.
fn higher<T>(a: (T, f64), b: (T, f64)) -> (T, f64) {
    if b.1 > a.1 { b } else { a }
}

/// The score that is to be expected of a path that fails with this chance; a failed path scores nothing.
fn spared(score: f64, fails: f64) -> f64 {
    if score > 0.0 { score * (1.0 - fails) } else { score }
}
