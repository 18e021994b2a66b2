//! Whether a way answers, in the manner of BFD (RFC 5880 §6.8.4, asynchronous mode): an answer proves both directions,
//! so both have to work.

use crate::Time;
use std::time::Duration;

/// Answers in a row that bring a way up again.
const ANSWERS_TO_RISE: u32 = 3;
/// How soon after a fall an answer that comes late takes it back: the way was slow, not cut.
const SECOND_THOUGHT: Duration = Duration::from_secs(1);

/// Whether packets come back.
///
/// ```text
///            3 answers in a row,
///            or a late one within 1 s of the fall
///   Down ──────────────────────────────────────────▶ Up
///   ▲  │ ▲                                           │ │ ▲
///   │  └─┘ miss: answers start anew                  │ └─┘ answer, late answer: misses start anew
///   └────────────────────────────────────────────────┘
///            as many misses in a row as are needed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing comes back.
    Down {
        /// Answers in a row.
        answers: u32,
        /// Since when; none at the beginning.
        fell: Option<Time>,
    },
    /// Packets come back.
    Up {
        /// Misses in a row.
        misses: u32,
    },
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Answered in time.
    Answer,
    /// Answered when it had been counted as missed.
    LateAnswer,
    /// Not answered in time; this many misses in a row are too many.
    Miss {
        /// How many.
        enough: u32,
    },
}

impl Standing {
    /// The beginning: nothing is known, so nothing may go this way.
    pub(crate) const START: Self = Self::Down { answers: 0, fell: None };

    pub(crate) fn is_up(self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// Misses in a row on a way that is up.
    pub(crate) fn misses(self) -> u32 {
        match self {
            Self::Up { misses } => misses,
            Self::Down { .. } => 0,
        }
    }

    /// What follows.
    pub(crate) fn after(self, now: Time, sign: Sign) -> Self {
        match (self, sign) {
            (Self::Up { .. }, Sign::Answer | Sign::LateAnswer) => Self::Up { misses: 0 },
            (Self::Up { misses }, Sign::Miss { enough }) if misses + 1 < enough => {
                Self::Up { misses: misses + 1 }
            }
            (Self::Up { .. }, Sign::Miss { .. }) => Self::Down { answers: 0, fell: Some(now) },
            (Self::Down { fell: Some(fell), .. }, Sign::LateAnswer) if now.since(fell) < SECOND_THOUGHT => {
                Self::Up { misses: 0 }
            }
            (Self::Down { answers, .. }, Sign::Answer | Sign::LateAnswer)
                if answers + 1 >= ANSWERS_TO_RISE =>
            {
                Self::Up { misses: 0 }
            }
            (Self::Down { answers, fell }, Sign::Answer | Sign::LateAnswer) => {
                Self::Down { answers: answers + 1, fell }
            }
            (Self::Down { fell, .. }, Sign::Miss { .. }) => Self::Down { answers: 0, fell },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of state and input.
    #[test]
    fn standings() {
        let now = Time::from_millis(10_000);
        let just = Some(Time::from_millis(9_500));
        let long_ago = Some(Time::from_millis(1_000));
        let down = |answers, fell| Standing::Down { answers, fell };
        let up = |misses| Standing::Up { misses };
        let miss = Sign::Miss { enough: 3 };
        let table = [
            (down(0, None), Sign::Answer, down(1, None)),
            (down(2, None), Sign::Answer, up(0)),
            (down(0, None), Sign::LateAnswer, down(1, None)),
            (down(2, None), Sign::LateAnswer, up(0)),
            (down(2, None), miss, down(0, None)),
            (down(0, just), Sign::Answer, down(1, just)),
            (down(2, just), Sign::Answer, up(0)),
            (down(0, just), Sign::LateAnswer, up(0)),
            (down(1, just), miss, down(0, just)),
            (down(0, long_ago), Sign::Answer, down(1, long_ago)),
            (down(2, long_ago), Sign::Answer, up(0)),
            (down(0, long_ago), Sign::LateAnswer, down(1, long_ago)),
            (down(2, long_ago), Sign::LateAnswer, up(0)),
            (down(1, long_ago), miss, down(0, long_ago)),
            (up(0), Sign::Answer, up(0)),
            (up(2), Sign::Answer, up(0)),
            (up(0), Sign::LateAnswer, up(0)),
            (up(2), Sign::LateAnswer, up(0)),
            (up(0), miss, up(1)),
            (up(2), miss, down(0, Some(now))),
        ];
        for (before, sign, then) in table {
            assert_eq!(before.after(now, sign), then, "{before:?}, {sign:?}");
        }
    }
}
