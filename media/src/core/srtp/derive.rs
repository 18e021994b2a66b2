//! The keys of a session, from the master key (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11), with a key derivation rate of 0.

use super::{Master, Mki, transform::Transform};
use aws_lc_rs::{
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// Bytes of the key of HMAC-SHA1 (RFC 3711 §5.2).
pub(super) const AUTH_BYTES: usize = 20;

/// What a master key becomes: one transform for each of the two protocols.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) rtp: Transform,
    pub(super) rtcp: Transform,
    pub(super) mki: Option<Mki>,
}

/// What a derived key is for (RFC 3711 §4.3.1, §4.3.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Label {
    RtpKey = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
}

impl Keys {
    pub(super) fn derive(master: &Master) -> Self {
        let suite = master.suite();
        let deriver = Deriver::new(master);
        let transform = |key: Label, auth: Label, salt: Label, tag: usize| {
            let (mut key_bytes, mut salt_bytes) = ([0; 32], [0; 14]);
            let key_bytes = &mut key_bytes[..suite.key_bytes()];
            let salt_bytes = &mut salt_bytes[..suite.salt_bytes()];
            deriver.fill(key, key_bytes);
            deriver.fill(salt, salt_bytes);
            if suite.is_gcm() {
                return Transform::gcm(key_bytes, salt_bytes);
            }
            let mut auth_bytes = [0; AUTH_BYTES];
            deriver.fill(auth, &mut auth_bytes);
            Transform::counter(key_bytes, salt_bytes, &auth_bytes, tag)
        };
        Self {
            rtp: transform(Label::RtpKey, Label::RtpAuth, Label::RtpSalt, suite.tag_bytes()),
            rtcp: transform(Label::RtcpKey, Label::RtcpAuth, Label::RtcpSalt, suite.rtcp_tag_bytes()),
            mki: master.mki,
        }
    }
}

/// AES in counter mode, keyed with the master key: its keystream is the derived keys.
pub(super) struct Deriver {
    cipher: EncryptingKey,
    salt: u128,
}

impl Deriver {
    pub(super) fn new(master: &Master) -> Self {
        // RFC 7714 §11: the salt of GCM has 12 bytes, and two of zero after it make 14.
        let mut salt = [0; 16];
        salt[..master.salt().len()].copy_from_slice(master.salt());
        Self { cipher: counter_mode(master.key()), salt: u128::from_be_bytes(salt) }
    }

    pub(super) fn fill(&self, label: Label, out: &mut [u8]) {
        out.fill(0);
        // RFC 3711 §4.3.1: the label stands 6 bytes from the end of the salt, before an index that is always 0 here; two
        // bytes follow for the counter.
        let iv = self.salt ^ (label as u128) << 64;
        keystream(&self.cipher, iv, out);
    }
}

/// AES in counter mode with a key of 16 or 32 bytes.
pub(super) fn counter_mode(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("suites have keys of 16 or 32 bytes");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// Adds the keystream that begins at `iv`.
pub(super) fn keystream(cipher: &EncryptingKey, iv: u128, text: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(iv.to_be_bytes()));
    cipher.less_safe_encrypt(text, context).expect("counter mode takes 16 bytes of IV and any text");
}
