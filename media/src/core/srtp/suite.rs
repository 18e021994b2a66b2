//! The suites that are spoken: how a packet is encrypted and authenticated, and with keys of what length.

/// A crypto suite, as SDP names it (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits: what every phone speaks.
    AesCm128HmacSha1_80,
    /// The same, cut to 32 bits for RTP; RTCP keeps 80.
    AesCm128HmacSha1_32,
    /// AES-256 in counter mode, HMAC-SHA1 cut to 80 bits.
    AesCm256HmacSha1_80,
    /// The same, cut to 32 bits for RTP; RTCP keeps 80.
    AesCm256HmacSha1_32,
    /// AES-128-GCM with a tag of 128 bits.
    AeadAes128Gcm,
    /// AES-256-GCM with a tag of 128 bits.
    AeadAes256Gcm,
}

impl Suite {
    /// All, the strongest first.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// Its name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of that name; RFC 5234 §2.3: upper and lower case are one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the master key, and of the key that encrypts.
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt, and of the salt under the nonce.
    pub(super) fn salt_bytes(self) -> usize {
        if self.is_gcm() { 12 } else { 14 }
    }

    /// Bytes of the tag on RTP.
    pub(super) fn tag_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm256HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the tag on RTCP. RFC 4568 §6.2.2: the short tag is for RTP alone.
    pub(super) fn rtcp_tag_bytes(self) -> usize {
        if self.is_gcm() { 16 } else { 10 }
    }

    pub(super) fn is_gcm(self) -> bool {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => true,
            Self::AesCm128HmacSha1_80
            | Self::AesCm128HmacSha1_32
            | Self::AesCm256HmacSha1_80
            | Self::AesCm256HmacSha1_32 => false,
        }
    }
}
