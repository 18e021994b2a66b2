//! The messages of the torture-test RFCs as text files, one a message, and what the tests do with each of them.
//!
//! The texts are those printed in RFC 4475 (Copyright © The Internet Society, 2006) and RFC 5118 (Copyright © The IETF
//! Trust, 2008), in the notation of RFC 4475 §2: line feeds stand for CRLF, and three marks for what a page cannot show.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use ringway_sip::{Limits, Message, Name, ParseError, Skeleton, Uri};

/// What a proxy does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It parses, and goes on with nothing changed but what the proxy has to change.
    Forward,
    /// It is a request, and the sender gets this status.
    Refuse(u16),
    /// Nothing leaves because of it.
    Drop,
}

/// One row of a table: section, name, verdict, and why it is that one.
pub(crate) type Row = (&'static str, &'static str, Verdict, &'static str);

/// The message of that name as it stands on the wire.
pub(crate) fn wire(rfc: &str, name: &str) -> Bytes {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(rfc).join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Bytes::from(expand(&text))
}

/// The names of all messages of that RFC, sorted.
pub(crate) fn names(rfc: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(rfc);
    let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Parses with the default limits.
pub(crate) fn parse(raw: &Bytes) -> Result<Message, ParseError> {
    Message::parse(raw.clone(), &Limits::default())
}

/// Asserts that what a proxy does with `raw` is `verdict`.
pub(crate) fn judge(raw: &Bytes, verdict: Verdict) {
    match (parse(raw), verdict) {
        (Ok(message), Verdict::Forward) => {
            assert_eq!(objection(&message), None);
            passes_through(&message, raw);
        }
        (Ok(message), Verdict::Refuse(status)) => assert_eq!(objection(&message), Some(status)),
        (Err(error), Verdict::Refuse(status)) => assert_eq!(answer_to(raw, error), Some(status), "{error}"),
        (Err(error), Verdict::Drop) => assert_eq!(answer_to(raw, error), None, "{error}"),
        // A response goes where a client transaction of ours waits for it, and nowhere else: its Vias say nothing.
        (Ok(message), Verdict::Drop) => assert!(!message.is_request()),
        (Err(error), Verdict::Forward) => panic!("does not parse: {error}"),
    }
}

/// Why a proxy that knows `sip`, `sips` and no extension refuses the request (RFC 3261 §16.3 steps 2, 3 and 5).
fn objection(message: &Message) -> Option<u16> {
    if !message.is_request() {
        return None;
    }
    let uri = Uri::parse(message.uri()).expect("parse has read the Request-URI");
    match message.max_forwards() {
        _ if !uri.is_sip() => Some(416),
        Ok(Some(0)) => Some(483),
        Err(_) => Some(400),
        Ok(_) if message.values(Name::ProxyRequire).next().is_some() => Some(420),
        Ok(_) => None,
    }
}

/// The status of the answer to a request that does not parse. The answer is a message, is on its way back over the Via
/// of the request, and names the same call as far as the request did.
fn answer_to(raw: &Bytes, error: ParseError) -> Option<u16> {
    let from: SocketAddr = "198.51.100.1:5060".parse().unwrap();
    let skeleton = Skeleton::read(raw)?;
    let bytes = skeleton.refuse(error, from, "r1")?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.strip_prefix("SIP/2.0 ").and_then(|text| text[..3].parse().ok());
    assert_eq!(skeleton.via().reply_to(from).ip(), from.ip());
    assert!(text.contains(&format!("Via: {}", via_start(raw))), "{text}");
    assert!(text.contains(";received=198.51.100.1"), "{text}");
    assert!(bytes.len() < raw.len() + 200, "an answer is no amplifier");
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"), "{text}");
    status
}

/// The top Via up to its first parameter, as written.
fn via_start(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Via:")).expect("a Via in its long form");
    line.trim().split(';').next().unwrap().to_owned()
}

/// What no edit names is the same byte for byte, and a proxy's own lines are what it added.
fn passes_through(message: &Message, raw: &Bytes) {
    // Behind the first message of a datagram may stand what is not looked at (dblreq).
    assert_eq!(message.edit().finish(), raw[..message.raw().len()], "untouched");
    if !message.is_request() {
        let mut edit = message.edit();
        edit.pop_first(Name::Via);
        let lower = edit.finish();
        assert!(raw.ends_with(message.body()) && lower.ends_with(message.body()));
        return;
    }
    let mut edit = message.edit();
    edit.stamp_via("198.51.100.1:5060".parse().unwrap());
    edit.push_first(Name::Via, "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKus");
    edit.push_first(Name::RecordRoute, "<sip:203.0.113.9;lr>");
    edit.set(Name::MaxForwards, "9");
    let forwarded = parse(&edit.finish()).expect("what we forward parses");
    assert_eq!((forwarded.via().host, forwarded.vias().count()), ("203.0.113.9", message.vias().count() + 1));
    let record_routes = forwarded.record_routes().count();
    assert_eq!(record_routes, message.record_routes().count() + 1);
    assert_eq!((forwarded.uri(), forwarded.body()), (message.uri(), message.body()));
    assert_eq!(foreign(&forwarded), foreign(message));
}

/// The lines that a proxy has no business with, names and values as written.
fn foreign(message: &Message) -> Vec<(Vec<u8>, Vec<u8>)> {
    let own = [Name::Via, Name::RecordRoute, Name::MaxForwards];
    let foreign = message.headers().filter(|header| !own.contains(&header.name));
    foreign.map(|header| (header.raw_name.to_vec(), header.value.to_vec())).collect()
}

/// Undoes the notation of RFC 4475 §2.
fn expand(text: &str) -> Vec<u8> {
    let text = replace_each(text, "<repeat count=", "</repeat>", |inner| {
        let (count, unit) = inner.split_once('>').unwrap();
        unit.repeat(count.parse().unwrap())
    });
    let text = replace_each(&text, "<allOneLine>\n", "\n</allOneLine>", |inner| inner.replace('\n', ""));
    let mut wire = Vec::new();
    let mut rest = text.replace('\n', "\r\n");
    while let Some((before, behind)) = rest.split_once("<hex>") {
        let (digits, tail) = behind.split_once("</hex>").unwrap();
        wire.extend_from_slice(before.as_bytes());
        let digits: Vec<_> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
        wire.extend(digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()));
        rest = tail.to_owned();
    }
    wire.extend_from_slice(rest.as_bytes());
    wire
}

/// `text` with each `open…close` replaced by what `inner` makes of what stands between.
fn replace_each(text: &str, open: &str, close: &str, inner: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(open);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (between, behind) = part.split_once(close).unwrap();
        out.push_str(&inner(between));
        out.push_str(behind);
    }
    out
}
