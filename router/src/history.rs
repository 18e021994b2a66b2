//! What the links were like in the last 24 hours: one reading a minute, and the worst moment of every hour, so that a
//! policy can be tried on a real day before it holds. A link that does not change costs one entry, however long it
//! stays as it is.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Region, Time,
    link::{Link, Standing},
};

/// Readings are a minute apart ...
const STEP: Duration = Duration::from_secs(60);
/// ... for this long.
const SPAN: Duration = Duration::from_secs(24 * 3_600);
/// The worst moment of an hour is looked for once a second.
const LOOK: Duration = Duration::from_secs(1);
const HOUR_US: u64 = 3_600_000_000;
const MINUTES_MAX: usize = 24 * 60;
const HOURS_MAX: usize = 24;
/// All links of 100 regions.
const TRACKS_MAX: usize = 10_000;
/// 20 MB; at 50 regions enough for every link to change every third minute.
const RUNS_MAX: usize = 1 << 20;

/// What was known of one link at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Whether it might carry calls.
    pub up: bool,
    /// One way, 95th percentile.
    pub delay_ms: f32,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f32,
    /// 0 to 1.
    pub loss: f32,
}

/// All links at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// From, to, and what was read; in order.
    pub links: Vec<(Region, Region, Reading)>,
}

/// The last 24 hours of all links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When each reading was taken.
    minutes: VecDeque<Time>,
    /// The number of the first of them, counted since the history began.
    first: u32,
    /// Sorted by the ends of the link.
    tracks: Vec<Track>,
    hours: VecDeque<Hour>,
    looked_at: Time,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Track {
    from: Region,
    to: Region,
    runs: VecDeque<Run>,
}

/// A reading, and the number of the first minute that it was true for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: u32,
    /// `None`: nobody spoke of the link.
    reading: Option<Reading>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hour {
    /// Since the epoch.
    number: u64,
    /// See [`trouble`].
    trouble: f64,
    worst: Sample,
}

impl Reading {
    /// What is known of a link now.
    pub(crate) fn of(link: &Link) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than was measured")]
        let short = |value: f64| value as f32;
        Self {
            up: link.standing == Standing::Up,
            delay_ms: short(link.now.delay_ms),
            jitter_ms: short(link.now.jitter_ms),
            loss: short(link.now.loss),
        }
    }

    /// Whether an operator would call this another state of the link.
    fn differs(&self, other: &Reading) -> bool {
        let apart = |a: f32, b: f32, least: f32, share: f32| (a - b).abs() > least + share * a.min(b);
        self.up != other.up
            || apart(self.delay_ms, other.delay_ms, 0.5, 0.02)
            || apart(self.jitter_ms, other.jitter_ms, 1.0, 0.1)
            || apart(self.loss, other.loss, 0.000_5, 0.1)
    }
}

