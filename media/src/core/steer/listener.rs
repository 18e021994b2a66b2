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
            let off = gap.abs_diff(self.pace);
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

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: PathNumber = PathNumber(3);

    fn at(ms: u64) -> Time {
        Time::from_millis(10_000 + ms)
    }

    /// Packets at these times, in ms; the last report made until `end`.
    fn hear(packets: impl IntoIterator<Item = (u64, u32)>, end: u64) -> (Listener, Vec<(u64, Report)>) {
        let mut listener = Listener::new(at(0), NUMBER, 0);
        let mut packets = packets.into_iter().peekable();
        let mut reports = Vec::new();
        for ms in 0..=end {
            while let Some((_, sequence)) = packets.next_if(|(due, _)| *due == ms) {
                listener.arrived(at(ms), sequence);
            }
            while let Some(report) = listener.poll(at(ms)) {
                reports.push((ms, report));
            }
        }
        (listener, reports)
    }

    #[test]
    fn a_report_goes_with_every_packet_of_one_call_and_every_20_ms_for_many() {
        let (_, one) = hear((0..50).map(|n| (u64::from(n) * 20, n)), 990);
        let (_, many) = hear((0..990).map(|n| (u64::from(n), n)), 989);
        assert_eq!((one.len(), many.len()), (50, 50));
        let (_, last) = one[49];
        assert_eq!((last.echo, last.highest, last.received, last.held_us), (49, 48, 49, 0));
    }

    #[test]
    fn what_comes_a_little_late_is_not_lost_and_a_burst_is_one_gap() {
        let late = (0..100_u32).map(|n| (u64::from(n) * 5 + if n % 10 == 3 { 12 } else { 0 }, n));
        let mut late: Vec<_> = late.collect();
        late.sort_unstable();
        let (_, reports) = hear(late, 600);
        assert!(reports.iter().all(|(_, report)| report.received == report.highest.wrapping_add(1)));
        let burst = (0..100).filter(|n| !(40..48).contains(n)).map(|n| (u64::from(n) * 5, n));
        let (_, reports) = hear(burst, 490);
        let (first, last) = (reports[0].1, reports[reports.len() - 1].1);
        let lost = last.highest.wrapping_sub(first.highest) - last.received.wrapping_sub(first.received);
        assert_eq!((lost, last.flags.gaps_since(first.flags)), (8, 1));
    }

    #[test]
    fn two_missing_packets_are_said_at_once_then_twice_again_then_no_more() {
        let (listener, reports) = hear((0..50).map(|n| (u64::from(n) * 20, n)), 3_000);
        let alarms: Vec<u64> =
            reports.iter().filter(|(_, report)| report.flags.overdue()).map(|(ms, _)| ms - 980).collect();
        assert_eq!(alarms, [52, 72, 112]);
        assert_eq!(listener.deadline(), None);
        let (_, one_lost) = hear((0..50).filter(|n| n % 7 > 0).map(|n| (u64::from(n) * 20, n)), 980);
        assert!(one_lost.iter().all(|(_, report)| !report.flags.overdue()));
    }

    #[test]
    fn calls_that_all_speak_at_once_are_no_alarm() {
        let (_, reports) = hear((0..1_000).map(|n| (u64::from(n / 10) * 20, n)), 1_999);
        assert!(reports.iter().all(|(_, report)| !report.flags.overdue()));
    }

    #[test]
    fn a_probe_is_answered_at_once_and_expects_no_other() {
        let mut listener = Listener::new(at(0), NUMBER, 7);
        listener.asked(at(0), 7);
        assert_eq!(listener.poll(at(0)).map(|report| report.echo), Some(7));
        assert_eq!(listener.deadline(), None);
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        let mut listener = Listener::new(at(0), NUMBER, 70_000);
        listener.arrived(at(0), 70_000);
        listener.arrived(at(20), 0);
        listener.arrived(at(40), 1);
        listener.poll(at(40));
        listener.arrived(at(60), 2);
        let report = listener.poll(at(60)).unwrap();
        assert_eq!((report.echo, report.highest, report.received), (2, 1, 2));
    }
}
