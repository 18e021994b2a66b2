//! The two requests that follow from an INVITE hop by hop: the ACK to a failure and the CANCEL.

use bytes::Bytes;

use super::reply::write_line;
use super::{Message, Method, Name};

/// The ACK to a `response` of 300 and above (RFC 3261 §17.1.1.3): Request-URI, top Via, From, Call-ID and Route of
/// the INVITE as it was sent, To of the response.
pub fn ack_for(invite: &Message, response: &Message) -> Bytes {
    let to = response.lines(Name::To).next().unwrap_or_default();
    follow(invite, Method::Ack, to)
}

/// The CANCEL for an INVITE as it was sent (RFC 3261 §9.1).
pub fn cancel_for(invite: &Message) -> Bytes {
    let to = invite.lines(Name::To).next().unwrap_or_default();
    follow(invite, Method::Cancel, to)
}

fn follow(invite: &Message, method: Method<'_>, to: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(invite.headers_end);
    for part in [method.as_str(), " ", invite.uri(), " SIP/2.0\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    write_line(&mut out, Name::Via, invite.top_via());
    for route in invite.lines(Name::Route) {
        write_line(&mut out, Name::Route, route);
    }
    out.extend_from_slice(b"Max-Forwards: 70\r\n");
    write_line(&mut out, Name::From, invite.lines(Name::From).next().unwrap_or_default());
    write_line(&mut out, Name::To, to);
    write_line(&mut out, Name::CallId, invite.call_id().as_bytes());
    let cseq = format!("{} {method}", invite.cseq().number);
    write_line(&mut out, Name::CSeq, cseq.as_bytes());
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Bytes::from(out)
}
