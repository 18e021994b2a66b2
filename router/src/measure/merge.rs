//! One link from several ways: a region has several nodes, and each is probed.

use super::LinkEstimate;
use crate::LaneReport;

/// The link to a region, from the ways to its nodes: over those that are up, because a dead node is no lossy link; down
/// when all are. `None` of no ways.
pub fn together(ways: &[&LinkEstimate]) -> Option<LinkEstimate> {
    let up: Vec<&LinkEstimate> = ways.iter().copied().filter(|way| way.up).collect();
    let counted = if up.is_empty() { ways } else { &up };
    let first = counted.first()?;
    if counted.len() == 1 {
        return Some((*first).clone());
    }
    let weight = |way: &LinkEstimate| f64::from(way.packets.max(1));
    let all: f64 = counted.iter().map(|way| weight(way)).sum();
    let mean =
        |what: fn(&LinkEstimate) -> f64| counted.iter().map(|way| what(way) * weight(way)).sum::<f64>() / all;
    let tunnels = counted.iter().filter_map(|way| way.tunnel_loss).reduce(f64::max);
    Some(LinkEstimate {
        up: !up.is_empty(),
        lane: lane_of_most(counted),
        rtt_ms: mean(|way| way.rtt_ms),
        rtt_p95_ms: mean(|way| way.rtt_p95_ms),
        jitter_ms: mean(|way| way.jitter_ms),
        loss: mean(|way| way.loss),
        loss_back: mean(|way| way.loss_back),
        reordered: mean(|way| way.reordered),
        packets: counted.iter().fold(0, |sum, way| sum.saturating_add(way.packets)),
        brownout: counted.iter().any(|way| way.brownout),
        slower_ms: mean(|way| way.slower_ms),
        tunnel_loss: tunnels,
        lanes: lanes(counted),
    })
}

/// The lane that most of the ways would take; of equals the lowest.
fn lane_of_most(ways: &[&LinkEstimate]) -> u8 {
    let votes = |lane: u8| ways.iter().filter(|way| way.lane == lane).count();
    let lanes = ways.iter().map(|way| way.lane);
    lanes.max_by_key(|&lane| (votes(lane), u8::MAX - lane)).unwrap_or(0)
}

fn lanes(ways: &[&LinkEstimate]) -> Vec<LaneReport> {
    let longest = ways.iter().map(|way| way.lanes.len()).max().unwrap_or(0);
    let at = |at: usize| {
        let lanes: Vec<&LaneReport> = ways.iter().filter_map(|way| way.lanes.get(at)).collect();
        let first = lanes.first()?;
        #[expect(clippy::cast_precision_loss, reason = "a region has few nodes")]
        let count = lanes.len() as f64;
        Some(LaneReport {
            lane: first.lane,
            up: lanes.iter().any(|lane| lane.up),
            rtt_ms: lanes.iter().map(|lane| lane.rtt_ms).sum::<f64>() / count,
            loss: lanes.iter().map(|lane| lane.loss).sum::<f64>() / count,
        })
    };
    (0..longest).filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(up: bool, lane: u8, rtt_ms: f64, loss: f64) -> LinkEstimate {
        let lanes = vec![LaneReport { lane, up, rtt_ms, loss }];
        LinkEstimate { up, lane, rtt_ms, loss, packets: 10, lanes, ..LinkEstimate::default() }
    }

    #[test]
    fn a_dead_node_is_no_lossy_link() {
        let (alive, dead) = (way(true, 1, 60.0, 0.0), way(false, 2, 0.0, 1.0));
        let link = together(&[&dead, &alive]).expect("two ways");
        assert_eq!((link.up, link.lane, link.rtt_ms, link.loss), (true, 1, 60.0, 0.0));
        assert!(!together(&[&dead, &dead]).expect("two ways").up);
        assert_eq!(together(&[]), None);
    }

    #[test]
    fn ways_that_are_up_are_weighed() {
        let (a, mut b) = (way(true, 1, 60.0, 0.0), way(true, 1, 80.0, 0.04));
        b.packets = 30;
        let link = together(&[&a, &b, &way(true, 0, 75.0, 0.03)]).expect("three ways");
        assert_eq!((link.lane, link.packets, link.rtt_ms), (1, 50, 75.0));
        assert!((link.loss - 0.03).abs() < 1e-9);
    }
}
