//! Why a frame was dropped, and how often.

/// Why a frame is not taken, or not sent. Nothing is answered, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Too short for a frame, or too long for a slot.
    Length,
    /// Not a frame of this version.
    Version,
    /// For another worker's port: whoever sends it here took it from there.
    Port,
    /// The sender is no relay of the roster.
    Stranger,
    /// Sealed for a receiving key that was never made, or is retired.
    Key,
    /// From a lane that the sender does not have.
    Lane,
    /// This counter was seen before.
    Replayed,
    /// So far behind the newest that it cannot be told from a replay.
    Old,
    /// The seal does not fit: forged or damaged.
    Forged,
    /// Sealed by a relay of the mesh, but no frame.
    Malformed,
    /// It is not our turn, or was not the sender's.
    Turn,
    /// A relay stands twice in the way of it.
    Looped,
    /// The next hop is not known, has no key or no such port.
    Unreachable,
    /// The counter of this way is used up.
    Exhausted,
    /// The outbox is full.
    Full,
}

/// How often each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refusals([u64; Refusal::ALL.len()]);

impl Refusal {
    /// All there are, in the order of their declaration.
    pub const ALL: [Self; 15] = [
        Self::Length,
        Self::Version,
        Self::Port,
        Self::Stranger,
        Self::Key,
        Self::Lane,
        Self::Replayed,
        Self::Old,
        Self::Forged,
        Self::Malformed,
        Self::Turn,
        Self::Looped,
        Self::Unreachable,
        Self::Exhausted,
        Self::Full,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Version => "version",
            Self::Port => "port",
            Self::Stranger => "stranger",
            Self::Key => "key",
            Self::Lane => "lane",
            Self::Replayed => "replayed",
            Self::Old => "old",
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::Turn => "turn",
            Self::Looped => "looped",
            Self::Unreachable => "unreachable",
            Self::Exhausted => "exhausted",
            Self::Full => "full",
        }
    }
}

impl Refusals {
    /// One more.
    pub fn add(&mut self, refusal: Refusal) {
        self.0[refusal as usize] += 1;
    }

    /// All of another one as well.
    pub fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Each reason and its count.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.0)
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_label() {
        let mut refusals = Refusals::default();
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, place);
            (0..=place).for_each(|_| refusals.add(refusal));
        }
        let counts: Vec<u64> = refusals.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=15).collect::<Vec<u64>>());
        assert_eq!(refusals.total(), 120);
        let labels: std::collections::BTreeSet<_> =
            Refusal::ALL.iter().map(|refusal| refusal.label()).collect();
        assert_eq!(labels.len(), Refusal::ALL.len());
    }
}
