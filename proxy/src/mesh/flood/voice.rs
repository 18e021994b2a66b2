//! The node's own voice: when it speaks, and whether it says everything or only what is different.
//!
//! ```text
//!   urgent  ── at once (50 ms after the last word, unless it owes too much) ──▶ ┐
//!   telling ── 200 ms after the last word, out of a purse ────────────────────▶ ├─▶ full, or amendment
//!   nothing ── when the refresh is due ───────────────────────────────────────▶ ┘
//! ```

use super::{
    purse::Purse,
    worth::{self, Worth},
};
use crate::mesh::{convert, ledger::REFRESH_MAX, statement::Statement};
use ringway_router::LinkReport;
use std::time::{Duration, Instant};

/// Between two words whatever happens.
const URGENT_GAP: Duration = Duration::from_millis(50);
/// Between two words that are not urgent.
const GAP: Duration = Duration::from_millis(200);
/// The shortest refresh: a mesh of a few nodes can afford it.
const REFRESH_MIN: Duration = Duration::from_secs(1);
/// What a node may send and pass on for the refreshes of all, bytes a second, and what of it each stream takes for
/// digests and keepalive.
const REFRESH_BUDGET: f64 = 6_000.0;
const STREAM_COST: f64 = 30.0;
const REFRESH_BUDGET_MIN: f64 = 2_000.0;
/// The same for changes, when everything changes all the time.
const CHANGE_BUDGET: f64 = 8_000.0;
/// How many copies of a statement there are for each node.
const COPIES: f64 = 1.25;
/// What a frame costs beyond the statement: signature, framing, TLS, TCP, IP.
const FRAME_BYTES: f64 = 180.0;
/// Words that may be said in a row: a minute's share, within these bounds.
const BURST_S: f64 = 60.0;
const BURST_BYTES: f64 = 6_000.0;
const BURST_BYTES_MIN: f64 = 1_500.0;
/// What a node may owe for urgent words; beyond that they wait like the others.
const DEBT_BYTES: f64 = 12_000.0;
/// A full statement that is no longer is said rather than an amendment: nothing is saved by less.
const SMALL_BYTES: usize = 600;
/// What an amendment without links takes.
const AMENDMENT_BYTES: usize = 120;
/// What all may spend on saying everything again, for what is not worth a word by itself.
const FULL_BUDGET: f64 = 1_500.0;
/// However large the mesh, it is said again after a day, s.
const FULL_AFTER_S_MAX: f64 = 86_400.0;

/// How large the mesh is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) streams: usize,
}

/// See the module. Pure: the caller signs and sends.
#[derive(Debug)]
pub(super) struct Voice {
    /// At least.
    incarnation: u64,
    sequence: u64,
    /// How things stand.
    draft: Option<Statement>,
    /// What it is worth to say so.
    worth: Worth,
    /// What everybody knows, as far as they heard.
    told: Option<Told>,
    purse: Purse,
    chance: fastrand::Rng,
}

#[derive(Debug)]
struct Told {
    full: Statement,
    full_bytes: usize,
    /// When everything is to be said again.
    full_due: Instant,
    /// Both together.
    whole: Statement,
    at: Instant,
    refresh: Duration,
}

impl Voice {
    pub(super) fn new(now: Instant, seed: u64) -> Self {
        let (purse, chance) = (Purse::new(now, BURST_BYTES), fastrand::Rng::with_seed(seed));
        Self { incarnation: 0, sequence: 0, draft: None, worth: Worth::Nothing, told: None, purse, chance }
    }

    /// Things stand like this now. What the voice itself decides (sequence, basis, refresh, urgency) is not looked at.
    pub(super) fn set(&mut self, draft: Statement) {
        self.worth = match &self.told {
            Some(told) => worth::of_statements(&told.whole, &draft),
            None => Worth::Urgent,
        };
        self.draft = Some(draft);
    }

    /// Speaks in an incarnation after that one from now on, and says everything anew.
    pub(super) fn outbid(&mut self, incarnation: u64) {
        self.incarnation = incarnation.saturating_add(1);
        (self.told, self.worth) = (None, Worth::Urgent);
    }

    /// When there will be something to say.
    pub(super) fn deadline(&mut self, now: Instant, size: Size) -> Option<Instant> {
        let draft = self.draft.as_ref()?;
        let Some(told) = &self.told else { return Some(now) };
        if draft.leaving && !told.whole.leaving {
            return Some(now);
        }
        let due = told.at + told.refresh;
        let rate = change_rate(size);
        let burst = (rate * BURST_S).clamp(BURST_BYTES_MIN, BURST_BYTES);
        let amount = self.purse.amount(now, rate, burst);
        let when = |gap: Duration, missing: f64| {
            let wait = Duration::from_secs_f64((missing.max(0.0) / rate).min(REFRESH_MAX.as_secs_f64()));
            (told.at + gap).max(now + wait)
        };
        Some(match self.worth {
            Worth::Nothing => due,
            Worth::Telling => due.min(when(GAP, -amount)),
            Worth::Urgent => due.min(when(URGENT_GAP, -DEBT_BYTES - amount)),
        })
    }

