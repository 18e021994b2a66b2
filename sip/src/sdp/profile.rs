//! The protocols of `m=` lines that carry RTP.

/// An RTP profile, as the protocol of an `m=` line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `RTP/AVP` (RFC 3551).
    Avp,
    /// `RTP/AVPF`: with early feedback (RFC 4585).
    Avpf,
    /// `RTP/SAVP`: SRTP (RFC 3711), with keys from `a=crypto`.
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
    /// `UDP/TLS/RTP/SAVP`: SRTP with keys from DTLS (RFC 5764).
    TlsSavp,
    /// `UDP/TLS/RTP/SAVPF`.
    TlsSavpf,
}

impl Profile {
    /// The profile that has this name; `None` for what carries no RTP.
    pub fn named(name: &str) -> Option<Profile> {
        Self::ALL.into_iter().find(|profile| name.eq_ignore_ascii_case(profile.name()))
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Avpf => "RTP/AVPF",
            Profile::Savp => "RTP/SAVP",
            Profile::Savpf => "RTP/SAVPF",
            Profile::TlsSavp => "UDP/TLS/RTP/SAVP",
            Profile::TlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// Whether its packets are SRTP.
    pub fn is_secure(self) -> bool {
        !matches!(self, Profile::Avp | Profile::Avpf)
    }

    /// Whether its keys come from DTLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Profile::TlsSavp | Profile::TlsSavpf)
    }

    /// Whether RTCP may tell of losses at once.
    pub fn has_feedback(self) -> bool {
        matches!(self, Profile::Avpf | Profile::Savpf | Profile::TlsSavpf)
    }

    const ALL: [Profile; 6] =
        [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf, Profile::TlsSavp, Profile::TlsSavpf];
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn names_say_what_a_profile_is() {
        for profile in Profile::ALL {
            let name = profile.name();
            assert_eq!(Profile::named(name), Some(profile));
            assert_eq!(profile.is_secure(), name.contains("/SAVP"));
            assert_eq!(profile.is_tls(), name.contains("TLS"));
            assert_eq!(profile.has_feedback(), name.ends_with("PF"));
        }
        assert_eq!(Profile::named("rtp/avp"), Some(Profile::Avp));
        assert_eq!(Profile::named("udptl"), None);
    }
}
