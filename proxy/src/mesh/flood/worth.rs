//! Whether a difference between what was told and how things stand is worth a statement.

use crate::mesh::statement::Statement;
use ringway_router::{LinkReport, Region};

/// See the module. The greater, the more pressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// Nobody would do anything else for knowing it; the next refresh tells it.
    Nothing,
    /// A path may score differently: told when there is room for it.
    Telling,
    /// Somebody has to act: told at once.
    Urgent,
}

/// Loss that came at once, and by which paths are left.
const LOSS_STEP: f64 = 0.02;

/// What the differences between two whole statements of one node are worth.
pub(super) fn of_statements(told: &Statement, now: &Statement) -> Worth {
    let of_node = |s: &Statement| (s.draining, s.leaving, s.sip_port, s.probe_port, s.policy_revision);
    if of_node(told) != of_node(now) || told.overrides != now.overrides || !same_frame(told, now) {
        return Worth::Urgent;
    }
    let links = now.links.iter().enumerate().map(|(place, link)| match told_of(told, place, &link.to) {
        Some(known) => of_links(known, link),
        None => Worth::Telling,
    });
    links.max().unwrap_or(Worth::Nothing)
}

/// Whether one can be told as an amendment of the other: what only a full statement can say is the same.
pub(super) fn same_frame(full: &Statement, now: &Statement) -> bool {
    let same_texts = full.zone == now.zone
        && full.version == now.version
        && full.policy_digest == now.policy_digest
        && full.advertise == now.advertise
        && full.media == now.media;
    let mut links = full.links.iter().enumerate();
    same_texts && links.all(|(place, known)| told_of(now, place, &known.to).is_some())
}

/// What a statement says of the link to a region. Mostly it stands in the same place as in the other.
pub(super) fn told_of<'a>(statement: &'a Statement, place: usize, to: &Region) -> Option<&'a LinkReport> {
    let there = statement.links.get(place).filter(|link| link.to == *to);
    there.or_else(|| statement.links.iter().find(|link| link.to == *to))
}

/// What the differences between two reports of one link are worth.
pub fn of_links(told: &LinkReport, now: &LinkReport) -> Worth {
    if (told.up, told.lane, told.cause) != (now.up, now.lane, now.cause) || now.loss > told.loss + LOSS_STEP {
        return Worth::Urgent;
    }
    let lanes_up = |link: &LinkReport| link.lanes.iter().map(|lane| (lane.lane, lane.up)).collect::<Vec<_>>();
    let moved = [
        (told.rtt_ms, now.rtt_ms, 2.0, 0.1),
        (told.rtt_p95_ms, now.rtt_p95_ms, 5.0, 0.2),
        (told.jitter_ms, now.jitter_ms, 2.0, 0.5),
        (told.loss, now.loss, 0.002, 0.3),
        (told.loss_back, now.loss_back, 0.005, 0.5),
        (told.reordered, now.reordered, 0.02, 0.5),
    ]
    .into_iter()
    .any(|(told, now, least, share)| (told - now).abs() > f64::max(least, share * told));
    if moved || lanes_up(told) != lanes_up(now) { Worth::Telling } else { Worth::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_router::Cause;

    #[test]
    fn what_moves_calls_is_urgent_and_noise_is_worth_nothing() {
        let told = LinkReport::clean("us-east-1".parse().unwrap(), 64.0);
        let worth = |change: fn(&mut LinkReport)| {
            let mut now = told.clone();
            change(&mut now);
            of_links(&told, &now)
        };
        assert_eq!(worth(|_| ()), Worth::Nothing);
        assert_eq!(worth(|l| l.rtt_ms += 5.0), Worth::Nothing);
        assert_eq!(worth(|l| (l.jitter_ms, l.packets) = (1.5, 7)), Worth::Nothing);
        assert_eq!(worth(|l| l.rtt_ms += 10.0), Worth::Telling);
        assert_eq!(worth(|l| l.loss = 0.005), Worth::Telling);
        assert_eq!(worth(|l| l.loss = 0.05), Worth::Urgent);
        assert_eq!(worth(|l| l.up = false), Worth::Urgent);
        assert_eq!(worth(|l| l.lane = 2), Worth::Urgent);
        assert_eq!(worth(|l| l.cause = Cause::Server), Worth::Urgent);
    }
}
