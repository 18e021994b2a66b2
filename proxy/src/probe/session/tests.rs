use super::*;
use std::collections::VecDeque;

const RTT: Duration = Duration::from_millis(64);
const IDLE: Duration = Duration::from_millis(250);
const CARRYING: Duration = Duration::from_millis(20);

/// A session, the way there and back, and the reflector at its end, in virtual time.
struct Way {
    session: Session,
    now: Time,
    arrived: [u32; 3],
    answers: VecDeque<(Time, usize, Answer)>,
    rtt: Duration,
    asked: Vec<(Time, usize)>,
    chance: fastrand::Rng,
}

impl Way {
    fn new(pause: Duration) -> Self {
        let now = Time::from_millis(1_000_000);
        let mut session = Session::new(now, Setup { lanes: 3, misses: 3, first: u32::MAX - 50, seed: 1 });
        session.pace(now, pause);
        let mut way = Self {
            session,
            now,
            arrived: [0; 3],
            answers: VecDeque::new(),
            rtt: RTT,
            asked: Vec::new(),
            chance: fastrand::Rng::with_seed(2),
        };
        way.run(Duration::from_secs(10), 0.0, 0.0);
        way
    }

    fn run(&mut self, time: Duration, loss_there: f64, loss_back: f64) {
        let end = self.now + time;
        while self.now < end {
            while self.answers.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, lane, answer) = self.answers.pop_front().unwrap();
                self.session.on_answer(self.now, lane, answer);
            }
            if let Some(ask) = self.session.poll(self.now) {
                self.asked.push((self.now, ask.lane));
                if self.chance.f64() >= loss_there {
                    let answer = Answer {
                        sequence: self.arrived[ask.lane],
                        question: ask.sequence,
                        session: ask.session,
                    };
                    self.arrived[ask.lane] += 1;
                    if self.chance.f64() >= loss_back {
                        self.answers.push_back((self.now + self.rtt, ask.lane, answer));
                    }
                }
            }
            self.now = self.now + Duration::from_millis(1);
        }
    }

    fn estimate(&self) -> LinkEstimate {
        self.session.estimate(self.now)
    }
}

#[test]
fn a_clean_way_comes_up_within_two_round_trips_and_is_measured() {
    let now = Time::from_millis(0);
    let session = Session::new(now, Setup { lanes: 3, misses: 3, first: 0, seed: 1 });
    assert!(!session.way().is_up());
    let mut way = Way::new(CARRYING);
    let first = way.asked[0].0;
    assert!(way.asked.iter().filter(|(at, _)| at.since(first) < RTT * 2).count() > 3, "a burst decides");
    way.run(Duration::from_secs(2), 0.0, 0.0);
    let estimate = way.estimate();
    assert!(estimate.up && estimate.loss == 0.0 && estimate.loss_back == 0.0, "{estimate:?}");
    assert_eq!((estimate.rtt_ms, estimate.rtt_p95_ms), (64.0, 64.0));
    assert_eq!(estimate.lanes.iter().filter(|lane| lane.up).count(), 3);
    assert!((430..=550).contains(&estimate.packets), "{estimate:?}");
}

#[test]
fn half_of_the_probes_go_where_the_traffic_goes() {
    let way = Way::new(CARRYING);
    let chosen = way.session.way().lane();
    let of = |wanted| way.asked.iter().filter(|(_, lane)| *lane == wanted).count() * 100 / way.asked.len();
    assert!((45..=55).contains(&of(chosen)), "{}", of(chosen));
    assert!((0..3).filter(|lane| *lane != chosen).all(|lane| (20..=30).contains(&of(lane))));
}

#[test]
fn loss_is_told_by_direction() {
    for (there, back, low, high) in [(0.3, 0.0, 0.2, 0.4), (0.0, 0.3, 0.0, 0.0), (0.2, 0.2, 0.1, 0.3)] {
        let mut way = Way::new(CARRYING);
        way.run(Duration::from_secs(30), there, back);
        let loss = way.estimate().loss;
        assert!((low..=high).contains(&loss), "{there} there, {back} back: measured {loss:.3}");
    }
}

#[test]
fn on_an_idle_way_the_first_miss_starts_a_burst_that_decides() {
    let mut way = Way::new(IDLE);
    let cut = way.now;
    while way.session.way().is_up() {
        way.run(Duration::from_millis(1), 1.0, 1.0);
    }
    let took = way.now.since(cut);
    // A pause, a round trip and its margin until the first is missed; the same again, with three in 60 ms, after it.
    assert!(took < IDLE * 2 + RTT * 4 + Duration::from_millis(100), "{took:?}");
    way.asked.clear();
    way.run(Duration::from_secs(10), 1.0, 1.0);
    assert!((8..=13).contains(&way.asked.len()), "slow while down: {}", way.asked.len());
    let healed = way.now;
    while !way.session.way().is_up() {
        way.run(Duration::from_millis(1), 0.0, 0.0);
    }
    assert!(way.now.since(healed) < Duration::from_millis(1_600), "{:?}", way.now.since(healed));
    way.run(Duration::from_secs(2), 0.0, 0.0);
    assert!(way.estimate().loss < 0.01, "the outage is not counted as loss: {:?}", way.estimate());
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut way = Way::new(CARRYING);
    let before = way.estimate();
    let name = way.session.session(0);
    for question in [0, 5_000, u32::MAX] {
        let answer = Answer { sequence: 9_999, question, session: name };
        assert_eq!(way.session.on_answer(way.now, 0, answer), Fate::Unasked);
        let other = Answer { session: name ^ 8, ..answer };
        assert_eq!(way.session.on_answer(way.now, 0, other), Fate::Unasked);
        assert_eq!(way.session.on_answer(way.now, 7, answer), Fate::Unasked, "no such lane");
    }
    assert_eq!(way.estimate(), before);
}

#[test]
fn a_restarted_reflector_is_not_loss() {
    let mut way = Way::new(CARRYING);
    way.arrived = [0; 3];
    way.run(Duration::from_secs(2), 0.0, 0.0);
    assert_eq!(way.estimate().loss, 0.0);
}

#[test]
fn a_way_that_is_suddenly_slow_is_delayed_and_not_lossy() {
    let mut way = Way::new(CARRYING);
    way.rtt = RTT + Duration::from_millis(80);
    way.run(Duration::from_millis(600), 0.0, 0.0);
    assert!(way.session.way().is_up());
    let estimate = way.estimate();
    assert_eq!((estimate.loss, estimate.loss_back), (0.0, 0.0));
    assert!(estimate.rtt_ms == 144.0 && estimate.slower_ms == 80.0, "0.6 s are enough: {estimate:?}");
}
