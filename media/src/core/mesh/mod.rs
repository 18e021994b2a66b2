//! Tunnels and paths, joined: what a worker does for the packets between regions.
//!
//! ```text
//!   packet ─▶ number in the stream ─▶ trunk picks one path or two ─▶ sealed ──────▶ outbox
//!
//!   datagram ─▶ opened ─┬─ not for us: sealed for the next relay ──────────────────▶ outbox
//!                       ├─ packet: heard, and handed out unless a copy of it was here
//!                       ├─ probe: heard ─▶ report ─────────────────────────────────▶ outbox
//!                       └─ report ─▶ trunk ─▶ moves, probes ───────────────────────▶ outbox
//! ```
//! A worker has one [`Mesh`], and workers share nothing that changes. A packet allocates nothing, but for the first one of
//! a stream and of a route to another relay.

mod dedup;
mod egress;
mod exit;
mod ingress;
mod line;
mod links;
mod moves;
mod numbers;
mod resolve;
mod route;

pub use links::LinkCount;
pub use moves::Move;
pub use resolve::relay_of;
pub use route::{Routes, Row};

use super::{
    Outbox, RelayId, SocketId, StreamId,
    relay::{Arrival, Onward, Tunnels},
    steer::{self, PathNumber},
    tunnel::{Body, Hops, Opened, Opener, Refusal, Refusals, Sealer, Table, forward},
};
use dedup::Fate;
use egress::{Egress, Verdict};
use exit::{End, Exit};
use ingress::Ingress;
use line::Here;
use moves::Moves;
use ringway_router::{Region, Time};
use std::{ops::Range, sync::Arc, time::Duration};

/// What packets bring about is looked for at the latest after so long.
const TICK: Duration = Duration::from_millis(5);
/// Between two turns of [`Mesh::poll`] that have nothing to wait for.
const PAUSE: Duration = Duration::from_millis(1);
/// How often old things are cleared away.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Mesh {
    own: End,
    region: Region,
    lanes: u8,
    table: Arc<Table>,
    routes: Arc<Routes>,
    opener: Opener,
    sealer: Sealer,
    ingress: Ingress,
    egress: Egress,
    moves: Moves,
    counts: Counts,
    due: Option<Time>,
    tidy_at: Time,
}

/// A packet that came through a tunnel, the first of its copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What the frame said of it. Whether the stream is there, and its origin the one that signaling named, is for the relay
    /// to check.
    pub arrival: Arrival,
    /// Where the packet stands in the datagram, with a little room behind it.
    pub packet: Range<usize>,
}

/// What became of packets and frames, since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Packets that were sent, copies not counted.
    pub sent: u64,
    /// Their copies.
    pub sent_copies: u64,
    /// Packets that were handed out.
    pub delivered: u64,
    /// Copies that were dropped.
    pub copies: u64,
    /// Packets too far behind to be told from copies.
    pub late: u64,
    /// Packets of more streams than can be.
    pub crowded: u64,
    /// Frames passed on for others.
    pub passed: u64,
    /// Probes that came.
    pub probes: u64,
    /// Reports that came.
    pub reports: u64,
    /// Reports from a relay that none of our trunks leads to, or no longer.
    pub reports_foreign: u64,
    /// Moves that nobody asked for in time.
    pub moves_dropped: u64,
    /// Packets and frames that were refused, by reason. [`Refusal::Unreachable`]: also those that no path may carry.
    pub refused: Refusals,
}

impl Counts {
    /// All of another one as well.
    pub fn add(&mut self, other: &Self) {
        let Self {
            sent,
            sent_copies,
            delivered,
            copies,
            late,
            crowded,
            passed,
            probes,
            reports,
            reports_foreign,
            moves_dropped,
            refused,
        } = other;
        self.sent += sent;
        self.sent_copies += sent_copies;
        self.delivered += delivered;
        self.copies += copies;
        self.late += late;
        self.crowded += crowded;
        self.passed += passed;
        self.probes += probes;
        self.reports += reports;
        self.reports_foreign += reports_foreign;
        self.moves_dropped += moves_dropped;
        self.refused.add_all(refused);
    }

