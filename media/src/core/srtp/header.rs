//! As much of a packet's header as its protection depends on: whose it is, its number, and where the clear part ends.

use super::Refusal;

/// Bytes of an RTCP packet that are never encrypted: the first header and the sender's SSRC (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR: usize = 8;

/// Of an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) source: u32,
    pub(super) sequence: u16,
    /// Bytes before the payload: the fixed header, contributing sources, the extension.
    pub(super) length: usize,
}

impl Header {
    /// RFC 3550 §5.1, §5.3.1.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, Refusal> {
        let (fixed, rest) = packet.split_first_chunk::<12>().ok_or(Refusal::TooShort)?;
        if !is_version_2(fixed[0]) {
            return Err(Refusal::Malformed);
        }
        let sources = 4 * usize::from(fixed[0] & 0x0f);
        let extension = if fixed[0] & 0x10 == 0 {
            0
        } else {
            let head = rest.get(sources..sources + 4).ok_or(Refusal::Malformed)?;
            4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]))
        };
        let length = 12 + sources + extension;
        if length > packet.len() {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            source: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            length,
        })
    }
}

/// The sender's SSRC of an RTCP packet (RFC 3550 §6.4).
pub(super) fn rtcp_source(packet: &[u8]) -> Result<u32, Refusal> {
    let head = packet.first_chunk::<RTCP_CLEAR>().ok_or(Refusal::TooShort)?;
    if !is_version_2(head[0]) {
        return Err(Refusal::Malformed);
    }
    Ok(u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}

fn is_version_2(first: u8) -> bool {
    first >> 6 == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clear_part_ends_after_sources_and_extension() {
        let mut packet = vec![0; 64];
        packet[..12].copy_from_slice(&[0x80, 0, 0x12, 0x34, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe]);
        let header = |packet: &[u8]| Header::parse(packet);
        let plain = Header { source: 0xcafe_babe, sequence: 0x1234, length: 12 };
        assert_eq!(header(&packet), Ok(plain));
        packet[0] = 0x83;
        assert_eq!(header(&packet), Ok(Header { length: 24, ..plain }));
        packet[0] = 0x93;
        packet[24..28].copy_from_slice(&[0xbe, 0xde, 0, 2]);
        assert_eq!(header(&packet), Ok(Header { length: 36, ..plain }));
        assert_eq!(header(&packet[..36]), Ok(Header { length: 36, ..plain }));
        assert_eq!(header(&packet[..35]), Err(Refusal::Malformed));
        assert_eq!(header(&packet[..27]), Err(Refusal::Malformed));
        assert_eq!(header(&packet[..11]), Err(Refusal::TooShort));
        packet[0] = 0x40;
        assert_eq!(header(&packet), Err(Refusal::Malformed));
    }

    #[test]
    fn rtcp_needs_eight_bytes_of_version_2() {
        assert_eq!(rtcp_source(&[0x81, 200, 0, 1, 1, 2, 3, 4]), Ok(0x0102_0304));
        assert_eq!(rtcp_source(&[0x81, 200, 0, 1, 1, 2, 3]), Err(Refusal::TooShort));
        assert_eq!(rtcp_source(&[0xc1, 200, 0, 1, 1, 2, 3, 4]), Err(Refusal::Malformed));
    }
}
