//! SIP messages by way of rsip. The phones must not speak with the parser of the product, or it would be judged by
//! itself; this file is the only one that knows rsip's types of headers.

use std::net::{SocketAddr, SocketAddrV4};

use rsip::{
    Header, Headers, Method, Request, Response, SipMessage, StatusCode, Uri, Version,
    headers::{ToTypedHeader as _, UntypedHeader as _},
    message::HasHeaders,
};

const USER_AGENT: &str = "ringway-lab";

/// What is needed to print any request of a phone.
pub(super) struct RequestParts<'a> {
    pub(super) method: Method,
    pub(super) uri: &'a str,
    pub(super) sent_by: SocketAddrV4,
    pub(super) branch: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) routes: &'a [String],
    pub(super) contact: bool,
    pub(super) body: Option<String>,
}

impl RequestParts<'_> {
    /// None when a remote target is no URI that rsip can hold.
    pub(super) fn print(self) -> Option<Vec<u8>> {
        let uri = Uri::try_from(self.uri).ok()?;
        let mut headers = vec![
            Header::Via(format!("SIP/2.0/UDP {};rport;branch={}", self.sent_by, self.branch).into()),
            Header::MaxForwards("70".to_owned().into()),
        ];
        headers.extend(self.routes.iter().map(|route| Header::Route(route.clone().into())));
        headers.extend([
            Header::From(self.from.into()),
            Header::To(self.to.into()),
            Header::CallId(self.call_id.into()),
            Header::CSeq(format!("{} {}", self.cseq, self.method).into()),
        ]);
        if self.contact {
            headers.push(contact(self.sent_by));
        }
        headers.push(Header::UserAgent(USER_AGENT.into()));
        let body = finish(&mut headers, self.body);
        let request =
            Request { method: self.method, uri, version: Version::V2, headers: headers.into(), body };
        Some(request.to_string().into_bytes())
    }
}

/// Prints the answer to a request: RFC 3261 §8.2.6.2. `to_tag` is added where the To has none; Record-Route is
/// echoed in answers that make a dialog (§12.1.1).
pub(super) fn print_response(
    request: &Request,
    (code, phrase): (u16, &str),
    to_tag: &str,
    contact_at: Option<SocketAddrV4>,
    body: Option<String>,
) -> Vec<u8> {
    let mut headers: Vec<Header> = Vec::new();
    for header in request.headers.iter() {
        match header {
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => {
                headers.push(header.clone());
            }
            Header::RecordRoute(_) if contact_at.is_some() => headers.push(header.clone()),
            Header::To(to) if code > 100 && tag(to.value()).is_none() => {
                headers.push(Header::To(format!("{};tag={to_tag}", to.value()).into()));
            }
            Header::To(_) => headers.push(header.clone()),
            _ => {}
        }
    }
    headers.extend(contact_at.map(contact));
    headers.push(Header::Server(USER_AGENT.into()));
    let body = finish(&mut headers, body);
    // Not rsip's own code table: it prints "486 BusyHere".
    let status_code = StatusCode::Other(code, phrase.into());
    Response { status_code, version: Version::V2, headers: headers.into(), body }.to_string().into_bytes()
}

/// Parses a datagram; None for what rsip refuses.
pub(super) fn parse(datagram: &[u8]) -> Option<SipMessage> {
    SipMessage::try_from(datagram).ok()
}

/// The reason phrase on a status line, which rsip does not keep.
pub(super) fn reason_phrase(datagram: &[u8]) -> String {
    let line = datagram.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

/// The header fields that every message needs to find its call.
pub(super) struct Identity {
    pub(super) call_id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) cseq: u32,
    pub(super) method: Method,
}

impl Identity {
    pub(super) fn of(message: &impl HasHeaders) -> Option<Self> {
        let value = |pick: fn(&Header) -> Option<&str>| message.headers().iter().find_map(pick);
        let cseq = message.headers().iter().find_map(|header| match header {
            Header::CSeq(cseq) => cseq.typed().ok(),
            _ => None,
        })?;
        Some(Self {
            call_id: value(|header| matches!(header, Header::CallId(_)).then(|| text(header))?)?.to_owned(),
            from: value(|header| matches!(header, Header::From(_)).then(|| text(header))?)?.to_owned(),
            to: value(|header| matches!(header, Header::To(_)).then(|| text(header))?)?.to_owned(),
            cseq: cseq.seq,
            method: cseq.method,
        })
    }
}

