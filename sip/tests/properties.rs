//! What holds for every message: printing gives back what was parsed, edits touch only what they name, and no bytes
//! whatever make the parser panic.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

#[expect(dead_code, reason = "one of its functions is enough here")]
mod fuzzing;

use bytes::Bytes;
use proptest::prelude::*;
use ringway_sip::{Limits, Message, Name};

/// A header line that a proxy has no business with, written in one of many ways.
fn foreign_line() -> impl Strategy<Value = String> {
    let name = "X-[A-Za-z]{1,10}|Supported|k|Allow|m|Subject|P-Asserted-Identity";
    let colon = prop::sample::select(vec![":", ": ", " : ", "\t:   "]);
    let value = "([ -~\u{e4}]{0,30})(\r\n[ \t][!-~ ]{1,12}){0,2}";
    (name, colon, value).prop_map(|(name, colon, value)| format!("{name}{colon}{value}"))
}

/// A message that parse accepts, as its header lines and its body.
fn message() -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
    let essential = Just(vec![
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop,SIP/2.0/UDP second".to_owned(),
        "v:  SIP / 2.0 / TCP third ;\r\n branch = z".to_owned(),
        "Route: <sip:one;lr>, <sip:two;lr>".to_owned(),
        "f: sip:a@b;tag=1".to_owned(),
        "TO :\r\n <sip:c@d>".to_owned(),
        "i: x".to_owned(),
        "CSeq: 1\t INFO".to_owned(),
    ]);
    let lines = (essential, prop::collection::vec(foreign_line(), 0..12)).prop_map(|(mut lines, foreign)| {
        lines.extend(foreign);
        lines
    });
    (lines.prop_shuffle(), prop::collection::vec(any::<u8>(), 0..40))
}

fn bytes_of(lines: &[String], body: &[u8]) -> Bytes {
    let head = format!("INFO sip:c@d SIP/2.0\r\n{}\r\nl: {}\r\n\r\n", lines.join("\r\n"), body.len());
    Bytes::from([head.as_bytes(), body].concat())
}

fn parse(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap()
}

/// The header lines of `bytes`, folds kept together, without start line and body.
fn lines_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text: Vec<u8> = bytes.to_vec();
    let end = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in text[..end].split(|&byte| byte == b'\n').skip(1) {
        match (lines.last_mut(), line.first()) {
            (Some(last), Some(b' ' | b'\t')) => last.extend(line),
            _ => lines.push(line.strip_suffix(b"\r").unwrap_or(line).to_vec()),
        }
    }
    lines
}

proptest! {
    #[test]
    fn printing_gives_back_what_was_parsed((lines, body) in message(), junk in "(\r\n){0,2}") {
        let bytes = bytes_of(&lines, &body);
        let parsed = parse(Bytes::from([junk.as_bytes(), &bytes[..], b"behind"].concat()));
        prop_assert_eq!(parsed.edit().finish(), &bytes);
        prop_assert_eq!(parsed.body(), &body[..]);
        prop_assert_eq!(parsed.headers().count(), lines.len() + 1);
    }

    #[test]
    fn edits_touch_only_what_they_name((lines, body) in message()) {
        let before = bytes_of(&lines, &body);
        let parsed = parse(before.clone());
        let mut edit = parsed.edit();
        edit.uri("sip:else@where");
        edit.pop_first(Name::Route);
        edit.push_first(Name::Route, "<sip:new;lr>");
        edit.push_first(Name::Via, "SIP/2.0/UDP us;branch=z9hG4bKus");
        edit.push_first(Name::RecordRoute, "<sip:us;lr>");
        edit.stamp_via("192.0.2.99:1".parse().unwrap());
        edit.set(Name::MaxForwards, "69");
        let after = edit.finish();

        let reparsed = parse(after.clone());
        prop_assert_eq!(reparsed.uri(), "sip:else@where");
        prop_assert_eq!(reparsed.via().host, "us");
        prop_assert_eq!(reparsed.vias().count(), 4);
        prop_assert_eq!(reparsed.values(Name::Route).collect::<Vec<_>>(), ["<sip:new;lr>", "<sip:two;lr>"]);
        prop_assert_eq!(reparsed.body(), &body[..]);
        let named = |line: &Vec<u8>| {
            let start: Vec<u8> = line.iter().take(2).map(u8::to_ascii_lowercase).collect();
            [&b"vi"[..], b"v:", b"ro", b"re", b"ma"].contains(&&start[..])
        };
        let untouched = |bytes| lines_of(bytes).into_iter().filter(|line| !named(line)).collect::<Vec<_>>();
        prop_assert_eq!(untouched(&before), untouched(&after));
    }

    #[test]
    fn a_changed_byte_never_panics((lines, body) in message(), at in any::<usize>(), byte in any::<u8>(), cut in any::<usize>()) {
        let mut bytes = bytes_of(&lines, &body).to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % 3 * (cut % length) / 2);
        fuzzing::message(&bytes);
    }

    #[test]
    fn a_soup_of_headers_never_panics(soup in "(INVITE|SIP/2.0) [ -~]{0,9} (SIP/2.0)?\r\n(((Via|f|TO|Route|Contact|CSeq|l)[ :]{1,3}[ -~]{0,40}(\r\n )?)?(\r\n)){0,12}\r\n.{0,9}") {
        fuzzing::message(soup.as_bytes());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::message(&bytes);
    }
}
