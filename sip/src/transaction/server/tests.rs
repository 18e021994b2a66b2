//! Every pair of state and input, and the instant of the timer.

use std::time::Duration;

use super::*;
use crate::transaction::epoch::epoch;

const STATES: [State; 3] = [State::Trying, State::Completed, State::Terminated];
const INPUTS: [Input; 5] = [Input::Request, Input::Provisional, Input::Final, Input::Timeout, Input::TimerJ];

fn actions(machine: &mut Server) -> Vec<Action> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// A machine led into `state` the way a request would lead it.
fn machine_in(state: State, now: Instant) -> Server {
    let mut machine = Server::new(Timing::default(), Transport::Udp);
    let way: &[Input] = match state {
        State::Trying => &[],
        State::Completed => &[Input::Final],
        State::Terminated => &[Input::Timeout],
    };
    for &input in way {
        machine.handle(now, input);
        actions(&mut machine);
    }
    assert_eq!(machine.state, state);
    machine
}

/// The pairs that do something; all others keep the state and are silent.
#[expect(clippy::match_same_arms, reason = "a table has one row a pair")]
fn expected(state: State, input: Input) -> (State, Vec<Action>) {
    use Input::*;
    use State::*;
    let (next, actions): (State, &[Action]) = match (state, input) {
        (Trying, Final) => (Completed, &[Action::Send]),
        (Trying, Timeout) => (Terminated, &[Action::End]),
        (Completed, Request) => (Completed, &[Action::SendAgain]),
        (Completed, TimerJ) => (Terminated, &[Action::End]),
        (state, _) => (state, &[]),
    };
    (next, actions.to_vec())
}

#[test]
fn every_pair_of_state_and_input() {
    let now = epoch();
    for state in STATES {
        for input in INPUTS {
            let mut machine = machine_in(state, now);
            machine.handle(now, input);
            let got = (machine.state, actions(&mut machine));
            assert_eq!(got, expected(state, input), "{input:?} in {state:?}");
        }
    }
}

#[test]
fn an_answered_request_stays_for_j() {
    let start = epoch();
    let mut machine = machine_in(State::Completed, start);
    let end = start + Duration::from_secs(32);
    assert_eq!(machine.deadline(), Some(end));
    machine.tick(end);
    assert_eq!(actions(&mut machine), [Action::End]);
}

#[test]
fn a_reliable_transport_needs_no_lingering() {
    let mut machine = Server::new(Timing::default(), Transport::Tcp);
    machine.handle(epoch(), Input::Final);
    assert_eq!(actions(&mut machine), [Action::Send, Action::End]);
}
