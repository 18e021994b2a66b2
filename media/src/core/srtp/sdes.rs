//! The value of an `a=crypto:` line (RFC 4568 §9.1, §9.2): `tag suite inline:key|lifetime|MKI:length parameters`.

use super::{
    Chance, Master, Mki, Suite, base64,
    master::{MASTER_MAX, MKI_MAX},
};
use std::{fmt, str::FromStr};

/// The largest tag: nine digits.
const TAG_MAX: u32 = 999_999_999;
/// The longest lifetime, packets (RFC 3711 §9.2).
const LIFETIME_MAX: u64 = 1 << 48;

/// One way to protect a media stream, as one party says it: what it sends is protected with this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    tag: u32,
    master: Master,
}

/// Why a crypto line is of no use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// Not as RFC 4568 writes it.
    #[error("malformed")]
    Malformed,
    /// A suite that we do not know.
    #[error("unknown suite")]
    UnknownSuite,
    /// A suite that is not allowed here.
    #[error("suite not allowed")]
    SuiteNotAllowed,
    /// The key is not base 64, or not as long as the suite asks.
    #[error("key of the wrong length")]
    WrongKey,
    /// More than one master key.
    #[error("several keys")]
    SeveralKeys,
    /// No packet, or more than RFC 3711 §9.2 allows.
    #[error("lifetime out of range")]
    Lifetime,
    /// The MKI does not fit its length, or the length is not 1 to 128.
    #[error("MKI out of range")]
    Mki,
    /// Keys that are derived anew all the time.
    #[error("key derivation rate other than 0")]
    KeyDerivationRate,
    /// `UNENCRYPTED_SRTP` or `UNENCRYPTED_SRTCP`.
    #[error("not encrypted")]
    Unencrypted,
    /// `UNAUTHENTICATED_SRTP`.
    #[error("not authenticated")]
    Unauthenticated,
    /// `FEC_ORDER` or `FEC_KEY`.
    #[error("forward error correction")]
    ForwardErrorCorrection,
    /// A parameter that we do not know and must not ignore (RFC 4568 §6.3.7).
    #[error("unknown parameter")]
    UnknownParameter,
    /// An answer to something that was not offered.
    #[error("not offered")]
    NotOffered,
    /// There is no crypto line.
    #[error("no crypto line")]
    Absent,
}

impl Crypto {
    /// To be offered under a tag of 1 to 999,999,999, with a key of our own.
    #[must_use]
    pub fn new(tag: u32, suite: Suite, chance: &Chance) -> Self {
        Self { tag: tag.min(TAG_MAX), master: Master::new(suite, chance) }
    }

    /// A key that there is already, under this tag.
    #[must_use]
    pub fn with(tag: u32, master: Master) -> Self {
        Self { tag: tag.min(TAG_MAX), master }
    }

    /// What accepts this offer: its tag and suite, and a key of our own (RFC 4568 §5.1.2).
    #[must_use]
    pub fn answer(&self, chance: &Chance) -> Self {
        Self::new(self.tag, self.suite(), chance)
    }

    /// Which of several it is.
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.master.suite()
    }

    /// The key with which the party that says this sends.
    #[must_use]
    pub fn master(&self) -> &Master {
        &self.master
    }
}

impl FromStr for Crypto {
    type Err = Unusable;

    fn from_str(value: &str) -> Result<Self, Unusable> {
        let mut words = value.split_ascii_whitespace();
        let mut word = || words.next().ok_or(Unusable::Malformed);
        let (tag, suite, keys) = (word()?, word()?, word()?);
        let tag = digits(tag).filter(|tag| *tag <= TAG_MAX.into()).ok_or(Unusable::Malformed)?;
        let tag = u32::try_from(tag).map_err(|_| Unusable::Malformed)?;
        let suite = Suite::named(suite).ok_or(Unusable::UnknownSuite)?;
        let master = key(suite, keys)?;
        words.try_for_each(parameter)?;
        Ok(Self { tag, master })
    }
}

