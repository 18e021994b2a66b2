//! What the control task owns, and what it does with each event.

use super::{ActivePolicy, Event, Handle, Orders, streams::Streams};
use crate::{
    location::Announcements,
    mesh::{
        convert::{self, binding},
        exchange::Exchange,
        flood::{Flood, Input, Output},
        ledger::{LIFETIME_MAX, Ledger, RefusedWord},
        relay::MediaRelay,
        stream::StreamId,
    },
    probe::service::Windows,
    record::Recorder,
};
use ringway_node::{
    identity::{Authority, Identity},
    phase::Phase,
};
use ringway_proto::mesh::{Frame, frame::Body};
use ringway_router::{
    self as router, Change, NodeId, Region, RouteTable, Router, Settings, Time, measure::Evidence,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// Route changes that a slow watcher may be behind before it is cut off.
const CHANGES: usize = 1_024;

/// What does not change while the node runs.
#[derive(Clone)]
pub struct Facts {
    /// This node.
    pub own: NodeId,
    /// Its availability zone.
    pub zone: String,
    /// Its program's version.
    pub version: &'static str,
    /// Where it takes SIP.
    pub sip: SocketAddr,
    /// Where its reflector is.
    pub probe: SocketAddr,
    /// What probes to it are sealed with.
    pub probe_key: [u8; ringway_node::mac::KEY_BYTES],
    /// Its certificate and key.
    pub identity: Identity,
    /// Who decides about membership.
    pub authority: Authority,
    /// A node that was not heard of for so long is gone.
    pub node_expiry: Duration,
    /// Where it takes mesh streams from nodes that were not told of it.
    pub advertise: Option<SocketAddr>,
    /// It anchors media.
    pub anchors: bool,
}

/// See the module.
pub struct Control {
    pub(super) facts: Facts,
    pub(super) handle: Handle,
    pub(super) router: Router,
    /// The table without the drains, while there are any; as old as the last look at the links at the most.
    pub(super) undrained: Option<Arc<RouteTable>>,
    pub(super) flood: Flood,
    pub(super) streams: Streams,
    pub(super) exchange: Exchange,
    pub(super) announcements: Announcements,
    /// Where other nodes' SIP is, as seen from here; kept for a while after they are gone, for what is in flight.
    pub(super) book: HashMap<NodeId, super::directory::Listing>,
    pub(super) windows: Windows,
    /// What the last report's causes rest on.
    pub(super) evidence: BTreeMap<Region, Evidence>,
    pub(super) policy: ActivePolicy,
    pub(super) orders: Orders,
    recorder: Recorder,
    pub(super) sequence: u64,
    pub(super) phase: Phase,
    /// The media relay beside this node, while there is a stream to it.
    pub(super) media: Option<MediaRelay>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) regions: BTreeSet<Region>,
    started: bool,
}

impl Control {
    /// The state of a node that has heard of nobody yet.
    #[must_use]
    pub fn new(
        facts: Facts,
        mut settings: Settings,
        policy: ActivePolicy,
        handle: Handle,
        announcements: Announcements,
        orders: Orders,
        recorder: Recorder,
    ) -> Self {
        // Who is gone the mesh knows, and tells the router; a node of a large mesh speaks more rarely than the router
        // by itself would wait.
        settings.report_expiry = settings.report_expiry.max(LIFETIME_MAX);
        let mut router = Router::new(facts.own.region.clone(), settings);
        let now = Time::from_micros(handle.clock().unix_us());
        router.handle(now, router::Input::Policy(Arc::clone(&policy.policy)));
        let mut ledger = Ledger::new(facts.own.clone(), facts.authority.clone(), facts.node_expiry);
        // What this node wrote before it was restarted comes back from the others, and has to be known for its own. A
        // certificate that is not good any more was told at start; then that is lost.
        let _ = ledger.introduce(handle.clock().unix_us(), facts.identity.certificate());
        let (own, identity) = (facts.own.clone(), facts.identity.clone());
        let flood = Flood::new(handle.clock().now(), ledger, own, identity, facts.node_expiry, handle.seed());
        Self {
            flood,
            exchange: Exchange::default(),
            announcements,
            streams: Streams::new(facts.own.clone()),
            facts,
            handle,
            undrained: None,
            router,
            book: HashMap::new(),
            windows: Windows::new(),
            evidence: BTreeMap::new(),
            policy,
            orders,
            recorder,
            sequence: 0,
            phase: Phase::Serving,
            media: None,
            changes: broadcast::Sender::new(CHANGES),
            regions: BTreeSet::new(),
            started: false,
        }
    }

