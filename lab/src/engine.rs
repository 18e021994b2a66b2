//! Plays the steps of a scenario in a running world and judges them by the calls that arrive.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::timeout_at;

use crate::{
    clock,
    conversation::StepMedia,
    media::Studio,
    scenario::{Action, Finding, Scenario, Step, Trial},
    story::{Story, Tone},
    summary::StepResult,
    traffic::{Ledger, Observation, ms},
    wan::LinkModel,
    world::{World, WorldError},
};

/// How far the story is, for whoever shows it.
#[derive(Default)]
pub(crate) struct Progress {
    steps: Mutex<Vec<StepResult>>,
    headline: Mutex<String>,
}

/// A world, its calls, and the place where it is told.
pub(crate) struct Engine<'a> {
    world: &'a World,
    scenario: &'a Scenario,
    ledger: &'a Ledger,
    studio: &'a Studio,
    story: &'a Story,
    progress: &'a Progress,
    revision: u64,
}

impl Progress {
    /// The steps that are over.
    pub(crate) fn steps(&self) -> Vec<StepResult> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The step that is being played.
    pub(crate) fn headline(&self) -> String {
        self.headline.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn announce(&self, headline: impl Into<String>) {
        *self.headline.lock().unwrap_or_else(PoisonError::into_inner) = headline.into();
    }

    fn enter(&self, step: StepResult) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        world: &'a World,
        scenario: &'a Scenario,
        (ledger, studio): (&'a Ledger, &'a Studio),
        story: &'a Story,
        progress: &'a Progress,
    ) -> Self {
        Self { world, scenario, ledger, studio, story, progress, revision: 0 }
    }

    /// Plays all steps. One that fails does not keep the next from being played: it shows more of what is wrong.
    pub(crate) async fn play(&mut self) {
        let count = self.scenario.steps.len();
        for (number, step) in (1..).zip(&self.scenario.steps) {
            let headline = format!("step {number} of {count}: {}", step.title);
            let expect = format!("expect {} within {:.1} s", step.expect, seconds(step.within_ms));
            self.story.tell("step", Tone::Strong, format!("{number} of {count}: {}; {expect}", step.title));
            self.progress.announce(headline);
            let result = self.play_step(step).await;
            self.progress.enter(result);
        }
    }

    async fn play_step(&mut self, step: &Step) -> StepResult {
        let acted_at = clock::now();
        let mut result = StepResult {
            title: step.title.clone(),
            at_s: (self.at_s(acted_at) * 1_000.0).round() / 1_000.0,
            expected: step.expect.to_string(),
            observed: "-".into(),
            after_ms: None,
            media: StepMedia::default(),
            media_failures: Vec::new(),
            ok: false,
        };
        for action in &step.actions {
            if let Err(reason) = self.act(action).await {
                let action = action.to_string();
                let headline = action.lines().next().unwrap_or_default();
                self.story.tell("failed", Tone::Bad, format!("{headline}: {reason}"));
                result.observed = reason;
                return result;
            }
        }
        let (finding, seen) = self.watch(step, acted_at).await;
        result.observed = seen;
        self.judge_voice(step, acted_at, &mut result).await;
        match finding {
            Finding::Held { after } => {
                let text = format!("new calls went {} after {}, and stayed", step.expect, ms(after));
                self.story.tell("held", Tone::Good, text);
                result.after_ms = u64::try_from(after.as_millis()).ok();
                result.ok = result.media_failures.is_empty();
            }
            Finding::Failed { why } => {
                self.story.tell("failed", Tone::Bad, format!("expected {}, but {why}", step.expect));
            }
        }
        result
    }

    /// What the voices of all calls went through since the actions.
    async fn judge_voice(&self, step: &Step, acted_at: Instant, result: &mut StepResult) {
        let end = clock::now();
        self.studio.catch_up().await;
        let streams = self.studio.streams(acted_at, end);
        result.media = StepMedia::of(&streams);
        result.media_failures = step.media_limits().broken_by(&streams, &self.ledger.talks());
        let StepMedia { streams, lost, gap_ms, .. } = result.media;
        let text = format!(
            "{streams} streams, {lost} packets lost, gaps p50 {:.0} ms, max {:.0} ms",
            gap_ms.p50, gap_ms.max
        );
        self.story.tell("voice", Tone::Plain, text);
        for failure in &result.media_failures {
            self.story.tell("failed", Tone::Bad, failure.clone());
        }
    }

