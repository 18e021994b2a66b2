//! Answers, and the ACK and CANCEL that follow from an INVITE.

use super::*;
use crate::message::{Limits, ack_for, cancel_for};

const INVITE: &str = "INVITE sip:bob@192.0.2.9 SIP/2.0\r\n\
    v: SIP/2.0/UDP edge.example;branch=z9hG4bK1;rport, SIP/2.0/UDP phone.example\r\n\
    Via: SIP/2.0/UDP far.example\r\n\
    Route: <sip:one;lr>, <sip:two;lr>\r\n\
    Route: <sip:three;lr>\r\n\
    Record-Route: <sip:us;lr>\r\n\
    Max-Forwards: 68\r\n\
    f: <sip:alice@example.com>;tag=a\r\n\
    t: \"Bob\" <sip:bob@example.net>\r\n\
    i: c@d\r\n\
    CSeq: 17 INVITE\r\n\
    Timestamp: 54\r\n\
    l: 0\r\n\r\n";

fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

fn reply(code: u16, reason: &str) -> String {
    let invite = message(INVITE);
    let reply = Reply::new(&invite, "192.0.2.7:4000".parse().unwrap(), code, reason).to_tag("t1");
    String::from_utf8(reply.header(Name::RetryAfter, "5").finish().to_vec()).unwrap()
}

#[test]
fn a_failure() {
    assert_eq!(
        reply(503, "Service Unavailable"),
        "SIP/2.0 503 Service Unavailable\r\n\
         Via: SIP/2.0/UDP edge.example;branch=z9hG4bK1;rport=4000;received=192.0.2.7\r\n\
         Via: SIP/2.0/UDP phone.example\r\n\
         Via: SIP/2.0/UDP far.example\r\n\
         From: <sip:alice@example.com>;tag=a\r\n\
         To: \"Bob\" <sip:bob@example.net>;tag=t1\r\n\
         Call-ID: c@d\r\n\
         CSeq: 17 INVITE\r\n\
         Retry-After: 5\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_100_has_no_tag_and_gives_the_timestamp_back() {
    let reply = reply(100, "Trying");
    assert!(reply.contains("To: \"Bob\" <sip:bob@example.net>\r\n"), "{reply}");
    assert!(reply.contains("Timestamp: 54\r\n"), "{reply}");
}

#[test]
fn a_tag_of_the_request_stays() {
    let request = message(&INVITE.replace("bob@example.net>", "bob@example.net>;tag=old"));
    let reply = Reply::new(&request, "192.0.2.7:4000".parse().unwrap(), 481, "No").to_tag("new").finish();
    let reply = Message::parse(reply, &Limits::default()).unwrap();
    assert_eq!(reply.to().tag(), Some("old"));
}

#[test]
fn the_ack_and_the_cancel_of_an_invite() {
    let invite = message(INVITE);
    let expected = |method: &str, to: &str| {
        format!(
            "{method} sip:bob@192.0.2.9 SIP/2.0\r\n\
             Via: SIP/2.0/UDP edge.example;branch=z9hG4bK1;rport\r\n\
             Route: <sip:one;lr>, <sip:two;lr>\r\n\
             Route: <sip:three;lr>\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:alice@example.com>;tag=a\r\n\
             To: {to}\r\n\
             Call-ID: c@d\r\n\
             CSeq: 17 {method}\r\n\
             Content-Length: 0\r\n\r\n"
        )
    };
    let failure = message(&reply(486, "Busy Here"));
    assert_eq!(ack_for(&invite, &failure), expected("ACK", "\"Bob\" <sip:bob@example.net>;tag=t1"));
    assert_eq!(cancel_for(&invite), expected("CANCEL", "\"Bob\" <sip:bob@example.net>"));
}
