use super::*;
use proptest::prelude::*;

#[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
fn origin() -> Instant {
    Instant::now()
}

const SECOND: Duration = Duration::from_secs(1);

fn law(state: State) -> Law {
    Law { state, knee: 100.0, ..Law::new() }
}

fn stop(seconds: u64, taken: f64) -> Event {
    Event::Stop { wait: SECOND * u32::try_from(seconds).unwrap(), taken }
}

#[test]
fn every_pair_of_state_and_event() {
    use Event::{Over, Round};
    use State::{Free, Limited, Paused};
    use Verdict::{Overloaded, Slow, Unneeded, Well};
    let now = origin();
    let at = |seconds| now + SECOND * seconds;
    let over = |taken, sent| Round(Overloaded { taken, sent, late: false });
    let slow = Round(Slow { taken: 100.0 });
    let late = |taken, sent| Round(Overloaded { taken, sent, late: true });
    // The state, the event, the state after it, and whether what was sent before says nothing any more.
    let rows = [
        (Free, over(50.0, 150.0), Limited(45.0), true),
        (Free, over(0.0, 150.0), Limited(RATE_MIN), true),
        (Free, late(50.0, 150.0), Limited(25.0), true),
        (Free, slow, Free, false),
        (Free, Round(Well), Free, false),
        (Free, Round(Unneeded), Free, false),
        (Free, stop(2, 50.0), Paused(at(2), 45.0), true),
        (Free, stop(3_600, 50.0), Paused(at(30), 45.0), true),
        (Free, Over, Free, false),
        (Limited(100.0), over(80.0, 100.0), Limited(75.0), true),
        (Limited(100.0), over(100.0, 100.0), Limited(90.0), true),
        (Limited(100.0), over(10.0, 100.0), Limited(75.0), true),
        (Limited(1.0), over(0.0, 1.0), Limited(RATE_MIN), true),
        (Limited(100.0), late(100.0, 100.0), Limited(90.0), true),
        (Limited(95.0), slow, Limited(95.0), false),
        (Limited(105.0), slow, Limited(100.0), false),
        (Limited(200.0), slow, Limited(180.0), false),
        (Limited(10.0), Round(Well), Limited(50.0), false),
        (Limited(80.0), Round(Well), Limited(90.0), false),
        (Limited(100.0), Round(Well), Limited(101.0), false),
        (Limited(100.0), Round(Unneeded), Limited(100.0), false),
        (Limited(100.0), stop(2, 100.0), Paused(at(2), 90.0), true),
        (Limited(100.0), stop(2, 0.0), Paused(at(2), 90.0), true),
        (Limited(100.0), Over, Limited(100.0), false),
        (Paused(at(2), 45.0), over(0.0, 9.0), Paused(at(2), 45.0), false),
        (Paused(at(2), 45.0), slow, Paused(at(2), 45.0), false),
        (Paused(at(2), 45.0), Round(Well), Paused(at(2), 45.0), false),
        (Paused(at(2), 45.0), Round(Unneeded), Paused(at(2), 45.0), false),
        (Paused(at(2), 45.0), stop(1, 9.0), Paused(at(2), 45.0), false),
        (Paused(at(2), 45.0), stop(3, 9.0), Paused(at(3), 45.0), false),
        (Paused(at(2), 45.0), Over, Limited(45.0), true),
    ];
    for (row, (state, event, want, stale)) in rows.into_iter().enumerate() {
        let mut law = law(state);
        assert_eq!(law.handle(now, event), stale, "row {row}");
        assert_eq!(law.state(), want, "row {row}");
    }
}

#[test]
fn a_limit_that_nobody_needs_is_given_up() {
    let mut law = law(State::Limited(10.0));
    for round in 1..=5 {
        assert_ne!(law.state(), State::Free, "round {round}");
        law.handle(origin(), Event::Round(Verdict::Unneeded));
    }
    assert_eq!(law.state(), State::Free);
}

#[test]
fn a_second_cut_for_the_same_lateness_halves_and_the_way_back_is_short() {
    let late = Event::Round(Verdict::Overloaded { taken: 60.0, sent: 90.0, late: true });
    let mut law = law(State::Free);
    let mut rates = Vec::new();
    for event in [late, late, late].into_iter().chain([Event::Round(Verdict::Well); 6]) {
        law.handle(origin(), event);
        let State::Limited(rate) = law.state() else { panic!("{:?}", law.state()) };
        rates.push((rate * 10.0).round() / 10.0);
    }
    assert_eq!(rates, [30.0, 15.0, 7.5, 30.0, 37.5, 46.9, 54.0, 54.5, 55.6]);
}

#[test]
fn after_a_pause_the_next_one_is_not_risked_soon() {
    let now = origin();
    let mut law = law(State::Limited(100.0));
    law.handle(now, stop(1, 100.0));
    law.handle(now + SECOND, Event::Over);
    for second in 1..=20 {
        law.handle(now + SECOND * second, Event::Round(Verdict::Well));
        assert_eq!(law.state(), State::Limited(90.0));
    }
    law.handle(now + SECOND * 21, Event::Round(Verdict::Well));
    assert!(law.state() != State::Limited(90.0));
}

proptest! {
    #[test]
    fn the_rate_stays_a_rate(steps in prop::collection::vec((0_u8..6, 0.0..1e5_f64, 0.0..1e5_f64, 0_u64..100_000), 0..200)) {
        let (mut now, mut law) = (origin(), Law::new());
        for (what, taken, more, wait) in steps {
            now += SECOND;
            let event = match what {
                0 => Event::Round(Verdict::Overloaded { taken, sent: taken + more, late: wait % 2 == 0 }),
                1 => Event::Round(Verdict::Slow { taken }),
                2 => Event::Round(Verdict::Well),
                3 => Event::Round(Verdict::Unneeded),
                4 => stop(wait, taken),
                _ => Event::Over,
            };
            law.handle(now, event);
            match law.state() {
                State::Free => {}
                State::Limited(rate) => prop_assert!(rate >= RATE_MIN && rate.is_finite()),
                State::Paused(until, rate) => {
                    prop_assert!(rate >= RATE_MIN && rate.is_finite());
                    prop_assert!(until <= now + PAUSE_MAX);
                }
            }
        }
    }
}
