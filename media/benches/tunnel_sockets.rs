//! What a packet costs in a tunnel between real workers over real sockets: sealed and sent by the first relay, received and
//! opened by the last one, received, opened, sealed and sent in transit. Everything of the data path is in it, the choice of
//! the path, its reports and system calls; the edge, where phones are, is not. A G.711 packet of 20 ms: 172 bytes.
//!
//! ```console
//! $ bench/tunnel
//! ```
//!
//! Processor time is each worker's own, user and kernel. Offered are packets in a burst every millisecond, as a busy worker
//! finds them (`worker/pace.rs`).

#![expect(clippy::unwrap_used, reason = "what is done here is known to succeed")]

use nix::time::{ClockId, clock_gettime};
use ringway_media::{
    core::{
        Outbox, RelayId, SocketId, StreamId,
        mesh::{Mesh, Routes, Row},
        relay::{Onward, RouteKey},
        tunnel::{Keys, Peer},
    },
    worker::{self, DataPath, Handle, Kind, Turn, Way},
};
use ringway_node::clock::Clock;
use ringway_router::{Path, Protect, Region, Time};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::time::interval;

const RTP: [u8; 172] = [0x80; 172];
/// Streams that the packets are of.
const STREAMS: u32 = 400;
const ROUTE: RouteKey = RouteKey(1);
const LANES: usize = 4;
/// Of one line of the table.
const LASTS: Duration = Duration::from_secs(4);

/// The data path of one relay with one worker: a mesh and nothing else.
struct Node {
    mesh: Option<Mesh>,
    incoming: SocketId,
    delivered: u64,
}

/// One relay.
struct Relay {
    keys: Keys,
    handle: Handle<Node>,
    peer: Peer,
    sockets: Vec<SocketId>,
}

impl DataPath for Node {
    fn packet(&mut self, now: Time, socket: SocketId, _: SocketAddr, packet: &mut [u8], outbox: &mut Outbox) {
        let Some(mesh) = self.mesh.as_mut().filter(|_| socket == self.incoming) else { return };
        self.delivered += u64::from(mesh.receive(now, packet, outbox).is_some());
    }

    fn deadline(&self) -> Option<Time> {
        self.mesh.as_ref()?.deadline()
    }

    fn expire(&mut self, now: Time, outbox: &mut Outbox) {
        if let Some(mesh) = &mut self.mesh {
            mesh.poll(now, outbox);
        }
    }
}

impl Relay {
    async fn start(n: u8, way: Way, clock: Clock) -> Self {
        let node = Node { mesh: None, incoming: SocketId(0), delivered: 0 };
        let (handle, _ended) = worker::start(1, way, clock, node).unwrap();
        let open = |_: &mut Node, turn: &mut Turn<'_>| {
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            (0..LANES).map(|_| turn.sockets.open(Kind::Tunnel, free).unwrap()).collect::<Vec<_>>()
        };
        let opened = handle.ask(open).await.unwrap();
        let (region, now) = (region(n), Time::from_micros(clock.unix_us()));
        let keys = Keys::new(now, region.clone(), "n".parse().unwrap(), &[n; 32], &[100 + n; 32]).unwrap();
        let peer = Peer {
            region,
            node: "n".parse().unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            ports: vec![opened[0].1.port()],
            sender_key: keys.sender_key(),
            receiving_keys: keys.receiving_keys().collect(),
            incarnation: 1,
        };
        Self { keys, handle, peer, sockets: opened.into_iter().map(|(socket, _)| socket).collect() }
    }

    /// Knows the others, and routes over `path`, from its first region to its last.
    async fn join(&mut self, roster: &[Peer], path: Option<Path>, clock: Clock) {
        let now = Time::from_micros(clock.unix_us());
        assert!(self.keys.meet(now, roster).is_empty());
        let mut mesh = Mesh::new(now, self.peer.region.clone(), 0, self.sockets.clone(), self.keys.table());
        if let Some(path) = path {
            let to = path.destination().clone();
            let row = Row {
                key: ROUTE,
                to,
                paths: vec![path],
                reactions: Vec::new(),
                protect: Protect::OnSuspicion,
            };
            mesh.steer(now, Arc::new(Routes { made_at: now, rows: vec![row] }));
        }
        let incoming = self.sockets[0];
        let take =
            move |node: &mut Node, _: &mut Turn<'_>| (node.mesh, node.incoming) = (Some(mesh), incoming);
        self.handle.ask(take).await.unwrap();
    }

    /// Processor time of its thread, and packets delivered.
    async fn look(&self) -> (Duration, u64) {
        let look = |node: &mut Node, _: &mut Turn<'_>| {
            let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
            (Duration::from(time), node.delivered)
        };
        self.handle.ask(look).await.unwrap()
    }
}

