//! The voice of every call, put together from what the studio recorded, the ledger of calls and the book of routes; and
//! all of it in a few numbers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    clock,
    media::{Stream, StreamReport, Studio},
    observer::{PathUse, RouteBook},
    pair::Pair,
    traffic::Talk,
};

/// One answered call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conversation {
    /// Its Call-ID.
    pub call_id: String,
    /// The region of the caller.
    pub from: String,
    /// The region of the callee.
    pub to: String,
    /// Whether it was kept up through the whole run.
    pub long: bool,
    /// Seconds since the start of the lab at which the caller had the 200.
    pub answered_at_s: f64,
    /// When its caller was done with it; absent when it was not over at the end of the lab.
    pub ended_at_s: Option<f64>,
    /// From the caller to the callee; absent when one of them never spoke.
    pub there: Option<Voice>,
    /// From the callee to the caller; absent when one of them never spoke.
    pub back: Option<Voice>,
}

/// One direction of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Voice {
    /// What became of its packets.
    #[serde(flatten)]
    pub stream: StreamReport,
    /// The paths of its voice while it lasted, as the media relay where it set out told of them.
    pub path: Vec<PathUse>,
}

/// All streams of a run, or of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MediaTotals {
    /// Directions of calls that were heard and judged.
    pub streams: usize,
    /// Answered calls in which one end never spoke.
    pub silent: usize,
    /// Packets sent.
    pub sent: u64,
    /// Packets heard, each counted once.
    pub received: u64,
    /// Packets sent while both ends were in the call, and never heard.
    pub lost: u64,
    /// Packets heard again.
    pub duplicated: u64,
    /// What came in and was no packet of its stream.
    pub wrong: u64,
    /// Streams whose SSRC, sequence or timestamp did not go on as it was sent.
    pub discontinuous: usize,
    /// The longest gaps of the streams.
    pub gap_ms: Spread,
    /// The scores of the streams; the lowest of them where a limit would look.
    pub mos_min: Option<f64>,
}

/// What the streams in a step were like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepMedia {
    /// Directions of calls that were in progress.
    pub streams: usize,
    /// Packets of theirs that were sent in the step and never heard.
    pub lost: u64,
    /// The longest gap of each.
    pub gap_ms: Spread,
    /// The lowest score.
    pub mos_min: Option<f64>,
}

/// One number of each of many streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the streams have less.
    pub p50: f64,
    /// 99 in 100 have less.
    pub p99: f64,
    /// The most.
    pub max: f64,
}

/// All answered calls of a run, in the order in which they were answered.
pub(crate) fn conversations(
    (talks, studio, routes): (&BTreeMap<String, Talk>, &Studio, &RouteBook),
    start: Instant,
) -> Vec<Conversation> {
    let mut reports = studio.reports(start);
    let end_s = seconds(clock::now() - start);
    let mut all: Vec<Conversation> = talks
        .iter()
        .map(|(call_id, talk)| {
            let answered_at_s = seconds(talk.answered_at - start);
            let ended_at_s = talk.ended_at.map(|ended_at| seconds(ended_at - start));
            let voice = |pair: &Pair, stream: StreamReport| {
                let path = routes.paths_between(pair, answered_at_s, ended_at_s.unwrap_or(end_s));
                Voice { stream, path }
            };
            let (there, back) = reports.remove(call_id).map(|[there, back]| (there, back)).unzip();
            Conversation {
                call_id: call_id.clone(),
                from: talk.pair.from.clone(),
                to: talk.pair.to.clone(),
                long: talk.long,
                answered_at_s,
                ended_at_s,
                there: there.map(|stream| voice(&talk.pair, stream)),
                back: back.map(|stream| voice(&talk.pair.reversed(), stream)),
            }
        })
        .collect();
    all.sort_by(|a, b| a.answered_at_s.total_cmp(&b.answered_at_s));
    all
}

impl Conversation {
    fn voices(&self) -> impl Iterator<Item = &StreamReport> {
        [&self.there, &self.back].into_iter().flatten().map(|voice| &voice.stream)
    }
}

impl MediaTotals {
    pub(crate) fn of(conversations: &[Conversation]) -> Self {
        let streams: Vec<&StreamReport> = conversations.iter().flat_map(Conversation::voices).collect();
        let sum =
            |count: fn(&StreamReport) -> u32| streams.iter().map(|stream| u64::from(count(stream))).sum();
        let judged: Vec<_> = streams.iter().filter(|stream| stream.mos.is_some()).collect();
        Self {
            streams: judged.len(),
            silent: conversations.iter().filter(|call| call.there.is_none() || call.back.is_none()).count(),
            sent: sum(|stream| stream.sent),
            received: sum(|stream| stream.received),
            lost: sum(|stream| stream.lost),
            duplicated: sum(|stream| stream.duplicated),
            wrong: sum(|stream| stream.wrong),
            discontinuous: streams.iter().filter(|stream| !stream.continuous).count(),
            gap_ms: Spread::of(judged.iter().map(|stream| stream.gap_ms_max).collect()),
            mos_min: lowest(judged.iter().filter_map(|stream| stream.mos)),
        }
    }
}

impl StepMedia {
    pub(crate) fn of(streams: &[Stream]) -> Self {
        let judged: Vec<&Stream> = streams.iter().filter(|stream| stream.judged > 0).collect();
        Self {
            streams: judged.len(),
            lost: judged.iter().map(|stream| u64::from(stream.lost)).sum(),
            gap_ms: Spread::of(judged.iter().map(|stream| stream.gap_ms_max).collect()),
            mos_min: lowest(judged.iter().filter_map(|stream| stream.mos)),
        }
    }
}

impl Spread {
    /// Nearest ranks; zeros of nothing.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

fn lowest(scores: impl Iterator<Item = f64>) -> Option<f64> {
    scores.min_by(f64::total_cmp)
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_made_of_values_that_were_there() {
        let values = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Spread::of(values), Spread { p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Spread::of(vec![]), Spread::default());
    }
}
