//! RTCP (RFC 3550 §6), read as far as round trips need it: who reports, what the last sender report was, how long it was held.

use super::Malformed;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
/// The part of a sender report before its blocks: header, source, and what the sender says of itself.
const SENDER_BYTES: usize = 28;
const RECEIVER_BYTES: usize = 8;
const BLOCK_BYTES: usize = 24;
/// RFC 3711 §3.4: the index and a tag, of 80 bits at the least, are never left out.
const SEALED_BYTES: usize = 8 + 4 + 10;

/// What is read of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A sender says what time it is.
    Sender(SenderTime),
    /// A receiver says what it got of a source.
    Block(Block),
}

/// When a sender sent its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderTime {
    /// Whose report.
    pub ssrc: u32,
    /// The middle 32 bits of its NTP time: what a receiver repeats. 0: none (RFC 3550 §6.4.1).
    pub ntp: u32,
}

/// What a receiver got of one source (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Of which source.
    pub ssrc: u32,
    /// The part that was lost since its last report, in 256ths.
    pub lost: u8,
    /// The middle 32 bits of the last sender report's NTP time; 0: none came yet.
    pub last_report: u32,
    /// For how long that was held, in 65,536ths of a second.
    pub held: u32,
}

/// Checks that a datagram is RTCP.
///
/// `reduced` allows what RFC 5506 does: a first packet that is no report. `sealed` is SRTCP: all behind the first eight
/// bytes is encrypted (RFC 3711 §3.4), so only those are looked at.
///
/// # Errors
/// For anything that is no whole RTCP packet.
pub fn check_rtcp(bytes: &[u8], reduced: bool, sealed: bool) -> Result<(), Malformed> {
    let first = *bytes.first_chunk::<8>().ok_or(Malformed::Short)?;
    let reports = [SENDER_REPORT, RECEIVER_REPORT].contains(&first[1]);
    // RFC 3550 A.2: the first packet is a report without padding, and the lengths add up.
    if !reduced && !reports {
        return Err(Malformed::First);
    }
    if sealed {
        return match first[0] >> 6 {
            2 if bytes.len() >= SEALED_BYTES => Ok(()),
            2 => Err(Malformed::Short),
            _ => Err(Malformed::Version),
        };
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let &[head, _, high, low, ..] = rest else { return Err(Malformed::Length) };
        if head >> 6 != 2 {
            return Err(Malformed::Version);
        }
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).ok_or(Malformed::Length)?;
        // RFC 3550 §6.4.1: only the last packet is padded.
        if head & 0x20 != 0 && !rest.is_empty() {
            return Err(Malformed::Padding);
        }
    }
    Ok(())
}

/// What the reports of an RTCP datagram say, in order, as far as its lengths add up.
pub fn rtcp_items(bytes: &[u8]) -> impl Iterator<Item = Item> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let &[_, _, high, low, ..] = rest else { return None };
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let packet = rest.get(..length)?;
        rest = &rest[length..];
        Some(packet)
    })
    .flat_map(items)
}

fn items(packet: &[u8]) -> impl Iterator<Item = Item> + '_ {
    let (blocks_at, sender) = match packet.get(1) {
        Some(&SENDER_REPORT) if packet.len() >= SENDER_BYTES => {
            (SENDER_BYTES, Some(SenderTime { ssrc: word(packet, 4), ntp: word(packet, 10) }))
        }
        Some(&RECEIVER_REPORT) => (RECEIVER_BYTES, None),
        Some(_) | None => (packet.len(), None),
    };
    // As many blocks as the header counts, and no more than there are; behind them may stand a profile's extension.
    let count = packet.first().map_or(0, |first| usize::from(first & 0x1f));
    let blocks = packet.get(blocks_at..).unwrap_or_default().chunks_exact(BLOCK_BYTES).take(count);
    sender.map(Item::Sender).into_iter().chain(blocks.map(|block| {
        Item::Block(Block {
            ssrc: word(block, 0),
            lost: block[4],
            last_report: word(block, 16),
            held: word(block, 20),
        })
    }))
}

/// The length was checked.
fn word(packet: &[u8], at: usize) -> u32 {
    packet[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender report of source 1 at NTP middle 0x2222_3333 with one block about source 9, and a CNAME.
    fn compound() -> Vec<u8> {
        let mut packet = vec![0x81, 200, 0, 12, 0, 0, 0, 1];
        packet.extend([0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44]);
        packet.extend([0; 12]);
        packet.extend([0, 0, 0, 9, 25, 0, 0, 3, 0, 0, 0, 50, 0, 0, 0, 7]);
        packet.extend([0xaa, 0xbb, 0xcc, 0xdd, 0, 1, 0, 0]);
        packet.extend([0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, b'a', 0]);
        packet
    }

    #[test]
    fn a_report_is_read() {
        let packet = compound();
        let items: Vec<Item> = rtcp_items(&packet).collect();
        let block = Block { ssrc: 9, lost: 25, last_report: 0xaabb_ccdd, held: 0x1_0000 };
        assert_eq!(items, [Item::Sender(SenderTime { ssrc: 1, ntp: 0x2222_3333 }), Item::Block(block)]);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let good = compound();
        let changed = |at: usize, byte: u8| {
            let mut packet = good.clone();
            packet[at] = byte;
            check_rtcp(&packet, false, false).err()
        };
        assert_eq!(changed(0, 0x41), Some(Malformed::Version), "the first one");
        assert_eq!(changed(52, 0x41), Some(Malformed::Version), "a later one");
        assert_eq!(changed(1, 202), Some(Malformed::First));
        assert_eq!(changed(3, 200), Some(Malformed::Length));
        assert_eq!(changed(55, 3), Some(Malformed::Length));
        assert_eq!(changed(0, 0xa1), Some(Malformed::Padding), "not the last one");
        assert_eq!(changed(52, 0xa1), None, "the last one may be padded");
        for length in 0..good.len() {
            let whole = length == 52;
            assert_eq!(check_rtcp(&good[..length], false, false).is_ok(), whole, "cut to {length}");
        }
    }

    #[test]
    fn reduced_and_sealed_packets_pass_where_they_were_agreed() {
        let feedback = [0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(check_rtcp(&feedback, false, false).err(), Some(Malformed::First));
        assert!(check_rtcp(&feedback, true, false).is_ok());
        let sealed = [&[0x81, 201, 0, 7, 0, 0, 0, 1][..], &[0x5a; 41]].concat();
        assert!(check_rtcp(&sealed, false, false).is_err());
        assert_eq!(check_rtcp(&sealed, false, true), Ok(()));
        assert_eq!(check_rtcp(&sealed[..21], false, true), Err(Malformed::Short));
    }

    #[test]
    fn a_count_beyond_the_packet_reads_only_what_is_there() {
        let mut packet = compound();
        packet[0] = 0x9f;
        assert_eq!(rtcp_items(&packet).count(), 2);
    }
}
