//! `ringway lab`: one run of a scenario, from the first process to the verdict.

use std::{
    io,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc::sync_channel},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{
    clock,
    conversation::{MediaTotals, StepMedia, conversations},
    engine::{Engine, Progress},
    media::Studio,
    observer::{Observer, RouteBook},
    scenario::Scenario,
    story::{BACKLOG, Story, Tone},
    summary::{StepResult, Summary, Verdict},
    traffic::{CallCounts, Ledger, SetupTimes, Traffic, open_ledger},
    view::{Output, Panel, View, print_json},
    world::{World, WorldError},
};

const DEFAULT_SCENARIO: &str = "whitepaper";
/// Beyond the talk time: a BYE may need all of timer F before it counts as failed.
const DRAIN_LIMIT: Duration = Duration::from_secs(36);
/// How far back the live panel looks for loss and gaps.
const LATELY: Duration = Duration::from_secs(5);

/// What a run is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `ringway` binary that the nodes run.
    pub binary: PathBuf,
    /// A built-in scenario or a file; none: `whitepaper`.
    pub scenario: Option<String>,
    /// For the dice of the network and the phones. The same seed gives every link's n-th packet the same fate.
    pub seed: u64,
    /// One JSON object on standard output at the end, the story on standard error.
    pub json: bool,
    /// Stay up after the story, until Ctrl-C.
    pub hold: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every expectation of the scenario held. Exit status 0.
    Pass,
    /// One did not, or the run was interrupted. Exit status 1.
    Fail,
    /// The scenario cannot be played at all. Exit status 2.
    Unplayable,
}

/// What the parts of a run share, and what the panel looks at.
struct Stage {
    story: Story,
    progress: Progress,
    routes: Arc<RouteBook>,
    /// The same of voice.
    voice: Arc<RouteBook>,
    ledger: OnceLock<Arc<Ledger>>,
    studio: Studio,
    observer: Mutex<Option<Observer>>,
}

/// Why the story is over.
enum Ending {
    Told,
    Interrupted,
    TimedOut(u64),
    World(WorldError),
    Phones(io::Error),
}

/// Plays a scenario and tells the story. Ends all processes that it started, on every way out.
pub async fn run(options: Options) -> Outcome {
    let start = clock::now();
    let name = options.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO);
    let scenario = match Scenario::load(name) {
        Ok(scenario) => scenario,
        Err(error) => return unplayable(&options, name, &error.to_string()),
    };
    let (lines, shown) = sync_channel(BACKLOG);
    let studio = match Studio::start() {
        Ok(studio) => studio,
        Err(error) => return unplayable(&options, name, &error.to_string()),
    };
    let stage = Arc::new(Stage::new(Story::new(start, lines), &scenario, studio));
    let output = if options.json { Output::Json } else { Output::Story };
    let panel = {
        let stage = Arc::clone(&stage);
        move || stage.panel()
    };
    let view = match View::start(output, shown, panel) {
        Ok(view) => view,
        Err(error) => return unplayable(&options, name, &error.to_string()),
    };
    let mut world = None;
    let ending = play(&stage, &scenario, &options, &mut world).await;
    let summary = stage.summary(&scenario, options.seed, &ending);
    summary.tell(&stage.story);
    if let Some(world) = world {
        // Whoever interrupts wants neither to wait again nor to read logs.
        let wanted = !matches!(ending, Ending::Interrupted);
        stage.close(world, wanted && options.hold, wanted && summary.verdict == Verdict::Fail).await;
    }
    stage.story.end();
    view.finish();
    if options.json {
        print_summary(&summary);
    }
    match summary.verdict {
        Verdict::Pass => Outcome::Pass,
        Verdict::Fail => Outcome::Fail,
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::SUCCESS,
            Outcome::Fail => Self::from(1),
            Outcome::Unplayable => Self::from(2),
        }
    }
}

/// Everything up to the verdict; the world, once it is up, lands in `world`.
async fn play(stage: &Stage, scenario: &Scenario, options: &Options, world: &mut Option<World>) -> Ending {
    stage.story.tell("lab", Tone::Strong, format!("{}: {}", scenario.name, scenario.title));
    let limit = Duration::from_secs(scenario.seconds_max);
    tokio::select! {
        ending = stage.perform(scenario, options, world) => ending,
        () = interrupted() => Ending::Interrupted,
        () = sleep(limit) => Ending::TimedOut(scenario.seconds_max),
    }
}

