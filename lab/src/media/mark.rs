//! What a packet says: a tone of 440 Hz in µ-law, and over its first bytes the marks by which the far end tells what
//! became of it.

use std::{f64::consts::TAU, sync::LazyLock};

use super::{Micros, PACKET_BYTES};

const MAGIC: [u8; 4] = *b"RWV1";
const MARK_BYTES: usize = 24;
/// Five packets hold 44 whole waves of 440 Hz; then the tone repeats.
const TONE_BYTES: usize = 5 * PACKET_BYTES;
const TONE_HZ: f64 = 440.0;
const SAMPLE_HZ: f64 = 8_000.0;
const LOUDNESS: f64 = 8_000.0;

static TONE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..TONE_BYTES)
        .map(|n| {
            let sample = LOUDNESS * (TAU * TONE_HZ * n as f64 / SAMPLE_HZ).sin();
            #[expect(clippy::cast_possible_truncation, reason = "8,000 fits 16 bits")]
            mu_law(sample.round() as i16)
        })
        .collect()
});

/// The marks of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Whose voice it is, so that crossed lines show.
    pub(super) token: u32,
    /// Its number, from 0; it counts packets that were sent, whatever becomes of the RTP sequence on the way.
    pub(super) number: u32,
    /// Its RTP timestamp, counted from the speaker's first.
    pub(super) ticks: u32,
    /// When it left.
    pub(super) sent: Micros,
}

impl Mark {
    /// The payload of the packet.
    pub(super) fn payload(&self) -> Vec<u8> {
        let mut payload = tone(self.number).to_vec();
        payload[..4].copy_from_slice(&MAGIC);
        payload[4..8].copy_from_slice(&self.token.to_be_bytes());
        payload[8..12].copy_from_slice(&self.number.to_be_bytes());
        payload[12..16].copy_from_slice(&self.ticks.to_be_bytes());
        payload[16..24].copy_from_slice(&self.sent.to_be_bytes());
        payload
    }

    /// None when it is not the whole payload, or not all of it as it was sent.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (mark, voice) = payload.split_first_chunk::<MARK_BYTES>()?;
        let word = |at: usize| u32::from_be_bytes([mark[at], mark[at + 1], mark[at + 2], mark[at + 3]]);
        let number = word(8);
        let sound = mark[..4] == MAGIC && *voice == tone(number)[MARK_BYTES..];
        let sent = u64::from(word(16)) << 32 | u64::from(word(20));
        sound.then(|| Self { token: word(4), number, ticks: word(12), sent })
    }
}

fn tone(number: u32) -> &'static [u8] {
    let start = number as usize * PACKET_BYTES % TONE_BYTES;
    &TONE[start..start + PACKET_BYTES]
}

/// ITU-T G.711 table 2: sign, three bits of segment, four bits of step, all bits inverted.
fn mu_law(sample: i16) -> u8 {
    const BIAS: u32 = 132;
    let magnitude = (u32::from(sample.unsigned_abs()) + BIAS).min(0x7FFF);
    // The bias keeps the magnitude at 132 and above: there is always a bit to find.
    let segment = (magnitude >> 7).ilog2();
    let step = magnitude >> (segment + 3) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    #[expect(clippy::cast_possible_truncation, reason = "seven bits")]
    let code = (segment << 4 | step) as u8;
    !(sign | code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_is_the_table_of_the_recommendation() {
        let known = [
            (0, 0xFF),
            (-1, 0x7F),
            (1_000, 0xCE),
            (-1_000, 0x4E),
            (8_000, 0xA0),
            (32_767, 0x80),
            (-32_768, 0),
        ];
        for (sample, code) in known {
            assert_eq!(mu_law(sample), code, "{sample}");
        }
    }

    #[test]
    fn a_payload_is_read_whole_or_not_at_all() {
        let mark = Mark { token: 7, number: 1_003, ticks: 160_480, sent: 20_060_000 };
        let payload = mark.payload();
        assert_eq!((payload.len(), Mark::read(&payload)), (PACKET_BYTES, Some(mark)));
        let wrong = |change: fn(&mut Vec<u8>)| {
            let mut payload = payload.clone();
            change(&mut payload);
            Mark::read(&payload)
        };
        assert_eq!(wrong(|payload| payload[0] ^= 1), None, "no mark");
        assert_eq!(wrong(|payload| payload[159] ^= 1), None, "another sound");
        assert_eq!(wrong(|payload| payload.truncate(159)), None, "cut short");
        assert_eq!(wrong(|payload| payload.push(0)), None, "too long");
        assert_eq!(wrong(Vec::clear), None, "nothing");
    }

    #[test]
    fn the_tone_goes_on_from_packet_to_packet() {
        let wave: Vec<u8> = (0..10).flat_map(|number| tone(number).to_vec()).collect();
        let crossings = wave.windows(2).filter(|pair| pair[0] >> 7 == 0 && pair[1] >> 7 == 1).count();
        assert_eq!(crossings, 87, "440 Hz for 200 ms; the first wave begins at its crossing");
    }
}
