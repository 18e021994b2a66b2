//! What a node says that it measured, and what makes the router refuse to hear it. A refused report is
//! refused whole: half a report would leave a picture of the links that nobody ever saw.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{NodeId, Region};

/// The most links in a report.
pub const LINKS_MAX: usize = 1_024;
/// No round trip on Earth, and no queue worth using, takes longer. Milliseconds.
pub const DELAY_MS_MAX: f64 = 60_000.0;

/// The most lanes of a link.
pub const LANES_MAX: usize = 8;

/// A link-state advertisement: what one node makes of its links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who measured. Every link of the report starts in its region.
    pub origin: NodeId,
    /// Grows with every start of the origin.
    pub incarnation: u64,
    /// Grows with every report of one incarnation.
    pub sequence: u64,
    /// Whether the origin speaks of all its links: those that it does not name are withdrawn. Otherwise the others
    /// are as they were.
    pub full: bool,
    /// One entry a link, each destination at most once.
    pub links: Vec<LinkReport>,
}

/// What the origin makes of the link from its region to [`to`](Self::to): estimates as they stand when it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Where the link leads.
    pub to: Region,
    /// Whether both directions answer (as in BFD, RFC 5880).
    pub up: bool,
    /// The lane that traffic should take: its index. The figures below are those of this lane.
    pub lane: u8,
    /// Median round trip. Zero: none was completed.
    pub rtt_ms: f64,
    /// 95th percentile of the round trips. Zero: none was completed.
    pub rtt_p95_ms: f64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Loss on the way there, 0 to 1: an estimate, not a count.
    pub loss: f64,
    /// Loss on the way back, 0 to 1: the counters of both sides tell the directions apart (RFC 8762).
    pub loss_back: f64,
    /// Packets that arrived out of order on the way there, 0 to 1.
    pub reordered: f64,
    /// How much the figures rest on: packets of the last ten seconds whose fate is known.
    pub packets: u32,
    /// What is taken to be wrong, if anything is.
    pub cause: Cause,
    /// Every lane that is measured, by index.
    pub lanes: Vec<LaneReport>,
    /// SIP over this link.
    pub sip: HopCounts,
}

/// One lane of a link: one UDP source port. Cloud networks spread flows over parallel paths by port, so one lane may be
/// healthy while another is not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneReport {
    /// Its index.
    pub lane: u8,
    /// Whether it answers.
    pub up: bool,
    /// Median round trip.
    pub rtt_ms: f64,
    /// Loss on the way there, 0 to 1.
    pub loss: f64,
}

/// Whose fault it is that calls suffer on a link. Only the path's is a reason to route around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing is wrong.
    #[default]
    None,
    /// Packets are lost or late on the way.
    Path,
    /// The way is clean, the far end is late or refuses.
    Server,
    /// Something is wrong, and what was seen fits both.
    Unknown,
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
    /// Requests that the far side refused for want of room (503).
    pub unavailable: u64,
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
    /// Not a number, negative, or more than one.
    #[error("link to {to}: {field} is {value}, not a share from 0 to 1")]
    NoShare {
        /// Where the link leads.
        to: Region,
        /// Which value.
        field: &'static str,
        /// What it was, as text.
        value: String,
    },
    /// More lanes than [`LANES_MAX`], one that stands there twice, or one beyond the last.
    #[error("link to {0}: lanes that cannot be")]
    Lanes(Region),
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
            Self::NoShare { .. } => "no_share",
            Self::Lanes(_) => "lanes",
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
    /// A link in good health with this round trip, ms: nothing lost, no jitter, on lane 0.
    pub fn clean(to: Region, rtt_ms: f64) -> Self {
        Self {
            to,
            up: true,
            lane: 0,
            rtt_ms,
            rtt_p95_ms: rtt_ms,
            jitter_ms: 0.0,
            loss: 0.0,
            loss_back: 0.0,
            reordered: 0.0,
            packets: 100,
            cause: Cause::None,
            lanes: Vec::new(),
            sip: HopCounts::default(),
        }
    }

    fn check(&self) -> Result<(), RefusedReport> {
        let times = [
            ("rtt_ms", self.rtt_ms),
            ("rtt_p95_ms", self.rtt_p95_ms),
            ("jitter_ms", self.jitter_ms),
            ("first_answer_ms", self.sip.first_answer_ms),
        ];
        let of_lanes = self.lanes.iter().map(|lane| ("lanes.rtt_ms", lane.rtt_ms));
        for (field, value) in times.into_iter().chain(of_lanes) {
            if !(0.0..=DELAY_MS_MAX).contains(&value) {
                return Err(RefusedReport::Absurd { to: self.to.clone(), field, value: value.to_string() });
            }
        }
        let shares = [("loss", self.loss), ("loss_back", self.loss_back), ("reordered", self.reordered)];
        let of_lanes = self.lanes.iter().map(|lane| ("lanes.loss", lane.loss));
        for (field, value) in shares.into_iter().chain(of_lanes) {
            if !(0.0..=1.0).contains(&value) {
                return Err(RefusedReport::NoShare { to: self.to.clone(), field, value: value.to_string() });
            }
        }
        let mut seen = [false; LANES_MAX];
        let fits = |index: u8| usize::from(index) < LANES_MAX;
        let once = |lane: &LaneReport| {
            fits(lane.lane) && !std::mem::replace(&mut seen[usize::from(lane.lane)], true)
        };
        if !fits(self.lane) || !self.lanes.iter().all(once) {
            return Err(RefusedReport::Lanes(self.to.clone()));
        }
        Ok(())
    }
}

impl HopCounts {
    /// What was counted after `earlier`, counts of the same incarnation.
    #[must_use]
    pub fn after(&self, earlier: &HopCounts) -> HopCounts {
        let answers = self.answers.saturating_sub(earlier.answers);
        let waited = self.waited_ms() - earlier.waited_ms();
        HopCounts {
            requests: self.requests.saturating_sub(earlier.requests),
            retransmissions: self.retransmissions.saturating_sub(earlier.retransmissions),
            timeouts: self.timeouts.saturating_sub(earlier.timeouts),
            answers,
            first_answer_ms: mean(waited, answers),
            unavailable: self.unavailable.saturating_sub(earlier.unavailable),
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
            unavailable: self.unavailable.saturating_add(other.unavailable),
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
        let lane = |lane| LaneReport { lane, up: true, rtt_ms: 60.0, loss: 0.0 };
        let link = |to: &str| LinkReport {
            lanes: vec![lane(0), lane(7)],
            ..LinkReport::clean(to.parse().unwrap(), 60.0)
        };
        let origin = NodeId { region: "a".parse().unwrap(), node: "a-1".parse().unwrap() };
        let mut report =
            Report { origin, incarnation: 1, sequence: 1, full: true, links: vec![link("b"), link("c")] };
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
        assert_eq!(label(|r| r.links[0].loss = 1.1), "no_share");
        assert_eq!(label(|r| r.links[0].loss_back = f64::NAN), "no_share");
        assert_eq!(label(|r| r.links[0].reordered = -0.1), "no_share");
        assert_eq!(label(|r| r.links[0].lanes[1].loss = 2.0), "no_share");
        assert_eq!(label(|r| r.links[0].lanes[1].rtt_ms = -1.0), "absurd");
        assert_eq!(label(|r| r.links[0].lane = 8), "lanes");
        assert_eq!(label(|r| r.links[0].lanes[1].lane = 8), "lanes");
        assert_eq!(label(|r| r.links[0].lanes[1].lane = 0), "lanes");
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
