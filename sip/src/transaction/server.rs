//! The non-INVITE server transaction (RFC 3261 §17.2.2 with RFC 4320).

use std::time::Instant;

use super::action::{Outbox, ServerAction as Action};
use super::timer::{Running, Timer, Timing, linger};
use crate::peer::Transport;

/// ```text
///        request: to the user
///                |
///                v
///           +--------+
///           | Trying |<--+ request: nothing
///           +--------+---+ 1xx from the user: nothing
///                | 200-699 from the user: send
///                v
///         +-----------+
///         | Completed |<--+ request: send again
///         +-----------+---+
///                | J
///                v
///         +------------+
///         | Terminated |
///         +------------+
/// ```
///
/// RFC 3261 has a state Proceeding between the first two. RFC 4320 §4.1 forbids the provisional responses that would
/// lead there (all but a very late 100), so it has no door here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    state: State,
    timing: Timing,
    transport: Transport,
    timers: Running,
    outbox: Outbox<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Completed,
    Terminated,
}

/// What can happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A copy of the request.
    Request,
    /// The user answers 1xx.
    Provisional,
    /// The user answers 200 or above, other than 408.
    Final,
    /// The user answers 408.
    Timeout,
    TimerJ,
}

impl Server {
    /// Starts the transaction; the request is with the user.
    pub(crate) fn new(timing: Timing, transport: Transport) -> Server {
        Server { state: State::Trying, timing, transport, timers: Running::default(), outbox: Outbox::new() }
    }

    /// Takes one step.
    #[expect(
        clippy::match_same_arms,
        reason = "the table reads by state, and each silence has its own reason"
    )]
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        use Input::{Final, Provisional, Request, Timeout, TimerJ};
        use State::{Completed, Terminated, Trying};
        match (self.state, input) {
            // RFC 3261 §17.2.2: a copy is dropped until there is an answer.
            (Trying, Request) => {}
            // RFC 4320 §4.1: no provisional response.
            (Trying, Provisional) => {}
            (Trying, Final) => self.complete(now),
            // RFC 4320 §4.2: the client has given up by itself, a 408 would only be a stray.
            (Trying, Timeout) => self.end(),
            (Completed, Request) => self.outbox.push(Action::SendAgain),
            (Completed, TimerJ) => self.end(),
            // Too late: the first final response counts.
            (Completed, Provisional | Final | Timeout) => {}
            (Terminated, Request | Provisional | Final | Timeout | TimerJ) => {}
            // J runs in Completed only.
            (Trying, TimerJ) => {}
        }
    }

    /// Takes the steps of all timers that have fired by `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(timer) = self.timers.fired(now) {
            assert!(timer == Timer::J, "a non-INVITE server starts no timer but J");
            self.handle(now, Input::TimerJ);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.outbox.pop()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Whether the last response may have to be sent again.
    pub(crate) fn needs_response(&self) -> bool {
        self.state == State::Completed
    }

    fn complete(&mut self, now: Instant) {
        self.enter(State::Completed);
        self.outbox.push(Action::Send);
        match linger(self.transport, self.timing.patience()) {
            Some(wait) => self.timers.start(Timer::J, now + wait),
            None => self.end(),
        }
    }

    fn end(&mut self) {
        self.enter(State::Terminated);
        self.outbox.push(Action::End);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.timers.stop();
    }
}

#[cfg(test)]
mod tests;