    /// Each count but those of refusals, with its metric label.
    #[must_use]
    pub fn fates(&self) -> [(&'static str, u64); 11] {
        [
            ("sent", self.sent),
            ("sent-copy", self.sent_copies),
            ("delivered", self.delivered),
            ("copy", self.copies),
            ("late", self.late),
            ("crowded", self.crowded),
            ("passed", self.passed),
            ("probe", self.probes),
            ("report", self.reports),
            ("report-foreign", self.reports_foreign),
            ("move-dropped", self.moves_dropped),
        ]
    }
}

impl Mesh {
    /// For worker `worker` of a relay in `region`, which sends from these sockets, one a lane, and knows these relays. No
    /// routes yet, so it carries packets only for others.
    ///
    /// # Panics
    /// As [`Sealer::new`].
    #[must_use]
    pub fn new(now: Time, region: Region, worker: u8, sockets: Vec<SocketId>, table: Arc<Table>) -> Self {
        Self {
            own: End { relay: table.own(), port: worker },
            region,
            lanes: u8::try_from(sockets.len()).unwrap_or(u8::MAX),
            routes: Arc::new(Routes { made_at: Time::from_micros(0), rows: Vec::new() }),
            opener: Opener::new(worker, Arc::clone(&table)),
            sealer: Sealer::new(worker, sockets, Arc::clone(&table)),
            ingress: Ingress::new(now),
            egress: Egress::default(),
            moves: Moves::default(),
            counts: Counts::default(),
            due: None,
            tidy_at: now + TIDY_EVERY,
            table,
        }
    }

    /// Other keys, or other relays. A relay that was started anew is met anew.
    pub fn adopt(&mut self, now: Time, table: Arc<Table>) {
        let anew = |id, generation| {
            self.table.known().any(|before| before.id == id && before.generation != generation)
        };
        let known = table.known().filter(|slot| anew(slot.id, slot.generation));
        let restarted: Vec<RelayId> = known.map(|slot| slot.id).collect();
        self.egress.restart(&restarted);
        self.opener.adopt(Arc::clone(&table));
        self.sealer.adopt(Arc::clone(&table));
        self.table = table;
        self.resteer(now);
    }

    /// The router made a table. A row that is not in it has no paths any more.
    pub fn steer(&mut self, now: Time, routes: Arc<Routes>) {
        self.routes = routes;
        self.resteer(now);
    }

    /// Seals a packet and puts its frames into the outbox: one, or two over independent paths.
    ///
    /// # Errors
    /// When no path may carry it, its relay is not known, or the box is full.
    pub fn send(
        &mut self,
        now: Time,
        onward: Onward,
        packet: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), Refusal> {
        let here = Here { own: self.own, region: &self.region, lanes: self.lanes, table: &self.table };
        let mut exit = Exit { own: self.own, sealer: &mut self.sealer, outbox };
        let sent = self.ingress.send(now, onward, packet, (here, &self.routes), &mut exit);
        self.wake(now + TICK);
        match sent {
            Ok(frames) => {
                self.counts.sent += 1;
                self.counts.sent_copies += u64::from(frames > 1);
                Ok(())
            }
            Err(refusal) => {
                self.counts.refused.add(refusal);
                Err(refusal)
            }
        }
    }

    /// A datagram came to the port of this worker. What is for this relay and was not here before is handed out; the rest
    /// is dealt with, or dropped and counted. Nothing is ever answered that does not open.
    pub fn receive(&mut self, now: Time, datagram: &mut [u8], outbox: &mut Outbox) -> Option<Delivery> {
        let result = self.opener.open(now, datagram);
        let opened = result.inspect_err(|refusal| self.counts.refused.add(*refusal)).ok()?;
        if !opened.frame.hops.is_last() {
            match forward(&mut self.sealer, outbox, &opened) {
                Ok(()) => self.counts.passed += 1,
                Err(refusal) => self.counts.refused.add(refusal),
            }
            return None;
        }
        self.take(now, opened)
    }

    /// Sends the reports and probes that are due. What does not fit into the box waits: the deadline stays due.
    pub fn poll(&mut self, now: Time, outbox: &mut Outbox) {
        if now >= self.tidy_at {
            self.ingress.tidy(now);
            self.egress.tidy(now);
            self.tidy_at = now + TIDY_EVERY;
        }
        let mut exit = Exit { own: self.own, sealer: &mut self.sealer, outbox };
        let refused = &mut self.counts.refused;
        let done = self.egress.poll(now, &mut exit, refused)
            && self.ingress.poll(now, &mut exit, &mut self.moves, refused);
        let next = [self.egress.deadline(), self.ingress.deadline()].into_iter().flatten().min();
        self.due = if done { next.map(|next| next.max(now + PAUSE)) } else { Some(now) };
    }

