//! The ladder: what is done, step by step, when the place that packets take seems to be dark.

/// Where on the ladder an arm of a trunk stands.
///
/// ```text
///          heard: a false alarm           heard, and good again
///        ┌────────────────────────┬─────────────────────────┐
///        ▼          missing       │         silent          │
///   ┌────────┐ ─────────────▶ ┌─────────┐ ───────▶ ┌───────────┐ ──┐ silent: another
///   │ Steady │                │ Suspect │          │ Confirmed │ ◀─┘ is tried
///   └────────┘ ◀─────────┐    └─────────┘          └───────────┘
///     │  ▲  │    heard:  │         ▲ missing,         ▲   │ a lane answers: it is taken,
///     │  │  │  it carries│         │ silent           │   │ or another path that answers
///     │  │  │            │    ┌──────────┐ ◀──────────┼───┘
///     │  │  │            └─── │ Settling │ ───────────┤ brownout, down
///     │  │  │                 └──────────┘            │ (from Suspect, too)
///     │  │  └──────────────────────┼──────────────────┘
///     │  │ silent            ┌────────┐
///     │  └────────────────── │ Moving │ answers: Settling
///     └────────────────────▶ └────────┘
///       wanted (from anywhere)
/// ```
/// Duplicates flow in every stage but Steady, as far as the policy allows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// One place, and nothing speaks against it.
    Steady,
    /// Packets or reports are missing. It may be nothing.
    Suspect,
    /// It is dark, or loses too much, or the mesh says that a link of it is down; looking for what answers.
    Confirmed,
    /// Gone over to a place that answered; the reports have not yet shown that it carries what was sent since.
    Settling,
    /// Nothing is wrong, but the table has another wish, which is tried before it is obeyed.
    Moving,
}

/// What can be learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sign {
    /// Packets are overdue at the far end, or reports are here.
    Missing,
    /// The place loses so much that it is no chance.
    Brownout,
    /// The mesh says that a link of it is down.
    Down,
    /// The place carried something that left since the stage began, and nothing else speaks against it.
    Heard,
    /// Another lane of the same relays answered.
    Lane,
    /// The other place answered: the one that is tried or duplicated over.
    Other,
    /// The stage took its time.
    Silent,
    /// The table wants another path.
    Wanted,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// Nothing.
    Stay,
    /// Duplicate over the best independent path, ask the other lanes.
    Doubt,
    /// The same; and the first that answers is taken.
    Seek,
    /// Remember which lane answered, and wait a moment more for the suspect's own answer.
    Note,
    /// Stop duplicating.
    Calm,
    /// Go over to the lane that answered.
    TakeLane,
    /// Go over to the other place.
    TakeOther,
    /// Try another path.
    Rotate,
    /// Try the path that the table wants.
    Try,
    /// The wish cannot be fulfilled now.
    Forgo,
}

impl Stage {
    /// The next stage, and what is done on the way.
    pub(super) fn after(self, sign: Sign) -> (Stage, Act) {
        match (self, sign) {
            (Stage::Steady, Sign::Heard | Sign::Lane | Sign::Other | Sign::Silent) => {
                (Stage::Steady, Act::Stay)
            }
            (Stage::Suspect, Sign::Missing | Sign::Other) => (Stage::Suspect, Act::Stay),
            (Stage::Confirmed, Sign::Missing | Sign::Brownout | Sign::Down) => (Stage::Confirmed, Act::Stay),
            (Stage::Settling, Sign::Lane | Sign::Other) => (Stage::Settling, Act::Stay),
            // Whatever is wrong with the old place, the new one is already being tried, and copies go there.
            (Stage::Moving, Sign::Missing | Sign::Brownout | Sign::Down | Sign::Heard | Sign::Lane) => {
                (Stage::Moving, Act::Stay)
            }

            // What a new place carries has to be shown, or it is as doubtful as the old one.
            (Stage::Steady | Stage::Settling, Sign::Missing) | (Stage::Settling, Sign::Silent) => {
                (Stage::Suspect, Act::Doubt)
            }
            (Stage::Suspect, Sign::Lane) => (Stage::Suspect, Act::Note),
            (Stage::Suspect, Sign::Silent)
            | (Stage::Steady | Stage::Suspect | Stage::Settling, Sign::Brownout | Sign::Down) => {
                (Stage::Confirmed, Act::Seek)
            }
            (Stage::Confirmed, Sign::Silent) => (Stage::Confirmed, Act::Rotate),
            (Stage::Confirmed, Sign::Lane) => (Stage::Settling, Act::TakeLane),
            (Stage::Confirmed | Stage::Moving, Sign::Other) => (Stage::Settling, Act::TakeOther),
            (Stage::Suspect | Stage::Confirmed | Stage::Settling, Sign::Heard) => (Stage::Steady, Act::Calm),

            (
                Stage::Steady | Stage::Suspect | Stage::Confirmed | Stage::Settling | Stage::Moving,
                Sign::Wanted,
            ) => (Stage::Moving, Act::Try),
            (Stage::Moving, Sign::Silent) => (Stage::Steady, Act::Forgo),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Act::{Calm, Doubt, Forgo, Note, Rotate, Seek, Stay, TakeLane, TakeOther, Try},
        Sign::{Brownout, Down, Heard, Lane, Missing, Other, Silent, Wanted},
        Stage::{Confirmed, Moving, Settling, Steady, Suspect},
        *,
    };

    const STAGES: [Stage; 5] = [Steady, Suspect, Confirmed, Settling, Moving];
    const SIGNS: [Sign; 8] = [Missing, Brownout, Down, Heard, Lane, Other, Silent, Wanted];

    /// Every pair. A row a sign, a column a stage, in the order above.
    const TABLE: [[(Stage, Act); 5]; 8] = [
        [(Suspect, Doubt), (Suspect, Stay), (Confirmed, Stay), (Suspect, Doubt), (Moving, Stay)],
        [(Confirmed, Seek), (Confirmed, Seek), (Confirmed, Stay), (Confirmed, Seek), (Moving, Stay)],
        [(Confirmed, Seek), (Confirmed, Seek), (Confirmed, Stay), (Confirmed, Seek), (Moving, Stay)],
        [(Steady, Stay), (Steady, Calm), (Steady, Calm), (Steady, Calm), (Moving, Stay)],
        [(Steady, Stay), (Suspect, Note), (Settling, TakeLane), (Settling, Stay), (Moving, Stay)],
        [(Steady, Stay), (Suspect, Stay), (Settling, TakeOther), (Settling, Stay), (Settling, TakeOther)],
        [(Steady, Stay), (Confirmed, Seek), (Confirmed, Rotate), (Suspect, Doubt), (Steady, Forgo)],
        [(Moving, Try), (Moving, Try), (Moving, Try), (Moving, Try), (Moving, Try)],
    ];

    #[test]
    fn every_pair_of_stage_and_sign_leads_where_the_table_says() {
        for (sign, row) in SIGNS.into_iter().zip(TABLE) {
            for (stage, wanted) in STAGES.into_iter().zip(row) {
                assert_eq!(stage.after(sign), wanted, "{stage:?}, {sign:?}");
            }
        }
    }

    #[test]
    fn from_every_stage_steady_can_be_reached() {
        for start in STAGES {
            let mut reached = vec![start];
            let mut at = 0;
            while let Some(stage) = reached.get(at).copied() {
                for sign in SIGNS {
                    let (next, _) = stage.after(sign);
                    if !reached.contains(&next) {
                        reached.push(next);
                    }
                }
                at += 1;
            }
            assert!(reached.contains(&Steady), "{start:?}");
        }
    }
}
