//! Any split gives the same frames, a stream that cannot be framed is lost, and nobody makes us hold or scan much.

use proptest::prelude::*;

use super::*;

const OPTIONS: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nl: 0\r\n\r\n";
const MESSAGE: &str =
    "MESSAGE sip:a@h SIP/2.0\r\nX: \r\n folded\r\nContent-Length \t:\r\n 9\r\n\r\n\r\n\r\nSIP/2";

/// All frames that come when `pieces` are pushed one after the other, and the error that ended them.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new(Limits::default());
    let mut frames = Vec::new();
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

fn message(text: &str) -> Frame {
    Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn messages_and_keepalives_in_a_row() {
    let stream = format!("\r\n\r\n{OPTIONS}\r\n{MESSAGE}{OPTIONS}\r\n\r\n");
    let expected = [
        Frame::Pong,
        Frame::Ping,
        message(OPTIONS),
        Frame::Pong,
        message(MESSAGE),
        message(OPTIONS),
        Frame::Pong,
        Frame::Ping,
    ];
    assert_eq!(frames([stream.as_bytes()]), (expected.to_vec(), None));
}

#[test]
fn every_split_in_two_gives_the_same_frames() {
    let stream = format!("\r\n{MESSAGE}\r\n\r\n{OPTIONS}{MESSAGE}");
    let whole = frames([stream.as_bytes()]);
    assert_eq!(whole.0.len(), 6);
    for at in 0..=stream.len() {
        let (left, right) = stream.as_bytes().split_at(at);
        assert_eq!(frames([left, right]), whole, "split at {at}");
    }
    assert_eq!(frames(stream.as_bytes().chunks(1)), whole, "byte by byte");
}

proptest! {
    #[test]
    fn every_split_of_anything_gives_the_same_frames(
        parts in prop::collection::vec(
            prop::sample::select(vec![OPTIONS, MESSAGE, "\r\n", "\r\n\r\n", "\r", "X y\r\n\r\n", "l: 3\r\n\r\nabc"]),
            1..9,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let stream = parts.concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.push(0);
        cuts.push(stream.len());
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(frames(pieces), frames([stream.as_bytes()]));
    }
}

#[test]
fn a_stream_without_a_sure_end_of_message_is_lost() {
    let header = |error| FrameError::Header(error);
    let cases = [
        ("OPTIONS sip:a@h SIP/2.0\r\nX: y\r\n\r\n", FrameError::NoContentLength),
        ("a b\r\nl: 1\r\nContent-Length: 2\r\n\r\nxx", header(ParseError::Duplicate("Content-Length"))),
        ("a b\r\nl: -1\r\n\r\n", header(ParseError::Invalid("Content-Length"))),
        ("a b\r\nl: 99999999999999999999\r\n\r\n", header(ParseError::Invalid("Content-Length"))),
        ("a b\r\nl: 18446744073709551615\r\n\r\n", FrameError::TooLong),
        ("a b\r\nl: 65535\r\n\r\n", FrameError::TooLong),
        ("a b\r\nX: y\nl: 0\r\n\r\n", header(ParseError::LineEnd)),
        ("\n", FrameError::LineEnd),
        ("\rX", FrameError::LineEnd),
    ];
    for (stream, error) in cases {
        assert_eq!(frames([stream.as_bytes()]), (vec![], Some(error)), "{stream:?}");
        assert_eq!(frames(stream.as_bytes().chunks(1)), (vec![], Some(error)), "{stream:?}, byte by byte");
    }
}

#[test]
fn a_lost_stream_stays_lost_and_shows_the_request_that_lost_it() {
    let mut framer = Framer::new(Limits::default());
    let broken = OPTIONS.replace("l: 0\r\n", "");
    framer.push(broken.as_bytes());
    assert_eq!(framer.poll(), Err(FrameError::NoContentLength));
    framer.push(OPTIONS.as_bytes());
    assert_eq!(framer.poll(), Err(FrameError::NoContentLength));
    assert_eq!(framer.rest(), broken.as_bytes());
    assert_eq!(FrameError::NoContentLength.as_parse_error().refusal(), Some(400));
}

#[test]
fn a_message_that_is_bad_but_framed_does_not_lose_the_stream() {
    let bad = "INVITE  what ever\r\nno header\r\nl: 2\r\n\r\nxx";
    let stream = format!("{bad}{OPTIONS}");
    assert_eq!(frames([stream.as_bytes()]), (vec![message(bad), message(OPTIONS)], None));
}

#[test]
fn a_header_section_without_end_is_cut_off_at_the_limit() {
    let limits = Limits { message_bytes: 1_000, ..Limits::default() };
    let mut framer = Framer::new(limits);
    framer.push(b"OPTIONS sip:a@h SIP/2.0\r\n");
    let mut pushed = 25;
    let error = loop {
        framer.push(b"X: y\r\n");
        pushed += 6;
        match framer.poll() {
            Ok(None) => assert!(framer.is_mid_message() && framer.rest().len() == pushed),
            Ok(Some(frame)) => panic!("{frame:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!((error, pushed.abs_diff(1_000) < 6), (FrameError::TooLong, true));
}

#[test]
fn between_messages_nothing_is_held() {
    let mut framer = Framer::new(Limits::default());
    framer.push(OPTIONS.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(message(OPTIONS))));
    assert!(!framer.is_mid_message());
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn the_longest_message_that_the_limit_allows_passes() {
    let body = 1_000 - "a b\r\nl: 900\r\n\r\n".len();
    let limits = Limits { message_bytes: 1_000, ..Limits::default() };
    let text = format!("a b\r\nl: {body}\r\n\r\n{}", "x".repeat(body));
    let mut framer = Framer::new(limits);
    framer.push(text.as_bytes());
    assert_eq!(framer.poll(), Ok(Some(message(&text))));
    framer.push(format!("a b\r\nl: {}\r\n\r\n", body + 1).as_bytes());
    assert_eq!(framer.poll(), Err(FrameError::TooLong));
}
