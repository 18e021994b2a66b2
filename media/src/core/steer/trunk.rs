//! The ingress: everything that is sent from this relay to one other, for the calls of one route slice.

mod ask;
mod climb;
mod wish;

use super::{
    super::RelayId,
    arm::Arm,
    budget::Budget,
    event::{Counts, Input, Moved, Output, Pick, Picks, Why},
    health::Useless,
    ladder::Stage,
    names::{PathNumber, Report},
    table::Table,
    ways::Ways,
};
use ringway_router::{LANES_MAX, Protect, Time};
use std::{collections::VecDeque, time::Duration};

/// A trunk that carried nothing for so long rests: no probes, no suspicion.
const REST_AFTER: Duration = Duration::from_secs(10);
/// Probes and moves that wait to be taken out. A round of questions is one for each lane and path.
const OUT_MAX: usize = 64;

/// Joins this relay to one other for all calls of one route slice: says for every packet which path and lane it takes, and
/// whether it goes twice.
///
/// `handle` what happens, then `poll` until `None`, then wait for a packet or for `deadline`.
#[derive(Debug)]
pub struct Trunk {
    ways: Ways,
    protect: Protect,
    /// The second is used while the policy protects always.
    arms: [Arm; 2],
    budget: Budget,
    table_at: Option<Time>,
    /// When the last packet left.
    busy: Option<Time>,
    out: VecDeque<Output>,
    counts: Counts,
}

impl Trunk {
    /// No table yet, so nothing may pass. `lanes`: how many there are on every path, at least one, at most [`LANES_MAX`].
    #[must_use]
    pub fn new(now: Time, here: RelayId, lanes: u8) -> Self {
        let most = u8::try_from(LANES_MAX).unwrap_or(u8::MAX);
        Self {
            ways: Ways::new(here, lanes.clamp(1, most)),
            protect: Protect::default(),
            arms: [Arm::new(now), Arm::new(now)],
            budget: Budget::new(now),
            table_at: None,
            busy: None,
            out: VecDeque::with_capacity(OUT_MAX),
            counts: Counts::default(),
        }
    }

    /// A packet is about to leave: where it goes. Allocates nothing.
    pub fn pick(&mut self, now: Time) -> Picks {
        self.budget.earn(now);
        if self.busy.replace(now).is_none() {
            self.wake(now);
        }
        let always = self.protect == Protect::Always;
        let [arm, second] = &self.arms;
        let Some(first) = arm.place(always) else { return Picks::default() };
        let copy = match self.protect {
            Protect::Never => None,
            Protect::Always => second.place(always),
            Protect::OnSuspicion => {
                [arm.lead, arm.other].into_iter().flatten().find(|number| *number != first)
            }
        };
        let copy = copy.filter(|number| *number != first);
        let refused = copy.is_some() && !always && !self.budget.spend();
        self.counts.packets += 1;
        self.counts.copies += u64::from(copy.is_some() && !refused);
        self.counts.copies_refused += u64::from(refused);
        let first = self.leave(now, first);
        Picks { first, second: copy.filter(|_| !refused).and_then(|number| self.leave(now, number)) }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Tick => {}
            Input::Report(report) => match self.hear(now, report) {
                Ok(()) => self.counts.reports += 1,
                Err(useless) => self.counts.count(useless),
            },
            Input::Table(table) => self.take(now, table),
            Input::Link { from, to, up } => {
                self.ways.link(from, to, up);
                self.look_at_links(now);
            }
        }
        self.advance(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Tick`].
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let arms = (0..self.copies()).flat_map(|at| self.arm_deadlines(at));
        let rest = self.busy.map(|busy| busy + REST_AFTER);
        let ask = self.busy.and_then(|_| self.next_question());
        arms.chain([rest, ask]).flatten().min()
    }

    /// What it has done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where on the ladder each copy stands, and what it takes. The second one is there while the policy protects always.
    pub fn places(&self) -> impl Iterator<Item = (Stage, PathNumber)> {
        self.arms[..self.copies()].iter().filter_map(|arm| Some((arm.stage, arm.lead?)))
    }

    /// The round trip over a path and lane, as far as it is known.
    #[must_use]
    pub fn rtt(&self, number: PathNumber) -> Option<Duration> {
        self.ways.health(number)?.rtt()
    }

    /// What gets lost on the way there over a path and lane, 0 to 1.
    #[must_use]
    pub fn loss(&self, number: PathNumber) -> Option<f64> {
        self.ways.health(number).map(|health| health.loss.loss())
    }

    fn copies(&self) -> usize {
        if self.protect == Protect::Always { 2 } else { 1 }
    }

    fn leave(&mut self, now: Time, number: PathNumber) -> Option<Pick> {
        let sequence = self.ways.health_mut(number)?.leave(now);
        Some(Pick { number, sequence })
    }

    fn hear(&mut self, now: Time, report: Report) -> Result<(), Useless> {
        let health = self.ways.health_mut(report.number).ok_or(Useless::Unknown)?;
        let overdue = health.report(now, &report)?;
        let is_enough = health.is_enough(overdue);
        // At rest nothing is doubted; what the report says is only remembered.
        for at in 0..self.busy.map_or(0, |_| self.copies()) {
            self.look(now, at, report.number, is_enough);
        }
        Ok(())
    }

    /// Does what is due.
    fn advance(&mut self, now: Time) {
        if self.busy.is_some_and(|busy| now.since(busy) >= REST_AFTER) {
            self.rest(now);
        }
        for at in 0..self.copies() {
            self.look_at_clock(now, at);
            self.look_at_wish(now, at);
        }
        if self.busy.is_some() {
            self.ask(now);
        }
    }

    /// Traffic begins: what is known of the paths may be old, and of the links nobody wanted to know.
    fn wake(&mut self, now: Time) {
        self.look_at_links(now);
        for known in self.ways.iter_mut() {
            known.lanes.iter_mut().for_each(|health| health.probed = None);
        }
        self.ask(now);
    }

    fn rest(&mut self, now: Time) {
        self.busy = None;
        for known in self.ways.iter_mut() {
            known.lanes.iter_mut().for_each(super::health::Health::rest);
        }
        for arm in &mut self.arms {
            (arm.stage, arm.since) = (Stage::Steady, now);
            arm.calm();
        }
    }

    fn say(&mut self, output: Output) {
        if self.out.len() < OUT_MAX {
            self.out.push_back(output);
        } else {
            self.counts.outputs_dropped += 1;
        }
    }

    fn moved(&mut self, now: Time, copy: usize, from: Option<PathNumber>, why: Why) {
        self.say(Output::Moved(Moved { at: now, copy, from, to: self.arms[copy].lead, why }));
    }
}