impl History {
    /// Looks at the links, if it is time to. They come in order.
    pub(crate) fn note<'a>(
        &mut self,
        now: Time,
        links: impl Iterator<Item = (&'a Region, &'a Region, Reading)> + Clone,
    ) {
        let first = self.minutes.is_empty();
        if !first && now < self.looked_at + LOOK {
            return;
        }
        self.looked_at = now;
        self.compare(now, links.clone());
        if self.minutes.back().is_none_or(|last| now >= *last + STEP) {
            self.record(now, links);
        }
    }

    /// How many minutes are recorded.
    pub fn len(&self) -> usize {
        self.minutes.len()
    }

    /// Whether nothing is recorded yet.
    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty()
    }

    /// When the first of them was.
    pub fn began(&self) -> Option<Time> {
        self.minutes.front().copied()
    }

    /// One of the recorded minutes, counted from the oldest.
    pub fn sample(&self, index: usize) -> Option<Sample> {
        let at = *self.minutes.get(index)?;
        let number = self.first + u32::try_from(index).ok()?;
        let reading = |track: &Track| {
            let after = track.runs.partition_point(|run| run.since <= number);
            let run = track.runs.get(after.checked_sub(1)?)?;
            Some((track.from.clone(), track.to.clone(), run.reading?))
        };
        Some(Sample { at, links: self.tracks.iter().filter_map(reading).collect() })
    }

    /// The worst moment of every recorded hour in which a link was down or lost packets, oldest first.
    pub fn worst(&self) -> impl Iterator<Item = &Sample> {
        self.hours.iter().filter(|hour| hour.trouble > 0.0).map(|hour| &hour.worst)
    }

    /// Keeps this moment if it is the worst of its hour.
    fn compare<'a>(
        &mut self,
        now: Time,
        links: impl Iterator<Item = (&'a Region, &'a Region, Reading)> + Clone,
    ) {
        let number = now.micros() / HOUR_US;
        let trouble = links.clone().map(|(_, _, reading)| trouble(&reading)).sum();
        match self.hours.back() {
            Some(hour) if hour.number == number && trouble <= hour.trouble => return,
            Some(hour) if hour.number == number => drop(self.hours.pop_back()),
            Some(_) | None => {}
        }
        let worst =
            Sample { at: now, links: links.map(|(from, to, r)| (from.clone(), to.clone(), r)).collect() };
        self.hours.push_back(Hour { number, trouble, worst });
        while self.hours.len() > HOURS_MAX
            || self.hours.front().is_some_and(|hour| hour.worst.at + SPAN < now)
        {
            self.hours.pop_front();
        }
    }

    fn record<'a>(&mut self, now: Time, links: impl Iterator<Item = (&'a Region, &'a Region, Reading)>) {
        let Some(number) = self.first.checked_add(u32::try_from(self.minutes.len()).unwrap_or(u32::MAX))
        else {
            // After eight thousand years.
            *self = Self::default();
            return;
        };
        self.minutes.push_back(now);
        let mut seen = BTreeSet::new();
        for (from, to, reading) in links {
            let place = self.tracks.binary_search_by(|track| (&track.from, &track.to).cmp(&(from, to)));
            let at = match place {
                Ok(at) => at,
                Err(_) if self.tracks.len() == TRACKS_MAX => continue,
                Err(at) => {
                    let track = Track { from: from.clone(), to: to.clone(), runs: VecDeque::new() };
                    self.tracks.insert(at, track);
                    at
                }
            };
            self.tracks[at].push(number, Some(reading));
            seen.insert((from, to));
        }
        for track in self.tracks.iter_mut().filter(|track| !seen.contains(&(&track.from, &track.to))) {
            track.push(number, None);
        }
        self.forget(now);
    }

    /// Forgets what is a day old, and sooner when there is too much of it.
    fn forget(&mut self, now: Time) {
        let old = |history: &Self| {
            history.minutes.len() > MINUTES_MAX || history.minutes.front().is_some_and(|at| *at + SPAN < now)
        };
        let mut drop_first = 0;
        while old(self) {
            self.minutes.pop_front();
            drop_first += 1;
        }
        self.advance(drop_first);
        while self.tracks.iter().map(|track| track.runs.len()).sum::<usize>() > RUNS_MAX
            && self.minutes.len() > 1
        {
            let quarter = (self.minutes.len() / 4).max(1);
            self.minutes.drain(..quarter);
            self.advance(u32::try_from(quarter).unwrap_or(0));
        }
    }

    fn advance(&mut self, minutes: u32) {
        if minutes == 0 {
            return;
        }
        self.first += minutes;
        for track in &mut self.tracks {
            while track.runs.get(1).is_some_and(|next| next.since <= self.first) {
                track.runs.pop_front();
            }
        }
        self.tracks.retain(|track| track.runs.iter().any(|run| run.reading.is_some()));
    }
}

impl Track {
    fn push(&mut self, number: u32, reading: Option<Reading>) {
        let same = match (self.runs.back().and_then(|run| run.reading), reading) {
            (Some(last), Some(reading)) => !last.differs(&reading),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            self.runs.push_back(Run { since: number, reading });
        }
    }
}

/// How much is wrong with a link: the share of packets that it does not carry.
fn trouble(reading: &Reading) -> f64 {
    if reading.up { f64::from(reading.loss) } else { 1.0 }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