impl Stage {
    fn new(story: Story, scenario: &Scenario, studio: Studio) -> Self {
        let progress = Progress::default();
        progress.announce("starting");
        let book = || Arc::new(RouteBook::new(scenario.pairs(), story.start()));
        let (routes, voice) = (book(), book());
        Self { story, progress, routes, voice, ledger: OnceLock::new(), studio, observer: Mutex::default() }
    }

    async fn perform(&self, scenario: &Scenario, options: &Options, slot: &mut Option<World>) -> Ending {
        let world = match World::start(&scenario.world(), &options.binary, options.seed).await {
            Ok(world) => slot.insert(world),
            Err(error) => return Ending::World(error),
        };
        self.introduce(world, options.seed);
        *self.observer() = Some(Observer::start(world, (&self.routes, &self.voice), &self.story));
        let ledger = self.ledger.get_or_init(|| open_ledger(world));
        let books = (Arc::clone(ledger), self.studio.clone());
        let traffic = match Traffic::start(world, scenario, options.seed, books, self.story.clone()).await {
            Ok(traffic) => traffic,
            Err(error) => return Ending::Phones(error),
        };
        self.introduce_calls(scenario);
        let mut engine = Engine::new(world, scenario, (ledger, &self.studio), &self.story, &self.progress);
        tokio::select! {
            () = engine.play() => {}
            death = world.node_died() => return Ending::World(death),
        }
        self.progress.announce("the last calls end");
        traffic.finish(Duration::from_millis(scenario.calls.talk_ms) + DRAIN_LIMIT).await;
        self.progress.announce("over");
        Ending::Told
    }

    fn introduce(&self, world: &World, seed: u64) {
        let nodes = world.live_nodes().count();
        let regions: Vec<String> =
            world.regions().iter().map(|region| format!("{} ({})", region.name(), region.place())).collect();
        let text = format!(
            "{nodes} nodes up and routed in {}\naddresses {}/12, seed {seed}, files {}",
            regions.join(", "),
            world.addresses().block(),
            world.directory().display()
        );
        self.story.tell("world", Tone::Plain, text);
    }

    fn introduce_calls(&self, scenario: &Scenario) {
        let calls = &scenario.calls;
        let pairs: Vec<String> = scenario.pairs().iter().map(ToString::to_string).collect();
        let rate = calls.per_second;
        let talk = Duration::from_millis(calls.talk_ms).as_secs_f64();
        let long = match scenario.long_calls.count {
            0 => String::new(),
            count => format!("\n{count} more calls last from now to the end"),
        };
        let text =
            format!("{}: {rate} calls a second each, {talk:.1} s talk time{long}", pairs.join(" and "));
        self.story.tell("calls", Tone::Plain, text);
    }

    fn summary(&self, scenario: &Scenario, seed: u64, ending: &Ending) -> Summary {
        if let Some(ledger) = self.ledger.get() {
            ledger.close();
        }
        let ledger = self.ledger.get();
        let steps = self.progress.steps();
        let failed_steps = steps.iter().filter(|step| !step.ok);
        let mut failures: Vec<String> = ending.failure().into_iter().collect();
        failures.extend(failed_steps.map(StepResult::failure));
        failures.extend(ledger.map(|ledger| ledger.failures()).unwrap_or_default());
        let talks = ledger.map(|ledger| ledger.talks()).unwrap_or_default();
        let streams = self.studio.streams(self.story.start(), clock::now());
        failures.extend(scenario.media_limits().broken_by(&streams, &talks));
        let calls = conversations((&talks, &self.studio, &self.voice), self.story.start());
        let complete = failures.is_empty() && steps.len() == scenario.steps.len();
        Summary {
            verdict: if complete { Verdict::Pass } else { Verdict::Fail },
            scenario: scenario.name.clone(),
            seed,
            duration_s: seconds_since(self.story.start()),
            calls: ledger.map(|ledger| ledger.counts()).unwrap_or_default(),
            setup_ms: ledger.map(|ledger| ledger.setup_times()).unwrap_or_default(),
            media: MediaTotals::of(&calls),
            route_changes: self.routes.changes(),
            steps,
            conversations: calls,
            failures,
        }
    }

