//! What the fuzzer feeds with bytes, and what must hold whatever they are. The targets under `fuzz/` include this file
//! by its path, and `corpus.rs` replays their corpus through the same functions.

mod description;
mod operations;

use std::net::SocketAddr;

use bytes::Bytes;
use ringway_sip::{
    CSeq, Frame, FrameError, Framer, Limits, Message, Name, NameAddr, ParseError, Reply, Skeleton, Uri, Via,
};

pub(crate) use description::sdp;
pub(crate) use operations::transaction_ops;

/// A function that must bear any bytes.
pub(crate) type Target = fn(&[u8]);

/// All of them, by the names of their targets and corpora.
pub(crate) const TARGETS: [(&str, Target); 6] = [
    ("message", message),
    ("uri", uri),
    ("header_list", header_list),
    ("stream_framing", stream_framing),
    ("transaction_ops", transaction_ops),
    ("sdp", sdp),
];

/// A datagram: it is read and edited in all its parts, or refused.
pub(crate) fn message(data: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(data), &Limits::default()) {
        Ok(message) => use_up(&message),
        Err(error) => refuse(data, error),
    }
}

/// Two lines, as URIs and as all that holds a URI: what is read is the text that was given, and to be equivalent is
/// mutual.
pub(crate) fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    for text in [one, other] {
        let _ = (Via::parse(text), CSeq::parse(text));
        let Ok(address) = NameAddr::parse(text) else { continue };
        assert!(text.contains(address.uri.as_str()));
        let _ = (address.tag(), address.params.iter().count());
    }
    let (Ok(one), Ok(other)) = (Uri::parse(one), Uri::parse(other)) else { return };
    assert_eq!(Uri::parse(one.as_str()), Ok(one));
    assert!(one.is_sip() != one.host.is_empty(), "a SIP URI has a host, another one shows none");
    let _ = (one.ip(), one.params.iter().count());
    assert_eq!(one.equivalent(&other), other.equivalent(&one));
}

/// The value of list headers: taking the values off one by one gives each of them once, in order.
pub(crate) fn header_list(data: &[u8]) {
    let head = b"INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: sip:a@h\r\nt: sip:b@h\r\ni: x\r\n";
    let line = [b"CSeq: 1 INVITE\r\nRoute: ", data, b"\r\nRoute: <sip:last>\r\n\r\n"].concat();
    let raw = Bytes::from([head, &line[..]].concat());
    let Ok(message) = Message::parse(raw, &Limits::default()) else { return };
    let raw_values = |message: &Message| message.values(Name::Route).map(str::to_owned).collect::<Vec<_>>();
    let values = raw_values(&message);
    for address in message.routes().flatten() {
        let _ = (address.param("lr"), address.uri.param("lr"), address.params.iter().count());
    }
    // Values that are not UTF-8 are popped, but not listed.
    if message.lines(Name::Route).any(|line| std::str::from_utf8(line).is_err()) {
        return;
    }
    for taken in 0..=values.len() {
        let mut edit = message.edit();
        (0..taken).for_each(|_| edit.pop_first(Name::Route));
        let rest = Message::parse(edit.finish(), &Limits::NONE).expect("an edited message parses");
        assert_eq!(raw_values(&rest), values[taken..]);
    }
}

/// A stream, cut in two ways: at once, and in pieces as long as its first bytes say. The frames are the same, and what
/// is framed is what was sent.
pub(crate) fn stream_framing(data: &[u8]) {
    let (lengths, stream) = data.split_at(data.len().min(4));
    let whole = frames(std::iter::once(stream));
    let mut rest = stream;
    let pieces = lengths.iter().cycle().map_while(|&length| {
        let (piece, behind) = rest.split_at(usize::from(length).max(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(frames(pieces), whole);
    let mut at = 0;
    for frame in whole.0 {
        if let Frame::Message(bytes) = frame {
            assert_eq!(bytes, stream[at..at + bytes.len()]);
            at += bytes.len();
            message(&bytes);
        } else {
            at += 2;
        }
    }
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let (mut framer, mut frames) = (Framer::new(Limits::default()), Vec::new());
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.poll() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Reads and edits everything that there is.
fn use_up(message: &Message) {
    assert_eq!(message.edit().finish(), message.raw());
    let _ = (message.method(), message.uri(), message.status(), message.reason(), message.call_id());
    assert_eq!(Some(message.cseq()), message.first(Name::CSeq).and_then(|cseq| CSeq::parse(cseq).ok()));
    let _ = (message.via(), message.from(), message.to(), message.max_forwards(), message.body());
    assert_eq!((message.from_tag(), message.to_tag()), (message.from().tag(), message.to().tag()));
    assert_eq!(message.branch(), message.via().branch());
    let vias = message.vias().count();
    let _ = (message.routes().count(), message.contacts().count());
    let headers = message.headers().count();
    // Those that are not UTF-8 are in no count, but popped like the others.
    let most = headers + message.raw().iter().filter(|&&byte| byte == b',').count();
    let mut edit = message.edit();
    for _ in 0..most {
        edit.pop_first(Name::Via);
        edit.pop_first(Name::Route);
        edit.pop_first(Name::Contact);
    }
    edit.stamp_via(source());
    edit.push_first(Name::Via, "SIP/2.0/UDP us;branch=z9hG4bKus");
    edit.body(None, b"new");
    let edited = Message::parse(edit.finish(), &Limits::NONE).expect("an edited message parses");
    assert_eq!((edited.via().branch(), edited.vias().count(), edited.routes().count()), ("z9hG4bKus", 1, 0));
    assert!(edited.headers().count() <= headers + 2);
    if message.is_request() {
        let reply = Reply::new(message, source(), 486, "Busy Here").to_tag("us").finish();
        let reply = Message::parse(reply, &Limits::NONE).expect("our reply parses");
        assert_eq!(
            (reply.status(), reply.call_id(), reply.cseq()),
            (Some(486), message.call_id(), message.cseq())
        );
        assert_eq!((reply.vias().count(), reply.via().branch()), (vias, message.via().branch()));
    }
}

/// The answer to what does not parse, if there is one: one header section and nothing behind it.
fn refuse(data: &[u8], error: ParseError) {
    let Some(skeleton) = Skeleton::read(data) else { return };
    assert_eq!(skeleton.via().reply_to(source()).ip(), source().ip());
    let Some(reply) = skeleton.refuse(error, source(), "us") else { return };
    assert!(reply.starts_with(b"SIP/2.0 "));
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    assert_eq!(end, Some(reply.len() - 4), "nothing of the request breaks out of its line");
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}
