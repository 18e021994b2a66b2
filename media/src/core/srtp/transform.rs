//! What is done to the bytes of one packet whose number is known: encrypted and authenticated in place.
//!
//! ```text
//!   counter mode, HMAC (RFC 3711 §3.1, §3.4)           GCM (RFC 7714 §8, §9)
//!
//!   header | text … | MKI | tag                        header | text … | tag | MKI
//!   header | text … | E, number | MKI | tag            header | text … | tag | E, number | MKI
//! ```

use super::{
    Mki, Refusal,
    derive::{AUTH_BYTES, counter_mode, keystream},
    header::RTCP_CLEAR,
    master::MKI_MAX,
};
use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::EncryptingKey,
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hmac,
};

/// By how many bytes a packet may grow: tag, number and MKI.
pub const TRAILER_MAX: usize = GCM_TAG + WORD + MKI_MAX as usize;

/// Set in the word behind an RTCP packet that is encrypted (RFC 3711 §3.4).
pub(super) const ENCRYPTED: u32 = 1 << 31;

const GCM_TAG: usize = 16;
/// Bytes of the word behind an RTCP packet: the bit and the number.
const WORD: usize = 4;

/// One packet: what is clear, where the text ends, whose it is, its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) clear: usize,
    pub(super) end: usize,
    pub(super) source: u32,
    pub(super) index: u64,
    /// Of RTCP.
    pub(super) word: Option<u32>,
}

/// A cipher with its keys.
pub(super) enum Transform {
    Counter(Box<Counter>),
    Gcm(Gcm),
}

/// AES in counter mode and HMAC-SHA1, of which the tag is so many bytes.
pub(super) struct Counter {
    cipher: EncryptingKey,
    salt: u128,
    mac: hmac::Key,
    tag: usize,
}

/// AES-GCM.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: u128,
}

/// Where the parts behind the text begin.
#[derive(Debug, Clone, Copy)]
struct Trailer {
    word: usize,
    tag: usize,
    mki: usize,
    end: usize,
}

impl Transform {
    pub(super) fn counter(key: &[u8], salt: &[u8], auth: &[u8; AUTH_BYTES], tag: usize) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth);
        // RFC 3711 §4.1.1: two bytes of counter follow the salt.
        let salt = number(salt) << 16;
        Self::Counter(Box::new(Counter { cipher: counter_mode(key), salt, mac, tag }))
    }

    pub(super) fn gcm(key: &[u8], salt: &[u8]) -> Self {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key).expect("suites have keys of 16 or 32 bytes");
        Self::Gcm(Gcm { key: LessSafeKey::new(key), salt: number(salt) })
    }

    /// Bytes behind the text.
    pub(super) fn trailer_bytes(&self, is_rtcp: bool, mki: Option<Mki>) -> usize {
        self.trailer(0, is_rtcp, mki).end
    }

    /// Whether the packet names our key.
    pub(super) fn is_of_key(&self, bytes: &[u8], packet: &Packet, mki: Option<Mki>) -> bool {
        let at = self.trailer(packet.end, packet.word.is_some(), mki);
        mki.is_none_or(|mki| mki.is(&bytes[at.mki..at.mki + mki.bytes()]))
    }

    /// The word behind an RTCP packet whose text ends there.
    pub(super) fn word(&self, bytes: &[u8], end: usize, mki: Option<Mki>) -> u32 {
        let at = self.trailer(end, true, mki).word;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    /// Encrypts the text, and writes all that comes behind it: the new length.
    pub(super) fn seal(&self, bytes: &mut [u8], packet: &Packet, mki: Option<Mki>) -> Result<usize, Refusal> {
        let at = self.trailer(packet.end, packet.word.is_some(), mki);
        let bytes = bytes.get_mut(..at.end).ok_or(Refusal::NoRoom)?;
        match self {
            Self::Counter(counter) => counter.seal(bytes, packet, at.tag),
            Self::Gcm(gcm) => gcm.seal(bytes, packet, at.tag),
        }
        if let Some(word) = packet.word {
            bytes[at.word..at.word + WORD].copy_from_slice(&word.to_be_bytes());
        }
        if let Some(mki) = mki {
            mki.write(&mut bytes[at.mki..at.mki + mki.bytes()]);
        }
        Ok(at.end)
    }

    /// Checks the tag and decrypts the text. After a refusal the text is worth nothing.
    pub(super) fn open(&self, bytes: &mut [u8], packet: &Packet, mki: Option<Mki>) -> Result<(), Refusal> {
        let at = self.trailer(packet.end, packet.word.is_some(), mki);
        let opened = match self {
            Self::Counter(counter) => counter.open(bytes, packet, at.tag),
            Self::Gcm(gcm) => gcm.open(bytes, packet, at.tag),
        };
        opened.map_err(|_| Refusal::Forged)
    }

    fn trailer(&self, end: usize, is_rtcp: bool, mki: Option<Mki>) -> Trailer {
        let word = if is_rtcp { WORD } else { 0 };
        let mki = mki.map_or(0, Mki::bytes);
        match self {
            Self::Counter(counter) => {
                let tag = counter.tag;
                Trailer { word: end, mki: end + word, tag: end + word + mki, end: end + word + mki + tag }
            }
            Self::Gcm(_) => {
                let behind = end + GCM_TAG;
                Trailer { tag: end, word: behind, mki: behind + word, end: behind + word + mki }
            }
        }
    }
}

