use super::*;
use ringway_router::{Explanation, LinkReport, NodeId, Output, Region, Report, Settings, Traffic};
use std::{collections::BTreeSet, env, fs, path::Path};

const REGIONS: [&str; 3] = ["us-west-2", "us-east-2", "us-east-1"];

fn region(name: &str) -> Region {
    name.try_into().unwrap()
}

/// A small world that has weather: the link from the first to the last region is bad every other ten seconds.
fn report(from: &str, sequence: u64) -> Input {
    let others = REGIONS.iter().filter(|to| **to != from);
    let links = others
        .map(|to| {
            let bad = from == REGIONS[0] && *to == REGIONS[2] && sequence / 20 % 2 == 1;
            let base = LinkReport::clean(region(to), 60.0 + sequence as f64 / 7.0);
            LinkReport { loss: if bad { 0.08 } else { 0.0 }, packets: 200, ..base }
        })
        .collect();
    let origin = NodeId { region: region(from), node: "n1".try_into().unwrap() };
    Input::Report(Report { origin, incarnation: 1, sequence, full: true, links })
}

fn explained(router: &Router, at: Time) -> Explanation {
    router.explain(at, &region(REGIONS[0]), &region(REGIONS[2]), &Traffic::voice())
}

/// Feeds a router and the record for a minute; what was explained live, every two seconds.
fn live(recorder: &mut Recorder, from_s: u64) -> Vec<(Time, Explanation)> {
    let mut router = Router::new(region(REGIONS[0]), Settings::default());
    let mut told = Vec::new();
    let mut tell = |router: &mut Router, now: Time, input: Input| {
        recorder.note(now, &input, router);
        router.handle(now, input);
        while let Some(output) = router.poll() {
            if let Output::Changed(change) = output {
                recorder.note_change(&change);
            }
        }
    };
    let others: BTreeSet<Region> = REGIONS[1..].iter().map(|name| region(name)).collect();
    tell(&mut router, Time::from_millis(from_s * 1_000), Input::Regions(others));
    for sequence in 0..120 {
        for (index, from) in REGIONS.iter().enumerate() {
            let now = Time::from_millis(from_s * 1_000 + sequence * 500 + index as u64 * 7 + 1);
            tell(&mut router, now, report(from, sequence));
        }
        let now = Time::from_millis(from_s * 1_000 + sequence * 500 + 400);
        if router.deadline().is_some_and(|deadline| deadline <= now) {
            tell(&mut router, now, Input::Tick);
        }
        if sequence % 4 == 3 {
            told.push((now, explained(&router, now)));
        }
    }
    told
}

async fn compare(reader: &Reader, told: &[(Time, Explanation)]) {
    for (at, live) in told {
        let segments = reader.segments(*at, Time::from_micros(u64::MAX)).await;
        let past = Past::at(*at, &segments).unwrap();
        assert_eq!(explained(&past.router, *at), *live, "at {at:?}");
    }
}

