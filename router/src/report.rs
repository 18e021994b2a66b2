//! What a node says that it measured, and what makes the router refuse to hear it. A refused report is
//! refused whole: half a report would leave a picture of the links that nobody ever saw.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{NodeId, Region};

/// The most links in a report.
pub const LINKS_MAX: usize = 1_024;
/// No round trip on Earth, and no queue worth using, takes longer. Milliseconds.
pub const DELAY_MS_MAX: f64 = 60_000.0;

/// A link-state advertisement: what one node measured since its previous report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who measured. Every link of the report starts in its region.
    pub origin: NodeId,
    /// Grows with every start of the origin.
    pub incarnation: u64,
    /// Grows with every report of one incarnation.
    pub sequence: u64,
    /// One entry a link, each destination at most once.
    pub links: Vec<LinkReport>,
}

/// What was measured on the link from the origin's region to [`to`](Self::to), over the window since the
/// previous report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Where the link leads.
    pub to: Region,
    /// Whether probes are answered at all.
    pub up: bool,
    /// Median round trip of the window. Zero: none was completed.
    pub rtt_ms: f64,
    /// 95th percentile of the round trips of the window. Zero: none was completed.
    pub rtt_p95_ms: f64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Probes sent in the window and old enough to be judged.
    pub probes: u32,
    /// Of those, lost on the way there (the counters of both sides tell the directions apart, RFC 8762).
    pub lost: u32,
    /// SIP over this link.
    pub sip: HopCounts,
}

/// SIP between two proxies as the sender sees it (RFC 3261 §17.1), counted since the start of the origin.
///
/// Shown to operators only. Late answers may be the server's doing, and a route that is moved for them
/// carries the overload to the next server, so these counts never move a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopCounts {
    /// Requests sent, each counted once.
    pub requests: u64,
    /// Further copies of them.
    pub retransmissions: u64,
    /// Requests that were never answered.
    pub timeouts: u64,
    /// First answers to requests that were sent only once (Karn's rule).
    pub answers: u64,
    /// Mean delay of those answers, in milliseconds.
    pub first_answer_ms: f64,
}

/// Why a report was not used.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReport {
    /// It is older than the last one of this origin, or the same again.
    #[error("report {incarnation}/{sequence} is not newer than {last_incarnation}/{last_sequence}")]
    Stale {
        /// Incarnation of the refused report.
        incarnation: u64,
        /// Sequence of the refused report.
        sequence: u64,
        /// Incarnation of the last report that was used.
        last_incarnation: u64,
        /// Sequence of the last report that was used.
        last_sequence: u64,
    },
    /// More than [`LINKS_MAX`] links.
    #[error("{0} links in one report, more than {LINKS_MAX}")]
    TooManyLinks(usize),
    /// The link leads to the region that it starts in.
    #[error("a link from {0} to itself")]
    LinkToItself(Region),
    /// Two entries for one link.
    #[error("the link to {0} stands twice in the report")]
    LinkTwice(Region),
    /// Not a number, negative, or more than [`DELAY_MS_MAX`].
    #[error("link to {to}: {field} is {value}, not a time from 0 to 60 s")]
    Absurd {
        /// Where the link leads.
        to: Region,
        /// Which value.
        field: &'static str,
        /// What it was, as text: NaN has no place in a record.
        value: String,
    },
    /// More probes lost than sent.
    #[error("link to {to}: {lost} lost of {probes} probes")]
    LostMoreThanSent {
        /// Where the link leads.
        to: Region,
        /// Probes sent.
        probes: u32,
        /// Probes lost.
        lost: u32,
    },
}

impl RefusedReport {
    /// A short word for a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::TooManyLinks(_) => "too_many_links",
            Self::LinkToItself(_) => "link_to_itself",
            Self::LinkTwice(_) => "link_twice",
            Self::Absurd { .. } => "absurd",
            Self::LostMoreThanSent { .. } => "lost_more_than_sent",
        }
    }
}

impl Report {
    /// Whether the report can be true at all.
    ///
    /// # Errors
    /// The first thing in it that cannot.
    pub fn check(&self) -> Result<(), RefusedReport> {
        if self.links.len() > LINKS_MAX {
            return Err(RefusedReport::TooManyLinks(self.links.len()));
        }
        let mut seen = BTreeSet::new();
        for link in &self.links {
            if link.to == self.origin.region {
                return Err(RefusedReport::LinkToItself(link.to.clone()));
            }
            if !seen.insert(&link.to) {
                return Err(RefusedReport::LinkTwice(link.to.clone()));
            }
            link.check()?;
        }
        Ok(())
    }
}

