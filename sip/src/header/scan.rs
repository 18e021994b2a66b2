//! The small steps of the grammar that every header shares: linear white space, tokens, quoted strings, and
//! host with port (RFC 3261 §25.1).

use crate::header::number;

/// Linear white space with its folds: SP, HT, and the CRLF of a continued line.
pub(crate) fn is_lws(byte: u8) -> bool {
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
    let start = bytes.iter().position(|&byte| !is_lws(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|&byte| !is_lws(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Whether `bytes` is a `token`: at least one of alphanum / - . ! % * _ + ` ' ~
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

/// The position after the closing quote of the quoted string that opens at `open`; the end of `bytes` when it
/// never closes.
pub(crate) fn quoted_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Splits `host [":" port]`, white space allowed around the colon. The host keeps its brackets.
pub(crate) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
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

/// `host` without the brackets of an IPv6 reference.
pub(crate) fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Letters, digits, dots and hyphens (and the underscore that real networks use), or a bracketed IPv6 address.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            !host.is_empty() && host.bytes().all(allowed)
        }
    }
}
