//! The calls of a run: a phone in every region that has numbers, a task that places calls at the scenario's rate, and
//! one that keeps some of them up until the run is over.

mod ledger;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

pub use self::ledger::{CallCounts, SetupTimes};
pub(crate) use self::ledger::{Ledger, Observation, Talk, ms};
use crate::{
    media::Studio,
    pair::Pair,
    phone::{Phone, PhoneConfig, PhoneEvent},
    scenario::{CallsSpec, Scenario},
    story::{Story, Tone},
    world::{Node, Region, World},
};

/// Events on their way from the phones to the ledger; four a call.
const EVENTS: usize = 1_024;

/// The long calls begin one after the other: many at once would be a flood, and the mesh would throttle it.
const LONG_CALLS_PAUSE: Duration = Duration::from_millis(50);

/// Region of the caller and Call-ID of each long call.
type LongCalls = Arc<Mutex<Vec<(String, String)>>>;

/// Phones and the calls between them; drop ends all at once.
pub(crate) struct Traffic {
    ledger: Arc<Ledger>,
    placing: [AbortHandle; 2],
    /// Held here, because the phones outlive the placing of new calls.
    phones: Arc<HashMap<String, Phone>>,
    studio: Studio,
    long: LongCalls,
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
        (ledger, studio): (Arc<Ledger>, Studio),
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
                studio: studio.clone(),
            };
            let phone = Phone::start(config, seed.wrapping_add(number), events.clone()).await?;
            phones.insert(region.name().to_owned(), phone);
        }
        let lines: Vec<_> = scenario.pairs().into_iter().filter_map(|pair| line(world, pair)).collect();
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_books(inbox, Arc::clone(&ledger), story));
        let phones = Arc::new(phones);
        let long = Arc::default();
        let keeping = keep_calls(
            (Arc::clone(&phones), lines.clone()),
            (scenario.long_calls.count, Duration::from_secs(scenario.seconds_max)),
            seed,
            (Arc::clone(&ledger), Arc::clone(&long)),
        );
        let short = place_calls(Arc::clone(&phones), lines, scenario.calls.clone(), seed);
        let placing = [tasks.spawn(short), tasks.spawn(keeping)];
        Ok(Self { ledger, placing, phones, studio, long, _tasks: tasks })
    }

    /// Places no more calls, hangs up the long ones, and waits until all are over and heard out, or `limit` has passed.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.placing.iter().for_each(AbortHandle::abort);
        let long = std::mem::take(&mut *self.long.lock().unwrap_or_else(PoisonError::into_inner));
        for (region, call_id) in long {
            if let Some(phone) = self.phones.get(&region) {
                phone.hang_up(&call_id).await;
            }
        }
        let mut changes = self.ledger.changes();
        let _ = timeout(limit, async {
            while self.ledger.in_progress() > 0 && changes.changed().await.is_ok() {}
            self.studio.settle().await;
        })
        .await;
    }
}

/// A direction with the start of the numbers at both ends.
#[derive(Clone)]
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

/// Places the long calls, the directions by turns; they talk until they are hung up.
async fn keep_calls(
    (phones, lines): (Arc<HashMap<String, Phone>>, Vec<CallLine>),
    (count, talk): (u16, Duration),
    seed: u64,
    (ledger, long): (Arc<Ledger>, LongCalls),
) {
    let mut ticks = interval(LONG_CALLS_PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rng = fastrand::Rng::with_seed(seed.rotate_left(32));
    for line in lines.iter().cycle().take(count.into()) {
        ticks.tick().await;
        let Some(phone) = phones.get(&line.pair.from) else { continue };
        let (from, to) = (number(&line.from_prefix, &mut rng), number(&line.to_prefix, &mut rng));
        let Some(call_id) = phone.call(&from, &to, talk).await else { return };
        ledger.mark_long(call_id.clone());
        let mut long = long.lock().unwrap_or_else(PoisonError::into_inner);
        long.push((line.pair.from.clone(), call_id));
    }
}

/// A number of the fictitious exchange 555-0100 to 555-0199.
fn number(prefix: &str, rng: &mut fastrand::Rng) -> String {
    format!("{prefix}55501{:02}", rng.u8(..100))
}
