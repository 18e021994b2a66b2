//! What the origin knows of one path number: what it sent, what of that is known to have arrived, how long a word takes to
//! come back, and whether too much is lost to be chance.

use super::{
    names::{Flags, Report},
    trail::Trail,
};
use ringway_router::{Time, measure::LossEstimate};
use std::time::Duration;

/// How long an answer may take while no round trip is known.
const PATIENCE_FIRST: Duration = Duration::from_millis(250);
/// What an answer may take beyond the usual round trip: the least and the most.
const MARGIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// A report may be so much younger than the packet that it tells of: packets are not reported one by one.
const REPORT_EVERY: Duration = Duration::from_millis(20);
/// Packets that have to be missing before anything is suspected.
const MISSING: u32 = 2;
/// Of packets sent farther apart, one is enough: waiting for another would take too long.
const PACE_MAX: Duration = Duration::from_millis(60);
/// Between two probes of a place that is not in use, and while its answer is late.
const KEEP: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(80);
/// An answer that is late by so much, while it was asked for again and again, takes an idle number for dark.
const DARK_AFTER: Duration = Duration::from_millis(250);
/// What a brownout that is suspected is tried for (Wald's sequential test): loss that may be usual against loss that is not…
const TRIAL_OF: (f64, f64) = (0.01, 0.05);
/// … and the sums at which it is acquitted and convicted: after 73 packets without a loss, or three losses among 30.
const TRIAL_ENDS: (f64, f64) = (-3.0, 3.5);
/// A report on so many packets at once is none.
const PACKETS_MAX: u32 = 1 << 20;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Health {
    trail: Trail,
    /// The sequence that is known to have arrived, the latest, and when it left.
    proof: Option<(u32, Time)>,
    /// When the first packet after it left, while there is one.
    waiting: Option<Time>,
    pace: Duration,
    last: Option<Time>,
    rtt: Option<Rtt>,
    account: Option<(u32, u32, Flags)>,
    trial: Option<Trial>,
    pub(super) loss: LossEstimate,
    /// When the last probe left.
    pub(super) probed: Option<Time>,
}

/// Round trips, smoothed as RFC 6298 does it.
#[derive(Debug, Clone, Copy)]
struct Rtt {
    smoothed: Duration,
    variation: Duration,
}

/// What was lost since a brownout was suspected, as evidence.
#[derive(Debug, Clone, Copy, Default)]
struct Trial {
    sum: f64,
}

/// A report that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Useless {
    /// Of a path that this trunk does not know, or knows no more.
    Unknown,
    /// It echoes what never left, or left too long ago.
    NeverSent,
    /// A later one came before it.
    Old,
}

impl Health {
    pub(super) fn new(now: Time) -> Self {
        Self {
            trail: Trail::new(),
            proof: None,
            waiting: None,
            pace: REPORT_EVERY,
            last: None,
            rtt: None,
            account: None,
            trial: None,
            loss: LossEstimate::new(now),
            probed: None,
        }
    }

    /// A packet leaves: its sequence.
    pub(super) fn leave(&mut self, now: Time) -> u32 {
        if let Some(last) = self.last {
            self.pace = (self.pace * 7 + now.since(last).min(PACE_MAX)) / 8;
        }
        self.last = Some(now);
        self.waiting = self.waiting.or(Some(now));
        self.trail.leave(now)
    }

    /// The far end spoke. How many packets are overdue by its own account.
    pub(super) fn report(&mut self, now: Time, report: &Report) -> Result<u32, Useless> {
        let left = self.trail.left_at(report.echo).ok_or(Useless::NeverSent)?;
        let ahead = self.proof.map_or(1, |(proved, _)| report.echo.wrapping_sub(proved).cast_signed());
        if ahead < 0 {
            return Err(Useless::Old);
        }
        let held = Duration::from_micros(u64::from(report.held_us));
        if ahead > 0 {
            self.proof = Some((report.echo, left));
            let after = self.trail.left_at(report.echo.wrapping_add(1));
            self.waiting = after;
            if let Some(took) = now.since(left).checked_sub(held) {
                self.trip(took);
            }
        }
        self.count(now, report);
        let due = held.saturating_sub(self.margin());
        Ok(self.trail.after_by(report.echo, left + due))
    }

