//! What a transaction step costs: INVITEs through the [`Layer`] of a proxy, from the request to the last timer.
//!
//! ```console
//! $ cargo bench -p ringway-sip --bench transaction
//! ```
//!
//! A busy machine tells no times, but it counts instructions truly. The first line names the program; of what the second
//! one collects, one step is one in [`CALLS`] · [`STEPS`]:
//!
//! ```console
//! $ cargo bench -p ringway-sip --bench transaction --no-run
//! $ valgrind --tool=callgrind --toggle-collect='transaction::run*' PROGRAM --test
//! ```

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is read here is known to be good")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringway_sip::{Layer, Limits, Message, Method, Output, Peer, Reply, Timing};

/// INVITEs of one measurement.
const CALLS: usize = 1_000;
/// What the layer is told of each: INVITE, 100 up, INVITE on, 180, 180 up, 200, 200 up.
const STEPS: usize = 7;

criterion_group!(benches, transactions);
criterion_main!(benches);

/// The messages of one call; parsed, because that is measured elsewhere.
struct Call {
    invite: Message,
    onward: Bytes,
    branch: String,
    ringing: Message,
    ok: Message,
}

fn transactions(criterion: &mut Criterion) {
    let start = epoch();
    let mut group = criterion.benchmark_group("transaction");
    group.throughput(Throughput::Elements((CALLS * STEPS) as u64));
    let calls = || (0..CALLS).map(Call::new).collect::<Vec<_>>();
    group.bench_function("step", |bencher| {
        bencher.iter_batched(calls, |calls| run(start, calls), BatchSize::PerIteration);
    });
    group.finish();
}

#[inline(never)]
fn run(start: Instant, calls: Vec<Call>) -> Layer {
    let mut layer = Layer::with_seed(Timing::default(), 1);
    let (near, far) = (peer(1), peer(2));
    for (call, now) in calls.into_iter().zip((0..).map(|n| start + Duration::from_millis(n))) {
        layer.receive(now, near, call.invite);
        let Some(Output::Request { id, message, .. }) = layer.poll() else { panic!("the INVITE is new") };
        layer.respond(now, id, 100, message.raw().clone());
        layer.request(now, far, &call.branch, Method::Invite, call.onward);
        layer.receive(now, far, call.ringing);
        layer.respond(now, id, 180, message.raw().clone());
        layer.receive(now, far, call.ok);
        layer.respond(now, id, 200, message.raw().clone());
        drain(&mut layer);
    }
    while let Some(at) = layer.deadline() {
        layer.tick(at);
        drain(&mut layer);
    }
    layer
}

fn drain(layer: &mut Layer) {
    while let Some(output) = layer.poll() {
        black_box(output);
    }
}

impl Call {
    fn new(number: usize) -> Call {
        let branch = format!("z9hG4bKonward{number}");
        let onward = request(&branch);
        let reply = |code| parse(Reply::new(&onward, peer(2).address, code, "So").to_tag("b2").finish());
        let (ringing, ok) = (reply(180), reply(200));
        Call {
            invite: request(&format!("z9hG4bK-4711-{number}-0")),
            onward: onward.raw().clone(),
            branch,
            ringing,
            ok,
        }
    }
}

fn request(branch: &str) -> Message {
    parse(Bytes::from(format!(
        "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch={branch}\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
    )))
}

fn parse(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap()
}

fn peer(number: u8) -> Peer {
    Peer::udp(([192, 0, 2, number], 5060).into())
}

#[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
fn epoch() -> Instant {
    Instant::now()
}
