//! What is remembered of one destination and slice: the choice, and of the paths to choose from as much as saves doing it
//! all again when one link has changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Change, Reason, Region, Route, Slice, Time,
    choose::{Chooser, View},
    masks::Masks,
    policy::Constraints,
    routes::Scene,
    score::{Weighed, Weigher},
    shortlist::{Chain, Shortlist},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Choice {
    chooser: Chooser,
    reason: Reason,
    since: Time,
    /// Made anew from the world when it is missing.
    #[serde(skip)]
    known: Option<Known>,
}

/// The paths as they were when they were last looked at.
#[derive(Clone, Debug)]
struct Known {
    /// `None`: no call can go there.
    masks: Option<Masks>,
    list: Shortlist,
    /// Nothing else is left than links which have only just come back.
    lenient: bool,
    best: Vec<Weighed>,
    route: Arc<Route>,
}

/// What has happened since the routes were last made.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// Regions, rules, orders or time windows: all that is known is void.
    pub(crate) all: bool,
    /// Links whose figures or standing are others.
    pub(crate) links: Vec<(usize, usize)>,
    /// Links have begun to suffer together, or apart.
    pub(crate) fate: bool,
}

/// More links than this are no longer followed one by one.
const FOLLOWED_MAX: usize = 24;

impl Choice {
    pub(crate) fn new(now: Time) -> Self {
        Self { chooser: Chooser::default(), reason: Reason::Waiting, since: now, known: None }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.chooser.deadline()
    }

    pub(crate) fn update(
        &mut self,
        now: Time,
        scene: &Scene<'_>,
        (to, slice): (&Region, &Slice),
        (news, epoch): (&News, u64),
    ) -> (Arc<Route>, Option<Change>) {
        let due = self.chooser.deadline().is_some_and(|deadline| now >= deadline);
        let weigher = scene.weigher(slice);
        if !news.all
            && let Some(known) = &mut self.known
            && !known.lenient
        {
            let moved = known.follow(&weigher, &news.links)
                || known.is_pinned_over(&news.links)
                || self.chooser.path().is_some_and(|path| {
                    // The chosen path may have fallen off the list.
                    path.hops().any(|(a, b)| {
                        let ends = scene.graph.index(a).zip(scene.graph.index(b));
                        ends.is_some_and(|ends| news.links.contains(&ends))
                    })
                });
            if !moved && !news.fate && !due {
                return (known.route.clone(), None);
            }
        }
        let constraints = scene.between(scene.home, to, slice);
        if news.all || self.known.as_ref().is_none_or(Known::is_poor) {
            self.known = Some(Known::new(scene, to, slice, &constraints));
        }
        self.decide(now, scene, (to, slice), &constraints, epoch)
    }

    fn decide(
        &mut self,
        now: Time,
        scene: &Scene<'_>,
        (to, slice): (&Region, &Slice),
        constraints: &Constraints<'_>,
        epoch: u64,
    ) -> (Arc<Route>, Option<Change>) {
        let Some(known) = &mut self.known else {
            unreachable!("what is known of a choice is worked out before it decides");
        };
        let weigher = Weigher { lenient: known.lenient, ..scene.weigher(slice) };
        known.best = match &known.masks {
            Some(masks) => weigher.told(masks, &known.list, constraints),
            None => Vec::new(),
        };
        let best = &known.best;
        let old = self.chooser.path().cloned();
        let view = View {
            incumbent: old.as_ref().map(|path| match weigher.obstacle(path, constraints) {
                None => Ok(weigher.weigh(path, constraints)),
                Some(obstacle) => Err(obstacle),
            }),
            best,
            policy_moved: old.as_ref().is_some_and(|path| scene.policy_moved(path, slice, constraints)),
            orders_moved: old.as_ref().is_some_and(|path| scene.orders_moved(path)),
            policy_revision: scene.policy.revision,
        };
        let reason = self.chooser.handle(now, &view, scene.settings);
        let change = reason.map(|reason| {
            self.reason = reason.clone();
            self.since = now;
            let (from, new) = (scene.home.clone(), self.chooser.path().cloned());
            Change { at: now, from, to: to.clone(), slice: slice.clone(), old, new, reason, epoch }
        });
        let (ranked, reactions) = match self.chooser.path() {
            Some(path) => {
                let chosen = weigher.weigh(path, constraints);
                let reactions = scene.reactions(&chosen, best, (slice, constraints), known.masks.as_ref());
                (scene.ranked(&chosen, best, (slice, constraints)), reactions)
            }
            None => (Vec::new(), Vec::new()),
        };
        let route = Route {
            to: to.clone(),
            slice: slice.clone(),
            refused: ranked.is_empty().then(|| scene.refusal(scene.home, to, slice)),
            ranked,
            reactions,
            protect: constraints.protect(),
            reason: self.reason.clone(),
            since: self.since,
        };
        if *known.route != route {
            known.route = Arc::new(route);
        }
        (known.route.clone(), change)
    }
}

