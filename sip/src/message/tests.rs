//! What parse accepts, what it refuses, and what the accessors give.

use super::*;

const INVITE: &str = "INVITE sip:bob@example.net;transport=udp SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/TCP a.example\r\n\
    v: SIP/2.0/UDP b.example\r\n\
    Route: <sip:one;lr>, <sip:two;lr>\r\n\
    Max-Forwards: 0068\r\n\
    f: \"Alice, A\" <sip:alice@example.com>;tag=a1\r\n\
    t: sip:bob@example.net\r\n\
    i: call@example.com\r\n\
    CSeq: 0009\r\n INVITE\r\n\
    m: <sip:alice@192.0.2.1>\r\n\
    X-Frob: \r\n\
    x-frob: folded\r\n\tvalue \r\n\
    l: 4\r\n\r\nbody";

fn parse(text: &str) -> Result<Message, ParseError> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
}

/// [`INVITE`] with one part replaced.
fn with(from: &str, to: &str) -> Result<Message, ParseError> {
    assert!(INVITE.contains(from), "{from}");
    parse(&INVITE.replacen(from, to, 1))
}

#[test]
fn a_request_and_its_parts() {
    let message = parse(INVITE).unwrap();
    assert!(message.is_request());
    assert_eq!((message.method(), message.uri()), (Method::Invite, "sip:bob@example.net;transport=udp"));
    assert_eq!((message.status(), message.reason()), (None, ""));
    assert_eq!((message.call_id(), message.cseq().number), ("call@example.com", 9));
    assert_eq!((message.via().host, message.via().branch()), ("192.0.2.1", "z9hG4bK1"));
    let hosts: Vec<_> = message.vias().map(|via| via.unwrap().host).collect();
    assert_eq!(hosts, ["192.0.2.1", "a.example", "b.example"]);
    let routes: Vec<_> = message.routes().map(|route| route.unwrap().uri.host).collect();
    assert_eq!(routes, ["one", "two"]);
    assert_eq!((message.from().display, message.from().tag()), ("\"Alice, A\"", Some("a1")));
    assert_eq!((message.to().uri.user, message.to().tag()), (Some("bob"), None));
    assert_eq!((message.max_forwards(), message.expires()), (Ok(Some(68)), Ok(None)));
    assert_eq!((message.contacts().count(), message.record_routes().count()), (1, 0));
    assert_eq!(message.body(), b"body");
}

#[test]
fn headers_by_any_name() {
    let message = parse(INVITE).unwrap();
    let frobs: Vec<_> = message.lines(Name::Other("X-FROB")).collect();
    assert_eq!(frobs, [&b""[..], b"folded\r\n\tvalue"]);
    let header = message.headers().nth(1).unwrap();
    assert_eq!((header.name, header.raw_name), (Name::Via, &b"v"[..]));
    assert_eq!(message.headers().count(), 12);
    assert_eq!(message.first(Name::Subject), None);
}

#[test]
fn a_response_and_its_parts() {
    let message =
        with("INVITE sip:bob@example.net;transport=udp SIP/2.0", "SIP/2.0 180 Es l\u{e4}utet").unwrap();
    assert!(!message.is_request());
    assert_eq!((message.status(), message.reason()), (Some(180), "Es l\u{e4}utet"));
    assert_eq!((message.method(), message.uri()), (Method::Invite, ""));
    for start in ["SIP/2.0 200 ", "SIP/2.0 200"] {
        let message = with("INVITE sip:bob@example.net;transport=udp SIP/2.0", start).unwrap();
        assert_eq!((message.status(), message.reason()), (Some(200), ""));
    }
}

#[test]
fn a_log_of_a_message_names_nobody() {
    let text = format!("{:?}", parse(INVITE).unwrap());
    assert_eq!(text, format!("Message(INVITE, {} bytes)", INVITE.len()));
}

