//! The client of RFC 7339: what the next hop has told, and which requests that hop is spared.

use super::{
    priority::Priority,
    spread::Spread,
    wire::{Order, Sequence},
};
use std::time::Instant;

/// Requests over which the mix of new and begun ones is taken.
const MIX_OVER: f64 = 64.0;

/// What one hop has told.
///
/// ```text
///            an order of more than 0
///   Nothing ------------------------> Share <--+ a newer order
///      ^                               |  +----+
///      +-------------------------------+
///        its time is over, 0, or no validity
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The share to spare it, 0 to 1, and until when.
    share: Option<(f64, Instant)>,
    latest: Option<Sequence>,
    /// How much of what is offered is new, 0 to 1.
    mix: f64,
    new: Spread,
    begun: Spread,
}

impl Default for Told {
    fn default() -> Self {
        Self { share: None, latest: None, mix: 1.0, new: Spread::default(), begun: Spread::default() }
    }
}

impl Told {
    /// Takes an order. False: it is older than the one that holds, and ignored (RFC 7339 §4.4).
    pub(crate) fn hear(&mut self, now: Instant, order: Order) -> bool {
        if order.sequence.is_some() && order.sequence < self.latest {
            return false;
        }
        self.latest = order.sequence.or(self.latest);
        let asks = order.percent > 0 && !order.validity.is_zero();
        self.share = asks.then(|| (f64::from(order.percent) / 100.0, now + order.validity));
        true
    }

    /// The share that holds now, 0 to 1.
    pub(crate) fn share(&self, now: Instant) -> f64 {
        self.share.filter(|(_, until)| now < *until).map_or(0.0, |(share, _)| share)
    }

    /// Whether the hop is spared this request. RFC 7339 §6.3: the share is of all requests, but new ones bear it
    /// as far as they can.
    pub(crate) fn spares(&mut self, now: Instant, priority: Priority) -> bool {
        let is_new = f64::from(u8::from(priority == Priority::New));
        self.mix += (is_new - self.mix) / MIX_OVER;
        let share = self.share(now);
        if share <= 0.0 {
            return false;
        }
        match priority {
            Priority::New => self.new.takes(share / self.mix.max(share)),
            Priority::Begun if share <= self.mix => false,
            Priority::Begun => self.begun.takes((share - self.mix) / (1.0 - self.mix)),
            // All else is spared when it wants nothing at all.
            Priority::Emergency => share >= 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn order(percent: u8, validity_ms: u64, seconds: u64) -> Order {
        let sequence = Some(Sequence { seconds, fraction: 0 });
        Order { percent, validity: Duration::from_millis(validity_ms), sequence }
    }

    #[test]
    fn every_pair_of_state_and_input() {
        let now = origin();
        let later = |ms| now + Duration::from_millis(ms);
        let nothing = Told::default;
        let share = || {
            let mut told = Told::default();
            assert!(told.hear(now, order(40, 500, 5)));
            told
        };
        // State, input, whether it is taken, the share half a second later less a bit, and after that half second.
        let rows: [(Told, Option<Order>, bool, f64, f64); 9] = [
            (nothing(), None, true, 0.0, 0.0),
            (nothing(), Some(order(20, 500, 1)), true, 0.2, 0.0),
            (nothing(), Some(order(0, 500, 1)), true, 0.0, 0.0),
            (share(), None, true, 0.4, 0.0),
            (share(), Some(order(60, 600, 6)), true, 0.6, 0.6),
            (share(), Some(order(60, 600, 5)), true, 0.6, 0.6),
            (share(), Some(order(60, 600, 4)), false, 0.4, 0.0),
            (share(), Some(order(0, 500, 6)), true, 0.0, 0.0),
            (share(), Some(order(60, 0, 6)), true, 0.0, 0.0),
        ];
        for (row, (mut told, input, taken, before, after)) in rows.into_iter().enumerate() {
            assert_eq!(input.is_none_or(|order| told.hear(now, order)), taken, "row {row}");
            let found = [told.share(later(499)), told.share(later(500))];
            assert_eq!(
                found.map(|share| (share * 100.0).round()),
                [before, after].map(|s| s * 100.0),
                "row {row}"
            );
        }
    }

    /// How many of 1,000 new, begun and emergency requests, `new` in ten of them new, are spared.
    fn spared(percent: u8, new: usize) -> [usize; 3] {
        let now = origin();
        let mut told = Told::default();
        let mut spared = [0; 3];
        let kind = |n: usize| if n % 100 == 99 { 2 } else { usize::from(n % 10 >= new) };
        let priority = |n| [Priority::New, Priority::Begun, Priority::Emergency][kind(n)];
        for n in 0..500 {
            told.spares(now, priority(n));
        }
        told.hear(now, order(percent, 1_000, 1));
        for n in 0..1_000 {
            spared[kind(n)] += usize::from(told.spares(now, priority(n)));
        }
        spared
    }

    #[test]
    fn new_requests_bear_all_that_they_can() {
        let [new, begun, emergency] = spared(30, 5);
        assert!((270..=330).contains(&new) && begun == 0 && emergency == 0, "{new} {begun}");
        let [new, begun, emergency] = spared(80, 5);
        assert!(new >= 490 && (250..=340).contains(&begun) && emergency == 0, "{new} {begun}");
        assert_eq!(spared(100, 5), [500, 490, 10]);
        assert_eq!(spared(0, 5), [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn the_share_is_one_whatever_is_told(orders in prop::collection::vec((0_u8..=100, 0_u64..90_000, 0_u64..9), 0..20)) {
            let (now, mut told) = (origin(), Told::default());
            for (percent, validity_ms, seconds) in orders {
                told.hear(now, order(percent, validity_ms, seconds));
                prop_assert!((0.0..=1.0).contains(&told.share(now)));
                told.spares(now, Priority::Begun);
                prop_assert!((0.0..=1.0).contains(&told.mix));
            }
        }
    }
}
