//! Seals frames. Each worker has one sealer, with lanes of its own: no other counts for them.

use super::{
    count::Sent,
    derive::FrameKey,
    frame::{Frame, HEADER_BYTES, Header, TAG_BYTES},
    refusal::Refusal,
    table::Table,
};
use crate::core::{Lane, Outbox, PACKET_MAX, RelayId, SocketId};
use aws_lc_rs::aead::{Aad, Nonce};
use ringway_router::LANES_MAX;
use std::{net::SocketAddr, sync::Arc};

/// See the module.
///
/// A counter is never used twice for one lane and port of one relay, whatever becomes of the roster: where the counters of
/// a relay are forgotten, the next ones begin above all of them.
#[derive(Debug)]
pub struct Sealer {
    /// The number of its first lane.
    first_lane: u8,
    /// One a lane.
    sockets: Vec<SocketId>,
    table: Arc<Table>,
    receivers: Vec<Receiver>,
    /// No counter was as high.
    floor: u64,
}

/// The counters for one relay.
#[derive(Debug, Default)]
struct Receiver {
    id: Option<RelayId>,
    /// The next, by port, then lane.
    counters: Vec<u64>,
    /// Frames since the last time, by lane.
    sent: [u64; LANES_MAX],
}

/// The next relay of a frame, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    place: usize,
    /// Its port, one a worker.
    pub port: u8,
    /// The address of that.
    pub to: SocketAddr,
}

impl Sealer {
    /// For this worker, which sends from these sockets: one a lane, at the least one, at the most [`LANES_MAX`].
    ///
    /// # Panics
    /// Without a socket, or with too many, or with a worker that has no lanes.
    #[must_use]
    pub fn new(worker: u8, sockets: Vec<SocketId>, table: Arc<Table>) -> Self {
        assert!((1..=LANES_MAX).contains(&sockets.len()), "a worker has one to eight lanes");
        let first_lane = u8::try_from(usize::from(worker) * LANES_MAX).ok();
        let first_lane = first_lane.expect("a relay has 32 workers at the most");
        let mut sealer =
            Self { first_lane, sockets, table: Arc::clone(&table), receivers: Vec::new(), floor: 0 };
        sealer.adopt(table);
        sealer
    }

    /// Takes over new keys and relays. Counters go on, whatever the keys are.
    pub fn adopt(&mut self, table: Arc<Table>) {
        self.receivers.resize_with(table.slots.len(), Receiver::default);
        for (receiver, slot) in self.receivers.iter_mut().zip(&table.slots) {
            let id = slot.as_ref().map(|slot| slot.id);
            let counters = slot.as_ref().map_or(0, |slot| slot.ports.len() * self.sockets.len());
            if receiver.id == id && receiver.counters.len() >= counters {
                continue;
            }
            self.floor = receiver.counters.iter().copied().fold(self.floor, u64::max);
            let sent = if receiver.id == id { receiver.sent } else { [0; LANES_MAX] };
            *receiver = Receiver { id, counters: vec![self.floor; counters], sent };
        }
        self.table = table;
    }

    /// The lane of a link that this worker has for a wished one: that, or one of the fewer that it has.
    #[must_use]
    pub fn lane(&self, wished: Lane) -> Lane {
        let lanes = u8::try_from(self.sockets.len()).unwrap_or(1);
        Lane(wished.0 % lanes)
    }

    /// Where a frame goes that is printed with these hops and this port: to the next of its hops. In between it goes to the
    /// port there that is the destination's, or to one that stands for it where there are fewer, so that what belongs
    /// together stays together.
    ///
    /// # Errors
    /// When that relay is not known, or the destination has no such port.
    #[inline]
    pub fn hop(&self, frame: &Frame<'_>) -> Result<Hop, Refusal> {
        self.hop_to(frame.hops.next(), frame.port, frame.hops.is_last())
    }

    /// Writes a packet into the outbox and seals it there: `write` puts a printed body into the buffer and says how long it
    /// is.
    ///
    /// # Errors
    /// Nothing was put in, and no counter used, when the way is used up or unknown, the outbox full, or nothing written.
    #[inline]
    pub fn send(
        &mut self,
        outbox: &mut Outbox,
        hop: Hop,
        lane: Lane,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<(), Refusal> {
        let lane = self.lane(lane);
        let socket = self.sockets[usize::from(lane.0)];
        let mut result = Err(Refusal::Full);
        let sent = outbox.fill(socket, hop.to, |packet| {
            let Some(body) = write(&mut packet[HEADER_BYTES..PACKET_MAX - TAG_BYTES]) else {
                result = Err(Refusal::Length);
                return None;
            };
            result = self.seal(hop, lane, &mut packet[..HEADER_BYTES + body + TAG_BYTES]);
            result.is_ok().then_some(HEADER_BYTES + body + TAG_BYTES)
        });
        debug_assert_eq!(sent, result.is_ok());
        result
    }

    /// Frames that were sealed since the last time, for each lane of a link.
    pub fn take(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        for receiver in &mut self.receivers {
            let Some(relay) = receiver.id else { continue };
            for (lane, sent) in (0..).zip(std::mem::take(&mut receiver.sent)) {
                if sent > 0 {
                    all.push(Sent { relay, lane: Lane(lane), sent });
                }
            }
        }
        all
    }

    fn hop_to(&self, next: RelayId, port: u8, is_last: bool) -> Result<Hop, Refusal> {
        let (place, slot) = self.table.place(next).ok_or(Refusal::Unreachable)?;
        let ports = u8::try_from(slot.ports.len()).unwrap_or(u8::MAX);
        let port = if is_last { port } else { port.checked_rem(ports).unwrap_or(0) };
        let to = slot.socket(port).ok_or(Refusal::Unreachable)?;
        Ok(Hop { place, port, to })
    }

    /// Seals the body that stands between header and tag.
    #[inline]
    fn seal(&mut self, hop: Hop, lane: Lane, packet: &mut [u8]) -> Result<(), Refusal> {
        let slot = self.table.slots.get(hop.place).and_then(Option::as_ref);
        let (key, seal) = slot.and_then(|slot| slot.sealing.as_ref()).ok_or(Refusal::Unreachable)?;
        let receiver = &mut self.receivers[hop.place];
        let at = usize::from(hop.port) * self.sockets.len() + usize::from(lane.0);
        let counter = receiver.counters.get_mut(at).ok_or(Refusal::Unreachable)?;
        // The last number is never sent, so that one more than the newest is always a number.
        if *counter == u64::MAX {
            return Err(Refusal::Exhausted);
        }
        let sender = self.table.own;
        let header =
            Header { key: *key, lane: self.first_lane + lane.0, port: hop.port, sender, counter: *counter };
        *counter += 1;
        receiver.sent[usize::from(lane.0)] += 1;
        seal_in_place(seal, header, packet).ok_or(Refusal::Length)
    }
}

fn seal_in_place(key: &FrameKey, header: Header, packet: &mut [u8]) -> Option<()> {
    let (head, sealed) = packet.split_first_chunk_mut::<HEADER_BYTES>()?;
    let (body, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>()?;
    *head = header.write();
    let nonce = Nonce::assume_unique_for_key(header.nonce());
    key.0.seal_in_place_scatter(nonce, Aad::from(&*head), body, &[], tag).ok()
}

#[cfg(test)]
mod tests;
