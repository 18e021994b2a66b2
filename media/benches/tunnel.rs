//! What a packet costs in a tunnel, without the network: sealed at the ingress, opened and sealed again in transit, opened
//! at the egress. A G.711 packet of 20 ms: 172 bytes.
//!
//! ```console
//! $ cargo bench -p ringway-media --bench tunnel
//! ```
//!
//! The last lines are a table: nanoseconds a packet, and packets a second and core. A busy machine tells no times, but it
//! counts instructions truly: `valgrind --tool=callgrind` with the program that the first line names, and `--test`.

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is done here is known to succeed")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringway_media::core::{
    Lane, Outbox, RelayId, SocketId, StreamId,
    steer::{PathNumber, Pick},
    tunnel::{Body, Frame, Hops, Keys, Opener, Peer, Place, Sealer, forward},
};
use ringway_router::Time;
use std::{hint::black_box, net::Ipv4Addr};

/// Packets of one measurement.
const TIMES: usize = 1_000;
/// Measurements of one line of the table.
const ROUNDS: usize = 201;
const RTP: [u8; 172] = [0x80; 172];
const NOW: Time = Time::from_millis(1_000);

criterion_group!(benches, tunnel, table);
criterion_main!(benches);

struct Relay {
    keys: Keys,
    peer: Peer,
    opener: Opener,
    sealer: Sealer,
}

impl Relay {
    fn new(n: u8) -> Self {
        let (region, node) = (format!("region-{n}").parse().unwrap(), "relay".parse().unwrap());
        let keys = Keys::new(NOW, region, node, &[n; 32], &[100 + n; 32]).unwrap();
        let peer = Peer {
            region: format!("region-{n}").parse().unwrap(),
            node: "relay".parse().unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            ports: vec![1_000],
            sender_key: keys.sender_key(),
            receiving_keys: keys.receiving_keys().collect(),
            incarnation: 1,
        };
        let (opener, sealer) =
            (Opener::new(0, keys.table()), Sealer::new(0, vec![SocketId(0)], keys.table()));
        Self { keys, peer, opener, sealer }
    }

    /// Puts one packet for the last of these relays into the box.
    fn seal(&mut self, hops: &[RelayId], outbox: &mut Outbox) {
        let pick = Pick { number: PathNumber(0), sequence: 1 };
        let frame = Frame {
            hops: Hops::new(hops).unwrap(),
            port: 0,
            origin: self.keys.own(),
            origin_port: 0,
            body: Body::Rtp(Place { pick, stream: StreamId(7), number: 1 }, &RTP),
        };
        let hop = self.sealer.hop(&frame).unwrap();
        self.sealer.send(outbox, hop, Lane(0), |bytes| frame.write(bytes)).unwrap();
    }

    fn sealed(&mut self, hops: &[RelayId]) -> Vec<Vec<u8>> {
        let mut outbox = Outbox::new(TIMES);
        (0..TIMES).for_each(|_| self.seal(hops, &mut outbox));
        outbox.packets().iter().map(|slot| slot.bytes().to_vec()).collect()
    }
}

/// Fifty relays that know each other, as many as a mesh of fifty regions has at least; the first four of them.
fn relays() -> [Relay; 4] {
    let mut all: Vec<Relay> = (1..=50).map(Relay::new).collect();
    let roster: Vec<Peer> = all.iter().map(|relay| relay.peer.clone()).collect();
    all.truncate(4);
    for relay in &mut all {
        assert!(relay.keys.meet(NOW, &roster).is_empty());
        relay.opener.adopt(relay.keys.table());
        relay.sealer.adopt(relay.keys.table());
    }
    all.try_into().ok().unwrap()
}

fn seal_all(relay: &mut Relay, hops: &[RelayId], outbox: &mut Outbox) {
    for _ in 0..TIMES {
        outbox.clear();
        relay.seal(black_box(hops), outbox);
    }
}

fn open_all(relay: &mut Relay, datagrams: &mut [Vec<u8>]) {
    for datagram in datagrams {
        black_box(relay.opener.open(NOW, datagram).unwrap());
    }
}

fn pass_all(relay: &mut Relay, datagrams: &mut [Vec<u8>], outbox: &mut Outbox) {
    for datagram in datagrams {
        outbox.clear();
        let opened = relay.opener.open(NOW, datagram).unwrap();
        forward(&mut relay.sealer, outbox, &opened).unwrap();
    }
}

fn tunnel(criterion: &mut Criterion) {
    let [mut a, mut b, c, d] = relays();
    let (one, three) = ([b.keys.own()], [b.keys.own(), c.keys.own(), d.keys.own()]);
    let mut outbox = Outbox::new(1);
    let mut group = criterion.benchmark_group("tunnel");
    group.throughput(Throughput::Elements(TIMES as u64));
    group.bench_function("seal, 1 hop", |bencher| bencher.iter(|| seal_all(&mut a, &one, &mut outbox)));
    group.bench_function("seal, 3 hops", |bencher| bencher.iter(|| seal_all(&mut a, &three, &mut outbox)));
    group.bench_function("open, 1 hop", |bencher| {
        bencher.iter_batched(
            || a.sealed(&one),
            |mut all| open_all(&mut b, &mut all),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("open, 3 hops", |bencher| {
        bencher.iter_batched(
            || a.sealed(&three),
            |mut all| open_all(&mut b, &mut all),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("transit, first of 3", |bencher| {
        let pass = |mut all: Vec<Vec<u8>>| pass_all(&mut b, &mut all, &mut outbox);
        bencher.iter_batched(|| a.sealed(&three), pass, BatchSize::PerIteration);
    });
    group.finish();
}

fn table(_: &mut Criterion) {
    let [mut a, mut b, c, d] = relays();
    let (one, three) = ([b.keys.own()], [b.keys.own(), c.keys.own(), d.keys.own()]);
    let mut outbox = Outbox::new(1);
    println!("{:<24}{:>12}{:>22}", "172 bytes of RTP", "ns a packet", "packets a second");
    line("sealed, 1 hop", || clocked(|| seal_all(&mut a, &one, &mut outbox)));
    line("sealed, 3 hops", || clocked(|| seal_all(&mut a, &three, &mut outbox)));
    line("opened, 1 hop", || {
        let mut all = a.sealed(&one);
        clocked(|| open_all(&mut b, &mut all))
    });
    line("opened, 3 hops", || {
        let mut all = a.sealed(&three);
        clocked(|| open_all(&mut b, &mut all))
    });
    line("in transit, 3 hops", || {
        let mut all = a.sealed(&three);
        clocked(|| pass_all(&mut b, &mut all, &mut outbox))
    });
}

/// The median of the rounds.
fn line(name: &str, mut round: impl FnMut() -> f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_by(f64::total_cmp);
    let ns = rounds[ROUNDS / 2];
    println!("{name:<24}{ns:>12.0}{:>22.0}", 1e9 / ns);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark asks the clock")]
fn clocked(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / TIMES as f64
}
