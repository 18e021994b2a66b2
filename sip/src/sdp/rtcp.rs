//! `a=rtcp` (RFC 3605): where RTCP goes when it does not go to the port above RTP's.

use std::fmt;
use std::net::IpAddr;

use super::address::{Host, written};
use crate::header::number;

/// The value of an `a=rtcp` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtcp<'a> {
    /// The port.
    pub port: u16,
    /// The host, if it is another one than that of the `c=` line.
    pub host: Option<Host<'a>>,
}

impl<'a> Rtcp<'a> {
    /// Reads `53020` or `53020 IN IP4 192.0.2.1`; `None` for anything else.
    pub fn parse(value: &'a str) -> Option<Rtcp<'a>> {
        let value = value.trim_ascii();
        let (port, host) = match value.split_once(' ') {
            Some((port, host)) => (port, Some(Host::parse(host)?)),
            None => (value, None),
        };
        Some(Rtcp { port: number(port)?, host })
    }

    /// The short form: at the address of the `c=` line.
    pub fn short(port: u16) -> Rtcp<'static> {
        Rtcp { port, host: None }
    }

    /// The full form.
    pub fn full(port: u16, ip: IpAddr) -> Rtcp<'static> {
        Rtcp { port, host: Some(Host::Ip(ip)) }
    }
}

impl fmt::Display for Rtcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            None => write!(f, "{}", self.port),
            Some(Host::Ip(ip)) => write!(f, "{} {}", self.port, written(ip)),
            Some(Host::Name(name)) => write!(f, "{} IN IP4 {name}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rtcp;

    #[test]
    fn both_forms_are_read_again() {
        let full = Rtcp::full(53_020, "2001:db8::1".parse().unwrap());
        for (rtcp, text) in [(Rtcp::short(53_020), "53020"), (full, "53020 IN IP6 2001:db8::1")] {
            assert_eq!(rtcp.to_string(), text);
            assert_eq!(Rtcp::parse(text), Some(rtcp));
        }
        let named = Rtcp::parse("1 IN IP4 phone.example").unwrap();
        assert_eq!(named.to_string(), "1 IN IP4 phone.example");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "x", "65536", "-1", "5 IN", "5 IN IP4", "5 192.0.2.1"] {
            assert_eq!(Rtcp::parse(text), None, "{text:?}");
        }
    }
}
