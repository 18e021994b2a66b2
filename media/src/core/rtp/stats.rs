//! The account of one stream, as it arrives from one party.

use super::{CLOCK_UNKNOWN, Coding, Format, Header, Summary};
use super::{
    jitter::Jitter,
    window::{Older, Window},
};
use ringway_router::Time;

/// RFC 3550 A.1: a step up to this is loss.
const MAX_DROPOUT: u16 = 3_000;
/// RFC 3550 A.1: a number this far back is late; further back, the source counts anew.
const MAX_MISORDER: u16 = 100;

/// How a packet fits what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing came before.
    First,
    /// It is the next one.
    Next,
    /// So many are missing before it.
    Gap(u16),
    /// It was missing.
    Late,
    /// It came before: the same packet again.
    Twice,
    /// It fits nothing: of another source, or far from the last number. The next one tells whether the source has changed
    /// (RFC 3550 A.1); until then the account stands.
    Odd,
    /// It fits the odd one before it: a new source, or the old one counting anew.
    Anew,
}

/// What was counted of one stream: what came, what is missing, how evenly it came. One source at a time; whoever comes next
/// is counted on top.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    window: Window,
    jitter: Jitter,
    format: Option<Format>,
    /// What is expected of whoever sent the last odd packet: its source, and the number after it.
    odd: Option<(u32, u16)>,
    first: Option<Time>,
    last: Time,
    ssrc: u32,
    highest: u16,
    clock_assumed: bool,
    gap_us_max: u32,
    sources: u32,
    restarts: u32,
    packets: u64,
    bytes: u64,
    reordered: u64,
    duplicates: u64,
}

impl Stats {
    /// A packet is here, `bytes` long. `formats` says what the payload types of the stream stand for.
    pub fn take(&mut self, now: Time, header: &Header, bytes: usize, formats: &[Format]) -> Seen {
        let seen = self.place(header);
        if seen == Seen::Twice {
            self.duplicates += 1;
            return seen;
        }
        if self.first.is_none() {
            self.first = Some(now);
        } else {
            let gap = u32::try_from(now.since(self.last).as_micros()).unwrap_or(u32::MAX);
            self.gap_us_max = self.gap_us_max.max(gap);
        }
        self.last = self.last.max(now);
        self.packets += 1;
        self.bytes += bytes as u64;
        self.learn(header.payload_type, formats);
        let format = self.format.filter(|format| format.payload_type == header.payload_type);
        // RFC 4733 §2.5.1.1: the timestamp stands still while a key is held down.
        if seen != Seen::Odd && format.is_none_or(|format| format.coding != Coding::Event) {
            self.jitter.take(now, header.timestamp, self.clock_hz(header.payload_type));
        }
        seen
    }

    /// When the last packet came; `None`: never.
    #[must_use]
    pub fn last(&self) -> Option<Time> {
        self.first.map(|_| self.last)
    }

    /// What the payload types stand for was said anew.
    pub fn forget_format(&mut self) {
        self.format = None;
    }

    /// The account as it stands.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let losses = self.window.losses();
        Summary {
            ssrc: self.ssrc,
            sources: self.sources,
            restarts: self.restarts,
            packets: self.packets,
            bytes: self.bytes,
            lost: losses.lost,
            lost_in_bursts: losses.in_bursts,
            bursts: losses.bursts,
            reordered: self.reordered,
            duplicates: self.duplicates,
            jitter_ms: self.jitter.ms(),
            clock_assumed: self.clock_assumed,
            gap_ms_max: self.gap_us_max / 1_000,
            codec: self.format.and_then(|format| format.coding.codec()),
        }
    }

    fn place(&mut self, header: &Header) -> Seen {
        let (sequence, mark) = (header.sequence, mark(header.timestamp));
        if self.first.is_none() {
            self.start(header);
            return Seen::First;
        }
        if header.ssrc != self.ssrc {
            return self.odd(header);
        }
        let step = sequence.wrapping_sub(self.highest);
        if (1..MAX_DROPOUT).contains(&step) {
            self.window.advance(step, sequence, mark);
            self.highest = sequence;
            self.odd = None;
            return if step == 1 { Seen::Next } else { Seen::Gap(step - 1) };
        }
        let age = self.highest.wrapping_sub(sequence);
        if age > MAX_MISORDER {
            return self.odd(header);
        }
        match self.window.older(age, sequence, mark) {
            Older::Filled | Older::Gone => {
                self.reordered += 1;
                Seen::Late
            }
            Older::Twice => Seen::Twice,
            Older::Other => self.odd(header),
        }
    }

    fn odd(&mut self, header: &Header) -> Seen {
        if self.odd != Some((header.ssrc, header.sequence)) {
            self.odd = Some((header.ssrc, header.sequence.wrapping_add(1)));
            return Seen::Odd;
        }
        if header.ssrc == self.ssrc {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.start(header);
        Seen::Anew
    }

    fn start(&mut self, header: &Header) {
        if self.first.is_none() || header.ssrc != self.ssrc {
            self.sources = self.sources.saturating_add(1);
        }
        (self.ssrc, self.highest, self.odd) = (header.ssrc, header.sequence, None);
        self.window.start(header.sequence, mark(header.timestamp));
    }

    /// Keeps the format of the stream: the last one that is not merely an event or noise between.
    fn learn(&mut self, payload_type: u8, formats: &[Format]) {
        if self.format.is_some_and(|format| format.payload_type == payload_type) {
            return;
        }
        let described = formats.iter().find(|format| format.payload_type == payload_type).copied();
        match described.or_else(|| super::static_format(payload_type)) {
            Some(format) => self.format = Some(format),
            None => self.clock_assumed = true,
        }
    }

    fn clock_hz(&self, payload_type: u8) -> u32 {
        let format = self.format.filter(|format| format.payload_type == payload_type);
        format.map_or(CLOCK_UNKNOWN, |format| format.clock_hz)
    }
}

/// What tells a packet from another one with its number.
fn mark(timestamp: u32) -> u16 {
    let [a, b, c, d] = timestamp.to_be_bytes();
    u16::from_be_bytes([a, b]) ^ u16::from_be_bytes([c, d])
}

#[cfg(test)]
mod tests;
