//! Descriptions before and after a change, as files that a person can read (`tests/sdp/`: what is done, a dashed line,
//! SDP in, a dashed line, SDP out), and what holds for every description and every change.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

use std::path::Path;

use proptest::prelude::*;
use ringway_sip::sdp::{Crypto, Description, Edit, Limits, Rtcp, Scope, Tunnel};

#[test]
fn every_change_of_the_papers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdp");
    let mut papers = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let paper = std::fs::read_to_string(&file).unwrap();
        let parts: Vec<&str> = paper.split("--------------------------------\n").collect();
        let [orders, before, after] = parts[..] else { panic!("{}: not three parts", file.display()) };
        // With either end of lines, and with none behind the last one.
        for ending in ["\n", "\r\n"] {
            let (before, after) = (before.replace('\n', ending), after.replace('\n', ending));
            assert_eq!(changed(&before, orders), after, "{}", file.display());
            let cut = |text: &str| text.trim_end_matches(['\r', '\n']).to_owned();
            assert_eq!(changed(&cut(&before), orders), cut(&after), "{}", file.display());
        }
        papers += 1;
    }
    assert!(papers >= 7);
}

fn changed(before: &str, orders: &str) -> String {
    let description = Description::parse(before.to_owned(), &Limits::default()).unwrap();
    let mut edit = description.edit();
    for order in orders.lines().filter(|line| !line.starts_with('#')) {
        carry_out(&mut edit, order);
    }
    String::from_utf8(edit.finish().to_vec()).unwrap()
}

/// One line of orders.
fn carry_out(edit: &mut Edit<'_>, order: &str) {
    let words: Vec<&str> = order.split(' ').collect();
    let index = |word: &str| word.parse().unwrap();
    match words[..] {
        ["connections", ip] => edit.connections(ip.parse().unwrap()),
        ["connection", at, ip] => edit.connection(Scope::Media(index(at)), ip.parse().unwrap()),
        ["origin", ip] => edit.origin(ip.parse().unwrap()),
        ["username", name] => edit.username(name),
        ["version", version] => edit.version(version.parse().unwrap()),
        ["session-name", name] => edit.session_name(name),
        ["port", at, port] => edit.port(index(at), port.parse().unwrap()),
        ["protocol", at, protocol] => edit.protocol(index(at), protocol),
        ["rtcp", at, "-"] => edit.rtcp(index(at), None),
        ["rtcp", at, port] => edit.rtcp(index(at), Some(Rtcp::short(port.parse().unwrap()))),
        ["rtcp-full", at, port, ip] => {
            edit.rtcp(index(at), Some(Rtcp::full(port.parse().unwrap(), ip.parse().unwrap())));
        }
        ["rtcp-mux", at, muxed] => edit.rtcp_mux(index(at), muxed == "yes"),
        ["crypto", at, tag, suite, keys] => {
            edit.add_crypto(index(at), &Crypto { tag: tag.parse().unwrap(), suite, keys, session: "" });
        }
        ["remove-crypto", at] => edit.remove_crypto(index(at)),
        ["remove-ice"] => edit.remove_ice(),
        ["remove-dtls"] => edit.remove_dtls(),
        ["remove-tunnels"] => edit.remove_tunnels(),
        ["tunnel", at, relay, stream] => {
            edit.tunnel(index(at), Tunnel::parse(&format!("1 {relay} {stream}")));
        }
        _ => panic!("nobody knows how to {order:?}"),
    }
}

/// A line that no change of ours names, of any bytes that a line can have.
fn foreign_line() -> impl Strategy<Value = Vec<u8>> {
    let attribute = "a=(x-[a-z]{1,8}|rtpmap|fmtp|mid|candidates|icecream|cryptos|rtcp-fb|rtcp-xr|sendrecv)(:[ -~]{0,20})?";
    let other = ("[ibkzr]=", prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(letter, value)| {
        let fit = value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        letter.into_bytes().into_iter().chain(fit).collect()
    });
    prop_oneof![3 => attribute.prop_map(String::into_bytes), 1 => other]
}

/// A line that changes name.
fn known_line() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "a=rtcp:4001",
        "a=rtcp-mux",
        "a=crypto:1 X inline:a",
        "a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
        "a=ice-ufrag:x",
        "a=setup:actpass",
        "a=ringway-tunnel:1 0000000a 0000000b",
        "c=IN IP4 192.0.2.2",
    ])
    .prop_map(|line| line.as_bytes().to_vec())
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop_oneof![2 => foreign_line(), 1 => known_line()], 0..8)
}

