//! What paths are called here, and what the far end says of them.

use super::super::Lane;
use ringway_router::LANES_MAX;
use std::fmt;

/// A path of a trunk. The caller numbers paths, knows their relays, and never gives a number to other relays while the
/// trunk lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathId(u16);

/// A path and a lane on it, as one number in the frame. Each is counted for itself, so that a dark lane spoils no other's
/// account. Prints as path, dot, lane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathNumber(pub u16);

/// What the egress says of one path number: the body of a report frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Of which number.
    pub number: PathNumber,
    /// Up to which sequence it is settled what arrived: later ones may still overtake one another.
    pub highest: u32,
    /// How many arrived, up to `highest`. Wraps; only differences mean anything.
    pub received: u32,
    /// The sequence that arrived last.
    pub echo: u32,
    /// For how long that was held before this was said, µs.
    pub held_us: u32,
    /// See [`Flags`].
    pub flags: Flags,
}

/// The last byte of a report: bit 0 says that packets are overdue; the upper six bits count the gaps in the sequence
/// up to `highest`, modulo 64. Losses in a row are one event, and a link that loses in bursts is not taken for one that loses everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

const LANE_BITS: u32 = LANES_MAX.ilog2();
const GAPS: u8 = 64;

impl PathId {
    /// How many paths one trunk can number.
    pub const COUNT: u16 = u16::MAX >> LANE_BITS;

    /// `None`: from [`COUNT`](Self::COUNT) on there is no room for the lane in the number.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        if id < Self::COUNT { Some(Self(id)) } else { None }
    }

    /// The caller's number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl PathNumber {
    /// This lane of this path. Lanes are numbered below [`LANES_MAX`].
    #[must_use]
    pub fn new(path: PathId, lane: Lane) -> Self {
        debug_assert!(usize::from(lane.0) < LANES_MAX);
        Self(path.0 << LANE_BITS | u16::from(lane.0))
    }

    /// Which path.
    #[must_use]
    pub const fn path(self) -> PathId {
        PathId(self.0 >> LANE_BITS)
    }

    /// Which lane of it.
    #[must_use]
    pub const fn lane(self) -> Lane {
        Lane((self.0 & ((1 << LANE_BITS) - 1)).to_le_bytes()[0])
    }
}

impl fmt::Display for PathNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.path().0, self.lane().0)
    }
}

impl fmt::Debug for PathNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Flags {
    pub(super) fn new(overdue: bool, gaps: u8) -> Self {
        Self(u8::from(overdue) | (gaps % GAPS) << 2)
    }

    /// Packets are missing that should have come by now, if any were sent.
    #[must_use]
    pub const fn overdue(self) -> bool {
        self.0 & 1 == 1
    }

    /// How many gaps there were since an earlier report.
    pub(in crate::core) const fn gaps_since(self, earlier: Flags) -> u8 {
        (self.0 >> 2).wrapping_sub(earlier.0 >> 2) % GAPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_path_and_a_lane() {
        for (path, lane) in [(0, 0), (5, 3), (PathId::COUNT - 1, 7)] {
            let number = PathNumber::new(PathId::new(path).unwrap(), Lane(lane));
            assert_eq!((number.path().get(), number.lane()), (path, Lane(lane)));
        }
        assert_eq!(PathId::new(PathId::COUNT), None);
    }

    #[test]
    fn gaps_are_counted_across_the_wrap() {
        let (before, after) = (Flags::new(false, 62), Flags::new(true, 65));
        assert_eq!((after.gaps_since(before), after.overdue(), before.overdue()), (3, true, false));
    }
}
