//! The shell around all legs of a lab: one thread with one timer that speaks for all of them and hears for all of them,
//! apart from the rest of the lab, whose work must not sound like an outage; and the record of every call.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, Handle},
    sync::Notify,
    time::sleep_until,
};

use super::{
    LegName, Line, Micros, Side, Window,
    leg::Leg,
    line::{Plug, lock},
    stream::{Breaks, Stream, StreamReport, Tally},
};
use crate::clock;

/// How often it is asked whether the last packets are in.
const SETTLE_POLL: Duration = Duration::from_millis(20);

/// Where all voices of a lab are spoken, heard and recorded. Clones are the same studio; it closes with the last.
#[derive(Clone)]
pub struct Studio(Arc<Room>);

struct Room {
    clock: Clock,
    runtime: Handle,
    timer: Arc<Timer>,
    /// Every leg that has spoken, in the order in which they began.
    record: Mutex<Vec<Recorded>>,
    lines: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

struct Recorded {
    leg: Arc<Mutex<Leg>>,
    /// Gone when the leg is over.
    plug: Weak<Plug>,
}

/// The time of a studio.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

/// The deadlines of all legs.
#[derive(Default)]
pub(super) struct Timer {
    queue: Mutex<BinaryHeap<Reverse<Entry>>>,
    changed: Notify,
    closed: AtomicBool,
}

/// A leg that has something to do at a time.
struct Entry {
    deadline: Micros,
    plug: Arc<Plug>,
}

/// The two ends of a call, as far as both have spoken.
type Ends = BTreeMap<Side, Arc<Mutex<Leg>>>;

impl std::fmt::Debug for Studio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Studio").field(&self.0.clock).finish()
    }
}

