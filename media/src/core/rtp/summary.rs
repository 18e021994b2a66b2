//! What is told of a stream.

use ringway_router::{Codec, emodel};
use std::time::Duration;

/// What a phone takes to put voice into a packet, and its jitter buffer at the least, ms.
const PACKET_MS: f64 = 20.0;
const BUFFER_MS_MIN: f64 = 40.0;
/// A jitter buffer is as deep as so many times the jitter.
const BUFFER_PER_JITTER: f64 = 2.0;

/// The account of one stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The present source.
    pub ssrc: u32,
    /// How many there were.
    pub sources: u32,
    /// How often one counted anew.
    pub restarts: u32,
    /// Packets, without those that came twice.
    pub packets: u64,
    /// Their bytes, headers of RTP with them.
    pub bytes: u64,
    /// Numbers that never came, or more than 64 packets late.
    pub lost: u64,
    /// Those of them with a neighbor that is lost too.
    pub lost_in_bursts: u64,
    /// How many runs these make.
    pub bursts: u32,
    /// Packets that came late.
    pub reordered: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// RFC 3550 §6.4.1.
    pub jitter_ms: f64,
    /// Some of its packets are of a format that nobody described: their jitter is reckoned at 8,000 Hz.
    pub clock_assumed: bool,
    /// The longest time between two packets.
    pub gap_ms_max: u32,
    /// What the E-model takes it for; `None`: it has no value for it.
    pub codec: Option<Codec>,
}

impl Summary {
    /// The mean opinion score, 1 to 4.5, of somebody who listens here (ITU-T G.107), when this is how long it takes to the
    /// sender and back. `None`: nothing came, or the Recommendation has no value for the coding.
    #[must_use]
    pub fn mos(&self, round_trip: Option<Duration>) -> Option<f64> {
        if self.packets == 0 {
            return None;
        }
        let way_ms = round_trip.map_or(0.0, |trip| trip.as_secs_f64() * 1e3 / 2.0);
        let delay_ms = way_ms + PACKET_MS + (BUFFER_PER_JITTER * self.jitter_ms).max(BUFFER_MS_MIN);
        Some(emodel::mos(emodel::rating(self.codec?, delay_ms, self.loss())))
    }

    /// The part of the stream that is lost, 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a stream has fewer than 2^52 packets")]
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.lost + self.packets).max(1) as f64
    }
}
