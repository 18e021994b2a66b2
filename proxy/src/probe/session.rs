//! The sender's side of one probed node: when to ask, what the answers say, whether the way is up.

use super::packet::Answer;
use ringway_router::{Time, measure::LossEstimate};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Answers in a row that bring a way up again.
const ANSWERS_TO_RISE: u32 = 3;
/// How long an answer that is late is still waited for: it proves that the way is slow, not cut.
const LATE: Duration = Duration::from_secs(2);
/// The round trips whose median and p95 are reported.
const RTT_WINDOW: usize = 20;

/// How a session asks.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two probes, on average; each pause is drawn from half to one and a half of it, so that probes of many
    /// nodes, and periodic trouble, do not fall into step.
    pub interval: Duration,
    /// Unanswered probes in a row that bring the way down.
    pub misses: u32,
}

/// One probed node. Pure: the shell sends what [`Session::poll`] says, and gives in what comes back.
///
/// ```text
///             3 answers in a row
///    DOWN ------------------------> UP
///     ^                              |
///     +------------------------------+
///        `misses` unanswered in a row
/// ```
#[derive(Debug)]
pub struct Session {
    pace: Pace,
    chance: fastrand::Rng,
    next: u32,
    due: Instant,
    outstanding: VecDeque<(u32, Instant)>,
    late: VecDeque<(u32, Instant)>,
    up: bool,
    streak: u32,
    missed: u32,
    rtts: VecDeque<Duration>,
    jitter: Duration,
    baseline: Option<Answer>,
    latest: Option<Answer>,
    aged: u32,
    loss: LossEstimate,
    began: Instant,
}

/// What a session measured since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Whether the way is up.
    pub up: bool,
    /// Median of the last round trips; zero before the first.
    pub rtt: Duration,
    /// 95th percentile of the same.
    pub rtt_p95: Duration,
    /// RFC 3550 §6.4.1, over round trips.
    pub jitter: Duration,
    /// Probes whose fate on the way there is known.
    pub probes: u32,
    /// Those of them that did not arrive there.
    pub lost: u32,
    /// Loss on the way there, 0 to 1: what the router should take it for.
    pub loss: f64,
}

impl Session {
    /// Starts down, and asks at once.
    #[must_use]
    pub fn new(now: Instant, pace: Pace, seed: u64) -> Self {
        Self {
            pace,
            chance: fastrand::Rng::with_seed(seed),
            next: 0,
            due: now,
            outstanding: VecDeque::new(),
            late: VecDeque::new(),
            up: false,
            streak: 0,
            missed: 0,
            rtts: VecDeque::with_capacity(RTT_WINDOW),
            jitter: Duration::ZERO,
            baseline: None,
            latest: None,
            aged: 0,
            loss: LossEstimate::new(Time::default()),
            began: now,
        }
    }

    /// The sequence number to send now, if one is due.
    pub fn poll(&mut self, now: Instant) -> Option<u32> {
        self.age(now);
        if now < self.due {
            return None;
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.outstanding.push_back((sequence, now));
        self.due = now + self.pace.interval.mul_f64(0.5 + self.chance.f64());
        Some(sequence)
    }

    /// When to poll again.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let age = self.outstanding.front().map(|(_, sent)| *sent + self.patience());
        age.map_or(self.due, |age| age.min(self.due))
    }

    /// An answer came. One that was not asked for, or comes twice or far too late, changes nothing.
    pub fn on_answer(&mut self, now: Instant, answer: Answer) {
        let asked =
            take(&mut self.outstanding, answer.question).or_else(|| take(&mut self.late, answer.question));
        let Some(sent) = asked else { return };
        self.take_rtt(now.saturating_duration_since(sent));
        if self.latest.is_none_or(|latest| answer.question.wrapping_sub(latest.question) < u32::MAX / 2) {
            self.latest = Some(answer);
        }
        self.baseline.get_or_insert(answer);
        self.missed = 0;
        self.streak += 1;
        if self.streak >= ANSWERS_TO_RISE {
            self.up = true;
        }
    }

    /// Whether the way is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// What was measured since the last call.
    pub fn window(&mut self, now: Instant) -> Window {
        let (probes, lost) = self.count();
        self.loss.update(Time::default() + now.saturating_duration_since(self.began), probes, lost);
        let loss = self.loss.loss();
        let mut sorted: Vec<Duration> = self.rtts.iter().copied().collect();
        sorted.sort_unstable();
        let rank = |percent: usize| {
            sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
        };
        Window { up: self.up, rtt: rank(50), rtt_p95: rank(95), jitter: self.jitter, probes, lost, loss }
    }

    /// Two pairs of counters, ours and the reflector's, at two moments: what left here in between and did not arrive
    /// there was lost on the way there, whatever happened to the answers.
    fn count(&mut self) -> (u32, u32) {
        let aged = std::mem::take(&mut self.aged);
        let latest = self.latest.take();
        if let (Some(from), Some(to)) = (self.baseline, latest) {
            self.baseline = Some(to);
            let sent = to.question.wrapping_sub(from.question);
            let arrived = to.sequence.wrapping_sub(from.sequence);
            // A reflector that was restarted counts from zero: no verdict on this window.
            let sane = sent < u32::MAX / 2 && arrived <= sent;
            return if sane { (sent, sent - arrived) } else { (0, 0) };
        }
        if self.up {
            return (0, 0);
        }
        // Nothing comes back from a way that is down: which direction it is cannot be told, so neither can be used.
        self.baseline = None;
        (aged, aged)
    }

    fn take_rtt(&mut self, rtt: Duration) {
        if let Some(&before) = self.rtts.back() {
            let step = rtt.abs_diff(before);
            self.jitter = (self.jitter * 15 + step) / 16;
        }
        if self.rtts.len() == RTT_WINDOW {
            self.rtts.pop_front();
        }
        self.rtts.push_back(rtt);
    }

    /// Probes that waited for too long are missed.
    fn age(&mut self, now: Instant) {
        while self.late.front().is_some_and(|(_, sent)| *sent + LATE <= now) {
            self.late.pop_front();
        }
        while let Some(&(sequence, sent)) = self.outstanding.front()
            && sent + self.patience() <= now
        {
            self.outstanding.pop_front();
            self.late.push_back((sequence, sent));
            self.aged = self.aged.saturating_add(1);
            self.streak = 0;
            self.missed += 1;
            if self.missed >= self.pace.misses {
                self.up = false;
            }
        }
    }

    /// How long an answer may take: well beyond the slowest of the last ones.
    fn patience(&self) -> Duration {
        let slowest = self.rtts.iter().max().copied();
        slowest.map_or(Duration::from_secs(1), |rtt| (rtt * 2).clamp(Duration::from_millis(100), LATE))
    }
}

/// Takes a probe out of a queue; says when it was sent.
fn take(queue: &mut VecDeque<(u32, Instant)>, sequence: u32) -> Option<Instant> {
    let at = queue.iter().position(|(waiting, _)| *waiting == sequence)?;
    queue.remove(at).map(|(_, sent)| sent)
}

#[cfg(test)]
mod tests;
