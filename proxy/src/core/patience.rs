//! How long to wait for the first word of the next proxy before the same request goes over another path as well, and
//! how many such copies may go out: the hedge of DESIGN §4.

use ringway_router::Region;
use std::{collections::HashMap, time::Duration};

/// First-answer delays that are remembered of one region: its last hundred hops or so, enough for a 95th percentile.
const SAMPLES: usize = 96;
/// Fewer say nothing about the slowest twentieth; the measured delay of the path stands in for them.
const SAMPLES_MIN: usize = 20;
/// Beyond the 95th percentile, for the time that the next proxy takes: this, and an eighth of the percentile.
const MARGIN: Duration = Duration::from_millis(20);
/// A path with this much measured loss gets no time at all: its copy goes out together with the first.
const LOSSY: f64 = 0.02;
/// Copies in hand at the start and at most: those of one second of 1,000 calls/s into a path that has just died.
const BUDGET_MAX: u32 = 1_000 * COPY;
/// What a copy costs, in the units that a request brings in: in the long run one request in ten may have a copy, so
/// that a slow *server*, to which every path leads, gets a tenth more work at the worst and not twice as much.
const COPY: u32 = 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Patience {
    delays: HashMap<Region, Delays>,
    budget: u32,
}

/// The latest first-answer delays of one region, in microseconds.
#[derive(Debug)]
struct Delays {
    ring: [u32; SAMPLES],
    count: usize,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { delays: HashMap::new(), budget: BUDGET_MAX }
    }

    /// A proxy of `region` gave its first answer after `delay`.
    pub(super) fn learn(&mut self, region: &Region, delay: Duration) {
        let micros = u32::try_from(delay.as_micros()).unwrap_or(u32::MAX);
        match self.delays.get_mut(region) {
            Some(delays) => delays.note(micros),
            None => {
                let mut delays = Delays { ring: [0; SAMPLES], count: 0 };
                delays.note(micros);
                self.delays.insert(region.clone(), delays);
            }
        }
    }

    /// How long an INVITE to a proxy of `region` may be without an answer. `round_trip`: what is measured of the way
    /// there, for as long as SIP itself has shown too little.
    pub(super) fn of(&self, region: &Region, round_trip: Option<Duration>, longest: Duration) -> Duration {
        let seen = self.delays.get(region).and_then(Delays::p95);
        seen.or(round_trip).map_or(longest, |delay| (delay + delay / 8 + MARGIN).min(longest))
    }

    /// A request went out: it pays for a tenth of a copy.
    pub(super) fn pay(&mut self) {
        self.budget = (self.budget + 1).min(BUDGET_MAX);
    }

    /// Whether one more copy may go out because an answer is late.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.budget.checked_sub(COPY);
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }
}

/// Whether a path loses so much that a copy goes out at once. That is the network's doing, so no budget bounds it.
pub(super) fn is_lossy(loss: f64) -> bool {
    loss >= LOSSY
}

impl Delays {
    fn note(&mut self, micros: u32) {
        self.ring[self.count % SAMPLES] = micros;
        self.count += 1;
    }

    fn p95(&self) -> Option<Duration> {
        let known = self.count.min(SAMPLES);
        if known < SAMPLES_MIN {
            return None;
        }
        let mut sorted = self.ring;
        let (_, p95, _) = sorted[..known].select_nth_unstable(known * 95 / 100);
        Some(Duration::from_micros(u64::from(*p95)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(750);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_measured_round_trip_until_sip_has_shown_enough() {
        let region: Region = "us-east-1".parse().unwrap();
        let mut patience = Patience::new();
        assert_eq!(patience.of(&region, None, LONGEST), LONGEST);
        assert_eq!(patience.of(&region, Some(ms(64)), LONGEST), ms(92));
        assert_eq!(patience.of(&region, Some(ms(5_000)), LONGEST), LONGEST);
        for n in 1..SAMPLES_MIN as u64 {
            patience.learn(&region, ms(n));
        }
        assert_eq!(patience.of(&region, Some(ms(64)), LONGEST), ms(92));
        patience.learn(&region, ms(40));
        assert_eq!(patience.of(&region, Some(ms(64)), LONGEST), ms(65), "the slowest of twenty");
    }

    #[test]
    fn old_delays_are_forgotten() {
        let region: Region = "us-east-1".parse().unwrap();
        let mut patience = Patience::new();
        for delay in [80, 16] {
            for _ in 0..SAMPLES {
                patience.learn(&region, ms(delay));
            }
        }
        assert_eq!(patience.of(&region, None, LONGEST), ms(38));
    }

    #[test]
    fn a_burst_of_copies_and_then_one_request_in_ten() {
        let mut patience = Patience::new();
        assert_eq!(std::iter::repeat_with(|| patience.spend()).take_while(|had| *had).count(), 1_000);
        let copies = |patience: &mut Patience| {
            let late = |_: &i32| {
                patience.pay();
                patience.spend()
            };
            (0..1_000).filter(late).count()
        };
        assert_eq!(copies(&mut patience), 100);
    }
}
