//! Responses that an element makes itself (RFC 3261 §8.2.6).

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Message, Name};
use crate::header::{Elements, Via, write_number};

/// A response without a body in the making: Via, From, To, Call-ID and CSeq as in the request.
#[derive(Debug)]
pub struct Reply<'a> {
    request: &'a Message,
    from: SocketAddr,
    code: u16,
    reason: &'a str,
    to_tag: String,
    headers: Vec<u8>,
}

impl<'a> Reply<'a> {
    /// A response to `request`, which came from `from`; the top Via is stamped with that (RFC 3261 §18.2.1).
    pub fn new(request: &'a Message, from: SocketAddr, code: u16, reason: &'a str) -> Reply<'a> {
        Reply { request, from, code, reason, to_tag: String::new(), headers: Vec::new() }
    }

    /// The tag of the To header. RFC 3261 §8.2.6.2: not in a 100, and a tag of the request stays.
    pub fn to_tag(mut self, tag: &str) -> Reply<'a> {
        tag.clone_into(&mut self.to_tag);
        self
    }

    /// Adds a header line.
    pub fn header(mut self, name: Name<'_>, value: &str) -> Reply<'a> {
        write_line(&mut self.headers, name, value.as_bytes());
        self
    }

    /// The response as it goes out.
    pub fn finish(self) -> Bytes {
        let mut out = Vec::with_capacity(256 + self.request.raw.len() / 2);
        out.extend_from_slice(b"SIP/2.0 ");
        write_number(&mut out, self.code.into());
        for part in [" ", self.reason, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        self.write_vias(&mut out);
        write_line(&mut out, Name::From, self.essential(self.request.essential.from));
        self.write_to(&mut out);
        write_line(&mut out, Name::CallId, self.essential(self.request.essential.call_id));
        write_line(&mut out, Name::CSeq, self.essential(self.request.essential.cseq));
        // RFC 3261 §8.2.6.1: a 100 carries the Timestamp back.
        if let (100, Some(timestamp)) = (self.code, self.request.first(Name::Timestamp)) {
            write_line(&mut out, Name::Timestamp, timestamp.as_bytes());
        }
        out.extend_from_slice(&self.headers);
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Bytes::from(out)
    }

    fn write_vias(&self, out: &mut Vec<u8>) {
        let vias = self.request.lines(Name::Via).flat_map(Elements::new);
        for (position, via) in vias.enumerate() {
            out.extend_from_slice(b"Via: ");
            if position == 0 {
                write_stamped(self.request.via(), via, self.from, out);
            } else {
                out.extend_from_slice(via);
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"To: ");
        out.extend_from_slice(self.essential(self.request.essential.to));
        if self.code != 100 && !self.to_tag.is_empty() && self.request.to_tag().is_none() {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(self.to_tag.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    fn essential(&self, position: u16) -> &'a [u8] {
        self.request.lines[usize::from(position)].value(&self.request.raw)
    }
}

/// `written` with its parameters stamped.
pub(super) fn write_stamped(via: Via<'_>, written: &[u8], from: SocketAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(&written[..written.len() - via.params.as_str().len()]);
    via.write_stamped_params(from, out);
}

pub(super) fn write_line(out: &mut Vec<u8>, name: Name<'_>, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
