//! The standing of a link as a table, and what several nodes say of it.

use super::*;
use crate::LinkReport;

const HOLD: Duration = Duration::from_secs(5);

fn node(name: &str) -> NodeId {
    NodeId { region: name[..1].parse().unwrap(), node: name.parse().unwrap() }
}

fn report(up: bool, rtt_p95_ms: f64) -> LinkReport {
    LinkReport { up, ..LinkReport::clean("b".parse().unwrap(), rtt_p95_ms) }
}

fn hear(link: &mut Link, second: u64, name: &str, report: &LinkReport) {
    let vote = Vote::there(1, report, link.vote_of(&node(name)));
    link.handle(Time::from_millis(second * 1_000), &node(name), vote, HOLD);
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
            Some(up) => hear(&mut link, second, "a-1", &report(up, 60.0)),
            None => link.advance(Time::from_millis(second * 1_000), HOLD),
        }
        assert_eq!(link.standing, then, "{standing:?}, {heard:?}");
    }
}

#[test]
fn both_ends_have_a_vote_on_each_direction() {
    let mut link = Link::new(Time::default());
    hear(&mut link, 1, "a-1", &LinkReport { loss: 0.02, ..report(true, 60.0) });
    let far = LinkReport { loss: 0.5, loss_back: 0.04, ..report(true, 64.0) };
    link.handle(Time::from_millis(1_000), &node("b-1"), Vote::back(1, &far, None), HOLD);
    assert_eq!(
        (link.now.delay_ms, link.now.loss),
        (32.0, 0.04),
        "of two the worse; the loss of this direction"
    );
    assert_eq!(link.voters(), (1, 2));
    hear(&mut link, 2, "a-2", &LinkReport { loss: 0.03, ..report(true, 61.0) });
    assert_eq!((link.now.delay_ms, link.now.loss), (30.5, 0.03), "of three the middle");
}

#[test]
fn a_node_that_falls_silent_has_no_vote() {
    let mut link = Link::new(Time::default());
    hear(&mut link, 1, "a-1", &report(true, 60.0));
    hear(&mut link, 1, "a-2", &report(false, 0.0));
    assert_eq!(link.standing, Standing::Up, "who has only just begun says nothing against the link");
    hear(&mut link, 1, "a-2", &report(true, 60.0));
    hear(&mut link, 1, "a-2", &report(false, 0.0));
    assert_eq!(link.standing, Standing::Down { silent: false }, "half of them do not reach it");
    let at = Time::from_millis(6_000);
    link.withdraw(at, &node("a-2"), Time::from_millis(1_000), HOLD);
    assert!(matches!(link.standing, Standing::Recovering { .. }));
    link.withdraw(at, &node("a-1"), Time::from_millis(1_000), HOLD);
    assert_eq!((link.standing, link.heard_at), (Standing::Down { silent: true }, Time::from_millis(1_000)));
}

#[test]
fn smoothed_figures_settle_without_reports() {
    let mut link = Link::new(Time::default());
    hear(&mut link, 1, "a-1", &LinkReport { loss: 0.2, ..report(true, 60.0) });
    hear(&mut link, 2, "a-1", &report(true, 60.0));
    assert_eq!((link.now.loss, link.smoothed.loss), (0.0, 0.2));
    let mut steps = 0;
    while let Some(at) = link.deadline() {
        assert!(at.micros().is_multiple_of(250_000) && steps < 100, "{at:?}");
        link.advance(at, HOLD);
        steps += 1;
    }
    assert_eq!(link.smoothed, link.now);
    assert!((10..40).contains(&steps), "{steps} steps of 250 ms");
}

#[test]
fn a_server_that_is_slow_is_shown_and_moves_nothing() {
    let mut link = Link::new(Time::default());
    hear(&mut link, 1, "a-1", &report(true, 60.0));
    let before = link.now;
    let sip = HopCounts { requests: 100, timeouts: 60, ..HopCounts::default() };
    let lanes = vec![LaneReport { lane: 2, up: true, rtt_ms: 60.0, loss: 0.0 }];
    hear(
        &mut link,
        2,
        "a-1",
        &LinkReport { cause: Cause::Server, sip, lane: 2, lanes, ..report(true, 60.0) },
    );
    assert_eq!((link.now, link.standing), (before, Standing::Up), "neither the cause nor a new lane");
    let remarks = link.remarks();
    assert_eq!((remarks.cause, remarks.lane, remarks.lanes.len()), (Cause::Server, 2, 1));
}

#[test]
fn sip_counts_show_the_whole_and_the_last_window() {
    let mut link = Link::new(Time::default());
    let counted =
        |requests| LinkReport { sip: HopCounts { requests, ..HopCounts::default() }, ..report(true, 60.0) };
    hear(&mut link, 1, "a-1", &counted(10));
    hear(&mut link, 3, "a-1", &counted(30));
    let (all, recent) = link.sip();
    assert_eq!((all.requests, recent.requests), (30, 20));
}
