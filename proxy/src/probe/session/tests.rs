use super::*;

const PACE: Pace = Pace { interval: Duration::from_millis(100), misses: 8 };
const RTT: Duration = Duration::from_millis(64);

/// A session, the way there and back, and the reflector at its end, in virtual time.
struct Way {
    session: Session,
    now: Instant,
    arrived: u32,
    answers: VecDeque<(Instant, Answer)>,
    rtt: Duration,
    chance: fastrand::Rng,
}

impl Way {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
    fn new() -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(now, PACE, 1),
            now,
            arrived: 0,
            answers: VecDeque::new(),
            rtt: RTT,
            chance: fastrand::Rng::with_seed(2),
        }
    }

    fn run(&mut self, time: Duration, loss_there: f64, loss_back: f64) {
        let end = self.now + time;
        while self.now < end {
            while self.answers.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, answer) = self.answers.pop_front().unwrap();
                self.session.on_answer(self.now, answer);
            }
            if let Some(question) = self.session.poll(self.now)
                && self.chance.f64() >= loss_there
            {
                let answer = Answer { sequence: self.arrived, question };
                self.arrived += 1;
                if self.chance.f64() >= loss_back {
                    self.answers.push_back((self.now + self.rtt, answer));
                }
            }
            self.now += Duration::from_millis(1);
        }
    }
}

#[test]
fn a_clean_way_comes_up_and_is_measured() {
    let mut way = Way::new();
    assert!(!way.session.is_up());
    way.run(Duration::from_secs(5), 0.0, 0.0);
    let window = way.session.window(way.now);
    assert!(window.up);
    assert_eq!(window.lost, 0);
    assert!((45..=55).contains(&window.probes), "{window:?}");
    assert_eq!((window.rtt, window.rtt_p95), (RTT, RTT));
}

#[test]
fn loss_is_told_by_direction() {
    for (there, back, low, high) in [(0.3, 0.0, 0.24, 0.36), (0.0, 0.3, 0.0, 0.0), (0.2, 0.2, 0.15, 0.25)] {
        let mut way = Way::new();
        way.run(Duration::from_secs(2), 0.0, 0.0);
        way.session.window(way.now);
        way.run(Duration::from_secs(60), there, back);
        let window = way.session.window(way.now);
        let loss = f64::from(window.lost) / f64::from(window.probes);
        assert!((low..=high).contains(&loss), "{there} there, {back} back: measured {loss:.3}");
    }
}

#[test]
fn a_cut_brings_it_down_and_healing_up() {
    let mut way = Way::new();
    way.run(Duration::from_secs(2), 0.0, 0.0);
    way.run(Duration::from_millis(1_500), 1.0, 1.0);
    assert!(!way.session.is_up(), "8 misses at 100 ms");
    way.session.window(way.now);
    way.run(Duration::from_secs(1), 1.0, 1.0);
    let window = way.session.window(way.now);
    assert!(window.probes > 0 && window.lost == window.probes, "all lost while down: {window:?}");
    way.run(Duration::from_secs(1), 0.0, 0.0);
    assert!(way.session.is_up());
    way.session.window(way.now);
    way.run(Duration::from_secs(1), 0.0, 0.0);
    assert_eq!(way.session.window(way.now).lost, 0, "the outage is not counted twice");
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut way = Way::new();
    way.run(Duration::from_secs(1), 0.0, 0.0);
    let before = way.session.window(way.now);
    for question in [0, 5_000, u32::MAX] {
        way.session.on_answer(way.now, Answer { sequence: 9_999, question });
    }
    let after = way.session.window(way.now);
    assert_eq!((after.up, after.rtt, after.lost), (before.up, before.rtt, 0));
}

#[test]
fn a_restarted_reflector_is_not_loss() {
    let mut way = Way::new();
    way.run(Duration::from_secs(2), 0.0, 0.0);
    way.session.window(way.now);
    way.arrived = 0;
    way.run(Duration::from_secs(1), 0.0, 0.0);
    assert_eq!(way.session.window(way.now).lost, 0);
    way.run(Duration::from_secs(1), 0.0, 0.0);
    assert_eq!(way.session.window(way.now).lost, 0);
}

#[test]
fn a_way_that_is_suddenly_slow_is_not_cut() {
    let mut way = Way::new();
    way.run(Duration::from_secs(2), 0.0, 0.0);
    way.session.window(way.now);
    way.rtt = RTT * 4;
    for _ in 0..30 {
        way.run(Duration::from_millis(100), 0.0, 0.0);
        assert!(way.session.is_up());
    }
    let window = way.session.window(way.now);
    assert_eq!((window.lost, window.rtt), (0, RTT * 4));
}
