//! A recorded day: what comes back, how much it takes, and what is forgotten.

use super::*;

fn region(i: usize) -> Region {
    format!("r{i}").parse().unwrap()
}

fn up(delay_ms: f32, loss: f32) -> Reading {
    Reading { up: true, delay_ms, jitter_ms: 1.0, loss }
}

fn minute(i: u64) -> Time {
    Time::from_millis(1_795_514_400_000 + i * 60_000)
}

/// Notes one reading for all links between so many regions.
fn note(history: &mut History, at: Time, regions: usize, reading: Reading) {
    let names: Vec<Region> = (0..regions).map(region).collect();
    let mut pairs: Vec<(&Region, &Region)> =
        names.iter().flat_map(|a| names.iter().map(move |b| (a, b))).filter(|(a, b)| a != b).collect();
    pairs.sort_unstable();
    history.note(at, pairs.into_iter().map(|(a, b)| (a, b, reading)));
}

#[test]
fn a_day_comes_back_minute_by_minute() {
    let mut history = History::default();
    for i in 0..1_500 {
        let reading = if (600..660).contains(&i) { up(80.0, 0.05) } else { up(30.0, 0.0) };
        note(&mut history, minute(i), 3, reading);
    }
    assert_eq!((history.len(), history.began()), (1_440, Some(minute(60))));
    let delays = |i: usize| {
        let sample = history.sample(i).unwrap();
        assert_eq!(sample.links.len(), 6);
        (sample.at, sample.links[0].2.delay_ms)
    };
    assert_eq!(delays(539), (minute(599), 30.0));
    assert_eq!(delays(540), (minute(600), 80.0));
    assert_eq!(delays(599), (minute(659), 80.0));
    assert_eq!(delays(600), (minute(660), 30.0));
    assert_eq!(history.sample(1_440), None);
    let runs: usize = history.tracks.iter().map(|track| track.runs.len()).sum();
    assert_eq!(runs, 6 * 3, "what does not change takes no room");
}

#[test]
fn readings_are_a_minute_apart_and_small_changes_are_none() {
    let mut history = History::default();
    for second in 0..300 {
        let at = minute(0) + Duration::from_secs(second);
        note(&mut history, at, 2, up(30.0 + (second % 2) as f32 * 0.4, 0.000_1));
    }
    assert_eq!(history.len(), 5);
    assert!(history.tracks.iter().all(|track| track.runs.len() == 1));
}

#[test]
fn the_worst_second_of_every_hour_is_kept_though_no_minute_saw_it() {
    let mut history = History::default();
    for second in 0..7_200 {
        let reading = match second {
            // Between two minutes.
            90..95 => Reading { up: false, ..up(0.0, 1.0) },
            4_000..4_005 => up(30.0, 0.2),
            _ => up(30.0, 0.0),
        };
        note(&mut history, minute(0) + Duration::from_secs(second), 2, reading);
    }
    assert!((0..history.len()).all(|i| history.sample(i).unwrap().links[0].2.up));
    let worst: Vec<(u64, bool)> =
        history.worst().map(|sample| (sample.at.since(minute(0)).as_secs(), sample.links[0].2.up)).collect();
    assert_eq!(worst, [(90, false), (4_000, true)]);
}

#[test]
fn a_link_that_nobody_speaks_of_is_not_in_the_sample_and_forgotten_a_day_later() {
    let mut history = History::default();
    for i in 0..10 {
        note(&mut history, minute(i), 3, up(30.0, 0.0));
    }
    for i in 10..1_460 {
        note(&mut history, minute(i), 2, up(30.0, 0.0));
    }
    assert_eq!(history.tracks.len(), 2);
    assert_eq!(history.sample(0).unwrap().links.len(), 2);
}

#[test]
fn memory_is_bounded_when_everything_always_changes() {
    let mut history = History::default();
    for i in 0..500 {
        // Each minute is another state of each of 2,450 links.
        note(&mut history, minute(i), 50, up(20.0 + (i % 2) as f32 * 20.0, 0.0));
    }
    let runs: usize = history.tracks.iter().map(|track| track.runs.len()).sum();
    assert!(runs <= RUNS_MAX && history.len() > 100, "{runs} runs of {} minutes", history.len());
    let last = history.sample(history.len() - 1).unwrap();
    assert_eq!((last.at, last.links[0].2.delay_ms), (minute(499), 40.0));
}
