//! Ways through the mesh, and what truly becomes of a call on one: the same arithmetic for all who compete.

use ringway_router::{
    Codec, Path, Settings,
    emodel::{delay_impairment, loss_impairment, rating},
};

use crate::atlas::{
    Atlas,
    sky::{Sky, State},
};

/// Regions by index, source first, destination last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    len: usize,
    regions: [usize; 4],
}

/// What carries the packets of a call in one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// There is no path, so nothing arrives.
    Nothing,
    One(Chain),
    /// Every packet goes over both.
    Both(Chain, Chain),
}

/// What becomes of packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// The share that arrives.
    pub(crate) arrives: f64,
    /// One way with jitter buffer and packet, as the router counts it.
    pub(crate) mouth_to_ear_ms: f64,
}

impl Chain {
    pub(crate) fn new(regions: &[usize]) -> Self {
        let mut chain = Self { len: regions.len(), regions: [0; 4] };
        chain.regions[..regions.len()].copy_from_slice(regions);
        chain
    }

    pub(crate) fn of(path: &Path, atlas: &Atlas) -> Self {
        let regions: Vec<usize> = path.regions().iter().map(|region| atlas.index(region)).collect();
        Self::new(&regions)
    }

    pub(crate) fn regions(&self) -> &[usize] {
        &self.regions[..self.len]
    }

    pub(crate) fn relays(&self) -> usize {
        self.len - 2
    }

    /// The links, by their numbers.
    pub(crate) fn links(&self, atlas: &Atlas) -> impl Iterator<Item = usize> {
        let size = atlas.len();
        self.regions().windows(2).map(move |hop| hop[0] * size + hop[1])
    }

    pub(crate) fn fate<'a>(&self, atlas: &Atlas, state: impl Fn(usize) -> &'a State) -> Fate {
        let settings = Settings::default();
        let (mut arrives, mut delay_ms, mut jitter_ms) = (1.0, 0.0, 0.0);
        for link in self.links(atlas) {
            let state = state(link);
            arrives *= 1.0 - state.loss;
            delay_ms += state.delay_p95_ms();
            jitter_ms += state.jitter_ms;
        }
        delay_ms += settings.relay_delay_ms * self.relays() as f64;
        let buffer_ms = settings.jitter_buffer_ms.max(2.0 * jitter_ms);
        Fate { arrives, mouth_to_ear_ms: delay_ms + settings.packet_ms + buffer_ms }
    }

    /// The rating in this very moment.
    pub(crate) fn r(&self, sky: &Sky<'_>) -> f64 {
        self.fate(sky.atlas, |link| sky.link(link)).r()
    }

    /// The rating in fair weather: it is never better.
    pub(crate) fn r_fair(&self, sky: &Sky<'_>) -> f64 {
        self.fate(sky.atlas, |link| sky.fair(link)).r()
    }
}

impl Way {
    pub(crate) fn fate(&self, sky: &Sky<'_>) -> Fate {
        let of = |chain: &Chain| chain.fate(sky.atlas, |link| sky.link(link));
        match self {
            Way::Nothing => Fate { arrives: 0.0, mouth_to_ear_ms: 0.0 },
            Way::One(chain) => of(chain),
            Way::Both(first, second) => of(first).and(&of(second)),
        }
    }
}

impl Fate {
    pub(crate) fn r(&self) -> f64 {
        rating(CODEC, self.mouth_to_ear_ms, 1.0 - self.arrives)
    }

    /// The copy that comes first counts; the 95th percentile of the delay is that of the later way as soon as the
    /// sooner one loses 5 %.
    fn and(&self, other: &Fate) -> Fate {
        let (sooner, later) =
            if self.mouth_to_ear_ms <= other.mouth_to_ear_ms { (self, other) } else { (other, self) };
        let counts = if sooner.arrives > 0.95 { sooner } else { later };
        let counts = if counts.arrives > 0.0 { counts } else { sooner };
        Fate {
            arrives: 1.0 - (1.0 - self.arrives) * (1.0 - other.arrives),
            mouth_to_ear_ms: counts.mouth_to_ear_ms,
        }
    }
}

pub(crate) const CODEC: Codec = Codec::G711Plc;

/// What of a bad rating is due to loss, and what to delay: `(loss, delay)`, points of R.
pub(crate) fn blame(fate: &Fate) -> (f64, f64) {
    (loss_impairment(CODEC, 1.0 - fate.arrives), delay_impairment(fate.mouth_to_ear_ms))
}

/// Every path with at most two relays.
pub(crate) fn every_chain(from: usize, to: usize, size: usize) -> Vec<Chain> {
    let relays: Vec<usize> = (0..size).filter(|relay| *relay != from && *relay != to).collect();
    let mut chains = vec![Chain::new(&[from, to])];
    chains.extend(relays.iter().map(|a| Chain::new(&[from, *a, to])));
    for a in &relays {
        chains.extend(relays.iter().filter(|b| *b != a).map(|b| Chain::new(&[from, *a, *b, to])));
    }
    chains
}
