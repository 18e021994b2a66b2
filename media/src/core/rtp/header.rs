//! The RTP header (RFC 3550 §5.1), checked against the length of the packet.

/// The shortest RTP packet, bytes.
pub const HEADER_BYTES: usize = 12;

/// Why a packet is not RTP or RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than its header.
    Short,
    /// Of another version than 2.
    Version,
    /// Its contributing sources reach beyond its end.
    Sources,
    /// Its header extension reaches beyond its end.
    Extension,
    /// Its padding is nothing, or reaches into the header.
    Padding,
    /// RTCP whose first packet is no report.
    First,
    /// RTCP whose lengths do not add up to that of the datagram.
    Length,
}

/// What stands in an RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The first packet after silence, or the last one of a picture.
    pub marker: bool,
    /// Which format, 0 to 127.
    pub payload_type: u8,
    /// Its number.
    pub sequence: u16,
    /// When it was sampled, in ticks of the format's clock.
    pub timestamp: u32,
    /// Whose it is.
    pub ssrc: u32,
    /// Where the payload begins.
    pub payload_at: usize,
    /// How long it is, without padding. In SRTP: with its tag.
    pub payload_bytes: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// `sealed` is SRTP: there the padding, its count too, is encrypted with the payload (RFC 3711 §3.1) and is not looked at.
    ///
    /// # Errors
    /// For anything that is no whole RTP packet.
    pub fn parse(packet: &[u8], sealed: bool) -> Result<Self, Malformed> {
        let Some((fixed, rest)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Malformed::Short);
        };
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return Err(Malformed::Version);
        }
        let sources = 4 * usize::from(first & 0x0f);
        let mut behind = rest.get(sources..).ok_or(Malformed::Sources)?;
        if first & 0x10 != 0 {
            // RFC 3550 §5.3.1: the extension's length counts the 32-bit words behind its own first one.
            let &[_, _, high, low, ..] = behind else { return Err(Malformed::Extension) };
            let extension = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
            behind = behind.get(extension..).ok_or(Malformed::Extension)?;
        }
        let padding = match behind.last() {
            _ if first & 0x20 == 0 || sealed => 0,
            Some(&count) if count > 0 && usize::from(count) <= behind.len() => usize::from(count),
            Some(_) | None => return Err(Malformed::Padding),
        };
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_at: packet.len() - behind.len(),
            payload_bytes: behind.len() - padding,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 12] = [0x80, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];

    #[test]
    fn a_plain_packet_is_read_whole() {
        let packet = [&PLAIN[..], &[0xff; 160]].concat();
        let expected = Header {
            marker: true,
            payload_type: 0,
            sequence: 0x1234,
            timestamp: 160,
            ssrc: 0xdead_beef,
            payload_at: 12,
            payload_bytes: 160,
        };
        assert_eq!(Header::parse(&packet, false), Ok(expected));
    }

    #[test]
    fn sources_extension_and_padding_are_measured() {
        let with = |first: u8, behind: &[u8]| {
            let packet = [&[first], &PLAIN[1..], behind].concat();
            Header::parse(&packet, false).map(|header| (header.payload_at, header.payload_bytes))
        };
        let table = [
            (0x82, &[0, 0, 0, 1, 0, 0, 0, 2, 7][..], Ok((20, 1))),
            (0x82, &[0, 0, 0, 1, 0, 0, 0], Err(Malformed::Sources)),
            (0x90, &[0xbe, 0xde, 0, 1, 1, 2, 3, 4, 7, 7], Ok((20, 2))),
            (0x90, &[0xbe, 0xde, 0, 2, 1, 2, 3, 4], Err(Malformed::Extension)),
            (0x90, &[0xbe, 0xde, 0], Err(Malformed::Extension)),
            (0x90, &[0xbe, 0xde, 0xff, 0xff], Err(Malformed::Extension)),
            (0xa0, &[7, 7, 0, 2], Ok((12, 2))),
            (0xa0, &[7, 7, 0, 4], Ok((12, 0))),
            (0xa0, &[7, 7, 0, 5], Err(Malformed::Padding)),
            (0xa0, &[7, 7, 7, 0], Err(Malformed::Padding)),
            (0xa0, &[], Err(Malformed::Padding)),
            (0xb1, &[0, 0, 0, 1, 0, 0, 0, 0, 9, 1], Ok((20, 1))),
            (0x40, &[7], Err(Malformed::Version)),
            (0xc0, &[7], Err(Malformed::Version)),
        ];
        for (first, behind, expected) in table {
            assert_eq!(with(first, behind), expected, "{first:#x} {behind:?}");
        }
        let sealed = [&[0xa0], &PLAIN[1..], &[7, 7, 7, 0]].concat();
        assert_eq!(Header::parse(&sealed, true).map(|header| header.payload_bytes), Ok(4));
    }

    #[test]
    fn every_cut_of_a_packet_is_refused_or_read_within_its_bytes() {
        let packet = [&[0xb2], &PLAIN[1..], &[9; 8], &[0, 0, 0, 1], &[9; 4], &[5, 5, 5, 3]].concat();
        for length in 0..=packet.len() {
            if let Ok(header) = Header::parse(&packet[..length], false) {
                assert!(header.payload_at + header.payload_bytes <= length);
            }
        }
        assert_eq!(Header::parse(&packet[..11], false), Err(Malformed::Short));
        assert_eq!(Header::parse(&packet, false).map(|header| header.payload_bytes), Ok(1));
    }
}
