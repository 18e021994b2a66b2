//! One link between two regions: what the nodes of the region say about it, put together, and whether it may
//! carry calls.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    HopCounts, LinkReport, NodeName, Time,
    backoff::Backoff,
    estimate::{Measure, MedianOf3},
};

/// Whether the link may carry calls.
///
/// ```text
///            up                 down, silent
///  Unknown ──────▶ Up ───────────────────────────▶ Down ◀────────────┐
///   │  ▲           ▲                                 │ up            │ down, silent
///   └──┘ down      └─── `until` is reached ── Recovering{until} ─────┘
/// ```
/// A link that was never up before is used as soon as it is: a node that starts has nothing better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Unknown,
    Up,
    Recovering { until: Time },
    Down { silent: bool },
}

/// The present state of one link. It is up while one of its reporters says so: a node that cannot reach the
/// far region alone must not take the link from its whole region.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) standing: Standing,
    pub(crate) now: Measure,
    pub(crate) smoothed: Measure,
    pub(crate) heard_at: Time,
    /// When a delay was last smoothed; none has been measured before that.
    smoothed_at: Option<Time>,
    reporters: BTreeMap<NodeName, Reporter>,
    backoff: Backoff,
}

/// What one node said last.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reporter {
    at: Time,
    incarnation: u64,
    up: bool,
    packets: u32,
    loss: f64,
    rtt_ms: f64,
    delay_ms: MedianOf3,
    jitter_ms: MedianOf3,
    sip: HopCounts,
    sip_recent: HopCounts,
}

impl Link {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            standing: Standing::Unknown,
            now: Measure::default(),
            smoothed: Measure::default(),
            heard_at: now,
            smoothed_at: None,
            reporters: BTreeMap::new(),
            backoff: Backoff::default(),
        }
    }

    /// Takes in what one node measured. The report has been checked.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        node: &NodeName,
        incarnation: u64,
        report: &LinkReport,
        hold: Duration,
    ) {
        self.heard_at = now;
        self.reporters.entry(node.clone()).or_insert_with(|| Reporter::new(now, incarnation)).handle(
            now,
            incarnation,
            report,
        );
        self.measure(now);
        self.stand(now, hold);
    }

    /// A node does not speak of this link any more.
    pub(crate) fn withdraw(&mut self, now: Time, node: &NodeName, hold: Duration) {
        if self.reporters.remove(node).is_some() {
            self.stand(now, hold);
        }
    }

    /// Forgets nodes that have fallen silent, and ends what was to last until now.
    pub(crate) fn advance(&mut self, now: Time, expiry: Duration, hold: Duration) {
        self.reporters.retain(|_, reporter| now < reporter.at + expiry);
        self.stand(now, hold);
    }

    /// When [`advance`](Self::advance) will change something.
    pub(crate) fn deadline(&self, expiry: Duration) -> Option<Time> {
        let silent = self.reporters.values().map(|reporter| reporter.at + expiry).min();
        match self.standing {
            Standing::Recovering { until } => Some(silent.map_or(until, |at| at.min(until))),
            Standing::Unknown | Standing::Up | Standing::Down { .. } => silent,
        }
    }

    pub(crate) fn reporters(&self) -> usize {
        self.reporters.len()
    }

    /// The median round trip, ms; zero when none was completed.
    pub(crate) fn rtt_ms(&self) -> f64 {
        self.mean(|reporter| (reporter.rtt_ms > 0.0).then_some(reporter.rtt_ms)).unwrap_or(0.0)
    }

    /// SIP counts of all reporters together: since their starts, and of their last reports.
    pub(crate) fn sip(&self) -> (HopCounts, HopCounts) {
        let zero = HopCounts::default();
        self.reporters
            .values()
            .fold((zero, zero), |(all, recent), r| (all.plus(&r.sip), recent.plus(&r.sip_recent)))
    }

    fn measure(&mut self, now: Time) {
        let delay_ms = self.mean(|reporter| reporter.delay_ms.median());
        let jitter_ms = self.mean(|reporter| reporter.jitter_ms.median());
        self.now = Measure {
            delay_ms: delay_ms.unwrap_or(self.now.delay_ms),
            jitter_ms: jitter_ms.unwrap_or(self.now.jitter_ms),
            loss: self.mean(|reporter| Some(reporter.loss)).unwrap_or(self.now.loss),
        };
        match self.smoothed_at {
            Some(at) => {
                self.smoothed = self.smoothed.toward(self.now, now.since(at).as_secs_f64());
                self.smoothed_at = Some(now);
            }
            None => {
                self.smoothed = self.now;
                self.smoothed_at = delay_ms.map(|_| now);
            }
        }
    }

    fn stand(&mut self, now: Time, hold: Duration) {
        let up = self.reporters.values().any(|reporter| reporter.up);
        let down = Standing::Down { silent: self.reporters.is_empty() };
        self.standing = match (self.standing, up) {
            (Standing::Unknown | Standing::Up, true) => Standing::Up,
            (Standing::Down { .. }, true) => Standing::Recovering { until: now + self.backoff.hold(hold) },
            (Standing::Recovering { until }, true) if now < until => Standing::Recovering { until },
            (Standing::Recovering { .. }, true) => {
                self.backoff.promoted(now);
                Standing::Up
            }
            (Standing::Up, false) => {
                self.backoff.failed(now, hold);
                down
            }
            (Standing::Unknown, false) => Standing::Unknown,
            (Standing::Recovering { .. } | Standing::Down { .. }, false) => down,
        };
    }

    /// The mean of what the reporters say, by the packets that each of them rests on.
    fn mean(&self, value: impl Fn(&Reporter) -> Option<f64>) -> Option<f64> {
        let mut sum = 0.0;
        let mut weight = 0.0;
        for reporter in self.reporters.values().filter(|reporter| reporter.up) {
            if let Some(value) = value(reporter) {
                let packets = f64::from(reporter.packets.max(1));
                sum += value * packets;
                weight += packets;
            }
        }
        (weight > 0.0).then(|| sum / weight)
    }
}

