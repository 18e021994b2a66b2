//! The layer between transport and proxy core: it owns every transaction, finds the one that a message belongs to,
//! and wakes them in time.
//!
//! After each call, [`Layer::poll`] until it gives `None`, then wait for a datagram or for [`Layer::deadline`], whichever
//! comes first.

mod agenda;
mod client_side;
mod connected;
mod hash;
mod matching;
mod output;
mod server_side;
mod slab;

use std::collections::VecDeque;
use std::collections::hash_map::{HashMap, RandomState};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::timer::Timing;
use crate::message::{Message, Method};
use crate::peer::{Peer, Way};
use agenda::{Agenda, Entry, Owner};
use client_side::ClientSide;
use connected::Connected;
use server_side::ServerSide;
use slab::{Key, Slab};

pub use hash::Seeded;
pub use output::Output;

/// A client transaction. An id whose transaction has ended names nothing: to use it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Key);

/// A server transaction. An id whose transaction has ended names nothing: to use it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(Key);

/// All transactions of one element.
#[derive(Debug)]
pub struct Layer {
    timing: Timing,
    clients: Slab<ClientSide>,
    servers: Slab<ServerSide>,
    client_keys: HashMap<Arc<[u8]>, Key, Seeded>,
    server_keys: HashMap<Arc<[u8]>, Key, Seeded>,
    agenda: Agenda,
    connected: Connected,
    outputs: VecDeque<Output>,
    /// Where the key of the message at hand is written.
    scratch: Vec<u8>,
}

impl Layer {
    /// A layer without transactions, whose tables are seeded by the standard library. The seed shows in nothing that
    /// the layer does.
    pub fn new(timing: Timing) -> Layer {
        Layer::with_seed(timing, RandomState::new().hash_one(0_u8))
    }

    /// A layer without transactions. `seed` must be unknown to strangers: it is what keeps them from filling one
    /// bucket of the tables with branches of their choice.
    pub fn with_seed(timing: Timing, seed: u64) -> Layer {
        let seeded = Seeded::new(seed);
        Layer {
            timing,
            clients: Slab::new(),
            servers: Slab::new(),
            client_keys: HashMap::with_hasher(seeded),
            server_keys: HashMap::with_hasher(seeded),
            agenda: Agenda::default(),
            connected: Connected::new(seeded),
            outputs: VecDeque::new(),
            scratch: Vec::new(),
        }
    }

    /// Takes a message that came from `from`.
    pub fn receive(&mut self, now: Instant, from: Peer, message: Message) {
        if !message.is_request() {
            self.receive_response(now, from, message);
        } else if message.method() == Method::Ack {
            self.receive_ack(now, from, message);
        } else {
            self.receive_request(now, from, message);
        }
        self.tidy();
    }

    /// Starts a client transaction and sends `bytes`, a request with that `branch` in its top Via. The branch must be
    /// new with each request (RFC 3261 §8.1.1.7); only a CANCEL shares that of its INVITE.
    pub fn request(
        &mut self,
        now: Instant,
        to: Peer,
        branch: &str,
        method: Method<'_>,
        bytes: Bytes,
    ) -> ClientId {
        let id = self.start_client(now, to, branch, method, bytes);
        self.tidy();
        id
    }

    /// Answers a request with status `code`. `bytes` go to where RFC 3261 §18.2.2 and RFC 3581 say, maddr ignored:
    /// over a stream by the connection that brought the request.
    ///
    /// Not sent are: to a request other than INVITE, 1xx and 408 (RFC 4320; the 408 ends the transaction); and
    /// anything but 2xx after a final response.
    pub fn respond(&mut self, now: Instant, id: ServerId, code: u16, bytes: Bytes) {
        self.step_server(now, id.0, server_side::Event::Answer(code, bytes));
        self.tidy();
    }

    /// Cancels an INVITE that has no final response yet. The CANCEL is sent at once if a provisional response has
    /// come, else as soon as one comes (RFC 3261 §9.1). Gives the transaction of the CANCEL if it has been started;
    /// a later one makes itself known by its outputs only. If the INVITE has no final response 64·T1 after the
    /// CANCEL, it ends with [`Output::TimedOut`].
    pub fn cancel(&mut self, now: Instant, id: ClientId) -> Option<ClientId> {
        let started = self.step_client(now, id.0, client_side::Event::Cancel);
        self.tidy();
        started
    }

