//! What a scenario does to its world.

use std::fmt;

use serde::Deserialize;

/// One thing done at the beginning of a step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// A link loses and delays.
    Brownout(Brownout),
    /// A link passes nothing.
    Cut(Cut),
    /// Every link is as it was at the start.
    Heal,
    /// The operator applies a policy document; the lab adds its revision.
    Policy(String),
    /// The operator applies a document without rules.
    WithdrawPolicy,
    /// SIGKILL for the relay node that the newest calls went over.
    KillRelay,
    /// SIGKILL for a node.
    KillNode(KillNode),
}

/// How a link browns out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brownout {
    /// Its ends.
    pub link: [String; 2],
    /// Probability from 0 to 1 that a packet is lost.
    pub loss: f64,
    /// What is added to the one-way delay.
    #[serde(default)]
    pub extra_delay_ms: f64,
    /// Or only from the first to the second.
    #[serde(default)]
    pub both_ways: bool,
    /// Which share of the flows it hits, 0 to 1, chosen by the hash of their source port, as networks spread flows over
    /// parallel ways; the others pass as if nothing were wrong.
    #[serde(default = "all")]
    pub flows: f64,
}

/// Which link is cut.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Its ends.
    pub link: [String; 2],
    /// Or only from the first to the second.
    #[serde(default)]
    pub both_ways: bool,
    /// Which share of the flows it hits, as in a brownout.
    #[serde(default = "all")]
    pub flows: f64,
}

/// Which node is killed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillNode {
    /// Its region.
    pub region: String,
    /// Its number there, from 1.
    pub node: u8,
}

impl Action {
    /// The regions that it names.
    pub(super) fn regions(&self) -> &[String] {
        match self {
            Self::Brownout(Brownout { link, .. }) | Self::Cut(Cut { link, .. }) => link,
            Self::KillNode(kill) => std::slice::from_ref(&kill.region),
            Self::Heal | Self::Policy(_) | Self::WithdrawPolicy | Self::KillRelay => &[],
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Brownout(brownout) if !(0.0..=1.0).contains(&brownout.loss) => {
                Err(format!("loss {}: 0 to 1 is possible", brownout.loss))
            }
            Self::Brownout(brownout) if !(0.0..=10_000.0).contains(&brownout.extra_delay_ms) => {
                Err(format!("extra_delay_ms {}: 0 to 10000 is possible", brownout.extra_delay_ms))
            }
            Self::Brownout(Brownout { link, .. }) | Self::Cut(Cut { link, .. }) if link[0] == link[1] => {
                Err("a link has two ends".into())
            }
            Self::Brownout(Brownout { flows, .. }) | Self::Cut(Cut { flows, .. })
                if !(0.0..=1.0).contains(flows) =>
            {
                Err(format!("flows {flows}: 0 to 1 is possible"))
            }
            Self::Policy(document) if document.parse::<toml::Table>().is_err() => {
                Err("the policy is no TOML document".into())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Brownout(Brownout { link: [a, b], loss, extra_delay_ms, both_ways, flows }) => {
                let (arrow, ways) = direction(*both_ways);
                let (loss, share) = (loss * 100.0, share(*flows));
                write!(f, "{a} {arrow} {b}: {loss:.0} % loss, +{extra_delay_ms:.0} ms, {ways}{share}")
            }
            Self::Cut(Cut { link: [a, b], both_ways, flows }) => {
                let (arrow, ways) = direction(*both_ways);
                write!(f, "{a} {arrow} {b}: cut, {ways}{}", share(*flows))
            }
            Self::Heal => f.write_str("all links healed"),
            Self::Policy(document) => {
                write!(f, "policy applied\n{}", document.trim())
            }
            Self::WithdrawPolicy => f.write_str("policy withdrawn"),
            Self::KillRelay => f.write_str("relay node in use killed"),
            Self::KillNode(KillNode { region, node }) => write!(f, "node {node} of {region} killed"),
        }
    }
}

fn direction(both_ways: bool) -> (&'static str, &'static str) {
    if both_ways { ("<>", "both ways") } else { (">", "one way") }
}

fn share(flows: f64) -> String {
    if flows < 1.0 { format!(", {:.0} % of the flows", flows * 100.0) } else { String::new() }
}

fn all() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Step {
        actions: Vec<Action>,
    }

    #[test]
    fn a_fault_hits_all_flows_unless_it_says_how_many() {
        let text = "actions = [{ cut = { link = [\"a\", \"b\"] } }, { cut = { link = [\"a\", \"b\"], flows = 0.5 } }, \
                    { brownout = { link = [\"a\", \"b\"], loss = 0.2, flows = 1.5 } }]";
        let Step { actions } = toml::from_str(text).unwrap();
        let told: Vec<String> = actions.iter().map(ToString::to_string).collect();
        assert_eq!(told[..2], ["a > b: cut, one way", "a > b: cut, one way, 50 % of the flows"]);
        assert_eq!(actions[1].check(), Ok(()));
        assert_eq!(actions[2].check(), Err("flows 1.5: 0 to 1 is possible".into()));
    }
}
