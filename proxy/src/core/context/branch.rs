//! The branches of a request (RFC 3261 §16.6): each begins, moves on to its next leg or alternative, and ends with a
//! word; tiers of them follow each other.

use super::{Context, Phase, anchor::Anchor};
use crate::core::{
    attempt::Attempt,
    branch::Token,
    engine::{Asked, Engine},
    plan::{Leg, plan},
    question::Question,
    refusal::Refusal,
    target::{Goal, Target},
    upstream::Word,
};
use ringway_sip::Name;
use std::{collections::VecDeque, time::Instant};

/// RFC 5393 §5.3.3: as many branches at once as a request may have that does not say.
const BREADTH_DEFAULT: usize = 60;
/// Devices that ring at once; of one person's, more are a mistake.
const DEVICES_MAX: usize = 10;

/// One target of a request, and what has come of it.
pub(super) struct Branch {
    pub(super) target: Target,
    /// Marks its copies on different paths, at the ingress.
    pub(super) token: Option<Token>,
    /// The legs that have not been tried.
    pub(super) plan: VecDeque<Leg>,
    /// Other ways to the same device (RFC 5626 §5.3), for when this one leads nowhere.
    pub(super) alternatives: VecDeque<Target>,
    /// Its share of the request's breadth, where it was shared.
    pub(super) breadth: Option<usize>,
    /// How it ended.
    pub(super) outcome: Option<Word>,
    /// How its media is anchored, if it is.
    pub(super) anchor: Option<Anchor>,
    /// There was a 2xx.
    pub(super) won: bool,
}

impl Branch {
    pub(super) fn new(target: Target, engine: &mut Engine) -> Self {
        let token = matches!(target.goal, Goal::Region { .. }).then(|| engine.mint.token());
        Self {
            target,
            token,
            plan: VecDeque::new(),
            alternatives: VecDeque::new(),
            breadth: None,
            outcome: None,
            anchor: None,
            won: false,
        }
    }
}

impl Context {
    /// When every branch has ended, the next tier begins; when there is none, the best of what they said is the answer.
    pub(super) fn settle(&mut self, engine: &mut Engine, now: Instant) {
        while matches!(self.phase, Phase::Open | Phase::Cancelled)
            && self.branches.iter().all(|branch| branch.outcome.is_some())
        {
            match self.tiers.pop_front() {
                Some(tier) if self.phase == Phase::Open => self.begin_tier(engine, now, tier),
                Some(_) | None => return self.give_best(engine, now),
            }
        }
    }

    /// RFC 5393 §5.3.3: the branches that are out at one time share the breadth of the request. Those beyond it wait.
    fn begin_tier(&mut self, engine: &mut Engine, now: Instant, mut tier: Vec<Vec<Target>>) {
        let breadth = self.request.first(Name::Other("Max-Breadth")).and_then(|value| value.parse().ok());
        let breadth: usize = breadth.unwrap_or(BREADTH_DEFAULT);
        if tier.len() > breadth.min(DEVICES_MAX) {
            let rest = tier.split_off(breadth.min(DEVICES_MAX));
            self.tiers.push_front(rest);
        }
        if tier.is_empty() {
            self.tiers.clear();
            let word = engine.refusal(&self.request, self.from, &Refusal::MaxBreadth);
            return self.conclude(engine, now, word);
        }
        let share = (tier.len() > 1).then(|| breadth / tier.len());
        let first = self.branches.len();
        for device in tier {
            let mut ways = device.into_iter();
            let Some(target) = ways.next() else { continue };
            let mut branch = Branch::new(target, engine);
            branch.alternatives = ways.collect();
            branch.breadth = share;
            self.branches.push(branch);
        }
        if !self.tiers.is_empty() {
            self.restart_timer_ring(engine, now);
        }
        for b in first..self.branches.len() {
            self.begin(engine, now, b);
        }
    }

    /// Sets out for the target of a branch, or asks where it is.
    pub(super) fn begin(&mut self, engine: &mut Engine, now: Instant, b: usize) {
        if let Goal::Named(places) = &self.branches[b].target.goal {
            engine.ask(Asked::Addresses(self.key, b), Question::Resolve(places.clone()));
            return;
        }
        match self.plan(engine, b) {
            Ok(legs) => {
                self.branches[b].plan = legs;
                self.advance(engine, now, b);
            }
            Err(refusal) => self.end_refused(engine, now, b, &refusal),
        }
    }

    pub(super) fn plan(&self, engine: &Engine, b: usize) -> Result<VecDeque<Leg>, Refusal> {
        let traffic = self.traffic(engine)?;
        plan(&self.branches[b].target, self.request.call_id(), &traffic, &engine.site, &engine.view)
    }

    /// The target of a branch cannot be reached from here.
    pub(super) fn end_refused(&mut self, engine: &mut Engine, now: Instant, b: usize, refusal: &Refusal) {
        let word = engine.refusal(&self.request, self.from, refusal);
        self.end_unreached(engine, now, b, word);
    }

    /// A branch has come to nothing without a word of its device: another way to it may do better.
    pub(super) fn end_unreached(&mut self, engine: &mut Engine, now: Instant, b: usize, word: Word) {
        let next = self.branches[b].alternatives.pop_front();
        match next.filter(|_| self.phase == Phase::Open) {
            Some(target) => {
                self.branches[b].token = Branch::new(target.clone(), engine).token;
                self.branches[b].target = target;
                self.begin(engine, now, b);
            }
            None => self.end(engine, now, b, word),
        }
    }

    /// A branch is over: nobody goes on working for it.
    pub(super) fn end(&mut self, engine: &mut Engine, now: Instant, b: usize, word: Word) {
        let over = |attempt: &Attempt| attempt.of == b;
        self.cancel_attempts(engine, now, over);
        for (n, attempt) in self.attempts.iter().enumerate().filter(|(_, attempt)| over(attempt)) {
            attempt.stop_timers(engine, self.key, n);
        }
        self.branches[b].plan.clear();
        // RFC 3261 §16.7 step 5: after a 6xx nobody else is called, and who rings is told to stop.
        let is_last_word = (600..700).contains(&word.code);
        self.branches[b].outcome = Some(word);
        if is_last_word {
            self.tiers.clear();
            self.branches.iter_mut().for_each(|branch| {
                branch.plan.clear();
                branch.alternatives.clear();
            });
            self.cancel_attempts(engine, now, |_| true);
        }
        self.give_losers_back(engine);
    }
}
