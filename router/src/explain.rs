//! Why a route is what it is, with everything that was weighed against it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Path, Ranked, Refused, Region, Route, Slice, Time, reason::Obstacle, routes::Scene};

/// All paths between two regions, and the one that won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The source.
    pub from: Region,
    /// The destination.
    pub to: Region,
    /// Which calls: their class, and the rules that speak of them.
    pub slice: Slice,
    /// When it was asked for.
    pub at: Time,
    /// The policy in force.
    pub policy_revision: u64,
    /// Every path with at most two relays: the chosen one, the backups in their order, the rest by score,
    /// and at the end those that may not carry calls.
    pub candidates: Vec<Candidate>,
    /// The path that carries the calls.
    pub chosen: Option<Path>,
    /// Since when; `None` when the source is another region, whose memory we do not have.
    pub since: Option<Time>,
    /// Why it won.
    pub reason: String,
    /// Why no path may carry calls, when none may.
    pub refused: Option<Refused>,
    /// What should be known about this answer; empty for the routes of the home region.
    pub note: String,
}

/// One path that was weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// What became of it.
    pub verdict: Verdict,
    /// The path in numbers. Its note says which rule weighs on it, or what is in its way.
    #[serde(flatten)]
    pub ranked: Ranked,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Carries the calls.
    Chosen,
    /// Listed in the table behind the chosen one.
    Backup,
    /// May carry calls, but others are better.
    Usable,
    /// A link of it is up again, but not for long enough.
    Recovering,
    /// A rule keeps calls off it.
    Forbidden,
    /// An operator ordered calls off it.
    Ordered,
    /// A link of it is down, or not reported.
    Down,
    /// A region on it has no live node.
    NoNode,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Chosen => "chosen",
            Self::Backup => "backup",
            Self::Usable => "usable",
            Self::Recovering => "recovering",
            Self::Forbidden => "forbidden",
            Self::Ordered => "ordered off",
            Self::Down => "down",
            Self::NoNode => "no node",
        })
    }
}

impl From<&Obstacle> for Verdict {
    fn from(obstacle: &Obstacle) -> Self {
        match obstacle {
            Obstacle::NoNode(_) => Self::NoNode,
            Obstacle::Unknown(..) | Obstacle::Down(..) | Obstacle::Silent(..) => Self::Down,
            Obstacle::Recovering(..) => Self::Recovering,
            Obstacle::Disabled { .. } | Obstacle::Drained { .. } => Self::Ordered,
            Obstacle::Forbidden { .. } | Obstacle::ForbiddenLink { .. } | Obstacle::TooManyRelays { .. } => {
                Self::Forbidden
            }
        }
    }
}

/// Explains the route between two regions. `route` is the one of the table, when the source is the home.
pub(crate) fn explain(
    scene: &Scene<'_>,
    (from, to, slice): (&Region, &Region, &Slice),
    route: Option<&Route>,
) -> Explanation {
    let constraints = scene.between(from, to, slice);
    let (weigher, best) = scene.weigher(slice).best_or_recovering(from, to, &constraints);
    let fresh =
        || best.first().map(|first| scene.ranked(first, &best, (slice, &constraints))).unwrap_or_default();
    let listed = route.map_or_else(fresh, |route| route.ranked.clone());

    let weigh = |path: Path| {
        let mut ranked = Ranked::from(&weigher.weigh(&path, &constraints));
        let verdict = match weigher.obstacle(&path, &constraints) {
            Some(obstacle) => {
                ranked.note = obstacle.to_string();
                Verdict::from(&obstacle)
            }
            None => match listed.iter().position(|listed| listed.path == path) {
                Some(0) => {
                    ranked.note.clone_from(&listed[0].note);
                    Verdict::Chosen
                }
                Some(_) => Verdict::Backup,
                None => Verdict::Usable,
            },
        };
        Candidate { verdict, ranked }
    };
    let mut candidates: Vec<Candidate> = weigher.every_path(from, to).into_iter().map(weigh).collect();
    let place = |candidate: &Candidate| {
        let listed = listed.iter().position(|listed| listed.path == candidate.ranked.path);
        (candidate.verdict, listed.unwrap_or(usize::MAX))
    };
    candidates.sort_by(|a, b| place(a).cmp(&place(b)).then(b.ranked.score.total_cmp(&a.ranked.score)));

    let chosen = listed.first();
    Explanation {
        from: from.clone(),
        to: to.clone(),
        slice: slice.clone(),
        at: scene.at,
        policy_revision: scene.policy.revision,
        chosen: chosen.map(|ranked| ranked.path.clone()),
        since: route.map(|route| route.since),
        reason: match (route, chosen) {
            (Some(route), _) => route.reason.to_string(),
            (None, Some(best)) => format!("{} has the best score, {:.1}", best.path.detour(), best.score),
            (None, None) => String::new(),
        },
        refused: chosen.is_none().then(|| scene.refusal(from, to, slice)),
        note: if from == scene.home { String::new() } else { stranger(from, scene.home) },
        candidates,
    }
}

fn stranger(from: &Region, home: &Region) -> String {
    format!("as seen from {home}: {from} remembers its earlier choices and may differ by its margin")
}