impl LinkReport {
    fn check(&self) -> Result<(), RefusedReport> {
        let times = [
            ("rtt_ms", self.rtt_ms),
            ("rtt_p95_ms", self.rtt_p95_ms),
            ("jitter_ms", self.jitter_ms),
            ("first_answer_ms", self.sip.first_answer_ms),
        ];
        for (field, value) in times {
            if !(0.0..=DELAY_MS_MAX).contains(&value) {
                return Err(RefusedReport::Absurd { to: self.to.clone(), field, value: value.to_string() });
            }
        }
        if self.lost > self.probes {
            let (to, probes, lost) = (self.to.clone(), self.probes, self.lost);
            return Err(RefusedReport::LostMoreThanSent { to, probes, lost });
        }
        Ok(())
    }
}

impl HopCounts {
    /// What was counted after `earlier`, counts of the same incarnation.
    pub(crate) fn after(&self, earlier: &HopCounts) -> HopCounts {
        let answers = self.answers.saturating_sub(earlier.answers);
        let waited = self.waited_ms() - earlier.waited_ms();
        HopCounts {
            requests: self.requests.saturating_sub(earlier.requests),
            retransmissions: self.retransmissions.saturating_sub(earlier.retransmissions),
            timeouts: self.timeouts.saturating_sub(earlier.timeouts),
            answers,
            first_answer_ms: mean(waited, answers),
        }
    }

    /// The counts of two nodes together.
    pub(crate) fn plus(&self, other: &HopCounts) -> HopCounts {
        let answers = self.answers.saturating_add(other.answers);
        HopCounts {
            requests: self.requests.saturating_add(other.requests),
            retransmissions: self.retransmissions.saturating_add(other.retransmissions),
            timeouts: self.timeouts.saturating_add(other.timeouts),
            answers,
            first_answer_ms: mean(self.waited_ms() + other.waited_ms(), answers),
        }
    }

    fn waited_ms(&self) -> f64 {
        self.first_answer_ms * self.answers as f64
    }
}

fn mean(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { (sum / count as f64).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(change: impl FnOnce(&mut Report)) -> Result<(), RefusedReport> {
        let link = |to: &str| LinkReport {
            to: to.parse().unwrap(),
            up: true,
            rtt_ms: 60.0,
            rtt_p95_ms: 65.0,
            jitter_ms: 1.0,
            probes: 5,
            lost: 1,
            sip: HopCounts::default(),
        };
        let origin = NodeId { region: "a".parse().unwrap(), node: "a-1".parse().unwrap() };
        let mut report = Report { origin, incarnation: 1, sequence: 1, links: vec![link("b"), link("c")] };
        change(&mut report);
        report.check()
    }

    #[test]
    fn a_sane_report_passes() {
        assert_eq!(report(|_| ()), Ok(()));
    }

    #[test]
    fn what_cannot_be_true_is_refused() {
        let label = |change: fn(&mut Report)| report(change).unwrap_err().label();
        for bad in [f64::NAN, f64::INFINITY, -1.0, 60_001.0] {
            let error = report(|r| r.links[1].rtt_p95_ms = bad).unwrap_err();
            assert!(error.to_string().starts_with("link to c: rtt_p95_ms is "), "{error}");
        }
        assert_eq!(label(|r| r.links[0].rtt_ms = f64::NAN), "absurd");
        assert_eq!(label(|r| r.links[0].jitter_ms = -0.1), "absurd");
        assert_eq!(label(|r| r.links[0].sip.first_answer_ms = f64::NEG_INFINITY), "absurd");
        assert_eq!(label(|r| r.links[0].lost = 6), "lost_more_than_sent");
        assert_eq!(label(|r| r.links[0].to = r.origin.region.clone()), "link_to_itself");
        assert_eq!(label(|r| r.links[0].to = r.links[1].to.clone()), "link_twice");
        assert_eq!(label(|r| r.links = vec![r.links[0].clone(); 1_025]), "too_many_links");
    }

    #[test]
    fn means_of_two_nodes_are_weighed_by_their_answers() {
        let one = HopCounts { answers: 1, first_answer_ms: 10.0, ..HopCounts::default() };
        let three = HopCounts { answers: 3, first_answer_ms: 30.0, ..HopCounts::default() };
        let both = one.plus(&three);
        assert_eq!((both.answers, both.first_answer_ms), (4, 25.0));
        assert_eq!(both.after(&three), one);
    }
}
