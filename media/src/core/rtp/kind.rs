//! What a datagram on a media port is, by its first two bytes.

/// What a datagram looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// A STUN question or answer.
    Stun,
    /// A DTLS record.
    Dtls,
    /// Nothing that is spoken on a media port.
    Other,
}

/// What this is, on a port that may carry all of it.
#[must_use]
pub fn kind(packet: &[u8]) -> Kind {
    // RFC 7983 §7: the first byte tells the protocols apart.
    match *packet {
        // RFC 5761 §4: RTCP has packet types 192 to 223, so RTP beside it may not use payload types 64 to 95.
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        [0..=3, _, ..] => Kind::Stun,
        [20..=63, _, ..] => Kind::Dtls,
        _ => Kind::Other,
    }
}

/// Whether this is RTCP for certain, on a port that is for RTP alone: RFC 3551 §6 keeps payload types 72 to 76 free, so
/// that packet types 200 to 204 are never taken for a packet of media with the marker set.
#[must_use]
pub fn rtcp_like(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, 200..=204, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bytes_tell_the_protocols_apart() {
        let table = [
            (&[0x80, 0][..], Kind::Rtp),
            (&[0x80, 63], Kind::Rtp),
            (&[0x80, 0x80 | 101], Kind::Rtp),
            (&[0x80, 191], Kind::Rtp),
            (&[0x80, 192], Kind::Rtcp),
            (&[0x81, 200], Kind::Rtcp),
            (&[0xbf, 223], Kind::Rtcp),
            (&[0xbf, 224], Kind::Rtp),
            (&[0, 1], Kind::Stun),
            (&[22, 254], Kind::Dtls),
            (&[64, 0], Kind::Other),
            (&[192, 0], Kind::Other),
            (&[0x80], Kind::Other),
            (&[], Kind::Other),
        ];
        for (bytes, expected) in table {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn beside_a_port_for_rtcp_only_its_own_types_are_taken_for_it() {
        for (second, expected) in [(199, false), (200, true), (204, true), (205, false), (72, false)] {
            assert_eq!(rtcp_like(&[0x80, second]), expected, "{second}");
        }
    }
}