    /// Whether packets are missing by the far end's account.
    pub(super) fn is_enough(&self, overdue: u32) -> bool {
        overdue >= MISSING || (overdue == 1 && self.pace >= PACE_MAX)
    }

    /// When it is to be suspected because nothing was heard of what left.
    pub(super) fn overdue_at(&self) -> Option<Time> {
        // Of many calls, the first report may come a period later; then that of the second packet, or the second report.
        let first = REPORT_EVERY.saturating_sub(self.pace);
        let wait = self.patience() + first + REPORT_EVERY.max(self.pace);
        let (waiting, last) = (self.waiting?, self.last?);
        // One lost packet before a pause is no outage.
        (last > waiting || self.pace >= PACE_MAX).then(|| waiting + wait)
    }

    /// How long an answer may take.
    pub(super) fn patience(&self) -> Duration {
        self.rtt.map_or(PATIENCE_FIRST, |rtt| rtt.smoothed + self.margin())
    }

    /// Whether something arrived that left at this time or later.
    pub(super) fn is_proved_since(&self, at: Time) -> bool {
        self.proof.is_some_and(|(_, left)| left >= at)
    }

    /// Whether it is known to carry, and nothing has spoken against that for long.
    pub(super) fn is_alive(&self, now: Time) -> bool {
        let dark = self.waiting.is_some_and(|waiting| now >= waiting + self.patience() + DARK_AFTER);
        self.proof.is_some() && !dark
    }

    /// When it should be asked, so long as nothing presses. What carries packets is asked by them.
    pub(super) fn question_at(&self) -> Time {
        let Some(probed) = self.probed else { return Time::default() };
        let asked = self.last.map_or(probed, |last| last.max(probed));
        let Some(waiting) = self.waiting.filter(|_| asked <= probed) else { return asked + KEEP };
        let again = (waiting + self.patience()).max(probed + RETRY);
        // RFC 5880 §6.8.3 has the same: what is down is asked once a second.
        if again < waiting + self.patience() + DARK_AFTER { again.min(asked + KEEP) } else { asked + KEEP }
    }

    /// The round trip, when it is known.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt.map(|rtt| rtt.smoothed)
    }

    /// It is trusted again: what it lost before is no reproach.
    pub(super) fn forgive(&mut self, now: Time) {
        self.loss.clear(now);
        (self.account, self.trial) = (None, None);
    }

    /// Too much seems to be lost. Among many packets four losses come close together by chance every hour or so; they are
    /// no brownout unless it goes on.
    pub(super) fn put_on_trial(&mut self) {
        self.trial = Some(Trial::default());
    }

    /// Whether it goes on; `None`: too few packets so far, or there is no trial.
    pub(super) fn verdict(&self) -> Option<bool> {
        self.trial?.verdict()
    }

    /// The trunk was idle: what is still waited for is no sign of anything.
    pub(super) fn rest(&mut self) {
        self.waiting = None;
        self.last = None;
    }

    fn margin(&self) -> Duration {
        self.rtt.map_or(MARGIN.0, |rtt| (rtt.variation * 4).clamp(MARGIN.0, MARGIN.1))
    }

    fn trip(&mut self, took: Duration) {
        self.rtt = Some(match self.rtt {
            None => Rtt { smoothed: took, variation: took / 8 },
            Some(Rtt { smoothed, variation }) => {
                let off = took.abs_diff(smoothed);
                // RFC 6298 §2.3: the variation first, with the mean as it was.
                Rtt { variation: (variation * 3 + off) / 4, smoothed: (smoothed * 7 + took) / 8 }
            }
        });
    }

    fn count(&mut self, now: Time, report: &Report) {
        let Some((highest, received, flags)) = self.account else {
            self.account = Some((report.highest, report.received, report.flags));
            return;
        };
        let packets = report.highest.wrapping_sub(highest);
        if packets == 0 || packets > PACKETS_MAX {
            return;
        }
        let lost = packets.saturating_sub(report.received.wrapping_sub(received));
        let gaps = u32::from(report.flags.gaps_since(flags));
        self.account = Some((report.highest, report.received, report.flags));
        // Losses in a row are one event; that overtaking makes gaps without losses is seen to by the least of the two.
        let bursts = gaps.max(1).min(lost);
        self.loss.update_bursts(now, packets, lost, bursts);
        if let Some(trial) = &mut self.trial {
            trial.go_on(packets, lost, bursts);
        }
    }
}

