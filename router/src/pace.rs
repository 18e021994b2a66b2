//! How often routes are made anew. What is bad news, or the first news after quiet, is acted on at once; small numbers and
//! improvements that come in a storm are gathered (RFC 8405, with delays of 0, 200 and 1,000 ms: making all routes again
//! takes milliseconds here, and there are no neighbors whose tables could disagree for as long).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Time;

/// RFC 8405 §3: SPF_DELAY of SHORT_WAIT ...
const SHORT: Duration = Duration::from_millis(200);
/// ... and of LONG_WAIT; there 5 s.
const LONG: Duration = Duration::from_millis(1_000);
/// TIME_TO_LEARN_INTERVAL: a storm that goes on for longer is a long one.
const LEARN: Duration = Duration::from_millis(500);
/// HOLDDOWN_INTERVAL: after so long without news it is quiet again.
const HOLD_DOWN: Duration = Duration::from_secs(10);

/// When to act on news.
///
/// ```text
///          news: act at once              news, LEARN after the first
///  Quiet ────────────────────▶ Short ─────────────────────────────────▶ Long
///    ▲                           │ news: act within 200 ms                │ news: act within 1 s
///    └───────────────────────────┴────── HOLD_DOWN without news ──────────┘
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pace {
    state: State,
    heard_at: Time,
    due: Option<Time>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    #[default]
    Quiet,
    Short {
        since: Time,
    },
    Long,
}

impl Pace {
    /// News that can wait have come. Whether to act at once, because they need not.
    pub(crate) fn hear(&mut self, now: Time) -> bool {
        let quiet = now.since(self.heard_at) >= HOLD_DOWN;
        self.heard_at = now;
        let (state, wait) = match self.state {
            State::Quiet => (State::Short { since: now }, None),
            State::Short { .. } | State::Long if quiet => (State::Short { since: now }, None),
            State::Short { since } if now.since(since) < LEARN => (State::Short { since }, Some(SHORT)),
            State::Short { .. } | State::Long => (State::Long, Some(LONG)),
        };
        self.state = state;
        if let Some(wait) = wait {
            self.due.get_or_insert(now + wait);
        }
        wait.is_none() || self.due.is_some_and(|due| now >= due)
    }

    /// Routes have been made with all that is known.
    pub(crate) fn acted(&mut self) {
        self.due = None;
    }

    /// When to act on what was gathered.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state and input: news, at what age of the state, after how long a silence.
    #[test]
    fn every_state_and_what_it_hears() {
        let at = Time::from_millis;
        let short = State::Short { since: at(100_000) };
        let table = [
            // state, last news, now, then, acts at once, due
            (State::Quiet, 0, 100_000, short, true, None),
            (short, 100_000, 100_100, short, false, Some(100_300)),
            (short, 100_400, 100_600, State::Long, false, Some(101_600)),
            (short, 100_000, 110_000, State::Short { since: at(110_000) }, true, None),
            (State::Long, 100_000, 100_600, State::Long, false, Some(101_600)),
            (State::Long, 100_000, 110_000, State::Short { since: at(110_000) }, true, None),
        ];
        for (state, heard, now, then, acts, due) in table {
            let mut pace = Pace { state, heard_at: at(heard), due: None };
            assert_eq!((pace.hear(at(now)), pace.state), (acts, then), "{state:?} at {now}");
            assert_eq!(pace.deadline(), due.map(at));
        }
    }

    #[test]
    fn a_storm_is_acted_on_once_a_second_and_what_is_due_stays_due() {
        let mut pace = Pace::default();
        let mut acted = Vec::new();
        for ms in (100_000..110_000).step_by(10) {
            let now = Time::from_millis(ms);
            if pace.hear(now) {
                acted.push(ms - 100_000);
                pace.acted();
            }
        }
        assert_eq!(acted[..4], [0, 210, 420, 630]);
        assert!(acted.len() <= 14, "{acted:?}");
    }
}
