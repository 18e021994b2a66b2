//! RTP packets: RFC 3550 §5.1.

const VERSION: u8 = 2;
const HEADER: usize = 12;

/// One packet, borrowed from the datagram that it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(super) fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend([VERSION << 6, u8::from(self.marker) << 7 | self.payload_type]);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(self.payload);
        bytes
    }

    /// None for what is no RTP.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (head, rest) = datagram.split_first_chunk::<HEADER>()?;
        if head[0] >> 6 != VERSION {
            return None;
        }
        let sources = usize::from(head[0] & 0x0F) * 4;
        let mut payload = rest.get(sources..)?;
        if head[0] & 0x10 != 0 {
            // §5.3.1: two bytes of profile, two of length in words.
            let (extension, rest) = payload.split_first_chunk::<4>()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            payload = rest.get(usize::from(words) * 4..)?;
        }
        if head[0] & 0x20 != 0 {
            // §5.1: the last byte says how many bytes of padding there are, itself included.
            let padding = usize::from(*payload.last()?);
            let end = payload.len().checked_sub(padding).filter(|_| padding > 0)?;
            payload = &payload[..end];
        }
        Some(Self {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7F,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let packet = Packet {
            marker: true,
            payload_type: 101,
            sequence: 0xFFFE,
            timestamp: 0x8000_0001,
            ssrc: 0xDEAD_BEEF,
            payload: b"voice",
        };
        let bytes = packet.print();
        assert_eq!(bytes[..4], [0x80, 0xE5, 0xFF, 0xFE]);
        assert_eq!(Packet::parse(&bytes), Some(packet));
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let mut bytes = vec![0x80 | 0x20 | 0x10 | 1, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1];
        bytes.extend([0, 0, 0, 2]); // one contributing source
        bytes.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]); // an extension of one word
        bytes.extend(b"voice");
        bytes.extend([0, 0, 3]); // padding
        assert_eq!(Packet::parse(&bytes).unwrap().payload, b"voice");
    }

    #[test]
    fn what_is_no_rtp_is_refused() {
        let cases: [(&str, &[u8]); 6] = [
            ("empty", &[]),
            ("short", &[0x80; 11]),
            ("version 1", &[0x40; 20]),
            ("sources beyond the end", &[0x8F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
            ("extension beyond the end", &[0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
            ("padding beyond the start", &[0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        ];
        for (what, datagram) in cases {
            assert_eq!(Packet::parse(datagram), None, "{what}");
        }
    }
}
