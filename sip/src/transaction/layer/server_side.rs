//! Server transactions in the layer: the requests that come for them, their last answer, and what their machines
//! want.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::agenda::{Alarm, Owner};
use super::matching::server_key;
use super::slab::Key;
use super::{Layer, Output, ServerId};
use crate::message::{Message, Method};
use crate::peer::Peer;
use crate::transaction::action::ServerAction as Action;
use crate::transaction::invite_server::{Input as InviteInput, InviteServer};
use crate::transaction::server::{Input, Server};

/// One server transaction.
#[derive(Debug)]
pub(super) struct ServerSide {
    pub(super) machine: Machine,
    pub(super) alarm: Alarm,
    key: Arc<[u8]>,
    reply_to: Peer,
    /// The port of sent-by: where a new connection is opened when that of the request is gone.
    port: u16,
    /// The last response while it may be needed.
    last: Bytes,
}

/// The machine of either kind.
#[derive(Debug)]
pub(super) enum Machine {
    Invite(InviteServer),
    Other(Server),
}

/// What happens to a server transaction.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub(super) enum Event {
    /// A copy of the request.
    Copy,
    Ack(Peer, Message),
    Answer(u16, Bytes),
    Tick,
}

impl Layer {
    pub(super) fn receive_request(&mut self, now: Instant, from: Peer, message: Message) {
        server_key(&message, message.method(), &mut self.scratch);
        if let Some(&id) = self.server_keys.get(&self.scratch[..]) {
            self.step_server(now, id, Event::Copy);
            return;
        }
        let id = ServerId(self.start_server(from, &message));
        let output = if message.method() == Method::Cancel {
            server_key(&message, Method::Invite, &mut self.scratch);
            let invite = self.server_keys.get(&self.scratch[..]).copied().map(ServerId);
            Output::Cancel { id, invite, from, message }
        } else {
            Output::Request { id, from, message }
        };
        self.outputs.push_back(output);
    }

    pub(super) fn receive_ack(&mut self, now: Instant, from: Peer, message: Message) {
        // RFC 3261 §17.2.3: the ACK to a failure has the branch of its INVITE; the ACK to a 2xx has one of its own.
        server_key(&message, Method::Invite, &mut self.scratch);
        match self.server_keys.get(&self.scratch[..]) {
            Some(&id) => self.step_server(now, id, Event::Ack(from, message)),
            None => self.outputs.push_back(Output::Ack { from, message }),
        }
    }

    /// Makes the transaction whose key stands in the scratch buffer.
    fn start_server(&mut self, from: Peer, request: &Message) -> Key {
        let key: Arc<[u8]> = Arc::from(&self.scratch[..]);
        let machine = match request.method() {
            Method::Invite => Machine::Invite(InviteServer::new(self.timing, from.transport)),
            _ => Machine::Other(Server::new(self.timing, from.transport)),
        };
        let reply_to = reply_to(request, from);
        let id = self.servers.insert(ServerSide {
            machine,
            alarm: Alarm::default(),
            key: Arc::clone(&key),
            reply_to,
            port: request.via().port.unwrap_or(from.transport.default_port()),
            last: Bytes::new(),
        });
        self.connected.enter(reply_to);
        self.server_keys.insert(key, id);
        id
    }

