//! Calls of which a description is at the media relay. What else comes of them waits, so that no message overtakes it: a
//! BYE its ACK, an UPDATE of the callee the 183 before it. A CANCEL does not wait, and neither do answers: they stay in
//! order among themselves.

use ringway_sip::{Message, Peer, ServerId};
use std::collections::{HashMap, VecDeque};

/// Messages that may wait, of all calls. A relay answers within half a second at the latest: more is a flood.
const HELD_MAX: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(super) struct Gates {
    /// Those that are closed, by Call-ID.
    closed: HashMap<String, Gate>,
    held: usize,
}

#[derive(Default)]
struct Gate {
    /// Descriptions that are at the relay.
    out: usize,
    queue: VecDeque<Held>,
}

/// A message that waits.
pub(super) enum Held {
    Request { id: ServerId, from: Peer, request: Message },
    Ack { from: Peer, ack: Message },
}

impl Gates {
    pub(super) fn are_open(&self) -> bool {
        self.closed.is_empty()
    }

    /// Whether messages of that call have to wait.
    pub(super) fn is_closed(&self, call_id: &str) -> bool {
        !self.closed.is_empty() && self.closed.get(call_id).is_some_and(|gate| gate.out > 0)
    }

    /// A description went to the relay.
    pub(super) fn close(&mut self, call_id: &str) {
        match self.closed.get_mut(call_id) {
            Some(gate) => gate.out += 1,
            None => drop(self.closed.insert(call_id.to_owned(), Gate { out: 1, queue: VecDeque::new() })),
        }
    }

    /// One has come back.
    pub(super) fn open(&mut self, call_id: &str) {
        if let Some(gate) = self.closed.get_mut(call_id) {
            gate.out = gate.out.saturating_sub(1);
        }
    }

    /// Lets a message wait at a gate that is closed. Gives it back when too many wait.
    pub(super) fn hold(&mut self, call_id: &str, message: Held) -> Option<Held> {
        match self.closed.get_mut(call_id) {
            Some(gate) if self.held < HELD_MAX => {
                gate.queue.push_back(message);
                self.held += 1;
                None
            }
            Some(_) | None => Some(message),
        }
    }

    /// The next message of a call that may go on.
    pub(super) fn next(&mut self, call_id: &str) -> Option<Held> {
        let gate = self.closed.get_mut(call_id).filter(|gate| gate.out == 0)?;
        let next = gate.queue.pop_front();
        match next {
            Some(_) => self.held -= 1,
            None => drop(self.closed.remove(call_id)),
        }
        next
    }

    /// Takes a request out that is not wanted any more.
    pub(super) fn take(&mut self, call_id: &str, wanted: ServerId) -> Option<(Message, Peer)> {
        let queue = &mut self.closed.get_mut(call_id)?.queue;
        let place =
            queue.iter().position(|held| matches!(held, Held::Request { id, .. } if *id == wanted))?;
        self.held -= 1;
        match queue.remove(place) {
            Some(Held::Request { request, from, .. }) => Some((request, from)),
            Some(Held::Ack { .. }) | None => unreachable!("a request was found there"),
        }
    }
}
