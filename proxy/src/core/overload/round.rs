//! What about a second showed of an element: how many requests it answered in time, and how many not.

use std::time::{Duration, Instant};

/// A round lasts so long at least: twice the time after which a request without an answer is late.
pub(crate) const ROUND: Duration = Duration::from_secs(1);
/// And so long at most; what was seen until then was too little to say anything.
const ROUND_MAX: Duration = Duration::from_secs(10);
/// Outcomes by which an element is judged that is not limited.
const OUTCOMES_MIN: u32 = 10;
/// Bad ones among them: a packet or two may be lost anywhere.
const BAD_MIN: u32 = 5;
/// One bad outcome in so many is overload.
const BAD_SHARE: u32 = 10;
/// So many bad ones, a third of all, are overload before the round is over.
const FLOOD: u32 = 10;
/// A rate is not taken over less: a handful of answers within a millisecond say nothing of a second.
const SPAN_MIN: Duration = Duration::from_millis(250);

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Answered about as soon as the element ever does.
    Prompt,
    /// Answered in time, though requests have begun to wait there.
    Slow,
    /// Not answered in time.
    Late,
    /// 503.
    Refused,
}

/// What a round says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// A tenth is late or refused.
    Overloaded {
        /// Requests a second that it began to treat, in time or not: what it can.
        taken: f64,
        /// Requests a second that were sent.
        sent: f64,
        /// Late rather than refused: what is too much waits there, or comes again.
        late: bool,
    },
    /// Nothing was held back.
    Unneeded,
    /// Something was held back, and more should not go: requests wait there, or too little is known. `taken`: as above.
    Slow { taken: f64 },
    /// Something was held back, and more may go.
    Well,
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    since: Instant,
    sent: u32,
    shed: u32,
    taken: u32,
    prompt: u32,
    slow: u32,
    late: u32,
    refused: u32,
}

impl Round {
    pub(crate) fn new(since: Instant) -> Self {
        Self { since, sent: 0, shed: 0, taken: 0, prompt: 0, slow: 0, late: 0, refused: 0 }
    }

    /// The round begins with what it is about: of an idle time there is nothing to say.
    pub(crate) fn note_sent(&mut self, now: Instant) {
        if self.sent + self.shed + self.outcomes() == 0 {
            self.since = now;
        }
        self.sent += 1;
    }

    pub(crate) fn note_shed(&mut self) {
        self.shed += 1;
    }

    /// It began to treat a request, whenever that was sent.
    pub(crate) fn note_taken(&mut self) {
        self.taken += 1;
    }

    pub(crate) fn note(&mut self, sign: Sign) {
        match sign {
            Sign::Prompt => self.prompt += 1,
            Sign::Slow => self.slow += 1,
            Sign::Late => self.late += 1,
            Sign::Refused => self.refused += 1,
        }
    }

    /// The verdict, once there is one. `limited`: the element gets less than is offered, so that even few outcomes count.
    pub(crate) fn verdict(&self, now: Instant, limited: bool) -> Option<Verdict> {
        let lasted = now.saturating_duration_since(self.since);
        let bad = self.late + self.refused;
        let outcomes = self.outcomes();
        let flood = bad >= FLOOD && bad * 3 >= outcomes && lasted >= SPAN_MIN;
        if (lasted < ROUND && !flood) || (!limited && outcomes < OUTCOMES_MIN && lasted < ROUND_MAX) {
            return None;
        }
        let bad_min = if limited { 1 } else { BAD_MIN };
        Some(if bad >= bad_min && bad * BAD_SHARE >= outcomes && (limited || outcomes >= OUTCOMES_MIN) {
            Verdict::Overloaded {
                taken: self.taken(now),
                sent: self.rate(now, self.sent),
                late: self.late > self.refused,
            }
        } else if self.shed == 0 {
            Verdict::Unneeded
        } else if self.slow * 2 > outcomes || outcomes == 0 {
            Verdict::Slow { taken: self.taken(now) }
        } else {
            Verdict::Well
        })
    }

    /// Requests a second that it began to treat, so far.
    pub(crate) fn taken(&self, now: Instant) -> f64 {
        self.rate(now, self.taken)
    }

    /// Likewise, when the round is cut short: at the most what a whole one would show.
    pub(crate) fn taken_at_least(&self, now: Instant) -> f64 {
        self.taken(now).min(f64::from(self.taken) / ROUND.as_secs_f64())
    }

    fn outcomes(&self) -> u32 {
        self.prompt + self.slow + self.late + self.refused
    }

    fn rate(&self, now: Instant, count: u32) -> f64 {
        f64::from(count) / now.saturating_duration_since(self.since).max(SPAN_MIN).as_secs_f64()
    }
}
