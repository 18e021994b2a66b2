//! The score of a path: its E-model rating, what the policy adds, and what its relays cost. Every path with
//! at most two relays is scored exactly, because R is not additive and no shortest-path search would do.

use crate::{
    Path, Region, Settings,
    emodel::{Hearing, mos},
    graph::{Graph, Hop, Run},
    link::Standing,
    masks::Masks,
    overrides::Orders,
    policy::{Constraints, Terms},
    reason::{Obstacle, Snapshot, Sway, SwayKind},
    shortlist::{Chain, Shortlist},
    worth::Worth,
};

/// Bounds are sums in another order than scores: they may differ by so much.
const ROUNDING_R: f64 = 1e-9;

/// Weighs paths over one snapshot of the mesh.
#[derive(Clone, Copy)]
pub(crate) struct Weigher<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) settings: &'a Settings,
    pub(crate) orders: &'a Orders<'a>,
    pub(crate) hearing: Hearing,
    /// Whether links count that answer again and still have to prove that it lasts.
    pub(crate) lenient: bool,
}

/// A path with everything that decides about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) path: Path,
    pub(crate) delay_ms: f64,
    pub(crate) loss: f64,
    pub(crate) r: f64,
    pub(crate) r_smoothed: f64,
    pub(crate) mos: f64,
    pub(crate) terms: Terms,
    /// Policy terms less the price of the relays, points of R.
    pub(crate) terms_r: f64,
    pub(crate) score: f64,
    pub(crate) score_smoothed: f64,
}

