//! TCP as the simulated mesh has it: in order, late when packets are lost, stuck while the link is cut, and then as patient
//! as its timers have become.

use ringway_proxy::mesh::{flood::Word, stream::StreamId};
use std::collections::VecDeque;

const RTO_US: u64 = 200_000;
const RTO_US_MAX: u64 = 60_000_000;

/// One stream; `ends[0]` opened it.
pub(crate) struct Stream {
    pub(crate) ends: [End; 2],
    pub(crate) ways: [Way; 2],
}

/// One node's end.
pub(crate) struct End {
    pub(crate) node: usize,
    pub(crate) id: StreamId,
    pub(crate) open: bool,
}

/// One direction: from the end of the same number to the other.
#[derive(Default)]
pub(crate) struct Way {
    pub(crate) queue: VecDeque<(u64, Word)>,
    last_us: u64,
    rto_us: u64,
}

impl Way {
    /// Puts a word on the way; when it arrives, if nothing happens to the link.
    pub(crate) fn push(&mut self, now_us: u64, delay_us: u64, is_lost: bool, word: Word) -> u64 {
        let resent = if is_lost { RTO_US + 2 * delay_us } else { 0 };
        let at_us = (now_us + delay_us + resent).max(self.last_us);
        self.last_us = at_us;
        self.queue.push_back((at_us, word));
        at_us
    }

    /// The link was found cut: when TCP tries again.
    pub(crate) fn retry(&mut self, now_us: u64) -> u64 {
        self.rto_us = (self.rto_us * 2).clamp(RTO_US, RTO_US_MAX);
        now_us + self.rto_us
    }

    /// What has arrived by now.
    pub(crate) fn pop(&mut self, now_us: u64) -> Option<Word> {
        self.rto_us = 0;
        let is_due = self.queue.front().is_some_and(|(at_us, _)| *at_us <= now_us);
        if is_due { self.queue.pop_front().map(|(_, word)| word) } else { None }
    }
}
