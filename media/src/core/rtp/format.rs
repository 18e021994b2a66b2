//! What a payload type stands for: its clock, and what loss does to it.

use ringway_router::Codec;

/// The clock of a format that nobody described, Hz: that of telephony.
pub const CLOCK_UNKNOWN: u32 = 8_000;

/// One format of a description: `a=rtpmap`, or what RFC 3551 says of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its number, 0 to 127.
    pub payload_type: u8,
    /// What it is.
    pub coding: Coding,
    /// Ticks of its timestamp in a second.
    pub clock_hz: u32,
}

/// What matters of a coding here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Another speech coding that the E-model knows.
    Speech(Codec),
    /// Keys pressed on a phone (RFC 4733).
    Event,
    /// Comfort noise (RFC 3389).
    Noise,
    /// Anything else.
    Other,
}

impl Coding {
    /// By the name in `a=rtpmap`, in any case.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let named = [
            ("PCMU", Self::Pcmu),
            ("PCMA", Self::Pcma),
            ("G722", Self::Speech(Codec::G722)),
            ("G723", Self::Speech(Codec::G7231)),
            ("G729", Self::Speech(Codec::G729)),
            ("GSM", Self::Speech(Codec::GsmFr)),
            ("telephone-event", Self::Event),
            ("CN", Self::Noise),
        ];
        named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Other, |found| found.1)
    }

    /// What the E-model takes it for; `None`: the Recommendation has no value, or it is no speech.
    #[must_use]
    pub fn codec(self) -> Option<Codec> {
        match self {
            Self::Pcmu | Self::Pcma => Some(Codec::G711Plc),
            Self::Speech(codec) => Some(codec),
            Self::Event | Self::Noise | Self::Other => None,
        }
    }

    /// The byte of silence, where silence is one byte (ITU-T G.711: the smallest positive value).
    #[must_use]
    pub fn silence(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0xff),
            Self::Pcma => Some(0xd5),
            Self::Speech(_) | Self::Event | Self::Noise | Self::Other => None,
        }
    }
}

/// The formats that RFC 3551 §6 numbers for good.
#[must_use]
pub fn static_format(payload_type: u8) -> Option<Format> {
    let (coding, clock_hz) = match payload_type {
        0 => (Coding::Pcmu, 8_000),
        3 => (Coding::Speech(Codec::GsmFr), 8_000),
        4 => (Coding::Speech(Codec::G7231), 8_000),
        8 => (Coding::Pcma, 8_000),
        // RFC 3551 §4.5.2: G.722 samples at 16 kHz, and its clock says 8,000 all the same.
        9 => (Coding::Speech(Codec::G722), 8_000),
        13 => (Coding::Noise, 8_000),
        18 => (Coding::Speech(Codec::G729), 8_000),
        5 | 7 | 12 | 15 => (Coding::Other, 8_000),
        6 => (Coding::Other, 16_000),
        10 | 11 => (Coding::Other, 44_100),
        16 => (Coding::Other, 11_025),
        17 => (Coding::Other, 22_050),
        14 | 25 | 26 | 28 | 31..=34 => (Coding::Other, 90_000),
        _ => return None,
    };
    Some(Format { payload_type, coding, clock_hz })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for (number, name) in
            [(0, "pcmu"), (3, "GSM"), (4, "G723"), (8, "PCMA"), (9, "g722"), (13, "CN"), (18, "G729")]
        {
            assert_eq!(
                static_format(number).map(|format| format.coding),
                Some(Coding::named(name)),
                "{name}"
            );
        }
        assert_eq!(Coding::named("Telephone-Event"), Coding::Event);
        assert_eq!((Coding::named("opus"), Coding::named("opus").codec()), (Coding::Other, None));
        assert_eq!((static_format(9).map(|format| format.clock_hz), static_format(96)), (Some(8_000), None));
    }
}
