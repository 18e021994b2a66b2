//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3). Keys are byte strings, written into one
//! scratch buffer, so that looking one up allocates nothing.

use std::io::Write;

use crate::header::Via;
use crate::message::{Message, Method};

/// RFC 3261 §17.1.3: a response belongs to the client transaction with its top branch and the method of its CSeq.
pub(super) fn client_key(branch: &str, method: Method<'_>, key: &mut Vec<u8>) {
    key.clear();
    put(key, method.as_str());
    put(key, branch);
}

/// RFC 3261 §17.2.3: a request belongs to the server transaction with its top branch, sent-by and `method`; the
/// caller names INVITE for an ACK, and for the INVITE that a CANCEL means.
pub(super) fn server_key(request: &Message, method: Method<'_>, key: &mut Vec<u8>) {
    key.clear();
    put(key, method.as_str());
    let via = request.via();
    let branch = request.branch();
    if branch.len() <= Via::COOKIE.len() || !branch.starts_with(Via::COOKIE) {
        return rfc2543_key(request, via, key);
    }
    put(key, via.host);
    let host = key.len() - via.host.len() - 1;
    key[host..].make_ascii_lowercase();
    key.extend_from_slice(&via.port.unwrap_or(5060).to_be_bytes());
    put(key, branch);
}

/// RFC 3261 §17.2.3 for a sender of RFC 2543, whose branch says nothing: Request-URI, From tag, Call-ID, CSeq number
/// and top Via. The tag of To is left out: an ACK has that of our response, its INVITE has none, and the rest
/// tells transactions apart.
fn rfc2543_key(request: &Message, via: Via<'_>, key: &mut Vec<u8>) {
    // No cookie key has an empty host.
    put(key, "");
    put(key, request.uri());
    put(key, request.call_id());
    put(key, request.from().tag().unwrap_or_default());
    key.extend_from_slice(&request.cseq().number.to_be_bytes());
    write!(key, "{} {} {:?} ", via.transport, via.host, via.port).expect("writing into memory does not fail");
    put(key, via.params.as_str());
}

fn put(key: &mut Vec<u8>, part: &str) {
    key.extend_from_slice(part.as_bytes());
    key.push(0);
}
