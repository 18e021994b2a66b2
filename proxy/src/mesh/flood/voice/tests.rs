use super::*;
use crate::mesh::{convert::node_id, relay::MediaRelay};

const SMALL: Size = Size { nodes: 4, streams: 3 };
const LARGE: Size = Size { nodes: 200, streams: 101 };

fn draft(links: usize) -> Statement {
    let link = |n: usize| LinkReport::clean(format!("region-number-{n}").parse().unwrap(), 60.0);
    Statement {
        sequence: 0,
        zone: "us-east-1a".into(),
        version: "1".into(),
        policy_digest: "d".into(),
        links: (0..links).map(link).collect(),
        ..Statement::bare(node_id("us-east-1", "e1").unwrap())
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
fn beginning() -> Instant {
    Instant::now()
}

/// Lets the voice run for so many seconds in steps of 50 ms, `change` altering the draft ahead of each; everything it says.
fn run(
    size: Size,
    links: usize,
    seconds: u64,
    change: impl Fn(u64, &mut Statement),
) -> Vec<(u64, Statement)> {
    let start = beginning();
    let mut voice = Voice::new(start, 7);
    let mut draft = draft(links);
    let mut said = Vec::new();
    for at_ms in (0..seconds * 1_000).step_by(50) {
        change(at_ms, &mut draft);
        voice.set(draft.clone());
        said.extend(voice.speak(start + Duration::from_millis(at_ms), size).map(|s| (at_ms, s)));
    }
    said
}

#[test]
fn a_small_mesh_hears_everything_once_a_second() {
    let said = run(SMALL, 3, 10, |_, _| ());
    assert!((10..=15).contains(&said.len()), "{}", said.len());
    assert!(said.iter().all(|(_, statement)| statement.is_full() && statement.refresh == REFRESH_MIN));
    assert!(said.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 1_000), "never later than promised");
}

#[test]
fn a_relay_that_comes_goes_or_changes_its_key_is_told_at_once_and_in_full() {
    let relay = |key: u8| MediaRelay {
        ports: vec![20_000],
        sender_key: [1; 32],
        receiving_keys: vec![(0, [key; 32])],
        incarnation: 1,
    };
    let said = run(LARGE, 49, 60, |at_ms, draft| match at_ms {
        10_000 => draft.media = Some(relay(2)),
        20_000 => draft.media = Some(relay(3)),
        30_000 => draft.media = None,
        _ => {}
    });
    let at = |ms: u64| &said.iter().find(|(at_ms, _)| *at_ms >= ms).unwrap().1;
    for (ms, media) in [(10_000, Some(relay(2))), (20_000, Some(relay(3))), (30_000, None)] {
        let first = at(ms);
        assert!(first.is_full() && first.urgent && first.media == media, "{ms}: {first:?}");
        assert!(said.iter().any(|(at_ms, _)| (ms..ms + 1_000).contains(at_ms)));
    }
    // An amendment leaves it as it is.
    let full = Statement { media: Some(relay(4)), ..draft(3) };
    let amendment = Statement { basis: 1, media: None, ..draft(0) };
    assert_eq!(amendment.on(&full).media, Some(relay(4)));
}

#[test]
fn in_a_large_mesh_a_refresh_is_short_and_rare() {
    let said = run(LARGE, 49, 300, |_, _| ());
    let (first, rest) = said.split_first().unwrap();
    assert!(first.1.is_full());
    assert!((5..=30).contains(&rest.len()), "{}", rest.len());
    let fulls = rest.iter().filter(|(_, statement)| statement.is_full()).count();
    assert!(fulls <= 2, "everything is said again every nine minutes on average, not {fulls} times in five");
    for (at_ms, statement) in rest {
        assert!(statement.is_full() || statement.links.is_empty(), "at {at_ms} ms");
        assert!(statement.refresh >= Duration::from_secs(10) && !statement.urgent);
    }
}

#[test]
fn trouble_is_told_at_once_and_as_an_amendment_on_the_full_statement() {
    let said = run(LARGE, 49, 5, |at_ms, draft| match at_ms {
        1_000 => draft.links[7].up = false,
        1_050 => draft.links[9].loss = 0.2,
        _ => (),
    });
    let told: Vec<(u64, usize, bool)> = said.iter().map(|(at, s)| (*at, s.links.len(), s.urgent)).collect();
    assert_eq!(told, [(0, 49, true), (1_000, 1, true), (1_050, 2, true)]);
    let whole = said[2].1.clone().on(&said[0].1);
    assert!(!whole.links[7].up && whole.links[9].loss == 0.2 && whole.links[8] == said[0].1.links[8]);
    assert_eq!((whole.zone.as_str(), whole.basis), ("us-east-1a", 1));
}

#[test]
fn what_is_well_again_leaves_the_amendment() {
    let said = run(LARGE, 49, 2, |at_ms, draft| draft.links[7].up = !(1_000..1_500).contains(&at_ms));
    let last = &said.last().unwrap().1;
    assert!(said.len() == 3 && last.links.len() == 1 && last.links[0].up, "told once that it is up again");
    let said = run(LARGE, 49, 200, |at_ms, draft| draft.links[7].up = !(1_000..1_500).contains(&at_ms));
    assert!(said.last().unwrap().1.links.is_empty(), "and then no word is lost on it");
}

#[test]
fn many_changes_make_a_full_statement() {
    let said = run(LARGE, 49, 1, |at_ms, draft| {
        if at_ms == 500 {
            draft.links.iter_mut().take(30).for_each(|link| link.up = false);
        }
    });
    assert!(said.len() == 2 && said[1].1.is_full());
}

#[test]
fn whoever_has_something_new_all_the_time_keeps_to_the_budget() {
    let seconds = 600;
    let said =
        run(LARGE, 49, seconds, |at_ms, draft| draft.links[3].rtt_ms = 60.0 + (at_ms / 50 % 7) as f64 * 20.0);
    let bytes: usize = said.iter().map(|(_, statement)| convert::encode(statement).len()).sum();
    let a_second = bytes as f64 / seconds as f64;
    assert!(a_second < CHANGE_BUDGET / 200.0 + 40.0, "{a_second} bytes a second in {} words", said.len());
    let flapping = run(LARGE, 49, seconds, |at_ms, draft| draft.links[3].up = at_ms % 200 < 100);
    assert!(flapping.len() < 200, "a flapping link may owe, but not for ever: {}", flapping.len());
}

#[test]
fn policy_drain_and_ports_are_urgent_and_told_in_full_if_only_that_can_say_it() {
    let said = run(LARGE, 49, 3, |at_ms, draft| match at_ms {
        1_000 => draft.draining = true,
        2_000 => draft.policy_digest = "e".into(),
        _ => (),
    });
    let told: Vec<(u64, bool, bool)> = said.iter().map(|(at, s)| (*at, s.urgent, s.is_full())).collect();
    assert_eq!(told, [(0, true, true), (1_000, true, false), (2_000, true, true)]);
}
