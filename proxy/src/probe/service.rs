//! The probing shell: one socket that answers, and one a lane that asks.

use super::{
    lanes::Lanes,
    pace::{Budget, Load, Need},
    packet::{Answer, Question},
    reflector::Reflector,
    session::{Session, Setup},
};
use crate::control::{Event, Handle};
use ringway_node::mac::{KEY_BYTES, Mac};
use ringway_router::{
    NodeId, Region, Time,
    measure::{Fate, LinkEstimate, Passive},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::UdpSocket,
    sync::watch,
    time::{MissedTickBehavior, interval, sleep_until},
};

/// A link carried calls if it saw an INVITE this long ago or later.
const CARRIES: Duration = Duration::from_secs(20);
/// Packets that are read before the clock is looked at again: what waits in a socket is no silence.
const DRAIN_MAX: usize = 512;

/// Who is to be probed, and who may probe us. The control task keeps it true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Nodes of other regions.
    pub targets: BTreeMap<NodeId, Target>,
    /// Addresses of all nodes of the mesh: nobody else is answered.
    pub members: HashSet<IpAddr>,
}

/// A node to be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its reflector.
    pub address: SocketAddr,
    /// Its key.
    pub key: [u8; KEY_BYTES],
}

/// How this node probes.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What it may spend.
    pub budget: Budget,
    /// Unanswered probes in a row that take a way down, at the least.
    pub misses: u32,
    /// Between two reports of what was measured.
    pub report_interval: Duration,
}

/// What is known of the ways to all probed nodes.
pub type Windows = BTreeMap<NodeId, LinkEstimate>;

/// Answers the probes of members that are sealed with this node's key.
///
/// # Errors
/// When the socket fails for good.
pub async fn reflect(
    socket: UdpSocket,
    roster: watch::Receiver<Arc<Roster>>,
    control: Handle,
    key: Mac,
) -> io::Result<()> {
    let mut reflector = Reflector::new(key);
    let mut packet = [0; 128];
    loop {
        let (length, from) = match socket.recv_from(&mut packet).await {
            Ok(received) => received,
            Err(error) if is_of_one_peer(&error) => continue,
            Err(error) => return Err(error),
        };
        if !roster.borrow().members.contains(&from.ip()) {
            control.metrics().probe_dropped("stranger");
            continue;
        }
        let clock = control.clock();
        match reflector.reflect(clock.now(), clock.unix_us(), from, &packet[..length]) {
            // A probe whose answer cannot be sent is a lost probe, and counted where it was sent.
            Ok(answer) => drop(socket.try_send_to(&answer, from)),
            Err(why) => control.metrics().probe_dropped(why.label()),
        }
    }
}

/// Probes the roster's targets and reports what it finds: every `report_interval`, and at once when a way comes up or
/// goes down, its lane changes, or a step in loss or delay is believed.
///
/// # Errors
/// When a socket fails for good.
pub async fn probe(
    sockets: Vec<UdpSocket>,
    mut roster: watch::Receiver<Arc<Roster>>,
    control: Handle,
    settings: Settings,
) -> io::Result<()> {
    let lanes = Lanes::new(sockets);
    let mut prober =
        Prober { sessions: BTreeMap::new(), calls: BTreeMap::new(), settings, lanes: lanes.len(), control };
    let mut reports = interval(settings.report_interval);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut packet = [0; 128];
    loop {
        for _ in 0..DRAIN_MAX {
            let Some((lane, length, from)) = lanes.try_receive(&mut packet) else { break };
            prober.on_packet(lane, from, &packet[..length]);
        }
        let due = prober.send(&lanes);
        if prober.has_changed() {
            prober.report().await;
        }
        tokio::select! {
            received = lanes.receive(&mut packet) => match received {
                Ok((lane, length, from)) => prober.on_packet(lane, from, &packet[..length]),
                Err(error) if is_of_one_peer(&error) => {}
                Err(error) => return Err(error),
            },
            () = sleep_until(due.into()) => {}
            _ = reports.tick() => {
                prober.hear_tunnels();
                prober.pace();
                prober.report().await;
            }
            told = roster.changed() => match told {
                Ok(()) => prober.retarget(&roster.borrow_and_update().clone()),
                Err(_) => return Ok(()),
            },
        }
    }
}

struct Prober {
    sessions: BTreeMap<NodeId, Probed>,
    /// INVITEs to each region so far, and when there was last a new one.
    calls: BTreeMap<Region, (u64, Option<Instant>)>,
    settings: Settings,
    lanes: usize,
    control: Handle,
}

struct Probed {
    target: Target,
    key: Mac,
    session: Session,
    told: Told,
}

/// What is told at once when it changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    up: bool,
    lane: usize,
    suspect: bool,
}

