//! Every pair of state and input, and the instants of the timers.

use super::*;
use crate::transaction::epoch::epoch;

const STATES: [State; 5] =
    [State::Proceeding, State::Completed, State::Confirmed, State::Accepted, State::Terminated];
const INPUTS: [Input; 9] = [
    Input::Invite,
    Input::Ack,
    Input::Provisional,
    Input::Success,
    Input::Failure,
    Input::TimerG,
    Input::TimerH,
    Input::TimerI,
    Input::TimerL,
];

fn actions(machine: &mut InviteServer) -> Vec<Action> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// A machine led into `state` the way a call would lead it, after a 1xx.
fn machine_in(state: State, now: Instant) -> InviteServer {
    let mut machine = InviteServer::new(Timing::default(), Transport::Udp);
    let way: &[Input] = match state {
        State::Proceeding => &[Input::Provisional],
        State::Completed => &[Input::Provisional, Input::Failure],
        State::Confirmed => &[Input::Provisional, Input::Failure, Input::Ack],
        State::Accepted => &[Input::Provisional, Input::Success],
        State::Terminated => &[Input::Failure, Input::TimerH],
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
        (Proceeding, Invite) => (Proceeding, &[Action::SendAgain]),
        (Proceeding, Provisional) => (Proceeding, &[Action::Send]),
        (Proceeding, Success) => (Accepted, &[Action::Send]),
        (Proceeding, Failure) => (Completed, &[Action::Send]),
        (Completed, Invite) => (Completed, &[Action::SendAgain]),
        (Completed, Ack) => (Confirmed, &[]),
        (Completed, TimerG) => (Completed, &[Action::SendAgain]),
        (Completed, TimerH) => (Terminated, &[Action::Unacknowledged, Action::End]),
        (Confirmed, TimerI) => (Terminated, &[Action::End]),
        (Accepted, Success) => (Accepted, &[Action::Send]),
        (Accepted, Ack) => (Accepted, &[Action::PassAck]),
        (Accepted, TimerL) => (Terminated, &[Action::End]),
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
fn before_any_answer_a_copy_of_the_invite_gets_none() {
    let mut machine = InviteServer::new(Timing::default(), Transport::Udp);
    machine.handle(epoch(), Input::Invite);
    assert_eq!(actions(&mut machine), []);
    assert_eq!(machine.deadline(), None);
}

#[test]
fn an_unacknowledged_failure_is_sent_at_g_until_h() {
    let start = epoch();
    let mut machine = machine_in(State::Completed, start);
    let mut done = Vec::new();
    while let Some(at) = machine.deadline() {
        machine.tick(at);
        done.push(((at - start).as_millis(), actions(&mut machine)));
    }
    let copies = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(done[..10], copies.map(|at| (at, vec![Action::SendAgain])));
    assert_eq!(done[10..], [(32_000, vec![Action::Unacknowledged, Action::End])]);
}

#[test]
fn a_confirmed_call_stays_for_i_and_an_accepted_one_for_l() {
    let start = epoch();
    for (state, seconds) in [(State::Confirmed, 5), (State::Accepted, 32)] {
        let mut machine = machine_in(state, start);
        let end = start + Duration::from_secs(seconds);
        assert_eq!(machine.deadline(), Some(end), "{state:?}");
        machine.tick(end);
        assert_eq!(actions(&mut machine), [Action::End], "{state:?}");
    }
}

#[test]
fn a_reliable_transport_needs_neither_copies_nor_lingering() {
    let start = epoch();
    let mut machine = InviteServer::new(Timing::default(), Transport::Tcp);
    machine.handle(start, Input::Failure);
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)), "H runs, G does not");
    machine.handle(start, Input::Ack);
    assert_eq!(actions(&mut machine), [Action::Send, Action::End]);
}
