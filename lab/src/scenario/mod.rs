//! Scenarios: what happens to a world, and what must come of it. TOML, strict; four are built in.

mod action;
mod expect;
mod limits;
mod trial;

use std::{fs, io, path::Path};

use serde::Deserialize;

pub(crate) use self::trial::{Finding, Trial};
pub use self::{action::Action, expect::Expectation, limits::MediaLimits};
use crate::{
    pair::Pair,
    world::{RegionSpec, WorldSpec},
};

const BUILT_IN: [(&str, &str); 4] = [
    ("whitepaper", include_str!("../../scenarios/whitepaper.toml")),
    ("media", include_str!("../../scenarios/media.toml")),
    ("protect", include_str!("../../scenarios/protect.toml")),
    ("short", include_str!("../../scenarios/short.toml")),
];

/// Of 20 ms packets both ways, this many keep a core busy.
const LONG_CALLS_MAX: u16 = 500;

/// A world, its calls, and the steps of the story.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, as in `--scenario`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The run ends after this long, come what may.
    pub seconds_max: u64,
    /// The name under which regions are SIP names.
    #[serde(default = "mesh_domain")]
    pub mesh_domain: String,
    /// Over the whole run, the longest time without a new packet that a direction of a call may have.
    #[serde(default)]
    pub media_gap_ms_max: Option<f64>,
    /// Over the whole run, packets that a direction of a call may lose.
    #[serde(default)]
    pub media_lost_max: Option<u32>,
    /// Over the whole run, the lowest score that a direction of a call may have.
    #[serde(default)]
    pub media_mos_min: Option<f64>,
    /// The regions.
    #[serde(rename = "region")]
    pub regions: Vec<RegionSpec>,
    /// The calls that are placed all the time.
    pub calls: CallsSpec,
    /// Calls beside those that live through all of it.
    #[serde(default)]
    pub long_calls: LongCallsSpec,
    /// What happens, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// The calls of a scenario.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallsSpec {
    /// From the first region to the second.
    pub between: [String; 2],
    /// And back.
    #[serde(default = "yes")]
    pub both_ways: bool,
    /// Calls placed a second, in each direction.
    pub per_second: f64,
    /// From answer to BYE.
    pub talk_ms: u64,
    /// From 180 to 200.
    pub ring_ms: u64,
}

/// The calls that are placed at the beginning and hung up at the end; they go where the others go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongCallsSpec {
    /// How many are in progress; the directions take turns.
    pub count: u16,
}

/// One step of the story.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// One line for people.
    pub title: String,
    /// What is done at its beginning; nothing is possible.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// The way that new calls must go.
    pub expect: Expectation,
    /// From the actions until new calls go that way.
    pub within_ms: u64,
    /// For this long after that, every new call must go that way.
    pub stay_ms: u64,
    /// From the actions to the end of the step, the longest time without a new packet in a direction of a call.
    #[serde(default)]
    pub media_gap_ms_max: Option<f64>,
    /// The same for half of the directions.
    #[serde(default)]
    pub media_gap_ms_p50_max: Option<f64>,
    /// The same for 99 in 100 of them.
    #[serde(default)]
    pub media_gap_ms_p99_max: Option<f64>,
    /// Packets that a direction of a call may lose in the step.
    #[serde(default)]
    pub media_lost_max: Option<u32>,
    /// The share of the packets of all of them that may be lost in the step, 0 to 1.
    #[serde(default)]
    pub media_loss_max: Option<f64>,
    /// The lowest score that a direction of a call may have in the step.
    #[serde(default)]
    pub media_mos_min: Option<f64>,
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither built in nor a file.
    #[error("scenario {name}: no built-in one ({}), and as a file: {error}", built_in_names())]
    NotFound {
        /// What was asked for.
        name: String,
        /// What the system said about the file.
        error: io::Error,
    },
    /// Not the TOML of a scenario.
    #[error("scenario {name}: {error}")]
    Toml {
        /// Name or file.
        name: String,
        /// Line, key and reason.
        error: toml::de::Error,
    },
    /// TOML, but nothing that can be played.
    #[error("scenario {name}: {reason}")]
    Wrong {
        /// Name or file.
        name: String,
        /// A sentence for its author.
        reason: String,
    },
}

