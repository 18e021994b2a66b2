//! What is left of a request that does not parse: enough to refuse it, if its sender can be told from it at all. A
//! broken request deserves an answer (RFC 3261 §16.3 step 1, §8.2.6): a silent peer retransmits.

use std::net::SocketAddr;

use bytes::Bytes;

use super::error::ParseError;
use super::parse::{header_line, line_end, logical_line};
use super::reply::{write_line, write_stamped};
use super::{Limits, Name};
use crate::header::{Elements, NameAddr, Via, is_token};

/// The headers that a response copies, as far as they could be read.
///
/// The answer goes where the top Via and the source address say together, so there is no skeleton without a readable
/// top Via. The others are copied as they stand, however wrong: the sender knows its own words again. An answer is
/// hardly longer than what caused it, but a datagram's source can be forged: answer only those whose requests
/// would be taken in.
#[derive(Debug)]
pub struct Skeleton<'a> {
    via: Via<'a>,
    /// The Via elements that can be read, the top one first.
    vias: Vec<&'a str>,
    /// From, To, Call-ID, CSeq: the first line of each.
    copied: [Option<&'a [u8]>; COPIED.len()],
}

/// In the order in which they stand in a response.
const COPIED: [Name<'static>; 4] = [Name::From, Name::To, Name::CallId, Name::CSeq];
const TO: usize = 1;

impl<'a> Skeleton<'a> {
    /// Reads `raw`, which [`Message::parse`](crate::Message::parse) has refused. `None` if it is no request, or an ACK
    /// (which is never answered), or if its topmost Via cannot be read.
    pub fn read(raw: &'a [u8]) -> Option<Skeleton<'a>> {
        let start = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let raw = &raw[start..];
        let first = line_end(raw, 0, &Limits::NONE).ok()?;
        if !is_answerable(&raw[..first]) {
            return None;
        }
        let mut via_lines = Vec::new();
        let mut copied = [None; COPIED.len()];
        let mut at = first + 2;
        // Where the lines end too early, the complete ones count.
        while let Ok(Some(range)) = logical_line(raw, at, &Limits::NONE) {
            at = range.end + 2;
            let Ok(line) = header_line(raw, range) else { continue };
            if line.code == Name::Via.code() {
                via_lines.push(line.value(raw));
            } else if let Some(which) = COPIED.iter().position(|name| name.code() == line.code) {
                copied[which].get_or_insert(line.value(raw));
            }
        }
        let mut elements = via_lines.into_iter().flat_map(Elements::new);
        let top = std::str::from_utf8(elements.next()?).ok()?;
        let (_, via) = Via::of_any_version(top)?;
        let lower = elements.filter_map(|via| std::str::from_utf8(via).ok());
        let lower = lower.filter(|via| Via::of_any_version(via).is_some());
        Some(Skeleton { via, vias: std::iter::once(top).chain(lower).collect(), copied })
    }

    /// The topmost Via; [`Via::reply_to`] says where the answer goes.
    pub fn via(&self) -> &Via<'a> {
        &self.via
    }

    /// The response to this request, which came from `from` and does not parse because of `error`; `None` where
    /// [`ParseError::refusal`] has no answer. `to_tag` is added to a To that can be read and has none.
    pub fn refuse(&self, error: ParseError, from: SocketAddr, to_tag: &str) -> Option<Bytes> {
        let status = error.refusal()?;
        let mut out = Vec::with_capacity(512);
        // RFC 3261 §21.4.1: the phrase should name the fault.
        out.extend_from_slice(format!("SIP/2.0 {status} {} ({error})\r\n", phrase(status)).as_bytes());
        for (position, via) in self.vias.iter().enumerate() {
            out.extend_from_slice(b"Via: ");
            if position == 0 {
                write_stamped(self.via, via.as_bytes(), from, &mut out);
            } else {
                out.extend_from_slice(via.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        for (which, value) in self.copied.iter().enumerate() {
            let Some(value) = value else { continue };
            write_line(&mut out, COPIED[which], value);
            if which == TO && lacks_tag(value) && !to_tag.is_empty() {
                // Behind the value, in front of its CRLF.
                let end = out.len() - 2;
                out.splice(end..end, format!(";tag={to_tag}").into_bytes());
            }
        }
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Some(Bytes::from(out))
    }
}

/// Whether `line` means to be a request line, and of another method than ACK (RFC 3261 §17: an ACK has no answer).
fn is_answerable(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (method, version) = (words.next().unwrap_or_default(), words.next_back().unwrap_or_default());
    is_token(method)
        && method != b"ACK"
        && version.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
}

fn lacks_tag(to: &[u8]) -> bool {
    let to = std::str::from_utf8(to).ok().and_then(|to| NameAddr::parse(to).ok());
    to.is_some_and(|to| to.tag().is_none())
}

fn phrase(status: u16) -> &'static str {
    match status {
        505 => "Version Not Supported",
        513 => "Message Too Large",
        _ => "Bad Request",
    }
}

#[cfg(test)]
mod tests;
