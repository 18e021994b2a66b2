//! What leaves the core: packets in slots that are allocated once. The shell sends them in batches and clears the box.

use super::SocketId;
use std::net::{Ipv4Addr, SocketAddr};

/// The largest packet that is taken in or sent, bytes: an Ethernet frame's worth. What is longer is dropped and counted.
pub const PACKET_MAX: usize = 1_500;

/// Packets to be sent, in order.
#[derive(Debug)]
pub struct Outbox {
    slots: Vec<Slot>,
    used: usize,
}

/// One packet to be sent.
#[derive(Debug, Clone)]
pub struct Slot {
    /// From where.
    pub socket: SocketId,
    /// To whom.
    pub to: SocketAddr,
    length: usize,
    bytes: [u8; PACKET_MAX],
}

impl Outbox {
    /// Room for so many packets between two flushes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let empty = Slot {
            socket: SocketId(0),
            to: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            length: 0,
            bytes: [0; PACKET_MAX],
        };
        Self { slots: vec![empty; capacity], used: 0 }
    }

    /// How many packets still fit. The shell flushes before it hands in a packet when there is less room than one packet in
    /// can make (two copies and a report: [`Self::ROOM`]).
    #[must_use]
    pub fn room(&self) -> usize {
        self.slots.len() - self.used
    }

    /// As many slots as one incoming packet may fill.
    pub const ROOM: usize = 4;

    /// Puts in a packet. False: the box is full, or the packet too long; it was not taken.
    #[must_use]
    pub fn push(&mut self, socket: SocketId, to: SocketAddr, packet: &[u8]) -> bool {
        self.fill(socket, to, |bytes| {
            bytes.get_mut(..packet.len())?.copy_from_slice(packet);
            Some(packet.len())
        })
    }

    /// Puts in a packet that is written in place: `write` gets all bytes of the slot and says how many it used, or `None` to
    /// leave it. False: nothing was put in.
    #[must_use]
    pub fn fill(
        &mut self,
        socket: SocketId,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; PACKET_MAX]) -> Option<usize>,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(self.used) else { return false };
        let Some(length) = write(&mut slot.bytes).filter(|length| *length <= PACKET_MAX) else {
            return false;
        };
        (slot.socket, slot.to, slot.length) = (socket, to, length);
        self.used += 1;
        true
    }

    /// What is in it, in the order in which it came.
    #[must_use]
    pub fn packets(&self) -> &[Slot] {
        &self.slots[..self.used]
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}

impl Slot {
    /// The packet.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_box_and_a_long_packet_are_refused_and_the_rest_keeps_its_order() {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let mut outbox = Outbox::new(2);
        assert!(outbox.push(SocketId(1), to, b"one"));
        assert!(!outbox.push(SocketId(1), to, &[0; PACKET_MAX + 1]));
        assert!(!outbox.fill(SocketId(1), to, |_| None));
        assert!(outbox.push(SocketId(2), to, b"two"));
        assert!(!outbox.push(SocketId(3), to, b"three"));
        assert_eq!(outbox.packets().iter().map(Slot::bytes).collect::<Vec<_>>(), [b"one", b"two"]);
        outbox.clear();
        assert_eq!((outbox.room(), outbox.packets().len()), (2, 0));
    }
}
