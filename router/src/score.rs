//! The score of a path: its E-model rating, what the policy adds, and what its relays cost. Every path with
//! at most two relays is scored exactly, because R is not additive and no shortest-path search would do.

use crate::{
    Path, Region, Settings,
    emodel::{R_MAX, delay_impairment, loss_impairment, mos},
    graph::{Graph, Hop, Run},
    link::Standing,
    policy::{Constraints, Terms},
    reason::{Obstacle, Snapshot},
    shortlist::{Chain, Shortlist},
};

/// Of paths that sound the same the shorter one wins.
const DELAY_PRICE_R_PER_MS: f64 = 0.01;

/// Weighs paths over one snapshot of the mesh.
#[derive(Clone, Copy)]
pub(crate) struct Weigher<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) settings: &'a Settings,
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

/// What a policy means for every region of the graph, worked out once before the scan. Each tendency of the
/// rules has a bit, so that it counts once a path.
struct Masks {
    /// Points of R for each link, `None` where it is forbidden; empty when no rule speaks of links.
    links_r: Vec<Option<f64>>,
    allowed: Vec<bool>,
    bits: Vec<u128>,
    direct_bits: u128,
    weights_r: Vec<f64>,
}

impl Weigher<'_> {
    /// What keeps calls off this path: the policy first, because it is the lasting answer.
    pub(crate) fn obstacle(&self, path: &Path, constraints: &Constraints<'_>) -> Option<Obstacle> {
        constraints.obstacle(path).or_else(|| self.network_obstacle(path))
    }

    /// Weighs one path, whatever stands in its way.
    pub(crate) fn weigh(&self, path: &Path, constraints: &Constraints<'_>) -> Weighed {
        let relays = path.relays().len();
        let (mut now, mut smoothed) = (Run::START, Run::START);
        for (from, to) in path.hops() {
            let hop = self.hop(from, to);
            now = now.then(&hop.now);
            smoothed = smoothed.then(&hop.smoothed);
        }
        let terms = constraints.terms(path);
        let terms_r = terms.total_r - self.price_r(relays);
        let (r, r_smoothed) = (self.rating(&now, relays), self.rating(&smoothed, relays));
        let delay_ms = self.delay_ms(&now, relays);
        Weighed {
            path: path.clone(),
            delay_ms,
            loss: 1.0 - now.survival,
            r,
            r_smoothed,
            mos: mos(r),
            terms,
            terms_r,
            score: r + terms_r - DELAY_PRICE_R_PER_MS * delay_ms,
            score_smoothed: r_smoothed + terms_r - DELAY_PRICE_R_PER_MS * self.delay_ms(&smoothed, relays),
        }
    }

    /// The best paths that may carry calls, best first. Exact: every path is considered.
    pub(crate) fn best(&self, from: &Region, to: &Region, constraints: &Constraints<'_>) -> Vec<Weighed> {
        let mut shortlist = Shortlist::default();
        self.scan(from, to, constraints, &mut shortlist);
        // A pinned chain wins whatever its score, so it must not fall off the list.
        if let Some((relays, _)) = constraints.pin
            && let Some(chain) = self.chain(relays)
        {
            shortlist.keep(chain);
        }
        let mut best: Vec<Weighed> = shortlist
            .chains()
            .filter_map(|chain| self.path(from, to, chain))
            .filter(|path| self.obstacle(path, constraints).is_none())
            .map(|path| self.weigh(&path, constraints))
            .collect();
        best.sort_by(|a, b| b.terms.pinned.cmp(&a.terms.pinned).then(b.score.total_cmp(&a.score)));
        best
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

    fn scan(&self, from: &Region, to: &Region, constraints: &Constraints<'_>, shortlist: &mut Shortlist) {
        let graph = self.graph;
        let (Some(s), Some(d)) = (graph.index(from), graph.index(to)) else { return };
        if !graph.is_live(s) || !graph.is_live(d) {
            return;
        }
        let masks = Masks::new(graph, constraints);
        let relays: Vec<usize> =
            (0..graph.len()).filter(|r| *r != s && *r != d && masks.allowed[*r]).collect();
        let relays_max = constraints.relays_max();

        if let Some(run) = self.over(&Run::START, graph.hop(s, d)) {
            self.offer(shortlist, Chain::direct(), &run, masks.terms_r(masks.direct_bits));
        }
        if relays_max == 0 {
            return;
        }
        for &a in &relays {
            let Some(to_a) = self.over(&Run::START, graph.hop(s, a)) else { continue };
            if let Some(run) = self.over(&to_a, graph.hop(a, d)) {
                self.offer(shortlist, Chain::one(a), &run, masks.terms_r(masks.bits[a]));
            }
            if relays_max == 1 {
                continue;
            }
            for &b in &relays {
                let run = self.over(&to_a, graph.hop(a, b)).and_then(|run| self.over(&run, graph.hop(b, d)));
                let Some(run) = run else { continue };
                let terms_r = masks.terms_r(masks.bits[a] | masks.bits[b]);
                self.offer(shortlist, Chain::two(a, b), &run, terms_r + to_a_r + ab_r + bd_r);
            }
        }
    }

    /// Scores a chain for the shortlist, no further than it takes to see that it will not get on it.
    fn offer(&self, shortlist: &mut Shortlist, chain: Chain, run: &Run, terms_r: f64) {
        let relays = chain.len();
        let price_r = self.price_r(relays) + DELAY_PRICE_R_PER_MS * self.delay_ms(run, relays);
        let undelayed = R_MAX - loss_impairment(self.settings.codec, 1.0 - run.survival) + terms_r - price_r;
        if shortlist.admits(undelayed) {
            let score = undelayed - delay_impairment(self.mouth_to_ear_ms(run, relays));
            shortlist.offer(score, chain);
        }
    }

    /// This run and one more link, if that may carry calls.
    fn over(&self, run: &Run, hop: &Hop) -> Option<Run> {
        let recovers = || self.lenient && matches!(hop.standing, Standing::Recovering { .. });
        (hop.is_up() || recovers()).then(|| run.then(&hop.now))
    }

    fn rating(&self, run: &Run, relays: usize) -> f64 {
        crate::emodel::rating(self.settings.codec, self.mouth_to_ear_ms(run, relays), 1.0 - run.survival)
    }

    /// The path, the packet that is filled before it is sent, and the jitter buffer at the far end. The
    /// buffer is taken to follow the jitter of the path once that outgrows it.
    fn mouth_to_ear_ms(&self, run: &Run, relays: usize) -> f64 {
        let buffer_ms = self.settings.jitter_buffer_ms.max(2.0 * run.jitter_ms);
        self.delay_ms(run, relays) + self.settings.packet_ms + buffer_ms
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

    fn chain(&self, relays: &[Region]) -> Option<Chain> {
        let index = |region| self.graph.index(region);
        match relays {
            [] => Some(Chain::direct()),
            [a] => Some(Chain::one(index(a)?)),
            [a, b] => Some(Chain::two(index(a)?, index(b)?)),
            _ => None,
        }
    }

    /// `None` when the chain loops, as a pinned one may that names an end of the path.
    fn path(&self, from: &Region, to: &Region, chain: Chain) -> Option<Path> {
        let relays = chain.relays().map(|relay| self.graph.region(relay));
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

impl Masks {
    fn new(graph: &Graph, constraints: &Constraints<'_>) -> Self {
        let tendencies: Vec<_> = constraints.tendencies().collect();
        let bits = |relay: Option<&Region>| {
            let meant = tendencies.iter().enumerate().filter(|(_, tendency)| tendency.means(relay));
            meant.fold(0_u128, |bits, (i, _)| bits | 1 << i)
        };
        Self {
            links_r: constraints.links_r(&graph.regions().collect::<Vec<_>>()),
            allowed: (0..graph.len())
                .map(|i| graph.is_live(i) && constraints.forbids(Some(graph.region(i))).is_none())
                .collect(),
            bits: graph.regions().map(|region| bits(Some(region))).collect(),
            direct_bits: bits(None),
            weights_r: tendencies.iter().map(|tendency| tendency.r).collect(),
        }
    }

    /// `None`: the link is forbidden.
    fn link_r(&self, from: usize, to: usize) -> Option<f64> {
        if self.links_r.is_empty() { Some(0.0) } else { self.links_r[from * self.allowed.len() + to] }
    }

    fn terms_r(&self, mut bits: u128) -> f64 {
        let mut sum = 0.0;
        while bits != 0 {
            sum += self.weights_r[bits.trailing_zeros() as usize];
            bits &= bits - 1;
        }
        sum
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
