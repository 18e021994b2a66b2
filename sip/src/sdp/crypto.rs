//! `a=crypto` (RFC 4568 §9.1): keys for SRTP, as text. What the keys are, knows who unpacks SRTP.

use std::fmt;

use crate::header::number;

/// The value of an `a=crypto` line. Its keys are secrets: `Debug` leaves them out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Crypto<'a> {
    /// Tells the lines of one `m=` section apart; the answer repeats the one it takes.
    pub tag: u32,
    /// `AES_CM_128_HMAC_SHA1_80`, for example.
    pub suite: &'a str,
    /// Key parameters, one or several with `;` between: `inline:` and base64, then perhaps lifetime and MKI.
    pub keys: &'a str,
    /// Session parameters, words with spaces between; mostly none.
    pub session: &'a str,
}

impl<'a> Crypto<'a> {
    /// Reads the value; `None` when it has no tag, suite and keys.
    pub fn parse(value: &'a str) -> Option<Crypto<'a>> {
        let (tag, rest) = value.trim_ascii().split_once(' ')?;
        // RFC 4568 §9.1: up to nine digits.
        let tag = number(tag).filter(|tag| *tag < 1_000_000_000)?;
        let (suite, rest) = rest.trim_ascii_start().split_once(' ')?;
        let rest = rest.trim_ascii_start();
        let (keys, session) = rest.split_once(' ').unwrap_or((rest, ""));
        let fit = !suite.is_empty() && keys.contains(':');
        fit.then_some(Crypto { tag, suite, keys, session: session.trim_ascii() })
    }

    /// The first key parameter that is given inline, without the word `inline:`.
    pub fn inline(&self) -> Option<&'a str> {
        self.keys.split(';').find_map(|key| {
            let (method, key) = key.trim_ascii().split_once(':')?;
            method.eq_ignore_ascii_case("inline").then_some(key)
        })
    }
}

impl fmt::Display for Crypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.tag, self.suite, self.keys)?;
        if self.session.is_empty() { Ok(()) } else { write!(f, " {}", self.session) }
    }
}

impl fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crypto({} {}, {} bytes of keys)", self.tag, self.suite, self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Crypto;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn the_example_of_rfc_4568_and_what_else_there_can_be() {
        for (session, more) in [("", ""), ("FEC_ORDER=FEC_SRTP UNENCRYPTED_SRTCP", "|2^20|1:4")] {
            let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{more} {session}");
            let crypto = Crypto::parse(text.trim()).unwrap();
            assert_eq!((crypto.tag, crypto.suite, crypto.session), (1, "AES_CM_128_HMAC_SHA1_80", session));
            assert_eq!(crypto.inline(), Some(format!("{KEY}{more}").as_str()));
            assert_eq!(crypto.to_string(), text.trim());
        }
        let two = Crypto::parse("2 X inline:a;inline:b").unwrap();
        assert_eq!((two.keys, two.inline()), ("inline:a;inline:b", Some("a")));
        assert_eq!(Crypto::parse("2 X other:a").unwrap().inline(), None);
    }

    #[test]
    fn what_lacks_a_part_is_refused_and_keys_are_not_printed_for_a_log() {
        for text in ["", "1", "1 X", "1  inline:a", "x X inline:a", "1234567890 X inline:a", "1 X inline"] {
            assert_eq!(Crypto::parse(text), None, "{text:?}");
        }
        let text = format!("1 X inline:{KEY}");
        assert!(!format!("{:?}", Crypto::parse(&text)).contains(KEY));
    }
}
