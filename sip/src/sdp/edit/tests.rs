//! Single operations, and what they mean together. What they do to whole descriptions stands in `sip/tests/sdp/`.

use super::*;
use crate::sdp::Limits;

const CALL: &str = "v=0\no=alice 1 2 IN IP4 192.0.2.1\ns=\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\na=rtcp:4001\n\
    a=ptime:20\nm=video 4002 RTP/AVP 31\nc=IN IP4 0.0.0.0";

/// The lines that go (`-`) and that come (`+`).
fn changes(edit: impl FnOnce(&mut Edit<'_>)) -> Vec<String> {
    let call = Description::parse(CALL, &Limits::default()).unwrap();
    let mut changed = call.edit();
    edit(&mut changed);
    let after = String::from_utf8(changed.finish().to_vec()).unwrap();
    assert!(Description::parse(after.clone(), &Limits::default()).is_ok(), "{after}");
    let (before, after): (Vec<_>, Vec<_>) = (CALL.lines().collect(), after.lines().collect());
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}"));
    gone.chain(new).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn nothing_changed_is_the_same_buffer() {
    let call = Description::parse(CALL, &Limits::default()).unwrap();
    assert_eq!(call.edit().finish().as_ptr(), call.raw().as_ptr());
}

#[test]
fn every_connection_but_hold() {
    let changed = changes(|edit| edit.connections(ip("203.0.113.9")));
    assert_eq!(changed, ["-c=IN IP4 192.0.2.1", "+c=IN IP4 203.0.113.9"]);
    let changed = changes(|edit| edit.connection(Scope::Media(1), ip("2001:db8::1")));
    assert_eq!(changed, ["-c=IN IP4 0.0.0.0", "+c=IN IP6 2001:db8::1"]);
}

#[test]
fn a_line_below_one_without_an_end_has_none_either() {
    let call = Description::parse(CALL, &Limits::default()).unwrap();
    let mut edit = call.edit();
    edit.rtcp(1, Some(Rtcp::short(5_003)));
    edit.rtcp_mux(1, true);
    assert_eq!(edit.finish(), format!("{CALL}\na=rtcp:5003\na=rtcp-mux"));
    let mut edit = call.edit();
    edit.add(Scope::Media(1), "x", "");
    edit.remove(Scope::Media(1), |attribute| attribute.name == "x");
    assert_eq!(edit.finish(), CALL);
}

#[test]
fn parts_of_one_line_are_replaced_side_by_side() {
    let changed = changes(|edit| {
        edit.version(3);
        edit.protocol(0, "RTP/SAVP");
        edit.port(0, 9);
        edit.port(0, 7_000);
        edit.username("-");
        edit.origin(ip("203.0.113.9"));
        edit.session_name("call");
        edit.port(5, 1);
    });
    let new = ["+o=- 1 3 IN IP4 203.0.113.9", "+s=call", "+m=audio 7000 RTP/SAVP 0"];
    assert_eq!(changed[3..], new);
}

#[test]
fn to_set_is_to_replace_or_to_add_and_the_last_one_counts() {
    let set = |value: Option<u16>| move |edit: &mut Edit<'_>| edit.rtcp(0, value.map(Rtcp::short));
    assert_eq!(changes(set(Some(9))), ["-a=rtcp:4001", "+a=rtcp:9"]);
    assert_eq!(changes(set(None)), ["-a=rtcp:4001"]);
    let again = |edit: &mut Edit<'_>| {
        set(Some(8))(edit);
        set(None)(edit);
        set(Some(9))(edit);
        set(Some(10))(edit);
    };
    assert_eq!(changes(again), ["-a=rtcp:4001", "+a=rtcp:10"]);
    let tunnel = |stream| Some(Tunnel { relay: 1, stream });
    let twice = |edit: &mut Edit<'_>| {
        edit.tunnel(1, tunnel(2));
        edit.tunnel(1, tunnel(3));
    };
    assert_eq!(changes(twice), ["+a=ringway-tunnel:1 00000001 00000003"]);
    let withdrawn = |edit: &mut Edit<'_>| {
        edit.tunnel(1, tunnel(2));
        edit.remove_tunnels();
    };
    assert!(changes(withdrawn).is_empty());
}

#[test]
fn a_second_line_of_a_name_goes_when_the_first_is_set() {
    let call = Description::parse(CALL.replace("a=ptime:20", "a=rtcp:5"), &Limits::default()).unwrap();
    let mut edit = call.edit();
    edit.rtcp(0, Some(Rtcp::short(9)));
    let after = Description::parse(edit.finish(), &Limits::default()).unwrap();
    let ports: Vec<_> = after.media().map(|media| media.attribute("rtcp").map(|rtcp| rtcp.value)).collect();
    assert_eq!((ports, after.lines().count()), (vec![Some("9"), None], call.lines().count() - 1));
}

#[test]
fn a_new_connection_stands_above_bandwidth_and_attributes() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0\r\ni=speech\r\nc=IN IP4 192.0.2.1\r\nm=video 0 RTP/AVP 31\r\ni=faces\r\nb=AS:1\r\n";
    let call = Description::parse(text, &Limits::default()).unwrap();
    let mut edit = call.edit();
    for address in ["203.0.113.8", "203.0.113.9"] {
        edit.connection(Scope::Session, ip(address));
        edit.connection(Scope::Media(1), ip(address));
    }
    let new = "c=IN IP4 203.0.113.9\r\n";
    let expected = text.replace("t=0 0", &format!("{new}t=0 0")).replace("b=AS", &format!("{new}b=AS"));
    assert_eq!(edit.finish(), expected);
}

#[test]
fn what_is_no_text_is_removed_by_its_name_all_the_same() {
    let lines = [CALL.as_bytes(), b"\na=candidate:1 \xff\na=x:\xff\na=\xff"].concat();
    let call = Description::parse(lines, &Limits::default()).unwrap();
    assert!(call.section(1).unwrap().has_ice());
    let mut edit = call.edit();
    edit.remove_ice();
    assert_eq!(edit.finish(), [CALL.as_bytes(), b"\na=x:\xff\na=\xff"].concat());
}

#[test]
#[should_panic(expected = "must not break out")]
fn no_text_of_ours_makes_two_lines_of_one() {
    changes(|edit| edit.username("a\r\na=evil"));
}
