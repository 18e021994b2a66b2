//! One node's probing of one link: probes with their fates drawn from the trace, read by the real estimator.

use std::{collections::VecDeque, time::Duration};

use ringway_router::{Cause, HopCounts, LinkReport, Region, Time, measure::LinkEstimator};

use crate::atlas::{
    chance::Chance,
    sky::{STEP_MS, State},
};

/// While a link carries calls, and while a few packets decide.
const PACE_BUSY_MS: f64 = 20.0;
const PACE_SUSPECT_MS: f64 = 50.0;
const LANES: usize = 3;
const MISSES_LEAST: u32 = 3;

pub(crate) struct Sensor {
    way: LinkEstimator,
    next_ms: f64,
    sent: u64,
    /// By lane: questions that have arrived there.
    arrived: [u32; LANES],
    /// Answers on their way, by when they come.
    answers: VecDeque<Answer>,
    told: (bool, bool),
    pub(crate) probes: u64,
}

#[derive(Clone, Copy)]
struct Answer {
    at_ms: f64,
    lane: usize,
    question: u32,
    arrived: u32,
}

impl Sensor {
    pub(crate) fn new(chance: &mut Chance, pace_ms: f64) -> Self {
        Self {
            way: LinkEstimator::new(time(0.0), LANES, MISSES_LEAST),
            next_ms: chance.between(0.0, pace_ms),
            sent: 0,
            arrived: [0; LANES],
            answers: VecDeque::new(),
            told: (false, false),
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
            let answer_ms = self.answers.front().map_or(f64::INFINITY, |answer| answer.at_ms);
            let miss_ms = self.way.deadline().map_or(f64::INFINITY, |due| due.micros() as f64 / 1_000.0);
            let now_ms = answer_ms.min(self.next_ms).min(miss_ms);
            if now_ms >= until_ms {
                return news;
            }
            if miss_ms <= now_ms {
                self.way.advance(time(now_ms));
            } else if answer_ms <= now_ms {
                let answer = self.answers.pop_front().unwrap();
                self.way.on_answer(time(now_ms), answer.lane, answer.question, answer.arrived);
            } else {
                self.probe(now_ms, (there, back), chance);
                self.next_ms = now_ms + self.pace_ms(pace_ms) * chance.between(0.5, 1.5);
            }
            // A miss, or the first answer after an outage: the next few decide, so they come soon.
            if self.way.is_in_doubt() {
                self.next_ms = self.next_ms.min(now_ms + PACE_BUSY_MS);
            }
            if self.told != (self.way.is_up(), self.way.is_suspect()) && news.is_none() {
                news = Some(now_ms);
            }
        }
    }

    /// What the node says of the link now.
    pub(crate) fn report(&mut self, now_ms: f64, to: &Region) -> LinkReport {
        self.told = (self.way.is_up(), self.way.is_suspect());
        self.way.estimate(time(now_ms)).report(to.clone(), Cause::None, HopCounts::default())
    }

    fn pace_ms(&self, pace_ms: f64) -> f64 {
        if self.way.is_in_doubt() {
            PACE_BUSY_MS
        } else if self.way.is_suspect() {
            pace_ms.min(PACE_SUSPECT_MS)
        } else {
            pace_ms
        }
    }

    fn probe(&mut self, now_ms: f64, (there, back): (&State, &State), chance: &mut Chance) {
        self.probes += 1;
        let lane = (self.sent % LANES as u64) as usize;
        let question = (self.sent / LANES as u64) as u32;
        self.sent += 1;
        self.way.on_sent(time(now_ms), lane, question);
        if chance.happens(there.loss) {
            return;
        }
        let arrived = self.arrived[lane];
        self.arrived[lane] += 1;
        if chance.happens(back.loss) {
            return;
        }
        let late_ms = chance.exponential(there.jitter_ms) + chance.exponential(back.jitter_ms);
        let at_ms = now_ms + there.delay_ms + back.delay_ms + late_ms;
        let place = self.answers.partition_point(|answer| answer.at_ms <= at_ms);
        self.answers.insert(place, Answer { at_ms, lane, question, arrived });
    }
}

fn time(ms: f64) -> Time {
    Time::default() + Duration::from_micros((ms * 1_000.0).round() as u64)
}