/// One Via value: who sent the message over that hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) branch: String,
    pub(super) rport: bool,
}

/// The Via stack, topmost (the last hop) first; several values in a line count like several lines.
pub(super) fn via_stack(headers: &Headers) -> Vec<Hop> {
    let lines = headers.iter().filter(|header| matches!(header, Header::Via(_))).filter_map(text);
    lines.flat_map(values).filter_map(hop).collect()
}

/// The Record-Route values from top to bottom, verbatim.
pub(super) fn record_routes(headers: &Headers) -> Vec<String> {
    let lines = headers.iter().filter(|header| matches!(header, Header::RecordRoute(_))).filter_map(text);
    lines.flat_map(values).map(str::to_owned).collect()
}

/// The URI in the Contact.
pub(super) fn contact_uri(headers: &Headers) -> Option<String> {
    headers.iter().find_map(|header| match header {
        Header::Contact(contact) => contact.typed().ok().map(|contact| contact.uri.to_string()),
        _ => None,
    })
}

/// Whether a Route value is a loose router: RFC 3261 §19.1.1, `lr` inside the angle brackets.
pub(super) fn is_loose(route: &str) -> bool {
    uri_of(route).split(';').skip(1).any(|parameter| parameter.split('=').next() == Some("lr"))
}

/// The URI of a name-addr.
pub(super) fn uri_of(value: &str) -> &str {
    let inner = value.split_once('<').map_or(value, |(_, rest)| rest);
    inner.split_once('>').map_or(inner, |(uri, _)| uri).trim()
}

/// The tag parameter of a From or To value.
pub(super) fn tag(value: &str) -> Option<&str> {
    let parameters = value.rsplit_once('>').map_or(value, |(_, parameters)| parameters);
    parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("tag="))
}

/// Where an answer goes: RFC 3261 §18.2.2 with RFC 3581 §4.
pub(super) fn answer_address(top: &Hop, source: SocketAddrV4) -> SocketAddrV4 {
    let port = if top.rport { source.port() } else { top.port };
    SocketAddrV4::new(*source.ip(), port)
}

/// The IPv4 part of a peer's address; the lab has no other.
pub(super) fn ipv4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    }
}

fn contact(at: SocketAddrV4) -> Header {
    Header::Contact(format!("<sip:{at}>").into())
}

fn finish(headers: &mut Vec<Header>, body: Option<String>) -> Vec<u8> {
    if body.is_some() {
        headers.push(Header::ContentType("application/sdp".into()));
    }
    let body = body.unwrap_or_default().into_bytes();
    headers.push(Header::ContentLength(body.len().to_string().into()));
    body
}

fn text(header: &Header) -> Option<&str> {
    Some(match header {
        Header::Via(value) => value.value(),
        Header::RecordRoute(value) => value.value(),
        Header::CallId(value) => value.value(),
        Header::From(value) => value.value(),
        Header::To(value) => value.value(),
        _ => return None,
    })
}

/// Splits at the commas that stand outside of quotes and angle brackets.
fn values(line: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut bracketed) = (false, false);
    line.split(move |c| {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
        c == ',' && !quoted && !bracketed
    })
    .map(str::trim)
    .filter(|value| !value.is_empty())
}

fn hop(value: &str) -> Option<Hop> {
    let via = rsip::headers::typed::Via::try_from(rsip::headers::Via::new(value)).ok()?;
    let port = via.uri.host_with_port.port.as_ref().map_or(5060, |port| *port.value());
    let rport = value.split(';').skip(1).any(|parameter| parameter.split('=').next() == Some("rport"));
    let branch = via.branch().map(ToString::to_string).unwrap_or_default();
    Some(Hop { host: via.uri.host_with_port.host.to_string(), port, branch: plain_branch(&branch), rport })
}

/// rsip prints a branch as it was, in some versions with the parameter's name.
fn plain_branch(printed: &str) -> String {
    printed.rsplit('=').next().unwrap_or_default().to_owned()
}