impl Reporter {
    fn new(now: Time, incarnation: u64) -> Self {
        Self {
            at: now,
            incarnation,
            up: false,
            packets: 0,
            loss: 0.0,
            rtt_ms: 0.0,
            delay_ms: MedianOf3::default(),
            jitter_ms: MedianOf3::default(),
            sip: HopCounts::default(),
            sip_recent: HopCounts::default(),
        }
    }

    fn handle(&mut self, now: Time, incarnation: u64, report: &LinkReport) {
        let before = if self.incarnation == incarnation { self.sip } else { HopCounts::default() };
        self.sip_recent = report.sip.after(&before);
        self.sip = report.sip;
        self.at = now;
        self.incarnation = incarnation;
        self.up = report.up;
        self.packets = report.packets;
        self.loss = report.loss;
        self.rtt_ms = report.rtt_ms;
        if report.rtt_p95_ms > 0.0 {
            self.delay_ms.push(report.rtt_p95_ms / 2.0);
            self.jitter_ms.push(report.jitter_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(5);
    const EXPIRY: Duration = Duration::from_secs(5);

    fn hear(link: &mut Link, second: u64, node: &str, up: bool, rtt_p95_ms: f64, packets: u32) {
        let report = LinkReport {
            up,
            packets,
            sip: HopCounts { requests: 10 * second, ..HopCounts::default() },
            ..LinkReport::clean("b".parse().unwrap(), rtt_p95_ms)
        };
        link.handle(Time::from_millis(second * 1_000), &node.parse().unwrap(), 1, &report, HOLD);
    }

    /// Every pair of standing and input.
    #[test]
    fn standings() {
        let until = Time::from_millis(10_000);
        let heard_down = Standing::Down { silent: false };
        let silent = Standing::Down { silent: true };
        let recovering = Standing::Recovering { until };
        let fresh = Standing::Recovering { until: Time::from_millis(12_000) };
        let table = [
            // standing, second, reported up (None: silence), then
            (Standing::Unknown, 7, Some(true), Standing::Up),
            (Standing::Unknown, 7, Some(false), Standing::Unknown),
            (Standing::Unknown, 7, None, Standing::Unknown),
            (Standing::Up, 7, Some(true), Standing::Up),
            (Standing::Up, 7, Some(false), heard_down),
            (Standing::Up, 7, None, silent),
            (recovering, 7, Some(true), recovering),
            (recovering, 10, Some(true), Standing::Up),
            (recovering, 7, Some(false), heard_down),
            (recovering, 7, None, silent),
            (heard_down, 7, Some(true), fresh),
            (heard_down, 7, Some(false), heard_down),
            (heard_down, 7, None, silent),
            (silent, 7, Some(true), fresh),
            (silent, 7, Some(false), heard_down),
            (silent, 7, None, silent),
        ];
        for (standing, second, heard, then) in table {
            let mut link = Link::new(Time::default());
            link.standing = standing;
            match heard {
                Some(up) => hear(&mut link, second, "a-1", up, 60.0, 5),
                None => link.advance(Time::from_millis(second * 1_000), EXPIRY, HOLD),
            }
            assert_eq!(link.standing, then, "{standing:?}, {heard:?}");
        }
    }

    #[test]
    fn nodes_are_weighed_by_their_packets() {
        let mut link = Link::new(Time::default());
        hear(&mut link, 1, "a-1", true, 60.0, 30);
        hear(&mut link, 1, "a-2", true, 100.0, 10);
        assert_eq!((link.now.delay_ms, link.reporters()), (35.0, 2));
        hear(&mut link, 2, "a-2", false, 0.0, 10);
        assert_eq!((link.standing, link.now.delay_ms), (Standing::Up, 30.0), "one of two still reaches it");
        hear(&mut link, 2, "a-1", false, 0.0, 10);
        assert_eq!(link.standing, Standing::Down { silent: false });
    }

    #[test]
    fn a_silent_node_is_forgotten_at_its_deadline() {
        let mut link = Link::new(Time::default());
        hear(&mut link, 1, "a-1", true, 60.0, 5);
        let deadline = link.deadline(EXPIRY).unwrap();
        assert_eq!(deadline, Time::from_millis(6_000));
        link.advance(deadline, EXPIRY, HOLD);
        assert_eq!((link.standing, link.deadline(EXPIRY)), (Standing::Down { silent: true }, None));
    }

    #[test]
    fn sip_counts_show_the_whole_and_the_last_window() {
        let mut link = Link::new(Time::default());
        hear(&mut link, 1, "a-1", true, 60.0, 5);
        hear(&mut link, 3, "a-1", true, 60.0, 5);
        let (all, recent) = link.sip();
        assert_eq!((all.requests, recent.requests), (30, 20));
    }
}
