//! Why a route is what it is: sentences for an engineer who is woken at night, kept as data until they are
//! printed so that a decision record can be compared with its replay.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Path, Region};

/// Why a path was taken, or lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing has been found yet.
    Waiting,
    /// The first path there was.
    First(Snapshot),
    /// Soon after the first path a better one was found.
    Sooner(Snapshot),
    /// Another path is better by the margin, now and smoothed.
    Better {
        /// The path that was left, as it was then.
        old: Snapshot,
        /// The path that was taken.
        new: Snapshot,
        /// The margin, in points of R.
        margin_r: f64,
    },
    /// A path with fewer relays has been better for long enough, be it by little.
    Held {
        /// The path that was taken.
        path: Path,
        /// How long it had been better.
        hold: Duration,
    },
    /// The path cannot be used any more.
    Gone {
        /// What is in the way.
        obstacle: Obstacle,
        /// The policy in force then.
        policy_revision: u64,
    },
    /// A new policy weighs on the path that was left, or favors the one that was taken.
    Policy {
        /// Its revision.
        revision: u64,
        /// What it does, and by which rule; `None` when it only took an earlier rule away.
        sway: Option<Sway>,
    },
    /// An operator ordered it by hand, or took such an order back.
    Ordered {
        /// The order; `None` when one has ended.
        sway: Option<Sway>,
    },
}

/// A path in numbers, at the time of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The path.
    pub path: Path,
    /// One-way delay, 95th percentile.
    pub delay_ms: f64,
    /// Loss from end to end, 0 to 1.
    pub loss: f64,
    /// Its rating (ITU-T G.107).
    pub r: f64,
}

/// What keeps calls off a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A region on it has no live node.
    NoNode(Region),
    /// Nobody has ever reported a link of it.
    Unknown(Region, Region),
    /// A link of it does not answer.
    Down(Region, Region),
    /// A link of it is not reported any more.
    Silent(Region, Region),
    /// A link of it answers again, but not for long enough.
    Recovering(Region, Region),
    /// A rule forbids a relay of it.
    Forbidden {
        /// The relay; `None` when the direct path itself is forbidden.
        relay: Option<Region>,
        /// The rule.
        rule: String,
    },
    /// A rule forbids a link of it.
    ForbiddenLink {
        /// Where the link starts.
        from: Region,
        /// Where it leads.
        to: Region,
        /// The rule.
        rule: String,
    },
    /// An operator took a link of it out of service.
    Disabled {
        /// Where the link starts.
        from: Region,
        /// Where it leads.
        to: Region,
        /// Who, and why.
        by: String,
    },
    /// An operator drains a region on it.
    Drained {
        /// The region.
        region: Region,
        /// Who, and why.
        by: String,
    },
    /// It has more relays than a rule allows.
    TooManyRelays {
        /// How many are allowed.
        max: usize,
        /// The rule.
        rule: String,
    },
}

/// What one rule does to the score of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sway {
    /// Which action of the rule.
    pub kind: SwayKind,
    /// The relay it is about (of a pinned chain the first); `None`: the direct path.
    pub relay: Option<Region>,
    /// The rule.
    pub rule: String,
    /// Points of R; zero for a pin.
    pub r: f64,
}

/// The action of a rule that weighs on a path without forbidding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwayKind {
    /// `avoid`
    Avoids,
    /// `prefer`
    Prefers,
    /// `pin`
    Pins,
    /// `avoid_links`
    AvoidsLinks,
    /// Pinned by hand.
    Ordered,
    /// `bias`
    Biases,
    /// `cost_r`
    Costs,
}

impl Obstacle {
    /// Whether a rule is in the way, and not the network.
    pub fn is_policy(&self) -> bool {
        matches!(self, Self::Forbidden { .. } | Self::ForbiddenLink { .. } | Self::TooManyRelays { .. })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("no path has been found yet"),
            Self::First(s) => {
                write!(f, "first path found: {}, R {:.1} in {:.1} ms", s.path.detour(), s.r, s.delay_ms)
            }
            Self::Sooner(s) => {
                write!(
                    f,
                    "{}, found a moment later, is better: R {:.1} in {:.1} ms",
                    s.path.detour(),
                    s.r,
                    s.delay_ms
                )
            }
            Self::Better { old, new, margin_r } => {
                write!(f, "{old}; {} R {:.1} (margin {margin_r:.1})", new.path.detour(), new.r)
            }
            Self::Held { path, hold } => {
                write!(f, "{} is best again and held for {} s", path.detour(), hold.as_secs_f64())
            }
            Self::Gone { obstacle, policy_revision } if obstacle.is_policy() => {
                write!(f, "policy revision {policy_revision} {}", Prohibition(obstacle))
            }
            Self::Gone { obstacle, .. } => obstacle.fmt(f),
            Self::Ordered { sway: Some(sway) } => sway.fmt(f),
            Self::Ordered { sway: None } => f.write_str("an order by hand has ended"),
            Self::Policy { revision, sway: Some(sway) } => write!(f, "policy revision {revision} {sway}"),
            Self::Policy { revision, sway: None } => {
                write!(f, "policy revision {revision} took back what an earlier one said")
            }
        }
    }
}

