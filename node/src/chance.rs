//! The one source of chance: keys, and seeds from the system's generator, which rooms pass on to generators of their own.

use rustls::crypto::aws_lc_rs::default_provider;

/// A seed that nobody can guess.
///
/// # Panics
/// When the system has no randomness to give: nothing that follows would be safe.
#[must_use]
pub fn seed() -> u64 {
    u64::from_le_bytes(bytes())
}

/// Bytes that nobody can guess: a key.
///
/// # Panics
/// As [`seed`].
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    assert!(default_provider().secure_random.fill(&mut bytes).is_ok(), "the system gives no randomness");
    bytes
}
