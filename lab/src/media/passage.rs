//! What became of a stream between two moments: the log of its speaker against the log of its listener. Pure.
//!
//! Judged is what was sent while both ends were in the call, but for the last 300 ms: there the voice races the BYE, and
//! what loses that race is `clipped`, not lost.

use super::{Micros, PACKET_US, listener::Listener, quality::mos, stream::Rtcp};

/// Longer than any path of the lab, so what was sent before that has arrived, or never will.
const UNDER_WAY: Micros = 300_000;
/// A silence longer than that is an outage: two packets are missing.
const OUTAGE: Micros = 60_000;

/// What a leg said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken<'a> {
    pub(super) token: u32,
    /// When packet *n* left.
    pub(super) sent: &'a [Micros],
    pub(super) from: Option<Micros>,
    pub(super) until: Option<Micros>,
}

/// What a leg heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    pub(super) listener: &'a Listener,
    /// When there should have been something to hear.
    pub(super) from: Option<Micros>,
    pub(super) until: Option<Micros>,
    pub(super) rtcp: Rtcp,
    pub(super) strangers: u32,
}

/// Two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Micros,
    pub(crate) to: Micros,
}

/// A silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) at: Micros,
    pub(super) lasted: Micros,
}

/// What became of a stream in a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Passage {
    /// Packets that are judged.
    pub(super) judged: u32,
    /// Those of them that never came.
    pub(super) lost: u32,
    /// The longest time without a new packet.
    pub(super) silence_max: Micros,
    pub(super) outages: Vec<Silence>,
    /// One-way delays of what arrived, sorted.
    pub(super) delays: Vec<Micros>,
}

impl Passage {
    /// None when the two were not in the call together in this window.
    pub(super) fn of(spoken: &Spoken, heard: &Heard, window: Window) -> Option<Self> {
        let from = spoken.from?.max(heard.from?).max(window.from);
        let to = [spoken.until, heard.until].into_iter().flatten().fold(window.to, Micros::min);
        if from >= to {
            return None;
        }
        let at = |time: Micros| spoken.sent.partition_point(|sent| *sent < time);
        let judged = at(from)..at(to.saturating_sub(UNDER_WAY)).max(at(from));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let is_lost = |number: &usize| !heard.listener.has(count(*number));
        let mut passage = Self {
            judged: count(judged.len()),
            lost: count(judged.filter(is_lost).count()),
            ..Self::default()
        };
        passage.silences(spoken.sent, heard.listener, from, to);
        let arrivals = heard.listener.heard().iter().filter(|arrival| (from..to).contains(&arrival.at));
        passage.delays = arrivals.map(|arrival| arrival.at.saturating_sub(arrival.sent)).collect();
        passage.delays.sort_unstable();
        Some(passage)
    }

    /// From 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        if self.judged == 0 { 0.0 } else { f64::from(self.lost) / f64::from(self.judged) }
    }

    /// The nearest-rank quantile of the one-way delay; 0 where nothing arrived.
    pub(super) fn delay_ms(&self, percent: usize) -> f64 {
        let rank = (self.delays.len() * percent).div_ceil(100).max(1);
        self.delays.get(rank - 1).map_or(0.0, |delay| *delay as f64 / 1_000.0)
    }

    /// None when nothing is judged.
    pub(super) fn mos(&self, jitter_ms: f64) -> Option<f64> {
        (self.judged > 0).then(|| mos(self.delay_ms(95), jitter_ms, self.loss()))
    }

    /// Walks from one new packet to the next. What a packet left late is its speaker's silence, not the network's.
    fn silences(&mut self, sent: &[Micros], listener: &Listener, from: Micros, to: Micros) {
        let heard = listener.heard();
        let first = heard.partition_point(|arrival| arrival.at < from);
        let before = first.checked_sub(1).and_then(|index| heard.get(index));
        let (mut last_at, mut last_number) = (from, before.map(|arrival| arrival.number));
        for arrival in heard[first..].iter().take_while(|arrival| arrival.at < to) {
            let late = lateness(sent, last_number, arrival.number);
            self.silence(last_at, (arrival.at - last_at).saturating_sub(late));
            (last_at, last_number) = (arrival.at, last_number.max(Some(arrival.number)));
        }
        // The silence at the end counts if something was said into it.
        let next = last_number.map_or(0, |number| number + 1);
        if sent.get(next as usize).is_some_and(|sent| *sent < to) {
            let late = lateness(sent, last_number, next);
            self.silence(last_at, to.saturating_sub(last_at).saturating_sub(late));
        }
    }

    fn silence(&mut self, at: Micros, lasted: Micros) {
        self.silence_max = self.silence_max.max(lasted);
        if lasted > OUTAGE {
            self.outages.push(Silence { at, lasted });
        }
    }
}

/// By how much more than their due distance two packets were sent apart.
fn lateness(sent: &[Micros], earlier: Option<u32>, later: u32) -> Micros {
    let time = |number: u32| sent.get(number as usize).copied();
    let Some(((earlier, start), end)) =
        earlier.and_then(|number| Some((number, time(number)?))).zip(time(later))
    else {
        return 0;
    };
    let due = PACKET_US * u64::from(later.saturating_sub(earlier));
    end.saturating_sub(start).saturating_sub(due)
}
