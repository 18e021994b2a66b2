//! Every state with everything that can happen to it, and the bounds.

use super::*;

const COOKIE: &[u8] = b"0_16416_1";
const FIRST: &[u8] = b"0_16416_1 d7:command4:pinge";
const OTHER: &[u8] = b"0_16416_1 d7:command4:listee";

fn kamailio(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn at(seconds: u64) -> Time {
    Time::from_millis(1_000 * seconds)
}

/// A memory that is in the state that is asked for.
fn cookies(state: &str) -> Cookies {
    let mut cookies = Cookies::new(100, 10_000);
    if state != "unknown" {
        assert_eq!(cookies.begin(at(0), kamailio(1), COOKIE, FIRST), Seen::New);
    }
    if state == "answered" {
        cookies.finish(kamailio(1), COOKIE, b"pong");
    }
    cookies
}

#[test]
fn every_state_and_everything_that_can_happen() {
    for (state, event, expected) in [
        ("unknown", "copy", Seen::New),
        ("unknown", "another request with the cookie", Seen::New),
        ("unknown", "finish", Seen::New),
        ("unknown", "time", Seen::New),
        ("working", "copy", Seen::Working),
        ("working", "another request with the cookie", Seen::New),
        ("working", "finish", Seen::Answered(b"late")),
        ("working", "time", Seen::New),
        ("answered", "copy", Seen::Answered(b"pong")),
        ("answered", "another request with the cookie", Seen::New),
        ("answered", "finish", Seen::Answered(b"late")),
        ("answered", "time", Seen::New),
    ] {
        let mut cookies = cookies(state);
        let (mut now, mut datagram) = (at(14), FIRST);
        match event {
            "finish" => cookies.finish(kamailio(1), COOKIE, b"late"),
            "time" => now = at(15),
            "copy" => {}
            _ => datagram = OTHER,
        }
        assert_eq!(cookies.begin(now, kamailio(1), COOKIE, datagram), expected, "{state}, {event}");
    }
}

#[test]
fn another_controller_with_the_same_cookie_is_another_one() {
    let mut cookies = cookies("answered");
    assert_eq!(cookies.begin(at(1), kamailio(2), COOKIE, FIRST), Seen::New);
    cookies.finish(kamailio(2), COOKIE, b"other");
    assert_eq!(cookies.begin(at(1), kamailio(1), COOKIE, FIRST), Seen::Answered(b"pong"));
    assert_eq!(cookies.begin(at(1), kamailio(2), COOKIE, FIRST), Seen::Answered(b"other"));
}

#[test]
fn a_flood_takes_no_more_than_its_room_and_all_of_it_is_given_back() {
    let mut cookies = Cookies::new(10, 1_000);
    for number in 0..10_000_u64 {
        let cookie = (number % 300).to_string();
        let datagram = number.to_string();
        assert_eq!(
            cookies.begin(at(number / 1_000), kamailio(1), cookie.as_bytes(), datagram.as_bytes()),
            Seen::New
        );
        cookies.finish(kamailio(1), cookie.as_bytes(), &vec![0; (number % 400) as usize]);
        assert!(cookies.len() <= 10 && cookies.order.len() <= 10 && cookies.bytes <= 1_000);
    }
    // The same cookie again and again.
    for number in 0..100_u64 {
        cookies.begin(at(10), kamailio(1), COOKIE, number.to_string().as_bytes());
        assert!(cookies.order.len() <= 10);
    }
    assert_eq!(cookies.begin(at(100), kamailio(1), COOKIE, FIRST), Seen::New);
    assert_eq!((cookies.len(), cookies.order.len(), cookies.bytes), (1, 1, COOKIE.len()));
    cookies.finish(kamailio(1), COOKIE, &[0; 1_001]);
    assert_eq!((cookies.is_empty(), cookies.bytes), (true, 0), "what is larger than all room is not kept");
}
