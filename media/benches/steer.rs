//! What the choice of a path and the account of it cost, a packet: `cargo bench -p ringway-media --bench steer`.

use criterion::{Criterion, criterion_group, criterion_main};
use ringway_media::core::{
    RelayId,
    steer::{Ears, Input, PathId, Table, Trunk, Way},
};
use ringway_router::{Protect, Time};
use std::{hint::black_box, time::Duration};

const HERE: RelayId = RelayId(1);
const PACE: Duration = Duration::from_micros(200);

fn trunk(now: Time, protect: Protect) -> Trunk {
    let mut trunk = Trunk::new(now, HERE, 4);
    let way = |number: u16| Way {
        path: PathId::new(number).expect("a small number"),
        hops: vec![RelayId(u32::from(number) + 2), RelayId(9)],
    };
    let table = Table { made_at: now, ranked: (0..4).map(way).collect(), reactions: Vec::new(), protect };
    trunk.handle(now, Input::Table(table));
    trunk
}

/// A hundred calls: a packet every 200 µs; one iteration is a packet picked, heard, and whatever is due at both ends.
fn packets(bench: &mut Criterion) {
    for (name, protect) in
        [("a packet, one path", Protect::OnSuspicion), ("a packet, two paths", Protect::Always)]
    {
        let mut now = Time::from_millis(1_000_000);
        let (mut trunk, mut ears) = (trunk(now, protect), Ears::new());
        bench.bench_function(name, |timer| {
            timer.iter(|| {
                now = now + PACE;
                let picks = black_box(&mut trunk).pick(now);
                for pick in [picks.first, picks.second].into_iter().flatten() {
                    ears.arrived(now, pick.number, pick.sequence);
                }
                if ears.deadline().is_some_and(|due| due <= now) {
                    while let Some(sent) = ears.poll(now) {
                        trunk.handle(now, Input::Report(sent.report));
                    }
                }
                if trunk.deadline().is_some_and(|due| due <= now) {
                    trunk.handle(now, Input::Tick);
                }
                while trunk.poll().is_some() {}
            });
        });
    }
    let mut now = Time::from_millis(1_000_000);
    let mut alone = trunk(now, Protect::OnSuspicion);
    bench.bench_function("pick alone", |timer| {
        timer.iter(|| {
            now = now + PACE;
            black_box(&mut alone).pick(now)
        });
    });
    bench.bench_function("deadline alone", |timer| timer.iter(|| black_box(&alone).deadline()));
}

criterion_group!(steer, packets);
criterion_main!(steer);
