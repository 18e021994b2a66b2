//! One node's probing of one link: probes with their fates drawn from the trace, read by the real estimators.

use std::collections::VecDeque;

use ringway_router::{Cause, LinkReport, Region, Time, measure::LossEstimate};

use crate::atlas::{
    chance::Chance,
    sky::{STEP_MS, State},
};

/// While a link carries calls, and right after a miss.
const PACE_BUSY_MS: f64 = 20.0;
const PACE_DOWN_MS: f64 = 1_000.0;
/// Probes that follow a miss at the busy pace.
const BURST: u32 = 6;
/// An answer is late when it takes so much longer than the others did, ms.
const MARGIN_MS: f64 = 15.0;
const ANSWERS_TO_RISE: u32 = 3;
const RTT_WINDOW: usize = 20;
/// So improbable must a run of misses be, by the loss that is known, to mean that the way is down.
const RUN_BY_CHANCE: f64 = 1e-5;
const MISSES_MIN: f64 = 3.0;
const MISSES_MAX: f64 = 12.0;
/// A step in loss or delay is told at once, but no oftener than this.
const NEWS_MS: f64 = 200.0;

pub(crate) struct Sensor {
    next_ms: f64,
    burst: u32,
    fates: VecDeque<Fate>,
    up: bool,
    missed: u32,
    answered: u32,
    rtts: VecDeque<f64>,
    /// The same, by size.
    sorted: Vec<f64>,
    jitter_ms: f64,
    loss: LossEstimate,
    loss_back: LossEstimate,
    told: Told,
    pub(crate) probes: u64,
}

/// What becomes known of a probe, and when.
#[derive(Clone, Copy)]
struct Fate {
    at_ms: f64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Answered {
        rtt_ms: f64,
        was_late: bool,
    },
    /// Not in time; it may still come.
    Late,
    /// Lost: on the way there, or on the way back.
    Lost {
        there: bool,
    },
}

#[derive(Clone, Copy)]
struct Told {
    at_ms: f64,
    up: bool,
    loss: f64,
    delay_ms: f64,
}

impl Sensor {
    pub(crate) fn new(chance: &mut Chance, pace_ms: f64) -> Self {
        Self {
            next_ms: chance.between(0.0, pace_ms),
            burst: 0,
            fates: VecDeque::new(),
            up: false,
            missed: 0,
            answered: 0,
            rtts: VecDeque::new(),
            sorted: Vec::new(),
            jitter_ms: 0.0,
            loss: LossEstimate::new(Time::default()),
            loss_back: LossEstimate::new(Time::default()),
            told: Told { at_ms: 0.0, up: false, loss: 0.0, delay_ms: 0.0 },
            probes: 0,
        }
    }

    /// Lives through one step; says when there was news that must be told at once, if there was.
    pub(crate) fn live(
        &mut self,
        from_ms: f64,
        (there, back): (&State, &State),
        pace_ms: f64,
        chance: &mut Chance,
    ) -> Option<f64> {
        let until_ms = from_ms + STEP_MS as f64;
        let mut news = None;
        loop {
            let fate_ms = self.fates.front().map_or(f64::INFINITY, |fate| fate.at_ms);
            if fate_ms.min(self.next_ms) >= until_ms {
                return news;
            }
            if fate_ms <= self.next_ms {
                let fate = self.fates.pop_front().unwrap();
                self.learn(&fate);
                if news.is_none() && self.is_news(fate.at_ms) {
                    news = Some(fate.at_ms);
                }
            } else {
                self.probe(self.next_ms, (there, back), chance);
                let pace_ms = match (self.burst, self.up) {
                    (1.., _) => PACE_BUSY_MS,
                    (0, true) => pace_ms,
                    (0, false) => pace_ms.max(PACE_DOWN_MS),
                };
                self.burst = self.burst.saturating_sub(1);
                self.next_ms += pace_ms * chance.between(0.5, 1.5);
            }
        }
    }

    /// What the node says of the link now.
    pub(crate) fn report(&mut self, now_ms: f64, to: &Region) -> LinkReport {
        let (median_ms, p95_ms) = self.quantiles();
        self.told = Told { at_ms: now_ms, up: self.up, loss: self.loss.loss(), delay_ms: p95_ms };
        LinkReport {
            up: self.up,
            rtt_p95_ms: p95_ms,
            jitter_ms: self.jitter_ms,
            loss: self.loss.loss(),
            loss_back: self.loss_back.loss(),
            packets: 100,
            cause: if self.up && self.loss.loss() < 0.01 { Cause::None } else { Cause::Path },
            ..LinkReport::clean(to.clone(), median_ms)
        }
    }

