//! `Via: SIP/2.0/UDP host:port;branch=z9hG4bK…` (RFC 3261 §20.42, §18.2; RFC 3581).

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use crate::header::scan::{host_port, ip_of, is_lws, is_token, plain_host_port, quotes_close};
use crate::header::{Params, number, trim, write_number};
use crate::message::ParseError;

/// One hop that a request has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, …, as written.
    pub transport: &'a str,
    /// The host of sent-by, as written; an IPv6 address keeps its brackets.
    pub host: &'a str,
    /// The port of sent-by, when one is written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// What every branch begins with that is unique in space and time (RFC 3261 §8.1.1.7).
    pub const COOKIE: &'static str = "z9hG4bK";

    /// Reads one Via element. Errors: [`ParseError::Invalid`].
    pub fn parse(text: &'a str) -> Result<Via<'a>, ParseError> {
        Via::of_any_version(text)
            .filter(|(version, _)| *version == "2.0")
            .map(|(_, via)| via)
            .ok_or(ParseError::Invalid("Via"))
    }

    /// The Via of a sender that may speak another version of SIP, who has to be told so.
    pub(crate) fn of_any_version(text: &'a str) -> Option<(&'a str, Via<'a>)> {
        let (version, rest) = match text.strip_prefix("SIP/2.0/") {
            Some(rest) => ("2.0", rest),
            None => protocol(text)?,
        };
        let rest = trim(rest);
        let (transport, rest) = rest.split_at(rest.bytes().position(is_lws)?);
        let (host, port, params) = sent_by(trim(rest))?;
        let via = Via { transport, host, port, params: Params::new(params) };
        (is_token(transport.as_bytes()) && quotes_close(params)).then_some((version, via))
    }

    /// The branch; empty when the sender gave none (RFC 2543).
    pub fn branch(&self) -> &'a str {
        self.param("branch").flatten().unwrap_or_default()
    }

    /// The address the request came from, as the next hop saw it.
    pub fn received(&self) -> Option<IpAddr> {
        ip_of(self.param("received")??)
    }

    /// RFC 3581: `None` = not asked for, `Some(None)` = asked for, `Some(Some(port))` = filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.param("rport").map(|value| value.and_then(number))
    }

    /// The parameter of that name, as in [`Params::find`].
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params.find(name)
    }

    /// The host of sent-by, if it is an address and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        ip_of(self.host)
    }

    /// Where a response over datagrams goes when the request came from `source`. RFC 3261 §18.2.2 and RFC 3581 §4:
    /// to the source address; to the source port if `rport` was asked for, else to the port of sent-by or 5060.
    /// `maddr` is ignored: it would let a stranger aim us at somebody else.
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        match self.rport() {
            Some(_) => source,
            None => SocketAddr::new(source.ip(), self.port.unwrap_or(5060)),
        }
    }

    /// Writes the parameters as the receiver of a request must leave them (RFC 3261 §18.2.1, RFC 3581 §4):
    /// `received` if sent-by is not the source address or `rport` is asked for, `rport` filled in. A `received`
    /// that came with the request is a forgery and goes.
    pub(crate) fn write_stamped_params(&self, source: SocketAddr, out: &mut Vec<u8>) {
        let ip = source.ip().to_canonical();
        let mut asked = false;
        for param in self.params.iter() {
            if param.name.eq_ignore_ascii_case("received") {
                continue;
            }
            out.push(b';');
            out.extend_from_slice(param.name.as_bytes());
            if param.name.eq_ignore_ascii_case("rport") {
                asked = true;
                out.push(b'=');
                write_number(out, source.port().into());
            } else if let Some(value) = param.value {
                out.push(b'=');
                out.extend_from_slice(value.as_bytes());
            }
        }
        if asked || self.ip().map(|host| host.to_canonical()) != Some(ip) {
            out.extend_from_slice(b";received=");
            write_ip(out, ip);
        }
    }
}

/// The version, and what stands behind it. RFC 3261 §25.1: white space may stand around each slash.
fn protocol(text: &str) -> Option<(&str, &str)> {
    let (protocol, rest) = text.split_once('/')?;
    let (version, rest) = rest.split_once('/')?;
    let version = trim(version);
    let known = trim(protocol).eq_ignore_ascii_case("SIP") && is_token(version.as_bytes());
    known.then_some((version, rest))
}

/// Host, port, and the parameters behind them.
fn sent_by(text: &str) -> Option<(&str, Option<u16>, &str)> {
    if let Some((host, port, params)) = plain_host_port(text)
        && (params.is_empty() || params.starts_with(';'))
    {
        return Some((host, port, params));
    }
    let (sent_by, params) = text.split_at(memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len()));
    let (host, port) = host_port(sent_by)?;
    Some((host, port, params))
}

/// The address as it is written in `received`.
fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (place, octet) in ip.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                write_number(out, octet.into());
            }
        }
        IpAddr::V6(ip) => write!(out, "{ip}").expect("writing into memory does not fail"),
    }
}

#[cfg(test)]
mod tests {
    use super::Via;

    #[test]
    fn the_usual_one() {
        let via = Via::parse("SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK7;rport;received=192.0.2.9").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("UDP", "192.0.2.1", Some(5070)));
        assert_eq!((via.branch(), via.rport()), ("z9hG4bK7", Some(None)));
        assert_eq!(via.received(), "192.0.2.9".parse().ok());
        assert_eq!(via.reply_to("198.51.100.1:99".parse().unwrap()), "198.51.100.1:99".parse().unwrap());
    }

    #[test]
    fn white_space_wherever_the_grammar_allows_it() {
        let via = Via::parse("SIP  / 2.0\r\n /UDP\r\n    [2001:db8::9:1] : 5061 ;\r\n branch = z9hG4bK30239")
            .unwrap();
        assert_eq!((via.transport, via.host, via.port), ("UDP", "[2001:db8::9:1]", Some(5061)));
        assert_eq!(via.branch(), "z9hG4bK30239");
        assert_eq!(via.ip(), "2001:db8::9:1".parse().ok());
    }

    #[test]
    fn without_rport_the_answer_goes_to_the_port_of_sent_by_but_never_to_maddr() {
        let source = "198.51.100.1:99".parse().unwrap();
        let via = Via::parse("SIP/2.0/UDP h.example;maddr=203.0.113.5").unwrap();
        assert_eq!(via.reply_to(source), "198.51.100.1:5060".parse().unwrap());
        let via = Via::parse("SIP/2.0/UDP h.example:5080").unwrap();
        assert_eq!(via.reply_to(source), "198.51.100.1:5080".parse().unwrap());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;x",
            "SIP/3.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/UDP a:b",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP a;branch=\"z9hG4bK",
        ] {
            assert!(Via::parse(text).is_err(), "{text:?}");
        }
    }
}
