//! What a node says about what it holds, so that two ends of a stream find out what one of them lacks.
//!
//! ```text
//!   one end                              other end
//!     │ Digest (16 hashes, now and then)   │
//!     │───────────────────────────────────▶│ something differs there
//!     │        List (all that I have there)│
//!     │◀───────────────────────────────────│
//!     │ what is later here; and, if something is later there, a List that is an answer
//!     │───────────────────────────────────▶│ what is later here
//! ```

use crate::{location::fingerprint::Fingerprint, mesh::ledger::Ledger};
use std::time::Duration;

/// Buckets of a digest.
pub const BUCKETS: usize = 16;

/// What somebody holds, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The XOR of hashes over (origin, incarnation, sequence), by the hash of the origin's name.
    pub buckets: [u32; BUCKETS],
    /// After so long, at the latest, comes another on this stream.
    pub next: Duration,
}

/// Everything that somebody holds in some buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Which, each below [`BUCKETS`].
    pub buckets: Vec<usize>,
    /// What.
    pub known: Vec<Known>,
    /// It answers a list, and is not to be answered by one.
    pub answer: bool,
}

/// The latest word of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The hash of its name.
    pub node: u64,
    /// Its incarnation.
    pub incarnation: u64,
    /// The sequence within it.
    pub sequence: u64,
}

/// The bucket of a node's hash.
pub(super) fn bucket(hash: u64) -> usize {
    usize::try_from(hash % BUCKETS as u64).unwrap_or_else(|_| unreachable!("it is below 16"))
}

/// The digest of a ledger.
pub(super) fn of(ledger: &Ledger) -> [u32; BUCKETS] {
    let mut buckets = [0; BUCKETS];
    for (_, held) in ledger.all() {
        let (node, (incarnation, sequence)) = (held.name, held.version());
        let mut fingerprint = Fingerprint::new();
        for number in [node, incarnation, sequence] {
            fingerprint.number(number);
        }
        let [a, b, c, d, ..] = fingerprint.finish().to_le_bytes();
        buckets[bucket(node)] ^= u32::from_le_bytes([a, b, c, d]);
    }
    buckets
}

/// The buckets in which two digests differ.
pub(super) fn differing(one: &[u32; BUCKETS], other: &[u32; BUCKETS]) -> Vec<usize> {
    (0..BUCKETS).filter(|&bucket| one[bucket] != other[bucket]).collect()
}

/// What a ledger holds in these buckets.
pub(super) fn list(ledger: &Ledger, buckets: Vec<usize>, answer: bool) -> List {
    let known = ledger.all().map(|(_, held)| {
        let (incarnation, sequence) = held.version();
        Known { node: held.name, incarnation, sequence }
    });
    let known = known.filter(|known| buckets.contains(&bucket(known.node))).collect();
    List { buckets, known, answer }
}
