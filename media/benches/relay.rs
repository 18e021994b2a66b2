//! What a plain packet costs in the core: 400 streams of G.711 in 200 calls, in turn, and the same with SRTP on one side.
//!
//! ```console
//! $ cargo bench -p ringway-media --bench relay
//! ```
//!
//! The time is what this thread spent on a processor, so that other work on the machine does not count.

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is ordered here is known to be good")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nix::time::{ClockId, clock_gettime};
use ringway_media::core::{
    Outbox, SocketId,
    relay::{
        Answered, Binder, Busy, Description, Exits, Keys, Learning, Local, Locks, Muxing, Onward, Order,
        Packet, Pool, Relay, Remote, Section, Settings, Side, Tunnels, Verdict,
    },
    srtp::{Master, Suite},
};
use ringway_router::Time;
use std::{hint::black_box, net::Ipv4Addr, net::SocketAddr, time::Duration};

const CALLS: u16 = 200;
const STREAMS: u64 = 2 * CALLS as u64;

criterion_group!(benches, packets);
criterion_main!(benches);

fn packets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(STREAMS));
    let key = Master::new(Suite::AesCm128HmacSha1_80, &[7; 46]);
    let sealed = Locks { inward: None, outward: Some(&key) };
    for (name, answerer) in [("plain", Locks::default()), ("to_srtp", sealed)] {
        let mut world = World::new(answerer);
        // One turn: a packet of each stream.
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|turns| {
                let start = on_processor();
                (0..turns).for_each(|_| world.turn());
                on_processor().saturating_sub(start)
            });
        });
    }
    group.finish();
}

fn on_processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

struct World {
    relay: Relay,
    outbox: Outbox,
    now: Time,
    sequence: u16,
    /// Who sends where.
    streams: Vec<(SocketAddr, SocketId)>,
    packet: [u8; 220],
}

#[derive(Default)]
struct Host(Vec<SocketAddr>);

struct Nowhere;

impl Binder for Host {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        self.0.push(local);
        Ok(SocketId(u32::try_from(self.0.len() - 1).unwrap()))
    }
}

impl Tunnels for Nowhere {
    fn send(&mut self, _now: Time, _frame: Onward, _packet: &[u8], _outbox: &mut Outbox) -> bool {
        false
    }
}

impl World {
    fn new(answerer: Locks<'_>) -> Self {
        let pools = vec![Pool { interface: 0, local: Ipv4Addr::LOCALHOST.into(), ports: 10_000..=20_000 }];
        let mut relay = Relay::new(Settings { pools, ..Settings::default() });
        let (mut host, now) = (Host::default(), Time::from_millis(1_700_000_000_000));
        let mut streams = Vec::new();
        for call in 0..CALLS {
            let id = format!("call-{call}");
            let phones =
                [30_000 + call * 2, 40_000 + call * 2].map(|port| SocketAddr::from(([127, 0, 0, 9], port)));
            let keys = Keys { answerer, ..Keys::default() };
            let sections = phones.map(|rtp| {
                let remote = Remote::Edge { rtp, rtcp: None };
                let sealed_on = answerer.outward.is_some() && rtp == phones[0];
                let sealed = answerer.outward.is_some() && rtp == phones[1];
                [Section {
                    remote,
                    mux: false,
                    reduced: false,
                    sealed,
                    sealed_on,
                    held: false,
                    formats: &[],
                    keys,
                }]
            });
            for place in 0..phones.len() {
                let description = description(&id, ["", "b"][place], &sections[place]);
                let order = if place == 0 { Order::Offer(description) } else { Order::Answer(description) };
                let Answered::Media(locals) = relay.handle(now, order, &mut host).unwrap() else {
                    unreachable!()
                };
                let Local::Edge { rtp, .. } = locals[0] else { unreachable!() };
                let socket = host.0.iter().position(|open| *open == rtp).unwrap();
                // The description of one phone is answered with the port of the other one.
                let sender = phones[1 - place];
                streams.push((sender, SocketId(u32::try_from(socket).unwrap())));
            }
        }
        if answerer.outward.is_some() {
            // The answerer's own packets would have to be SRTP: only those to it are measured.
            streams.retain(|(sender, _)| sender.port() < 40_000);
            streams = [streams.clone(), streams].concat();
        }
        let mut packet = [0x55; 220];
        packet[..2].copy_from_slice(&[0x80, 0]);
        Self { relay, outbox: Outbox::new(64), now, sequence: 0, streams, packet }
    }

    fn turn(&mut self) {
        self.now = self.now + Duration::from_millis(20);
        for (place, (from, socket)) in self.streams.iter().enumerate() {
            if place % usize::from(CALLS) == 0 {
                self.sequence = self.sequence.wrapping_add(1);
            }
            self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
            self.packet[4..8].copy_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
            let packet = Packet { bytes: &mut self.packet, length: 172 };
            let mut exits = Exits { tunnels: &mut Nowhere, outbox: &mut self.outbox };
            let verdict = self.relay.packet(self.now, *socket, *from, packet, &mut exits);
            assert_eq!(black_box(verdict), Verdict::Passed);
            if self.outbox.room() < Outbox::ROOM {
                self.outbox.clear();
            }
        }
        while self.relay.poll().is_some() {}
    }
}

fn description<'a>(call_id: &'a str, to_tag: &'a str, sections: &'a [Section<'a>]) -> Description<'a> {
    let side = Side::Edge { interface: 0, family: None };
    Description {
        controller: "",
        call_id,
        from_tag: "a",
        to_tag,
        branch: "",
        from: side,
        to: side,
        received_from: None,
        learning: Learning::Symmetric,
        relatch: false,
        traffic: None,
        muxing: Muxing::Mirror,
        sections,
    }
}
