//! Each edit as a person reads it: the lines before, the edits, the lines after.

use super::*;
use crate::message::{Limits, Method};

const REQUEST: &str = "INVITE sip:bob@example.net SIP/2.0\r\n\
    Via: SIP/2.0/UDP edge.example:5070;branch=z9hG4bK1;rport\r\n\
    Via: SIP/2.0/UDP phone.example;branch=z9hG4bK0\r\n\
    Route: <sip:one;lr>, <sip:two;lr>\r\n\
    ROUTE : <sip:three;lr>\r\n\
    From: <sip:alice@example.com>;tag=a\r\n\
    To: <sip:bob@example.net>\r\n\
    Call-ID: c\r\n\
    CSeq: 1 INVITE\r\n\
    Max-Forwards: 70\r\n\
    x-odd :  kept  as it is \r\n\
    Content-Length: 2\r\n\r\nhi";

fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

/// What becomes of [`REQUEST`]: the lines that went and those that came, as `-line` and `+line`, in order.
fn changes(edit: impl FnOnce(&mut Edit<'_>)) -> Vec<String> {
    let message = message(REQUEST);
    let mut editing = message.edit();
    edit(&mut editing);
    let after = editing.finish();
    let after = std::str::from_utf8(&after).unwrap();
    let (mut before, mut after): (Vec<_>, Vec<_>) =
        (REQUEST.split("\r\n").collect(), after.split("\r\n").collect());
    while before.first() == after.first() && !before.is_empty() {
        before.remove(0);
        after.remove(0);
    }
    while before.last() == after.last() && !before.is_empty() {
        before.pop();
        after.pop();
    }
    before.iter().map(|line| format!("-{line}")).chain(after.iter().map(|line| format!("+{line}"))).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn no_edit_is_the_same_buffer() {
    let message = message(REQUEST);
    let after = message.edit().finish();
    assert_eq!(after.as_ptr(), message.raw().as_ptr());
}

#[test]
fn request_uri() {
    let changed = changes(|edit| {
        edit.uri("sip:first@h");
        edit.uri("sip:carol@example.org");
    });
    assert_eq!(changed, ["-INVITE sip:bob@example.net SIP/2.0", "+INVITE sip:carol@example.org SIP/2.0"]);
}

#[test]
fn pushed_lines_stand_on_top_of_their_kind() {
    let changed = changes(|edit| {
        edit.push_first(Name::Via, "SIP/2.0/UDP us;branch=z9hG4bK2");
        edit.push_first(Name::Via, "SIP/2.0/UDP top;branch=z9hG4bK3");
    });
    assert_eq!(changed, ["+Via: SIP/2.0/UDP top;branch=z9hG4bK3", "+Via: SIP/2.0/UDP us;branch=z9hG4bK2"]);
    assert_eq!(changes(|edit| edit.push_first(Name::Route, "<sip:zero;lr>")), ["+Route: <sip:zero;lr>"]);
}

#[test]
fn a_header_that_was_not_there_is_pushed_below_the_vias() {
    let message = message(REQUEST);
    let mut edit = message.edit();
    edit.push_first(Name::RecordRoute, "<sip:us;lr>");
    let after = String::from_utf8(edit.finish().to_vec()).unwrap();
    assert!(after.contains("branch=z9hG4bK0\r\nRecord-Route: <sip:us;lr>\r\nRoute:"), "{after}");
}

#[test]
fn popping_takes_value_after_value() {
    let lines = ["-Route: <sip:one;lr>, <sip:two;lr>", "-ROUTE : <sip:three;lr>"];
    assert_eq!(changes(|edit| edit.pop_first(Name::Route)), [lines[0], "+Route: <sip:two;lr>"]);
    let pop = |times| changes(move |edit| (0..times).for_each(|_| edit.pop_first(Name::Route)));
    assert_eq!(pop(2), [lines[0]]);
    assert_eq!(pop(3), lines);
    assert_eq!(pop(4), lines);
    assert_eq!(changes(|edit| edit.pop_first(Name::Path)), NOTHING);
}

#[test]
fn a_line_without_values_is_passed_over() {
    let message = message(&REQUEST.replacen("Route: ", "Route: , ,\r\nRoute: ", 1));
    let mut edit = message.edit();
    edit.pop_first(Name::Route);
    let after = Message::parse(edit.finish(), &Limits::default()).unwrap();
    assert_eq!(after.values(Name::Route).collect::<Vec<_>>(), ["<sip:two;lr>", "<sip:three;lr>"]);
}

#[test]
fn what_is_pushed_is_not_popped_in_either_order() {
    let expected = ["-Route: <sip:one;lr>, <sip:two;lr>", "+Route: <sip:new;lr>", "+Route: <sip:two;lr>"];
    let push = |edit: &mut Edit<'_>| edit.push_first(Name::Route, "<sip:new;lr>");
    assert_eq!(
        changes(|edit| {
            push(edit);
            edit.pop_first(Name::Route);
        }),
        expected
    );
    assert_eq!(
        changes(|edit| {
            edit.pop_first(Name::Route);
            push(edit);
        }),
        expected
    );
}

#[test]
fn a_via_pushed_in_place_of_a_popped_one() {
    let changed = changes(|edit| {
        edit.pop_first(Name::Via);
        edit.push_first(Name::Via, "SIP/2.0/UDP us");
    });
    assert_eq!(
        changed,
        ["-Via: SIP/2.0/UDP edge.example:5070;branch=z9hG4bK1;rport", "+Via: SIP/2.0/UDP us"]
    );
}

#[test]
fn set_replaces_or_adds() {
    assert_eq!(
        changes(|edit| {
            edit.set(Name::MaxForwards, "1");
            edit.set(Name::MaxForwards, "69");
        }),
        ["-Max-Forwards: 70", "+Max-Forwards: 69"]
    );
    assert_eq!(
        changes(|edit| {
            edit.set(Name::Expires, "60");
            edit.set(Name::Subject, "x");
            edit.set(Name::Expires, "90");
        }),
        ["+Subject: x", "+Expires: 90"]
    );
    assert_eq!(
        changes(|edit| {
            edit.remove(Name::Other("X-Odd"));
            edit.set(Name::Other("X-Odd"), "new");
        }),
        ["-x-odd :  kept  as it is ", "-Content-Length: 2", "+Content-Length: 2", "+X-Odd: new"]
    );
}

#[test]
fn remove_takes_every_line_and_what_was_set() {
    let lines = ["-Route: <sip:one;lr>, <sip:two;lr>", "-ROUTE : <sip:three;lr>"];
    assert_eq!(
        changes(|edit| {
            edit.pop_first(Name::Route);
            edit.remove(Name::Route);
        }),
        lines
    );
    assert_eq!(
        changes(|edit| {
            edit.set(Name::Expires, "60");
            edit.remove(Name::Expires);
        }),
        NOTHING
    );
}

#[test]
fn the_received_via_is_stamped_whatever_is_pushed_above_it() {
    let received = "-Via: SIP/2.0/UDP edge.example:5070;branch=z9hG4bK1;rport";
    let stamped = "+Via: SIP/2.0/UDP edge.example:5070;branch=z9hG4bK1;rport=4000;received=192.0.2.7";
    let from = "192.0.2.7:4000".parse().unwrap();
    assert_eq!(changes(|edit| edit.stamp_via(from)), [received, stamped]);
    let both = changes(|edit| {
        edit.push_first(Name::Via, "SIP/2.0/UDP us");
        edit.stamp_via(from);
    });
    assert_eq!(both, [received, "+Via: SIP/2.0/UDP us", stamped]);
}

#[test]
fn when_a_via_is_stamped_and_with_what() {
    let cases = [
        ("192.0.2.7", "192.0.2.7:4000", "192.0.2.7"),
        ("192.0.2.7:5", "192.0.2.8:4000", "192.0.2.7:5;received=192.0.2.8"),
        ("192.0.2.7;rport", "192.0.2.7:4000", "192.0.2.7;rport=4000;received=192.0.2.7"),
        ("192.0.2.7;rport=1;x", "192.0.2.7:4000", "192.0.2.7;rport=4000;x;received=192.0.2.7"),
        ("192.0.2.7;received=203.0.113.1;x", "192.0.2.7:4000", "192.0.2.7;x"),
        ("h;received=203.0.113.1", "192.0.2.7:4000", "h;received=192.0.2.7"),
        ("[2001:db8::1]", "[2001:db8::1]:4000", "[2001:db8::1]"),
        ("192.0.2.7", "[::ffff:192.0.2.7]:4000", "192.0.2.7"),
        (
            "h ; branch = 1, SIP/2.0/UDP next",
            "[2001:db8::1]:4",
            "h ;branch=1;received=2001:db8::1, SIP/2.0/UDP next",
        ),
    ];
    for (via, from, stamped) in cases {
        let text = REQUEST.replacen("edge.example:5070;branch=z9hG4bK1;rport", via, 1);
        let message = message(&text);
        let mut edit = message.edit();
        edit.stamp_via(from.parse().unwrap());
        assert_eq!(edit.finish(), text.replacen(via, stamped, 1), "{via} from {from}");
    }
}

#[test]
fn a_body_brings_its_length_and_type() {
    let changed = changes(|edit| edit.body(Some("application/sdp"), b"v=0"));
    assert_eq!(
        changed,
        [
            "-Content-Length: 2",
            "-",
            "-hi",
            "+Content-Length: 3",
            "+Content-Type: application/sdp",
            "+",
            "+v=0"
        ]
    );
}

#[test]
fn a_new_body_leaves_no_second_length_behind() {
    let twice = REQUEST.replace("Content-Length: 2\r\n", "Content-Length: 2\r\nl: 2\r\n");
    let twice = message(&twice);
    let mut edit = twice.edit();
    edit.body(None, b"longer");
    let after = Message::parse(edit.finish(), &Limits::default()).unwrap();
    assert_eq!((after.body(), after.lines(Name::ContentLength).count()), (&b"longer"[..], 1));
}

#[test]
fn everything_a_proxy_does_at_once() {
    let message = message(REQUEST);
    let mut edit = message.edit();
    edit.uri("sip:bob@192.0.2.9");
    edit.pop_first(Name::Route);
    edit.push_first(Name::Route, "<sip:relay;lr>");
    edit.push_first(Name::RecordRoute, "<sip:us;lr>");
    edit.stamp_via("192.0.2.7:4000".parse().unwrap());
    edit.push_first(Name::Via, "SIP/2.0/UDP us;branch=z9hG4bK9");
    edit.set(Name::MaxForwards, "69");
    let after = Message::parse(edit.finish(), &Limits::default()).unwrap();
    assert_eq!((after.method(), after.uri()), (Method::Invite, "sip:bob@192.0.2.9"));
    let vias: Vec<_> = after.vias().map(|via| via.unwrap().host).collect();
    assert_eq!(vias, ["us", "edge.example", "phone.example"]);
    let routes: Vec<_> = after.routes().map(|route| route.unwrap().uri.host).collect();
    assert_eq!(routes, ["relay", "two", "three"]);
    assert_eq!(after.record_routes().count(), 1);
    assert_eq!((after.max_forwards(), after.body()), (Ok(Some(69)), &b"hi"[..]));
}
