//! The far end of one path number: what arrived, at which pace, and whether something should have arrived by now.

use super::names::{Flags, PathNumber, Report};
use ringway_router::Time;
use std::time::Duration;

/// While packets come, a report is made so often.
pub(super) const REPORT_EVERY: Duration = Duration::from_millis(20);
/// What arrives so far behind the highest is of another life of the sender: its sequence began anew.
const RESTART: i32 = 10_000;
/// Room for jitter before a packet is overdue: the least and the most.
const SLACK: (Duration, Duration) = (Duration::from_millis(12), Duration::from_millis(60));
/// The pace of a number that has not shown one, and the slowest that is waited for.
const PACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(60));
/// When packets are overdue it is said so often, then no more: a pause in speech looks no different from here, and the
/// sender, who knows whether there was anything to arrive, has been told.
const ALARMS: u8 = 3;
/// The longest recent gap shrinks by this part with each report.
const FORGET: u32 = 64;

/// Counts one path number of one origin, and makes the reports on it.
///
/// ```text
///            packet                        report every 20 ms
///   silent ─────────▶ hearing ◀────────────────────────────┐
///     ▲                  │ none for twice the pace and slack │ packet
///     │ said three times ▼                                   │
///     └──────────────  overdue: report at once, and again ───┘
/// ```
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) number: PathNumber,
    highest: u32,
    /// Up to here the reports go: what is missing had at least one period to be overtaken.
    settled: u32,
    received_settled: u32,
    received_later: u32,
    gaps_settled: u8,
    gaps: u8,
    echo: u32,
    pub(super) heard: Time,
    pace: Duration,
    longest: Duration,
    jitter: Duration,
    said: Time,
    due: Option<Time>,
    alarms: u8,
    /// A packet that carries something came, not only a probe.
    pub(super) carried: Option<Time>,
}

impl Listener {
    /// Begins before this sequence.
    pub(super) fn new(now: Time, number: PathNumber, sequence: u32) -> Self {
        let before = sequence.wrapping_sub(1);
        Self {
            number,
            highest: before,
            settled: before,
            received_settled: 0,
            received_later: 0,
            gaps_settled: 0,
            gaps: 0,
            echo: before,
            heard: now,
            pace: PACE.0,
            longest: Duration::ZERO,
            jitter: Duration::ZERO,
            said: now,
            due: Some(now),
            alarms: 0,
            carried: None,
        }
    }

    /// A packet that carries something.
    pub(super) fn arrived(&mut self, now: Time, sequence: u32) {
        // What comes after a pause says nothing of the pace.
        if let Some(before) = self.carried.filter(|_| self.alarms == 0) {
            let gap = now.since(before);
            let off = if gap > self.pace { gap - self.pace } else { self.pace - gap };
            self.longest = self.longest.max(gap.min(PACE.1));
            self.pace = (self.pace * 15 + gap.min(PACE.1)) / 16;
            // Of many calls at once the packets come in clusters: what lies in them is no jitter.
            if self.pace >= PACE.0 / 2 {
                self.jitter = (self.jitter * 15 + off.min(PACE.1)) / 16;
            }
        }
        self.carried = Some(now);
        self.count(now, sequence);
        let due = (self.said + REPORT_EVERY).max(now);
        self.due = Some(self.due.map_or(due, |sooner| sooner.min(due)));
        self.alarms = 0;
    }

    /// A probe, which wants an answer at once.
    pub(super) fn asked(&mut self, now: Time, sequence: u32) {
        self.count(now, sequence);
        self.due = Some(now);
    }

    /// The report to send now, if one is due.
    pub(super) fn poll(&mut self, now: Time) -> Option<Report> {
        let overdue = self.carried.is_some() && self.alarms < ALARMS && now >= self.overdue_at();
        if !overdue && self.due.is_none_or(|due| now < due) {
            return None;
        }
        if overdue {
            self.alarms += 1;
        }
        let report = Report {
            number: self.number,
            highest: self.settled,
            received: self.received_settled,
            echo: self.echo,
            held_us: u32::try_from(now.since(self.heard).as_micros()).unwrap_or(u32::MAX),
            flags: Flags::new(overdue, self.gaps_settled),
        };
        if now.since(self.said) >= REPORT_EVERY / 2 {
            (self.settled, self.gaps_settled) = (self.highest, self.gaps);
            self.received_settled = self.received_settled.wrapping_add(self.received_later);
            self.received_later = 0;
            self.longest -= self.longest / FORGET;
        }
        self.said = now;
        self.due = None;
        Some(report)
    }

    /// When it has something to say.
    pub(super) fn deadline(&self) -> Option<Time> {
        let watched = self.carried.is_some() && self.alarms < ALARMS;
        [self.due, watched.then(|| self.overdue_at())].into_iter().flatten().min()
    }

    fn count(&mut self, now: Time, sequence: u32) {
        let ahead = sequence.wrapping_sub(self.highest).cast_signed();
        if ahead < -RESTART {
            *self = Self {
                gaps: self.gaps,
                gaps_settled: self.gaps_settled,
                carried: self.carried,
                ..Self::new(now, self.number, sequence)
            };
            return self.count(now, sequence);
        }
        if ahead > 1 {
            self.gaps = self.gaps.wrapping_add(1);
        }
        if ahead > 0 {
            self.highest = sequence;
        }
        if sequence.wrapping_sub(self.settled).cast_signed() > 0 {
            self.received_later = self.received_later.wrapping_add(1);
        } else {
            self.received_settled = self.received_settled.wrapping_add(1);
        }
        (self.echo, self.heard) = (sequence, now);
    }

    /// Two packets are missing in a row at this pace, and jitter does not explain it; or the usual pause between the clusters
    /// of many calls is over. Then again, later and later.
    fn overdue_at(&self) -> Time {
        let slack = (self.jitter * 4).clamp(SLACK.0, SLACK.1);
        let first = (self.pace * 2).max(self.longest) + slack;
        self.heard + first + REPORT_EVERY * ((1 << self.alarms) - 1)
    }
}
