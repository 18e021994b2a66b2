//! The hysteresis as a table: every state against every kind of view.

use super::*;
use crate::policy::Terms;

const NOW: Time = Time::from_millis(100_000);
const LATER: Time = Time::from_millis(105_000);

fn path(relays: &str) -> Path {
    let relays = relays.split('+').filter(|relay| *relay != "direct");
    Path::new(["a"].into_iter().chain(relays).chain(["b"]).map(|region| region.parse().unwrap())).unwrap()
}

fn weighed(relays: &str, score: f64, score_smoothed: f64) -> Weighed {
    Weighed {
        path: path(relays),
        delay_ms: 30.0,
        loss: 0.0,
        r: score,
        r_smoothed: score_smoothed,
        mos: 4.4,
        terms: Terms::default(),
        terms_r: 0.0,
        score,
        score_smoothed,
    }
}

fn view(incumbent: Option<Result<Weighed, Obstacle>>, best: &[Weighed]) -> View<'_> {
    View { incumbent, best, policy_moved: false, orders_moved: false, policy_revision: 7 }
}

fn settled(relays: &str) -> State {
    State::Settled(path(relays))
}

/// Every state against every kind of view. A state is `-` for vacant, `c` for settled on the relay c, and
/// `c<direct@now` for challenged by the direct path until now. The paths stand best first, with their score
/// now and smoothed; `!` marks a pinned one. `c?` is a first choice, not a hold ago. `gone` is an incumbent with something in its way.
const TABLE: &str = "
    nothing, and nothing to be had      | -              |      |                                | -                | stay
    nothing, and a path                 | -              |      | c 92 92                        | c                | first

    alone                               | c              |      | c 92 92                        | c                | stay
    a tie                               | c              |      | direct 92.2 92.2, c 92 92      | c                | stay
    a bit better now, not smoothed      | c              |      | direct 94 91, c 92 92          | c                | stay
    a bit better, both ways             | c              |      | direct 93 93, c 92 92          | c<direct@later   | stay
    another detour, a bit better        | c              |      | d 94 94, c 92 92               | c                | stay
    a longer one, a bit better          | direct         |      | d 94 94, direct 92 92          | direct           | stay
    fewer relays, not the very best     | c+d            |      | c+e 93 93, d 92 92, c+d 91 91  | c+d<d@later      | stay
    by the margin now, not smoothed     | c              |      | direct 96 94, c 92 92          | c<direct@later   | stay
    by the margin, both ways            | c              |      | direct 95.1 95.1, c 92 92      | direct           | better
    the best is not better smoothed     | c              |      | d 99 90, direct 96 96, c 92 92 | direct           | better
    gone, another is left               | c              | gone | direct 50 50                   | direct           | gone
    gone, nothing is left               | c              | gone |                                | -                | gone
    a pinned path came up               | c              |      | !d 40 40, c 92 92              | d                | policy
    pinned here, another far better     | d              |      | !d 40 40, c 92 92              | d                | stay

    a first choice, a bit better one    | c?             |      | direct 93 93, c 92 92          | direct           | sooner
    a first choice, another detour      | c?             |      | d 93 93, c 92 92               | c                | stay
    a first choice, a tie               | c?             |      | direct 92.2 92.2, c 92 92      | c                | stay

    the hold goes on                    | c<direct@later |      | direct 93 93, c 92 92          | c<direct@later   | stay
    the hold is over                    | c<direct@now   |      | direct 93 93, c 92 92          | direct           | held
    over, though another leads          | c<direct@now   |      | d 94 94, direct 93 93, c 92 92 | direct           | held
    over, but better no more            | c<direct@now   |      | c 92 92, direct 91 91          | c                | stay
    over, but another challenges now    | c+d<d@now      |      | direct 92 92, c+d 91 91, d 9 9 | c+d<direct@later | stay
    by the margin before the hold       | c<direct@later |      | direct 96 96, c 92 92          | direct           | better
    gone while challenged               | c<direct@later | gone | direct 93 93                   | direct           | gone
    gone while challenged, nothing left | c<direct@later | gone |                                | -                | gone
    pinned while challenged             | c<direct@later |      | !d 40 40, direct 93 93, c 92 92| d                | policy
