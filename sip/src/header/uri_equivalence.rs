//! When two URIs name the same thing (RFC 3261 §19.1.4). Not `==`: the relation is not transitive, because a
//! parameter that only one side has is mostly ignored.

use crate::header::{Params, Uri};

/// These parameters say where or how to send, so a URI with one never equals a URI without.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri<'_> {
    /// Whether both URIs are equivalent by RFC 3261 §19.1.4. Opaque URIs are equivalent if they are written alike.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        if !self.scheme.eq_ignore_ascii_case(other.scheme) {
            return false;
        }
        if !self.is_sip() {
            return self.as_str()[self.scheme.len()..] == other.as_str()[other.scheme.len()..];
        }
        // A default port is not the same as no port: the latter goes through DNS SRV.
        same_option(self.user, other.user, Case::Kept)
            && same_option(self.password, other.password, Case::Kept)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
            && same_params(self.params, other.params)
            && same_params(other.params, self.params)
            && same_headers(self.headers, other.headers)
            && same_headers(other.headers, self.headers)
    }
}

#[derive(Clone, Copy)]
enum Case {
    Kept,
    Folded,
}

fn same_params(ours: Params<'_>, theirs: Params<'_>) -> bool {
    ours.iter().all(|param| match theirs.find(param.name) {
        Some(value) => same_option(param.value, value, Case::Folded),
        None => !NEVER_IGNORED.iter().any(|name| param.name.eq_ignore_ascii_case(name)),
    })
}

/// Headers are never ignored, but may stand in any order.
fn same_headers(ours: &str, theirs: &str) -> bool {
    let count = |headers: &str| headers.split('&').count();
    let found = |one: &str| theirs.split('&').any(|other| same(one, other, Case::Folded));
    count(ours) == count(theirs) && ours.split('&').all(found)
}

fn same_option(ours: Option<&str>, theirs: Option<&str>, case: Case) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => same(ours, theirs, case),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same(ours: &str, theirs: &str, case: Case) -> bool {
    characters(ours, case).eq(characters(theirs, case))
}

/// The characters of `text`; an escaped one is the character itself unless it is reserved (then the escape is
/// told apart by the flag).
fn characters(text: &str, case: Case) -> impl Iterator<Item = (u8, bool)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let (byte, escaped) = match (bytes.get(at)?, bytes.get(at + 1), bytes.get(at + 2)) {
            (b'%', Some(&high), Some(&low)) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                at += 3;
                (hex(high) << 4 | hex(low), true)
            }
            (&byte, _, _) => {
                at += 1;
                (byte, false)
            }
        };
        let reserved = matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',');
        let byte = match case {
            Case::Kept => byte,
            Case::Folded => byte.to_ascii_lowercase(),
        };
        Some((byte, escaped && reserved))
    })
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use crate::header::Uri;

    fn equivalent(a: &str, b: &str) -> bool {
        let (a, b) = (Uri::parse(a).unwrap(), Uri::parse(b).unwrap());
        assert_eq!(a.equivalent(&b), b.equivalent(&a), "the relation is symmetric");
        a.equivalent(&b)
    }

    // The examples of RFC 3261 §19.1.4.
    #[test]
    fn equivalent_pairs() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1201", "TEL:+1201"),
        ] {
            assert!(equivalent(a, b), "{a} = {b}");
        }
    }

    #[test]
    fn different_pairs() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@h", "sips:a@h"),
            ("sip:a@h?x=1&x=1", "sip:a@h?x=1&y=2"),
            ("sip:a%40@h", "sip:a@h"),
            ("tel:+1201", "tel:+1202"),
        ] {
            assert!(!equivalent(a, b), "{a} != {b}");
        }
    }
}
