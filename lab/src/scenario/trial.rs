//! Whether new calls go the way that a step expects. Pure: observed calls and time in, a finding out.
//!
//! Until `within` is over, calls may still change their way; after that, none may. The step holds when in every
//! direction an unbroken run of calls began in time and has lasted for `stay`.

use std::time::{Duration, Instant};

use crate::pair::{Pair, path_short};

/// Calls in a row before a direction counts as settled: one call may have arrived by a retransmission that took
/// another way.
const RUN_MIN: u32 = 3;
/// A call shows its way only when it arrives; the wait for it is not held against the mesh.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(3);

/// One step under test.
pub(crate) struct Trial {
    acted_at: Instant,
    within: Duration,
    stay: Duration,
    directions: Vec<Direction>,
    stray: Option<String>,
}

struct Direction {
    pair: Pair,
    /// `None`: any way will do.
    expected: Option<Vec<String>>,
    run: Option<Run>,
    last: Option<Vec<String>>,
}

/// Calls in a row that went as expected.
struct Run {
    since: Instant,
    calls: u32,
}

/// How a step came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// New calls went as expected from `after` on, and stayed so.
    Held {
        after: Duration,
    },
    Failed {
        why: String,
    },
}

impl Trial {
    /// `expected` is the full path of every direction.
    pub(crate) fn new(
        acted_at: Instant,
        (within, stay): (Duration, Duration),
        expected: impl IntoIterator<Item = (Pair, Option<Vec<String>>)>,
    ) -> Self {
        let directions = expected
            .into_iter()
            .map(|(pair, expected)| Direction { pair, expected, run: None, last: None })
            .collect();
        Self { acted_at, within, stay, directions, stray: None }
    }

    /// A call has arrived.
    pub(crate) fn observe(&mut self, pair: &Pair, placed_at: Instant, path: &[String]) {
        let Some(direction) = self.directions.iter_mut().find(|direction| direction.pair == *pair) else {
            return;
        };
        if placed_at < self.acted_at {
            return;
        }
        direction.last = Some(path.to_owned());
        if direction.expected.as_deref().is_none_or(|expected| path == expected) {
            let run = direction.run.get_or_insert(Run { since: placed_at, calls: 0 });
            run.since = run.since.min(placed_at);
            run.calls += 1;
        } else if direction.run.as_ref().is_none_or(|run| placed_at >= run.since) {
            direction.run = None;
            let late = placed_at - self.acted_at;
            if late > self.within {
                let way = path_short(path);
                self.stray
                    .get_or_insert(format!("{pair} went {way} {:.1} s after the action", late.as_secs_f64()));
            }
        }
    }

    /// The finding, once there is one.
    pub(crate) fn judge(&self, now: Instant) -> Option<Finding> {
        if let Some(stray) = &self.stray {
            return Some(Finding::Failed { why: stray.clone() });
        }
        match self.settled_at() {
            Some(settled_at) if settled_at - self.acted_at > self.within => {
                let after = (settled_at - self.acted_at).as_secs_f64();
                let why = format!("only after {after:.1} s, {:.1} s were allowed", self.within.as_secs_f64());
                Some(Finding::Failed { why })
            }
            Some(settled_at) if now >= settled_at + self.stay => {
                Some(Finding::Held { after: settled_at - self.acted_at })
            }
            None if now >= self.limit() => {
                let why = format!("not within {:.1} s: {}", self.within.as_secs_f64(), self.seen());
                Some(Finding::Failed { why })
            }
            _ => None,
        }
    }

    /// When to judge again, if no call arrives before.
    pub(crate) fn deadline(&self) -> Instant {
        self.settled_at().map_or(self.limit(), |settled_at| settled_at + self.stay)
    }

    /// The ways that the last calls went: one word if there and back agree.
    pub(crate) fn seen(&self) -> String {
        let mut ways: Vec<String> = self.directions.iter().map(Direction::way).collect();
        ways.dedup();
        ways.join(", back ")
    }

