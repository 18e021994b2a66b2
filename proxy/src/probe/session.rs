//! The sender's side of one probed node: which lane to ask, and when.

use super::packet::Answer;
use ringway_router::{
    Time,
    measure::{Fate, LinkEstimate, LinkEstimator, Passive},
};
use std::time::Duration;

/// Between two probes of a way that is down.
const DOWN: Duration = Duration::from_secs(1);
/// In a burst.
const BURST_PAUSE: Duration = Duration::from_millis(20);
/// Probes of a burst: enough to decide, over all lanes.
const BURST: u32 = 9;
/// Between two bursts on a way that is up.
const BURST_EVERY: Duration = Duration::from_secs(1);

/// What one node is probed with.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Lanes: sockets of ours.
    pub lanes: usize,
    /// Unanswered probes in a row that take a way down, at the least.
    pub misses: u32,
    /// The first sequence number of each lane. Grows with every start of the process, so that a reflector that remembers
    /// the process before does not take its numbers for seen.
    pub first: u32,
    /// For session identifiers and pauses.
    pub seed: u64,
}

/// One probed node. Pure: the shell sends what [`Session::poll`] says, and gives in what comes back.
///
/// Pauses: as [`Session::pace`] sets them; 1 s while the way is down; 20 ms, nine probes long, from the first miss on
/// a way that is up and from the first answer on one that is down, so that the next round trip decides.
#[derive(Debug)]
pub struct Session {
    way: LinkEstimator,
    next: Vec<u32>,
    /// The upper 13 bits of the session identifiers.
    name: u16,
    chance: fastrand::Rng,
    pause: Duration,
    sent: Time,
    due: Time,
    burst: u32,
    burst_at: Option<Time>,
    turn: usize,
}

/// A probe to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// From which socket.
    pub lane: usize,
    /// Its number on this lane.
    pub sequence: u32,
    /// The lane's session identifier.
    pub session: u16,
}

impl Session {
    /// Starts down, and asks at once.
    #[must_use]
    pub fn new(now: Time, setup: Setup) -> Self {
        let mut chance = fastrand::Rng::with_seed(setup.seed);
        let lanes = setup.lanes.clamp(1, ringway_router::LANES_MAX);
        Self {
            way: LinkEstimator::new(now, lanes, setup.misses),
            next: vec![setup.first; lanes],
            name: chance.u16(1..1 << 13),
            chance,
            pause: DOWN,
            sent: now,
            due: now,
            burst: 0,
            burst_at: None,
            turn: 0,
        }
    }

    /// How often to ask from now on, on average.
    pub fn pace(&mut self, now: Time, pause: Duration) {
        if pause == self.pause {
            return;
        }
        let faster = pause < self.pause;
        self.pause = pause;
        if faster && self.way.is_up() {
            self.due = self.due.min(now + self.jittered(pause));
        }
    }

    /// The probe to send now, if one is due.
    pub fn poll(&mut self, now: Time) -> Option<Ask> {
        self.advance(now);
        if now < self.due {
            return None;
        }
        let lane = self.lane_in_turn();
        let sequence = self.next[lane];
        self.next[lane] = sequence.wrapping_add(1);
        self.way.on_sent(now, lane, sequence);
        self.sent = now;
        let pause = if self.burst > 0 {
            self.burst -= 1;
            BURST_PAUSE.min(self.pause)
        } else if self.way.is_up() {
            self.pause
        } else {
            self.pause.max(DOWN)
        };
        self.due = now + self.jittered(pause);
        Some(Ask { lane, sequence, session: self.session(lane) })
    }

    /// When to poll again.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.way.deadline().map_or(self.due, |missed| missed.min(self.due))
    }

    /// An answer came on a lane. One that was not asked for, comes twice or far too late, changes nothing.
    pub fn on_answer(&mut self, now: Time, lane: usize, answer: Answer) -> Fate {
        if answer.session != self.session(lane) {
            return Fate::Unasked;
        }
        let fate = self.way.on_answer(now, lane, answer.question, answer.sequence);
        if fate != Fate::Unasked && !self.way.is_up() {
            self.start_burst(now);
        }
        fate
    }

    /// What tunnels to this node counted.
    pub fn on_passive(&mut self, now: Time, passive: Passive) {
        self.way.on_passive(now, passive);
    }

    /// The way, to be asked.
    #[must_use]
    pub fn way(&self) -> &LinkEstimator {
        &self.way
    }

    /// What is known of the way.
    #[must_use]
    pub fn estimate(&self, now: Time) -> LinkEstimate {
        self.way.estimate(now)
    }

    fn advance(&mut self, now: Time) {
        let missed = self.way.advance(now);
        let rested = self.burst_at.is_none_or(|at| now.since(at) >= BURST_EVERY);
        if missed > 0 && self.way.is_up() && rested && self.pause > BURST_PAUSE {
            self.start_burst(now);
        }
        if !self.way.is_in_doubt() {
            self.burst = 0;
        }
    }

    fn start_burst(&mut self, now: Time) {
        if self.burst == 0 {
            self.burst = BURST;
            self.burst_at = Some(now);
            self.due = self.due.min(now.max(self.sent + BURST_PAUSE / 2));
        }
    }

    /// Every other probe goes where the traffic goes, the rest takes turns; in a burst all do.
    fn lane_in_turn(&mut self) -> usize {
        let lanes = self.next.len();
        self.turn = self.turn.wrapping_add(1);
        let chosen = self.way.lane();
        if self.burst > 0 || lanes == 1 {
            self.turn % lanes
        } else if self.turn.is_multiple_of(2) {
            chosen
        } else {
            (chosen + 1 + self.turn / 2 % (lanes - 1)) % lanes
        }
    }

    fn session(&self, lane: usize) -> u16 {
        self.name << 3 | u16::try_from(lane).unwrap_or(0)
    }

    /// Three quarters to five quarters of it, so that probes of many nodes, and periodic trouble, do not fall into step.
    fn jittered(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.75 + 0.5 * self.chance.f64())
    }
}

#[cfg(test)]
mod tests;
