//! Which sequence numbers were seen already: the window of RFC 6479, small.

/// Numbers that may come late and still count.
const WIDTH: u32 = 64;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    highest: u32,
    /// Bit n: `highest` − n was seen.
    bits: u64,
}

impl Seen {
    /// With the first number.
    #[must_use]
    pub fn new(first: u32) -> Self {
        Self { highest: first, bits: 1 }
    }

    /// Takes a number in; false when it was seen before, or is older than can be told.
    pub fn take(&mut self, sequence: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead == 0 {
            return false;
        }
        if ahead < u32::MAX / 2 {
            self.bits = if ahead < WIDTH { self.bits << ahead } else { 0 } | 1;
            self.highest = sequence;
            return true;
        }
        let behind = self.highest.wrapping_sub(sequence);
        if behind >= WIDTH || self.bits & (1 << behind) != 0 {
            return false;
        }
        self.bits |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts_once() {
        let mut seen = Seen::new(10);
        let table = [
            (10, false),
            (11, true),
            (14, true),
            (12, true),
            (12, false),
            (11, false),
            (100, true),
            (36, false), // too old to tell
            (37, true),
            (u32::MAX - 5, false),
        ];
        for (sequence, fresh) in table {
            assert_eq!(seen.take(sequence), fresh, "{sequence}");
        }
        let mut seen = Seen::new(u32::MAX);
        assert!(seen.take(0) && seen.take(1) && !seen.take(u32::MAX), "over the end");
    }
}
