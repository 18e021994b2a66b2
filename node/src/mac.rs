//! Message authentication with a shared key: HMAC-SHA-256 (RFC 2104), cut to 16 bytes as in RFC 8762 §4.4.

use aws_lc_rs::hmac;
use rustls::crypto::aws_lc_rs::default_provider;
use std::fmt;

/// Length of a key.
pub const KEY_BYTES: usize = 16;
/// Length of what is put on a message.
pub const MAC_BYTES: usize = 16;

/// A key. Whoever has it can write and check.
#[derive(Clone)]
pub struct Mac {
    key: hmac::Key,
}

/// Bytes for a key that nobody can guess.
///
/// # Panics
/// When the system has no randomness to give: nothing that follows would be safe.
#[must_use]
pub fn key() -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    assert!(default_provider().secure_random.fill(&mut bytes).is_ok(), "the system gives no randomness");
    bytes
}

impl Mac {
    /// From its bytes.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// What belongs on a message of that kind. Kinds keep a message of one from being taken for another.
    #[must_use]
    pub fn of(&self, kind: u8, message: &[u8]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[kind]);
        context.update(message);
        let mut mac = [0; MAC_BYTES];
        mac.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        mac
    }

    /// Whether that is what belongs on the message; takes the same time wherever they differ.
    #[must_use]
    pub fn fits(&self, kind: u8, message: &[u8], mac: &[u8]) -> bool {
        mac.len() == MAC_BYTES
            && self.of(kind, message).iter().zip(mac).fold(0, |all, (ours, theirs)| all | (ours ^ theirs))
                == 0
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_kind_or_message_does_not_fit() {
        let (mac, other) = (Mac::new(&[7; KEY_BYTES]), Mac::new(&key()));
        let of = mac.of(1, b"a probe");
        assert!(mac.fits(1, b"a probe", &of));
        assert!(!other.fits(1, b"a probe", &of));
        assert!(!mac.fits(2, b"a probe", &of));
        assert!(!mac.fits(1, b"a prob", &of));
        assert!(!mac.fits(1, b"a probe", &of[..15]) && !mac.fits(1, b"a probe", &[]));
    }
}
