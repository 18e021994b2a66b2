//! The address-of-record as a key: one spelling for all ways to write it (RFC 3261 §10.3 step 5).

use ringway_sip::Uri;
use std::fmt::Write;

/// The canonical spelling of a SIP URI: scheme and host in lower case, the user without needless escapes, no password,
/// no parameters, no headers; a port stays. `None` for any other scheme.
///
/// An escape stays where its character may not stand plainly, so that the result is a URI still.
#[must_use]
pub fn address_of_record(uri: &Uri<'_>) -> Option<String> {
    if !uri.is_sip() {
        return None;
    }
    let mut aor = uri.scheme.to_ascii_lowercase();
    aor.push(':');
    if let Some(user) = uri.user {
        unescape(user, &mut aor);
        aor.push('@');
    }
    aor.push_str(&uri.host.to_ascii_lowercase());
    if let Some(port) = uri.port {
        // Writing into memory does not fail.
        let _ = write!(aor, ":{port}");
    }
    Some(aor)
}

fn unescape(user: &str, out: &mut String) {
    let mut rest = user;
    while let Some((plain, escaped)) = rest.split_once('%') {
        out.push_str(plain);
        let digits = escaped.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if is_plain(byte) => out.push(char::from(byte)),
            Some(byte) => {
                let _ = write!(out, "%{byte:02X}");
            }
            None => {
                out.push('%');
                rest = escaped;
                continue;
            }
        }
        rest = &escaped[2..];
    }
    out.push_str(rest);
}

/// RFC 3261 §25.1: what a user part may hold without an escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::address_of_record;
    use ringway_sip::Uri;

    #[test]
    fn one_spelling_for_all() {
        for (written, aor) in [
            ("SIP:%61lice:pw@AtLanTa.COM;transport=tcp?x=y", Some("sip:alice@atlanta.com")),
            ("sips:Bob@h:5061", Some("sips:Bob@h:5061")),
            ("sip:a%40b%0d@h", Some("sip:a%40b%0D@h")),
            ("sip:100%@h", Some("sip:100%@h")),
            ("sip:%+1@h", Some("sip:%+1@h")),
            ("sip:h", Some("sip:h")),
            ("tel:+1201", None),
        ] {
            let uri = Uri::parse(written).unwrap();
            assert_eq!(address_of_record(&uri).as_deref(), aor, "{written}");
        }
    }
}
