//! RTCP: sender and receiver reports with the name of the source, and its goodbye. RFC 3550 §6.

use super::Micros;

const VERSION: u8 = 2 << 6;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// SDES item 1, the name that stays when the SSRC does not.
const CNAME: u8 = 1;
const BLOCK_BYTES: usize = 24;

/// What a speaker says of its own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

/// What a listener says of the stream that it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    /// Of 256, since the last report.
    pub(super) fraction_lost: u8,
    pub(super) lost: u32,
    pub(super) highest: u32,
    /// In ticks.
    pub(super) jitter: u32,
    /// The middle of the NTP time of the last sender report.
    pub(super) last_report: u32,
    /// How long ago that came, in 1/65536 s.
    pub(super) since_last_report: u32,
}

/// One compound packet to send.
#[derive(Clone, Debug)]
pub(super) struct Report<'a> {
    pub(super) ssrc: u32,
    pub(super) name: &'a str,
    pub(super) now: Micros,
    /// None from who only listens.
    pub(super) sent: Option<Sent>,
    pub(super) heard: Option<Block>,
    pub(super) goodbye: bool,
}

/// What there is to learn from a compound packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Learned {
    /// The middle of the NTP time of a sender report.
    pub(super) report: Option<u32>,
    pub(super) blocks: Vec<Block>,
}

impl Report<'_> {
    pub(super) fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(100);
        let mut body = Vec::new();
        if let Some(Sent { timestamp, packets, bytes: octets }) = self.sent {
            body.extend(ntp(self.now).to_be_bytes());
            for word in [timestamp, packets, octets] {
                body.extend(word.to_be_bytes());
            }
        }
        if let Some(block) = &self.heard {
            block.print(&mut body);
        }
        let kind = if self.sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        packet(&mut bytes, kind, u8::from(self.heard.is_some()), self.ssrc, &body);
        // §6.5: an item is kind, length, text; a zero byte ends the list, and zeros fill the word.
        let name = self.name.as_bytes();
        let mut item = vec![CNAME, u8::try_from(name.len()).unwrap_or(u8::MAX)];
        item.extend(name.iter().take(u8::MAX.into()));
        item.push(0);
        item.resize(item.len().next_multiple_of(4), 0);
        packet(&mut bytes, DESCRIPTION, 1, self.ssrc, &item);
        if self.goodbye {
            packet(&mut bytes, GOODBYE, 1, self.ssrc, &[]);
        }
        bytes
    }
}

impl Block {
    fn print(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.push(self.fraction_lost);
        bytes.extend(&self.lost.min(0x007F_FFFF).to_be_bytes()[1..]);
        for word in [self.highest, self.jitter, self.last_report, self.since_last_report] {
            bytes.extend(word.to_be_bytes());
        }
    }

    fn read(bytes: &[u8; BLOCK_BYTES]) -> Self {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            ssrc: word(0),
            fraction_lost: bytes[4],
            lost: word(4) & 0x00FF_FFFF,
            highest: word(8),
            jitter: word(12),
            last_report: word(16),
            since_last_report: word(20),
        }
    }
}

/// Reads a compound packet; None when it is none.
pub(super) fn read(mut datagram: &[u8]) -> Option<Learned> {
    let mut learned = Learned::default();
    while !datagram.is_empty() {
        let (head, rest) = datagram.split_first_chunk::<4>()?;
        if head[0] & 0xC0 != VERSION {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let body = rest.get(..length)?;
        datagram = &rest[length..];
        let blocks = match head[1] {
            SENDER_REPORT => {
                let info = body.get(4..24)?;
                learned.report = Some(u32::from_be_bytes([info[2], info[3], info[4], info[5]]));
                &body[24..]
            }
            RECEIVER_REPORT => body.get(4..)?,
            _ => continue,
        };
        let count = usize::from(head[0] & 0x1F);
        let (blocks, _) = blocks.as_chunks::<BLOCK_BYTES>();
        learned.blocks.extend(blocks.get(..count)?.iter().map(Block::read));
    }
    Some(learned)
}

/// The middle 32 bits of the NTP time, in 1/65536 s. §4: a source without a clock on the wall may count from its start.
pub(super) fn ntp_middle(now: Micros) -> u32 {
    let [_, _, a, b, c, d, _, _] = ntp(now).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn ntp(now: Micros) -> u64 {
    let (seconds, rest) = (now / 1_000_000, now % 1_000_000);
    (seconds << 32) | ((rest << 32) / 1_000_000)
}

fn packet(bytes: &mut Vec<u8>, kind: u8, count: u8, ssrc: u32, body: &[u8]) {
    let words = u16::try_from(1 + body.len() / 4).unwrap_or(u16::MAX);
    bytes.extend([VERSION | count, kind]);
    bytes.extend(words.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report<'static> {
        let sent = Some(Sent { timestamp: 160, packets: 2, bytes: 320 });
        let heard = Some(Block {
            ssrc: 9,
            fraction_lost: 25,
            lost: 3,
            highest: 70_000,
            jitter: 8,
            ..Block::default()
        });
        Report { ssrc: 7, name: "phone@lab", now: 1_500_000, sent, heard, goodbye: true }
    }

    #[test]
    fn a_report_is_words_of_four_bytes_and_is_read_again() {
        let bytes = report().print();
        assert_eq!(bytes[..4], [0x81, 200, 0, 12]);
        assert_eq!(bytes[8..16], [0, 0, 0, 1, 0x80, 0, 0, 0], "1.5 s");
        assert_eq!(bytes.len() % 4, 0);
        let learned = read(&bytes).unwrap();
        assert_eq!(learned.report, Some(0x0001_8000));
        assert_eq!(learned.blocks, report().heard.into_iter().collect::<Vec<_>>());
        assert_eq!(bytes[bytes.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 7]);
    }

    #[test]
    fn who_only_listens_sends_a_receiver_report() {
        let bytes = Report { sent: None, goodbye: false, ..report() }.print();
        assert_eq!(bytes[..4], [0x81, 201, 0, 7]);
        assert_eq!(read(&bytes).unwrap().blocks.len(), 1);
    }

    #[test]
    fn what_is_no_rtcp_is_refused() {
        let bytes = report().print();
        assert_eq!(read(&bytes[..20]), None, "cut short");
        assert_eq!(read(&[0x40, 200, 0, 0]), None, "version 1");
        assert_eq!(read(&[0x80, 200, 0, 1, 0, 0, 0, 1]), None, "a sender report without its numbers");
        assert_eq!(read(&[0x82, 201, 0, 1, 0, 0, 0, 1]), None, "two blocks announced, none there");
        assert_eq!(read(&[]), Some(Learned::default()));
    }
}
