//! The packet numbers of one source: the highest one, and which of those behind it were used.

use super::Refusal;

/// How many numbers behind the highest one are remembered. RFC 3711 §3.3.2 asks for 64 at least; jitter of a second at 100
/// packets a second still fits.
pub(super) const WINDOW: u64 = 128;

/// The highest number of an RTP packet: rollover counter and sequence number, 32 and 16 bits.
const RTP_INDEX_MAX: u64 = (1 << 48) - 1;

/// All sequence numbers.
const TURN: u64 = 1 << 16;

/// See the module. Bit n of `seen`: the number n below `highest` was used; nothing was when it is 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// The source. It stands here so that an entry of the table fills half a cache line.
    pub(super) source: u32,
    highest: u64,
    seen: u128,
}

impl Window {
    /// Nothing was used.
    pub(super) fn of(source: u32) -> Self {
        Self { source, highest: 0, seen: 0 }
    }

    /// Nothing was used with the key that comes now; the highest number still tells where the source is.
    pub(super) fn forget(&mut self) {
        self.seen = 0;
    }

    /// The whole number of an RTP packet whose lower 16 bits are `sequence`: the one that is nearest to the highest.
    pub(super) fn nearest(&self, sequence: u16) -> Result<u64, Refusal> {
        let sequence = u64::from(sequence);
        if self.is_new() {
            // RFC 3711 §3.3.1: the rollover counter begins at zero.
            return Ok(sequence);
        }
        let (turn, last) = (self.highest & !0xffff, self.highest & 0xffff);
        // RFC 3711 §3.3.1, appendix A: half the numbers lie ahead, half behind.
        let turn = if sequence > last + 0x8000 {
            turn.checked_sub(TURN).ok_or(Refusal::TooOld)?
        } else if last > sequence + 0x8000 {
            turn + TURN
        } else {
            turn
        };
        // RFC 3711 §9.2: all numbers are used up.
        if turn > RTP_INDEX_MAX { Err(Refusal::KeyExhausted) } else { Ok(turn | sequence) }
    }

    /// What else the number may be, as long as nothing has come with this key. Of a new source the first packets may have
    /// been lost, before a turn; and many who change the key begin with a rollover counter of zero again.
    pub(super) fn otherwise(&self, sequence: u16) -> Option<u64> {
        match (self.seen, self.is_new()) {
            (0, true) => (sequence < 0x8000).then_some(TURN + u64::from(sequence)),
            (0, false) => (self.highest >= TURN).then_some(u64::from(sequence)),
            (_, _) => None,
        }
    }

    fn is_new(&self) -> bool {
        self.seen == 0 && self.highest == 0
    }

    /// Whether the number may still be used.
    pub(super) fn check(&self, index: u64) -> Result<(), Refusal> {
        let Some(behind) = self.highest.checked_sub(index).filter(|_| self.seen != 0) else {
            return Ok(());
        };
        if behind >= WINDOW {
            Err(Refusal::TooOld)
        } else if self.seen >> behind & 1 == 1 {
            Err(Refusal::Replayed)
        } else {
            Ok(())
        }
    }

    /// It was used.
    pub(super) fn mark(&mut self, index: u64) {
        if self.seen == 0 || index > self.highest {
            let ahead = u32::try_from(index - self.highest.min(index)).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = index;
        } else if self.highest - index < WINDOW {
            self.seen |= 1 << (self.highest - index);
        }
    }

    /// A window whose highest number is this one.
    #[cfg(test)]
    pub(super) fn at(source: u32, index: u64) -> Self {
        Self { source, highest: index, seen: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_number_is_taken_around_a_turn() {
        // Highest so far, sequence that comes, whole number that is meant.
        let table: [(u64, u16, Result<u64, Refusal>); 13] = [
            (0x0000_fffe, 0xffff, Ok(0x0000_ffff)),
            (0x0000_ffff, 0x0000, Ok(0x0001_0000)),
            (0x0001_0000, 0xffff, Ok(0x0000_ffff)),
            (0x0001_0003, 0xfff0, Ok(0x0000_fff0)),
            (0x0000_fff0, 0x7fef, Ok(0x0001_7fef)),
            // 2^15 behind or ahead is undecided, and RFC 3711 stays in the same turn.
            (0x0000_fff0, 0x7ff0, Ok(0x0000_7ff0)),
            (0x0001_0010, 0x8010, Ok(0x0001_8010)),
            (0x0001_0010, 0x8011, Ok(0x0000_8011)),
            (0x0001_7fff, 0xffff, Ok(0x0001_ffff)),
            (0x0001_8000, 0x0000, Ok(0x0001_0000)),
            (0x0000_0001, 0xffff, Err(Refusal::TooOld)),
            (0xffff_ffff_fffe, 0xffff, Ok(0xffff_ffff_ffff)),
            (0xffff_ffff_ffff, 0x0000, Err(Refusal::KeyExhausted)),
        ];
        for (highest, sequence, meant) in table {
            assert_eq!(Window::at(1, highest).nearest(sequence), meant, "{highest:x} {sequence:x}");
        }
        assert_eq!(Window::of(1).nearest(0xffff), Ok(0xffff));
    }

    #[test]
    fn what_was_used_or_is_too_far_behind_may_not_be_used() {
        let mut window = Window::of(1);
        assert_eq!(window.check(0), Ok(()));
        window.mark(1_000);
        window.mark(1_005);
        window.mark(1_002);
        for (index, verdict) in [
            (1_006, Ok(())),
            (1_005, Err(Refusal::Replayed)),
            (1_004, Ok(())),
            (1_002, Err(Refusal::Replayed)),
            (1_000, Err(Refusal::Replayed)),
            (1_005 - WINDOW + 1, Ok(())),
            (1_005 - WINDOW, Err(Refusal::TooOld)),
            (0, Err(Refusal::TooOld)),
        ] {
            assert_eq!(window.check(index), verdict, "{index}");
        }
        // Exactly one window on, the old highest falls out; one less, it is still known.
        window.mark(1_005 + WINDOW - 1);
        assert_eq!(window.check(1_005), Err(Refusal::Replayed));
        window.mark(1_005 + WINDOW);
        assert_eq!(window.check(1_005), Err(Refusal::TooOld));
        window.mark(1_005 + (1 << 40));
        assert_eq!(window.check(1_004 + (1 << 40)), Ok(()));
        assert_eq!(window.check(1_005 + (1 << 40)), Err(Refusal::Replayed));
    }
}
