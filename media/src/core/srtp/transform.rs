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
    Counter { cipher: EncryptingKey, salt: u128, mac: hmac::Key, tag: usize },
    Gcm { key: LessSafeKey, salt: u128 },
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
    /// A tag is as many bytes of the HMAC.
    pub(super) fn counter(key: &[u8], salt: &[u8], auth: &[u8; AUTH_BYTES], tag: usize) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth);
        // RFC 3711 §4.1.1: two bytes of counter follow the salt.
        Self::Counter { cipher: counter_mode(key), salt: number(salt) << 16, mac, tag }
    }

    pub(super) fn gcm(key: &[u8], salt: &[u8]) -> Self {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key).expect("suites have keys of 16 or 32 bytes");
        Self::Gcm { key: LessSafeKey::new(key), salt: number(salt) }
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
            Self::Counter { cipher, mac, tag, .. } => {
                keystream(cipher, self.nonce(packet), &mut bytes[packet.clear..packet.end]);
                let signed = authenticate(mac, &bytes[..packet.end], packet);
                bytes[at.tag..at.tag + tag].copy_from_slice(&signed.as_ref()[..*tag]);
            }
            Self::Gcm { key, .. } => {
                let (clear, text) = bytes[..packet.end].split_at_mut(packet.clear);
                let mut room = [0; RTCP_CLEAR + WORD];
                let aad = Aad::from(associated(clear, packet, &mut room));
                let tag = key
                    .seal_in_place_separate_tag(gcm_nonce(self.nonce(packet)), aad, text)
                    .expect("a packet is shorter than GCM's limit");
                bytes[at.tag..at.tag + GCM_TAG].copy_from_slice(tag.as_ref());
            }
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
        let is_encrypted = packet.word.is_none_or(|word| word & ENCRYPTED != 0);
        match self {
            Self::Counter { cipher, mac, tag, .. } => {
                let signed = authenticate(mac, &bytes[..packet.end], packet);
                verify_slices_are_equal(&signed.as_ref()[..*tag], &bytes[at.tag..at.tag + tag])
                    .map_err(|_| Refusal::Forged)?;
                if is_encrypted {
                    keystream(cipher, self.nonce(packet), &mut bytes[packet.clear..packet.end]);
                }
                Ok(())
            }
            Self::Gcm { key, .. } => {
                let nonce = gcm_nonce(self.nonce(packet));
                let opened = match packet.word {
                    // RFC 7714 §9.3: what is only authenticated is all associated data; the word, too, so it moves up.
                    Some(word) if !is_encrypted => {
                        let mut tag = [0; GCM_TAG];
                        tag.copy_from_slice(&bytes[at.tag..at.tag + GCM_TAG]);
                        bytes[at.tag..at.tag + WORD].copy_from_slice(&word.to_be_bytes());
                        let aad = Aad::from(&bytes[..at.tag + WORD]);
                        key.open_in_place_separate_tag(nonce, aad, &tag, &mut []).map(drop)
                    }
                    Some(_) | None => {
                        let (clear, text) = bytes[..at.tag + GCM_TAG].split_at_mut(packet.clear);
                        let mut room = [0; RTCP_CLEAR + WORD];
                        let aad = Aad::from(associated(clear, packet, &mut room));
                        key.open_in_place(nonce, aad, text).map(drop)
                    }
                };
                opened.map_err(|_| Refusal::Forged)
            }
        }
    }

    fn trailer(&self, end: usize, is_rtcp: bool, mki: Option<Mki>) -> Trailer {
        let word = if is_rtcp { WORD } else { 0 };
        let mki = mki.map_or(0, Mki::bytes);
        match self {
            Self::Counter { tag, .. } => Trailer {
                word: end,
                mki: end + word,
                tag: end + word + mki,
                end: end + word + mki + tag,
            },
            Self::Gcm { .. } => Trailer {
                tag: end,
                word: end + GCM_TAG,
                mki: end + GCM_TAG + word,
                end: end + GCM_TAG + word + mki,
            },
        }
    }

    /// The salt with the source and the number added.
    fn nonce(&self, packet: &Packet) -> u128 {
        let (source, index) = (u128::from(packet.source), u128::from(packet.index));
        match self {
            // RFC 3711 §4.1.1.
            Self::Counter { salt, .. } => salt ^ source << 64 ^ index << 16,
            // RFC 7714 §8.1, §9.1.
            Self::Gcm { salt, .. } => salt ^ source << 48 ^ index,
        }
    }
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Counter { .. } => "Counter",
            Self::Gcm { .. } => "Gcm",
        })
    }
}

fn number(salt: &[u8]) -> u128 {
    salt.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn gcm_nonce(nonce: u128) -> Nonce {
    let [_, _, _, _, nonce @ ..] = nonce.to_be_bytes();
    Nonce::assume_unique_for_key(nonce)
}

/// The HMAC of header and text, and what authenticates the packet's number: the rollover counter, which is not sent
/// (RFC 3711 §4.2), or the word behind RTCP.
fn authenticate(mac: &hmac::Key, bytes: &[u8], packet: &Packet) -> hmac::Tag {
    let rollover = [2, 3, 4, 5].map(|at| packet.index.to_be_bytes()[at]);
    let mut context = hmac::Context::with_key(mac);
    context.update(bytes);
    context.update(&packet.word.map_or(rollover, u32::to_be_bytes));
    context.sign()
}

/// What GCM authenticates beside the text: of RTP the header (RFC 7714 §8.2), of RTCP also the word (§9.2).
fn associated<'a>(clear: &'a [u8], packet: &Packet, room: &'a mut [u8; RTCP_CLEAR + WORD]) -> &'a [u8] {
    let Some(word) = packet.word else { return clear };
    room[..RTCP_CLEAR].copy_from_slice(clear);
    room[RTCP_CLEAR..].copy_from_slice(&word.to_be_bytes());
    room
}
