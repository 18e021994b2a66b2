//! The numbers of streams that come out of tunnels.

use super::super::StreamId;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// Which leg a stream number stands for. Numbers are handed out in turn, so that one which was given back stands for nothing
/// for as long as there are others.
#[derive(Debug)]
pub(super) struct Streams {
    legs: HashMap<StreamId, u32, BuildHasherDefault<Spread>>,
    worker: u32,
    bits: u32,
    next: u32,
}

impl Streams {
    /// The low `bits` of each number are those of `worker`.
    pub(super) fn new(worker: u32, bits: u32, seed: u64) -> Self {
        let bits = bits.min(16);
        let [a, b, c, d, ..] = seed.to_le_bytes();
        Self {
            legs: HashMap::default(),
            worker: worker & ((1 << bits) - 1),
            bits,
            next: u32::from_le_bytes([a, b, c, d]),
        }
    }

    /// A number for this leg. `None`: all are taken.
    pub(super) fn hand_out(&mut self, leg: u32) -> Option<StreamId> {
        for _ in 0..=self.legs.len() + 1 {
            self.next = self.next.wrapping_add(1);
            let stream = StreamId(self.next << self.bits | self.worker);
            if stream.0 != 0 && !self.legs.contains_key(&stream) {
                self.legs.insert(stream, leg);
                return Some(stream);
            }
        }
        None
    }

    pub(super) fn find(&self, stream: StreamId) -> Option<u32> {
        self.legs.get(&stream).copied()
    }

    pub(super) fn take_back(&mut self, stream: StreamId) {
        self.legs.remove(&stream);
    }
}

/// Spreads numbers that we chose ourselves; nobody outside can pile them up.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // Fibonacci hashing (Knuth, TAOCP 3 §6.4).
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_their_worker_and_come_again_late() {
        let mut streams = Streams::new(5, 3, 77);
        let one = streams.hand_out(1).unwrap();
        assert_eq!((one.0 & 7, streams.find(one)), (5, Some(1)));
        streams.take_back(one);
        assert_eq!(streams.find(one), None);
        assert!((0..1_000).all(|leg| streams.hand_out(leg) != Some(one)));
    }

    #[test]
    fn when_all_are_taken_there_is_none() {
        let mut streams = Streams::new(1, 16, 0);
        assert_eq!((0..).map_while(|leg| streams.hand_out(leg)).count(), 1 << 16);
        streams.take_back(StreamId(7 << 16 | 1));
        assert_eq!(streams.hand_out(9), Some(StreamId(7 << 16 | 1)));
    }
}
