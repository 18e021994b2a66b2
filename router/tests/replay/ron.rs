//! RON's parameters (Andersen et al., SOSP 2001): a probe every 14 s, up to four more at 3 s when one is lost, an
//! outage after four in a row, loss over the last hundred, 5 % hysteresis, one relay, tables exchanged every 14 s.

use super::{
    rivals::{Leg, Pair, Steering},
    way::{Chain, Way},
};
use crate::atlas::{
    chance::Chance,
    sky::{STEP_MS, Sky},
};

const PROBE_MS: u64 = 14_000;
const FOLLOW_UP_MS: u64 = 3_000;
const OUTAGE_LOSSES: u32 = 4;
const SAMPLES: usize = 100;
/// The old round trips keep this weight with every new one.
const DELAY_MEMORY: f64 = 0.9;
/// Another path must be better by this share of the present one.
const HYSTERESIS: f64 = 0.05;
/// A probe and its answer, with headers; an entry of the table.
const PROBE_BYTES: u64 = 2 * 69;
const ENTRY_BYTES: u64 = 9;

/// What RON's node knows of one link.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    loss: f64,
    rtt_ms: f64,
    outage: bool,
}

struct Probed {
    next_ms: u64,
    lost_in_a_row: u32,
    fates: u128,
    known: Known,
}

pub(crate) struct Ron {
    pairs: Vec<Pair>,
    chance: Chance,
    links: Vec<Probed>,
    /// The tables as last exchanged.
    told: Vec<Known>,
    ways: Vec<Way>,
    bytes: u64,
}

impl Ron {
    pub(crate) fn new(pairs: &[Pair], sky: &Sky<'_>, chance: Chance) -> Self {
        let size = sky.atlas.len();
        let mut chance = chance;
        let links: Vec<Probed> = (0..size * size)
            .map(|link| Probed {
                next_ms: chance.next() % PROBE_MS,
                lost_in_a_row: 0,
                fates: 0,
                known: Known { loss: 0.0, rtt_ms: 2.0 * sky.fair(link).delay_ms, outage: false },
            })
            .collect();
        let told = links.iter().map(|link| link.known).collect();
        let direct = |pair: &Pair| Way::One(Chain::new(&[pair.0, pair.1]));
        Self {
            ways: pairs.iter().map(direct).collect(),
            pairs: pairs.to_vec(),
            chance,
            links,
            told,
            bytes: 0,
        }
    }

    fn probe(&mut self, sky: &Sky<'_>, from: usize, to: usize) {
        let (there, back) = (sky.link(sky.atlas.link(from, to)), sky.link(sky.atlas.link(to, from)));
        let lost = self.chance.happens(1.0 - (1.0 - there.loss) * (1.0 - back.loss));
        let rtt_ms = there.delay_ms
            + back.delay_ms
            + self.chance.exponential(there.jitter_ms)
            + self.chance.exponential(back.jitter_ms);
        let probed = &mut self.links[sky.atlas.link(from, to)];
        probed.hear((!lost).then_some(rtt_ms), sky.now_ms());
        self.bytes += PROBE_BYTES;
    }

    /// What the source of a call knows: its own links as they are, the others as they were told.
    fn known(&self, home: usize, from: usize, to: usize, size: usize) -> Known {
        let link = from * size + to;
        if from == home { self.links[link].known } else { self.told[link] }
    }

    /// Loss and delay of a path as RON sees it; `None`: an outage.
    fn metric(&self, chain: &Chain, size: usize) -> Option<(f64, f64)> {
        let home = chain.regions()[0];
        let mut sum = (1.0, 0.0);
        for hop in chain.regions().windows(2) {
            let known = self.known(home, hop[0], hop[1], size);
            if known.outage {
                return None;
            }
            sum = (sum.0 * (1.0 - known.loss), sum.1 + known.rtt_ms);
        }
        Some((1.0 - sum.0, sum.1))
    }

    fn choose(&self, pair: usize, size: usize) -> Way {
        let (from, to) = self.pairs[pair];
        let relays = (0..size).filter(|a| *a != from && *a != to);
        let chains = relays.map(|a| Chain::new(&[from, a, to]));
        let mut best = match self.ways[pair] {
            Way::One(chain) => (chain, self.metric(&chain, size)),
            Way::Nothing | Way::Both(..) => (Chain::new(&[from, to]), None),
        };
        for chain in [Chain::new(&[from, to])].into_iter().chain(chains) {
            let metric = self.metric(&chain, size);
            if better(metric, best.1) {
                best = (chain, metric);
            }
        }
        Way::One(best.0)
    }
}

/// Less loss by 5 %, or as much loss and less delay by 5 %.
fn better(new: Option<(f64, f64)>, old: Option<(f64, f64)>) -> bool {
    let less = |new: f64, old: f64| new < old * (1.0 - HYSTERESIS);
    match (new, old) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((loss, rtt_ms)), Some((loss_old, rtt_old_ms))) => {
            less(loss, loss_old) || (loss <= loss_old && less(rtt_ms, rtt_old_ms))
        }
    }
}

impl Probed {
    fn hear(&mut self, rtt_ms: Option<f64>, now_ms: u64) {
        self.fates = (self.fates << 1 | u128::from(rtt_ms.is_none())) & ((1 << SAMPLES) - 1);
        self.known.loss = f64::from(self.fates.count_ones()) / SAMPLES as f64;
        if let Some(rtt_ms) = rtt_ms {
            self.lost_in_a_row = 0;
            self.known.rtt_ms = DELAY_MEMORY * self.known.rtt_ms + (1.0 - DELAY_MEMORY) * rtt_ms;
            self.next_ms = now_ms + PROBE_MS;
        } else {
            self.lost_in_a_row += 1;
            let follows = self.lost_in_a_row <= OUTAGE_LOSSES;
            self.next_ms = now_ms + if follows { FOLLOW_UP_MS } else { PROBE_MS };
        }
        // The loss of the fourth is known when its three seconds are over: before the next one.
        self.known.outage = self.lost_in_a_row >= OUTAGE_LOSSES;
    }
}

impl Steering for Ron {
    fn name(&self) -> &'static str {
        "RON's parameters"
    }

    fn live(&mut self, sky: &Sky<'_>) {
        let (size, now_ms) = (sky.atlas.len(), sky.now_ms());
        let mut news = false;
        for link in 0..size * size {
            let (from, to) = sky.atlas.ends(link);
            if from != to && now_ms >= self.links[link].next_ms {
                let before = self.links[link].known;
                self.probe(sky, from, to);
                news |= self.links[link].known != before;
            }
        }
        for from in 0..size {
            // Each node has its own phase.
            if (now_ms + from as u64 * 10 * STEP_MS).is_multiple_of(PROBE_MS) {
                for to in 0..size {
                    self.told[from * size + to] = self.links[from * size + to].known;
                }
                self.bytes += (size * (size - 1)) as u64 * ENTRY_BYTES;
                news = true;
            }
        }
        if news {
            self.ways = (0..self.pairs.len()).map(|pair| self.choose(pair, size)).collect();
        }
    }

    fn leg(&self, pair: usize) -> Leg {
        Leg::whole(self.ways[pair])
    }

    fn control_bytes(&self) -> u64 {
        self.bytes
    }
}
