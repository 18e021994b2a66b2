//! What is told of moves: for the lists of paths of calls, and for the log.

use crate::core::{RelayId, relay::RouteKey, steer::Moved, tunnel::Hops};
use std::collections::VecDeque;

/// Moves that wait to be asked for.
const MOVES_MAX: usize = 256;

/// All streams of a route to one worker of a relay take another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Where the streams go.
    pub to: RelayId,
    /// To which worker there.
    pub port: u8,
    /// Which of them.
    pub route: RouteKey,
    /// The relays from now on, the destination last; `None`: no path may carry them.
    pub hops: Option<Hops>,
    /// The rest.
    pub moved: Moved,
}

/// Moves in order; the oldest give way.
#[derive(Debug, Default)]
pub(super) struct Moves {
    waiting: VecDeque<Move>,
    pub(super) dropped: u64,
}

impl Moves {
    pub(super) fn push(&mut self, one: Move) {
        if self.waiting.len() == MOVES_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(one);
    }

    pub(super) fn pop(&mut self) -> Option<Move> {
        self.waiting.pop_front()
    }
}
