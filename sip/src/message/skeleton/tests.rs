//! Who is answered, with what, and who is not.

use super::*;
use crate::message::Message;

const BROKEN: &str = "INVITE  sip:bob@example.net SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK1;rport, SIP/2.0/TCP a.example\r\n\
    f: sip:alice@example.com;tag=a1\r\n\
    t: sip:bob@example.net\r\n\
    i: call@example.com\r\n\
    CSeq: 9 INVITE\r\n\r\n";

fn source() -> SocketAddr {
    "198.51.100.7:4000".parse().unwrap()
}

/// The answer to `text` as a receiver reads it.
fn answer(text: &str) -> Option<Message> {
    let error = Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap_err();
    let bytes = Skeleton::read(text.as_bytes())?.refuse(error, source(), "t9")?;
    Some(Message::parse(bytes, &Limits::default()).expect("what we send is a message"))
}

#[test]
fn a_broken_request_is_refused_over_its_own_via() {
    let reply = answer(BROKEN).unwrap();
    assert_eq!((reply.status(), reply.call_id()), (Some(400), "call@example.com"));
    assert!(reply.reason().contains("start line"), "{}", reply.reason());
    assert_eq!(reply.via().received(), Some(source().ip()));
    assert_eq!(reply.via().rport(), Some(Some(4000)));
    assert_eq!((reply.vias().count(), reply.cseq().number, reply.to().tag()), (2, 9, Some("t9")));
    assert_eq!(reply.from().tag(), Some("a1"));
    let skeleton = Skeleton::read(BROKEN.as_bytes()).unwrap();
    assert_eq!(skeleton.via().reply_to(source()), source());
}

#[test]
fn an_ack_a_response_and_a_stranger_without_via_are_not_answered() {
    for text in [
        BROKEN.replace("INVITE", "ACK"),
        BROKEN.replace("INVITE  sip:bob@example.net SIP/2.0", "SIP/2.0 99 Odd"),
        BROKEN.replace("INVITE  sip:bob@example.net SIP/2.0", "hello there"),
        BROKEN.replace("Via: SIP/2.0/UDP 192.0.2.1:5080", "Via: SIP/2.0/UDP"),
        BROKEN.replace("Via:", "Vio:"),
        "\r\nINVITE".to_owned(),
        String::new(),
    ] {
        assert!(Skeleton::read(text.as_bytes()).is_none(), "{text:?}");
    }
}

#[test]
fn a_to_that_has_a_tag_or_cannot_be_read_is_copied_as_it_stands() {
    let tagged = answer(&BROKEN.replace("t: sip:bob@example.net", "t: sip:bob@example.net;tag=x")).unwrap();
    assert_eq!(tagged.to().tag(), Some("x"));
    let unread = BROKEN.replace("t: sip:bob@example.net", "t: \"bob <sip:bob@example.net>");
    let bytes =
        Skeleton::read(unread.as_bytes()).unwrap().refuse(ParseError::StartLine, source(), "t9").unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.contains("To: \"bob <sip:bob@example.net>\r\n"), "{text}");
}

#[test]
fn what_two_readers_would_read_differently_gets_no_answer() {
    let skeleton = Skeleton::read(BROKEN.as_bytes()).unwrap();
    assert_eq!(skeleton.refuse(ParseError::LineEnd, source(), ""), None);
    assert_eq!(skeleton.refuse(ParseError::KeepAlive, source(), ""), None);
}

#[test]
fn the_complete_lines_of_a_cut_message_are_enough() {
    let cut = BROKEN.replace("INVITE  sip", "INVITE sip").replace("CSeq: 9 INVITE\r\n\r\n", "CSeq: 9 INV");
    assert_eq!(
        Message::parse(Bytes::from(cut.clone()), &Limits::default()).unwrap_err(),
        ParseError::Unterminated
    );
    let skeleton = Skeleton::read(cut.as_bytes()).unwrap();
    let bytes = skeleton.refuse(ParseError::Unterminated, source(), "").unwrap();
    assert!(bytes.starts_with(b"SIP/2.0 400 ") && !bytes.windows(4).any(|four| four == b"CSeq"));
}