/// The sentence on a path that is being left: what is bad about it.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.loss >= 0.005 {
            write!(f, "{} lost {:.1} %", self.path.detour(), self.loss * 100.0)?;
        } else {
            write!(f, "{} takes {:.0} ms", self.path.detour(), self.delay_ms)?;
        }
        write!(f, " and R fell to {:.1}", self.r)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(region) => write!(f, "{region} has no live node"),
            Self::Unknown(from, to) => write!(f, "link {from} > {to} has never been up"),
            Self::Down(from, to) => write!(f, "link {from} > {to} is down"),
            Self::Silent(from, to) => write!(f, "link {from} > {to} is not reported any more"),
            Self::Recovering(from, to) => {
                write!(f, "link {from} > {to} is up again, but not for long enough")
            }
            Self::Disabled { from, to, by } => write!(f, "link {from} > {to} was disabled by {by}"),
            Self::Drained { region, by } => write!(f, "{region} is drained by {by}"),
            Self::Forbidden { .. } | Self::ForbiddenLink { .. } | Self::TooManyRelays { .. } => {
                write!(f, "policy {}", Prohibition(self))
            }
        }
    }
}

impl fmt::Display for Sway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            SwayKind::Avoids => "avoids",
            SwayKind::Prefers => "prefers",
            SwayKind::Pins => "pins calls to",
            SwayKind::Ordered => "pinned calls to",
            SwayKind::AvoidsLinks => "avoids links of this path",
            SwayKind::Biases => "has a bias on this path",
            SwayKind::Costs => "counts what this path costs",
        };
        match self.kind {
            SwayKind::Pins => write!(f, "{verb} {} (\"{}\")", Named(self.relay.as_ref()), self.rule),
            SwayKind::Ordered => write!(f, "{} {verb} {}", self.rule, Named(self.relay.as_ref())),
            SwayKind::Avoids | SwayKind::Prefers => {
                write!(f, "{verb} {} (\"{}\", {:+.1})", Named(self.relay.as_ref()), self.rule, self.r)
            }
            SwayKind::AvoidsLinks | SwayKind::Biases | SwayKind::Costs => {
                write!(f, "{verb} (\"{}\", {:+.1})", self.rule, self.r)
            }
        }
    }
}

/// What a policy obstacle does, without its subject: `forbids us-east-2 ("keep out of Ohio")`.
struct Prohibition<'a>(&'a Obstacle);

impl fmt::Display for Prohibition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Obstacle::Forbidden { relay, rule } => {
                write!(f, "forbids {} (\"{rule}\")", Named(relay.as_ref()))
            }
            Obstacle::ForbiddenLink { from, to, rule } => {
                write!(f, "forbids link {from} > {to} (\"{rule}\")")
            }
            Obstacle::TooManyRelays { max, rule } => write!(f, "allows {max} relays at most (\"{rule}\")"),
            network => write!(f, "has no part in it: {network}"),
        }
    }
}

struct Named<'a>(Option<&'a Region>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(region) => region.fmt(f),
            None => f.write_str("the direct path"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(path: &str, delay_ms: f64, loss: f64, r: f64) -> Snapshot {
        let path = Path::new(path.split(' ').map(|region| region.parse().unwrap())).unwrap();
        Snapshot { path, delay_ms, loss, r }
    }

    #[test]
    fn sentences() {
        let old = snapshot("us-west-2 us-east-1", 112.0, 0.198, 52.1);
        let slow = Snapshot { loss: 0.0, delay_ms: 212.3, ..old.clone() };
        let new = snapshot("us-west-2 us-east-2 us-east-1", 33.5, 0.0, 92.1);
        let rule = || "keep out of Ohio".to_owned();
        let ohio = new.path.relays().first().cloned();
        let gone = |obstacle| Reason::Gone { obstacle, policy_revision: 7 };
        let better = |old: &Snapshot| Reason::Better { old: old.clone(), new: new.clone(), margin_r: 3.0 };
        let avoids = Sway { kind: SwayKind::Avoids, relay: ohio.clone(), rule: rule(), r: -30.0 };
        let table = [
            (better(&old), "direct lost 19.8 % and R fell to 52.1; via us-east-2 R 92.1 (margin 3.0)"),
            (better(&slow), "direct takes 212 ms and R fell to 52.1; via us-east-2 R 92.1 (margin 3.0)"),
            (
                Reason::Held { path: old.path.clone(), hold: Duration::from_secs(5) },
                "direct is best again and held for 5 s",
            ),
            (
                gone(Obstacle::Down("us-west-2".parse().unwrap(), "us-east-1".parse().unwrap())),
                "link us-west-2 > us-east-1 is down",
            ),
            (gone(Obstacle::NoNode("us-east-2".parse().unwrap())), "us-east-2 has no live node"),
            (
                gone(Obstacle::Forbidden { relay: ohio, rule: rule() }),
                "policy revision 7 forbids us-east-2 (\"keep out of Ohio\")",
            ),
            (
                Reason::Policy { revision: 7, sway: Some(avoids) },
                "policy revision 7 avoids us-east-2 (\"keep out of Ohio\", -30.0)",
            ),
            (Reason::First(new.clone()), "first path found: via us-east-2, R 92.1 in 33.5 ms"),
        ];
        for (reason, sentence) in table {
            assert_eq!(reason.to_string(), sentence);
        }
    }
}
