//! Which counters were seen: a bit for each of the newest 1,024, in a ring (after RFC 6479), and which of the rest never
//! came.

/// How far behind the newest a counter may come and still be told from a replay.
pub(in crate::core) const WIDTH: u64 = 1_024;
const WORDS: usize = 16;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(in crate::core) struct Window {
    /// One more than the newest; 0: nothing was seen.
    end: u64,
    /// Bit `counter % WIDTH`, for `end - WIDTH <= counter < end`.
    bits: [u64; WORDS],
}

/// What the window says of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core) enum Look {
    Fresh,
    Seen,
    /// Too far behind to tell.
    Behind,
}

/// Counters of a range that did not come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) counters: u64,
    /// How many runs they make. One that goes on from before the range is not counted again.
    pub(super) runs: u64,
}

impl Window {
    pub(in crate::core) const EMPTY: Self = Self { end: 0, bits: [0; WORDS] };

    /// One more than the newest that was seen.
    pub(in crate::core) fn end(&self) -> u64 {
        self.end
    }

    /// The oldest that it can tell of.
    pub(super) fn start(&self) -> u64 {
        self.end.saturating_sub(WIDTH)
    }

    /// Whether a counter may be taken. The last number of all is never sent.
    pub(in crate::core) fn look(&self, counter: u64) -> Look {
        if counter >= self.end {
            return if counter == u64::MAX { Look::Behind } else { Look::Fresh };
        }
        if counter < self.start() {
            return Look::Behind;
        }
        let (word, bit) = place(counter);
        if self.bits[word] & bit == 0 { Look::Fresh } else { Look::Seen }
    }

    /// Takes in a counter that is fresh.
    pub(in crate::core) fn set(&mut self, counter: u64) {
        if counter >= self.end {
            self.clear(self.end, counter + 1);
            self.end = counter + 1;
        }
        let (word, bit) = place(counter);
        self.bits[word] |= bit;
    }

    /// What is missing from `from` to before `to`, both inside the window; `within` says whether the counter before `from`
    /// is missing, too, and then whether the last one is.
    pub(super) fn missing(&self, from: u64, to: u64, within: &mut bool) -> Missing {
        let mut missing = Missing::default();
        for (word, mask) in words(from, to) {
            let absent = !self.bits[word] & mask;
            let first = mask & mask.wrapping_neg();
            // A run begins where the one before is there. Before the first of this word, that is what the last word said.
            let before = (absent << 1) | if *within { first } else { 0 };
            missing.counters += u64::from(absent.count_ones());
            missing.runs += u64::from((absent & !before).count_ones());
            let last = 1 << (63 - mask.leading_zeros());
            *within = absent & last != 0;
        }
        missing
    }

    fn clear(&mut self, from: u64, to: u64) {
        if to - from >= WIDTH {
            self.bits = [0; WORDS];
            return;
        }
        for (word, mask) in words(from, to) {
            self.bits[word] &= !mask;
        }
    }
}

fn place(counter: u64) -> (usize, u64) {
    let word = (counter / 64) % (WIDTH / 64);
    (usize::try_from(word).unwrap_or(0), 1 << (counter % 64))
}

/// The words of a range of counters, and which bits of them belong to it.
fn words(from: u64, to: u64) -> impl Iterator<Item = (usize, u64)> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let (word, _) = place(at);
        let skip = at % 64;
        let count = (64 - skip).min(to - at);
        at += count;
        Some((word, (u64::MAX >> (64 - count)) << skip))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_counter_is_fresh_once_and_none_beyond_the_width() {
        let mut window = Window::EMPTY;
        let table = [
            (5_000, Look::Fresh),
            (5_000, Look::Seen),
            (5_001, Look::Fresh),
            (3_978, Look::Fresh), // 1,023 behind the newest
            (3_977, Look::Behind),
            (3_978, Look::Seen),
            (6_024, Look::Fresh),
            (5_001, Look::Seen), // the edge
            (5_000, Look::Behind),
            (5_002, Look::Fresh),
            (u64::MAX, Look::Behind), // never sent
            (u64::MAX - 1, Look::Fresh),
            (6_024, Look::Behind),
        ];
        for (counter, expected) in table {
            assert_eq!(window.look(counter), expected, "{counter}");
            if expected == Look::Fresh {
                window.set(counter);
            }
        }
    }

    proptest! {
        /// Against a set of numbers that forgets nothing.
        #[test]
        fn it_says_what_a_set_says(steps in prop::collection::vec((-1_100_i64..1_200, any::<bool>()), 1..200)) {
            let (mut window, mut set, mut newest) = (Window::EMPTY, BTreeSet::new(), 3_000_u64);
            for (step, far) in steps {
                let counter = newest.saturating_add_signed(if far { step } else { step / 100 });
                let behind = set.last().is_some_and(|last| counter + WIDTH <= *last);
                let expected = match (behind, set.contains(&counter)) {
                    (true, _) => Look::Behind,
                    (false, true) => Look::Seen,
                    (false, false) => Look::Fresh,
                };
                prop_assert_eq!(window.look(counter), expected);
                if expected == Look::Fresh {
                    window.set(counter);
                    set.insert(counter);
                    newest = newest.max(counter);
                }
                let (from, to) = (window.start(), window.end());
                let absent: Vec<u64> = (from..to).filter(|counter| !set.contains(counter)).collect();
                let runs = absent.iter().filter(|at| **at == from || set.contains(&(**at - 1))).count() as u64;
                let mut within = false;
                let middle = from.midpoint(to);
                let (one, other) =
                    (window.missing(from, middle, &mut within), window.missing(middle, to, &mut within));
                prop_assert_eq!(one.counters + other.counters, absent.len() as u64);
                prop_assert_eq!(one.runs + other.runs, runs, "a run over the middle is one");
                prop_assert!(!within, "the newest came");
            }
        }
    }
}