    fn probe(&mut self, now_ms: f64, (there, back): (&State, &State), chance: &mut Chance) {
        self.probes += 1;
        let patience_ms = self.quantiles().1.max(1.0) + MARGIN_MS.max(4.0 * self.jitter_ms);
        let lost_there = chance.happens(there.loss);
        if lost_there || chance.happens(back.loss) {
            self.expect(now_ms + patience_ms, What::Lost { there: lost_there });
            return;
        }
        let late_ms = chance.exponential(there.jitter_ms) + chance.exponential(back.jitter_ms);
        let rtt_ms = there.delay_ms + back.delay_ms + late_ms;
        // Before the first answer there is nothing to be late by.
        let was_late = rtt_ms > patience_ms && !self.rtts.is_empty();
        if was_late {
            self.expect(now_ms + patience_ms, What::Late);
        }
        self.expect(now_ms + rtt_ms, What::Answered { rtt_ms, was_late });
    }

    fn expect(&mut self, at_ms: f64, what: What) {
        let at = self.fates.partition_point(|fate| fate.at_ms <= at_ms);
        self.fates.insert(at, Fate { at_ms, what });
    }

    fn learn(&mut self, fate: &Fate) {
        let now = Time::from_micros((fate.at_ms * 1_000.0) as u64);
        match fate.what {
            What::Answered { rtt_ms, was_late } => {
                self.loss.update(now, 1, 0);
                self.loss_back.update(now, 1, 0);
                self.missed = 0;
                self.answered += 1;
                // What was taken for lost was only late, so the way never was down.
                if self.answered >= ANSWERS_TO_RISE || was_late {
                    self.up = true;
                } else if !self.up {
                    self.burst = self.burst.max(ANSWERS_TO_RISE);
                    self.next_ms = self.next_ms.min(fate.at_ms);
                }
                if let Some(last_ms) = self.rtts.back() {
                    self.jitter_ms += ((rtt_ms - last_ms).abs() / 2.0 - self.jitter_ms) / 16.0;
                }
                self.keep(rtt_ms);
            }
            What::Late => self.miss(fate.at_ms),
            What::Lost { there } => {
                // The counters tell the two ways apart (RFC 8762). When nothing comes back they tell nothing, and
                // the way is down before it matters.
                self.loss.update(now, 1, u32::from(there));
                self.loss_back.update(now, u32::from(!there), u32::from(!there));
                self.miss(fate.at_ms);
            }
        }
    }

    fn miss(&mut self, now_ms: f64) {
        self.missed += 1;
        self.answered = 0;
        if self.up {
            self.burst = BURST;
            self.next_ms = self.next_ms.min(now_ms);
        }
        if f64::from(self.missed) >= self.misses_to_fall() {
            self.up = false;
        }
    }

    fn misses_to_fall(&self) -> f64 {
        let answered = (1.0 - self.loss.loss()) * (1.0 - self.loss_back.loss());
        (RUN_BY_CHANCE.ln() / (1.0 - answered).clamp(1e-3, 0.9).ln()).ceil().clamp(MISSES_MIN, MISSES_MAX)
    }

    fn is_news(&self, now_ms: f64) -> bool {
        if self.up != self.told.up {
            return true;
        }
        if now_ms < self.told.at_ms + NEWS_MS || !self.up {
            return false;
        }
        let moved = |new: f64, old: f64, least: f64, share: f64| (new - old).abs() > least.max(share * old);
        moved(self.loss.loss(), self.told.loss, 0.01, 0.3)
            || moved(self.quantiles().1, self.told.delay_ms, 10.0, 0.1)
    }

    fn keep(&mut self, rtt_ms: f64) {
        let place = |sorted: &[f64], ms: f64| sorted.partition_point(|known| *known < ms);
        if self.rtts.len() == RTT_WINDOW
            && let Some(oldest_ms) = self.rtts.pop_front()
        {
            self.sorted.remove(place(&self.sorted, oldest_ms));
        }
        self.rtts.push_back(rtt_ms);
        self.sorted.insert(place(&self.sorted, rtt_ms), rtt_ms);
    }

    /// Median and 95th percentile of the last round trips.
    fn quantiles(&self) -> (f64, f64) {
        let rank = |percent: usize| (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let of = |percent| self.sorted.get(rank(percent)).copied().unwrap_or_default();
        (of(50), of(95))
    }
}
