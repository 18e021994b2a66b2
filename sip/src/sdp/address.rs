//! Where media goes: the address part of `c=`, `o=` and `a=rtcp` lines (RFC 8866 §5.7, RFC 3605 §2.1).

use std::net::IpAddr;

/// A host as a description names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address.
    Ip(IpAddr),
    /// A name, to be resolved by whom it may concern.
    Name(&'a str),
}

impl<'a> Host<'a> {
    /// Reads `IN IP4 192.0.2.1`, with or without the TTL and the count of a multicast address.
    pub(super) fn parse(text: &'a str) -> Option<Host<'a>> {
        let mut words = text.split_ascii_whitespace();
        let (net, family, host) = (words.next()?, words.next()?, words.next()?);
        if !net.eq_ignore_ascii_case("IN") || words.next().is_some() {
            return None;
        }
        // RFC 8866 §5.7: TTL and count stand behind multicast addresses; neither is a matter of ours.
        let host = host.split('/').next()?;
        let is_six = match family {
            _ if family.eq_ignore_ascii_case("IP4") => false,
            _ if family.eq_ignore_ascii_case("IP6") => true,
            _ => return None,
        };
        match host.parse::<IpAddr>() {
            Ok(ip) => (ip.is_ipv6() == is_six).then_some(Host::Ip(ip)),
            Err(_) => is_name(host).then_some(Host::Name(host)),
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }

    /// Whether it is the address of nobody: the old way to put on hold (RFC 3264 §8.4), for nothing can be sent there.
    pub fn is_hold(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }
}

/// `IN IP4 …` as it is written.
pub(super) fn written(ip: IpAddr) -> String {
    let family = if ip.is_ipv6() { "IP6" } else { "IP4" };
    format!("IN {family} {ip}")
}

/// What looks like a number and is no address, like 256.1.1.1, is no name either.
fn is_name(host: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    host.bytes().all(fit) && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::{Host, written};

    #[test]
    fn addresses_names_and_neither() {
        let ip = |text: &str| Some(Host::Ip(text.parse().unwrap()));
        for (text, host) in [
            ("IN IP4 192.0.2.1", ip("192.0.2.1")),
            ("in ip4 192.0.2.1 ", ip("192.0.2.1")),
            ("IN IP6 2001:db8::1", ip("2001:db8::1")),
            ("IN IP4 233.252.0.1/127/3", ip("233.252.0.1")),
            ("IN IP6 ff15::101/3", ip("ff15::101")),
            ("IN IP4 phone.example", Some(Host::Name("phone.example"))),
            ("IN IP6 192.0.2.1", None),
            ("IN IP4 2001:db8::1", None),
            ("IN IP4 256.0.2.1", None),
            ("IN IP4 [2001:db8::1]", None),
            ("IN IP4 ", None),
            ("IN IP4", None),
            ("IN IP5 192.0.2.1", None),
            ("ATM NSAP 47", None),
            ("IN IP4 192.0.2.1 more", None),
            ("", None),
        ] {
            assert_eq!(Host::parse(text), host, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_hold_is_seen() {
        for (text, hold) in [("192.0.2.1", false), ("2001:db8::1", false), ("0.0.0.0", true), ("::", true)] {
            let ip = text.parse().unwrap();
            let written = written(ip);
            let host = Host::parse(&written).unwrap();
            assert_eq!((host.ip(), host.is_hold()), (Some(ip), hold), "{written}");
        }
    }
}