    /// When to [`Self::poll`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        Some(self.due.map_or(self.tidy_at, |due| due.min(self.tidy_at)))
    }

    /// What moved, one after the other.
    pub fn poll_move(&mut self) -> Option<Move> {
        self.moves.pop()
    }

    /// What packets of this stream take now: the relays, and the path and lane as frames say it. Two while the policy always
    /// protects. Nothing: the stream is not known, or no path may carry it.
    pub fn places(&self, to: RelayId, stream: StreamId) -> impl Iterator<Item = (Hops, PathNumber)> {
        let line = self.ingress.line_of(to, stream);
        line.into_iter().flat_map(|line| {
            line.trunk.places().filter_map(|(_, number)| Some((line.hops(number.path())?, number)))
        })
    }

    /// Where it is.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The relays that it knows.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What frames showed of the links of the own region since the last time.
    pub fn take_links(&mut self, now: Time) -> Vec<LinkCount> {
        links::take(now, &self.table, (&mut self.opener, &mut self.sealer), &mut self.ingress)
    }

    /// When each receiving key was last used, for [`super::tunnel::Keys::used`].
    pub fn keys_used(&self) -> impl Iterator<Item = (u8, Time)> {
        self.opener.used()
    }

    /// What became of packets and frames.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { moves_dropped: self.moves.dropped, ..self.counts }
    }

    /// What each trunk in use has done.
    pub fn trunks(&self) -> impl Iterator<Item = steer::Counts> {
        self.ingress.lines().map(|line| line.trunk.counts())
    }

    /// A frame for us. What a member of the mesh passes on may name any origin: only those of the roster are remembered.
    fn take(&mut self, now: Time, opened: Opened<'_>) -> Option<Delivery> {
        let frame = opened.frame;
        let origin = self.table.relay(frame.origin).and_then(|slot| slot.socket(frame.origin_port));
        if origin.is_none() {
            self.counts.refused.add(Refusal::Stranger);
            return None;
        }
        match frame.body {
            Body::Rtp(place, packet) | Body::Rtcp(place, packet) => {
                let rtcp = matches!(frame.body, Body::Rtcp(..));
                self.wake(now + TICK);
                let verdict = self.egress.arrived(now, &frame, place, rtcp);
                let count = match verdict {
                    Verdict::Deliver => &mut self.counts.delivered,
                    Verdict::Drop(Fate::Late) => &mut self.counts.late,
                    Verdict::Drop(Fate::Copy | Fate::Fresh) => &mut self.counts.copies,
                    Verdict::Crowded => &mut self.counts.crowded,
                };
                *count += 1;
                let arrival = Arrival { stream: place.stream, origin: frame.origin, rtcp };
                let packet = opened.place_of_last(packet.len());
                (verdict == Verdict::Deliver).then_some(Delivery { arrival, packet })
            }
            Body::Probe(pick) => {
                self.counts.probes += 1;
                self.egress.asked(now, &frame, pick);
                self.wake(now);
                None
            }
            Body::Report(report) => {
                self.counts.reports += 1;
                let from = End { relay: frame.origin, port: frame.origin_port };
                self.counts.reports_foreign += u64::from(!self.ingress.hear(now, from, report));
                self.wake(now);
                None
            }
        }
    }

    fn resteer(&mut self, now: Time) {
        let here = Here { own: self.own, region: &self.region, lanes: self.lanes, table: &self.table };
        self.ingress.steer(now, here, &self.routes);
        self.wake(now);
    }

    /// There may be something to do by then.
    fn wake(&mut self, by: Time) {
        self.due = Some(self.due.map_or(by, |due| due.min(by)));
    }
}

impl Tunnels for Mesh {
    fn send(&mut self, now: Time, frame: Onward, packet: &[u8], outbox: &mut Outbox) -> bool {
        Self::send(self, now, frame, packet, outbox).is_ok()
    }
}

#[cfg(test)]
mod tests;
