//! The torture messages of RFC 5118 (IPv6) and what a proxy does with each.
//!
//! Three Content-Lengths are those of the bodies as they stand on the wire: the RFC counts other bytes than it prints
//! (268, 181 and 236 in §4.6, §4.8 and §4.9). Two messages have the blank line at their end that the RFC forgot (§4.10).

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

#[expect(dead_code, reason = "no message of RFC 5118 is dropped")]
mod torture;

use std::net::IpAddr;

use ringway_sip::{Message, Uri};
use torture::Verdict::{Forward, Refuse};
use torture::{Row, judge, names, parse, wire};

#[rustfmt::skip]
const TABLE: [Row; 12] = [
    ("4.1", "ipv6-good", Forward, "references in brackets in Request-URI, Via and Contact"),
    ("4.2", "ipv6-bad", Refuse(400), "RFC 3261 §19.1.1: the Request-URI lacks the brackets"),
    ("4.3", "port-ambiguous", Forward, "5070 is part of the address: legal, if not what was meant"),
    ("4.4", "port-unambiguous", Forward, "5070 is the port"),
    ("4.5", "via-received-param-with-delim", Forward, "received with brackets, as many write it"),
    ("4.5", "via-received-param-no-delim", Forward, "received without brackets, as RFC 3261 has it"),
    ("4.6", "ipv6-in-sdp", Forward, "a body is not looked at"),
    ("4.7", "mult-ip-in-header", Forward, "Vias of both families"),
    ("4.8", "mult-ip-in-sdp", Forward, "a body is not looked at"),
    ("4.9", "ipv4-mapped-ipv6", Forward, "mapped addresses are addresses"),
    ("4.10", "ipv6-bug-abnf-3-colons", Forward, "the RFC 3261 grammar allows it, so it must be tolerated"),
    ("4.10", "ipv6-correct-abnf-2-colons", Forward, "the address that was meant"),
];

fn message(name: &str) -> Message {
    parse(&wire("rfc5118", name)).unwrap()
}

fn uri(message: &Message) -> Uri<'_> {
    Uri::parse(message.uri()).unwrap()
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn every_message_meets_its_verdict() {
    for (section, name, verdict, why) in TABLE {
        println!("§{section} {name}: {verdict:?}, because: {why}");
        judge(&wire("rfc5118", name), verdict);
    }
}

#[test]
fn the_table_names_every_file_once() {
    let mut listed: Vec<_> = TABLE.iter().map(|row| row.1).collect();
    listed.sort_unstable();
    assert_eq!(listed, names("rfc5118"));
}

#[test]
fn addresses_and_ports_are_told_apart() {
    let (good, ambiguous, unambiguous) =
        (message("ipv6-good"), message("port-ambiguous"), message("port-unambiguous"));
    assert_eq!((uri(&good).ip(), uri(&good).port), (ip("2001:db8::10"), None));
    assert_eq!(good.contacts().next().unwrap().unwrap().uri.ip(), ip("2001:db8::1"));
    assert_eq!(good.via().ip(), ip("2001:db8::9:1"));
    assert_eq!((uri(&ambiguous).ip(), uri(&ambiguous).port), (ip("2001:db8::10:5070"), None));
    assert_eq!((uri(&unambiguous).ip(), uri(&unambiguous).port), (ip("2001:db8::10"), Some(5070)));
}

#[test]
fn received_is_read_with_brackets_and_without() {
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        assert_eq!(message(name).via().received(), ip("2001:db8::9:255"), "{name}");
    }
    assert_eq!(message("via-received-param-no-delim").via().branch(), "z9hG4bKas3");
}

#[test]
fn vias_of_both_families() {
    let mixed = message("mult-ip-in-header");
    let vias: Vec<_> =
        mixed.vias().map(|via| via.map(|via| (via.ip(), via.port, via.received())).unwrap()).collect();
    let expected = [
        (ip("2001:db8::9:1"), Some(6050), None),
        (ip("192.0.2.1"), None, None),
        (ip("2001:db8::9:255"), None, ip("192.0.2.200")),
    ];
    assert_eq!(vias, expected);
    let mapped = message("ipv4-mapped-ipv6");
    assert_eq!((mapped.via().ip(), mapped.via().port), (ip("::ffff:192.0.2.10"), Some(19823)));
}

/// §4.9: the socket of a mapped address says IPv4; that is the sender, and no `received` is due.
#[test]
fn a_mapped_sender_is_itself() {
    let message = message("ipv4-mapped-ipv6");
    let mut edit = message.edit();
    edit.stamp_via("192.0.2.10:19823".parse().unwrap());
    assert_eq!(edit.finish(), message.raw());
}

#[test]
fn a_third_colon_means_nothing() {
    let meant = ip("2001:db8::192.0.2.1");
    for name in ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"] {
        let message = message(name);
        assert_eq!((uri(&message).ip(), message.to().uri.ip()), (meant, meant), "{name}");
    }
    assert!(Uri::parse("sip:[2001:db8:::1]").is_err(), "without an IPv4 tail no grammar has it");
}
