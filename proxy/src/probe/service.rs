//! The probing shell: two sockets, one that asks and one that answers.

use super::{
    packet::{Answer, Question},
    reflector::Reflector,
    session::{Pace, Session, Window},
};
use crate::control::{Event, Handle};
use ringway_router::NodeId;
use std::{
    collections::{BTreeMap, HashSet},
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

/// Who is to be probed, and who may probe us. The control task keeps it true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Nodes of other regions, and their reflectors.
    pub targets: BTreeMap<NodeId, SocketAddr>,
    /// Addresses of all nodes of the mesh: nobody else is answered.
    pub members: HashSet<IpAddr>,
}

/// What was measured on the ways to all probed nodes.
pub type Windows = BTreeMap<NodeId, Window>;

/// Answers the probes of members.
///
/// # Errors
/// When the socket fails for good.
pub async fn reflect(
    socket: UdpSocket,
    roster: watch::Receiver<Arc<Roster>>,
    control: Handle,
) -> io::Result<()> {
    let mut reflector = Reflector::default();
    let mut packet = [0; 64];
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
            Some(answer) => drop(socket.try_send_to(&answer, from)),
            None => control.metrics().probe_dropped("malformed"),
        }
    }
}

/// Probes the roster's targets and reports what it finds: every `report_interval`, and at once when a way comes up or
/// goes down.
///
/// # Errors
/// When the socket fails for good.
pub async fn probe(
    socket: UdpSocket,
    mut roster: watch::Receiver<Arc<Roster>>,
    control: Handle,
    pace: Pace,
    report_interval: Duration,
) -> io::Result<()> {
    let mut prober = Prober { sessions: BTreeMap::new(), pace, control };
    let mut reports = interval(report_interval);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut packet = [0; 64];
    loop {
        let due = prober.send(&socket);
        let changed = tokio::select! {
            received = socket.recv_from(&mut packet) => match received {
                Ok((length, from)) => prober.on_packet(from, &packet[..length]),
                Err(error) if is_of_one_peer(&error) => false,
                Err(error) => return Err(error),
            },
            () = sleep_until(due.into()) => prober.has_changed(),
            _ = reports.tick() => true,
            told = roster.changed() => match told {
                Ok(()) => { prober.retarget(&roster.borrow_and_update().clone()); false }
                Err(_) => return Ok(()),
            },
        };
        if changed {
            prober.report().await;
        }
    }
}

struct Prober {
    sessions: BTreeMap<NodeId, Probed>,
    pace: Pace,
    control: Handle,
}

struct Probed {
    address: SocketAddr,
    session: Session,
    told_up: bool,
}

impl Prober {
    /// Sends what is due; says when to come back.
    fn send(&mut self, socket: &UdpSocket) -> Instant {
        let clock = self.control.clock();
        let now = clock.now();
        for probed in self.sessions.values_mut() {
            if let Some(sequence) = probed.session.poll(now) {
                let question = Question { sequence, sent_unix_us: clock.unix_us() };
                // One that cannot be sent is missed, as one that is lost on the way.
                let _ = socket.try_send_to(&question.encode(), probed.address);
            }
        }
        let deadlines = self.sessions.values().map(|probed| probed.session.deadline());
        deadlines.min().unwrap_or(now + Duration::from_secs(1))
    }

    /// Takes an answer in. True when a way came up by it.
    fn on_packet(&mut self, from: SocketAddr, packet: &[u8]) -> bool {
        let now = self.control.clock().now();
        let probed = self.sessions.values_mut().find(|probed| probed.address == from);
        let (Some(probed), Some(answer)) = (probed, Answer::decode(packet)) else {
            self.control.metrics().probe_dropped("stranger");
            return false;
        };
        probed.session.on_answer(now, answer);
        probed.session.is_up() != probed.told_up
    }

    fn has_changed(&mut self) -> bool {
        self.sessions.values().any(|probed| probed.session.is_up() != probed.told_up)
    }

    fn retarget(&mut self, roster: &Roster) {
        let now = self.control.clock().now();
        self.sessions.retain(|node, probed| roster.targets.get(node) == Some(&probed.address));
        for (node, &address) in &roster.targets {
            let seed = self.control.seed();
            self.sessions.entry(node.clone()).or_insert_with(|| Probed {
                address,
                session: Session::new(now, self.pace, seed),
                told_up: false,
            });
        }
    }

    async fn report(&mut self) {
        let now = self.control.clock().now();
        let mut windows = Windows::new();
        for (node, probed) in &mut self.sessions {
            let window = probed.session.window(now);
            probed.told_up = window.up;
            windows.insert(node.clone(), window);
        }
        self.control.tell(Event::Probed(windows)).await;
    }
}

/// ICMP errors of one peer surface on the shared socket; they say nothing about the socket.
fn is_of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}
