//! SIP and SIPS URIs (RFC 3261 §19.1), and URIs of any other scheme, which stay opaque.

use std::net::IpAddr;

use crate::header::scan::{host_port, ip_of, is_lws, is_scheme, plain_host_port};
use crate::header::{Params, trim};
use crate::message::ParseError;

/// A URI as it stands in a message. Of a scheme other than `sip` and `sips` only [`scheme`](Uri::scheme) and
/// [`as_str`](Uri::as_str) say anything; the other parts are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    /// The scheme as written; compare without case.
    pub scheme: &'a str,
    /// The user part, escapes untouched.
    pub user: Option<&'a str>,
    /// The password that nobody should send (RFC 3261 §19.1.1).
    pub password: Option<&'a str>,
    /// Name or address; an IPv6 address keeps its brackets.
    pub host: &'a str,
    /// The port, when one is written.
    pub port: Option<u16>,
    /// The URI parameters.
    pub params: Params<'a>,
    /// What stands behind the question mark; empty if nothing does.
    pub headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI without angle brackets. Errors: [`ParseError::Invalid`].
    pub fn parse(text: &'a str) -> Result<Uri<'a>, ParseError> {
        Uri::split(text).ok_or(ParseError::Invalid("URI"))
    }

    fn split(text: &'a str) -> Option<Uri<'a>> {
        let text = trim(text);
        let colon = if text.starts_with("sip:") { 3 } else { scheme_end(text.as_bytes())? };
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        if rest.is_empty() {
            return None;
        }
        // RFC 3261 §25.1: an at sign anywhere else must be escaped, so the first one ends the user part, which may
        // itself hold semicolons and question marks.
        let mut user_end = None;
        for (at, byte) in rest.bytes().enumerate().filter(|(_, byte)| MARKS[usize::from(*byte)]) {
            if byte != b'@' {
                return None;
            }
            user_end.get_or_insert(at);
        }
        let uri = Uri {
            text,
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: "",
        };
        if uri.is_sip() { uri.split_sip(rest, user_end) } else { Some(uri) }
    }

    fn split_sip(mut self, rest: &'a str, user_end: Option<usize>) -> Option<Uri<'a>> {
        let rest = match user_end {
            Some(at) => {
                let (user, rest) = (&rest[..at], &rest[at + 1..]);
                let (user, password) = match user.bytes().position(|byte| byte == b':') {
                    Some(colon) => (&user[..colon], Some(&user[colon + 1..])),
                    None => (user, None),
                };
                (self.user, self.password) = (Some(user).filter(|user| !user.is_empty()), password);
                self.user?;
                rest
            }
            None => rest,
        };
        let rest = match plain_host_port(rest) {
            Some((host, port, rest)) if rest.is_empty() || rest.starts_with([';', '?']) => {
                (self.host, self.port) = (host, port);
                rest
            }
            _ => {
                let host_end =
                    rest.bytes().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(rest.len());
                (self.host, self.port) = host_port(&rest[..host_end])?;
                &rest[host_end..]
            }
        };
        let (params, headers) = match rest.bytes().position(|byte| byte == b'?') {
            Some(mark) => (&rest[..mark], &rest[mark + 1..]),
            None => (rest, ""),
        };
        (self.params, self.headers) = (Params::new(params), headers);
        Some(self)
    }

    /// The URI as written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether the scheme is `sip` or `sips`, so that host, port and parameters mean something.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        ip_of(self.host)
    }

    /// The URI parameter of that name, as in [`Params::find`].
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params.find(name)
    }
}

/// The position of the colon behind the scheme.
fn scheme_end(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&byte| !is_scheme(byte)).filter(|&end| text[end] == b':')?;
    text[0].is_ascii_alphabetic().then_some(end)
}

/// What ends the user part, and what may stand nowhere in a URI.
static MARKS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        table[byte as usize] = is_lws(byte) || matches!(byte, b'@' | b'<' | b'>');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::Uri;

    #[test]
    fn all_parts() {
        let uri =
            Uri::parse("sips:alice:secret@[2001:db8::1]:5061;transport=tcp;lr?subject=x&priority=y").unwrap();
        assert_eq!((uri.scheme, uri.user, uri.password), ("sips", Some("alice"), Some("secret")));
        assert_eq!((uri.host, uri.port), ("[2001:db8::1]", Some(5061)));
        assert_eq!(
            (uri.param("transport"), uri.param("lr"), uri.param("ttl")),
            (Some(Some("tcp")), Some(None), None)
        );
        assert_eq!((uri.headers, uri.ip()), ("subject=x&priority=y", "2001:db8::1".parse().ok()));
    }

    #[test]
    fn the_user_part_may_look_like_parameters() {
        // RFC 4475 §3.1.1.13 (semiuri), §3.1.1.3 (esc01)
        let uri = Uri::parse("sip:user;par=u%40example.net@example.com").unwrap();
        assert_eq!((uri.user, uri.host), (Some("user;par=u%40example.net"), "example.com"));
        let uri = Uri::parse("sip:sips%3Auser%40example.com@example.net").unwrap();
        assert_eq!((uri.user, uri.host), (Some("sips%3Auser%40example.com"), "example.net"));
    }

    #[test]
    fn other_schemes_stay_opaque() {
        for text in [
            "tel:+1-201-555-0123;phone-context=x",
            "urn:service:sos",
            "nobodyKnowsThisScheme:totallyopaquecontent",
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!((uri.as_str(), uri.host, uri.is_sip()), (text, "", false));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "sip:",
            "sip",
            ":x",
            "sip:a@",
            "sip:@h",
            "sip:h:x",
            "sip:h:99999",
            "sip:a b@h",
            "1x:y",
            "<sip:h>",
        ] {
            assert!(Uri::parse(text).is_err(), "{text:?}");
        }
    }
}
