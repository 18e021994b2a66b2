//! Every pair of state and input, and the instants of the timers.

use super::*;
use crate::transaction::epoch::epoch;

const PASS: Action = Action::Pass { again: false };
const SEND_AGAIN: Action = Action::Send { again: true };
const STATES: [State; 4] = [State::Trying, State::Proceeding, State::Completed, State::Terminated];
const INPUTS: [Input; 6] =
    [Input::Provisional, Input::Final, Input::TransportError, Input::TimerE, Input::TimerF, Input::TimerK];

fn actions(machine: &mut Client) -> Vec<Action> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// A machine led into `state` the way a request would lead it.
fn machine_in(state: State, now: Instant) -> Client {
    let mut machine = Client::new(now, Timing::default(), Transport::Udp);
    assert_eq!(actions(&mut machine), [Action::Send { again: false }]);
    let way: &[Input] = match state {
        State::Trying => &[],
        State::Proceeding => &[Input::Provisional],
        State::Completed => &[Input::Final],
        State::Terminated => &[Input::TimerF],
    };
    for &input in way {
        machine.handle(now, input);
        actions(&mut machine);
    }
    assert_eq!(machine.state, state);
    machine
}

/// The pairs that do something; all others keep the state and are silent.
fn expected(state: State, input: Input) -> (State, Vec<Action>) {
    use Input::*;
    use State::*;
    let (next, actions): (State, &[Action]) = match (state, input) {
        (Trying, Provisional) | (Proceeding, Provisional) => (Proceeding, &[PASS]),
        (Trying, Final) | (Proceeding, Final) => (Completed, &[PASS]),
        (Trying, TransportError) | (Proceeding, TransportError) => {
            (Terminated, &[Action::TransportFailed, Action::End])
        }
        (Trying, TimerE) => (Trying, &[SEND_AGAIN]),
        (Proceeding, TimerE) => (Proceeding, &[SEND_AGAIN]),
        (Trying, TimerF) | (Proceeding, TimerF) => (Terminated, &[Action::TimedOut, Action::End]),
        (Completed, TimerK) => (Terminated, &[Action::End]),
        (state, _) => (state, &[]),
    };
    (next, actions.to_vec())
}

/// When the machine does what, in milliseconds after `start`, if nobody answers any more.
fn left_alone(mut machine: Client, start: Instant) -> Vec<(u128, Vec<Action>)> {
    let mut done = Vec::new();
    while let Some(at) = machine.deadline() {
        machine.tick(at);
        done.push(((at - start).as_millis(), actions(&mut machine)));
    }
    done
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
fn the_interval_of_e_doubles_up_to_t2() {
    let start = epoch();
    let done = left_alone(machine_in(State::Trying, start), start);
    let copies = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(done[..10], copies.map(|at| (at, vec![SEND_AGAIN])));
    assert_eq!(done[10..], [(32_000, vec![Action::TimedOut, Action::End])]);
}

#[test]
fn in_proceeding_e_comes_every_t2_and_f_is_not_moved() {
    let start = epoch();
    let mut machine = machine_in(State::Trying, start);
    machine.handle(start + Duration::from_secs(1), Input::Provisional);
    actions(&mut machine);
    let done = left_alone(machine, start);
    let copies = [5_000, 9_000, 13_000, 17_000, 21_000, 25_000, 29_000];
    assert_eq!(done[..7], copies.map(|at| (at, vec![SEND_AGAIN])));
    assert_eq!(done[7..], [(32_000, vec![Action::TimedOut, Action::End])]);
}

#[test]
fn copies_of_the_response_are_absorbed_for_t4() {
    let start = epoch();
    assert_eq!(left_alone(machine_in(State::Completed, start), start), [(5_000, vec![Action::End])]);
}

#[test]
fn a_reliable_transport_needs_neither_copies_nor_lingering() {
    let start = epoch();
    let mut machine = Client::new(start, Timing::default(), Transport::Tcp);
    actions(&mut machine);
    machine.handle(start, Input::Provisional);
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    machine.handle(start, Input::Final);
    assert_eq!(actions(&mut machine), [PASS, PASS, Action::End]);
}
