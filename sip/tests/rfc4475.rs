//! The 49 torture messages of RFC 4475 and what a proxy does with each: forward, refuse with a status, or drop.
//!
//! A proxy reads what it routes by and nothing else (RFC 3261 §16.3 step 1), so much that is wrong in the RFC's eyes
//! is forwarded: it is for the endpoint to refuse.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

mod torture;

use std::time::Instant;

use bytes::Bytes;
use ringway_sip::{
    Frame, FrameError, Framer, Layer, Limits, Message, Method, Name, Output, ParseError, Peer, Skeleton,
    Timing, Uri,
};
use torture::Verdict::{Drop, Forward, Refuse};
use torture::{Row, judge, names, parse};

#[rustfmt::skip]
const TABLE: [Row; 49] = [
    // §3.1.1 valid messages
    ("3.1.1.1", "wsinv", Forward, "white space and folds wherever the grammar allows them"),
    ("3.1.1.2", "intmeth", Forward, "every character that a token, a user part or a quoted string may have"),
    ("3.1.1.3", "esc01", Forward, "escapes in URIs are carried, not undone"),
    ("3.1.1.4", "escnull", Forward, "an escaped NUL ends nothing"),
    ("3.1.1.5", "esc02", Forward, "a percent sign outside URIs escapes nothing: another method, another header"),
    ("3.1.1.6", "lwsdisp", Forward, "no white space between display name and <"),
    ("3.1.1.7", "longreq", Forward, "long values, 34 Vias without branch"),
    ("3.1.1.8", "dblreq", Forward, "the datagram ends where Content-Length says; what follows is not looked at"),
    ("3.1.1.9", "semiuri", Forward, "semicolons in the user part begin no parameters"),
    ("3.1.1.10", "transports", Forward, "unknown transports in Vias that are not ours"),
    ("3.1.1.11", "mpart01", Forward, "a body with CRLFs and NULs"),
    ("3.1.1.12", "unreason", Forward, "a reason phrase in UTF-8"),
    ("3.1.1.13", "noreason", Forward, "an empty reason phrase"),
    // §3.1.2 invalid messages
    ("3.1.2.1", "badinv01", Refuse(400), "the commas make empty Vias, which we would have to send back"),
    ("3.1.2.2", "clerr", Refuse(400), "RFC 3261 §18.3: the datagram is shorter than Content-Length"),
    ("3.1.2.3", "ncl", Refuse(400), "a negative Content-Length"),
    ("3.1.2.4", "scalar02", Refuse(400), "CSeq beyond 2^31; Max-Forwards and Expires are too large as well"),
    ("3.1.2.5", "scalarlg", Drop, "a response with a CSeq beyond 2^31 matches nothing"),
    ("3.1.2.6", "quotbal", Refuse(400), "the quote in To never closes"),
    ("3.1.2.7", "ltgtruri", Refuse(400), "a Request-URI in angle brackets"),
    ("3.1.2.8", "lwsruri", Refuse(400), "white space within the Request-URI; being liberal would be guessing"),
    ("3.1.2.9", "lwsstart", Refuse(400), "two spaces in the request line"),
    ("3.1.2.10", "trws", Refuse(400), "spaces behind the SIP version"),
    ("3.1.2.11", "escruri", Refuse(400), "headers in the Request-URI must not be forwarded"),
    ("3.1.2.12", "baddate", Forward, "the time zone of Date is wrong; a proxy does not read Date"),
    ("3.1.2.13", "regbadct", Forward, "a registrar refuses this Contact; a proxy does not read it"),
    ("3.1.2.14", "badaspec", Forward, "spaces within the brackets of To mean nothing; the RFC allows to be liberal"),
    ("3.1.2.15", "baddn", Forward, "a bare comma in the display name of a header that is no list does no harm"),
    ("3.1.2.16", "badvers", Refuse(505), "SIP/7.0, in the Via as well"),
    ("3.1.2.17", "mismatch01", Refuse(400), "CSeq and request line name different methods"),
    ("3.1.2.18", "mismatch02", Refuse(400), "as above with an unknown method; 501 is for endpoints"),
    ("3.1.2.19", "bigcode", Drop, "a response with a status beyond 699"),
    // §3.2 transaction layer semantics
    ("3.2.1", "badbranch", Forward, "the bare cookie is no branch; matched by the rules of RFC 2543"),
    // §3.3 application layer semantics
    ("3.3.1", "insuf", Refuse(400), "From, To and Call-ID are missing; the Via is enough to say so"),
    ("3.3.2", "unkscm", Refuse(416), "RFC 3261 §16.3 step 2: a scheme nobody knows"),
    ("3.3.3", "novelsc", Refuse(416), "a scheme that somebody knows, but not we"),
    ("3.3.4", "unksm2", Forward, "unknown schemes in To, From and Contact are for the registrar"),
    ("3.3.5", "bext01", Refuse(420), "RFC 3261 §16.3 step 5: Proxy-Require; Require is for the endpoint"),
    ("3.3.6", "invut", Forward, "415 is for the endpoint"),
    ("3.3.7", "regaut01", Forward, "the registrar challenges"),
    ("3.3.8", "multi01", Refuse(400), "CSeq, Call-ID, From and To stand twice"),
    ("3.3.9", "mcl01", Refuse(400), "two different Content-Lengths"),
    ("3.3.10", "bcast", Drop, "a response that would go on to 255.255.255.255; ours go where a request came from"),
    ("3.3.11", "zeromf", Refuse(483), "RFC 3261 §16.3 step 3; the addressee may answer OPTIONS instead"),
    ("3.3.12", "cparam01", Forward, "whose parameter it is matters to the registrar"),
    ("3.3.13", "cparam02", Forward, "as above"),
    ("3.3.14", "regescrt", Forward, "headers in a bracketed Contact are kept by the registrar"),
    ("3.3.15", "sdp01", Forward, "406 is for the endpoint"),
    // §3.4 backward compatibility
    ("3.4.1", "inv2543", Forward, "no branch, no tag, no Max-Forwards, no Content-Length"),
];

