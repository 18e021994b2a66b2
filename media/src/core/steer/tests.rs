//! Both ends under any sequence of inputs.

use super::*;
use crate::core::{Lane, RelayId};
use proptest::prelude::*;
use ringway_router::{Protect, Time};
use std::time::Duration;

const HERE: RelayId = RelayId(1);
const LANES: u8 = 3;

#[derive(Debug, Clone)]
enum Op {
    Packet,
    Pause {
        us: u64,
    },
    Report {
        number: u16,
        highest: u32,
        received: u32,
        echo: u32,
        held_us: u32,
        flags: u8,
    },
    /// A report that the far end could have made.
    Fair {
        number: u16,
        back: u32,
    },
    Table {
        age_us: u64,
        ranked: Vec<u16>,
        protect: u8,
    },
    Link {
        from: u32,
        to: u32,
        up: bool,
    },
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Packet),
        4 => (0_u64..60_000).prop_map(|us| Op::Pause { us }),
        1 => (0_u64..40_000_000).prop_map(|us| Op::Pause { us }),
        1 => (any::<u16>(), any::<u32>(), any::<u32>(), 0_u32..200, any::<u32>(), any::<u8>()).prop_map(
            |(number, highest, received, echo, held_us, flags)| Op::Report {
                number: number % 40, highest, received, echo, held_us, flags
            }
        ),
        3 => (0_u16..40, 0_u32..20).prop_map(|(number, back)| Op::Fair { number, back }),
        1 => (0_u64..1_000_000, proptest::collection::vec(0_u16..5, 0..5), 0_u8..3)
            .prop_map(|(age_us, ranked, protect)| Op::Table { age_us, ranked, protect }),
        1 => (1_u32..6, 1_u32..6, any::<bool>()).prop_map(|(from, to, up)| Op::Link { from, to, up }),
    ]
}

/// Path n goes over relay n + 1; path 0 is direct. All end at relay 9.
fn way(number: u16) -> Way {
    let over = (number > 0).then(|| RelayId(u32::from(number) + 1));
    Way { path: PathId::new(number).unwrap(), hops: over.into_iter().chain([RelayId(9)]).collect() }
}

fn table(made_at: Time, ranked: &[u16], protect: Protect) -> Table {
    let reactions = vec![Reaction { from: HERE, to: RelayId(9), way: way(3) }];
    let ranked: Vec<Way> = ranked.iter().map(|number| way(*number)).collect();
    Table { made_at, reactions: if ranked.is_empty() { Vec::new() } else { reactions }, ranked, protect }
}

struct Driver {
    trunk: Trunk,
    now: Time,
    sent: std::collections::BTreeMap<u16, u32>,
    listed: Vec<u16>,
}

