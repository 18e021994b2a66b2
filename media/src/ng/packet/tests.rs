//! Datagrams: what has a cookie, what is silence, and that answers come in the form of their questions.

use super::*;

#[test]
fn a_ping_in_both_encodings() {
    for (ping, pong) in [
        (&b"0_16416_0 d7:command4:pinge"[..], &b"0_16416_0 d6:result4:ponge"[..]),
        (b"a-b {\"command\":\"ping\"}", b"a-b {\"result\":\"pong\"}"),
    ] {
        let packet = Packet::read(ping).unwrap();
        assert_eq!(packet.request().command, Ok(Command::Ping));
        assert_eq!(packet.answer(&Reply::Pong), pong);
    }
}

#[test]
fn every_answer() {
    let packet = Packet::read(b"1 de").unwrap();
    let sdp = b"v=0\r\n\xff".to_vec();
    for (reply, bytes) in [
        (Reply::done(), &b"1 d6:result2:oke"[..]),
        (Reply::Sdp(super::super::Sdp(sdp)), b"1 d6:result2:ok3:sdp6:v=0\r\n\xffe"),
        (Reply::Calls(vec!["a@b".to_owned()]), b"1 d5:callsl3:a@be6:result2:oke"),
        (Reply::unknown_call(), b"1 d12:error-reason15:Unknown call-id6:result5:errore"),
        (
            Reply::nothing_deleted(false),
            b"1 d6:result2:ok7:warning38:Call-ID not found or tags didn't matche",
        ),
        (
            Reply::nothing_deleted(true),
            b"1 d12:error-reason38:Call-ID not found or tags didn't match6:result5:errore",
        ),
        (Reply::full(true), b"1 d7:message30:Parallel session limit reached6:result10:load limite"),
        (Reply::full(false), b"1 d12:error-reason30:Parallel session limit reached6:result5:errore"),
        (
            Refusal::NoCommand.into(),
            b"1 d12:error-reason36:Dictionary contains no key \"command\"6:result5:errore",
        ),
        (Refusal::Missing("sdp").into(), b"1 d12:error-reason22:No SDP body in message6:result5:errore"),
        (Refusal::Missing("to-tag").into(), b"1 d12:error-reason20:No to-tag in message6:result5:errore"),
        (Refusal::Unsupported("ICE").into(), b"1 d12:error-reason18:Not supported: ICE6:result5:errore"),
    ] {
        let answer = packet.answer(&reply);
        assert_eq!(String::from_utf8_lossy(&answer), String::from_utf8_lossy(bytes));
    }
}

#[test]
fn what_has_no_cookie_or_no_dictionary_is_met_with_silence() {
    let long = [&[b'a'; COOKIE_MAX + 1][..], b" de"].concat();
    for (datagram, malformed) in [
        (&b""[..], Malformed::Cookie),
        (b"16", Malformed::Cookie),
        (b" de", Malformed::Cookie),
        (b"1\x002 de", Malformed::Cookie),
        (b"1\xff de", Malformed::Cookie),
        (&long, Malformed::Cookie),
        (b"1 ", Malformed::Encoding),
        (b"1 V", Malformed::Encoding),
        (b"1 le", Malformed::Encoding),
        (b"1  de", Malformed::Encoding),
    ] {
        assert_eq!(Packet::read(datagram).map(|packet| packet.encoding), Err(malformed), "{datagram:?}");
    }
    assert_eq!(Packet::read(&long[1..]).unwrap().cookie.len(), COOKIE_MAX);
}
