//! The trace: what every link does in every step of 100 ms.

use super::{
    Atlas,
    weather::{Kind, Spell},
};

pub(crate) const STEP_MS: u64 = 100;
/// What the good state of Gilbert and Elliott loses.
const LOSS_FAIR: f64 = 0.000_1;
/// Packets of a link are late by an exponentially distributed time whose mean is its jitter (RFC 3550 then measures
/// just this mean); 95 % are late by less than three times that.
const P95_OF_JITTER: f64 = 3.0;

/// One link in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) loss: f64,
    /// One way, without jitter.
    pub(crate) delay_ms: f64,
    pub(crate) jitter_ms: f64,
    /// The worst that is going on.
    pub(crate) kind: Option<Kind>,
}

impl State {
    fn fair(atlas: &Atlas, link: usize) -> Self {
        Self { loss: LOSS_FAIR, delay_ms: atlas.delay_ms(link), jitter_ms: atlas.jitter_ms(link), kind: None }
    }

    /// Whether nothing passes.
    pub(crate) fn is_cut(&self) -> bool {
        self.loss > 0.999
    }

    pub(crate) fn delay_p95_ms(&self) -> f64 {
        self.delay_ms + P95_OF_JITTER * self.jitter_ms
    }
}

/// Walks through the spells, step by step.
pub(crate) struct Sky<'a> {
    pub(crate) atlas: &'a Atlas,
    spells: &'a [Spell],
    next: usize,
    active: Vec<usize>,
    fair: Vec<State>,
    states: Vec<State>,
    step: u64,
    hash: u64,
}

impl<'a> Sky<'a> {
    /// Fair weather, before the first step.
    pub(crate) fn new(atlas: &'a Atlas, spells: &'a [Spell]) -> Self {
        let fair: Vec<State> = (0..atlas.len() * atlas.len()).map(|link| State::fair(atlas, link)).collect();
        let states = fair.clone();
        Self {
            atlas,
            spells,
            next: 0,
            active: Vec::new(),
            fair,
            states,
            step: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// When the present step begins.
    pub(crate) fn now_ms(&self) -> u64 {
        self.step * STEP_MS
    }

    pub(crate) fn link(&self, link: usize) -> &State {
        &self.states[link]
    }

    /// As the link is when nothing is wrong. It is never better.
    pub(crate) fn fair(&self, link: usize) -> &State {
        &self.fair[link]
    }

    /// FNV-1a over all that has happened so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Goes on to the next step.
    pub(crate) fn advance(&mut self) {
        self.step += 1;
        let (from_ms, until_ms) = (self.now_ms() as f64, (self.now_ms() + STEP_MS) as f64);
        for spell in self.active.iter().map(|i| &self.spells[*i]) {
            self.states[spell.link] = self.fair[spell.link];
        }
        self.active.retain(|i| self.spells[*i].until_ms > from_ms);
        while let Some(spell) = self.spells.get(self.next).filter(|spell| spell.from_ms < until_ms) {
            if spell.until_ms > from_ms {
                self.active.push(self.next);
            }
            self.next += 1;
        }
        for i in 0..self.active.len() {
            let spell = self.spells[self.active[i]];
            let covered = (spell.until_ms.min(until_ms) - spell.from_ms.max(from_ms)) / STEP_MS as f64;
            let state = &mut self.states[spell.link];
            state.loss = 1.0 - (1.0 - state.loss) * (1.0 - spell.loss * covered);
            state.delay_ms += spell.added_ms * covered;
            state.jitter_ms += spell.jitter_ms * covered;
            state.kind = state.kind.max(Some(spell.kind));
            let (loss, delay_ms) = (state.loss, state.delay_ms);
            self.note(spell.link as u64);
            self.note(loss.to_bits());
            self.note(delay_ms.to_bits());
        }
        self.note(self.step);
    }

    fn note(&mut self, value: u64) {
        for byte in value.to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
