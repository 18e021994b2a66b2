//! `CSeq: 4711 INVITE` (RFC 3261 §20.16).

use crate::header::scan::{is_lws, is_token};
use crate::header::{number, trim};
use crate::message::{Method, ParseError};

/// The sequence number of a request, with its method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2³¹.
    pub number: u32,
    /// The method of the request, also in its responses.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a CSeq value. Errors: [`ParseError::Invalid`] for anything but a number below 2³¹ and a token.
    pub fn parse(text: &'a str) -> Result<CSeq<'a>, ParseError> {
        const INVALID: ParseError = ParseError::Invalid("CSeq");
        let text = trim(text);
        let end = text.bytes().position(is_lws).ok_or(INVALID)?;
        let (digits, method) = (&text[..end], trim(&text[end..]));
        // RFC 3261 §8.1.1.5: the number MUST be less than 2**31.
        let value = number::<u32>(digits).filter(|&value| value < 1 << 31).ok_or(INVALID)?;
        if !is_token(method.as_bytes()) {
            return Err(INVALID);
        }
        Ok(CSeq { number: value, method: Method::from(method) })
    }
}

#[cfg(test)]
mod tests {
    use super::CSeq;
    use crate::message::Method;

    #[test]
    fn number_and_method() {
        assert_eq!(CSeq::parse("0009\r\n  INVITE"), Ok(CSeq { number: 9, method: Method::Invite }));
        assert_eq!(CSeq::parse("2147483647 X").map(|cseq| cseq.number), Ok(2_147_483_647));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "1", "INVITE", "2147483648 INVITE", "-1 INVITE", "1 IN VITE", "1INVITE", "1 <"] {
            assert!(CSeq::parse(text).is_err(), "{text:?}");
        }
    }
}
