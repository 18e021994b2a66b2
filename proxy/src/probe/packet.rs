//! The packets of RFC 8762 §4.2.1 and §4.3.1, unauthenticated, 44 bytes both ways: an answer is never larger than its
//! question.
//!
//! ```text
//!  sender                              reflector
//!   0  sequence number                  0  sequence number (its own)
//!   4  timestamp (NTP)                  4  timestamp
//!  12  error estimate                  12  error estimate
//!  14  zero                            16  receive timestamp
//!                                      24  sender's sequence number
//!                                      28  sender's timestamp
//!                                      36  sender's error estimate
//!                                      40  sender's TTL
//! ```

/// Length of both packets.
pub const BYTES: usize = 44;

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_UNIX_S: u64 = 2_208_988_800;

/// What a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The sender's sequence number.
    pub sequence: u32,
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
}

impl Question {
    /// On the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        packet[0..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..12].copy_from_slice(&ntp(self.sent_unix_us).to_be_bytes());
        packet[12..14].copy_from_slice(&ERROR_ESTIMATE);
        packet
    }

    /// From the wire; `None` for anything that is no probe.
    #[must_use]
    pub fn decode(packet: &[u8]) -> Option<u32> {
        (packet.len() == BYTES).then(|| word(packet, 0)).flatten()
    }
}

impl Answer {
    /// On the wire: the question's packet, answered.
    #[must_use]
    pub fn encode(&self, question: &[u8; BYTES], received_unix_us: u64) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        let time = ntp(received_unix_us).to_be_bytes();
        packet[0..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..12].copy_from_slice(&time);
        packet[12..14].copy_from_slice(&ERROR_ESTIMATE);
        packet[16..24].copy_from_slice(&time);
        packet[24..38].copy_from_slice(&question[0..14]);
        packet
    }

    /// From the wire; `None` for anything that is no answer.
    #[must_use]
    pub fn decode(packet: &[u8]) -> Option<Self> {
        let whole = packet.len() == BYTES;
        whole.then(|| Some(Self { sequence: word(packet, 0)?, question: word(packet, 24)? })).flatten()
    }
}

/// RFC 4656 §4.1.2: not synchronized, scale 0, multiplier 1.
const ERROR_ESTIMATE: [u8; 2] = [0x00, 0x01];

fn word(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?))
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
        let question = Question { sequence: 7, sent_unix_us: 1_500_000 }.encode();
        assert_eq!(question[0..4], [0, 0, 0, 7]);
        assert_eq!(question[4..12], [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0], "1900 + 70 years + 1.5 s");
        assert_eq!(Question::decode(&question), Some(7));

        let answer = Answer { sequence: 3, question: 7 };
        let packet = answer.encode(&question, 2_000_000);
        assert_eq!(packet[24..38], question[0..14], "the sender's number, time and estimate come back");
        assert_eq!(Answer::decode(&packet), Some(answer));
    }

    #[test]
    fn other_lengths_are_nothing() {
        for length in [0, 1, BYTES - 1, BYTES + 1, 1_500] {
            assert_eq!(Question::decode(&vec![0; length]), None);
            assert_eq!(Answer::decode(&vec![0; length]), None);
        }
    }
}