    fn panel(&self) -> Panel {
        let now = clock::now();
        let ledger = self.ledger.get();
        Panel {
            headline: self.progress.headline(),
            elapsed: now - self.story.start(),
            routes: self.routes.current(),
            links: self.observer().as_ref().map(Observer::links).unwrap_or_default(),
            calls: ledger.map(|ledger| ledger.counts()).unwrap_or_default(),
            in_progress: ledger.map_or(0, |ledger| ledger.in_progress()),
            setup: ledger.map(|ledger| ledger.setup_times()).unwrap_or_default(),
            tally: self.studio.tally(),
            lately: StepMedia::of(&self.studio.streams(now - LATELY.min(now - self.story.start()), now)),
            recent: ledger.map(|ledger| ledger.recent()).unwrap_or_default(),
        }
    }

    /// Ends the world, after holding it up and leaving its files behind if that is wanted.
    async fn close(&self, world: World, hold: bool, keep_files: bool) {
        if hold {
            self.progress.announce("held up until Ctrl-C");
            self.tell_how_to_talk(&world);
            interrupted().await;
        }
        if keep_files {
            world.keep_files();
            self.story.print(Tone::Plain, format!("  logs     {}", world.directory().display()));
        }
        // First the observer: that nodes lose each other now is no news.
        drop(self.observer().take());
        world.shutdown().await;
    }

    fn observer(&self) -> MutexGuard<'_, Option<Observer>> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_how_to_talk(&self, world: &World) {
        let Some(node) = world.live_nodes().next() else { return };
        let address = format!("--address http://{}", node.admin_address());
        let pair = self.routes.current().into_iter().next().map(|(pair, _)| pair);
        let (from, to) = pair.map(|pair| (pair.from, pair.to)).unwrap_or_default();
        self.story.print(Tone::Plain, "");
        self.story.print(Tone::Strong, "  The world stays up until Ctrl-C. In another terminal:");
        for verb in [
            "status".to_owned(),
            "node list".to_owned(),
            "link list".to_owned(),
            "route list".to_owned(),
            format!("route explain {from} {to}"),
            "policy apply FILE".to_owned(),
        ] {
            self.story.print(Tone::Plain, format!("    ringway {verb} {address}"));
        }
        self.story.print(Tone::Plain, "");
        for node in world.live_nodes() {
            let (name, admin, metrics) = (node.to_string(), node.admin_address(), node.metrics_address());
            let text = format!("  {name:<20} admin http://{admin}   metrics http://{metrics}/metrics");
            self.story.print(Tone::Plain, text);
        }
    }
}

impl Ending {
    fn failure(&self) -> Option<String> {
        match self {
            Self::Told => None,
            Self::Interrupted => Some("interrupted".into()),
            Self::TimedOut(seconds) => Some(format!("the story was not over after {seconds} s")),
            Self::World(error) => Some(error.to_string()),
            Self::Phones(error) => Some(format!("phones: {error}")),
        }
    }
}

/// Returns at Ctrl-C, SIGTERM or the end of the terminal.
async fn interrupted() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

fn unplayable(options: &Options, scenario: &str, reason: &str) -> Outcome {
    if options.json {
        print_summary(&Summary {
            verdict: Verdict::Fail,
            scenario: scenario.into(),
            seed: options.seed,
            duration_s: 0.0,
            calls: CallCounts::default(),
            setup_ms: SetupTimes::default(),
            media: MediaTotals::default(),
            route_changes: vec![],
            steps: vec![],
            conversations: vec![],
            failures: vec![reason.to_owned()],
        });
    }
    eprintln!("ringway lab: {reason}");
    Outcome::Unplayable
}

fn print_summary(summary: &Summary) {
    match serde_json::to_string(summary) {
        Ok(json) => {
            // A reader that has gone away still gets the exit status.
            let _ = print_json(&json);
        }
        Err(error) => unreachable!("numbers and strings make JSON: {error}"),
    }
}

fn seconds_since(start: Instant) -> f64 {
    ((clock::now() - start).as_secs_f64() * 1_000.0).round() / 1_000.0
}
