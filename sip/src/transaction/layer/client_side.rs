//! Client transactions in the layer: their bytes, the responses that come for them, and what their machines want.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::agenda::{Alarm, Owner};
use super::matching::client_key;
use super::slab::Key;
use super::{ClientId, Layer, Output};
use crate::message::{Limits, Message, Method, ack_for, cancel_for};
use crate::peer::Peer;
use crate::transaction::action::ClientAction as Action;
use crate::transaction::client::{Client, Input};
use crate::transaction::invite_client::{Input as InviteInput, InviteClient};

/// One client transaction.
#[derive(Debug)]
pub(super) struct ClientSide {
    pub(super) to: Peer,
    pub(super) machine: Machine,
    pub(super) alarm: Alarm,
    key: Arc<[u8]>,
    /// The request while it may be needed, later the ACK if there is one.
    bytes: Bytes,
}

/// The machine of either kind.
#[derive(Debug)]
pub(super) enum Machine {
    Invite(InviteClient),
    Other(Client),
}

/// What happens to a client transaction.
pub(super) enum Event {
    Response(Message),
    Cancel,
    TransportError,
    Tick,
}

impl Layer {
    /// See [`Layer::request`].
    pub(super) fn start_client(
        &mut self,
        now: Instant,
        to: Peer,
        branch: &str,
        method: Method<'_>,
        bytes: Bytes,
    ) -> ClientId {
        client_key(branch, method, &mut self.scratch);
        let key: Arc<[u8]> = Arc::from(&self.scratch[..]);
        let machine = match method {
            Method::Invite => Machine::Invite(InviteClient::new(now, self.timing, to.transport)),
            _ => Machine::Other(Client::new(now, self.timing, to.transport)),
        };
        let client = ClientSide { to, machine, alarm: Alarm::default(), key: Arc::clone(&key), bytes };
        let id = self.clients.insert(client);
        self.connected.enter(to);
        self.client_keys.insert(key, id);
        self.carry_out_client(now, id, None);
        ClientId(id)
    }

    pub(super) fn receive_response(&mut self, now: Instant, from: Peer, message: Message) {
        client_key(message.branch(), message.method(), &mut self.scratch);
        match self.client_keys.get(&self.scratch[..]) {
            Some(&id) => {
                self.step_client(now, id, Event::Response(message));
            }
            None => self.outputs.push_back(Output::Stray { from, message }),
        }
    }

    /// Lets the machine take one step and does what it wants. Gives the CANCEL transaction that this started.
    pub(super) fn step_client(&mut self, now: Instant, id: Key, event: Event) -> Option<ClientId> {
        let client = self.clients.find_mut(id)?;
        client.machine.handle(now, &event);
        let response = match event {
            Event::Response(message) => Some(message),
            Event::Cancel | Event::TransportError | Event::Tick => None,
        };
        self.carry_out_client(now, id, response)
    }

    /// Does what the machine wants until it wants nothing more.
    fn carry_out_client(&mut self, now: Instant, id: Key, mut response: Option<Message>) -> Option<ClientId> {
        let mut canceling = None;
        while let Some(client) = self.clients.find_mut(id)
            && let Some(action) = client.machine.poll()
        {
            match action {
                Action::Send { again } => self.outputs.push_back(client.send(id, again)),
                Action::Ack { again } => {
                    if let (false, Some(response)) = (again, &response) {
                        client.bytes = client.ack(response);
                    }
                    if !client.bytes.is_empty() {
                        self.outputs.push_back(client.send(id, again));
                    }
                }
                Action::Cancel => canceling = self.start_cancel(now, id),
                Action::Pass { again } => {
                    let message = response.take().expect("a machine passes a response only when one came");
                    self.outputs.push_back(Output::Response { id: ClientId(id), message, again });
                }
                Action::TimedOut => self.outputs.push_back(Output::TimedOut { id: ClientId(id) }),
                Action::TransportFailed => {
                    self.outputs.push_back(Output::TransportFailed { id: ClientId(id) });
                }
                Action::End => {
                    self.forget_client(id);
                    self.outputs.push_back(Output::ClientEnded { id: ClientId(id) });
                }
            }
        }
        if let Some(client) = self.clients.find_mut(id) {
            client.machine.release(&mut client.bytes);
            self.agenda.note(Owner::Client(id), &mut client.alarm, client.machine.deadline());
        }
        canceling
    }

    fn start_cancel(&mut self, now: Instant, id: Key) -> Option<ClientId> {
        let client = self.clients.find(id)?;
        // What the user gave us as its INVITE; if it was none, there is nothing to cancel.
        let invite = Message::parse(client.bytes.clone(), &Limits::NONE).ok()?;
        let bytes = cancel_for(&invite);
        Some(self.start_client(now, client.to, invite.branch(), Method::Cancel, bytes))
    }

    pub(super) fn forget_client(&mut self, id: Key) {
        let Some(client) = self.clients.remove(id) else { return };
        self.connected.leave(client.to);
        if self.client_keys.get(&client.key) == Some(&id) {
            self.client_keys.remove(&client.key);
        }
    }
}

impl ClientSide {
    fn send(&self, id: Key, again: bool) -> Output {
        Output::Send { to: self.to, bytes: self.bytes.clone(), client: Some(ClientId(id)), again }
    }

    /// The ACK to `response`; empty if what the user gave us as its INVITE is none.
    fn ack(&self, response: &Message) -> Bytes {
        let invite = Message::parse(self.bytes.clone(), &Limits::NONE);
        invite.map(|invite| ack_for(&invite, response)).unwrap_or_default()
    }
}

impl Machine {
    fn handle(&mut self, now: Instant, event: &Event) {
        match (self, event) {
            (Machine::Invite(machine), Event::Response(response)) => {
                machine.handle(
                    now,
                    match response.status() {
                        Some(..200) => InviteInput::Provisional,
                        Some(200..300) => InviteInput::Success,
                        Some(300..) | None => InviteInput::Failure,
                    },
                );
            }
            (Machine::Invite(machine), Event::Cancel) => machine.handle(now, InviteInput::Cancel),
            (Machine::Invite(machine), Event::TransportError) => {
                machine.handle(now, InviteInput::TransportError);
            }
            (Machine::Invite(machine), Event::Tick) => machine.tick(now),
            (Machine::Other(machine), Event::Response(response)) => {
                let provisional = response.status().is_some_and(|status| status < 200);
                machine.handle(now, if provisional { Input::Provisional } else { Input::Final });
            }
            // RFC 3261 §9.1: only an INVITE is canceled.
            (Machine::Other(_), Event::Cancel) => {}
            (Machine::Other(machine), Event::TransportError) => machine.handle(now, Input::TransportError),
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

    /// Drops the bytes that will not be sent again.
    fn release(&self, bytes: &mut Bytes) {
        let needed = match self {
            Machine::Invite(machine) => machine.needs_bytes(),
            Machine::Other(machine) => machine.needs_bytes(),
        };
        if !needed {
            *bytes = Bytes::new();
        }
    }
}