impl Trial {
    fn go_on(&mut self, packets: u32, lost: u32, bursts: u32) {
        if self.verdict().is_none() {
            let (usual, bad) = TRIAL_OF;
            self.sum += f64::from(bursts) * (bad / usual).ln();
            self.sum += f64::from(packets - lost) * ((1.0 - bad) / (1.0 - usual)).ln();
        }
    }

    fn verdict(self) -> Option<bool> {
        let (good, bad) = TRIAL_ENDS;
        if self.sum >= bad { Some(true) } else { (self.sum <= good).then_some(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::names::PathNumber, *};

    fn at(ms: u64) -> Time {
        Time::from_millis(10_000 + ms)
    }

    fn report(echo: u32, held_ms: u32) -> Report {
        let (highest, received) = (echo, echo.wrapping_add(1));
        Report { number: PathNumber(0), highest, received, echo, held_us: held_ms * 1_000, flags: Flags(0) }
    }

    /// A call of one second, each packet reported after 64 ms; the last two reports are still on their way.
    fn steady() -> Health {
        let mut health = Health::new(at(0));
        for n in 0..50 {
            assert_eq!(health.leave(at(u64::from(n) * 20)), n);
            if n >= 3 {
                assert_eq!(health.report(at(u64::from(n) * 20 + 4), &report(n - 3, 0)), Ok(0));
            }
        }
        health
    }

    #[test]
    fn a_round_trip_is_what_the_echo_took_less_what_it_was_held() {
        let mut health = Health::new(at(0));
        health.leave(at(0));
        assert_eq!(health.report(at(94), &report(0, 30)), Ok(0));
        assert_eq!(health.rtt(), Some(Duration::from_millis(64)));
    }

    #[test]
    fn reports_are_overdue_two_packets_and_a_round_trip_after_the_last_proof() {
        let health = steady();
        // Packet 46 is proved; 47 left at 940.
        assert_eq!(health.overdue_at(), Some(at(940 + 20 + 64 + 10)));
    }

    #[test]
    fn one_packet_before_a_pause_is_no_suspicion() {
        let mut health = steady();
        assert_eq!(health.report(at(1_024), &report(48, 0)), Ok(0));
        assert_eq!(health.overdue_at(), None);
        assert_eq!(health.report(at(1_044), &report(49, 0)), Ok(0));
        assert_eq!(health.overdue_at(), None);
        let alarm = health.report(at(1_100), &report(49, 55));
        assert!(!health.is_enough(alarm.unwrap()), "overdue there, but nothing more was sent");
    }

    #[test]
    fn the_far_end_knows_that_two_are_missing_before_a_report_of_them_would_be_due() {
        let mut health = steady();
        let overdue = health.report(at(984), &report(45, 55)).unwrap_err();
        assert_eq!(overdue, Useless::Old);
        let overdue = health.report(at(1_059), &report(46, 55)).unwrap();
        assert!(health.is_enough(overdue) && overdue == 2, "{overdue}");
        assert!(!health.is_enough(1));
    }

    #[test]
    fn lies_are_told_apart() {
        let mut health = steady();
        assert_eq!(health.report(at(1_000), &report(50, 0)), Err(Useless::NeverSent));
        assert_eq!(health.report(at(1_000), &report(u32::MAX, 0)), Err(Useless::NeverSent));
        assert_eq!(health.report(at(1_000), &report(40, 0)), Err(Useless::Old));
        let absurd = Report { highest: 7 << 20, received: 3, held_us: u32::MAX, ..report(48, 0) };
        assert!(health.report(at(1_000), &absurd).is_ok());
        assert_eq!(health.loss.loss(), 0.0);
    }

    #[test]
    fn a_trial_ends_either_way() {
        for (lost_of_20, verdict) in [(0, false), (1, true), (3, true)] {
            let mut trial = Trial::default();
            for _ in 0..200 {
                trial.go_on(20, lost_of_20, lost_of_20);
            }
            assert_eq!(trial.verdict(), Some(verdict));
        }
        let mut trial = Trial::default();
        trial.go_on(20, 12, 1);
        assert_eq!(trial.verdict(), None, "a burst is one event");
    }
}
