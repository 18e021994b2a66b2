//! `a=ringway-tunnel`: between regions, the stream of a relay that takes this media (docs/decisions/017-tunnels.md).

use std::fmt;

/// The value of an `a=ringway-tunnel` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// The number of the relay that receives.
    pub relay: u32,
    /// The number of the stream at that relay.
    pub stream: u32,
}

impl Tunnel {
    /// The name of the attribute.
    pub const NAME: &'static str = "ringway-tunnel";

    /// Reads `1 <relay, 8 hex> <stream, 8 hex>`; `None` for anything else, another version included.
    pub fn parse(value: &str) -> Option<Tunnel> {
        let mut words = value.trim_ascii().split(' ');
        let (version, relay, stream) = (words.next()?, words.next()?, words.next()?);
        let fit = version == "1" && words.next().is_none();
        fit.then_some(Tunnel { relay: hex(relay)?, stream: hex(stream)? })
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 {:08x} {:08x}", self.relay, self.stream)
    }
}

/// Eight digits and nothing else: `from_str_radix` would take a sign and fewer.
fn hex(text: &str) -> Option<u32> {
    let fit = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if fit { u32::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::Tunnel;

    #[test]
    fn one_form_and_no_other() {
        let tunnel = Tunnel { relay: 0x00ab_cdef, stream: 0xffff_ffff };
        assert_eq!(tunnel.to_string(), "1 00abcdef ffffffff");
        assert_eq!(Tunnel::parse("1 00ABcdef ffffffff"), Some(tunnel));
        for text in [
            "",
            "1",
            "1 00abcdef",
            "2 00abcdef ffffffff",
            "1 00abcdef ffffffff 3",
            "1 abcdef ffffffff",
            "1 +0abcdef ffffffff",
            "1 00abcdef  ffffffff",
            "1 00abcdeg ffffffff",
        ] {
            assert_eq!(Tunnel::parse(text), None, "{text:?}");
        }
    }
}
