use super::*;
use ringway_router::Codec;
use std::time::Duration;

const FORMATS: [Format; 2] = [
    Format { payload_type: 0, coding: Coding::Pcmu, clock_hz: 8_000 },
    Format { payload_type: 101, coding: Coding::Event, clock_hz: 8_000 },
];

fn header(ssrc: u32, sequence: u16) -> Header {
    Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
        payload_at: 12,
        payload_bytes: 160,
    }
}

fn at(ms: u64) -> Time {
    Time::from_millis(1_000_000 + ms)
}

/// Takes these, 20 ms apart, and says what was seen.
fn take(stats: &mut Stats, headers: impl IntoIterator<Item = Header>) -> Vec<Seen> {
    let start = stats.last().unwrap_or(at(0));
    let takes = headers.into_iter().zip(1_u32..);
    takes
        .map(|(header, n)| stats.take(start + Duration::from_millis(20) * n, &header, 172, &FORMATS))
        .collect()
}

#[test]
fn every_way_to_fit_is_told() {
    use Seen::{Anew, First, Gap, Late, Next, Odd, Twice};
    let table = [
        ("in order, through the wrap", vec![65_534, 65_535, 0, 1], vec![First, Next, Next, Next]),
        ("a loss", vec![1, 2, 5, 6], vec![First, Next, Gap(2), Next]),
        ("two overtake each other", vec![1, 3, 2, 4], vec![First, Gap(1), Late, Next]),
        ("twice", vec![1, 2, 2, 1, 3], vec![First, Next, Twice, Twice, Next]),
        ("one stray number", vec![1, 2, 30_000, 3, 4], vec![First, Next, Odd, Next, Next]),
        ("counting anew", vec![1, 2, 30_000, 30_001, 30_002], vec![First, Next, Odd, Anew, Next]),
        ("almost out of reach", vec![1, 3_000, 3_001], vec![First, Gap(2_998), Next]),
        ("out of reach", vec![1, 3_001, 3_002], vec![First, Odd, Anew]),
        ("as late as may be", vec![200, 299, 201], vec![First, Gap(98), Late]),
    ];
    for (what, numbers, expected) in table {
        let mut stats = Stats::default();
        assert_eq!(take(&mut stats, numbers.into_iter().map(|n| header(1, n))), expected, "{what}");
    }
}

#[test]
fn the_account_adds_up() {
    let mut stats = Stats::default();
    // 10 and 14, 15, 16 are lost, 20 overtaken, 22 comes twice.
    let order = (1..=30).filter(|n| ![10, 14, 15, 16, 20].contains(n)).collect::<Vec<u16>>();
    for n in order {
        let again = match n {
            21 => Some(20),
            22 => Some(22),
            _ => None,
        };
        take(&mut stats, std::iter::once(n).chain(again).map(|n| header(7, n)));
    }
    let summary = stats.summary();
    assert_eq!((summary.packets, summary.bytes), (26, 26 * 172));
    assert_eq!((summary.lost, summary.lost_in_bursts, summary.bursts), (4, 3, 1));
    assert_eq!((summary.reordered, summary.duplicates), (1, 1));
    assert_eq!((summary.ssrc, summary.sources, summary.restarts), (7, 1, 0));
    assert!((summary.loss() - 4.0 / 30.0).abs() < 1e-9);
}

#[test]
fn a_stray_source_changes_nothing_and_a_new_one_is_counted_on_top() {
    let mut stats = Stats::default();
    take(&mut stats, [header(1, 1), header(1, 2), header(9, 500), header(1, 3)]);
    assert_eq!((stats.summary().ssrc, stats.summary().sources), (1, 1));
    take(&mut stats, [header(1, 5), header(9, 500), header(9, 501), header(9, 503)]);
    let summary = stats.summary();
    assert_eq!((summary.ssrc, summary.sources), (9, 2));
    assert_eq!((summary.packets, summary.lost), (8, 2), "one of the old source, one of the new");
}

#[test]
fn a_source_that_counts_anew_close_by_is_not_taken_for_its_own_duplicate() {
    let mut stats = Stats::default();
    take(&mut stats, (1..=40).map(|n| header(1, n)));
    let anew = (20..30).map(|n| Header { timestamp: 900_000 + u32::from(n), ..header(1, n) });
    let seen = take(&mut stats, anew);
    assert_eq!(seen[..3], [Seen::Odd, Seen::Anew, Seen::Next]);
    assert_eq!((stats.summary().duplicates, stats.summary().restarts), (0, 1));
}

#[test]
fn the_longest_silence_is_kept() {
    let mut stats = Stats::default();
    for (ms, n) in [(0, 1), (20, 2), (1_520, 3), (1_540, 4)] {
        stats.take(at(ms), &header(1, n), 172, &FORMATS);
    }
    assert_eq!(stats.summary().gap_ms_max, 1_500);
    assert_eq!(stats.last(), Some(at(1_540)));
}

#[test]
fn a_key_held_down_is_no_jitter_and_an_unknown_format_is_said() {
    let mut stats = Stats::default();
    take(&mut stats, (1..=10).map(|n| header(1, n)));
    take(&mut stats, (11..=20).map(|n| Header { payload_type: 101, timestamp: 1_760, ..header(1, n) }));
    take(&mut stats, (21..=30).map(|n| header(1, n)));
    assert!(stats.summary().jitter_ms < 0.1, "{}", stats.summary().jitter_ms);
    assert!(!stats.summary().clock_assumed);
    take(&mut stats, [Header { payload_type: 97, ..header(1, 31) }]);
    assert!(stats.summary().clock_assumed);
}

#[test]
fn the_score_is_that_of_the_recommendation() {
    let mut stats = Stats::default();
    take(&mut stats, (1..=1_000).filter(|n| n % 50 != 25).map(|n| header(1, n)));
    let summary = stats.summary();
    assert_eq!((summary.codec, summary.lost), (Some(Codec::G711Plc), 20));
    let heard = ringway_router::emodel::rating(Codec::G711Plc, 60.0, 0.02);
    assert_eq!(summary.mos(None), Some(ringway_router::emodel::mos(heard)));
    let far = summary.mos(Some(Duration::from_millis(600))).unwrap();
    assert!(far < summary.mos(None).unwrap() - 0.5, "{far}");
    assert_eq!(Stats::default().summary().mos(None), None);
    assert_eq!(Summary { codec: None, ..summary }.mos(None), None);
}
