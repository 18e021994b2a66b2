//! What a message costs: reading it, reading its headers, changing and printing it, answering it.
//!
//! ```console
//! $ cargo bench -p ringway-sip --bench message
//! ```
//!
//! A busy machine tells no times, but it counts instructions truly. The first line names the program; of what the last one
//! shows for a function of this file, one message is one in [`TIMES`]. (The linker makes one function of the two that
//! parse: theirs is the sum of both.)
//!
//! ```console
//! $ cargo bench -p ringway-sip --bench message --no-run
//! $ valgrind --tool=callgrind --callgrind-out-file=counted PROGRAM --test
//! $ callgrind_annotate --inclusive=yes counted | grep message::
//! ```

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is read here is known to be good")]

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringway_sip::{Limits, Message, Name, Reply};

/// Messages of one measurement.
const TIMES: usize = 1_000;

/// An INVITE with twelve headers, as a phone behind one other proxy sends it.
const INVITE: &str = "INVITE sip:+17035550100@mesh.example SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK87a1f3c2d4;rport\r\n\
    Via: SIP/2.0/UDP 10.0.0.12:5062;branch=z9hG4bK-524287-1---f5a4;rport=5062;received=198.51.100.9\r\n\
    Max-Forwards: 69\r\n\
    Record-Route: <sip:192.0.2.7;lr>\r\n\
    Contact: <sip:alice@10.0.0.12:5062>\r\n\
    To: <sip:+17035550100@mesh.example>\r\n\
    From: \"Alice\" <sip:+12065550199@mesh.example>;tag=9f1d7a5e\r\n\
    Call-ID: 85f2a1d0c7b94e6d@10.0.0.12\r\n\
    CSeq: 1 INVITE\r\n\
    User-Agent: Phone 1.0\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 68\r\n\r\n\
    v=0\r\no=- 1 1 IN IP4 10.0.0.12\r\ns=-\r\nc=IN IP4 10.0.0.12\r\nt=0 0\r\nm=a\r\n";

criterion_group!(benches, messages);
criterion_main!(benches);

fn messages(criterion: &mut Criterion) {
    let raw = Bytes::from_static(INVITE.as_bytes());
    let ok = answer(&raw);
    let message = parse(&raw);
    let mut group = criterion.benchmark_group("message");
    group.throughput(Throughput::Elements(TIMES as u64));
    group.bench_function("parse an INVITE", |bencher| bencher.iter(|| parse_invite(&raw)));
    group.bench_function("parse a 200", |bencher| bencher.iter(|| parse_ok(&ok)));
    group.bench_function("forward an INVITE", |bencher| bencher.iter(|| forward(&message)));
    group.bench_function("answer 100", |bencher| bencher.iter(|| trying(&message)));
    group.bench_function("read the headers of routing", |bencher| bencher.iter(|| headers(&message)));
    group.finish();
}

#[inline(never)]
fn parse_invite(raw: &Bytes) {
    (0..TIMES).for_each(|_| drop(black_box(parse(raw))));
}

#[inline(never)]
fn parse_ok(raw: &Bytes) {
    (0..TIMES).for_each(|_| drop(black_box(parse(raw))));
}

/// What an ingress does to a request.
#[inline(never)]
fn forward(message: &Message) {
    for _ in 0..TIMES {
        let mut edit = message.edit();
        edit.push_first(Name::Route, "<sip:us-east-1.mesh.example;lr>");
        edit.set(Name::MaxForwards, "68");
        edit.push_first(Name::RecordRoute, "<sip:us-west-2.mesh.example;lr>");
        edit.stamp_via(source());
        edit.push_first(
            Name::Via,
            "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK4f1c2a9b7d3e5f60-1a2b3c4d",
        );
        black_box(edit.finish());
    }
}

#[inline(never)]
fn trying(message: &Message) {
    for _ in 0..TIMES {
        black_box(Reply::new(message, source(), 100, "Trying").finish());
    }
}

/// What a proxy reads of a request.
#[inline(never)]
fn headers(message: &Message) {
    for _ in 0..TIMES {
        black_box((message.method(), message.via().branch().len(), message.via().rport()));
        black_box((message.from().tag(), message.to().tag(), message.call_id(), message.cseq()));
        let _ = black_box((message.max_forwards(), message.routes().count(), message.contacts().count()));
    }
}

fn answer(raw: &Bytes) -> Bytes {
    Reply::new(&parse(raw), source(), 200, "OK").to_tag("314159").finish()
}

fn parse(raw: &Bytes) -> Message {
    Message::parse(raw.clone(), &Limits::default()).unwrap()
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 5060))
}