fn region(n: u8) -> Region {
    format!("region-{n}").parse().unwrap()
}

/// Sends `burst` packets a millisecond over these relays; prints what each of them spent.
async fn line(hops: u8, burst: u32, way: Way) {
    let clock = Clock::start();
    let mut relays = Vec::new();
    for n in 1..=hops + 1 {
        relays.push(Relay::start(n, way, clock).await);
    }
    let roster: Vec<Peer> = relays.iter().map(|relay| relay.peer.clone()).collect();
    let forth = Path::new((1..=hops + 1).map(region)).unwrap();
    let last = relays.len() - 1;
    for (n, relay) in relays.iter_mut().enumerate() {
        relay.join(&roster, (n == 0).then(|| forth.clone()), clock).await;
    }
    let to = relays[last].peer.id();
    offer(&relays[0].handle, to, burst, LASTS / 8).await;
    let before = looks(&relays).await;
    let sent = offer(&relays[0].handle, to, burst, LASTS).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let after = looks(&relays).await;
    let spent = before.iter().zip(&after).map(|(before, after)| (after.0 - before.0).as_secs_f64());
    let us: Vec<f64> = spent.map(|spent| spent * 1e6 / f64::from(sent)).collect();
    let lost = u64::from(sent) - (after[last].1 - before[last].1);
    let transit = match &us[1..last] {
        [] => "-".to_owned(),
        transit => format!("{:.2}", transit.iter().sum::<f64>() / transit.len() as f64),
    };
    println!(
        "{hops:>4} {:>10} {:>14.2} {transit:>10} {:>14.2} {:>21.0} {lost:>6}",
        burst * 1_000,
        us[0],
        us[last],
        1e6 / us[0].max(us[last])
    );
}

async fn looks(relays: &[Relay]) -> Vec<(Duration, u64)> {
    let mut looks = Vec::new();
    for relay in relays {
        looks.push(relay.look().await);
    }
    looks
}

/// How many packets were taken.
async fn offer(ingress: &Handle<Node>, to: RelayId, burst: u32, lasts: Duration) -> u32 {
    let mut tick = interval(Duration::from_millis(1));
    let turns = u32::try_from(lasts.as_millis()).unwrap();
    let mut sent = 0;
    for turn in 0..turns {
        tick.tick().await;
        let job = move |node: &mut Node, at: &mut Turn<'_>| {
            let mesh = node.mesh.as_mut().unwrap();
            let stream = |n: u32| StreamId((turn * burst + n) % STREAMS + 1);
            let onward = |n| Onward { to, stream: stream(n), route: ROUTE, rtcp: false };
            (0..burst).filter(|n| mesh.send(at.now, onward(*n), &RTP, at.outbox).is_ok()).count()
        };
        sent += u32::try_from(ingress.ask(job).await.unwrap()).unwrap();
    }
    sent
}

fn main() {
    let way = Way::of_this_machine();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    println!("processor time, µs a packet; packets a second and core of the busier of the two ends");
    println!(
        "{:>4} {:>10} {:>14} {:>10} {:>14} {:>21} {:>6}",
        "hops", "packets/s", "sealed, sent", "transit", "taken, opened", "a second and core", "lost"
    );
    // `cargo test` looks only whether it runs.
    let bursts: &[u32] = if std::env::args().any(|arg| arg == "--test") { &[1] } else { &[10, 40, 100] };
    for hops in [1, 3] {
        for burst in bursts {
            runtime.block_on(line(hops, *burst, way));
        }
    }
}
