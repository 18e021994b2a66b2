//! How the media relay beside a node is reached, as its statement says it.

/// Bytes of a public key (X25519).
pub const KEY_BYTES: usize = 32;
/// Workers of one relay.
pub const PORTS_MAX: usize = 64;
/// Receiving keys that are good at one time: the newest, and older ones that frames still come under.
pub const RECEIVING_KEYS_MAX: usize = 4;

/// See the module. Its address is that of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRelay {
    /// UDP ports, one a worker.
    pub ports: Vec<u16>,
    /// Public half: what it sends is sealed with what this and a receiving key have in common.
    pub sender_key: [u8; KEY_BYTES],
    /// Public halves of what it takes frames with, the newest last.
    pub receiving_keys: Vec<(u8, [u8; KEY_BYTES])>,
    /// Of its process.
    pub incarnation: u64,
}

impl MediaRelay {
    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn flaw(&self) -> Option<&'static str> {
        let Self { ports, receiving_keys, .. } = self;
        let twice = |at: usize| receiving_keys[..at].iter().any(|(id, _)| *id == receiving_keys[at].0);
        match () {
            () if !(1..=PORTS_MAX).contains(&ports.len()) => Some("ports"),
            () if ports.contains(&0) => Some("a port"),
            () if !(1..=RECEIVING_KEYS_MAX).contains(&receiving_keys.len()) => Some("receiving keys"),
            () if (0..receiving_keys.len()).any(twice) => Some("a key id twice"),
            () => None,
        }
    }
}
