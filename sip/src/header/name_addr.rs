//! `"Display" <sip:user@host>;tag=…`: From, To, Contact, Route, Record-Route, Path (RFC 3261 §20.10, §25.1).

use crate::header::scan::{quoted_end, quotes_close};
use crate::header::{Params, Uri, trim};
use crate::message::ParseError;

/// An address with an optional display name and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included; empty if there is none.
    pub display: &'a str,
    /// The address.
    pub uri: Uri<'a>,
    /// The parameters of the header, not those of the URI.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one element. Errors: [`ParseError::Invalid`]; `*` (RFC 3261 §10.2.2) is no address either.
    pub fn parse(text: &'a str) -> Result<NameAddr<'a>, ParseError> {
        let text = trim(text);
        let (display, rest) = display(text)?;
        let (uri, params) = match rest.strip_prefix('<') {
            Some(rest) => {
                let close = memchr::memchr(b'>', rest.as_bytes()).ok_or(INVALID)?;
                (&rest[..close], trim(&rest[close + 1..]))
            }
            None => {
                // RFC 3261 §20: without angle brackets, everything behind a semicolon belongs to the header, and a
                // URI with a comma or a question mark may not stand at all.
                let (uri, params) = text.split_at(text.find(';').unwrap_or(text.len()));
                if memchr::memchr2(b',', b'?', uri.as_bytes()).is_some() {
                    return Err(INVALID);
                }
                (trim(uri), params)
            }
        };
        if (!params.is_empty() && !params.starts_with(';')) || !quotes_close(params) {
            return Err(INVALID);
        }
        Ok(NameAddr { display, uri: Uri::parse(uri)?, params: Params::new(params) })
    }

    /// The dialog tag of a From or To.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").flatten()
    }

    /// The parameter of that name, as in [`Params::find`].
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params.find(name)
    }
}

/// The display name, and what begins with the angle bracket behind it; both empty when the URI has no brackets.
fn display(text: &str) -> Result<(&str, &str), ParseError> {
    if text.starts_with('<') {
        return Ok(("", text));
    }
    let display_end = if text.starts_with('"') { quoted_end(text.as_bytes(), 0) } else { 0 };
    match memchr::memchr2(b'<', b';', &text.as_bytes()[display_end..]).map(|at| at + display_end) {
        Some(open) if text.as_bytes()[open] == b'<' => {
            // RFC 3261 §25.1: a display name is one quoted string, or tokens.
            let behind_quotes = trim(&text[display_end..open]);
            if behind_quotes.contains('"') || (display_end > 0 && !behind_quotes.is_empty()) {
                return Err(INVALID);
            }
            Ok((trim(&text[..open]), &text[open..]))
        }
        _ => Ok(("", "")),
    }
}

const INVALID: ParseError = ParseError::Invalid("address");

#[cfg(test)]
mod tests {
    use super::NameAddr;

    #[test]
    fn forms_of_an_address() {
        let cases = [
            ("<sip:a@h;lr>;tag=1", "", "sip:a@h;lr", Some("1")),
            ("\"Bob <x> \\\" ;\" <sip:b@h> ; tag = 2", "\"Bob <x> \\\" ;\"", "sip:b@h", Some("2")),
            ("Tok en <sip:c@h>", "Tok en", "sip:c@h", None),
            ("sip:d@h;tag=4", "", "sip:d@h", Some("4")),
            ("\r\n sip:e@h ;\r\n  tag    = 5n", "", "sip:e@h", Some("5n")),
            ("<tel:+1-201;phone-context=x>;tag=6", "", "tel:+1-201;phone-context=x", Some("6")),
        ];
        for (text, display, uri, tag) in cases {
            let addr = NameAddr::parse(text).unwrap();
            assert_eq!((addr.display, addr.uri.as_str(), addr.tag()), (display, uri, tag), "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "*",
            "<sip:a@h",
            "<sip:a@h> x",
            "<>",
            "\"open <sip:a@h>",
            "Bob",
            "<sip:a b@h>",
            "\"a\" b <sip:a@h>",
            "a \"b <sip:a@h>",
            "sip:a@h?Route=%3Csip:b%3E",
            "<sip:a@h>;x=\"y",
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text:?}");
        }
    }
}
