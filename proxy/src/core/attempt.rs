//! One way on which a request was sent on, and what came of it.

use super::{
    engine::{Engine, Key, Timer},
    plan::{Hop, Leg},
};
use ringway_sip::{ClientId, Peer};
use std::time::Instant;

/// One client transaction of a request.
pub(super) struct Attempt {
    pub(super) id: ClientId,
    /// The branch that it is of.
    pub(super) of: usize,
    /// The next element.
    pub(super) to: Peer,
    pub(super) hop: Hop,
    pub(super) sent: Instant,
    /// When its first answer is late; `None` where nobody else could be asked.
    late_at: Option<Instant>,
    /// The next element has said something.
    pub(super) heard: bool,
    /// The request has been sent again (Karn's rule).
    pub(super) repeated: bool,
    /// There was a final response, or there will be none.
    pub(super) done: bool,
    /// Another edge element was asked in its place: only a 2xx of this one counts any more.
    pub(super) given_up: bool,
    /// The leg again, for when the peer does not take the stream that so long a message should go over.
    pub(super) datagram: Option<Leg>,
}

/// Why an attempt ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Timer B or F, or 64·T1 after a CANCEL.
    TimedOut,
    /// The transport could not send the request.
    Unreachable,
}

impl Attempt {
    pub(super) fn new(
        id: ClientId,
        of: usize,
        to: Peer,
        hop: Hop,
        sent: Instant,
        late_at: Option<Instant>,
    ) -> Self {
        let (heard, repeated, done, given_up) = (false, false, false, false);
        Self { id, of, to, hop, sent, late_at, heard, repeated, done, given_up, datagram: None }
    }

    /// The deadline after which another path is tried as well.
    pub(super) fn hedge(&self, key: Key, n: usize) -> Option<(Instant, Key, Timer)> {
        self.late_at.map(|at| (at, key, Timer::Hedge(n)))
    }

    /// Takes the deadlines back.
    pub(super) fn stop_timers(&self, engine: &mut Engine, key: Key, n: usize) {
        engine.deadlines.remove(&self.silence(engine, key, n));
        if let Some(hedge) = self.hedge(key, n) {
            engine.deadlines.remove(&hedge);
        }
    }

    /// Whether the answer may still come from here.
    pub(super) fn is_pending(&self) -> bool {
        !self.done && !self.given_up
    }

    /// The deadline for the first word of the next element.
    pub(super) fn silence(&self, engine: &Engine, key: Key, n: usize) -> (Instant, Key, Timer) {
        let patience = match self.hop {
            Hop::Mesh(..) => engine.site.hop_timeout,
            Hop::Sibling | Hop::Edge | Hop::Flow => engine.site.edge_timeout,
        };
        (self.sent + patience, key, Timer::Silence(n))
    }
}
