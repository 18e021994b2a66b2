//! The small steps of the grammar that every header shares: linear white space, tokens, quoted strings, and
//! host with port (RFC 3261 §25.1).

use std::net::{IpAddr, Ipv6Addr};

use crate::header::number;

/// Linear white space with its folds: SP, HT, and the CRLF of a continued line.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space at either end.
pub(crate) fn trim_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// `text` without white space at either end.
pub(crate) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    // Hardly any has some, and this is asked of every piece of a message.
    if let [first, .., last] = bytes
        && !is_lws(*first)
        && !is_lws(*last)
    {
        return text;
    }
    let start = bytes.iter().position(|&byte| !is_lws(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|&byte| !is_lws(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Whether `bytes` is a `token`: at least one of alphanum / - . ! % * _ + ` ' ~
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// The token at the start of `bytes`; may be empty.
pub(crate) fn token(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| !TOKEN[usize::from(byte)]).unwrap_or(bytes.len());
    &bytes[..end]
}

/// Whether `byte` may stand in the scheme of a URI (RFC 3261 §25.1).
pub(crate) fn is_scheme(byte: u8) -> bool {
    SCHEME[usize::from(byte)]
}

static TOKEN: [bool; 256] = alphanumerics_and(b"-.!%*_+`'~");
static SCHEME: [bool; 256] = alphanumerics_and(b"+-.");
/// With the underscore that real networks use.
static HOST: [bool; 256] = alphanumerics_and(b".-_");

const fn alphanumerics_and(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
}

/// The position after the closing quote of the quoted string that opens at `open`; the end of `bytes` when it
/// never closes.
pub(crate) fn quoted_end(bytes: &[u8], open: usize) -> usize {
    closing_quote(bytes, open).map_or(bytes.len(), |close| close + 1)
}

/// Whether every quoted string in `text` closes. Behind one that does not, nothing can be added.
pub(crate) fn quotes_close(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(open) = memchr::memchr(b'"', rest) {
        let Some(close) = closing_quote(rest, open) else { return false };
        rest = &rest[close + 1..];
    }
    true
}

fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Splits `host [":" port]`, white space allowed around the colon. The host keeps its brackets.
pub(crate) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some((host, port, "")) = plain_host_port(text) {
        return Some((host, port));
    }
    let text = trim(text);
    let host_end = if text.starts_with('[') {
        memchr::memchr(b']', text.as_bytes())? + 1
    } else {
        memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len())
    };
    let (host, rest) = (trim(&text[..host_end]), trim(&text[host_end..]));
    if !is_host(host) {
        return None;
    }
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(number(trim(port))?))),
        None if rest.is_empty() => Some((host, None)),
        None => None,
    }
}

/// The usual form of host and port, neither white space nor brackets, with what stands behind it. `None`: another form, or
/// no host.
pub(crate) fn plain_host_port(text: &str) -> Option<(&str, Option<u16>, &str)> {
    let end = text.bytes().position(|byte| !HOST[usize::from(byte)]).unwrap_or(text.len());
    let (host, rest) = text.split_at(end);
    if host.is_empty() {
        return None;
    }
    let Some(rest) = rest.strip_prefix(':') else { return Some((host, None, rest)) };
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    Some((host, Some(number(&rest[..end])?), &rest[end..]))
}

/// `host` as an address, if it is one. An IPv6 address may have its brackets or not: `received` is written both ways
/// (RFC 5118 §4.5).
pub(crate) fn ip_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().or_else(|| ipv6(bare).map(IpAddr::V6))
}

/// RFC 5118 §4.10: the grammar of RFC 3261 lets a third colon stand in front of an IPv4 tail. It means nothing, and
/// we have to bear it.
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        let (head, tail) = text.split_once(":::").filter(|(_, tail)| tail.contains('.'))?;
        format!("{head}::{tail}").parse().ok()
    })
}

/// A name or an IPv4 address, or a bracketed IPv6 address.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ipv6(ip).is_some()),
        None => !host.is_empty() && host.bytes().all(|byte| HOST[usize::from(byte)]),
    }
}
