//! What SRTP costs: one packet of G.711, 20 ms or 160 bytes of payload behind 12 of header, protected and unprotected by
//! each suite; and taken across from the suite of phones to that of trunks.
//!
//! ```console
//! $ cargo bench -p ringway-media --bench srtp
//! ```
//!
//! The time is what this thread spent on a processor, so that other work on the machine does not count.

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is built here is known to be good")]

use criterion::{
    BatchSize, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use nix::time::{ClockId, clock_gettime};
use ringway_media::core::srtp::{Crossing, MASTER_MAX, Master, Receiver, Sender, Suite, TRAILER_MAX};
use std::{hint::black_box, time::Duration};

const LENGTH: usize = 172;
type Buffer = [u8; LENGTH + TRAILER_MAX];

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = suites, crossing
}
criterion_main!(benches);

fn suites(criterion: &mut Criterion<CpuTime>) {
    for suite in Suite::ALL {
        let mut group = criterion.benchmark_group(suite.name());
        let master = Master::new(suite, &[7; MASTER_MAX]);
        let mut sender = Sender::new(&master);
        let mut packets = Packets::default();
        group.bench_function("protect", |bencher| {
            bencher.iter_batched_ref(
                || packets.next(),
                |bytes| sender.protect(black_box(bytes), LENGTH).unwrap(),
                BatchSize::SmallInput,
            );
        });
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        group.bench_function("unprotect", |bencher| {
            bencher.iter_batched_ref(
                || protected(&mut packets, &mut sender),
                |(bytes, length)| receiver.unprotect(black_box(&mut bytes[..*length])).unwrap(),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

fn crossing(criterion: &mut Criterion<CpuTime>) {
    let phone = Master::new(Suite::AesCm128HmacSha1_80, &[7; MASTER_MAX]);
    let trunk = Master::new(Suite::AeadAes128Gcm, &[8; MASTER_MAX]);
    let mut group = criterion.benchmark_group("crossing");
    for (name, from, to) in [
        ("phone to trunk", Some(&phone), Some(&trunk)),
        ("phone to plain", Some(&phone), None),
        ("through", Some(&phone), Some(&phone)),
    ] {
        let (mut sender, mut crossing) = (Sender::new(&phone), Crossing::new(from, to));
        let mut packets = Packets::default();
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || protected(&mut packets, &mut sender),
                |(bytes, length)| crossing.rtp(black_box(bytes), *length).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Packets of one source, one after the other.
#[derive(Default)]
struct Packets {
    sequence: u16,
}

impl Packets {
    fn next(&mut self) -> Buffer {
        let mut bytes = [0xd5; LENGTH + TRAILER_MAX];
        bytes[..12].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }
}

fn protected(packets: &mut Packets, sender: &mut Sender) -> (Buffer, usize) {
    let mut bytes = packets.next();
    let length = sender.protect(&mut bytes, LENGTH).unwrap();
    (bytes, length)
}

/// What this thread has spent on a processor.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