impl Driver {
    fn new() -> Self {
        let now = Time::from_millis(1_000_000);
        Self { trunk: Trunk::new(now, HERE, LANES), now, sent: Default::default(), listed: Vec::new() }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Packet => self.packet(),
            Op::Pause { us } => {
                let end = self.now + Duration::from_micros(*us);
                while let Some(due) = self.trunk.deadline().filter(|due| *due <= end) {
                    self.now = self.now.max(due);
                    self.tick();
                }
                self.now = end;
            }
            &Op::Report { number, highest, received, echo, held_us, flags } => {
                let flags = Flags(flags);
                let number = PathNumber(number);
                self.report(Report { number, highest, received, echo, held_us, flags });
            }
            Op::Fair { number, back } => {
                let Some(sent) = self.sent.get(number) else { return };
                let echo = sent.saturating_sub(*back);
                let number = PathNumber(*number);
                let received = echo + 1;
                self.report(Report { number, highest: echo, received, echo, held_us: 0, flags: Flags(0) });
            }
            Op::Table { age_us, ranked, protect } => {
                let protect = [Protect::Never, Protect::OnSuspicion, Protect::Always][usize::from(*protect)];
                let made_at = Time::from_micros(self.now.micros() - age_us);
                self.trunk.handle(self.now, Input::Table(table(made_at, ranked, protect)));
                self.listed.extend(ranked.iter().copied().chain([3]));
            }
            Op::Link { from, to, up } => {
                let input = Input::Link { from: RelayId(*from), to: RelayId(*to), up: *up };
                self.trunk.handle(self.now, input);
            }
        }
        self.settle();
    }

    /// What is due leads to something else that is due at once, but not for ever.
    fn tick(&mut self) {
        for _ in 0..4 {
            self.trunk.handle(self.now, Input::Tick);
            self.settle();
            if self.trunk.deadline().is_none_or(|due| due > self.now) {
                return;
            }
        }
        panic!("no progress");
    }

    fn packet(&mut self) {
        let picks = self.trunk.pick(self.now);
        // Where traffic begins, everything is asked before the first packet.
        self.settle();
        let all = [picks.first, picks.second];
        assert!(picks.first.is_some() || picks.second.is_none());
        assert!(picks.first.is_none() || picks.first != picks.second, "a copy takes another place");
        for pick in all.into_iter().flatten() {
            assert!(pick.number.lane() < Lane(LANES) && self.listed.contains(&pick.path().get()));
            self.left(pick.number, pick.sequence);
        }
        self.settle();
    }

    fn report(&mut self, report: Report) {
        self.trunk.handle(self.now, Input::Report(report));
    }

    /// Each number counts for itself, without a gap.
    fn left(&mut self, number: PathNumber, sequence: u32) {
        if let Some(before) = self.sent.insert(number.0, sequence) {
            // A path that was forgotten in between begins anew.
            assert!(sequence == before + 1 || sequence == 0, "{number}: {sequence} after {before}");
        }
    }

    fn settle(&mut self) {
        while let Some(output) = self.trunk.poll() {
            match output {
                Output::SendProbe { number, sequence } => self.left(number, sequence),
                Output::Moved(moved) => assert_ne!(moved.from, moved.to),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_sequence_of_inputs_keeps_the_house_in_order(ops in proptest::collection::vec(ops(), 0..300)) {
        let mut driver = Driver::new();
        for op in &ops {
            driver.apply(op);
            driver.tick();
            prop_assert_eq!(driver.trunk.counts().outputs_dropped, 0);
        }
    }

    #[test]
    fn ears_take_anything(packets in proptest::collection::vec((0_u64..100_000, any::<u16>(), any::<u32>(), any::<bool>()), 0..300)) {
        let mut ears = Ears::new();
        let mut now = Time::from_millis(1_000);
        for (us, number, sequence, probe) in packets {
            now = now + Duration::from_micros(us);
            let number = PathNumber(number % 100);
            if probe { ears.asked(now, number, sequence) } else { ears.arrived(now, number, sequence) }
            let sent = std::iter::from_fn(|| ears.poll(now)).count();
            prop_assert!(sent <= 64 * 8);
            prop_assert!(ears.deadline().is_none_or(|due| due > now));
        }
    }
}

#[test]
fn without_a_table_nothing_passes() {
    let mut trunk = Trunk::new(Time::from_millis(1), HERE, LANES);
    assert_eq!(trunk.pick(Time::from_millis(2)), Picks::default());
    assert_eq!(trunk.poll(), None);
}

#[test]
fn useless_reports_are_counted_by_reason() {
    let now = Time::from_millis(1_000);
    let mut trunk = Trunk::new(now, HERE, LANES);
    trunk.handle(now, Input::Table(table(now, &[0, 1], Protect::Never)));
    let first = trunk.pick(now).first.unwrap();
    let number = first.number;
    let fair = Report { number, highest: 0, received: 1, echo: first.sequence, held_us: 0, flags: Flags(0) };
    for report in [fair, Report { number: PathNumber(999), ..fair }, Report { echo: 77, ..fair }] {
        trunk.handle(now + Duration::from_millis(64), Input::Report(report));
    }
    let counts = trunk.counts();
    assert_eq!((counts.reports, counts.reports_unknown, counts.reports_never_sent), (1, 1, 1));
    assert_eq!(trunk.rtt(number), Some(Duration::from_millis(64)));
}