    /// The transport cannot reach `to`: every client transaction there that has no final response ends with
    /// [`Output::TransportFailed`]. If it was a connection by which requests came, their answers go another way.
    /// Looks at every transaction, unless it is a stream by which none lives.
    pub fn transport_failed(&mut self, now: Instant, to: Peer) {
        if !self.connected.may_have(to) {
            return;
        }
        let there = self.clients.iter().filter(|(_, client)| client.to == to);
        let there: Vec<Key> = there.map(|(key, _)| key).collect();
        for key in there {
            self.step_client(now, key, client_side::Event::TransportError);
        }
        if matches!(to.way, Way::Flow(_)) {
            self.redirect_answers(to);
        }
        self.tidy();
    }

    /// Forgets a client transaction without a word, not even [`Output::ClientEnded`].
    pub fn abandon_client(&mut self, id: ClientId) {
        self.forget_client(id.0);
        self.tidy();
    }

    /// Forgets a server transaction without a word, not even [`Output::ServerEnded`].
    pub fn abandon_server(&mut self, id: ServerId) {
        self.forget_server(id.0);
        self.tidy();
    }

    /// Fires every timer that is due by `now`.
    pub fn tick(&mut self, now: Instant) {
        while let Some(entry) = self.agenda.first().filter(|entry| entry.at <= now) {
            self.agenda.pop();
            match entry.owner {
                Owner::Client(key) => {
                    if let Some(client) = self.clients.find_mut(key).filter(|client| client.alarm.is(&entry))
                    {
                        client.alarm.clear();
                        self.step_client(now, key, client_side::Event::Tick);
                    }
                }
                Owner::Server(key) => {
                    if let Some(server) = self.servers.find_mut(key).filter(|server| server.alarm.is(&entry))
                    {
                        server.alarm.clear();
                        self.step_server(now, key, server_side::Event::Tick);
                    }
                }
            }
        }
        self.tidy();
    }

    /// The next thing to do or to know.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`tick`](Layer::tick) has something to do; `None` while no timer runs.
    pub fn deadline(&self) -> Option<Instant> {
        self.agenda.first().map(|entry| entry.at)
    }

    /// How many client transactions there are.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// How many server transactions there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Brings the agenda in order, so that its first entry is a deadline that holds.
    fn tidy(&mut self) {
        let live = self.clients.len() + self.servers.len();
        let (clients, servers) = (&self.clients, &self.servers);
        self.agenda.compact(live, |entry| holds(clients, servers, entry).is_some());
        while let Some(entry) = self.agenda.first() {
            let deadline = holds(&self.clients, &self.servers, &entry);
            if deadline == Some(Some(entry.at)) {
                break;
            }
            self.agenda.pop();
            if let Some(deadline) = deadline {
                self.postpone(entry.owner, deadline);
            }
        }
    }

    /// Notes a later deadline for a transaction whose entry has been taken out early.
    fn postpone(&mut self, owner: Owner, deadline: Option<Instant>) {
        let alarm = match owner {
            Owner::Client(key) => self.clients.find_mut(key).map(|client| &mut client.alarm),
            Owner::Server(key) => self.servers.find_mut(key).map(|server| &mut server.alarm),
        };
        if let Some(alarm) = alarm {
            alarm.clear();
            self.agenda.note(owner, alarm, deadline);
        }
    }
}

/// The true deadline of the owner of `entry`, or `None` if the entry is stale.
fn holds(clients: &Slab<ClientSide>, servers: &Slab<ServerSide>, entry: &Entry) -> Option<Option<Instant>> {
    match entry.owner {
        Owner::Client(key) => {
            clients.find(key).filter(|client| client.alarm.is(entry)).map(|client| client.machine.deadline())
        }
        Owner::Server(key) => {
            servers.find(key).filter(|server| server.alarm.is(entry)).map(|server| server.machine.deadline())
        }
    }
}

#[cfg(test)]
mod tests;