impl Probed {
    fn news(&self) -> Told {
        let way = self.session.way();
        Told { up: way.is_up(), lane: way.lane(), suspect: way.is_suspect() }
    }
}

impl Prober {
    fn time(&self) -> Time {
        Time::from_micros(self.control.clock().unix_us())
    }

    /// Sends what is due; says when to come back.
    fn send(&mut self, lanes: &Lanes) -> Instant {
        let clock = self.control.clock();
        let (instant, now) = (clock.now(), self.time());
        for probed in self.sessions.values_mut() {
            if let Some(ask) = probed.session.poll(now) {
                let question =
                    Question { sequence: ask.sequence, session: ask.session, sent_unix_us: clock.unix_us() };
                // One that cannot be sent is missed, as one that is lost on the way.
                lanes.send(ask.lane, &question.encode(&probed.key), probed.target.address);
            }
        }
        let deadlines = self.sessions.values().map(|probed| probed.session.deadline());
        let pause = deadlines.min().map_or(Duration::from_secs(1), |deadline| deadline.since(now));
        instant + pause
    }

    /// Takes an answer in.
    fn on_packet(&mut self, lane: usize, from: SocketAddr, packet: &[u8]) {
        let now = self.time();
        let metrics = self.control.metrics();
        let Some(probed) = self.sessions.values_mut().find(|probed| probed.target.address == from) else {
            return metrics.probe_dropped("stranger");
        };
        match Answer::decode(packet, &probed.key) {
            Ok(answer) => {
                if probed.session.on_answer(now, lane, answer) == Fate::Unasked {
                    metrics.probe_dropped("unasked");
                }
            }
            Err(unfit) => metrics.probe_dropped(unfit.label()),
        }
    }

    fn has_changed(&self) -> bool {
        self.sessions.values().any(|probed| probed.news() != probed.told)
    }

    fn retarget(&mut self, roster: &Roster) {
        let now = self.time();
        self.sessions.retain(|node, probed| roster.targets.get(node) == Some(&probed.target));
        for (node, &target) in &roster.targets {
            let setup = Setup {
                lanes: self.lanes,
                misses: self.settings.misses,
                first: millis(now),
                seed: self.control.seed(),
            };
            self.sessions.entry(node.clone()).or_insert_with(|| Probed {
                target,
                key: Mac::new(&target.key),
                session: Session::new(now, setup),
                told: Told::default(),
            });
        }
        self.pace();
    }

    /// Shares the budget out anew.
    fn pace(&mut self) {
        let instant = self.control.clock().now();
        let now = self.time();
        let mut need = Need::default();
        let mut paces = Vec::with_capacity(self.sessions.len());
        for (node, probed) in &self.sessions {
            let requests = self.control.hops().of(&node.region).requests;
            let (known, at) = self.calls.entry(node.region.clone()).or_insert((requests, None));
            if *known != requests {
                (*known, *at) = (requests, Some(instant));
            }
            let signals = at.is_some_and(|at| instant.saturating_duration_since(at) < CARRIES);
            let tunnels = self.control.tunnels();
            let load = Load {
                calls: signals || tunnels.carries(instant, &node.region),
                measured: tunnels.carries(instant, &node.region),
                suspect: probed.session.way().is_suspect() || tunnels.loses(instant, &node.region),
            };
            let pace = load.pace();
            need.count(pace);
            paces.push(pace);
        }
        let pauses = self.settings.budget.plan(need);
        for (probed, pace) in self.sessions.values_mut().zip(paces) {
            probed.session.pace(now, pauses.of(pace));
        }
    }

    /// What tunnels counted goes to the ways to all nodes of their region: they are the same link.
    fn hear_tunnels(&mut self) {
        let now = self.time();
        let regions: BTreeSet<&Region> = self.sessions.keys().map(|node| &node.region).collect();
        let counted = |region: &Region| Some((region.clone(), self.control.tunnels().take(region)?));
        let counted: BTreeMap<Region, Passive> = regions.into_iter().filter_map(counted).collect();
        for (node, probed) in &mut self.sessions {
            if let Some(&passive) = counted.get(&node.region) {
                probed.session.on_passive(now, passive);
            }
        }
    }

    async fn report(&mut self) {
        let now = self.time();
        let mut windows = Windows::new();
        for (node, probed) in &mut self.sessions {
            probed.told = probed.news();
            windows.insert(node.clone(), probed.session.estimate(now));
        }
        self.control.tell(Event::Probed(windows)).await;
    }
}

/// A number that grows by no more than one a millisecond, whatever a lane sends.
#[expect(clippy::cast_possible_truncation, reason = "it is meant to run over")]
fn millis(now: Time) -> u32 {
    now.millis() as u32
}

/// ICMP errors of one peer surface on the shared socket; they say nothing about the socket.
pub(super) fn is_of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}
