//! The calls of a run: a phone in every region that has numbers, and a task that places calls at the scenario's rate.

mod ledger;

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

pub use self::ledger::{CallCounts, SetupTimes};
pub(crate) use self::ledger::{Ledger, Observation, ms};
use crate::{
    pair::Pair,
    phone::{Phone, PhoneConfig, PhoneEvent},
    scenario::{CallsSpec, Scenario},
    story::{Story, Tone},
    world::{Node, Region, World},
};

/// Events on their way from the phones to the ledger; four a call.
const EVENTS: usize = 1_024;

/// Phones and the calls between them; drop ends all at once.
pub(crate) struct Traffic {
    ledger: Arc<Ledger>,
    placing: AbortHandle,
    /// Held here, because the phones outlive the placing of new calls.
    _phones: Arc<HashMap<String, Phone>>,
    _tasks: JoinSet<()>,
}

/// The books of a world's calls, with its numbering.
pub(crate) fn open_ledger(world: &World) -> Arc<Ledger> {
    let prefix = |region: &Region| Some((region.prefix()?.to_owned(), region.name().to_owned()));
    let prefixes = world.regions().iter().filter_map(prefix).collect();
    Arc::new(Ledger::new(world.addresses().clone(), prefixes))
}

impl Traffic {
    /// Starts the phones and places the first call.
    pub(crate) async fn start(
        world: &World,
        scenario: &Scenario,
        seed: u64,
        ledger: Arc<Ledger>,
        story: Story,
    ) -> io::Result<Self> {
        let (events, inbox) = mpsc::channel(EVENTS);
        let mut phones = HashMap::new();
        for (number, region) in (1..).zip(world.regions()).filter(|(_, region)| region.prefix().is_some()) {
            let config = PhoneConfig {
                address: region.phone(),
                proxies: region.nodes().iter().map(Node::sip).collect(),
                domain: world.spec().mesh_domain.clone(),
                ring: Duration::from_millis(scenario.calls.ring_ms),
            };
            let phone = Phone::start(config, seed.wrapping_add(number), events.clone()).await?;
            phones.insert(region.name().to_owned(), phone);
        }
        let lines = scenario.pairs().into_iter().filter_map(|pair| line(world, pair)).collect();
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_books(inbox, Arc::clone(&ledger), story));
        let phones = Arc::new(phones);
        let placing = tasks.spawn(place_calls(Arc::clone(&phones), lines, scenario.calls.clone(), seed));
        Ok(Self { ledger, placing, _phones: phones, _tasks: tasks })
    }

    /// Places no more calls and waits until those in progress are over, or `limit` has passed.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.placing.abort();
        let mut changes = self.ledger.changes();
        let _ = timeout(limit, async {
            while self.ledger.in_progress() > 0 && changes.changed().await.is_ok() {}
        })
        .await;
    }
}

/// A direction with the start of the numbers at both ends.
struct CallLine {
    pair: Pair,
    from_prefix: String,
    to_prefix: String,
}

fn line(world: &World, pair: Pair) -> Option<CallLine> {
    let prefix = |region: &str| world.region(region)?.prefix().map(str::to_owned);
    Some(CallLine { from_prefix: prefix(&pair.from)?, to_prefix: prefix(&pair.to)?, pair })
}

async fn keep_books(mut events: mpsc::Receiver<PhoneEvent>, ledger: Arc<Ledger>, story: Story) {
    while let Some(event) = events.recv().await {
        if let Some(failure) = ledger.record(event) {
            story.tell("failed", Tone::Bad, failure);
        }
        // After the words, so that none of them come after the verdict.
        ledger.wake();
    }
}

/// The directions take turns, so that calls are spread evenly over time.
async fn place_calls(phones: Arc<HashMap<String, Phone>>, lines: Vec<CallLine>, calls: CallsSpec, seed: u64) {
    let directions = u32::try_from(lines.len()).unwrap_or(1).max(1);
    let mut ticks = interval(Duration::from_secs_f64(1.0 / calls.per_second) / directions);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rng = fastrand::Rng::with_seed(seed);
    let talk = Duration::from_millis(calls.talk_ms);
    for line in lines.iter().cycle() {
        ticks.tick().await;
        let Some(phone) = phones.get(&line.pair.from) else { continue };
        let (from, to) = (number(&line.from_prefix, &mut rng), number(&line.to_prefix, &mut rng));
        if phone.call(&from, &to, talk).await.is_none() {
            return;
        }
    }
}

/// A number of the fictitious exchange 555-0100 to 555-0199.
fn number(prefix: &str, rng: &mut fastrand::Rng) -> String {
    format!("{prefix}55501{:02}", rng.u8(..100))
}
