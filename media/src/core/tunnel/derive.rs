//! The keys of frames, from the keys of relays: X25519 (RFC 7748), HKDF-SHA256 (RFC 5869), AES-128-GCM.

use crate::core::RelayId;
use aws_lc_rs::{
    aead::{AES_128_GCM, LessSafeKey, UnboundKey},
    agreement::{PrivateKey, UnparsedPublicKey, X25519, agree},
    hkdf::{HKDF_SHA256, Salt},
};
use std::fmt;

/// Names the use, so that the same two keys can never be asked for the same secret by another protocol.
const SALT: &[u8] = b"ringway tunnel 1";

/// A private key and its public half.
pub(super) struct Pair {
    private: PrivateKey,
    pub(super) public: [u8; 32],
}

/// Which frames a key is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    pub(super) sender: RelayId,
    pub(super) receiver: RelayId,
    /// The receiver's key.
    pub(super) key: u8,
}

/// What seals and opens frames of one direction between two relays. Workers share it.
pub(super) struct FrameKey(pub(super) LessSafeKey);

impl Pair {
    /// From 32 bytes of chance. `None` is never seen: every 32 bytes are a private key (RFC 7748 §5).
    pub(super) fn new(seed: &[u8; 32]) -> Option<Self> {
        let private = PrivateKey::from_private_key(&X25519, seed).ok()?;
        let public = private.compute_public_key().ok()?.as_ref().try_into().ok()?;
        Some(Self { private, public })
    }

    /// The key for frames that we send to the owner of `receiving`. `None`: that is no public key of anybody.
    pub(super) fn sealing(&self, purpose: Purpose, receiving: &[u8; 32]) -> Option<FrameKey> {
        self.agreed(receiving, &info(purpose, &self.public, receiving))
    }

    /// The key for frames that the owner of `sending` sends to us. `None`: that is no public key of anybody.
    pub(super) fn opening(&self, purpose: Purpose, sending: &[u8; 32]) -> Option<FrameKey> {
        self.agreed(sending, &info(purpose, sending, &self.public))
    }

    /// Whether somebody can own this public key. Those of low order give the same secret, all zeros, with every private key
    /// (RFC 7748 §6.1).
    pub(super) fn accepts(&self, public: &[u8; 32]) -> bool {
        agree(&self.private, UnparsedPublicKey::new(&X25519, public), (), |_| Ok(())).is_ok()
    }

    fn agreed(&self, public: &[u8; 32], info: &[u8]) -> Option<FrameKey> {
        let theirs = UnparsedPublicKey::new(&X25519, public);
        let key = agree(&self.private, theirs, (), |secret| {
            let secret = Salt::new(HKDF_SHA256, SALT).extract(secret);
            secret.expand(&[info], &AES_128_GCM).map(UnboundKey::from).map_err(|_| ())
        });
        key.ok().map(|key| FrameKey(LessSafeKey::new(key)))
    }
}

/// Sender 4 · receiver 4 · key id 1 · the sender's public key 32 · the receiver's 32. The public keys are in it because
/// a number of four bytes is not an identity, and two public keys can share a secret.
fn info(purpose: Purpose, sending: &[u8; 32], receiving: &[u8; 32]) -> [u8; 73] {
    let mut info = [purpose.key; 73];
    info[..4].copy_from_slice(&purpose.sender.0.to_be_bytes());
    info[4..8].copy_from_slice(&purpose.receiver.0.to_be_bytes());
    info[9..41].copy_from_slice(sending);
    info[41..].copy_from_slice(receiving);
    info
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameKey").finish_non_exhaustive()
    }
}