";

#[test]
fn every_state_against_every_view() {
    for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
        let [name, before, gone, paths, after, expected] =
            *line.split('|').map(str::trim).collect::<Vec<_>>()
        else {
            panic!("six columns: {line}");
        };
        let best: Vec<Weighed> = paths.split(',').filter(|path| !path.is_empty()).map(entry).collect();
        let (before, open) = before.strip_suffix('?').map_or((before, None), |before| (before, Some(LATER)));
        let mut chooser = Chooser { state: state(before), open_until: open, ..Chooser::default() };
        let incumbent =
            chooser.path().cloned().map(|path| match best.iter().find(|entry| entry.path == path) {
                Some(usable) if gone.is_empty() => Ok(usable.clone()),
                _ => Err(Obstacle::NoNode("c".parse().unwrap())),
            });
        let reason = chooser.handle(NOW, &view(incumbent, &best), &Settings::default());
        assert_eq!((chooser.state, word(reason.as_ref())), (state(after), expected), "{name}");
    }
}

fn entry(text: &str) -> Weighed {
    let [name, now, smoothed] = *text.split_whitespace().collect::<Vec<_>>() else { panic!("{text}") };
    let mut weighed = weighed(name.trim_start_matches('!'), now.parse().unwrap(), smoothed.parse().unwrap());
    weighed.terms.pinned = name.starts_with('!');
    weighed
}

fn state(text: &str) -> State {
    match text.split_once(['<']) {
        None if text == "-" => State::Vacant,
        None => settled(text),
        Some((chosen, challenge)) => {
            let (by, until) = challenge.split_once('@').unwrap();
            let until = if until == "now" { NOW } else { LATER };
            State::Challenged { path: path(chosen), by: path(by), until }
        }
    }
}

fn word(reason: Option<&Reason>) -> &'static str {
    match reason {
        None => "stay",
        Some(Reason::Waiting) => "waiting",
        Some(Reason::First(_)) => "first",
        Some(Reason::Sooner(_)) => "sooner",
        Some(Reason::Better { .. }) => "better",
        Some(Reason::Held { .. }) => "held",
        Some(Reason::Gone { .. }) => "gone",
        Some(Reason::Policy { .. }) => "policy",
        Some(Reason::Ordered { .. }) => "ordered",
    }
}

#[test]
fn a_policy_about_the_chosen_path_takes_effect_without_hysteresis() {
    let best = [weighed("c", 92.0, 92.0), weighed("direct", 91.9, 91.9)];
    for (policy_moved, then) in [(false, "direct"), (true, "c")] {
        let mut chooser = Chooser { state: settled("direct"), ..Chooser::default() };
        let view = View { policy_moved, ..view(Some(Ok(best[1].clone())), &best) };
        chooser.handle(NOW, &view, &Settings::default());
        assert_eq!(chooser.path(), Some(&path(then)));
    }
}

#[test]
fn a_path_that_does_not_last_waits_longer_each_time() {
    let settings = Settings::default();
    let mut chooser = Chooser { state: settled("c"), ..Chooser::default() };
    let (good, bad) = (weighed("direct", 93.0, 93.0), weighed("direct", 50.0, 50.0));
    let c = weighed("c", 92.0, 92.0);
    let mut now = NOW;
    let mut holds = Vec::new();
    for _ in 0..4 {
        chooser.handle(now, &view(Some(Ok(c.clone())), &[good.clone(), c.clone()]), &settings);
        let until = chooser.deadline().unwrap();
        holds.push(until.since(now).as_secs());
        now = until;
        let held = chooser.handle(now, &view(Some(Ok(c.clone())), &[good.clone(), c.clone()]), &settings);
        assert_eq!(word(held.as_ref()), "held");
        now = now + settings.hold;
        let left = chooser.handle(now, &view(Some(Ok(bad.clone())), &[c.clone(), bad.clone()]), &settings);
        assert_eq!(word(left.as_ref()), "better", "removal is never delayed");
    }
    assert_eq!(holds, [5, 10, 20, 40]);
}
