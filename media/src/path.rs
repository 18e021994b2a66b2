//! What a worker has: the relay core, joined to the worker's sockets.

use crate::{
    core::{
        Outbox, PACKET_MAX, SocketId,
        relay::{Answered, Binder, Busy, Event, Exits, Onward, Order, Packet, Refusal, Relay, Tunnels},
        srtp,
    },
    worker::{self, DataPath, Kind, Turn},
};
use ringway_router::Time;
use std::net::SocketAddr;

/// The calls of one worker, as its data path.
#[derive(Debug)]
pub struct Path {
    relay: Relay,
    /// SRTP grows by its trailer, and the worker hands in packets without room behind them.
    room: Box<[u8; PACKET_MAX + srtp::TRAILER_MAX]>,
}

/// There are no tunnels yet: what should leave by one is dropped and counted by the relay.
struct NoTunnels;

/// The worker's sockets, as the relay wants them.
struct Ports<'a>(&'a mut dyn worker::Binder);

impl Path {
    /// A data path without calls.
    #[must_use]
    pub fn new(relay: Relay) -> Self {
        Self { relay, room: Box::new([0; PACKET_MAX + srtp::TRAILER_MAX]) }
    }

    /// Carries out an order, and closes what it leaves behind.
    ///
    /// # Errors
    /// When the relay refuses it.
    pub fn order(&mut self, order: Order<'_>, turn: &mut Turn<'_>) -> Result<Answered, Refusal> {
        let answered = self.relay.handle(turn.now, order, &mut Ports(turn.sockets));
        self.close(turn);
        answered
    }

    /// Ends what has been silent for too long.
    pub fn sweep(&mut self, turn: &mut Turn<'_>) {
        self.relay.expire(turn.now);
        self.close(turn);
    }

    /// The relay, to look at.
    pub fn relay(&mut self) -> &mut Relay {
        &mut self.relay
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        while let Some(event) = self.relay.poll() {
            match event {
                Event::Close(socket) => turn.sockets.close(socket),
                Event::Silent(_) | Event::Latched { .. } | Event::Lapsed(_) => {}
            }
        }
    }
}

impl DataPath for Path {
    fn packet(
        &mut self,
        now: Time,
        socket: SocketId,
        from: SocketAddr,
        packet: &mut [u8],
        outbox: &mut Outbox,
    ) {
        let Some(room) = self.room.get_mut(..packet.len()) else { return };
        room.copy_from_slice(packet);
        let packet = Packet { bytes: &mut self.room[..], length: packet.len() };
        // The relay counts what it drops.
        let _ = self.relay.packet(now, socket, from, packet, &mut Exits { tunnels: &mut NoTunnels, outbox });
    }

    /// What is due closes sockets, which is done between packets: see [`Path::sweep`].
    fn deadline(&self) -> Option<Time> {
        None
    }

    fn expire(&mut self, _: Time, _: &mut Outbox) {}
}

impl Tunnels for NoTunnels {
    fn send(&mut self, _: Time, _: Onward, _: &[u8], _: &mut Outbox) -> bool {
        false
    }
}

impl Binder for Ports<'_> {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        self.0.open(Kind::Port, local).map(|(socket, _)| socket).map_err(|_| Busy)
    }
}