impl Studio {
    /// Opens a studio.
    ///
    /// # Errors
    /// When its thread cannot be started.
    pub fn start() -> io::Result<Self> {
        raise_file_limit();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, timer) = (runtime.handle().clone(), Arc::new(Timer::default()));
        let clock = Clock { origin: clock::now() };
        let thread = thread::Builder::new().name("studio".into()).spawn({
            let timer = Arc::clone(&timer);
            move || runtime.block_on(timer.run(clock))
        })?;
        let thread = Some(thread);
        Ok(Self(Arc::new(Room {
            clock,
            runtime: handle,
            timer,
            record: Mutex::default(),
            lines: AtomicU64::new(1),
            thread,
        })))
    }

    /// A pair of ports for one call.
    ///
    /// # Errors
    /// When the host has none.
    pub(crate) fn open(&self, host: Ipv4Addr) -> io::Result<Line> {
        let seed = self.0.lines.fetch_add(1, Ordering::Relaxed);
        Line::open(self.clone(), host, seed, &self.0.runtime)
    }

    /// What became of the voices in a window of time, as far as it has been heard: one stream for each direction of each call in it.
    pub(crate) fn streams(&self, from: Instant, to: Instant) -> Vec<Stream> {
        let window = Window { from: self.0.clock.at(from), to: self.0.clock.at(to) };
        let mut streams = Vec::new();
        for (call_id, ends) in self.calls() {
            for side in [Side::Caller, Side::Callee] {
                let name = LegName { call_id: call_id.clone(), side };
                streams.extend(between(&ends, side, |spoken, heard| {
                    Stream::of(name, &spoken.spoken(), &heard.heard(), window)
                }));
            }
        }
        streams.into_iter().flatten().collect()
    }

    /// All about a call, there and back: what the callee heard of the caller, and the other way round. None as long as
    /// one of them has not spoken.
    pub(crate) fn reports(&self, start: Instant) -> BTreeMap<String, [StreamReport; 2]> {
        let (now, shift) = (self.0.clock.now(), (self.0.clock.origin - start).as_secs_f64());
        let report = |ends: &Ends, side| {
            between(ends, side, |spoken, heard| {
                StreamReport::of(&spoken.spoken(), &heard.heard(), now, shift)
            })
        };
        let calls = self.calls().into_iter();
        let whole = calls.filter_map(|(call_id, ends)| {
            Some((call_id, [report(&ends, Side::Caller)?, report(&ends, Side::Callee)?]))
        });
        whole.collect()
    }

    /// The present, for whoever watches.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for Recorded { leg, .. } in lock(&self.0.record).iter() {
            let leg = lock(leg);
            let heard = leg.heard();
            tally.talking += usize::from(leg.is_talking());
            tally.sent += leg.spoken().sent.len() as u64;
            tally.received += heard.listener.heard().len() as u64;
            tally.duplicated += u64::from(heard.listener.duplicated);
            let sound = heard.listener.breaks == Breaks::default() && heard.listener.wrong == 0;
            tally.broken += usize::from(!sound);
        }
        tally
    }

    /// Waits until nothing is under way any more, for calls that are over.
    pub(crate) async fn settle(&self) {
        let lingers = |recorded: &Recorded| {
            let leg = lock(&recorded.leg);
            !leg.is_over() && !leg.is_talking()
        };
        while lock(&self.0.record).iter().any(lingers) {
            tokio::time::sleep(SETTLE_POLL).await;
        }
    }

    /// Waits until all that has come in by now is heard: the studio may be behind on a busy machine.
    pub(crate) async fn catch_up(&self) {
        let plugs: Vec<_> =
            lock(&self.0.record).iter().filter_map(|recorded| recorded.plug.upgrade()).collect();
        let clock = self.0.clock;
        let heard = self.0.runtime.spawn(async move { plugs.iter().for_each(|plug| plug.catch_up(clock)) });
        // Fails only when the studio is closing, and then nobody judges any more.
        let _ = heard.await;
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock
    }

    pub(super) fn record(&self, plug: &Arc<Plug>) {
        let (leg, plug) = (Arc::clone(plug.leg()), Arc::downgrade(plug));
        lock(&self.0.record).push(Recorded { leg, plug });
    }

    pub(super) fn timer(&self) -> &Timer {
        &self.0.timer
    }

    fn calls(&self) -> BTreeMap<String, Ends> {
        let mut calls: BTreeMap<String, Ends> = BTreeMap::new();
        for Recorded { leg, .. } in lock(&self.0.record).iter() {
            if let Some(LegName { call_id, side }) = lock(leg).name().cloned() {
                calls.entry(call_id).or_default().insert(side, Arc::clone(leg));
            }
        }
        calls
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.timer.closed.store(true, Ordering::Relaxed);
        self.timer.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Clock {
    pub(super) fn now(self) -> Micros {
        self.at(clock::now())
    }

    fn at(self, time: Instant) -> Micros {
        u64::try_from(time.saturating_duration_since(self.origin).as_micros()).unwrap_or(Micros::MAX)
    }
}

impl Timer {
    pub(super) fn schedule(&self, deadline: Micros, plug: Arc<Plug>) {
        let mut queue = lock(&self.queue);
        let earliest = queue.peek().is_none_or(|Reverse(first)| deadline < first.deadline);
        queue.push(Reverse(Entry { deadline, plug }));
        if earliest {
            self.changed.notify_one();
        }
    }

    async fn run(&self, clock: Clock) {
        while !self.closed.load(Ordering::Relaxed) {
            while let Some(Entry { deadline, plug }) = self.due(clock.now()) {
                plug.expire(deadline, clock, self);
            }
            let next = lock(&self.queue).peek().map(|Reverse(first)| first.deadline);
            match next {
                Some(next) => {
                    let wake = clock.origin + Duration::from_micros(next);
                    tokio::select! {
                        () = sleep_until(wake.into()) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    fn due(&self, now: Micros) -> Option<Entry> {
        let mut queue = lock(&self.queue);
        queue.peek().filter(|Reverse(first)| first.deadline <= now)?;
        queue.pop().map(|Reverse(entry)| entry)
    }
}

/// A call takes four sockets, so a few hundred calls take more than the 1,024 files that a process usually begins with.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused, the lab runs all the same, with fewer calls.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.cmp(&other.deadline)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}

impl Eq for Entry {}

/// What `side` said against what the other heard.
fn between<T>(ends: &Ends, side: Side, judge: impl FnOnce(&Leg, &Leg) -> T) -> Option<T> {
    let (speaker, listener) = (ends.get(&side)?, ends.get(&side.other())?);
    Some(judge(&lock(speaker), &lock(listener)))
}
