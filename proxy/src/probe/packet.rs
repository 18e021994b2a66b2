//! The packets: laid out as in RFC 8762 §4.2.1 and §4.3.1 with the session identifier of RFC 8972 §3, and authenticated
//! as in §4.4, by HMAC-SHA-256 cut to 16 bytes, without the padding of its authenticated mode. 60 bytes both ways: an
//! answer is never larger than its question.
//!
//! ```text
//!  sender                              reflector
//!   0  sequence number                  0  sequence number (its own)
//!   4  timestamp (NTP)                  4  timestamp
//!  12  error estimate                  12  error estimate
//!  14  session identifier              14  session identifier (the sender's)
//!  16  zero                            16  receive timestamp
//!                                      24  sender's sequence number
//!                                      28  sender's timestamp
//!                                      36  sender's error estimate
//!                                      40  sender's TTL
//!  44  HMAC                            44  HMAC
//! ```
//!
//! The key is that of the node whose reflector it is, so a packet for another node does not fit; the HMAC is over a byte
//! that tells questions from answers, and bytes 0 to 43.

use ringway_node::mac::{MAC_BYTES, Mac};

/// Length of both packets.
pub const BYTES: usize = PLAIN + MAC_BYTES;
/// What is authenticated.
const PLAIN: usize = 44;
/// The first byte under the HMAC.
const QUESTION: u8 = b'q';
const ANSWER: u8 = b'a';

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_UNIX_S: u64 = 2_208_988_800;

/// What a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The sender's sequence number on this lane.
    pub sequence: u32,
    /// The sender's name for the lane, so that an answer fits one lane alone.
    pub session: u16,
    /// When it was sent, µs since the Unix epoch, by the sender's clock.
    pub sent_unix_us: u64,
}

/// What a reflector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The reflector's own sequence number in this session: how many probes have arrived before this one.
    pub sequence: u32,
    /// The sequence number that is answered.
    pub question: u32,
    /// The session identifier of the question.
    pub session: u16,
}

/// Why a packet is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not of this length.
    Malformed,
    /// Its HMAC does not fit: forged, damaged, or for another node.
    Forged,
}

impl Unfit {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
        }
    }
}

impl Question {
    /// On the wire.
    #[must_use]
    pub fn encode(&self, key: &Mac) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        packet[0..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..12].copy_from_slice(&ntp(self.sent_unix_us).to_be_bytes());
        packet[12..14].copy_from_slice(&ERROR_ESTIMATE);
        packet[14..16].copy_from_slice(&self.session.to_be_bytes());
        sealed(packet, QUESTION, key)
    }

    /// From the wire: its sequence number and session.
    ///
    /// # Errors
    /// For anything that is no question to whom the key belongs.
    pub fn decode(packet: &[u8], key: &Mac) -> Result<(u32, u16), Unfit> {
        opened(packet, QUESTION, key)?;
        Ok((word(packet, 0), half(packet, 14)))
    }
}

impl Answer {
    /// On the wire: the question's packet, answered.
    #[must_use]
    pub fn encode(&self, question: &[u8; BYTES], received_unix_us: u64, key: &Mac) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        let time = ntp(received_unix_us).to_be_bytes();
        packet[0..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..12].copy_from_slice(&time);
        packet[12..14].copy_from_slice(&ERROR_ESTIMATE);
        packet[14..16].copy_from_slice(&self.session.to_be_bytes());
        packet[16..24].copy_from_slice(&time);
        packet[24..38].copy_from_slice(&question[0..14]);
        sealed(packet, ANSWER, key)
    }

    /// From the wire.
    ///
    /// # Errors
    /// For anything that is no answer of whom the key belongs to.
    pub fn decode(packet: &[u8], key: &Mac) -> Result<Self, Unfit> {
        opened(packet, ANSWER, key)?;
        Ok(Self { sequence: word(packet, 0), question: word(packet, 24), session: half(packet, 14) })
    }
}

/// RFC 4656 §4.1.2: not synchronized, scale 0, multiplier 1.
const ERROR_ESTIMATE: [u8; 2] = [0x00, 0x01];

fn sealed(mut packet: [u8; BYTES], kind: u8, key: &Mac) -> [u8; BYTES] {
    let mac = key.of(kind, &packet[..PLAIN]);
    packet[PLAIN..].copy_from_slice(&mac);
    packet
}

fn opened(packet: &[u8], kind: u8, key: &Mac) -> Result<(), Unfit> {
    if packet.len() != BYTES {
        return Err(Unfit::Malformed);
    }
    let (plain, mac) = packet.split_at(PLAIN);
    if key.fits(kind, plain, mac) { Ok(()) } else { Err(Unfit::Forged) }
}

/// The length was checked.
fn word(packet: &[u8], at: usize) -> u32 {
    packet[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn half(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([packet[at], packet[at + 1]])
}

/// RFC 5905 §6: seconds since 1900 and a binary fraction.
fn ntp(unix_us: u64) -> u64 {
    let seconds = unix_us / 1_000_000 + NTP_UNIX_S;
    let fraction = ((unix_us % 1_000_000) << 32) / 1_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_rfc_8762() {
        let key = Mac::new(&[1; 16]);
        let question = Question { sequence: 7, session: 0x0203, sent_unix_us: 1_500_000 }.encode(&key);
        assert_eq!(question[0..4], [0, 0, 0, 7]);
        assert_eq!(question[4..12], [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0], "1900 + 70 years + 1.5 s");
        assert_eq!(question[14..16], [2, 3]);
        assert_eq!(Question::decode(&question, &key), Ok((7, 0x0203)));

        let answer = Answer { sequence: 3, question: 7, session: 0x0203 };
        let packet = answer.encode(&question, 2_000_000, &key);
        assert_eq!(packet[24..38], question[0..14], "the sender's number, time and estimate come back");
        assert_eq!(Answer::decode(&packet, &key), Ok(answer));
        assert_eq!(packet.len(), question.len(), "no larger than its question");
    }

    #[test]
    fn other_lengths_are_nothing() {
        let key = Mac::new(&[1; 16]);
        for length in [0, 1, BYTES - 1, BYTES + 1, 1_500] {
            assert_eq!(Question::decode(&vec![0; length], &key), Err(Unfit::Malformed));
            assert_eq!(Answer::decode(&vec![0; length], &key), Err(Unfit::Malformed));
        }
    }

    #[test]
    fn every_changed_bit_is_seen_and_no_kind_or_node_is_taken_for_another() {
        let (key, other) = (Mac::new(&[1; 16]), Mac::new(&[2; 16]));
        let question = Question { sequence: 7, session: 1, sent_unix_us: 0 }.encode(&key);
        for bit in 0..8 * BYTES {
            let mut packet = question;
            packet[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Question::decode(&packet, &key), Err(Unfit::Forged), "bit {bit}");
        }
        assert_eq!(Question::decode(&question, &other), Err(Unfit::Forged), "for another node");
        assert_eq!(Answer::decode(&question, &key), Err(Unfit::Forged), "a question is no answer");
    }
}