impl Known {
    fn new(scene: &Scene<'_>, to: &Region, slice: &Slice, constraints: &Constraints<'_>) -> Self {
        let mut weigher = scene.weigher(slice);
        let masks = Masks::new(scene.graph, (scene.home, to), constraints, scene.orders, weigher.hearing);
        let mut list = masks.as_ref().map(|masks| weigher.scan(masks)).unwrap_or_default();
        if list.is_empty() {
            // To wait for these links to prove themselves would be to refuse the calls.
            weigher.lenient = true;
            list = masks.as_ref().map(|masks| weigher.scan(masks)).unwrap_or_default();
        }
        Self {
            lenient: weigher.lenient,
            masks,
            list,
            best: Vec::new(),
            route: Arc::new(Route::none(to.clone(), slice.clone())),
        }
    }

    /// Whether a look at everything may find better.
    fn is_poor(&self) -> bool {
        self.lenient || self.list.is_empty()
    }

    /// Whether the path that calls are pinned to uses one of these links: what keeps them off it stands in the route.
    fn is_pinned_over(&self, links: &[(usize, usize)]) -> bool {
        let Some(masks) = &self.masks else { return false };
        masks.pin.is_some_and(|pin| pin.hops(masks.from, masks.to).any(|hop| links.contains(&hop)))
    }

    /// Brings the list up to date. Whether anything in it is another than before.
    fn follow(&mut self, weigher: &Weigher<'_>, links: &[(usize, usize)]) -> bool {
        let Some(masks) = &self.masks else { return false };
        if links.len() > FOLLOWED_MAX {
            self.list = weigher.scan(masks);
            return true;
        }
        let over = |chain: &Chain| chain.hops(masks.from, masks.to).any(|hop| links.contains(&hop));
        let mut moved = !links.is_empty() && self.list.strike(over);
        for link in links {
            for chain in chains_over(*link, masks) {
                if let Some(score) = weigher.score(masks, &chain) {
                    moved |= self.list.readmit(score, chain);
                }
            }
        }
        if self.list.is_short() {
            self.list = weigher.scan(masks);
            moved = true;
        }
        moved
    }
}

/// Every chain that uses this link, allowed or not.
fn chains_over((a, b): (usize, usize), masks: &Masks) -> Vec<Chain> {
    let others = || masks.relays.iter().copied().filter(|x| *x != a && *x != b);
    match (a == masks.from, b == masks.to) {
        (true, true) => vec![Chain::direct()],
        (true, false) => [Chain::one(b)].into_iter().chain(others().map(|x| Chain::two(b, x))).collect(),
        (false, true) => [Chain::one(a)].into_iter().chain(others().map(|x| Chain::two(x, a))).collect(),
        (false, false) if a == masks.to || b == masks.from => Vec::new(),
        (false, false) => vec![Chain::two(a, b)],
    }
}
