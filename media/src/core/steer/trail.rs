//! When each packet of one path number left: enough to know it again when the far end echoes it, without a mark for each.

use ringway_router::Time;
use std::time::Duration;

/// Marks that are kept…
const MARKS: usize = 128;
/// … at least so far apart: together more than half a second, which no round trip between regions takes.
const APART: Duration = Duration::from_millis(4);

/// The sequence numbers of one path number, and when they were used. Between two marks packets are taken to have left
/// evenly.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    marks: Box<[Mark; MARKS]>,
    /// How many were ever made.
    made: usize,
    next: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    sequence: u32,
    at: Time,
    /// When the last of its packets left: after it there may have been a pause.
    until: Time,
}

impl Trail {
    pub(super) fn new() -> Self {
        Self { marks: Box::new([Mark::default(); MARKS]), made: 0, next: 0 }
    }

    /// A packet leaves: its sequence.
    pub(super) fn leave(&mut self, now: Time) -> u32 {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        if self.made == 0 || now.since(self.mark(self.made - 1).at) >= APART {
            self.marks[self.made % MARKS] = Mark { sequence, at: now, until: now };
            self.made += 1;
        } else {
            self.marks[(self.made - 1) % MARKS].until = now;
        }
        sequence
    }

    /// How many packets left after this one; `None`: it never left, or so long ago that it does not matter.
    pub(super) fn after(&self, sequence: u32) -> Option<u32> {
        let behind = self.next.wrapping_sub(sequence);
        let oldest = self.made.saturating_sub(MARKS);
        let known = self.made > 0 && behind <= self.next.wrapping_sub(self.mark(oldest).sequence);
        (behind > 0 && known).then(|| behind - 1)
    }

    /// When it left; `None` as above.
    pub(super) fn left_at(&self, sequence: u32) -> Option<Time> {
        self.after(sequence)?;
        let at = self.place(|mark| sequence.wrapping_sub(mark.sequence).cast_signed() >= 0)?;
        let mark = self.mark(at);
        let part = sequence.wrapping_sub(mark.sequence);
        Some(mark.at + mark.until.since(mark.at) * part / self.last_of(at).wrapping_sub(mark.sequence).max(1))
    }

    /// How many packets had left by `at`, after this one.
    pub(super) fn after_by(&self, sequence: u32, at: Time) -> u32 {
        let Some(all) = self.after(sequence) else { return 0 };
        let Some(place) = self.place(|mark| mark.at <= at) else { return 0 };
        let mark = self.mark(place);
        let whole = mark.until.since(mark.at).as_micros().max(1);
        let part = at.since(mark.at).as_micros().min(whole);
        let between = u128::from(self.last_of(place).wrapping_sub(mark.sequence)) * part / whole;
        let by = mark.sequence.wrapping_add(u32::try_from(between).unwrap_or(0));
        let count = by.wrapping_sub(sequence).cast_signed();
        u32::try_from(count.max(0)).unwrap_or(0).min(all)
    }

    fn mark(&self, at: usize) -> Mark {
        self.marks[at % MARKS]
    }

    /// The last packet of a mark.
    fn last_of(&self, at: usize) -> u32 {
        let after = if at + 1 < self.made { self.mark(at + 1).sequence } else { self.next };
        after.wrapping_sub(1)
    }

    /// The newest mark for which this holds; it holds for all older ones.
    fn place(&self, holds: impl Fn(Mark) -> bool) -> Option<usize> {
        let (mut low, mut high) = (self.made.saturating_sub(MARKS), self.made);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.mark(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let oldest = self.made.saturating_sub(MARKS);
        (low > oldest).then(|| low - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: u64) -> Time {
        Time::from_micros(1_000_000 + us)
    }

    #[test]
    fn each_packet_of_one_call_is_known_to_the_microsecond() {
        let mut trail = Trail::new();
        for n in 0..1_000_u32 {
            assert_eq!(trail.leave(us(u64::from(n) * 20_000)), n);
        }
        for n in 900..1_000 {
            assert_eq!(trail.left_at(n), Some(us(u64::from(n) * 20_000)));
        }
        assert_eq!(trail.left_at(1_000), None, "never sent");
        assert_eq!(trail.left_at(800), None, "too long ago");
        assert_eq!(trail.after(999), Some(0));
        assert_eq!(trail.after_by(990, us(992 * 20_000 + 1)), 2);
        assert_eq!(trail.after_by(990, us(990 * 20_000 + 1)), 0);
    }

    #[test]
    fn those_of_many_calls_within_half_a_millisecond_for_half_a_second() {
        let mut trail = Trail::new();
        for n in 0..50_000_u64 {
            trail.leave(us(n * 20));
        }
        for back in (1..25_000_u64).step_by(37) {
            let n = 50_000 - back;
            let at = trail.left_at(u32::try_from(n).unwrap()).unwrap();
            assert!(at.micros().abs_diff(us(n * 20).micros()) < 500, "{back}");
            let by = trail.after_by(u32::try_from(n).unwrap(), us(n * 20 + 2_000));
            assert!(by.abs_diff(100.min(u32::try_from(back - 1).unwrap())) < 10, "{by} of {back}");
        }
    }

    #[test]
    fn a_pause_is_no_even_pace() {
        let mut trail = Trail::new();
        for at in [0, 1_000, 2_000, 5_000_000] {
            trail.leave(us(at));
        }
        assert_eq!(trail.left_at(2), Some(us(2_000)));
        assert_eq!(trail.after_by(0, us(4_000_000)), 2);
    }

    #[test]
    fn the_sequence_wraps() {
        let mut trail = Trail::new();
        trail.next = u32::MAX - 5;
        for n in 0..20 {
            trail.leave(us(n * 20_000));
        }
        assert_eq!(trail.left_at(3), Some(us(9 * 20_000)));
        assert_eq!((trail.after(u32::MAX), trail.after_by(u32::MAX, us(9 * 20_000))), (Some(14), 4));
    }
}