    /// Lets the machine take one step and does what it wants.
    pub(super) fn step_server(&mut self, now: Instant, id: Key, event: Event) {
        let Some(server) = self.servers.find_mut(id) else { return };
        server.machine.handle(now, &event);
        let (mut ack, mut answer) = (None, None);
        match event {
            Event::Ack(from, message) => ack = Some((from, message)),
            Event::Answer(_, bytes) => answer = Some(bytes),
            Event::Copy | Event::Tick => {}
        }
        while let Some(server) = self.servers.find_mut(id)
            && let Some(action) = server.machine.poll()
        {
            match action {
                Action::Send => {
                    server.last = answer.take().expect("a machine sends only what the user has just given");
                    self.outputs.push_back(server.send(false));
                }
                Action::SendAgain => self.outputs.push_back(server.send(true)),
                Action::PassAck => {
                    let (from, message) = ack.take().expect("a machine passes an ACK only when one came");
                    self.outputs.push_back(Output::Ack { from, message });
                }
                Action::Unacknowledged => self.outputs.push_back(Output::Unacknowledged { id: ServerId(id) }),
                Action::End => {
                    self.forget_server(id);
                    self.outputs.push_back(Output::ServerEnded { id: ServerId(id) });
                }
            }
        }
        if let Some(server) = self.servers.find_mut(id) {
            server.machine.release(&mut server.last);
            self.agenda.note(Owner::Server(id), &mut server.alarm, server.machine.deadline());
        }
    }

    /// The connection by which requests came is gone. RFC 3261 §18.2.2: their answers go to the source address, by a
    /// connection of our own to the port of sent-by; the last one at once, for it may have been lost.
    pub(super) fn redirect_answers(&mut self, gone: Peer) {
        for server in self.servers.iter_mut().filter(|server| server.reply_to == gone) {
            let address = SocketAddr::new(gone.address.ip(), server.port);
            server.reply_to = Peer::new(gone.transport, address);
            self.connected.leave(gone);
            self.connected.enter(server.reply_to);
            if !server.last.is_empty() {
                self.outputs.push_back(server.send(true));
            }
        }
    }

    pub(super) fn forget_server(&mut self, id: Key) {
        if let Some(server) = self.servers.remove(id) {
            self.connected.leave(server.reply_to);
            self.server_keys.remove(&server.key);
        }
    }
}

/// Where the answers to a request go: by the connection that brought it (RFC 3261 §18.2.2), or as its Via says.
fn reply_to(request: &Message, from: Peer) -> Peer {
    if from.transport.is_reliable() { from } else { Peer::udp(request.via().reply_to(from.address)) }
}

impl ServerSide {
    fn send(&self, again: bool) -> Output {
        Output::Send { to: self.reply_to, bytes: self.last.clone(), client: None, again }
    }
}

impl Machine {
    fn handle(&mut self, now: Instant, event: &Event) {
        match (self, event) {
            (Machine::Invite(machine), Event::Copy) => machine.handle(now, InviteInput::Invite),
            (Machine::Invite(machine), Event::Ack(..)) => machine.handle(now, InviteInput::Ack),
            (Machine::Invite(machine), Event::Answer(code, _)) => {
                machine.handle(
                    now,
                    match code {
                        ..200 => InviteInput::Provisional,
                        200..300 => InviteInput::Success,
                        300.. => InviteInput::Failure,
                    },
                );
            }
            (Machine::Invite(machine), Event::Tick) => machine.tick(now),
            (Machine::Other(machine), Event::Copy) => machine.handle(now, Input::Request),
            // An ACK is looked up under INVITE only.
            (Machine::Other(_), Event::Ack(..)) => {
                unreachable!("an ACK never reaches a non-INVITE transaction")
            }
            (Machine::Other(machine), Event::Answer(code, _)) => {
                machine.handle(
                    now,
                    match code {
                        ..200 => Input::Provisional,
                        408 => Input::Timeout,
                        200.. => Input::Final,
                    },
                );
            }
            (Machine::Other(machine), Event::Tick) => machine.tick(now),
        }
    }

    fn poll(&mut self) -> Option<Action> {
        match self {
            Machine::Invite(machine) => machine.poll(),
            Machine::Other(machine) => machine.poll(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Machine::Invite(machine) => machine.deadline(),
            Machine::Other(machine) => machine.deadline(),
        }
    }

    /// Drops the response that will not be sent again.
    fn release(&self, last: &mut Bytes) {
        let needed = match self {
            Machine::Invite(machine) => machine.needs_response(),
            Machine::Other(machine) => machine.needs_response(),
        };
        if !needed {
            *last = Bytes::new();
        }
    }
}