    /// Takes one event in.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Opened { id, origin, sender, closer } => {
                let peer = origin.peer.clone();
                let (address, dialed) = (origin.address, origin.dialed);
                self.streams.open(id, origin, sender, closer);
                self.exchange.open(self.now(), id);
                if self.sequence == 0 {
                    self.speak(false);
                }
                self.tell_flood(Input::Opened { stream: id, peer: peer.clone(), dialed });
                if let Some(peer) = peer {
                    self.on_peer(id, &peer, address);
                }
            }
            Event::Frame { id, frame } => self.on_frame(id, frame),
            Event::Closed { id } => self.close_stream(id),
            Event::Probed(windows) => {
                self.windows = windows;
                self.started = true;
                self.prune_book(self.now());
                self.speak(false);
                self.undrained = self.router.undrained(self.time());
                self.tick_bindings();
                self.set_gauges();
            }
            Event::Ask(question) => question(self),
        }
    }

    /// A signal moved the process on.
    pub(super) fn on_phase(&mut self, phase: Phase) {
        if phase == Phase::Draining && self.phase == Phase::Serving {
            tracing::info!("draining: no new calls; a second signal ends the process");
        }
        self.phase = phase;
        self.speak(false);
    }

    /// Brings everything that follows from the last event about: routes, view, metrics.
    pub(super) fn settle(&mut self) {
        let now = self.time();
        let regions = self.live_regions();
        if regions != self.regions {
            self.regions.clone_from(&regions);
            self.tell_router(router::Input::Regions(regions));
        }
        self.settle_orders();
        if self.router.deadline().is_some_and(|deadline| deadline <= now) {
            self.tell_router(router::Input::Tick);
        }
        while let Some(output) = self.router.poll() {
            self.on_router(output);
        }
        self.publish();
    }

    /// Tells the router, and the record.
    pub(super) fn tell_router(&mut self, input: router::Input) {
        let now = self.time();
        self.recorder.note(now, &input, &self.router);
        self.router.handle(now, input);
    }

    fn on_router(&mut self, output: router::Output) {
        let metrics = self.handle.metrics();
        match output {
            router::Output::Table(table) => {
                metrics.route_epoch.set(i64::try_from(table.epoch).unwrap_or(i64::MAX));
                self.undrained = self.router.undrained(table.made_at);
            }
            router::Output::Changed(change) => {
                metrics.route_changed();
                let detour = |path: &Option<ringway_router::Path>| {
                    path.as_ref().map_or_else(|| "none".to_owned(), |path| path.detour().to_string())
                };
                tracing::info!(
                    from = %change.from, to = %change.to, old = detour(&change.old), new = detour(&change.new),
                    reason = %change.reason, route_epoch = change.epoch, "route changed"
                );
                self.recorder.note_change(&change);
                // Nobody watches: nobody has to be told.
                let _ = self.changes.send(change);
            }
            router::Output::Refused { origin, why } => {
                metrics.mesh_refused(why.label());
                tracing::warn!(%origin, %why, "report refused");
            }
        }
    }

    fn on_frame(&mut self, id: StreamId, frame: Frame) {
        let word = match frame.body {
            Some(Body::Introduction(introduction)) => Ok(convert::flood::introduction(introduction)),
            Some(Body::Statement(signed)) => Ok(convert::flood::statement(signed)),
            Some(Body::StatementDigest(digest)) => convert::flood::digest(digest),
            Some(Body::StatementList(list)) => convert::flood::list(list),
            Some(Body::Bindings(bindings)) => return self.on_word(id, binding::records(bindings)),
            Some(Body::BindingDigest(digest)) => return self.on_word(id, binding::digest(digest)),
            Some(Body::BindingSummary(summary)) => return self.on_word(id, binding::summary(summary)),
            None => return,
        };
        match word {
            Ok(word) => {
                let unix_us = self.handle.clock().unix_us();
                self.tell_flood(Input::Heard { stream: id, word, unix_us });
            }
            Err(why) => self.refuse(id, &why.into()),
        }
    }

    /// Tells the flood what happened, and does what it says.
    pub(super) fn tell_flood(&mut self, input: Input) {
        self.flood.handle(self.handle.clock().now(), input);
        // Closing a stream tells the flood again; the words are said in order all the same.
        while let Some(output) = self.flood.poll() {
            self.on_flood(output);
        }
    }

    fn on_flood(&mut self, output: Output) {
        match output {
            Output::Send { to, word } => self.send_flooded(to, &word),
            Output::Close { stream, why } => {
                tracing::debug!(peer = %self.streams.name(stream), why, "stream closed");
                self.close_stream(stream);
            }
            Output::Named { stream, peer } => {
                if let Some(address) = self.streams.address(stream) {
                    self.on_peer(stream, &peer, address);
                }
            }
            Output::News(statement) => {
                self.refresh_listing(&statement.origin);
                self.orders.hear(&statement, &self.facts.own);
                self.tell_router(router::Input::Report(statement.report()));
            }
            Output::Gone(statement) => {
                tracing::info!(node = %statement.origin, "node is gone");
                self.orders.lose(&statement.origin, self.time());
                self.tell_router(router::Input::Report(statement.withdrawal()));
            }
            Output::Refused { why, again: true, .. } => self.handle.metrics().mesh_refused(why.label()),
            Output::Refused { stream, why, again: false } => self.refuse(stream, &why),
            Output::Unsigned(error) => {
                tracing::error!(%error, "cannot sign; the mesh does not hear of this node");
            }
        }
    }

    fn refuse(&self, id: StreamId, why: &RefusedWord) {
        self.handle.metrics().mesh_refused(why.label());
        tracing::warn!(peer = %self.streams.name(id), %why, "refused on a mesh stream");
    }

    /// Time has passed.
    pub(super) fn tick(&mut self) {
        self.tell_flood(Input::Tick);
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(super) fn deadline(&mut self) -> Instant {
        self.flood.deadline(self.handle.clock().now())
    }

    pub(super) fn now(&self) -> Instant {
        self.handle.clock().now()
    }

    /// The time for the router, and for people.
    #[must_use]
    pub fn time(&self) -> Time {
        Time::from_micros(self.handle.clock().unix_us())
    }

    /// True while the node may be given calls.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.started && self.policy.known && self.phase == Phase::Serving
    }

    /// True once the node drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.phase != Phase::Serving
    }

    /// What does not change.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The router, to be asked.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Every route change from now on.
    #[must_use]
    pub fn watch_changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// The handle that leads here, for its metrics and its clock.
    #[must_use]
    pub fn handle_of_itself(&self) -> &Handle {
        &self.handle
    }
}