fn wire(name: &str) -> Bytes {
    torture::wire("rfc4475", name)
}

fn message(name: &str) -> Message {
    parse(&wire(name)).unwrap()
}

#[test]
fn every_message_meets_its_verdict() {
    for (section, name, verdict, why) in TABLE {
        println!("§{section} {name}: {verdict:?}, because: {why}");
        judge(&wire(name), verdict);
    }
}

#[test]
fn the_table_names_every_file_once() {
    let mut listed: Vec<_> = TABLE.iter().map(|row| row.1).collect();
    listed.sort_unstable();
    assert_eq!(listed, names("rfc4475"));
}

/// A slip in one of the files would mostly show here.
#[test]
fn bodies_are_as_long_as_the_rfc_says() {
    // What these say is their very fault; multi01 is off by two in the RFC.
    let wrong = ["dblreq", "clerr", "ncl", "mcl01", "multi01", "inv2543"];
    for (_, name, ..) in TABLE.into_iter().filter(|row| !wrong.contains(&row.1)) {
        let raw = wire(name);
        let mut framer = Framer::new(Limits::default());
        framer.push(&raw);
        assert_eq!(framer.poll(), Ok(Some(Frame::Message(raw))), "{name}");
    }
}

/// On a stream the same faults of length lose the connection, and the request that did it can still be refused.
#[test]
fn on_a_stream_faults_of_length_are_faults_of_the_connection() {
    let lost = |name: &str| {
        let mut framer = Framer::new(Limits::default());
        framer.push(&wire(name));
        let error = framer.poll().unwrap_err();
        let from = "198.51.100.1:5060".parse().unwrap();
        let answer = Skeleton::read(framer.rest()).unwrap().refuse(error.as_parse_error(), from, "").unwrap();
        assert!(answer.starts_with(b"SIP/2.0 400 "), "{name}");
        error
    };
    assert_eq!(lost("ncl"), FrameError::Header(ParseError::Invalid("Content-Length")));
    assert_eq!(lost("mcl01"), FrameError::Header(ParseError::Duplicate("Content-Length")));
    assert_eq!(lost("inv2543"), FrameError::NoContentLength);
    let mut framer = Framer::new(Limits::default());
    framer.push(&wire("clerr"));
    assert_eq!(
        (framer.poll(), framer.is_mid_message()),
        (Ok(None), true),
        "the rest of clerr may be on its way"
    );
}

/// §3.1.1.8: over a stream the second request of dblreq is a message of its own; its body is cut by its Content-Length.
#[test]
fn a_stream_finds_both_requests_of_dblreq() {
    let mut framer = Framer::new(Limits::default());
    framer.push(&wire("dblreq"));
    let mut methods = Vec::new();
    while let Some(frame) = framer.poll().unwrap() {
        if let Frame::Message(raw) = frame {
            methods.push(parse(&raw).unwrap().method().as_str().to_owned());
        }
    }
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}

