//! What one node says of one link. The nodes at both of its ends have a vote: those where it starts saw what they sent,
//! those where it leads count what came. A node that lies or is stuck is outvoted by its neighbors; where it cannot be,
//! the worse of two is believed, because a liar that says "bad" costs a detour, and one that says "good" costs calls.

use serde::{Deserialize, Serialize};

use crate::{Cause, HopCounts, LaneReport, LinkReport, estimate::Measure};

/// What one node said last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Vote {
    pub(crate) incarnation: u64,
    pub(crate) up: bool,
    /// In this run of the node the link was up before, or is.
    reached: bool,
    /// The loss rests on something.
    founded: bool,
    /// `None`: no round trip was completed.
    delay_ms: Option<f64>,
    jitter_ms: f64,
    loss: f64,
    pub(crate) rtt_ms: f64,
    /// What only the end where the link starts can tell; `None` for votes from the other end.
    pub(crate) own: Option<Own>,
}

/// What the node where the link starts says beside the figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Own {
    pub(crate) lane: u8,
    pub(crate) lanes: Vec<LaneReport>,
    pub(crate) cause: Cause,
    pub(crate) sip: HopCounts,
    pub(crate) sip_recent: HopCounts,
}

impl Vote {
    /// Of a node where the link starts. `before` is its last vote.
    pub(crate) fn there(incarnation: u64, report: &LinkReport, before: Option<&Vote>) -> Self {
        let same_run = before.filter(|before| before.incarnation == incarnation);
        let counted = same_run.and_then(|before| before.own.as_ref()).map(|own| own.sip).unwrap_or_default();
        let own = Own {
            lane: report.lane,
            lanes: report.lanes.clone(),
            cause: report.cause,
            sip: report.sip,
            sip_recent: report.sip.after(&counted),
        };
        Self { own: Some(own), ..Self::of(incarnation, report, report.loss, same_run) }
    }

    /// Of a node where the link leads, from its report on the link in the other direction. Both of them measure the same
    /// loop, so the round trip is that of this link too.
    pub(crate) fn back(incarnation: u64, report: &LinkReport, before: Option<&Vote>) -> Self {
        let same_run = before.filter(|before| before.incarnation == incarnation);
        Self::of(incarnation, report, report.loss_back, same_run)
    }

    fn of(incarnation: u64, report: &LinkReport, loss: f64, before: Option<&Vote>) -> Self {
        Self {
            incarnation,
            up: report.up,
            // What is known of round trips stays when a link goes down.
            reached: report.up || report.rtt_ms > 0.0 || before.is_some_and(|before| before.reached),
            founded: report.packets > 0,
            delay_ms: (report.rtt_p95_ms > 0.0).then_some(report.rtt_p95_ms / 2.0),
            jitter_ms: report.jitter_ms,
            loss,
            rtt_ms: report.rtt_ms,
            own: None,
        }
    }
}

/// Whether the link is up: it is not as soon as half of the votes say so. Who has never reached the far end has only just
/// begun, and says nothing against those who have. `None`: nobody votes.
pub(crate) fn up<'a>(votes: impl Iterator<Item = &'a Vote>) -> Option<bool> {
    let (mut silent, mut all, mut down) = (true, 0, 0);
    for vote in votes {
        silent = false;
        if vote.reached {
            all += 1;
            down += usize::from(!vote.up);
        }
    }
    (!silent).then_some(2 * down < all)
}

/// The figures of the link, each the median of what the nodes say that reach the far end; what nobody knows stays as it
/// was.
pub(crate) fn measure<'a>(votes: impl Iterator<Item = &'a Vote> + Clone, before: &Measure) -> Measure {
    let reaching = votes.filter(|vote| vote.up);
    let founded = reaching.clone().any(|vote| vote.founded);
    let timed = reaching.clone().filter(|vote| vote.delay_ms.is_some());
    Measure {
        delay_ms: median(timed.clone().filter_map(|vote| vote.delay_ms)).unwrap_or(before.delay_ms),
        jitter_ms: median(timed.map(|vote| vote.jitter_ms)).unwrap_or(before.jitter_ms),
        loss: median(reaching.filter(|vote| vote.founded || !founded).map(|vote| vote.loss))
            .unwrap_or(before.loss),
    }
}

/// The median; of an even number of values the higher, worse one in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(up: bool, delay_ms: f64, loss: f64) -> Vote {
        let report = LinkReport { up, loss, ..LinkReport::clean("b".parse().unwrap(), 2.0 * delay_ms) };
        Vote::there(1, &report, None)
    }

    /// 1 to 4 nodes at each end, all but one of them honest, and one liar of each kind.
    #[test]
    fn a_liar_never_makes_a_link_look_better_and_is_outvoted_by_two() {
        let honest = vote(true, 80.0, 0.05);
        for nodes in 1..=4 {
            let others = vec![honest.clone(); 2 * nodes - 1];
            let with = |liar: &Vote| {
                let all = [&others[..], std::slice::from_ref(liar)].concat();
                (up(all.iter()).unwrap(), measure(all.iter(), &Measure::default()))
            };
            let outvoted = others.len() >= 2;
            for (kind, liar) in [
                ("too good, or frozen before the trouble", vote(true, 30.0, 0.0)),
                ("too bad, or frozen in an earlier trouble", vote(true, 400.0, 0.9)),
                ("says that it is down", vote(false, 30.0, 0.0)),
            ] {
                let (up, told) = with(&liar);
                assert!(told.delay_ms >= 80.0 && told.loss >= 0.05, "{nodes} nodes, {kind}: {told:?}");
                if outvoted {
                    assert_eq!((up, told.delay_ms, told.loss), (true, 80.0, 0.05), "{nodes} nodes, {kind}");
                }
            }
        }
    }

    #[test]
    fn a_link_is_down_as_soon_as_half_say_so() {
        let votes = |down: usize, all: usize| {
            let votes: Vec<Vote> = (0..all).map(|i| vote(i >= down, 30.0, 0.0)).collect();
            up(votes.iter())
        };
        let fresh = vote(false, 0.0, 0.0);
        assert_eq!(
            up([&vote(true, 30.0, 0.0), &fresh].into_iter()),
            Some(true),
            "who begins says nothing yet"
        );
        assert_eq!(up([&fresh].into_iter()), Some(false), "and knows of no link");
        assert_eq!(up([&vote(false, 30.0, 0.0), &fresh].into_iter()), Some(false));
        assert_eq!(votes(0, 0), None);
        for (down, all, then) in [
            (0, 1, true),
            (1, 1, false),
            (1, 2, false),
            (1, 3, true),
            (2, 3, false),
            (3, 8, true),
            (4, 8, false),
        ] {
            assert_eq!(votes(down, all), Some(then), "{down} of {all}");
        }
    }

    #[test]
    fn a_loss_that_rests_on_nothing_does_not_count_beside_one_that_does() {
        let report =
            |packets, loss| LinkReport { packets, loss, ..LinkReport::clean("b".parse().unwrap(), 60.0) };
        let votes = [Vote::there(1, &report(0, 0.5), None), Vote::there(1, &report(90, 0.01), None)];
        assert_eq!(measure(votes.iter(), &Measure::default()).loss, 0.01);
        assert_eq!(measure(votes[..1].iter(), &Measure::default()).loss, 0.5);
    }
}
