use super::*;
use bytes::Bytes;
use ringway_sip::Limits;

fn message(headers: &str, body: &str) -> Message {
    let text = format!(
        "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
         Call-ID: c\r\nCSeq: 1 INVITE\r\n{headers}\r\n\r\n{body}"
    );
    Message::parse(Bytes::from(text), &Limits::NONE).unwrap()
}

/// What is found, and what the body is with another description in its place.
fn swapped(headers: &str, body: &str) -> Option<String> {
    let message = message(headers, body);
    match find(&message) {
        Found::Sdp(place) => Some(String::from_utf8(with(message.body(), &place, b"NEW\r\n")).unwrap()),
        Found::Nothing | Found::Strange => None,
    }
}

#[test]
fn a_description_alone_in_every_spelling() {
    for header in [
        "Content-Type: application/sdp",
        "c: APPLICATION/SDP",
        "Content-Type: application/sdp ;charset=utf-8",
        "Content-Type: application/sdp\r\nContent-Encoding: identity",
    ] {
        assert_eq!(swapped(header, "v=0\r\n").as_deref(), Some("NEW\r\n"), "{header}");
    }
}

#[test]
fn a_description_among_other_parts() {
    let body = "preamble\r\n--x y\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--x y\r\n\
                Content-Type: application/isup\r\n\r\n--x yes, no line\r\n--x y--\r\n";
    let want = body.replace("v=0\r\ns=-\r\n", "NEW\r\n");
    let head = "Content-Type: multipart/mixed;a=b; boundary=\"x y\"";
    assert_eq!(swapped(head, body), Some(want), "also a line that only begins like the boundary");
    let lean = "--b\nContent-Type:application/sdp\n\nv=0\n--b--";
    let want = "--b\nContent-Type:application/sdp\n\nNEW\r\n\n--b--";
    assert_eq!(swapped("Content-Type: multipart/mixed;boundary=b", lean).as_deref(), Some(want));
}

#[test]
fn what_cannot_be_put_anew_is_strange_and_the_rest_is_nothing() {
    let part = |head: &str| format!("--b\r\n{head}\r\n\r\nv=0\r\n--b--\r\n");
    let sdp = part("Content-Type: application/sdp");
    let mixed = "Content-Type: multipart/mixed;boundary=b";
    let twice = sdp.replace("--b--\r\n", "") + &sdp;
    let many = "--b\r\nContent-Type: a/b\r\n\r\n".repeat(40) + "--b--";
    let table = [
        ("Content-Type: application/sdp\r\nContent-Encoding: gzip", "v=0\r\n".to_owned(), Found::Strange),
        (mixed, twice, Found::Strange),
        (mixed, many, Found::Strange),
        (mixed, part("Content-Type: application/sdp\r\nContent-Length: 5"), Found::Strange),
        (mixed, part("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64"), Found::Strange),
        ("Content-Type: multipart/mixed", sdp.clone(), Found::Strange),
        ("Content-Type: multipart/signed;boundary=b", sdp, Found::Strange),
        (mixed, part("Content-Type: text/plain"), Found::Nothing),
        (mixed, "--b".to_owned(), Found::Nothing),
        ("Content-Type: multipart/signed;boundary=b", part("Content-Type: text/plain"), Found::Nothing),
        ("Content-Type: text/plain", "v=0\r\n".to_owned(), Found::Nothing),
        ("Content-Type: application/sdp", String::new(), Found::Nothing),
        ("Subject: none", "v=0\r\n".to_owned(), Found::Nothing),
    ];
    for (headers, body, want) in table {
        assert_eq!(find(&message(headers, &body)), want, "{headers}\n{body}");
    }
}

#[test]
fn lines_of_relays_are_taken_out_however_they_are_written() {
    let sdp = b"v=0\r\na=ringway-tunnel:1 0000000a 00000001\r\nA=Ringway-Tunnel:2\na = ringway-tunnel\ra=rtpmap:0\r\n";
    assert!(tells_of_tunnel(sdp));
    assert_eq!(stripped(sdp).unwrap(), b"v=0\r\na=rtpmap:0\r\n");
    let last = b"v=0\r\na=ringway-tunnel:1";
    assert_eq!(stripped(last).unwrap(), b"v=0\r\n", "the last line needs no end");
    for clean in [&b"v=0\r\ns=ringway-tunnel\r\n"[..], b"a=ringway", b"", b"-ringway-tunne"] {
        assert_eq!(stripped(clean), None, "{}", String::from_utf8_lossy(clean));
    }
}