impl Weigher<'_> {
    /// What keeps calls off this path: the policy first, because it is the lasting answer.
    pub(crate) fn obstacle(&self, path: &Path, constraints: &Constraints<'_>) -> Option<Obstacle> {
        constraints
            .obstacle(path)
            .or_else(|| self.orders.obstacle(path))
            .or_else(|| self.network_obstacle(path))
    }

    /// Weighs one path, whatever stands in its way.
    pub(crate) fn weigh(&self, path: &Path, constraints: &Constraints<'_>) -> Weighed {
        let hops = path.hops().map(|(from, to)| self.hop(from, to));
        self.weigh_over(path.clone(), hops, constraints)
    }

    fn weigh_over<'h>(
        &self,
        path: Path,
        hops: impl Iterator<Item = &'h Hop>,
        constraints: &Constraints<'_>,
    ) -> Weighed {
        let relays = path.relays().len();
        let (mut now, mut smoothed) = (Run::START, Run::START);
        for hop in hops {
            now = now.then(&hop.now);
            smoothed = smoothed.then(&hop.smoothed);
        }
        let worth = Worth { hearing: self.hearing, objective: constraints.objective() };
        let terms = self.terms(&path, constraints, &worth);
        let terms_r = terms.total_r - self.price_r(relays);
        let (delay_ms, delay_smoothed_ms) = (self.delay_ms(&now, relays), self.delay_ms(&smoothed, relays));
        let (r, r_smoothed) = (worth.rating(&now, delay_ms), worth.rating(&smoothed, delay_smoothed_ms));
        Weighed {
            path,
            delay_ms,
            loss: 1.0 - now.survival,
            r,
            r_smoothed,
            mos: mos(r),
            terms,
            terms_r,
            score: worth.of(r, delay_ms) + terms_r,
            score_smoothed: worth.of(r_smoothed, delay_smoothed_ms) + terms_r,
        }
    }

    /// What rules, orders and the objective add to a path.
    fn terms(&self, path: &Path, constraints: &Constraints<'_>, worth: &Worth) -> Terms {
        let mut terms = constraints.terms(path);
        if worth.objective == crate::Objective::Cost {
            terms.total_r +=
                path.hops().map(|(from, to)| Worth::cost_r(constraints.usd_per_gb(from, to))).sum::<f64>();
        }
        if let Some((pinned, order)) = self.orders.pin(path.source(), path.destination()) {
            terms.pinned = pinned == path;
            terms.sways.retain(|sway| sway.kind != SwayKind::Pins);
            if terms.pinned {
                let relay = path.relays().first().cloned();
                terms.sways.push(Sway { kind: SwayKind::Ordered, relay, rule: order.to_string(), r: 0.0 });
            }
        }
        terms
    }

    /// The best paths that may carry calls, best first. Exact: every path is considered.
    pub(crate) fn best(&self, from: &Region, to: &Region, constraints: &Constraints<'_>) -> Vec<Weighed> {
        match Masks::new(self.graph, (from, to), constraints, self.orders, self.hearing) {
            Some(masks) => {
                let list = self.scan(&masks);
                self.told(&masks, &list, constraints)
            }
            None => Vec::new(),
        }
    }

    /// The best paths that may carry calls. When there is none, those over links that have only just come back: to wait
    /// for them to prove themselves would be to refuse the calls. With the weigher that lets them pass.
    pub(crate) fn best_or_recovering(
        mut self,
        from: &Region,
        to: &Region,
        constraints: &Constraints<'_>,
    ) -> (Self, Vec<Weighed>) {
        let mut best = self.best(from, to, constraints);
        if best.is_empty() {
            self.lenient = true;
            best = self.best(from, to, constraints);
        }
        (self, best)
    }

    /// The paths of a list, weighed, best first. A pinned path stands first, whatever its score.
    pub(crate) fn told(
        &self,
        masks: &Masks,
        list: &Shortlist,
        constraints: &Constraints<'_>,
    ) -> Vec<Weighed> {
        // A pinned chain wins whatever its score, so it must not fall off the list.
        let pinned = masks.pin.filter(|pin| list.chains().all(|chain| chain != *pin));
        let (from, to) = (self.graph.region(masks.from), self.graph.region(masks.to));
        let mut best: Vec<Weighed> = list
            .chains()
            .chain(pinned.filter(|pin| self.score(masks, pin).is_some()))
            .filter_map(|chain| Some((chain, self.path(from, to, chain)?)))
            .map(|(chain, path)| {
                let hops = chain.hops(masks.from, masks.to).map(|(a, b)| self.graph.hop(a, b));
                self.weigh_over(path, hops, constraints)
            })
            .collect();
        best.sort_by(|a, b| b.terms.pinned.cmp(&a.terms.pinned).then(b.score.total_cmp(&a.score)));
        best
    }

    /// Every path with at most two relays, usable or not.
    pub(crate) fn every_path(&self, from: &Region, to: &Region) -> Vec<Path> {
        let relays: Vec<&Region> =
            self.graph.regions().filter(|region| *region != from && *region != to).collect();
        let mut chains: Vec<Vec<&Region>> = vec![Vec::new()];
        chains.extend(relays.iter().map(|relay| vec![*relay]));
        for first in &relays {
            chains
                .extend(relays.iter().filter(|second| *second != first).map(|second| vec![*first, *second]));
        }
        let path = |chain: Vec<&Region>| Path::new([from].into_iter().chain(chain).chain([to]).cloned()).ok();
        chains.into_iter().filter_map(path).collect()
    }

    /// The best chains. All are considered; a first link over which not even a perfect rest could get on the list is left
    /// out with all that starts with it.
    pub(crate) fn scan(&self, masks: &Masks) -> Shortlist {
        let mut list = Shortlist::default();
        let &Masks { from, to, ref relays, relays_max, .. } = masks;
        let direct = Chain::direct();
        if masks.allows(&direct)
            && let Some(end) = self.end(masks, from, to)
        {
            self.offer(&mut list, masks, direct, &Run::START.then(&end.0), end.1);
        }
        if relays_max == 0 {
            list.seal();
            return list;
        }
        // The last link of every chain, once.
        let ends: Vec<(usize, Run, f64)> = relays
            .iter()
            .filter_map(|b| self.end(masks, *b, to).map(|(run, link_r)| (*b, run, link_r)))
            .collect();
        for &(a, end, end_r) in &ends {
            let Some((start, start_r)) = self.end(masks, from, a) else { continue };
            self.offer(&mut list, masks, Chain::one(a), &Run::START.then(&start).then(&end), start_r + end_r);
        }
        if relays_max == 1 {
            list.seal();
            return list;
        }
        for &a in relays {
            let Some((start, start_r)) = self.end(masks, from, a) else { continue };
            let start = Run::START.then(&start);
            if masks.is_silent_on_links() && !list.admits(self.bound(masks, &start, 2)) {
                continue;
            }
            for &(b, end, end_r) in &ends {
                if a == b {
                    continue;
                }
                let Some((middle, middle_r)) = self.end(masks, a, b) else { continue };
                let run = start.then(&middle).then(&end);
                self.offer(&mut list, masks, Chain::two(a, b), &run, start_r + middle_r + end_r);
            }
        }
        list.seal();
        list
    }

    /// The score of one chain, exactly as the scan gives it; `None`: it may not carry calls.
    pub(crate) fn score(&self, masks: &Masks, chain: &Chain) -> Option<f64> {
        if !masks.allows(chain) {
            return None;
        }
        let (mut run, mut links_r) = (Run::START, 0.0);
        for (from, to) in chain.hops(masks.from, masks.to) {
            let (hop, hop_r) = self.end(masks, from, to)?;
            run = run.then(&hop);
            links_r += hop_r;
        }
        let fixed_r = self.fixed_r(masks, chain, links_r);
        let delay_ms = self.delay_ms(&run, chain.len());
        Some(masks.worth.of(masks.worth.rating(&run, delay_ms), delay_ms) + fixed_r)
    }

    /// One link, if it may carry calls: how packets run over it, and what the rules give for it.
    fn end(&self, masks: &Masks, from: usize, to: usize) -> Option<(Run, f64)> {
        let hop = self.graph.hop(from, to);
        let recovers = || self.lenient && matches!(hop.standing, Standing::Recovering { .. });
        if hop.is_up() || recovers() { Some((hop.now, masks.link_r(from, to)?)) } else { None }
    }

    /// Scores a chain for the list, no further than it takes to see that it will not get on it.
    fn offer(&self, list: &mut Shortlist, masks: &Masks, chain: Chain, run: &Run, links_r: f64) {
        let delay_ms = self.delay_ms(run, chain.len());
        let fixed_r = self.fixed_r(masks, &chain, links_r);
        if list.admits(masks.worth.of(masks.worth.undelayed(run.survival), delay_ms) + fixed_r + ROUNDING_R) {
            list.offer(masks.worth.of(masks.worth.rating(run, delay_ms), delay_ms) + fixed_r, chain);
        }
    }

    fn fixed_r(&self, masks: &Masks, chain: &Chain, links_r: f64) -> f64 {
        masks.relays_r(chain) + links_r - self.price_r(chain.len())
    }

    /// No chain with so many relays that starts like this scores more.
    fn bound(&self, masks: &Masks, start: &Run, relays: usize) -> f64 {
        let delay_ms = self.delay_ms(start, relays);
        masks.worth.of(masks.worth.undelayed(start.survival), delay_ms) + masks.gain_r_max
            - self.price_r(relays)
            + ROUNDING_R
    }

    fn delay_ms(&self, run: &Run, relays: usize) -> f64 {
        run.delay_ms + self.settings.relay_delay_ms * relays as f64
    }

    fn price_r(&self, relays: usize) -> f64 {
        self.settings.relay_price_r * relays as f64
    }

    fn network_obstacle(&self, path: &Path) -> Option<Obstacle> {
        let live = |region: &Region| self.graph.index(region).is_some_and(|i| self.graph.is_live(i));
        if let Some(dead) = path.regions().iter().find(|region| !live(region)) {
            return Some(Obstacle::NoNode(dead.clone()));
        }
        path.hops().find_map(|(from, to)| {
            let (a, b) = (from.clone(), to.clone());
            match self.hop(from, to).standing {
                Standing::Up => None,
                Standing::Recovering { .. } if self.lenient => None,
                Standing::Unknown => Some(Obstacle::Unknown(a, b)),
                Standing::Recovering { .. } => Some(Obstacle::Recovering(a, b)),
                Standing::Down { silent: false } => Some(Obstacle::Down(a, b)),
                Standing::Down { silent: true } => Some(Obstacle::Silent(a, b)),
            }
        })
    }

    fn hop(&self, from: &Region, to: &Region) -> &Hop {
        match (self.graph.index(from), self.graph.index(to)) {
            (Some(from), Some(to)) => self.graph.hop(from, to),
            _ => &Hop::UNKNOWN,
        }
    }

    /// `None` when the chain loops, as a pinned one may that names an end of the path.
    fn path(&self, from: &Region, to: &Region, chain: Chain) -> Option<Path> {
        let relays = chain.relays().iter().map(|relay| self.graph.region(*relay));
        Path::new([from].into_iter().chain(relays).chain([to]).cloned()).ok()
    }
}

impl Weighed {
    /// Whether this path is better by so many points of R, now and smoothed.
    pub(crate) fn beats(&self, other: &Weighed, by_r: f64) -> bool {
        self.score > other.score + by_r && self.score_smoothed > other.score_smoothed + by_r
    }

    /// Whether this path stands above the other when nothing is remembered.
    pub(crate) fn outranks(&self, other: &Weighed) -> bool {
        (self.terms.pinned, self.score) > (other.terms.pinned, other.score)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot { path: self.path.clone(), delay_ms: self.delay_ms, loss: self.loss, r: self.r }
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