/// The whole line's value, key and all: for SDP, not for logs.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = String::with_capacity(64);
        base64::encode(self.master.bytes(), &mut key);
        write!(f, "{} {} inline:{key}", self.tag, self.suite().name())?;
        match self.master.lifetime {
            Some(packets) if packets.is_power_of_two() => write!(f, "|2^{}", packets.trailing_zeros())?,
            Some(packets) => write!(f, "|{packets}")?,
            None => {}
        }
        self.master.mki.map_or(Ok(()), |mki| write!(f, "|{}:{}", mki.value(), mki.bytes()))
    }
}

/// `inline:key|lifetime|MKI:length`, the two latter as one likes (RFC 4568 §6.1).
fn key(suite: Suite, text: &str) -> Result<Master, Unusable> {
    if text.contains(';') {
        return Err(Unusable::SeveralKeys);
    }
    let (method, text) = text.split_once(':').ok_or(Unusable::Malformed)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(Unusable::Malformed);
    }
    let mut parts = text.split('|');
    let mut bytes = [0; MASTER_MAX];
    let length = base64::decode(parts.next().unwrap_or_default(), &mut bytes);
    if length != Some(Master::bytes_of(suite)) {
        return Err(Unusable::WrongKey);
    }
    let mut master = Master::new(suite, &bytes);
    for part in parts {
        match part.split_once(':') {
            None if master.lifetime.is_none() && master.mki.is_none() => {
                master.lifetime = Some(lifetime(part)?);
            }
            Some((value, length)) if master.mki.is_none() => master.mki = Some(mki(value, length)?),
            Some(_) | None => return Err(Unusable::Malformed),
        }
    }
    Ok(master)
}

/// Packets: a number, or a power of two.
fn lifetime(text: &str) -> Result<u64, Unusable> {
    let packets = match text.strip_prefix("2^") {
        Some(power) => {
            let power = digits(power).ok_or(Unusable::Malformed)?;
            u32::try_from(power).ok().and_then(|power| 1_u64.checked_shl(power))
        }
        None => Some(digits(text).ok_or(Unusable::Malformed)?),
    };
    packets.filter(|packets| (1..=LIFETIME_MAX).contains(packets)).ok_or(Unusable::Lifetime)
}

fn mki(value: &str, length: &str) -> Result<Mki, Unusable> {
    let (value, length) = (digits(value).ok_or(Unusable::Mki)?, digits(length).ok_or(Unusable::Mki)?);
    let length = u8::try_from(length).ok().filter(|length| *length <= MKI_MAX).ok_or(Unusable::Mki)?;
    Mki::new(value, length).ok_or(Unusable::Mki)
}

/// Whether a session parameter (RFC 4568 §6.3) changes nothing for us.
fn parameter(text: &str) -> Result<(), Unusable> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    match (name.to_ascii_uppercase().as_str(), value) {
        // RFC 3711 §4.3.1: keys are derived once, as when nothing is said.
        ("KDR", Some("0")) => Ok(()),
        ("KDR", Some(_)) => Err(Unusable::KeyDerivationRate),
        // A hint for how long a window the sender likes; ours is longer than the least.
        ("WSH", Some(size)) if digits(size).is_some_and(|size| size >= 64) => Ok(()),
        ("UNENCRYPTED_SRTP" | "UNENCRYPTED_SRTCP", None) => Err(Unusable::Unencrypted),
        ("UNAUTHENTICATED_SRTP", None) => Err(Unusable::Unauthenticated),
        ("FEC_ORDER" | "FEC_KEY", Some(_)) => Err(Unusable::ForwardErrorCorrection),
        (
            "KDR"
            | "WSH"
            | "UNENCRYPTED_SRTP"
            | "UNENCRYPTED_SRTCP"
            | "UNAUTHENTICATED_SRTP"
            | "FEC_ORDER"
            | "FEC_KEY",
            _,
        ) => Err(Unusable::Malformed),
        // RFC 4568 §6.3.7: with a dash it may be ignored.
        (name, _) if name.len() > 1 && name.starts_with('-') => Ok(()),
        (_, _) => Err(Unusable::UnknownParameter),
    }
}

/// A number of digits and nothing else.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
