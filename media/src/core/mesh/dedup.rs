//! Copies of a packet are dropped by its number in the stream: the first one counts.

use crate::core::tunnel::window::{Look, Window};

/// The newest 1,024 numbers of one stream. What is older cannot be told from a copy and is late for any phone: 20 s, at 50
/// packets a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dedup {
    window: Window,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Fresh,
    Copy,
    Late,
}

impl Dedup {
    pub(super) const NEW: Self = Self { window: Window::EMPTY };

    /// Takes in a number. Numbers wrap; the window counts on.
    pub(super) fn take(&mut self, number: u32) -> Fate {
        let counter = match self.window.end().checked_sub(1) {
            // One round up, so that there are numbers before the first that comes.
            None => (1 << 32) | u64::from(number),
            Some(newest) => {
                let [.., a, b, c, d] = newest.to_be_bytes();
                let ahead = number.wrapping_sub(u32::from_be_bytes([a, b, c, d])).cast_signed();
                newest.saturating_add_signed(i64::from(ahead))
            }
        };
        match self.window.look(counter) {
            Look::Fresh => {
                self.window.set(counter);
                Fate::Fresh
            }
            Look::Seen => Fate::Copy,
            Look::Behind => Fate::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_each_number_counts_also_over_the_end_of_numbers() {
        let mut dedup = Dedup::NEW;
        let table = [
            (u32::MAX - 1, Fate::Fresh),
            (u32::MAX - 3, Fate::Fresh), // overtaken by the very first
            (u32::MAX - 1, Fate::Copy),
            (0, Fate::Fresh),
            (u32::MAX, Fate::Fresh),
            (0, Fate::Copy),
            (1_020, Fate::Fresh),
            (u32::MAX - 3, Fate::Late),
            (u32::MAX - 2, Fate::Fresh),
            (u32::MAX - 2, Fate::Copy),
            (50_000_000, Fate::Fresh), // began anew, much later
            (1_021, Fate::Late),
        ];
        for (number, expected) in table {
            assert_eq!(dedup.take(number), expected, "{number}");
        }
    }

    proptest! {
        /// Two copies of each packet, either of which may be lost, and up to half a window apart: each packet that came
        /// at all counts once.
        #[test]
        fn of_two_copies_one_counts(
            first: u32, lost in prop::collection::vec((any::<bool>(), any::<bool>(), 0..500_u32), 1..2_000),
        ) {
            let mut arrivals = Vec::new();
            for (n, (one, other, skew)) in (0_u32..).zip(&lost) {
                let came = [(*one, 0), (*other, *skew)].into_iter().filter(|(lost, _)| !lost);
                arrivals.extend(came.map(|(_, skew)| (n + skew, n)));
            }
            arrivals.sort_by_key(|(at, _)| *at);
            let mut dedup = Dedup::NEW;
            let mut counted = vec![0; lost.len()];
            for (_, n) in arrivals {
                if dedup.take(first.wrapping_add(n)) == Fate::Fresh {
                    counted[n as usize] += 1;
                }
            }
            let expected: Vec<i32> = lost.iter().map(|(one, other, _)| i32::from(!(*one && *other))).collect();
            prop_assert_eq!(counted, expected);
        }
    }
}