#[test]
fn the_body_ends_where_content_length_says() {
    assert_eq!(with("l: 4", "l: 2").unwrap().body(), b"bo");
    assert!(with("l: 4", "l: 2").unwrap().raw().ends_with(b"\r\n\r\nbo"));
    assert_eq!(with("l: 4\r\n", "").unwrap().body(), b"body");
    assert_eq!(with("l: 4", "l: 4\r\nContent-Length: 4").unwrap().body(), b"body");
    assert_eq!(with("l: 4", "l: 5").unwrap_err(), ParseError::Truncated);
    assert_eq!(with("l: 4", "l: 4\r\nl: 3").unwrap_err(), ParseError::Duplicate("Content-Length"));
    for length in ["-4", "four", "", "4 4", "99999999999999999999"] {
        let error = with("l: 4", &format!("l: {length}")).unwrap_err();
        assert_eq!(error, ParseError::Invalid("Content-Length"), "{length:?}");
    }
}

#[test]
fn line_ends_before_the_message_are_skipped_and_alone_are_a_keepalive() {
    let message = parse(&format!("\r\n\r\n{INVITE}")).unwrap();
    assert_eq!(message.raw(), INVITE.as_bytes());
    for text in ["", "\r\n", "\r\n\r\n"] {
        assert_eq!(parse(text).unwrap_err(), ParseError::KeepAlive);
    }
}

#[test]
fn what_every_message_must_have() {
    let cases = [
        ("f: \"Alice, A\" <sip:alice@example.com>;tag=a1\r\n", "", ParseError::Missing("From")),
        ("t: sip:bob@example.net\r\n", "", ParseError::Missing("To")),
        ("i: call@example.com\r\n", "", ParseError::Missing("Call-ID")),
        ("CSeq: 0009\r\n INVITE\r\n", "", ParseError::Missing("CSeq")),
        ("i: call", "Call-ID: x\r\ni: call", ParseError::Duplicate("Call-ID")),
        ("t: sip:bob@example.net", "t: bob", ParseError::Invalid("To")),
        ("f: \"Alice", "f: \"\"Alice", ParseError::Invalid("From")),
        ("i: call@example.com", "i: call @", ParseError::Invalid("Call-ID")),
        ("i: call@example.com", "i:", ParseError::Invalid("Call-ID")),
        ("0009", "4294967296", ParseError::Invalid("CSeq")),
        ("\r\n INVITE", " OPTIONS", ParseError::MethodMismatch),
        ("\r\n INVITE", " invite", ParseError::MethodMismatch),
        ("Via: SIP/2.0/UDP 192.0.2.1", "Via: SIP/1.0/UDP 192.0.2.1", ParseError::Invalid("Via")),
    ];
    for (from, to, error) in cases {
        assert_eq!(with(from, to).unwrap_err(), error, "{from:?} -> {to:?}");
    }
    let no_via = INVITE.replace("Via:", "Vio:").replace("v:", "q:");
    assert_eq!(parse(&no_via).unwrap_err(), ParseError::Missing("Via"));
}

#[test]
fn broken_lines() {
    let start = "INVITE sip:bob@example.net;transport=udp SIP/2.0";
    let cases = [
        (start, "hello", ParseError::StartLine),
        (start, "INVITE sip:bob@example.net", ParseError::StartLine),
        (start, "INVITE  sip:bob@example.net SIP/2.0", ParseError::StartLine),
        (start, "INVITE sip:bob @example.net SIP/2.0", ParseError::StartLine),
        (start, "INVITE <sip:bob@example.net> SIP/2.0", ParseError::StartLine),
        (start, "INV{ITE sip:bob@example.net SIP/2.0", ParseError::StartLine),
        (start, "INVITE sip:bob@example.net SIP/7.0", ParseError::Version),
        (start, "SIP/3.0 200 OK", ParseError::Version),
        (start, "SIP/2.0 99 OK", ParseError::StartLine),
        (start, "SIP/2.0 700 OK", ParseError::StartLine),
        (start, "SIP/2.0 2000 OK", ParseError::StartLine),
        ("X-Frob: \r\n", "X Frob: \r\n", ParseError::HeaderLine),
        ("X-Frob: \r\n", ": \r\n", ParseError::HeaderLine),
        ("X-Frob: \r\n", "X-Frob\r\n", ParseError::HeaderLine),
        ("X-Frob: \r\n", "X-Frob: a\nb\r\n", ParseError::LineEnd),
        ("X-Frob: \r\n", "X-Frob: a\rb\r\n", ParseError::LineEnd),
        ("\r\n\r\nbody", "\r\n", ParseError::Unterminated),
        ("\r\n\r\nbody", "", ParseError::Unterminated),
    ];
    for (from, to, error) in cases {
        assert_eq!(with(from, to).unwrap_err(), error, "{to:?}");
    }
}

