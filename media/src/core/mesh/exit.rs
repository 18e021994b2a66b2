//! The way out: frames of our own, sealed into the outbox.

use crate::core::{
    Lane, Outbox, RelayId,
    tunnel::{Body, Frame, Hops, Refusal, Sealer},
};

/// A worker of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) relay: RelayId,
    /// Its port, one a worker.
    pub(super) port: u8,
}

/// See the module.
pub(super) struct Exit<'a> {
    pub(super) own: End,
    pub(super) sealer: &'a mut Sealer,
    pub(super) outbox: &'a mut Outbox,
}

impl Exit<'_> {
    /// Room for a frame.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.room() > 0
    }

    /// Sends a frame along these hops, which end at the relay of that port.
    pub(super) fn send(&mut self, hops: Hops, port: u8, lane: Lane, body: Body<'_>) -> Result<(), Refusal> {
        let frame = Frame { hops, port, origin: self.own.relay, origin_port: self.own.port, body };
        let hop = self.sealer.hop(&frame)?;
        self.sealer.send(self.outbox, hop, lane, |bytes| frame.write(bytes))
    }
}
