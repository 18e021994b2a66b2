//! The non-INVITE client transaction (RFC 3261 §17.1.2).

use std::time::{Duration, Instant};

use super::action::{ClientAction as Action, Outbox};
use super::timer::{Running, Timer, Timing, linger};
use crate::peer::Transport;

/// ```text
///               request from the user: send, start E and F
///      E: send again |
///            +----+  v
///            |   +--------+   F or transport error: tell the user
///            +-->| Trying |-----------------------------+
///                +--------+                             |
///    200-699: pass |    | 1xx: pass                     |
///      +-----------+    v                               |
///      |         +------------+  F or transport error   |
///      |<--------| Proceeding |------------------------>|
///      | 200-699:+------------+                         |
///      |  pass     |      ^ 1xx: pass                   |
///      v           +------+ E: send again, every T2     v
///  +-----------+            K                   +------------+
///  | Completed |------------------------------->| Terminated |
///  +-----------+                                +------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    state: State,
    timing: Timing,
    transport: Transport,
    interval: Duration,
    /// When F fires, kept because E restarts beside it.
    patience_ends: Instant,
    timers: Running,
    outbox: Outbox<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// What can happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A 1xx response.
    Provisional,
    /// A response of 200 and above.
    Final,
    /// The transport cannot reach the next hop.
    TransportError,
    TimerE,
    TimerF,
    TimerK,
}

impl Client {
    /// Starts the transaction: the first action is to send the request.
    pub(crate) fn new(now: Instant, timing: Timing, transport: Transport) -> Client {
        let interval = timing.first_interval();
        let patience_ends = now + timing.patience();
        let (mut timers, mut outbox) = (Running::default(), Outbox::new());
        outbox.push(Action::Send { again: false });
        timers.start(Timer::F, patience_ends);
        if !transport.is_reliable() {
            timers.start(Timer::E, now + interval);
        }
        Client { state: State::Trying, timing, transport, interval, patience_ends, timers, outbox }
    }

    /// Takes one step.
    #[expect(
        clippy::match_same_arms,
        reason = "the table reads by state, and each silence has its own reason"
    )]
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        use Input::{Final, Provisional, TimerE, TimerF, TimerK, TransportError};
        use State::{Completed, Proceeding, Terminated, Trying};
        match (self.state, input) {
            (Trying, Provisional) => self.proceed(now),
            (Proceeding, Provisional) => self.outbox.push(Action::Pass { again: false }),
            (Trying | Proceeding, Final) => self.complete(now),
            (Trying | Proceeding, TransportError) => self.end_with(Action::TransportFailed),
            (Trying, TimerE) => {
                self.interval = self.timing.next_interval(self.interval);
                self.send_again(now);
            }
            (Proceeding, TimerE) => self.send_again(now),
            (Trying | Proceeding, TimerF) => self.end_with(Action::TimedOut),
            (Completed, TimerK) => self.end(),
            // RFC 3261 §17.1.2.2: Completed exists to absorb copies of the response.
            (Completed, Provisional | Final | TransportError) => {}
            (Terminated, Provisional | Final | TransportError) => {}
            // Timers of another state: they stop when their state is left.
            (Trying | Proceeding, TimerK) => {}
            (Completed, TimerE | TimerF) => {}
            (Terminated, TimerE | TimerF | TimerK) => {}
        }
    }

    /// Takes the steps of all timers that have fired by `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(timer) = self.timers.fired(now) {
            self.handle(now, input_of(timer));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.outbox.pop()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Whether the request may still be sent again.
    pub(crate) fn needs_bytes(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    fn proceed(&mut self, now: Instant) {
        self.enter(State::Proceeding);
        self.outbox.push(Action::Pass { again: false });
        self.timers.start(Timer::F, self.patience_ends);
        // RFC 3261 §17.1.2.2: in Proceeding the request is still sent again, but only every T2.
        if !self.transport.is_reliable() {
            self.interval = self.timing.t2.max(self.timing.first_interval());
            self.timers.start(Timer::E, now + self.interval);
        }
    }

    fn send_again(&mut self, now: Instant) {
        self.timers.start(Timer::E, now + self.interval);
        self.outbox.push(Action::Send { again: true });
    }

    fn complete(&mut self, now: Instant) {
        self.enter(State::Completed);
        self.outbox.push(Action::Pass { again: false });
        match linger(self.transport, self.timing.t4) {
            Some(wait) => self.timers.start(Timer::K, now + wait),
            None => self.end(),
        }
    }

    fn end_with(&mut self, news: Action) {
        self.outbox.push(news);
        self.end();
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

fn input_of(timer: Timer) -> Input {
    match timer {
        Timer::E => Input::TimerE,
        Timer::F => Input::TimerF,
        Timer::K => Input::TimerK,
        Timer::A
        | Timer::B
        | Timer::D
        | Timer::G
        | Timer::H
        | Timer::I
        | Timer::J
        | Timer::L
        | Timer::M
        | Timer::Cancel => {
            unreachable!("a non-INVITE client never starts timer {timer:?}")
        }
    }
}

#[cfg(test)]
mod tests;
