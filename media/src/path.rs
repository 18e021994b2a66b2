//! What a worker has: the relay core and the tunnels, joined to the worker's sockets.
//!
//! ```text
//!   port ───▶ relay ──┬──▶ port
//!                     └──▶ mesh ──▶ tunnel
//!   tunnel ─▶ mesh ─▶ relay ──────▶ port
//!                └─ not for us ───▶ tunnel
//! ```

mod trace;

use crate::{
    core::{
        Outbox, PACKET_MAX, SocketId,
        mesh::{Counts, Delivery, LinkCount, Mesh, Routes},
        relay::{
            Answered, Binder, Busy, CallReport, Event, Exits, Onward, Order, Packet, Refusal, Relay, Tunnels,
        },
        srtp,
        tunnel::Table,
    },
    worker::{self, DataPath, Kind, Turn},
};
use ringway_router::Time;
use std::{net::SocketAddr, ops::Range, sync::Arc};
use trace::{Trace, concerns};

pub use trace::{Report, Use};

/// The calls of one worker, as its data path.
#[derive(Debug)]
pub struct Path {
    relay: Relay,
    tunnels: Option<Joined>,
    trace: Trace,
    /// Calls that ended by themselves, until somebody asks.
    silent: Vec<CallReport>,
    /// SRTP grows by its trailer, and the worker hands in packets without room behind them.
    room: Box<[u8; PACKET_MAX + srtp::TRAILER_MAX]>,
}

/// The tunnels, and where they come in.
#[derive(Debug)]
struct Joined {
    mesh: Mesh,
    socket: SocketId,
}

/// What a look at the tunnels shows.
#[derive(Debug, Clone)]
pub struct Look {
    /// Of the links, since the last look.
    pub links: Vec<LinkCount>,
    /// When each receiving key was last used.
    pub keys_used: Vec<(u8, Time)>,
    /// What became of packets and frames, since the start.
    pub counts: Counts,
    /// What moved since the last look.
    pub moves: Vec<Shift>,
}

/// Calls that take another path.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Which path.
    pub to: Use,
    /// Call-ID and controller of each.
    pub calls: Vec<(String, String)>,
}

/// Where there are no tunnels, what should leave by one is dropped and counted by the relay.
struct NoTunnels;

/// The worker's sockets, as the relay wants them.
struct Ports<'a>(&'a mut dyn worker::Binder);

impl Path {
    /// A data path without calls and without tunnels.
    #[must_use]
    pub fn new(relay: Relay) -> Self {
        let room = Box::new([0; PACKET_MAX + srtp::TRAILER_MAX]);
        Self { relay, tunnels: None, trace: Trace::default(), silent: Vec::new(), room }
    }

    /// Tunnels from now on, which come in at this socket.
    pub fn join(&mut self, mesh: Mesh, socket: SocketId) {
        self.tunnels = Some(Joined { mesh, socket });
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

    /// Ends what has been silent for too long, and says what.
    pub fn sweep(&mut self, turn: &mut Turn<'_>) -> Vec<Report> {
        self.relay.expire(turn.now);
        self.close(turn);
        std::mem::take(&mut self.silent).into_iter().map(|call| self.report(call)).collect()
    }

    /// The relay, to look at.
    pub fn relay(&mut self) -> &mut Relay {
        &mut self.relay
    }

    /// With what its packets took.
    pub fn report(&mut self, call: CallReport) -> Report {
        let Some(Joined { mesh, .. }) = &mut self.tunnels else { return Report { uses: Vec::new(), call } };
        self.trace.follow(mesh);
        Report { uses: self.trace.uses(&call, mesh.table()), call }
    }

    /// Other keys, or other relays.
    pub fn adopt(&mut self, now: Time, table: Arc<Table>) {
        if let Some(joined) = &mut self.tunnels {
            joined.mesh.adopt(now, table);
        }
    }

    /// Other routes.
    pub fn steer(&mut self, now: Time, routes: Arc<Routes>) {
        if let Some(joined) = &mut self.tunnels {
            joined.mesh.steer(now, routes);
        }
    }

    /// What the tunnels show. `None`: there are none.
    pub fn look(&mut self, now: Time) -> Option<Look> {
        let mesh = &mut self.tunnels.as_mut()?.mesh;
        self.trace.follow(mesh);
        let (relay, table) = (&self.relay, mesh.table());
        let moves = self.trace.untold().map(|(one, to)| {
            let calls = relay.calls_through(|tunneled| concerns(one, tunneled, table));
            let calls = calls.map(|(id, controller)| (id.to_owned(), controller.to_owned())).collect();
            Shift { to: to.clone(), calls }
        });
        let moves = moves.collect();
        let (counts, keys_used) = (mesh.counts(), mesh.keys_used().collect());
        Some(Look { links: mesh.take_links(now), keys_used, counts, moves })
    }

    fn close(&mut self, turn: &mut Turn<'_>) {
        while let Some(event) = self.relay.poll() {
            match event {
                Event::Close(socket) => turn.sockets.close(socket),
                Event::Silent(report) => self.silent.push(*report),
                Event::Latched { .. } | Event::Lapsed(_) => {}
            }
        }
    }

    /// A datagram came by tunnel.
    fn frame(&mut self, now: Time, datagram: &mut [u8], outbox: &mut Outbox) {
        let Some(Joined { mesh, .. }) = &mut self.tunnels else { return };
        let Some(Delivery { arrival, packet }) = mesh.receive(now, datagram, outbox) else { return };
        if let Some(packet) = roomy(&mut self.room[..], datagram, packet) {
            // The relay counts what it drops.
            let _ = self.relay.arrived(now, arrival, packet, outbox);
        }
    }
}

/// A part of what came, with room behind it.
fn roomy<'a>(room: &'a mut [u8], bytes: &[u8], part: Range<usize>) -> Option<Packet<'a>> {
    let part = bytes.get(part)?;
    room.get_mut(..part.len())?.copy_from_slice(part);
    Some(Packet { bytes: room, length: part.len() })
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
        if self.tunnels.as_ref().is_some_and(|joined| joined.socket == socket) {
            return self.frame(now, packet, outbox);
        }
        let Some(packet) = roomy(&mut self.room[..], packet, 0..packet.len()) else { return };
        // The relay counts what it drops.
        let _ = match &mut self.tunnels {
            Some(Joined { mesh, .. }) => {
                self.relay.packet(now, socket, from, packet, &mut Exits { tunnels: mesh, outbox })
            }
            None => {
                self.relay.packet(now, socket, from, packet, &mut Exits { tunnels: &mut NoTunnels, outbox })
            }
        };
    }

    /// What the relay has to do closes sockets, which is done between packets: see [`Path::sweep`].
    fn deadline(&self) -> Option<Time> {
        self.tunnels.as_ref()?.mesh.deadline()
    }

    fn expire(&mut self, now: Time, outbox: &mut Outbox) {
        if let Some(joined) = &mut self.tunnels {
            joined.mesh.poll(now, outbox);
        }
    }
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
