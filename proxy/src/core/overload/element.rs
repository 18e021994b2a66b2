//! One next hop, as the throttle sees it: what it has told (RFC 7339), and where it tells nothing, what its answers show.

use super::{
    flying::Flying,
    law::{Event, Law, State},
    priority::Priority,
    pulse::Pulse,
    round::{Round, Sign},
    told::Told,
    wire::Order,
};
use std::time::{Duration, Instant};

/// What may wait there before it is slow, beyond its fastest answer: half of T1.
const WAITING_MAX: Duration = Duration::from_millis(250);
/// Requests that may be out at once whatever the rate.
const FLYING_MIN: f64 = 4.0;
/// Requests that may go at once when none went for a while, as a time at the rate.
const BURST: Duration = Duration::from_millis(200);

/// Why a hop does not get all that there is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It said so in `oc` (RFC 7339).
    Told,
    /// It said so in a 503 with Retry-After (RFC 3261 §21.5.4).
    Paused,
    /// It answered late, or with 503.
    Limited,
}

impl Why {
    /// The metric label, and the word in the log.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Paused => "paused",
            Self::Limited => "limited",
        }
    }
}

/// A request that its hop is spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// Why.
    pub why: Why,
    /// When it may be tried again.
    pub retry_after: Duration,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    told: Told,
    law: Law,
    round: Round,
    /// Requests a second that it began to treat in the round before.
    taken: f64,
    pulse: Pulse,
    flying: Flying,
    /// New requests that may go at once.
    tokens: f64,
    filled: Instant,
    /// What was sent before says nothing of the rate that holds now.
    from: Instant,
    seen: Instant,
}

impl Element {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            told: Told::default(),
            law: Law::new(),
            round: Round::new(now),
            taken: 0.0,
            pulse: Pulse::default(),
            flying: Flying::new(now),
            tokens: 0.0,
            filled: now,
            from: now,
            seen: now,
        }
    }

    /// When it was last used.
    pub(crate) fn seen(&self) -> Instant {
        self.seen
    }

    /// Why it does not get everything; `None` when it does.
    pub(crate) fn why(&self, now: Instant) -> Option<Why> {
        match self.law.state() {
            _ if self.told.share(now) > 0.0 => Some(Why::Told),
            State::Free => None,
            State::Limited(_) => Some(Why::Limited),
            State::Paused(..) => Some(Why::Paused),
        }
    }

    /// Whether a request may go there.
    pub(crate) fn offer(&mut self, now: Instant, priority: Priority) -> Result<(), Shed> {
        self.seen = now;
        self.step(now);
        let shed = |why, retry_after| Err(Shed { why, retry_after });
        if self.told.spares(now, priority) {
            return shed(Why::Told, Duration::ZERO);
        }
        if self.told.share(now) > 0.0 {
            return Ok(());
        }
        let is_new = priority == Priority::New;
        match self.law.state() {
            State::Paused(until, _) if is_new => {
                self.round.note_shed();
                shed(Why::Paused, until.saturating_duration_since(now))
            }
            // RFC 3261 §21.5.4 would have these wait as well; but they cannot go elsewhere, and they are few.
            State::Paused(..) | State::Free => Ok(()),
            State::Limited(rate) => {
                self.fill(now, rate);
                let flying_max = (rate * (self.pulse.base() + WAITING_MAX).as_secs_f64()).max(FLYING_MIN);
                let is_full = f64::from(self.flying.count(now)) >= flying_max;
                if is_new && (self.tokens < 1.0 || is_full) {
                    self.round.note_shed();
                    return shed(Why::Limited, Duration::ZERO);
                }
                // Those that go first are paid for by those that come after. What has begun was paid for when it began.
                if priority != Priority::Begun {
                    self.tokens = (self.tokens - 1.0).max(-rate);
                }
                Ok(())
            }
        }
    }

    /// An INVITE went there.
    pub(crate) fn note_sent(&mut self, now: Instant) {
        self.round.note_sent(now);
        self.flying.send(now);
    }

    /// The first answer to an INVITE that was sent at `sent`, other than 503. `reliable`: over a stream, where no timer A told when it
    /// was late.
    pub(crate) fn note_answer(&mut self, now: Instant, sent: Instant, reliable: bool) {
        self.flying.land(now, sent);
        self.round.note_taken();
        let sign = self.pulse.answer(now.saturating_duration_since(sent));
        if sign != Sign::Late || reliable {
            self.note(sent, sign);
        }
        self.step(now);
    }

    /// An INVITE that was sent at `sent` is sent again.
    pub(crate) fn note_again(&mut self, now: Instant, sent: Instant) {
        if self.pulse.is_late(now.saturating_duration_since(sent)) {
            self.note(sent, Sign::Late);
            self.step(now);
        }
    }

    /// A request that was sent at `sent` was refused with 503.
    pub(crate) fn note_refused(&mut self, now: Instant, sent: Instant, retry_after: Option<Duration>) {
        self.flying.land(now, sent);
        if self.told.share(now) > 0.0 {
            return;
        }
        match retry_after.filter(|wait| !wait.is_zero()) {
            Some(wait) => {
                let taken = self.round.taken_at_least(now).max(self.taken);
                self.apply(now, Event::Stop { wait, taken });
            }
            None => self.note(sent, Sign::Refused),
        }
        self.step(now);
    }

    /// It told what it wants. False: that is old.
    pub(crate) fn hear(&mut self, now: Instant, order: Order) -> bool {
        self.seen = now;
        self.told.hear(now, order)
    }

    /// What the passing of time brings.
    pub(crate) fn step(&mut self, now: Instant) {
        if self.told.share(now) > 0.0 {
            // It speaks for itself: nothing is made of how it answers.
            self.round = Round::new(now);
            return;
        }
        if let State::Paused(until, _) = self.law.state() {
            if now >= until {
                self.apply(now, Event::Over);
            }
            return;
        }
        if let Some(verdict) = self.round.verdict(now, self.law.state() != State::Free) {
            self.apply(now, Event::Round(verdict));
        }
    }

    fn apply(&mut self, now: Instant, event: Event) {
        if self.law.handle(now, event) {
            (self.from, self.filled, self.tokens) = (now, now, 0.0);
        }
        self.pulse.turn();
        self.taken = self.round.taken(now);
        self.round = Round::new(now);
    }

    fn note(&mut self, sent: Instant, sign: Sign) {
        if sent >= self.from {
            self.round.note(sign);
        }
    }

    fn fill(&mut self, now: Instant, rate: f64) {
        let earned = rate * now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + earned).min((rate * BURST.as_secs_f64()).max(1.0));
        self.filled = now;
    }
}
