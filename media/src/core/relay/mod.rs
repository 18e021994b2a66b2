//! Calls, their legs and streams: who may send where, and where it goes.
//!
//! A [`Relay`] is what one worker has. Orders come in by [`Relay::handle`], packets by [`Relay::packet`] and
//! [`Relay::arrived`]; what happens by itself comes out by [`Relay::poll`] after [`Relay::expire`].
//!
//! ```text
//!  call ── party (tag, branch) ── leg, one for each m= line ──┬── edge: a port pair, and a latch
//!      └── party … ── leg ◀────────── peer ─────────▶ leg ────┴── mesh: a stream number, and the other relay's
//! ```
//! A leg hears its own party and speaks to it; what it hears goes out at its peer. Of a forked call the branch that answered
//! last is the caller's peer.

mod answered;
mod call;
mod curb;
mod data;
mod describe;
mod ending;
mod latch;
mod lease;
mod leg;
mod open;
mod order;
mod ports;
mod refusal;
mod report;
mod routes;
mod settings;
mod slab;
mod streams;
mod terms;
mod tunnels;

pub use answered::{Answered, CallReport, Event, Local, Medium, Reason, StreamReport, Tunneled, Verdict};
pub use data::{Arrival, Exits, Packet};
pub use order::{
    Curb, Description, Family, Keys, Learning, Locks, Muxing, Order, Remote, Section, Side, Switch, Whom,
};
pub use ports::{Binder, Busy};
pub use refusal::Refusal;
pub use routes::Follower;
pub use settings::{CONTROLLERS_MAX, FORMATS_MAX, NAME_BYTES_MAX, PARTIES_MAX, Pool, SECTIONS_MAX, Settings};
pub use terms::{Named, Terms};
pub use tunnels::{Onward, RouteKey, Tunnels};

use call::Call;
use data::Port;
use lease::Leases;
use leg::Leg;
use ports::Ports;
use ringway_router::Time;
use slab::Slab;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use streams::Streams;

/// The media relay of one worker.
#[derive(Debug)]
pub struct Relay {
    settings: Settings,
    calls: Slab<Call>,
    ids: BTreeMap<Arc<str>, u32>,
    legs: Slab<Leg>,
    sockets: Vec<Option<Port>>,
    streams: Streams,
    ports: Ports,
    leases: Leases,
    /// When a call is looked at next: not with each packet, but when the time is over that it had at the last look.
    due: BTreeSet<(Time, u32)>,
    events: VecDeque<Event>,
    /// Calls that were deleted last, so that a delete that is repeated gets its report again.
    past: VecDeque<CallReport>,
    counts: Counts,
}

/// What became of all packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// They went on.
    pub passed: u64,
    /// They did not, by [`Reason::index`].
    pub dropped: [u64; Reason::COUNT],
}

/// What there is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// Calls.
    pub calls: usize,
    /// Legs of all calls.
    pub legs: usize,
    /// Port pairs that are free.
    pub pairs_free: usize,
    /// All port pairs.
    pub pairs: usize,
}

impl Relay {
    /// A relay without calls.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            calls: Slab::default(),
            ids: BTreeMap::new(),
            legs: Slab::default(),
            sockets: Vec::new(),
            streams: Streams::new(settings.worker, settings.worker_bits, settings.seed),
            ports: Ports::new(&settings.pools, settings.cool_down, settings.seed),
            leases: Leases::new(settings.lease),
            due: BTreeSet::new(),
            events: VecDeque::with_capacity(2 * data::LATCHED_MAX),
            past: VecDeque::new(),
            counts: Counts::default(),
            settings,
        }
    }

    /// Carries out an order. It may be repeated: then nothing is done twice.
    ///
    /// # Errors
    /// When it cannot be carried out; then nothing has changed.
    pub fn handle(
        &mut self,
        now: Time,
        order: Order<'_>,
        binder: &mut dyn Binder,
    ) -> Result<Answered, Refusal> {
        match order {
            Order::Offer(description) => self.offer(now, &description, binder).map(Answered::Media),
            Order::Answer(description) => self.answer(now, &description).map(Answered::Media),
            Order::Delete(whom) => self.delete(now, whom, Duration::ZERO).map(Answered::Over),
            Order::Retire(whom, delay) => self.delete(now, whom, delay).map(Answered::Over),
            Order::Query { call_id } => {
                let call = self.ids.get(call_id).and_then(|call| self.calls.find(*call));
                Ok(Answered::Report(self.report(call.ok_or(Refusal::NoCall)?)))
            }
            Order::Curb(whom, curb, switch) => self.curb(whom, curb, switch).map(|()| Answered::Done),
            Order::Renew { controller } => self.renew(now, controller).map(Answered::Lease),
        }
    }

    /// What happened by itself, and sockets to close.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::expire`] next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain(self.leases.deadline()).min()
    }

    /// The Call-IDs of all calls.
    pub fn call_ids(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(|id| &**id)
    }

    /// What became of all packets so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What there is at the moment.
    pub fn present(&mut self, now: Time) -> Present {
        let (pairs_free, pairs) = self.ports.count(now);
        Present { calls: self.calls.len(), legs: self.legs.len(), pairs_free, pairs }
    }
}

#[cfg(test)]
mod tests;