#[test]
fn wsinv_is_read_right() {
    let message = message("wsinv");
    assert_eq!((message.to().uri.user, message.to().tag()), (Some("vivekg"), Some("1918181833n")));
    assert_eq!((message.from().uri.host, message.from().tag()), ("example.com", Some("98asjd8")));
    assert_eq!(message.from().display, r#""J Rosenberg \\\"""#);
    assert_eq!((message.max_forwards(), message.cseq().number), (Ok(Some(68)), 9));
    let vias: Vec<_> = message.vias().map(|via| via.map(|via| (via.host, via.branch())).unwrap()).collect();
    let expected = [
        ("192.0.2.2", "390skdjuw"),
        ("spindle.example.com", "z9hG4bK9ikj8"),
        ("192.168.255.111", "z9hG4bK30239"),
    ];
    assert_eq!(vias, expected);
    let contact = message.contacts().next().unwrap().unwrap();
    assert_eq!((contact.param("newparam"), contact.param("q")), (Some(Some("newvalue")), Some(Some("0.33"))));
    assert_eq!((message.first(Name::Subject), message.body().len()), (Some(""), 150));
    let route = message.routes().next().unwrap().unwrap();
    assert_eq!((route.uri.param("lr"), route.uri.param("unknownwith")), (Some(None), Some(Some("value"))));
}

#[test]
fn odd_characters_are_read_right() {
    let intmeth = message("intmeth");
    assert_eq!(intmeth.method(), Method::from("!interesting-Method0123456789_*+`.%indeed'~"));
    assert_eq!(intmeth.from().tag(), Some("_token~1'+`*%!-."));
    assert_eq!((intmeth.to().uri.host, intmeth.max_forwards()), ("example.com", Ok(Some(255))));
    assert_eq!(intmeth.to().display, "\"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\"");
    assert_eq!(intmeth.via().branch(), "z9hG4bK-.!%66*_+`'~");

    let esc01 = message("esc01");
    let uri = Uri::parse(esc01.uri()).unwrap();
    assert_eq!((uri.user, uri.host), (Some("sips%3Auser%40example.com"), "example.net"));
    assert_eq!(esc01.to().uri.user, Some("%75se%72"));
    let contact = esc01.contacts().next().unwrap().unwrap();
    assert_eq!(contact.uri.param("lr"), None, "an escaped lr is no lr");

    let esc02 = message("esc02");
    assert_eq!(esc02.method(), Method::Other("RE%47IST%45R"), "an escaped method is another method");
    assert_eq!(esc02.contacts().count(), 2, "C%6Fntact is no Contact");
    assert_eq!(message("lwsdisp").from().display, "caller");
    assert_eq!(message("unreason").reason(), "= 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!((message("noreason").status(), message("noreason").reason()), (Some(100), ""));
    assert_eq!(Uri::parse(message("semiuri").uri()).unwrap().user, Some("user;par=u%40example.net"));
    assert_eq!(message("semiuri").values(Name::Accept).count(), 6);
}

#[test]
fn large_and_many_parts_are_read_right() {
    let longreq = message("longreq");
    assert_eq!((longreq.vias().count(), longreq.via().host), (34, "sip33.example.com"));
    assert_eq!(longreq.from().tag().unwrap(), format!("12{}424", "982".repeat(50)));
    assert_eq!(
        longreq.contacts().next().unwrap().unwrap().uri.user,
        Some(&*"amazinglylongcallername".repeat(5))
    );
    let transports = message("transports");
    let transports: Vec<_> = transports.vias().map(|via| via.unwrap().transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    assert_eq!(message("mpart01").body().len(), 553);
    assert_eq!(message("dblreq").body(), b"");
}

/// §3.3.12 to §3.3.14, §3.1.2.13: what a registrar has to tell apart.
#[test]
fn contacts_are_told_apart() {
    let contact = |name: &str| {
        let message = message(name);
        let contact = message.contacts().next().unwrap();
        contact.map(|contact| {
            let parameter = "unknownparam";
            (
                contact.param(parameter).is_some(),
                contact.uri.param(parameter).is_some(),
                contact.uri.headers.to_owned(),
            )
        })
    };
    assert_eq!(contact("cparam01"), Ok((true, false, String::new())));
    assert_eq!(contact("cparam02"), Ok((false, true, String::new())));
    assert_eq!(contact("regescrt"), Ok((false, false, "Route=%3Csip:sip.example.com%3E".to_owned())));
    assert!(contact("regbadct").is_err(), "a question mark needs brackets");
    assert_eq!(message("bext01").values(Name::ProxyRequire).count(), 2, "what a 420 lists in Unsupported");
}

/// §3.2.1, §3.3.10: what the transaction layer has to do with them.
#[test]
fn transactions_are_told_apart() {
    let now = epoch();
    let from = Peer::udp("192.0.2.1:5060".parse().unwrap());
    let mut layer = Layer::new(Timing::default());
    layer.receive(now, from, message("badbranch"));
    let first = message("badbranch");
    let mut other = first.edit();
    other.set(Name::CallId, "another-call");
    layer.receive(now, from, parse(&other.finish()).unwrap());
    assert_eq!(layer.servers(), 2, "two calls that share a branch of nothing but the cookie");
    layer.receive(now, from, message("badbranch"));
    assert_eq!(layer.servers(), 2, "a copy is a copy all the same");

    while layer.poll().is_some() {}
    layer.receive(now, from, message("bcast"));
    assert!(matches!(layer.poll(), Some(Output::Stray { .. })));
    assert!(layer.poll().is_none(), "nothing is sent to a broadcast address");
}

#[expect(
    clippy::disallowed_methods,
    reason = "std offers no other way to an Instant; only differences to it count"
)]
fn epoch() -> Instant {
    Instant::now()
}
