//! A master key with its salt, as SDP carries it, from which the keys of a session are derived.

use super::Suite;
use std::fmt;

/// Bytes of the longest master key with its salt.
pub const MASTER_MAX: usize = 46;

/// Bytes of chance for one master key; how many are used depends on the suite.
pub type Chance = [u8; MASTER_MAX];

/// A master key with its salt. It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Master {
    suite: Suite,
    bytes: Chance,
    /// The name of the key on each packet, when it has one.
    pub mki: Option<Mki>,
    /// How many packets it may protect, when SDP says so; else as many as RFC 3711 §9.2 allows: 2^48 RTP, 2^31 RTCP.
    pub lifetime: Option<u64>,
}

/// A master key identifier (RFC 3711 §3.1): a number written in so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mki {
    value: u64,
    bytes: u8,
}

/// Bytes of the longest MKI (RFC 4568 §6.1).
pub(super) const MKI_MAX: u8 = 128;

impl Master {
    /// The key and the salt in this order, as many bytes of `chance` as the suite takes.
    #[must_use]
    pub fn new(suite: Suite, chance: &Chance) -> Self {
        let mut bytes = [0; MASTER_MAX];
        let used = Self::bytes_of(suite);
        bytes[..used].copy_from_slice(&chance[..used]);
        Self { suite, bytes, mki: None, lifetime: None }
    }

    /// Bytes of key and salt.
    pub(super) fn bytes_of(suite: Suite) -> usize {
        suite.key_bytes() + suite.salt_bytes()
    }

    /// What it is used with.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt together.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..Self::bytes_of(self.suite)]
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_bytes()]
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.bytes()[self.suite.key_bytes()..]
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, bytes: _, mki, lifetime } = self;
        f.debug_struct("Master")
            .field("suite", suite)
            .field("mki", mki)
            .field("lifetime", lifetime)
            .finish_non_exhaustive()
    }
}

impl Mki {
    /// `value` in `bytes` bytes, 1 to 128; none if it does not fit.
    #[must_use]
    pub fn new(value: u64, bytes: u8) -> Option<Self> {
        let fits = bytes >= 8 || value >> (8 * u32::from(bytes)) == 0;
        (fits && (1..=MKI_MAX).contains(&bytes)).then_some(Self { value, bytes })
    }

    pub(super) fn value(self) -> u64 {
        self.value
    }

    pub(super) fn bytes(self) -> usize {
        usize::from(self.bytes)
    }

    /// Writes it over all of `field`, which is as long as it.
    pub(super) fn write(self, field: &mut [u8]) {
        field.fill(0);
        for (to, from) in field.iter_mut().rev().zip(self.value.to_le_bytes()) {
            *to = from;
        }
    }

    /// Whether that is what `field` says.
    pub(super) fn is(self, field: &[u8]) -> bool {
        let digits = self.value.to_le_bytes().into_iter().chain(std::iter::repeat(0));
        field.iter().rev().zip(digits).all(|(is, should)| *is == should)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mki_is_written_in_its_bytes() {
        for (value, bytes, on_wire) in [
            (1, 4, Some(vec![0, 0, 0, 1])),
            (255, 1, Some(vec![255])),
            (256, 1, None),
            (1, 0, None),
            (1, 129, None),
            (u64::MAX, 8, Some(vec![255; 8])),
            (0x0102, 10, Some(vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 2])),
        ] {
            let mki = Mki::new(value, bytes);
            let written = mki.map(|mki| {
                let mut field = vec![7; mki.bytes()];
                mki.write(&mut field);
                assert!(mki.is(&field));
                field[0] ^= 1;
                assert!(!mki.is(&field));
                field[0] ^= 1;
                field
            });
            assert_eq!(written, on_wire, "{value}:{bytes}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", Master::new(Suite::AeadAes128Gcm, &[0x5a; MASTER_MAX]));
        assert!(shown.contains("AeadAes128Gcm") && !shown.contains("90") && !shown.contains("5a"), "{shown}");
    }
}
