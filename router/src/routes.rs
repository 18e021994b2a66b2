//! The routes of the home region: one choice for every destination, made again whenever something changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Change, Class, Path, Policy, RANKED_MAX, Ranked, Reason, Refused, Region, Route, Slice, Time,
    choose::{Chooser, View},
    pairs,
    policy::{Constraints, Occasion},
    reason::Obstacle,
    score::{Weighed, Weigher},
};

/// What is remembered of every destination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Routes {
    #[serde(with = "pairs")]
    choices: BTreeMap<(Region, Slice), Choice>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Choice {
    chooser: Chooser,
    reason: Reason,
    since: Time,
}

/// The world that routes are made from.
pub(crate) struct Scene<'a> {
    pub(crate) home: &'a Region,
    pub(crate) weigher: Weigher<'a>,
    pub(crate) policy: &'a Policy,
    pub(crate) at: Time,
    /// The policy before this one, when it has just been replaced.
    pub(crate) replaced: Option<&'a Policy>,
}

impl Routes {
    /// When a hold ends.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.choices.values().filter_map(|choice| choice.chooser.deadline()).min()
    }

    /// Chooses again for every region there is, and says what has changed. `epoch` is that of the table to
    /// come.
    pub(crate) fn update(&mut self, now: Time, scene: &Scene<'_>, epoch: u64) -> (Vec<Route>, Vec<Change>) {
        let graph = scene.weigher.graph;
        let slices = scene.policy.slices(&[Class::voice()]);
        self.choices.retain(|(to, slice), _| graph.index(to).is_some() && slices.contains(slice));
        let (mut routes, mut changes) = (Vec::new(), Vec::new());
        for to in graph.regions().filter(|region| *region != scene.home) {
            for slice in &slices {
                let waiting = || Choice { chooser: Chooser::default(), reason: Reason::Waiting, since: now };
                let choice = self.choices.entry((to.clone(), slice.clone())).or_insert_with(waiting);
                let (route, change) = choice.update(now, scene, (to, slice), epoch);
                routes.push(route);
                changes.extend(change);
            }
        }
        (routes, changes)
    }
}

impl Choice {
    fn update(
        &mut self,
        now: Time,
        scene: &Scene<'_>,
        (to, slice): (&Region, &Slice),
        epoch: u64,
    ) -> (Route, Option<Change>) {
        let constraints = scene.between(scene.home, to, slice);
        let (weigher, best) = scene.weigher.best_or_recovering(scene.home, to, &constraints);
        let old = self.chooser.path().cloned();
        let view = View {
            incumbent: old.as_ref().map(|path| match weigher.obstacle(path, &constraints) {
                None => Ok(weigher.weigh(path, &constraints)),
                Some(obstacle) => Err(obstacle),
            }),
            best: &best,
            policy_moved: old.as_ref().is_some_and(|path| scene.policy_moved(path, slice, &constraints)),
            policy_revision: scene.policy.revision,
        };
        let reason = self.chooser.handle(now, &view, scene.weigher.settings);
        let change = reason.map(|reason| {
            self.reason = reason.clone();
            self.since = now;
            let (from, new) = (scene.home.clone(), self.chooser.path().cloned());
            Change { at: now, from, to: to.clone(), slice: slice.clone(), old, new, reason, epoch }
        });
        let ranked = match self.chooser.path() {
            Some(path) => scene.ranked(&weigher.weigh(path, &constraints), &best, &constraints),
            None => Vec::new(),
        };
        let route = Route {
            to: to.clone(),
            slice: slice.clone(),
            refused: ranked.is_empty().then(|| scene.refusal(scene.home, to, slice)),
            ranked,
            reason: self.reason.clone(),
            since: self.since,
        };
        (route, change)
    }
}

impl<'a> Scene<'a> {
    /// What applies to calls of this slice between two regions.
    pub(crate) fn between(&self, from: &Region, to: &Region, slice: &Slice) -> Constraints<'a> {
        self.policy.between(from, to, self.occasion(slice))
    }

    fn occasion<'s>(&self, slice: &'s Slice) -> Occasion<'s> {
        Occasion { slice, at: self.at }
    }

    /// Why no path may carry calls between these two regions.
    pub(crate) fn refusal(&self, from: &Region, to: &Region, slice: &Slice) -> Refused {
        if from == to {
            return Refused::network(format!("a call inside {to} needs no path"));
        }
        let graph = self.weigher.graph;
        let (Some(f), Some(t)) = (graph.index(from), graph.index(to)) else {
            let unknown = if graph.index(from).is_none() { from } else { to };
            return Refused::network(format!("no region {unknown} is known"));
        };
        for (index, region) in [(f, from), (t, to)] {
            if !graph.is_live(index) {
                return Refused::network(format!("no live node in {region}"));
            }
        }
        let empty = Policy::empty();
        let unbound = self.weigher.best(from, to, &empty.between(from, to, self.occasion(slice)));
        if let Some(first) = unbound.first() {
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

    /// The chosen path, then the backup that shares least with it, then the rest by score.
    pub(crate) fn ranked(
        &self,
        chosen: &Weighed,
        best: &[Weighed],
        constraints: &Constraints<'_>,
    ) -> Vec<Ranked> {
        let mut backups: Vec<&Weighed> = best.iter().filter(|path| path.path != chosen.path).collect();
        // Of equal overlap the first is the best: `best` is sorted by score.
        let disjoint = (0..backups.len()).min_by_key(|i| backups[*i].path.overlap(&chosen.path));
        if let Some(i) = disjoint {
            backups[..=i].rotate_right(1);
        }
        let mut ranked: Vec<Ranked> =
            [chosen].into_iter().chain(backups).take(RANKED_MAX).map(Ranked::from).collect();
        if let Some(note) = self.lost_pin(chosen, constraints) {
            let notes = [ranked[0].note.as_str(), note.as_str()];
            ranked[0].note = notes.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("; ");
        }
        ranked
    }

    /// What keeps calls off the path that a rule pins them to, when they go another way.
    fn lost_pin(&self, chosen: &Weighed, constraints: &Constraints<'_>) -> Option<String> {
        let (relays, rule) = constraints.pin?;
        if chosen.terms.pinned {
            return None;
        }
        let (from, to) = (chosen.path.source(), chosen.path.destination());
        let why = match Path::new([from].into_iter().chain(relays).chain([to]).cloned()) {
            Ok(pinned) => self.weigher.obstacle(&pinned, constraints).map(|obstacle| obstacle.to_string()),
            Err(invalid) => Some(invalid.to_string()),
        };
        Some(format!("\"{}\" pins another path, but {}", rule.name, why?))
    }

    /// Whether the policy has just begun to speak differently of this path.
    fn policy_moved(&self, path: &Path, slice: &Slice, constraints: &Constraints<'_>) -> bool {
        self.replaced.is_some_and(|replaced| {
            let slice = self.policy.slice_before(replaced, slice);
            let before = replaced.between(path.source(), path.destination(), self.occasion(&slice));
            let blocked = |obstacle: Option<Obstacle>| obstacle.is_some();
            let (was, is) = (before.terms(path), constraints.terms(path));
            (was.total_r, was.pinned) != (is.total_r, is.pinned)
                || blocked(before.obstacle(path)) != blocked(constraints.obstacle(path))
        })
    }
}