#[test]
fn limits_hold_at_the_byte() {
    let bytes = Bytes::from_static(INVITE.as_bytes());
    let parse = |limits: Limits| Message::parse(bytes.clone(), &limits).map(|_| ());
    let (length, longest) = (INVITE.len(), INVITE.split("\r\n").map(str::len).max().unwrap());
    let exact = Limits { message_bytes: length, line_bytes: longest, headers: 12, vias: 3 };
    assert_eq!(parse(exact), Ok(()));
    assert_eq!(parse(Limits { message_bytes: length - 1, ..exact }), Err(ParseError::MessageTooLong));
    assert_eq!(parse(Limits { line_bytes: longest - 1, ..exact }), Err(ParseError::LineTooLong));
    assert_eq!(parse(Limits { headers: 11, ..exact }), Err(ParseError::TooManyHeaders));
    assert_eq!(parse(Limits { vias: 2, ..exact }), Err(ParseError::TooManyVias));
    // Folding does not get around the limit of a line.
    let folded = INVITE.replacen("X-Frob: ", &format!("X-Frob: a{}", "\r\n b".repeat(30)), 1);
    let limits = Limits { line_bytes: longest, ..Limits::default() };
    assert_eq!(Message::parse(Bytes::from(folded), &limits).map(|_| ()), Err(ParseError::LineTooLong));
}

/// A parser that called itself for each of these would run out of stack.
#[test]
fn what_looks_nested_is_read_without_nesting() {
    let limits = Limits { message_bytes: 1 << 22, line_bytes: 1 << 22, ..Limits::default() };
    for mark in ["(", "<", "[", "\\\"", "\"", "(\"<"] {
        let deep = INVITE.replacen("X-Frob: ", &format!("X-Frob: {}", mark.repeat(1 << 20)), 1);
        let message = Message::parse(Bytes::from(deep), &limits).unwrap();
        assert!(message.values(Name::Other("X-Frob")).count() > 0, "{mark}");
    }
}

#[test]
fn a_request_is_read_as_far_as_a_proxy_routes_by_it() {
    let uri = "sip:bob@example.net;transport=udp";
    for bad in ["sip:bob@example.net?Route=x", "sip:2001:db8::10", "bob", "sip:"] {
        assert_eq!(with(uri, bad).unwrap_err(), ParseError::Invalid("Request-URI"), "{bad}");
    }
    assert_eq!(with(uri, "urn:service:sos").unwrap().uri(), "urn:service:sos");
    assert_eq!(with("SIP/2.0/UDP b.example", ";").unwrap_err(), ParseError::Invalid("Via"));
    let response = INVITE.replacen(&format!("INVITE {uri} SIP/2.0"), "SIP/2.0 200 OK", 1);
    assert!(
        parse(&response.replacen("SIP/2.0/UDP b.example", ";", 1)).is_ok(),
        "of a response only the top Via is ours"
    );
}

#[test]
fn numbers_that_are_none() {
    assert_eq!(with("0068", "256").unwrap().max_forwards(), Err(ParseError::Invalid("Max-Forwards")));
    assert_eq!(with("0068", "").unwrap().max_forwards(), Err(ParseError::Invalid("Max-Forwards")));
    assert_eq!(with("X-Frob: ", "Expires: 3600").unwrap().expires(), Ok(Some(3600)));
    assert_eq!(with("X-Frob: ", "Expires: soon").unwrap().expires(), Err(ParseError::Invalid("Expires")));
}
