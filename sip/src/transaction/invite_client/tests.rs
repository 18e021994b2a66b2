//! Every pair of state and input, and the instants of the timers.

use super::*;
use crate::transaction::epoch::epoch;

const ACK: Action = Action::Ack { again: false };
const ACK_AGAIN: Action = Action::Ack { again: true };
const PASS: Action = Action::Pass { again: false };
const PASS_AGAIN: Action = Action::Pass { again: true };
const SEND_AGAIN: Action = Action::Send { again: true };
const STATES: [State; 5] =
    [State::Calling, State::Proceeding, State::Completed, State::Accepted, State::Terminated];
const INPUTS: [Input; 10] = [
    Input::Provisional,
    Input::Success,
    Input::Failure,
    Input::Cancel,
    Input::TransportError,
    Input::TimerA,
    Input::TimerB,
    Input::TimerD,
    Input::TimerM,
    Input::TimerCancel,
];

fn actions(machine: &mut InviteClient) -> Vec<Action> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// A machine led into `state` the way a call would lead it.
fn machine_in(state: State, now: Instant) -> InviteClient {
    let mut machine = InviteClient::new(now, Timing::default(), Transport::Udp);
    assert_eq!(actions(&mut machine), [Action::Send { again: false }]);
    let way: &[Input] = match state {
        State::Calling => &[],
        State::Proceeding => &[Input::Provisional],
        State::Completed => &[Input::Failure],
        State::Accepted => &[Input::Success],
        State::Terminated => &[Input::TimerB],
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
        (Calling, Provisional) | (Proceeding, Provisional) => (Proceeding, &[PASS]),
        (Calling, Success) | (Proceeding, Success) => (Accepted, &[PASS]),
        (Calling, Failure) | (Proceeding, Failure) => (Completed, &[ACK, PASS]),
        (Calling, TransportError) | (Proceeding, TransportError) => {
            (Terminated, &[Action::TransportFailed, Action::End])
        }
        (Calling, TimerA) => (Calling, &[SEND_AGAIN]),
        (Calling, TimerB) => (Terminated, &[Action::TimedOut, Action::End]),
        (Proceeding, Cancel) => (Proceeding, &[Action::Cancel]),
        (Proceeding, TimerCancel) => (Terminated, &[Action::TimedOut, Action::End]),
        (Completed, Failure) => (Completed, &[ACK_AGAIN]),
        (Completed, TimerD) => (Terminated, &[Action::End]),
        (Accepted, Success) => (Accepted, &[PASS_AGAIN]),
        (Accepted, TimerM) => (Terminated, &[Action::End]),
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
fn an_unanswered_invite_is_sent_seven_times_in_32_seconds() {
    let start = epoch();
    let mut machine = machine_in(State::Calling, start);
    let mut sent = Vec::new();
    while let Some(at) = machine.deadline() {
        machine.tick(at);
        sent.push(((at - start).as_millis(), actions(&mut machine)));
    }
    let copies = [500, 1500, 3500, 7500, 15_500, 31_500].map(|at| (at, vec![SEND_AGAIN]));
    assert_eq!(sent[..6], copies);
    assert_eq!(sent[6..], [(32_000, vec![Action::TimedOut, Action::End])]);
}

#[test]
fn a_provisional_response_stops_the_copies_and_the_patience() {
    let machine = machine_in(State::Proceeding, epoch());
    assert_eq!(machine.deadline(), None);
}

#[test]
fn a_failed_call_stays_for_d_and_an_accepted_one_for_m() {
    let start = epoch();
    for state in [State::Completed, State::Accepted] {
        let mut machine = machine_in(state, start);
        assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)), "{state:?}");
        machine.tick(start + Duration::from_secs(32));
        assert_eq!(actions(&mut machine), [Action::End], "{state:?}");
    }
}

#[test]
fn a_wish_to_cancel_waits_for_the_first_provisional_response_and_is_granted_once() {
    let start = epoch();
    let mut machine = machine_in(State::Calling, start);
    machine.handle(start, Input::Cancel);
    assert_eq!(actions(&mut machine), []);
    machine.handle(start, Input::Provisional);
    assert_eq!(actions(&mut machine), [PASS, Action::Cancel]);
    machine.handle(start, Input::Cancel);
    assert_eq!(actions(&mut machine), []);
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    machine.handle(start, Input::Failure);
    assert_eq!(actions(&mut machine), [ACK, PASS]);
}

#[test]
fn a_reliable_transport_needs_neither_copies_nor_lingering() {
    let start = epoch();
    let mut machine = InviteClient::new(start, Timing::default(), Transport::Tcp);
    actions(&mut machine);
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    machine.handle(start, Input::Failure);
    assert_eq!(actions(&mut machine), [ACK, PASS, Action::End]);
}
