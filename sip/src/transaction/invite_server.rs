//! The INVITE server transaction (RFC 3261 §17.2.1 with RFC 6026 §7.1).

use std::time::{Duration, Instant};

use super::action::{Outbox, ServerAction as Action};
use super::timer::{Running, Timer, Timing, linger};
use crate::peer::Transport;

/// ```text
///                 INVITE: to the user
///  INVITE: last answer |
///  again; 1xx: send    v
///         +------> +------------+
///         |        | Proceeding |----------------------+
///         +--------|            |                      | 2xx from the
///                  +------------+                      | user: send
///                        | 300-699 from the user: send |
///  INVITE or G:          v                             v
///  send again      +-----------+                 +----------+
///         +------> | Completed |                 | Accepted |<--+ INVITE: nothing
///         +--------|           |--+              +----------+   | ACK: to the user
///                  +-----------+  |                |   |        | 2xx: send
///              ACK |              | H: tell      L |   +--------+
///                  v              | the user       |
///                  +-----------+  |                |
///   ACK, INVITE: +-| Confirmed |  |                |
///       nothing  +>+-----------+  |                |
///                  I |            v                v
///                    |     +---------------------------+
///                    +---->|        Terminated         |
///                          +---------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct InviteServer {
    state: State,
    /// Whether there is an answer that a copy of the INVITE could get again.
    answered: bool,
    timing: Timing,
    transport: Transport,
    interval: Duration,
    timers: Running,
    outbox: Outbox<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

/// What can happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A copy of the INVITE.
    Invite,
    /// An ACK of this transaction.
    Ack,
    /// The user answers 1xx.
    Provisional,
    /// The user answers 2xx.
    Success,
    /// The user answers 300 or above.
    Failure,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
}

impl InviteServer {
    /// Starts the transaction; the INVITE is with the user.
    pub(crate) fn new(timing: Timing, transport: Transport) -> InviteServer {
        InviteServer {
            state: State::Proceeding,
            answered: false,
            timing,
            transport,
            interval: timing.first_interval(),
            timers: Running::default(),
            outbox: Outbox::new(),
        }
    }

    /// Takes one step.
    #[expect(
        clippy::match_same_arms,
        reason = "the table reads by state, and each silence has its own reason"
    )]
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        use Input::{Ack, Failure, Invite, Provisional, Success, TimerG, TimerH, TimerI, TimerL};
        use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        match (self.state, input) {
            (Proceeding, Invite) => {
                if self.answered {
                    self.outbox.push(Action::SendAgain);
                }
            }
            (Proceeding, Provisional) => {
                self.answered = true;
                self.outbox.push(Action::Send);
            }
            (Proceeding, Success) => self.accept(now),
            (Proceeding, Failure) => self.complete(now),
            (Completed, Invite) => self.outbox.push(Action::SendAgain),
            (Completed, Ack) => self.confirm(now),
            (Completed, TimerG) => {
                self.interval = self.timing.next_interval(self.interval);
                self.timers.start(Timer::G, now + self.interval);
                self.outbox.push(Action::SendAgain);
            }
            (Completed, TimerH) => {
                self.outbox.push(Action::Unacknowledged);
                self.end();
            }
            (Confirmed, TimerI) | (Accepted, TimerL) => self.end(),
            // RFC 6026 §7.1: the 2xx is the business of the user agents. Their copies pass, copies of the INVITE
            // are absorbed without an answer.
            (Accepted, Success) => self.outbox.push(Action::Send),
            (Accepted, Ack) => self.outbox.push(Action::PassAck),
            (Accepted, Invite) => {}
            // An ACK to nothing.
            (Proceeding, Ack) => {}
            // RFC 3261 §17.2.1: Confirmed exists to absorb copies of the ACK.
            (Confirmed, Invite | Ack) => {}
            // Too late: the first final response counts.
            (Completed | Confirmed, Provisional | Success | Failure) => {}
            (Accepted, Provisional | Failure) => {}
            (Terminated, Invite | Ack | Provisional | Success | Failure) => {}
            // Timers of another state: they stop when their state is left.
            (Proceeding, TimerG | TimerH | TimerI | TimerL) => {}
            (Completed, TimerI | TimerL) => {}
            (Confirmed, TimerG | TimerH | TimerL) => {}
            (Accepted, TimerG | TimerH | TimerI) => {}
            (Terminated, TimerG | TimerH | TimerI | TimerL) => {}
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

    /// Whether the last response may have to be sent again.
    pub(crate) fn needs_response(&self) -> bool {
        matches!(self.state, State::Proceeding | State::Completed)
    }

    fn accept(&mut self, now: Instant) {
        self.enter(State::Accepted);
        self.outbox.push(Action::Send);
        self.timers.start(Timer::L, now + self.timing.patience());
    }

    fn complete(&mut self, now: Instant) {
        self.enter(State::Completed);
        self.outbox.push(Action::Send);
        self.timers.start(Timer::H, now + self.timing.patience());
        if !self.transport.is_reliable() {
            self.timers.start(Timer::G, now + self.interval);
        }
    }

    fn confirm(&mut self, now: Instant) {
        self.enter(State::Confirmed);
        match linger(self.transport, self.timing.t4) {
            Some(wait) => self.timers.start(Timer::I, now + wait),
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

fn input_of(timer: Timer) -> Input {
    match timer {
        Timer::G => Input::TimerG,
        Timer::H => Input::TimerH,
        Timer::I => Input::TimerI,
        Timer::L => Input::TimerL,
        Timer::A
        | Timer::B
        | Timer::D
        | Timer::E
        | Timer::F
        | Timer::J
        | Timer::K
        | Timer::M
        | Timer::Cancel => {
            unreachable!("an INVITE server never starts timer {timer:?}")
        }
    }
}

#[cfg(test)]
mod tests;
