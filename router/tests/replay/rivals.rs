//! Those who need no measuring of their own: direct only, two static disjoint paths, the shortest path by delay, and
//! the oracle.

use std::collections::VecDeque;

use super::way::{Chain, Way, every_chain};
use crate::atlas::sky::{STEP_MS, Sky};

/// A pair of regions, by their index.
pub(crate) type Pair = (usize, usize);

/// What a pair's packets take in one step: a way, and from some point of the step on perhaps another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    pub(crate) before: Way,
    /// The share of the step that `before` has.
    pub(crate) share: f64,
    pub(crate) after: Way,
}

/// Steers the calls of all pairs.
pub(crate) trait Steering {
    fn name(&self) -> &'static str;
    /// Lives through one step.
    fn live(&mut self, sky: &Sky<'_>);
    /// What the packets of a pair took in it.
    fn leg(&self, pair: usize) -> Leg;
    /// Bytes sent to learn and to tell, all nodes together.
    fn control_bytes(&self) -> u64 {
        0
    }
}

impl Leg {
    pub(crate) fn whole(way: Way) -> Self {
        Self { before: way, share: 1.0, after: way }
    }
}

/// Calls never leave the direct path.
pub(crate) struct Direct(pub(crate) Vec<Pair>);

impl Steering for Direct {
    fn name(&self) -> &'static str {
        "direct only"
    }

    fn live(&mut self, _sky: &Sky<'_>) {}

    fn leg(&self, pair: usize) -> Leg {
        let (from, to) = self.0[pair];
        Leg::whole(Way::One(Chain::new(&[from, to])))
    }
}

/// Every packet twice: direct, and over the relay that is best in fair weather.
pub(crate) struct Twin(Vec<Way>);

impl Twin {
    pub(crate) fn new(pairs: &[Pair], sky: &Sky<'_>) -> Self {
        let way = |(from, to): &Pair| {
            let relayed = |a| Chain::new(&[*from, a, *to]);
            let relays = (0..sky.atlas.len()).filter(|a| a != from && a != to);
            let best = relays.max_by(|a, b| relayed(*a).r_fair(sky).total_cmp(&relayed(*b).r_fair(sky)));
            Way::Both(Chain::new(&[*from, *to]), relayed(best.unwrap()))
        };
        Self(pairs.iter().map(way).collect())
    }
}

impl Steering for Twin {
    fn name(&self) -> &'static str {
        "two static paths"
    }

    fn live(&mut self, _sky: &Sky<'_>) {}

    fn leg(&self, pair: usize) -> Leg {
        Leg::whole(self.0[pair])
    }
}

/// The path of least delay with at most two relays, new every second. It is given the true delays and cuts of a second
/// ago, for nothing, and knows of no loss.
pub(crate) struct Shortest {
    pairs: Vec<Pair>,
    ways: Vec<Way>,
    known_ms: Vec<f64>,
}

impl Shortest {
    pub(crate) fn new(pairs: &[Pair], sky: &Sky<'_>) -> Self {
        let mut shortest = Self { pairs: pairs.to_vec(), ways: Vec::new(), known_ms: delays(sky) };
        shortest.choose(sky.atlas.len());
        shortest
    }

    fn choose(&mut self, size: usize) {
        let known_ms = &self.known_ms;
        let best = |(from, to): &Pair| {
            let link = |a: usize, b: usize| known_ms[a * size + b];
            // Two rounds of Bellman and Ford: over one relay, then over two.
            let one = |to: usize| {
                let relayed = (0..size).filter(|a| *a != *from && *a != to);
                let over = relayed.map(|a| (link(*from, a) + link(a, to) + RELAY_MS, Some(a)));
                over.chain([(link(*from, to), None)]).min_by(|x, y| x.0.total_cmp(&y.0)).unwrap()
            };
            let (mut least_ms, first) = one(*to);
            let mut chain = match first {
                None => Chain::new(&[*from, *to]),
                Some(a) => Chain::new(&[*from, a, *to]),
            };
            for b in (0..size).filter(|b| b != from && b != to) {
                let (ms, first) = one(b);
                let ms = ms + link(b, *to) + RELAY_MS;
                if let Some(a) = first.filter(|a| a != to && ms < least_ms) {
                    (least_ms, chain) = (ms, Chain::new(&[*from, a, b, *to]));
                }
            }
            if least_ms.is_finite() { Way::One(chain) } else { Way::Nothing }
        };
        self.ways = self.pairs.iter().map(best).collect();
    }
}

const RELAY_MS: f64 = 0.5;

impl Steering for Shortest {
    fn name(&self) -> &'static str {
        "least delay"
    }

    fn live(&mut self, sky: &Sky<'_>) {
        if sky.now_ms().is_multiple_of(10 * STEP_MS) {
            self.choose(sky.atlas.len());
            self.known_ms = delays(sky);
        }
    }

    fn leg(&self, pair: usize) -> Leg {
        Leg::whole(self.ways[pair])
    }
}

fn delays(sky: &Sky<'_>) -> Vec<f64> {
    let size = sky.atlas.len();
    let state = |link| sky.link(link);
    (0..size * size).map(state).map(|s| if s.is_cut() { f64::INFINITY } else { s.delay_p95_ms() }).collect()
}

/// Knows what every link does in this very step, and changes in every step if that wins anything. Or it is told all
/// this some steps late: the most that anybody can do who has to see trouble before he leaves it.
pub(crate) struct Oracle {
    name: &'static str,
    /// The paths of every pair, with their ratings in fair weather, best first.
    paths: Vec<Vec<(f64, Chain)>>,
    /// What it takes now, and what it is going to take, step by step.
    ways: VecDeque<Vec<Way>>,
}

impl Oracle {
    pub(crate) fn new(name: &'static str, late_steps: usize, pairs: &[Pair], sky: &Sky<'_>) -> Self {
        let ranked = |(from, to): &Pair| {
            let mut paths: Vec<(f64, Chain)> = every_chain(*from, *to, sky.atlas.len())
                .into_iter()
                .map(|chain| (chain.r_fair(sky), chain))
                .collect();
            paths.sort_by(|a, b| b.0.total_cmp(&a.0));
            paths
        };
        let paths: Vec<_> = pairs.iter().map(ranked).collect();
        let fair = paths.iter().map(|paths| Way::One(paths[0].1)).collect();
        Self { name, paths, ways: vec![fair; late_steps + 1].into() }
    }
}

impl Steering for Oracle {
    fn name(&self) -> &'static str {
        self.name
    }

    fn live(&mut self, sky: &Sky<'_>) {
        // No path is better than in fair weather, so the first ones usually decide.
        let best = |paths: &Vec<(f64, Chain)>| {
            let (mut best_r, mut best) = (f64::NEG_INFINITY, Way::Nothing);
            for (r_fair, chain) in paths {
                if *r_fair <= best_r {
                    break;
                }
                let r = chain.r(sky);
                if r > best_r {
                    (best_r, best) = (r, Way::One(*chain));
                }
            }
            best
        };
        self.ways.push_back(self.paths.iter().map(best).collect());
        self.ways.pop_front();
    }

    fn leg(&self, pair: usize) -> Leg {
        Leg::whole(self.ways[0][pair])
    }
}