    /// When the last direction took the expected way for good.
    fn settled_at(&self) -> Option<Instant> {
        let starts = self.directions.iter().map(|direction| {
            let run = direction.run.as_ref().filter(|run| run.calls >= RUN_MIN)?;
            Some(run.since)
        });
        starts.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn limit(&self) -> Instant {
        self.acted_at + self.within + ARRIVAL_LIMIT
    }
}

impl Direction {
    fn way(&self) -> String {
        self.last.as_deref().map_or_else(|| "no call arrived".into(), path_short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// A trial of one second's limit and two of stay, fed with a line a call: when, which way.
    struct Play {
        start: Instant,
        trial: Trial,
    }

    impl Play {
        fn new() -> Self {
            let start = clock::now();
            let pair = Pair::new("w", "e");
            let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let expected = [(pair.clone(), &["w", "r", "e"]), (pair.reversed(), &["e", "r", "w"])];
            let expected = expected.map(|(pair, names)| (pair, Some(path(names))));
            let limits = (Duration::from_secs(1), Duration::from_secs(2));
            Self { start, trial: Trial::new(start, limits, expected) }
        }

        fn at(&self, ms: i64) -> Instant {
            let distance = Duration::from_millis(ms.unsigned_abs());
            if ms < 0 { self.start - distance } else { self.start + distance }
        }

        /// Calls both ways at these times.
        fn calls(mut self, times_ms: &[i64], via: Option<&str>) -> Self {
            for ms in times_ms {
                let placed_at = self.at(*ms);
                for (from, to) in [("w", "e"), ("e", "w")] {
                    let path: Vec<String> =
                        [Some(from), via, Some(to)].into_iter().flatten().map(String::from).collect();
                    self.trial.observe(&Pair::new(from, to), placed_at, &path);
                }
            }
            self
        }

        fn judge(&self, ms: i64) -> Option<Finding> {
            self.trial.judge(self.at(ms))
        }
    }

    fn held(ms: u64) -> Option<Finding> {
        Some(Finding::Held { after: Duration::from_millis(ms) })
    }

    #[test]
    fn it_holds_from_the_first_call_of_the_unbroken_run() {
        let play =
            Play::new().calls(&[-100], Some("r")).calls(&[100, 300], None).calls(&[500, 700, 900], Some("r"));
        assert_eq!(play.judge(2_400), None, "it has not stayed for two seconds");
        assert_eq!(play.judge(2_500), held(500));
    }

    #[test]
    fn a_relapse_in_time_starts_the_run_anew() {
        let play = Play::new()
            .calls(&[100, 200, 300], Some("r"))
            .calls(&[400], None)
            .calls(&[600, 700, 800], Some("r"));
        assert_eq!(play.judge(2_600), held(600));
    }

    #[test]
    fn a_stray_call_after_the_limit_fails_the_step() {
        let play = Play::new().calls(&[100, 200, 300], Some("r")).calls(&[1_500], None);
        let why = "w > e went direct 1.5 s after the action".to_owned();
        assert_eq!(play.judge(1_600), Some(Finding::Failed { why }));
    }

    #[test]
    fn a_call_placed_before_the_run_may_arrive_late() {
        let play = Play::new().calls(&[300, 400, 500], Some("r")).calls(&[200], None);
        assert_eq!(play.judge(2_300), held(300));
    }

    #[test]
    fn calls_that_never_turn_fail_and_say_where_they_went() {
        let play = Play::new().calls(&[100, 500, 900], None);
        assert_eq!(play.judge(3_900), None);
        let why = "not within 1.0 s: direct".to_owned();
        assert_eq!(play.judge(4_000), Some(Finding::Failed { why }));
        assert!(
            matches!(Play::new().judge(4_000), Some(Finding::Failed { why }) if why.ends_with("no call arrived"))
        );
    }

    #[test]
    fn ways_that_differ_are_told_apart() {
        let mut play = Play::new().calls(&[100], None);
        let back = Pair::new("e", "w");
        play.trial.observe(&back, play.at(200), &["e", "r", "w"].map(String::from));
        assert_eq!(play.trial.seen(), "direct, back via r");
    }

    #[test]
    fn where_any_way_will_do_calls_need_only_arrive() {
        let mut play = Play::new();
        play.trial.directions.iter_mut().for_each(|direction| direction.expected = None);
        let play = play.calls(&[100, 500], None).calls(&[900, 1_400], Some("r"));
        assert_eq!(play.judge(2_100), held(100));
    }

    #[test]
    fn too_late_is_a_failure() {
        let play = Play::new().calls(&[900], None).calls(&[1_100, 1_200, 1_300], Some("r"));
        assert!(
            matches!(play.judge(1_400), Some(Finding::Failed { why }) if why.starts_with("only after 1.1 s"))
        );
    }
}
