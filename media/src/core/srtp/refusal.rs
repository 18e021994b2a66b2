//! Why a packet is not protected or not let in.

/// Why. Counted, never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Shorter than its header, its tag and what else must be there.
    #[error("too short")]
    TooShort,
    /// Not version 2, or its header is longer than the packet.
    #[error("no RTP or RTCP packet")]
    Malformed,
    /// The buffer has no room for the tag (or is shorter than the packet is said to be).
    #[error("no room for the tag")]
    NoRoom,
    /// This packet number has been used: a copy, a replay, or (when protecting) a second text under one keystream.
    #[error("replayed")]
    Replayed,
    /// It is too far behind the newest one to know whether it is a replay.
    #[error("too old")]
    TooOld,
    /// The tag does not fit.
    #[error("forged")]
    Forged,
    /// It names another master key (MKI).
    #[error("of another key")]
    UnknownKey,
    /// More synchronization sources than one key may have here. None is ever forgotten: its packet numbers would begin
    /// again under the same key.
    #[error("too many sources")]
    TooManySources,
    /// The key has protected as many packets as it may.
    #[error("key exhausted")]
    KeyExhausted,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TooShort,
        Self::Malformed,
        Self::NoRoom,
        Self::Replayed,
        Self::TooOld,
        Self::Forged,
        Self::UnknownKey,
        Self::TooManySources,
        Self::KeyExhausted,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::TooShort => "too-short",
            Self::Malformed => "malformed",
            Self::NoRoom => "no-room",
            Self::Replayed => "replayed",
            Self::TooOld => "too-old",
            Self::Forged => "forged",
            Self::UnknownKey => "unknown-key",
            Self::TooManySources => "too-many-sources",
            Self::KeyExhausted => "key-exhausted",
        }
    }
}