    /// The statement to make now, if one is due.
    pub(super) fn speak(&mut self, now: Instant, size: Size) -> Option<Statement> {
        if self.deadline(now, size).is_none_or(|due| now < due) {
            return None;
        }
        let draft = self.draft.clone()?;
        let worth = std::mem::replace(&mut self.worth, Worth::Nothing);
        self.sequence += 1;
        let mut statement = Statement {
            incarnation: draft.incarnation.max(self.incarnation),
            sequence: self.sequence,
            basis: 0,
            refresh: Duration::ZERO,
            urgent: worth == Worth::Urgent,
            ..draft
        };
        let amendment =
            self.told.as_ref().filter(|told| now < told.full_due).and_then(|told| told.amend(&statement));
        let whole = statement.clone();
        if let Some(amendment) = amendment {
            statement = amendment;
        }
        let bytes = convert::encode(&statement).len();
        // The next word after a long full statement will be an amendment.
        let refresh = refresh(size, if bytes > SMALL_BYTES { AMENDMENT_BYTES } else { bytes });
        statement.refresh = refresh;
        if worth > Worth::Nothing {
            self.purse.spend(bytes as f64 + FRAME_BYTES);
        }
        // Nobody is to speak in step with the others, and nobody later than promised.
        let refresh = refresh.mul_f64(0.75 + 0.25 * self.chance.f64());
        let full_due = now + self.full_period(size, bytes);
        self.told = Some(match self.told.take().filter(|_| !statement.is_full()) {
            Some(told) => Told { whole: statement.clone().on(&told.full), at: now, refresh, ..told },
            None => Told { full: whole.clone(), full_bytes: bytes, full_due, whole, at: now, refresh },
        });
        Some(statement)
    }

    /// Until everything is said again, after a full statement of so many bytes: on average as long as the budget of all
    /// has it, and so uneven that the nodes of a mesh that was started at once do not do it at once for ever.
    fn full_period(&mut self, size: Size, bytes: usize) -> Duration {
        let seconds = cost(size, bytes) / FULL_BUDGET * (0.1 + 1.8 * self.chance.f64());
        Duration::from_secs_f64(seconds.min(FULL_AFTER_S_MAX))
    }
}

impl Told {
    /// The amendment that makes of the full statement what is to be said now; `None`: it has to be said in full.
    fn amend(&self, now: &Statement) -> Option<Statement> {
        if self.full_bytes <= SMALL_BYTES || !worth::same_frame(&self.full, now) {
            return None;
        }
        let is_as = |told: &Statement, place: usize, link: &LinkReport| {
            let known = worth::told_of(told, place, &link.to);
            known.is_some_and(|known| worth::of_links(known, link) == Worth::Nothing)
        };
        let differs = |(place, link): &(usize, &LinkReport)| {
            !is_as(&self.full, *place, link) || !is_as(&self.whole, *place, link)
        };
        let amendment = Statement {
            basis: self.full.sequence,
            zone: String::new(),
            version: String::new(),
            policy_digest: String::new(),
            advertise: None,
            media: None,
            links: now.links.iter().enumerate().filter(differs).map(|(_, link)| link.clone()).collect(),
            ..now.clone()
        };
        (convert::encode(&amendment).len() * 2 <= self.full_bytes).then_some(amendment)
    }
}

/// How often a node of such a mesh speaks when it has no news, with words of so many bytes: as often as the budget of
/// all of them allows.
pub(super) fn refresh(size: Size, bytes: usize) -> Duration {
    let budget = (REFRESH_BUDGET - STREAM_COST * size.streams as f64).max(REFRESH_BUDGET_MIN);
    let seconds = cost(size, bytes) / budget;
    Duration::from_secs_f64(seconds.clamp(REFRESH_MIN.as_secs_f64(), REFRESH_MAX.as_secs_f64()))
}

/// What each node sends when every node says so much once.
fn cost(size: Size, bytes: usize) -> f64 {
    size.nodes as f64 * COPIES * (bytes as f64 + FRAME_BYTES)
}

fn change_rate(size: Size) -> f64 {
    CHANGE_BUDGET / COPIES / size.nodes.max(1) as f64
}

#[cfg(test)]
mod tests;