impl Packet {
    fn is_encrypted(&self) -> bool {
        self.word.is_none_or(|word| word & ENCRYPTED != 0)
    }
}

impl Counter {
    fn seal(&self, bytes: &mut [u8], packet: &Packet, tag: usize) {
        keystream(&self.cipher, self.iv(packet), &mut bytes[packet.clear..packet.end]);
        let signed = self.sign(&bytes[..packet.end], packet);
        bytes[tag..tag + self.tag].copy_from_slice(&signed.as_ref()[..self.tag]);
    }

    fn open(&self, bytes: &mut [u8], packet: &Packet, tag: usize) -> Result<(), Unspecified> {
        let signed = self.sign(&bytes[..packet.end], packet);
        verify_slices_are_equal(&signed.as_ref()[..self.tag], &bytes[tag..tag + self.tag])?;
        if packet.is_encrypted() {
            keystream(&self.cipher, self.iv(packet), &mut bytes[packet.clear..packet.end]);
        }
        Ok(())
    }

    /// RFC 3711 §4.1.1: salt, source and number, and two bytes of counter.
    fn iv(&self, packet: &Packet) -> u128 {
        self.salt ^ u128::from(packet.source) << 64 ^ u128::from(packet.index) << 16
    }

    /// The HMAC of header and text, and of what says the packet's number: the rollover counter, which is not sent
    /// (RFC 3711 §4.2), or the word behind RTCP.
    fn sign(&self, bytes: &[u8], packet: &Packet) -> hmac::Tag {
        let [_, _, rollover @ .., _, _] = packet.index.to_be_bytes();
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(bytes);
        context.update(&packet.word.map_or(rollover, u32::to_be_bytes));
        context.sign()
    }
}

impl Gcm {
    fn seal(&self, bytes: &mut [u8], packet: &Packet, tag: usize) {
        let (clear, text) = bytes[..packet.end].split_at_mut(packet.clear);
        let mut room = [0; RTCP_CLEAR + WORD];
        let aad = Aad::from(associated(clear, packet, &mut room));
        let sealed = self
            .key
            .seal_in_place_separate_tag(self.nonce(packet), aad, text)
            .expect("a packet is shorter than GCM's limit");
        bytes[tag..tag + GCM_TAG].copy_from_slice(sealed.as_ref());
    }

    fn open(&self, bytes: &mut [u8], packet: &Packet, tag: usize) -> Result<(), Unspecified> {
        let nonce = self.nonce(packet);
        match packet.word {
            // RFC 7714 §9.3: what is only authenticated is all associated data; the word, too, so it moves up.
            Some(word) if !packet.is_encrypted() => {
                let mut sent = [0; GCM_TAG];
                sent.copy_from_slice(&bytes[tag..tag + GCM_TAG]);
                bytes[tag..tag + WORD].copy_from_slice(&word.to_be_bytes());
                let aad = Aad::from(&bytes[..tag + WORD]);
                self.key.open_in_place_separate_tag(nonce, aad, &sent, &mut []).map(drop)
            }
            Some(_) | None => {
                let (clear, text) = bytes[..tag + GCM_TAG].split_at_mut(packet.clear);
                let mut room = [0; RTCP_CLEAR + WORD];
                let aad = Aad::from(associated(clear, packet, &mut room));
                self.key.open_in_place(nonce, aad, text).map(drop)
            }
        }
    }

    /// RFC 7714 §8.1, §9.1: salt, source and number.
    fn nonce(&self, packet: &Packet) -> Nonce {
        let nonce = self.salt ^ u128::from(packet.source) << 48 ^ u128::from(packet.index);
        let [_, _, _, _, nonce @ ..] = nonce.to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Counter(_) => "Counter",
            Self::Gcm(_) => "Gcm",
        })
    }
}

fn number(salt: &[u8]) -> u128 {
    salt.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// What GCM authenticates beside the text: of RTP the header (RFC 7714 §8.2), of RTCP also the word (§9.2).
fn associated<'a>(clear: &'a [u8], packet: &Packet, room: &'a mut [u8; RTCP_CLEAR + WORD]) -> &'a [u8] {
    let Some(word) = packet.word else { return clear };
    room[..RTCP_CLEAR].copy_from_slice(clear);
    room[RTCP_CLEAR..].copy_from_slice(&word.to_be_bytes());
    room
}
