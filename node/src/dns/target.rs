//! What is asked for and what comes out: a host to reach over SIP, and the addresses to try, in order.

use super::DnsError;
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// The longest name that DNS can carry, in characters (RFC 1035 §2.3.4, without the root's dot).
const NAME_MAX: usize = 253;

/// A transport that SIP runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `sip:` over UDP.
    Udp,
    /// `sip:` over TCP.
    Tcp,
    /// TLS over TCP: all that `sips:` may use.
    Tls,
}

impl Transport {
    /// The port when neither the URI nor DNS says one (RFC 3261 §19.1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// The labels before the domain in the name of an SRV record (RFC 3263 §4.1).
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        }
    }
}

/// Where to send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Over what.
    pub transport: Transport,
    /// Where to.
    pub address: SocketAddr,
}

/// Which addresses of a host are tried first. The others follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// A records before AAAA records.
    #[default]
    Ipv4,
    /// AAAA records before A records.
    Ipv6,
}

impl Family {
    /// False, and so first in an order, for an address of this family.
    pub(super) fn is_other(self, address: IpAddr) -> bool {
        address.is_ipv4() != (self == Self::Ipv4)
    }
}

/// What a URI says of its destination. Equal requests have equal answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) sips: bool,
}

/// The host of a URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// An address: DNS has nothing to say.
    Numeric(IpAddr),
    /// A name in lower case, without the root's dot.
    Name(Arc<str>),
}

impl Request {
    /// Takes the parts of a URI: its host (an IPv6 address with or without brackets), its port, its `transport`
    /// parameter, and whether its scheme is `sips`.
    ///
    /// # Errors
    /// [`DnsError::BadName`] when the host cannot be a name in DNS; [`DnsError::Insecure`] for `sips` over UDP.
    pub(super) fn new(
        host: &str,
        port: Option<u16>,
        transport: Option<Transport>,
        sips: bool,
    ) -> Result<Self, DnsError> {
        let transport = match transport {
            // RFC 3261 §26.2.2: `sips` means TLS on every hop, and `transport=tcp` in it TLS over TCP.
            Some(Transport::Udp) if sips => return Err(DnsError::Insecure),
            Some(_) if sips => Some(Transport::Tls),
            other => other,
        };
        Ok(Self { host: Host::parse(host)?, port, transport, sips })
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, DnsError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(address) = bare.and_then(|bare| bare.parse::<Ipv6Addr>().ok()) {
            return Ok(Self::Numeric(address.into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Numeric(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_good = name.len() <= NAME_MAX && name.split('.').all(is_label);
        if !is_good {
            return Err(DnsError::BadName);
        }
        Ok(Self::Name(name.to_ascii_lowercase().into()))
    }
}

/// RFC 1035 §2.3.4: one to 63 octets. The underscore is in use, whatever RFC 952 says.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let numeric = |text: &str| Ok(Host::Numeric(text.parse().unwrap()));
        let cases = [
            ("192.0.2.1", numeric("192.0.2.1")),
            ("2001:db8::1", numeric("2001:db8::1")),
            ("[2001:db8::1]", numeric("2001:db8::1")),
            ("Example.COM.", Ok(Host::Name("example.com".into()))),
            ("192.0.2.1.example", Ok(Host::Name("192.0.2.1.example".into()))),
            ("", Err(DnsError::BadName)),
            (".", Err(DnsError::BadName)),
            ("a..b", Err(DnsError::BadName)),
            ("[192.0.2.1]", Err(DnsError::BadName)),
            ("a b", Err(DnsError::BadName)),
            ("caf\u{e9}.example", Err(DnsError::BadName)),
        ];
        for (text, want) in cases {
            assert_eq!(Host::parse(text), want, "{text}");
        }
        assert_eq!(Host::parse(&"a".repeat(64)), Err(DnsError::BadName));
        assert_eq!(Host::parse(&["a"; 128].join(".")), Err(DnsError::BadName), "255 characters");
        assert!(Host::parse(&["a"; 127].join(".")).is_ok(), "253 characters");
    }

    #[test]
    fn sips_is_tls_and_never_udp() {
        let transport = |asked, sips| Request::new("a.example", None, asked, sips).map(|r| r.transport);
        assert_eq!(transport(Some(Transport::Udp), true), Err(DnsError::Insecure));
        assert_eq!(transport(Some(Transport::Tcp), true), Ok(Some(Transport::Tls)));
        assert_eq!(transport(Some(Transport::Tls), true), Ok(Some(Transport::Tls)));
        assert_eq!(transport(None, true), Ok(None));
        assert_eq!(transport(Some(Transport::Udp), false), Ok(Some(Transport::Udp)));
    }
}