fn folder(test: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("ringway-record-{}-{test}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn open_in(folder: Option<&Path>, bytes: u64) -> (Recorder, Reader) {
    let limits = Limits { age: Duration::from_secs(86_400), bytes };
    open(folder.map(Path::to_owned), limits, counter()).unwrap()
}

fn counter() -> IntCounter {
    IntCounter::new("dropped", "dropped").unwrap()
}

#[tokio::test]
async fn decisions_are_what_they_were() {
    let (mut recorder, reader) = open_in(None, 1 << 30);
    let told = live(&mut recorder, 1_000);
    let chosen: BTreeSet<_> = told.iter().map(|(_, one)| format!("{:?}", one.chosen)).collect();
    assert!(chosen.len() > 1, "the path changed: {chosen:?}");
    compare(&reader, &told).await;

    let everything = reader.segments(Time::default(), Time::from_micros(u64::MAX)).await;
    let changes = changes(&everything, Time::default()).unwrap();
    assert!(changes.len() > 1, "{changes:?}");
    assert!(matches!(Past::at(Time::from_millis(999_999), &everything), Err(NotReplayed::Before)));
}

#[tokio::test]
async fn and_after_a_restart_and_behind_a_torn_line() {
    let folder = folder("restart");
    let (mut recorder, reader) = open_in(Some(&folder), 1 << 30);
    let told = live(&mut recorder, 1_000);
    compare(&reader, &told).await;
    drop((recorder, reader));

    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut text = fs::read(&file).unwrap();
    text.extend_from_slice(b"{\"input\":{\"at\":10");
    fs::write(&file, text).unwrap();
    fs::write(folder.join("record-00000000000000000007.jsonl"), "{\"snap").unwrap();
    fs::write(folder.join("notes.txt"), "not ours").unwrap();

    let (mut recorder, reader) = open_in(Some(&folder), 1 << 30);
    compare(&reader, &told).await;
    let later = live(&mut recorder, 2_000);
    compare(&reader, &told).await;
    compare(&reader, &later).await;
    let between = Time::from_millis(1_500_000);
    let segments = reader.segments(between, Time::from_micros(u64::MAX)).await;
    let past = Past::at(between, &segments).unwrap();
    assert!(past.note.contains("started anew"), "{}", past.note);
    assert!(folder.join("notes.txt").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_a_snapshot_comes_next() {
    let dropped = counter();
    let (sender, mut messages) = mpsc::channel(4);
    let mut recorder = Recorder {
        sender,
        dropped: dropped.clone(),
        due: Some(After::Start),
        began: Time::default(),
        inputs: 0,
    };
    let router = Router::new(region(REGIONS[0]), Settings::default());
    for ms in 1..=10 {
        recorder.note(Time::from_millis(ms), &Input::Tick, &router);
    }
    assert_eq!(dropped.get(), 7, "a snapshot and three ticks found room");
    while messages.try_recv().is_ok() {}
    recorder.note(Time::from_millis(11), &Input::Tick, &router);
    let Ok(Message::Line(Line::Snapshot { after, at, .. })) = messages.try_recv() else {
        panic!("a snapshot comes first");
    };
    assert_eq!((after, at), (After::Loss, Time::from_millis(11)));
}

#[test]
fn the_oldest_goes_first() {
    let folder = folder("prune");
    let limits = Limits { age: Duration::from_secs(3_600), bytes: 40_000 };
    let mut shelf = Shelf::open(Some(folder.clone()), limits, counter()).unwrap();
    let router = Box::new(Router::new(region(REGIONS[0]), Settings::default()));
    for minute in 0..200 {
        let at = Time::from_millis(minute * 60_000);
        shelf.put(Line::Snapshot { at, after: After::Turn, router: router.clone() });
        for _ in 0..50 {
            shelf.put(Line::Input { at, input: Input::Tick });
        }
    }
    shelf.flush();
    let files = fs::read_dir(&folder).unwrap().count();
    let facts = shelf.facts();
    assert!(facts.bytes <= 40_000 && (2..60).contains(&files), "{facts:?}, {files} files");
    shelf.put(Line::Snapshot { at: Time::from_millis(100_000_000_000), after: After::Turn, router });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "all others are too old");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_disk_that_failed_leaves_a_gap_that_a_replay_tells() {
    let folder = folder("fails");
    let limits = Limits { age: Duration::from_secs(86_400), bytes: 1 << 30 };
    let dropped = counter();
    let mut shelf = Shelf::open(Some(folder.clone()), limits, dropped.clone()).unwrap();
    let router = Box::new(Router::new(region(REGIONS[0]), Settings::default()));
    let at = |second: u64| Time::from_millis(second * 1_000);
    let snapshot = |second| Line::Snapshot { at: at(second), after: After::Turn, router: router.clone() };
    let tick = |second| Line::Input { at: at(second), input: Input::Tick };
    let note = |shelf: &mut Shelf, second| {
        let segments = shelf.segments(at(0), at(1_000));
        Past::at(at(second), &segments).unwrap().note
    };
    shelf.put(snapshot(1));
    shelf.put(tick(2));
    assert_eq!(note(&mut shelf, 3), "");
    // The folder is gone when the next segment begins.
    let kept = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = fs::read(&kept).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    shelf.put(snapshot(10));
    shelf.put(tick(11));
    assert_eq!(dropped.get(), 2);
    fs::create_dir_all(&folder).unwrap();
    fs::write(&kept, text).unwrap();
    assert!(note(&mut shelf, 12).contains("has lost"), "while it lasts");
    shelf.put(snapshot(20));
    assert_eq!(note(&mut shelf, 21), "");
    assert!(note(&mut shelf, 12).contains("has lost"), "and afterwards");
    drop(shelf);
    let mut again = Shelf::open(Some(folder.clone()), limits, counter()).unwrap();
    assert!(note(&mut again, 12).contains("has lost"), "and after a restart");
    fs::remove_dir_all(folder).unwrap();
}
