//! Where the answers to a request go: back over the path on which it came, or each of the paths on which its copies
//! came.

use super::engine::Engine;
use bytes::Bytes;
use ringway_sip::{Limits, Message, Name, Peer, ServerId};
use std::time::Instant;

/// A response that goes up, as the first copy of the request wants it. It is parsed again only for the others.
#[derive(Clone)]
pub(super) struct Word {
    pub(super) code: u16,
    pub(super) bytes: Bytes,
}

impl Word {
    /// It, to be read.
    pub(super) fn message(&self) -> Message {
        match Message::parse(self.bytes.clone(), &Limits::NONE) {
            Ok(message) => message,
            Err(_) => unreachable!("a response with its top Via taken off, and another below, is still one"),
        }
    }
}

/// One server transaction of a request.
pub(super) struct Upstream {
    id: ServerId,
    /// The Via stack of this copy; `None` for the first, which is the one that is forwarded.
    vias: Option<Vec<String>>,
}

impl Upstream {
    /// Of the request that is forwarded.
    pub(super) fn first(id: ServerId) -> Self {
        Self { id, vias: None }
    }

    /// Of a copy that came over another path, from `from`.
    pub(super) fn of_copy(id: ServerId, copy: &Message, from: Peer, limits: &Limits) -> Self {
        let mut stamped = copy.edit();
        stamped.stamp_via(from.address);
        let vias = Message::parse(stamped.finish(), limits)
            .map(|copy| copy.values(Name::Via).map(str::to_owned).collect());
        let Ok(vias) = vias else {
            unreachable!("a message that was parsed is still one when its Via is stamped");
        };
        Self { id, vias: Some(vias) }
    }

    /// Answers with `word`, under the Vias of this copy.
    pub(super) fn pass(&self, engine: &mut Engine, now: Instant, word: &Word) {
        let bytes = self.dress(word);
        engine.respond(now, self.id, word.code, bytes);
    }

    fn dress(&self, word: &Word) -> Bytes {
        let Some(vias) = &self.vias else { return word.bytes.clone() };
        let message = word.message();
        let mut edit = message.edit();
        edit.remove(Name::Via);
        for via in vias.iter().rev() {
            edit.push_first(Name::Via, via);
        }
        edit.finish()
    }
}
