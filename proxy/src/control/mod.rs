//! The control task: one owner of all that this node knows of the mesh. Streams, probes, the policy file and operators
//! tell it what happened; it tells the router, and publishes what the SIP worker and the prober go by.

mod bindings;
mod directory;
mod overrides;
mod policy;
mod report;
mod state;
mod streams;

use crate::{
    core::view::View,
    hops::HopBook,
    location::Directory,
    media::{Steering, TunnelBook},
    mesh::stream::{Origin, StreamId},
    metrics::Metrics,
    options::Soundings,
    policy::Store,
    probe::service::{Roster, Windows},
    worker::Wakers,
};
use arc_swap::ArcSwap;
use ringway_node::{
    clock::Clock,
    phase::{Phase, reached},
};
use ringway_proto::mesh::Frame;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep_until,
};

pub use directory::NodeState;
pub use overrides::{NotOrdered, Orders, Standing};
pub use policy::{ActivePolicy, NotApplied, load as load_policy};
pub use state::{Control, Facts};

/// Events that may wait. The task takes microseconds for each; a full queue holds its senders back, and TCP theirs.
const QUEUE: usize = 1_024;

/// One thing that happened.
pub enum Event {
    /// A stream to another node is open.
    Opened {
        /// Its name here.
        id: StreamId,
        /// How it came to be.
        origin: Origin,
        /// Frames to the peer.
        sender: mpsc::Sender<Frame>,
        /// To be held as long as the stream is wanted.
        closer: mpsc::Sender<()>,
    },
    /// The peer said something.
    Frame {
        /// On which stream.
        id: StreamId,
        /// What.
        frame: Frame,
    },
    /// The stream is no more.
    Closed {
        /// Which.
        id: StreamId,
    },
    /// What was measured since the last report.
    Probed(Windows),
    /// Somebody wants to know, or to change, something.
    Ask(Box<dyn FnOnce(&mut Control) + Send>),
}

/// A way to the control task, and what it publishes.
#[derive(Clone)]
pub struct Handle {
    events: mpsc::Sender<Event>,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    metrics: Metrics,
    hops: HopBook,
    soundings: Soundings,
    tunnels: TunnelBook,
    directory: Directory,
    store: Store,
    view: ArcSwap<View>,
    wakers: OnceLock<Wakers>,
    seed: u64,
    count: AtomicU64,
}

impl Handle {
    /// A handle, and the receiver for [`run`].
    #[must_use]
    pub fn new(
        clock: Clock,
        metrics: Metrics,
        view: Arc<View>,
        directory: Directory,
        store: Store,
        seed: u64,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(QUEUE);
        let shared = Shared {
            clock,
            metrics,
            hops: HopBook::default(),
            soundings: Soundings::default(),
            tunnels: TunnelBook::default(),
            directory,
            store,
            view: ArcSwap::new(view),
            wakers: OnceLock::new(),
            seed,
            count: AtomicU64::new(0),
        };
        (Self { events, shared: Arc::new(shared) }, receiver)
    }

    /// Says what happened; waits while the queue is full.
    pub async fn tell(&self, event: Event) {
        // The task gone means that the process is going too.
        let _ = self.events.send(event).await;
    }

    /// Lets the control task answer a question; `None` when it is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Control) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        // Whoever asked may have left before the answer.
        self.tell(Event::Ask(Box::new(move |control| drop(sender.send(question(control)))))).await;
        receiver.await.ok()
    }

    /// Whether a stream should be opened to the node at that address: there is none yet, and it is not this node.
    pub async fn wants(&self, address: IpAddr) -> bool {
        self.ask(move |control| control.wants_stream(address)).await.unwrap_or(false)
    }

    /// The one clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The hop book.
    #[must_use]
    pub fn hops(&self) -> &HopBook {
        &self.shared.hops
    }

    /// What became of the node's own OPTIONS.
    #[must_use]
    pub fn soundings(&self) -> &Soundings {
        &self.shared.soundings
    }

    /// The tunnel book.
    #[must_use]
    pub fn tunnels(&self) -> &TunnelBook {
        &self.shared.tunnels
    }

    /// Who can be reached where; the SIP workers write and look up.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// Where policies are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The present view of the world; swapped between two messages.
    #[must_use]
    pub fn view(&self) -> &ArcSwap<View> {
        &self.shared.view
    }

    /// Publishes another view and wakes the workers to look at it.
    pub fn publish(&self, view: View) {
        self.shared.view.store(Arc::new(view));
        for waker in self.shared.wakers.get().into_iter().flat_map(|wakers| wakers.iter()) {
            // A worker that cannot be woken looks before its next message all the same.
            let _ = waker.wake();
        }
    }

    /// Whom to wake; set once, by the workers.
    pub fn set_wakers(&self, wakers: Wakers) {
        let first = self.shared.wakers.set(wakers).is_ok();
        assert!(first, "the workers are started once");
    }

    /// A new stream's name.
    #[must_use]
    pub fn next_stream(&self) -> StreamId {
        StreamId(self.next())
    }

    /// A seed for a generator of its own.
    #[must_use]
    pub fn seed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.shared.seed, self.next()).hash(&mut hasher);
        hasher.finish()
    }

    fn next(&self) -> u64 {
        self.shared.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// Runs the control task until the process ends; its last word to the others is that it leaves.
pub async fn run(
    mut control: Control,
    mut events: mpsc::Receiver<Event>,
    roster: watch::Sender<Arc<Roster>>,
    steering: watch::Sender<Arc<Steering>>,
    ready: watch::Sender<bool>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut ending = phase.clone();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = phase.changed() => { control.on_phase(*phase.borrow_and_update()); None }
            () = sleep_until(control.deadline().into()) => { control.tick(); None }
            () = control.announcements.due() => { control.announce(); None }
            () = reached(&mut ending, Phase::Ending) => break,
        };
        let began = control.now();
        if let Some(event) = event {
            control.handle(event);
        }
        control.settle();
        roster.send_if_modified(|roster| replace(roster, control.roster()));
        steering.send_if_modified(|steering| replace(steering, control.steering()));
        ready.send_if_modified(|ready| replace(ready, control.is_ready()));
        control.handle_of_itself().metrics().control_busy.observe((control.now() - began).as_secs_f64());
    }
    control.leave();
}

fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}
