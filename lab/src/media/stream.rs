//! What is told about one direction of a call.

use serde::Serialize;

use super::{
    LegName, Micros, Side,
    passage::{Heard, Passage, Silence, Spoken, Window},
};

/// One direction of a call, from the one who speaks to the one who listens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamReport {
    /// Packets that left the speaker.
    pub sent: u32,
    /// Of these, the ones that the listener heard, each counted once.
    pub received: u32,
    /// Sent while both ends were in the call, and never heard.
    pub lost: u32,
    /// Sent while one end was not yet, or no more, in the call (or within 300 ms of its end), and not heard.
    pub clipped: u32,
    /// Heard again.
    pub duplicated: u32,
    /// Overtaken by a later one.
    pub reordered: u32,
    /// What came in and is no packet of this stream: another payload, another voice, no RTP at all.
    pub wrong: u32,
    /// From another address than the session description named. They were heard all the same.
    pub strangers: u32,
    /// The longest time without a new packet, but for silence of the speaker's own.
    pub gap_ms_max: f64,
    /// Such times of more than 60 ms, in their order.
    pub outages: Vec<Outage>,
    /// One way; both ends have the same clock.
    pub delay_ms: Delay,
    /// RFC 3550 §6.4.1.
    pub jitter_ms: f64,
    /// E-model, ITU-T G.107; absent when the call was too short to be judged.
    pub mos: Option<f64>,
    /// Whether SSRC, sequence and timestamp went on from packet to packet as they were sent.
    pub continuous: bool,
    /// How often they did not.
    pub breaks: Breaks,
    /// What the listener sent and received of RTCP.
    pub rtcp: Rtcp,
}

/// A time without voice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outage {
    /// Seconds since the start of the lab at which the last packet before it came.
    pub at_s: f64,
    /// How long it lasted.
    pub ms: f64,
}

/// One-way delay of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Delay {
    /// On average.
    pub mean: f64,
    /// 99 in 100 packets were faster.
    pub p99: f64,
}

/// How often a stream did not go on where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breaks {
    /// Another source identifier.
    pub ssrc: u32,
    /// Another sequence number than was due.
    pub sequence: u32,
    /// Another timestamp than was due.
    pub timestamp: u32,
}

/// Control packets at one end of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rtcp {
    /// Compound packets sent.
    pub sent: u32,
    /// Compound packets received.
    pub received: u32,
    /// No RTCP.
    pub wrong: u32,
    /// The round trip, by the last report about the own voice.
    pub rtt_ms: Option<f64>,
}

/// One direction of a call in a window of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stream {
    /// The call, and who speaks.
    pub(crate) speaker: LegName,
    pub(crate) judged: u32,
    pub(crate) lost: u32,
    pub(crate) gap_ms_max: f64,
    pub(crate) mos: Option<f64>,
}

/// All streams at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Legs in a call.
    pub(crate) talking: usize,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) duplicated: u64,
    /// Streams whose header did not go on as it was, or that had something wrong in them.
    pub(crate) broken: usize,
}

impl Side {
    /// The other end.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

impl StreamReport {
    /// `shift_s` is when the studio opened, in seconds since the start of the lab.
    pub(super) fn of(spoken: &Spoken, heard: &Heard, now: Micros, shift_s: f64) -> Self {
        let listener = heard.listener;
        let passage = Passage::of(spoken, heard, Window { from: 0, to: now }).unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (sent, received) = (count(spoken.sent.len()), count(listener.heard().len()));
        // Crossed lines: all that was heard was somebody else's.
        let crossed = listener.token.is_some_and(|token| token != spoken.token);
        let total: Micros = passage.delays.iter().sum();
        let mean = total as f64 / 1_000.0 / (passage.delays.len().max(1) as f64);
        let outage = |silence: &Silence| Outage {
            at_s: thousandth(shift_s + silence.at as f64 / 1e6),
            ms: tenth(silence.lasted as f64 / 1_000.0),
        };
        let breaks = listener.breaks;
        Self {
            sent,
            received: if crossed { 0 } else { received },
            lost: passage.lost,
            clipped: sent.saturating_sub(received).saturating_sub(passage.lost),
            duplicated: listener.duplicated,
            reordered: listener.reordered,
            wrong: listener.wrong + if crossed { received } else { 0 },
            strangers: heard.strangers,
            gap_ms_max: tenth(passage.silence_max as f64 / 1_000.0),
            outages: passage.outages.iter().map(outage).collect(),
            delay_ms: Delay { mean: tenth(mean), p99: tenth(passage.delay_ms(99)) },
            jitter_ms: tenth(listener.jitter_ms()),
            mos: passage.mos(listener.jitter_ms()).map(hundredth),
            continuous: breaks == Breaks::default(),
            breaks,
            rtcp: Rtcp { rtt_ms: heard.rtcp.rtt_ms.map(tenth), ..heard.rtcp },
        }
    }
}

impl Stream {
    /// None when the two were not in the call together in this window.
    pub(super) fn of(speaker: LegName, spoken: &Spoken, heard: &Heard, window: Window) -> Option<Self> {
        let passage = Passage::of(spoken, heard, window)?;
        Some(Self {
            speaker,
            judged: passage.judged,
            lost: passage.lost,
            gap_ms_max: tenth(passage.silence_max as f64 / 1_000.0),
            mos: passage.mos(heard.listener.jitter_ms()).map(hundredth),
        })
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn thousandth(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
