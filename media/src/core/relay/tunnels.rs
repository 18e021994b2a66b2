//! The seam to the tunnels: where packets for other regions leave, and how they are named there.

use super::super::{Outbox, RelayId, StreamId};
use ringway_router::Time;

/// Which row of the steering table a stream follows. The shell numbers (region, class, rules) and keeps the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteKey(pub u32);

/// What a frame says beside its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onward {
    /// The relay that numbered the stream.
    pub to: RelayId,
    /// Its number there.
    pub stream: StreamId,
    /// Which way it goes.
    pub route: RouteKey,
    /// RTCP, not RTP.
    pub rtcp: bool,
}

/// Where packets for other regions go.
pub trait Tunnels {
    /// Seals a packet and puts its frames into the box: one, or two over independent paths. False: no way leads there, or
    /// the box is full.
    fn send(&mut self, now: Time, frame: Onward, packet: &[u8], outbox: &mut Outbox) -> bool;
}