/// The session part and up to three sections, as lines.
fn description() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let media = prop::sample::select(vec![
        "m=audio 4000 RTP/AVP 0 8",
        "m=video 0 RTP/SAVP 31",
        "m=image 9/2 udptl t38",
    ]);
    let sections = prop::collection::vec((media, lines()), 0..3);
    (lines(), sections).prop_map(|(session, sections)| {
        let first = ["v=0", "o=a b 1 2 IN IP4 192.0.2.1", "s=", "c=IN IP4 192.0.2.1"];
        let mut all: Vec<Vec<u8>> = first.map(|line| line.as_bytes().to_vec()).into();
        all.extend(session);
        for (media, lines) in sections {
            all.push(media.as_bytes().to_vec());
            all.extend(lines);
        }
        all
    })
}

/// Lines and, for each of them, whether it ends with CRLF; the last one may have no end.
fn written(lines: &[Vec<u8>], crlf: &[bool], unfinished: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (line, crlf) in lines.iter().zip(crlf.iter().cycle()) {
        out.extend_from_slice(line);
        out.extend_from_slice(if *crlf { b"\r\n" } else { b"\n" });
    }
    while unfinished && matches!(out.last(), Some(b'\r' | b'\n')) {
        out.pop();
    }
    out
}

/// Every change at once.
fn change_all(edit: &mut Edit<'_>) {
    let orders = "connections 203.0.113.1\norigin 203.0.113.1\nusername -\nversion 9\nremove-ice\nremove-dtls\nremove-tunnels\n\
        port 0 30000\nport 1 30002\nprotocol 0 RTP/SAVP\nrtcp 0 30001\nrtcp-mux 1 yes\nremove-crypto 0\n\
        crypto 0 1 Y inline:b\ntunnel 1 00000001 00000002\nconnection 1 203.0.113.2";
    orders.lines().for_each(|order| carry_out(edit, order));
}

/// Whether changes may touch the line.
fn is_named(line: &[u8]) -> bool {
    let names: [&[u8]; 11] = [
        b"o=",
        b"c=",
        b"m=",
        b"a=rtcp:",
        b"a=rtcp-mux",
        b"a=crypto:",
        b"a=candidate:",
        b"a=ice-",
        b"a=setup:",
        b"a=ringway-tunnel:",
        b"v=",
    ];
    names.iter().any(|name| line.starts_with(name))
}

/// The lines, with their ends, that no change names.
fn foreign(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !is_named(line)).map(<[u8]>::to_vec).collect()
}

proptest! {
    #[test]
    fn printing_gives_back_what_was_parsed(
        lines in description(), crlf in prop::collection::vec(any::<bool>(), 1..5), unfinished: bool,
    ) {
        let bytes = written(&lines, &crlf, unfinished);
        let description = Description::parse(bytes.clone(), &Limits::default()).unwrap();
        prop_assert_eq!(description.raw(), &bytes);
        let again: Vec<Vec<u8>> =
            description.lines().map(|line| [&[line.letter as u8, b'='], line.value].concat()).collect();
        prop_assert_eq!(again, lines);
        let mut edit = description.edit();
        edit.remove(Scope::Session, |_| false);
        edit.add(Scope::Media(99), "x", "");
        prop_assert_eq!(edit.finish(), bytes);
    }

    #[test]
    fn no_change_touches_what_it_does_not_name(
        lines in description(), crlf in prop::collection::vec(any::<bool>(), 1..5), unfinished: bool,
    ) {
        let bytes = written(&lines, &crlf, unfinished);
        let description = Description::parse(bytes.clone(), &Limits::default()).unwrap();
        let mut edit = description.edit();
        change_all(&mut edit);
        let after = edit.finish();
        let trimmed = |lines: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
            // The last line may have got an end, for another one stands below it now.
            if unfinished { lines.iter().map(|line| line.trim_ascii_end().to_vec()).collect() } else { lines }
        };
        prop_assert_eq!(trimmed(foreign(&after)), trimmed(foreign(&bytes)));
        let changed = Description::parse(after.clone(), &Limits::default()).unwrap();
        prop_assert_eq!(changed.sections(), description.sections());
        for media in changed.media() {
            prop_assert!(!media.has_ice());
            prop_assert_eq!(media.tunnel().unwrap().is_some(), media.index() == 1);
            prop_assert_eq!(media.connection().unwrap().ip().unwrap().to_string().starts_with("203.0.113."), true);
        }
        if let Some(audio) = changed.section(0) {
            prop_assert_eq!((audio.port(), audio.protocol()), (30_000, "RTP/SAVP"));
            prop_assert_eq!(audio.rtcp().unwrap().unwrap().port(), 30_001);
            prop_assert_eq!(audio.crypto().map(|crypto| crypto.unwrap().suite).collect::<Vec<_>>(), ["Y"]);
        }
        let mut again = changed.edit();
        change_all(&mut again);
        let twice = again.finish();
        let twice = Description::parse(twice, &Limits::default()).unwrap();
        prop_assert_eq!(twice.lines().count(), changed.lines().count(), "what is changed twice is changed once");
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Description::parse(bytes, &Limits::default());
    }
}
