use super::*;

const STATES: [State; 5] = [State::Unsaid, State::Early, State::Said, State::Learned, State::Held];
const INPUTS: [Input; 7] = [
    Input::SaidAgain,
    Input::SaidSource,
    Input::SaidOther,
    Input::FromSaid,
    Input::FromSource,
    Input::FromOther,
    Input::Release,
];

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 4_000))
}

fn at(ms: u64) -> Time {
    Time::from_millis(1_000_000 + ms)
}

fn said(host: u8, learning: Learning) -> Latch {
    let mut latch = Latch::new();
    latch.say(at(0), Some(address(host)), learning);
    latch
}

#[test]
fn every_pair_of_state_and_input() {
    use Act::{Forget, Keep, Learn, Refuse, Replace};
    use State::{Early, Held, Learned, Said, Unsaid};
    let table = [
        // SaidAgain, SaidSource, SaidOther, FromSaid, FromSource, FromOther, Release
        [
            (Said, Keep),
            (Said, Keep),
            (Said, Keep),
            (Early, Learn),
            (Early, Learn),
            (Early, Learn),
            (Unsaid, Keep),
        ],
        [
            (Said, Forget),
            (Held, Keep),
            (Said, Forget),
            (Early, Keep),
            (Early, Keep),
            (Early, Refuse),
            (Unsaid, Forget),
        ],
        [
            (Said, Keep),
            (Said, Keep),
            (Said, Keep),
            (Held, Learn),
            (Learned, Learn),
            (Learned, Learn),
            (Said, Forget),
        ],
        [
            (Learned, Keep),
            (Held, Keep),
            (Said, Replace),
            (Held, Learn),
            (Learned, Keep),
            (Learned, Refuse),
            (Said, Forget),
        ],
        [
            (Held, Keep),
            (Held, Keep),
            (Said, Replace),
            (Held, Keep),
            (Held, Keep),
            (Held, Refuse),
            (Said, Forget),
        ],
    ];
    for (state, row) in STATES.into_iter().zip(table) {
        for (input, expected) in INPUTS.into_iter().zip(row) {
            assert_eq!(next(state, input), expected, "{state:?} × {input:?}");
        }
    }
}

#[test]
fn the_first_source_is_learned_and_a_later_stranger_is_not() {
    let mut latch = said(1, Learning::Symmetric);
    assert_eq!(latch.destination(), Some(address(1)));
    assert_eq!(latch.hear(at(1), address(2)), Heard::Learned);
    assert_eq!(latch.destination(), Some(address(2)), "behind a NAT");
    assert_eq!(latch.hear(at(2), address(3)), Heard::Stranger);
    assert_eq!(latch.hear(at(60_000), address(3)), Heard::Stranger, "however long it is quiet");
    assert_eq!(latch.hear(at(60_001), address(2)), Heard::Known);
    assert_eq!(latch.destination(), Some(address(2)));
}

#[test]
fn who_was_named_prevails_over_who_was_faster() {
    let mut latch = said(1, Learning::Symmetric);
    assert_eq!(latch.hear(at(1), address(66)), Heard::Learned);
    assert_eq!(latch.hear(at(2), address(1)), Heard::Learned);
    assert_eq!(latch.hear(at(3), address(66)), Heard::Stranger);
    assert_eq!(latch.destination(), Some(address(1)));
}

#[test]
fn the_source_from_before_passes_for_a_while_and_is_not_learned_again() {
    let mut latch = said(1, Learning::Symmetric);
    let _ = latch.hear(at(1), address(1));
    latch.say(at(100), Some(address(2)), Learning::Symmetric);
    assert_eq!(latch.destination(), Some(address(2)), "at once");
    assert_eq!(latch.hear(at(110), address(1)), Heard::Known, "on its way");
    assert_eq!(latch.destination(), Some(address(2)), "and learned nothing");
    assert_eq!(latch.hear(at(120), address(2)), Heard::Learned);
    assert_eq!(latch.hear(at(130), address(1)), Heard::Stranger);

    latch.say(at(200), Some(address(3)), Learning::Symmetric);
    assert_eq!(latch.hear(at(2_300), address(2)), Heard::Learned, "the NAT maps the new one as the old one");
}

#[test]
fn an_address_that_is_named_again_moves_nothing_and_a_release_does() {
    let mut latch = said(1, Learning::Symmetric);
    let _ = latch.hear(at(1), address(2));
    latch.say(at(100), Some(address(1)), Learning::Symmetric);
    assert_eq!(latch.hear(at(110), address(3)), Heard::Stranger);
    latch.release(at(120));
    assert_eq!(latch.destination(), Some(address(1)));
    assert_eq!(latch.hear(at(130), address(3)), Heard::Learned);
}

#[test]
fn hold_by_no_address_mutes_and_keeps_what_was_learned() {
    let mut latch = said(1, Learning::Symmetric);
    let _ = latch.hear(at(1), address(2));
    latch.say(at(100), None, Learning::Symmetric);
    assert_eq!((latch.destination(), latch.hear(at(110), address(2))), (None, Heard::Known));
    latch.say(at(200), Some(address(1)), Learning::Symmetric);
    assert_eq!(latch.destination(), Some(address(2)));
}

#[test]
fn who_came_before_anybody_was_named_is_learned_only_until_then() {
    let mut latch = Latch::new();
    assert_eq!(latch.hear(at(1), address(66)), Heard::Learned);
    latch.say(at(2), Some(address(1)), Learning::Symmetric);
    assert_eq!(latch.destination(), Some(address(1)));
    assert_eq!(latch.hear(at(3), address(2)), Heard::Learned);
    let mut early = Latch::new();
    let _ = early.hear(at(1), address(1));
    early.say(at(2), Some(address(1)), Learning::Symmetric);
    assert_eq!(early.hear(at(3), address(2)), Heard::Stranger, "it was the one who was named then");
}

#[test]
fn strict_and_asymmetric_send_only_where_signaling_said() {
    let mut strict = said(1, Learning::Strict);
    assert_eq!(strict.hear(at(1), address(2)), Heard::Stranger);
    assert_eq!(strict.hear(at(2), address(1)), Heard::Learned);
    assert_eq!(strict.destination(), Some(address(1)));

    let mut asymmetric = said(1, Learning::Asymmetric);
    assert_eq!(asymmetric.hear(at(1), address(2)), Heard::Learned);
    assert_eq!(asymmetric.hear(at(2), address(3)), Heard::Stranger);
    assert_eq!(asymmetric.destination(), Some(address(1)));

    let mut later = said(1, Learning::Symmetric);
    let _ = later.hear(at(1), address(2));
    later.say(at(2), Some(address(1)), Learning::Strict);
    assert_eq!(later.hear(at(3), address(2)), Heard::Stranger, "strict from now on");
}