impl Scenario {
    /// A built-in scenario by name, or else a file.
    ///
    /// # Errors
    /// When there is no such scenario, or something is wrong with it.
    pub fn load(name: &str) -> Result<Self, ScenarioError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            return Self::parse(name, text);
        }
        let text = fs::read_to_string(Path::new(name))
            .map_err(|error| ScenarioError::NotFound { name: name.into(), error })?;
        Self::parse(name, &text)
    }

    /// Reads a scenario; `name` is for error messages.
    ///
    /// # Errors
    /// When something is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::Toml { name: name.into(), error })?;
        scenario.check().map_err(|reason| ScenarioError::Wrong { name: name.into(), reason })?;
        Ok(scenario)
    }

    /// The world that it plays in.
    pub fn world(&self) -> WorldSpec {
        WorldSpec {
            regions: self.regions.clone(),
            mesh_domain: self.mesh_domain.clone(),
            relays: true,
            tuning: toml::Table::new(),
        }
    }

    /// The directions that carry calls.
    pub fn pairs(&self) -> Vec<Pair> {
        let [from, to] = &self.calls.between;
        let there = Pair::new(from, to);
        let back = self.calls.both_ways.then(|| there.reversed());
        [Some(there), back].into_iter().flatten().collect()
    }

    /// What the voice must be like over the whole run.
    pub(crate) fn media_limits(&self) -> MediaLimits {
        let Self { media_gap_ms_max: gap_ms_max, media_lost_max: lost_max, media_mos_min: mos_min, .. } =
            *self;
        MediaLimits { gap_ms_max, lost_max, mos_min, ..MediaLimits::default() }
    }

    fn check(&self) -> Result<(), String> {
        self.world().check()?;
        let calls = &self.calls;
        for end in &calls.between {
            let region = self.regions.iter().find(|region| region.name == *end);
            let region = region.ok_or_else(|| format!("calls: no region {end}"))?;
            if region.prefix.is_none() {
                return Err(format!("calls: region {end} has no prefix, so no phones"));
            }
        }
        if calls.between[0] == calls.between[1] {
            return Err("calls: between takes two regions".into());
        }
        if !(0.1..=50.0).contains(&calls.per_second) {
            return Err(format!("calls: per_second {}: 0.1 to 50 are possible", calls.per_second));
        }
        if self.long_calls.count > LONG_CALLS_MAX {
            let count = self.long_calls.count;
            return Err(format!("long_calls: count {count}: {LONG_CALLS_MAX} at most"));
        }
        self.media_limits().check()?;
        if self.steps.is_empty() {
            return Err("a scenario needs a step".into());
        }
        let known = |region: &str| self.regions.iter().any(|known| known.name == region);
        for (number, step) in (1..).zip(&self.steps) {
            let wrong = |reason| format!("step {number} ({}): {reason}", step.title);
            let named = step.actions.iter().flat_map(Action::regions).chain(step.expect.relays());
            if let Some(stranger) = named.into_iter().find(|region| !known(region)) {
                return Err(wrong(format!("no region {stranger}")));
            }
            step.actions.iter().try_for_each(Action::check).map_err(wrong)?;
            step.media_limits().check().map_err(wrong)?;
        }
        Ok(())
    }
}

impl Step {
    /// What the voice must be like in it.
    pub(crate) fn media_limits(&self) -> MediaLimits {
        MediaLimits {
            gap_ms_max: self.media_gap_ms_max,
            gap_ms_p50_max: self.media_gap_ms_p50_max,
            gap_ms_p99_max: self.media_gap_ms_p99_max,
            lost_max: self.media_lost_max,
            loss_max: self.media_loss_max,
            mos_min: self.media_mos_min,
        }
    }
}

fn built_in_names() -> String {
    BUILT_IN.map(|(name, _)| name).join(", ")
}

fn mesh_domain() -> String {
    "lab.ringway.example".into()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenarios_are_sound_and_know_their_names() {
        for (name, text) in BUILT_IN {
            assert_eq!(Scenario::parse(name, text).unwrap().name, name);
        }
    }

    #[test]
    fn the_whitepaper_plays_in_the_whitepapers_world() {
        let world = WorldSpec { relays: true, ..WorldSpec::whitepaper() };
        assert_eq!(Scenario::load("whitepaper").unwrap().world(), world);
    }

    #[test]
    fn a_wrong_scenario_is_refused_with_the_reason() {
        let (_, good) = BUILT_IN[3];
        let wrong = |old: &str, new: &str| {
            assert!(good.contains(old), "the short scenario has no {old}");
            Scenario::parse("x", &good.replacen(old, new, 1)).unwrap_err().to_string()
        };
        assert!(wrong("per_second", "per_minute").contains("unknown field `per_minute`"));
        assert!(wrong("\"direct\"", "\"sideways\"").contains("\"direct\" or \"via REGION\""));
        assert!(wrong("via us-east-2", "via mars-1").contains("no region mars-1"));
        assert!(wrong("loss = 0.2", "loss = 20").contains("loss 20: 0 to 1"));
        assert!(wrong("prefix = \"+1503\"\n", "").contains("us-west-2 has no prefix"));
        assert!(wrong("count = 4", "count = 501").contains("count 501: 500 at most"));
        assert!(wrong("stay_ms = 2000", "stay_ms = 1\nmedia_mos_min = 5").contains("1 to 4.5"));
        assert!(wrong("[[region]]", "media_gap_ms_max = 10\n[[region]]").contains("every 20 ms"));
    }

    #[test]
    fn an_unknown_name_says_what_there_is() {
        let error = Scenario::load("no-such").unwrap_err().to_string();
        assert!(error.contains("whitepaper, media, protect, short"), "{error}");
    }
}
