//! A hash that is the same on every node and in every version: FNV-1a of 64 bits, and a last mixing so that the XOR
//! of many does not cancel. It finds differences between friends, and keeps no secret.

/// A hash in the making.
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// The offset basis of FNV-1a.
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes a text with its length, so that neighbors do not run into each other.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// Takes a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// The hash, mixed as SplitMix64 does.
    pub(crate) fn finish(self) -> u64 {
        let hash = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