    /// Follows the calls until the step has come out.
    async fn watch(&self, step: &Step, acted_at: Instant) -> (Finding, String) {
        let directions = (0..).zip(self.scenario.pairs()).map(|(index, pair)| {
            let path = step.expect.path(&pair, index == 1);
            (pair, path)
        });
        let limits = (Duration::from_millis(step.within_ms), Duration::from_millis(step.stay_ms));
        let mut trial = Trial::new(acted_at, limits, directions);
        let mut changes = self.ledger.changes();
        let mut seen = 0;
        loop {
            changes.mark_unchanged();
            for Observation { pair, placed_at, path, .. } in self.ledger.observations_after(seen) {
                seen += 1;
                trial.observe(&pair, placed_at, &path);
            }
            if let Some(finding) = trial.judge(clock::now()) {
                return (finding, trial.seen());
            }
            // Either a call was entered, or the time has come: both mean to look again.
            let _ = timeout_at(trial.deadline().into(), changes.changed()).await;
        }
    }

    async fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Brownout(brownout) => {
                self.change_link(&brownout.link, brownout.both_ways, |link| {
                    link.extra_loss = brownout.loss;
                    link.extra_delay_ms = brownout.extra_delay_ms;
                    link.flows = brownout.flows;
                })?;
                self.tell_action(action.to_string());
            }
            Action::Cut(cut) => {
                self.change_link(&cut.link, cut.both_ways, |link| {
                    link.cut = true;
                    link.flows = cut.flows;
                })?;
                self.tell_action(action.to_string());
            }
            Action::Heal => {
                self.world.wan().heal();
                self.tell_action(action.to_string());
            }
            Action::Policy(rules) => self.apply(rules, action).await?,
            Action::WithdrawPolicy => self.apply("", action).await?,
            Action::KillRelay => self.kill_relay().await?,
            Action::KillNode(kill) => self.kill(&kill.region, kill.node).await?,
        }
        Ok(())
    }

    fn change_link(
        &self,
        [from, to]: &[String; 2],
        both_ways: bool,
        change: impl Fn(&mut LinkModel),
    ) -> Result<(), String> {
        let wan = self.world.wan();
        wan.change(from, to, &change).map_err(|error| error.to_string())?;
        if both_ways {
            wan.change(to, from, &change).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn apply(&mut self, rules: &str, action: &Action) -> Result<(), String> {
        self.revision += 1;
        self.tell_action(action.to_string());
        let document = format!("revision = {}\n{rules}", self.revision);
        let applied =
            self.world.apply_policy(&document).await.map_err(|error: WorldError| error.to_string())?;
        let nodes = self.world.live_nodes().count();
        let text = format!(
            "revision {} active on {nodes} nodes after {}",
            applied.revision,
            ms(applied.active_after)
        );
        self.story.tell("policy", Tone::Plain, text);
        Ok(())
    }

    /// The relay is read from the newest call that crossed one, not assumed.
    async fn kill_relay(&self) -> Result<(), String> {
        let observations = self.ledger.observations_after(0);
        let relay = observations.iter().rev().find_map(|observation| {
            let Observation { pair, nodes, .. } = observation;
            nodes.iter().find(|(region, _)| *region != pair.from && *region != pair.to)
        });
        let (region, host) = relay.ok_or("no call went over a relay")?;
        self.kill(region, *host).await
    }

    async fn kill(&self, region: &str, host: u8) -> Result<(), String> {
        let node = self.world.node(region, host).ok_or_else(|| format!("no node {host} in {region}"))?;
        node.kill().await;
        self.tell_action(format!("killed {node} (SIGKILL, pid {})", node.pid()));
        Ok(())
    }

    fn tell_action(&self, text: String) {
        self.story.tell("action", Tone::Plain, text);
    }

    fn at_s(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.story.start()).as_secs_f64()
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
