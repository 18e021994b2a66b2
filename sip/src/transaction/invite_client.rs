//! The INVITE client transaction (RFC 3261 §17.1.1 with RFC 6026 §7.2).

use std::time::{Duration, Instant};

use super::action::{ClientAction as Action, Outbox};
use super::timer::{Running, Timer, Timing, linger};
use crate::peer::Transport;

/// ```text
///                  INVITE from the user: send, start A and B
///         A: send again  |
///               +----+   v
///               |   +---------+  B or transport error: tell the user
///               +-->| Calling |-----------------------------------+
///                   +---------+                                   |
///     300-699: ACK,  |   |   |  2xx: pass                         |
///     pass           |   |   +---------------------+              |
///      +-------------+   | 1xx: pass               |              |
///      |                 v                         |              |
///      |          +------------+  2xx: pass        |              |
///      |          | Proceeding |-----------------+ |              |
///      |<---------|            |-----------------|-|------------->|
///      | 300-699: +------------+  Cancel timer or| | transport    |
///      | ACK, pass  |       ^     error: tell    | |              |
///      v            +-------+                    v v              |
///  +-----------+     1xx: pass             +----------+           |
///  | Completed |<--+                       | Accepted |<--+       |
///  +-----------+   | 300-699: ACK again    +----------+   | 2xx:  |
///      |   |       |                           |   |      | pass  |
///      |   +-------+                         M |   +------+       |
///      | D                                     v                  v
///      +---------------------------------> +------------------------+
///                                          |       Terminated       |
///                                          +------------------------+
/// ```
///
/// A wish to cancel does not change the state: it is kept in Calling, since a CANCEL must not overtake the INVITE
/// (RFC 3261 §9.1), and carried out in Proceeding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InviteClient {
    state: State,
    cancel: Cancel,
    timing: Timing,
    transport: Transport,
    interval: Duration,
    timers: Running,
    outbox: Outbox<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    No,
    Wanted,
    Sent,
}

/// What can happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A response of 300 and above.
    Failure,
    /// The user wants the call no more.
    Cancel,
    /// The transport cannot reach the next hop.
    TransportError,
    TimerA,
    TimerB,
    TimerD,
    TimerM,
    TimerCancel,
}

impl InviteClient {
    /// Starts the transaction: the first action is to send the INVITE.
    pub(crate) fn new(now: Instant, timing: Timing, transport: Transport) -> InviteClient {
        let interval = timing.first_interval();
        let (mut timers, mut outbox) = (Running::default(), Outbox::new());
        outbox.push(Action::Send { again: false });
        timers.start(Timer::B, now + timing.patience());
        if !transport.is_reliable() {
            timers.start(Timer::A, now + interval);
        }
        InviteClient {
            state: State::Calling,
            cancel: Cancel::No,
            timing,
            transport,
            interval,
            timers,
            outbox,
        }
    }

    /// Takes one step.
    #[expect(
        clippy::match_same_arms,
        reason = "the table reads by state, and each silence has its own reason"
    )]
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        use Input::{
            Failure, Provisional, Success, TimerA, TimerB, TimerCancel, TimerD, TimerM, TransportError,
        };
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, input) {
            (Calling, Provisional) => self.proceed(now),
            (Proceeding, Provisional) => self.outbox.push(Action::Pass { again: false }),
            (Calling | Proceeding, Success) => self.accept(now),
            (Calling | Proceeding, Failure) => self.complete(now),
            (Calling, Input::Cancel) => self.cancel = Cancel::Wanted,
            (Proceeding, Input::Cancel) => self.send_cancel(now),
            (Calling | Proceeding, TransportError) => self.end_with(Action::TransportFailed),
            // RFC 3261 §17.1.1.2: the interval doubles without a ceiling.
            (Calling, TimerA) => {
                self.interval *= 2;
                self.timers.start(Timer::A, now + self.interval);
                self.outbox.push(Action::Send { again: true });
            }
            (Calling, TimerB) | (Proceeding, TimerCancel) => self.end_with(Action::TimedOut),
            (Completed, Failure) => self.outbox.push(Action::Ack { again: true }),
            // RFC 6026 §7.2: every 2xx is the user's, copies and those of other branches alike.
            (Accepted, Success) => self.outbox.push(Action::Pass { again: true }),
            (Completed, TimerD) | (Accepted, TimerM) => self.end(),
            // The user has the final response. An unreachable next hop takes nothing back, and a further copy of
            // the response may still find the ACK here.
            (Completed | Accepted, TransportError) => {}
            // Too late to matter: the first final response counts.
            (Completed, Provisional | Success | Input::Cancel) => {}
            (Accepted, Provisional | Failure | Input::Cancel) => {}
            (Terminated, Provisional | Success | Failure | Input::Cancel | TransportError) => {}
            // Timers of another state: they stop when their state is left.
            (Calling, TimerD | TimerM | TimerCancel) => {}
            (Proceeding, TimerA | TimerB | TimerD | TimerM) => {}
            (Completed, TimerA | TimerB | TimerM | TimerCancel) => {}
            (Accepted, TimerA | TimerB | TimerD | TimerCancel) => {}
            (Terminated, TimerA | TimerB | TimerD | TimerM | TimerCancel) => {}
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

    /// Whether the INVITE, or the ACK in its place, may still be needed.
    pub(crate) fn needs_bytes(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding | State::Completed)
    }

    fn proceed(&mut self, now: Instant) {
        self.enter(State::Proceeding);
        self.outbox.push(Action::Pass { again: false });
        if self.cancel == Cancel::Wanted {
            self.send_cancel(now);
        }
    }

    fn send_cancel(&mut self, now: Instant) {
        if self.cancel != Cancel::Sent {
            self.cancel = Cancel::Sent;
            self.outbox.push(Action::Cancel);
            // RFC 3261 §9.1: without a final response 64*T1 later the transaction is taken for canceled.
            self.timers.start(Timer::Cancel, now + self.timing.patience());
        }
    }

    fn accept(&mut self, now: Instant) {
        self.enter(State::Accepted);
        self.outbox.push(Action::Pass { again: false });
        self.timers.start(Timer::M, now + self.timing.patience());
    }

    fn complete(&mut self, now: Instant) {
        self.enter(State::Completed);
        self.outbox.push(Action::Ack { again: false });
        self.outbox.push(Action::Pass { again: false });
        // RFC 3261 §17.1.1.2: D is at least 32 s over unreliable transports (64*T1 with the default T1), else 0.
        match linger(self.transport, self.timing.patience()) {
            Some(wait) => self.timers.start(Timer::D, now + wait),
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
        Timer::A => Input::TimerA,
        Timer::B => Input::TimerB,
        Timer::D => Input::TimerD,
        Timer::M => Input::TimerM,
        Timer::Cancel => Input::TimerCancel,
        Timer::E | Timer::F | Timer::G | Timer::H | Timer::I | Timer::J | Timer::K | Timer::L => {
            unreachable!("an INVITE client never starts timer {timer:?}")
        }
    }
}

#[cfg(test)]
mod tests;
