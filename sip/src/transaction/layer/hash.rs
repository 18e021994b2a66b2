//! Hashing of transaction keys, and of others, whose bytes strangers choose: a polynomial over the field of 2^61 − 1 elements at a secret
//! point (Carter and Wegman, "Universal classes of hash functions", 1979). Whoever does not know the point cannot make
//! two keys of n bytes collide but with probability n / 2^61, whatever is tried; and seven bytes cost one multiplication.

use std::hash::{BuildHasher, Hasher};

/// The field: 2^61 − 1 is prime.
const PRIME: u64 = (1 << 61) - 1;

const SEVEN_BYTES: u64 = (1 << 56) - 1;

/// Makes hashers that agree, from one seed: for tables whose keys strangers choose, at a tenth of what the standard library's
/// costs. The seed must be unknown to them.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    /// The secret point, in 1..[`PRIME`].
    point: u64,
    /// An odd number that spreads the sum over all 64 bits.
    spread: u64,
}

impl Seeded {
    /// The hashers of this seed.
    pub fn new(seed: u64) -> Seeded {
        let point = mix(seed) % (PRIME - 1) + 1;
        Seeded { point, spread: mix(!seed) | 1 }
    }
}

impl BuildHasher for Seeded {
    type Hasher = Polynomial;

    fn build_hasher(&self) -> Polynomial {
        Polynomial { key: *self, sum: 0 }
    }
}

/// The sum of what has been written.
#[derive(Clone, Debug)]
pub struct Polynomial {
    key: Seeded,
    /// Below [`PRIME`].
    sum: u64,
}

impl Polynomial {
    /// `(sum + word) · point`, for a word below [`PRIME`].
    fn add(&mut self, word: u64) {
        let product = u128::from(reduce(self.sum + word)) * u128::from(self.key.point);
        // 2^61 is 1 in this field, so the upper part is added to the lower.
        self.sum = reduce((low(product) & PRIME) + low(product >> 61));
    }
}

impl Hasher for Polynomial {
    fn write(&mut self, bytes: &[u8]) {
        // Seven bytes a word keep it below the prime; the length tells trailing zeros apart.
        let mut rest = bytes;
        while let Some(&eight) = rest.first_chunk() {
            self.add(u64::from_le_bytes(eight) & SEVEN_BYTES);
            rest = &rest[7..];
        }
        let last = rest.iter().rfold(0, |word, &byte| word << 8 | u64::from(byte));
        self.add(last);
        self.add(bytes.len() as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number & SEVEN_BYTES);
        self.add(number >> 56);
    }

    fn write_usize(&mut self, number: usize) {
        self.write(&number.to_le_bytes());
    }

    /// The table takes both ends of the number, and a multiplication fills the upper one only.
    fn finish(&self) -> u64 {
        let product = u128::from(self.sum) * u128::from(self.key.spread);
        low(product) ^ low(product >> 64)
    }
}

/// The remainder of a number below twice [`PRIME`].
fn reduce(number: u64) -> u64 {
    if number >= PRIME { number - PRIME } else { number }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn low(product: u128) -> u64 {
    product as u64
}

/// The finalizer of SplitMix64: a bijection in which every bit of the seed moves every bit of the result.
fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn hash(seed: u64, bytes: &[u8]) -> u64 {
        Seeded::new(seed).hash_one(bytes)
    }

    #[test]
    fn one_seed_agrees_with_itself_and_two_do_not() {
        assert_eq!(hash(1, b"INVITE\0z9hG4bK1\0"), hash(1, b"INVITE\0z9hG4bK1\0"));
        assert_ne!(hash(1, b"INVITE\0z9hG4bK1\0"), hash(2, b"INVITE\0z9hG4bK1\0"));
    }

    #[test]
    fn length_and_order_count() {
        let keys: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"ab", b"ba", b"abcdefg", b"abcdefg\0"];
        let hashes: HashSet<_> = keys.map(|key| hash(7, key)).into();
        assert_eq!(hashes.len(), keys.len());
    }

    /// Branches as elements make them, which differ in a few digits: both ends of the number must tell them apart.
    #[test]
    fn similar_branches_spread_over_both_ends() {
        const BUCKETS: u64 = 1 << 12;
        for seed in [0, 1, u64::MAX] {
            let hashes = (0..BUCKETS).map(|n| hash(seed, format!("INVITE\0z9hG4bK-{n:08}\0").as_bytes()));
            let hashes: Vec<_> = hashes.collect();
            for end in [|hash: u64| hash % BUCKETS, |hash: u64| hash >> 52] {
                let used = hashes.iter().map(|&hash| end(hash)).collect::<HashSet<_>>().len() as u64;
                // Thrown by chance, 4,096 keys meet 63 % of 4,096 buckets.
                assert!(used > BUCKETS / 2, "{used} buckets used with seed {seed}");
            }
        }
    }
}
