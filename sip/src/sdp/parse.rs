//! From bytes to index: one pass over the lines, then the checks that let the accessors be infallible.

use std::ops::Range;

use bytes::Bytes;

use super::address::Host;
use super::media::Parts;
use super::origin::Origin;
use super::{Description, Error, Limits, Reason};

/// Where a line stands. Offsets into the description, 32 bits each to keep the index small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) start: u32,
    /// Where its end begins: CRLF, LF or nothing.
    pub(super) end: u32,
    /// Where the next line begins.
    pub(super) next: u32,
}

impl Entry {
    /// What stands behind the `=`.
    pub(super) fn value(&self) -> Range<usize> {
        self.start as usize + 2..self.end as usize
    }

    /// The whole line with its end.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.next as usize
    }

    /// CRLF, LF or nothing.
    pub(super) fn ending(&self) -> Range<usize> {
        self.end as usize..self.next as usize
    }
}

/// See [`Description::parse`].
pub(super) fn description(raw: Bytes, limits: &Limits) -> Result<Description, Error> {
    if raw.len() > limits.bytes.min(u32::MAX as usize) {
        return Err(Error { line: 1, reason: Reason::TooLong });
    }
    let lines = lines(&raw, limits)?;
    let mut description = Description { raw, lines, sections: Vec::new() };
    check(&mut description, limits)?;
    Ok(description)
}

/// The lines, without empty ones at the end.
fn lines(raw: &[u8], limits: &Limits) -> Result<Vec<Entry>, Error> {
    let mut lines = Vec::with_capacity(24);
    let mut at = 0;
    let mut empty = false;
    while at < raw.len() {
        let wrong = |reason| Error { line: lines.len() + 1, reason };
        let (end, next) = line_end(raw, at).ok_or(wrong(Reason::LineEnd))?;
        match &raw[at..end] {
            [] => empty = true,
            // Nothing may follow an empty line, for many readers stop there.
            _ if empty => return Err(wrong(Reason::Line)),
            line if line.len() > limits.line_bytes => return Err(wrong(Reason::LineTooLong)),
            _ if lines.len() == limits.lines => return Err(wrong(Reason::TooManyLines)),
            [letter, b'=', ..] if letter.is_ascii_alphabetic() => {
                lines.push(Entry { start: narrow(at), end: narrow(end), next: narrow(next) });
            }
            _ => return Err(wrong(Reason::Line)),
        }
        at = next;
    }
    if lines.is_empty() {
        return Err(Error { line: 1, reason: Reason::Empty });
    }
    Ok(lines)
}

/// Where the line at `from` ends, and where the next one begins; `None` when a NUL or a bare CR comes first.
fn line_end(raw: &[u8], from: usize) -> Option<(usize, usize)> {
    let Some(hit) = memchr::memchr3(b'\r', b'\n', 0, &raw[from..]) else {
        return Some((raw.len(), raw.len()));
    };
    let end = from + hit;
    match raw[end..] {
        [b'\n', ..] => Some((end, end + 1)),
        [b'\r', b'\n', ..] => Some((end, end + 2)),
        _ => None,
    }
}

/// Reads what the accessors rely on, and finds the sections.
fn check(description: &mut Description, limits: &Limits) -> Result<(), Error> {
    let (mut sections, mut unconnected) = (Vec::new(), Vec::new());
    let mut session_connected = false;
    for line in description.lines() {
        let wrong = |reason| Error { line: line.number, reason };
        let text = std::str::from_utf8(line.value);
        match (line.number, line.letter) {
            (1, letter) => {
                let version = text.ok().filter(|text| letter == 'v' && text.trim_ascii() == "0");
                version.ok_or(wrong(Reason::Version))?;
            }
            (2, letter) => {
                let origin = text.ok().and_then(Origin::parse).filter(|_| letter == 'o');
                origin.ok_or(wrong(Reason::Origin))?;
            }
            (_, 'c') => {
                text.ok().and_then(Host::parse).ok_or(wrong(Reason::Connection))?;
                if sections.is_empty() {
                    session_connected = true;
                } else {
                    unconnected.pop_if(|open| Some(&*open) == sections.last());
                }
            }
            (_, 'm') => {
                let parts = text.ok().and_then(Parts::parse).ok_or(wrong(Reason::Media))?;
                if sections.len() == limits.sections {
                    return Err(wrong(Reason::TooManySections));
                }
                sections.push(line.number - 1);
                if parts.port != 0 {
                    unconnected.push(line.number - 1);
                }
            }
            _ => {}
        }
    }
    if description.lines.len() < 2 {
        return Err(Error { line: 2, reason: Reason::Origin });
    }
    // RFC 8866 §5.7: a c= line for the session, or one for each media that is in use.
    if let Some(line) = unconnected.first().filter(|_| !session_connected) {
        return Err(Error { line: line + 1, reason: Reason::Unconnected });
    }
    description.sections = sections;
    Ok(())
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or_else(|_| unreachable!("parse checked the length"))
}
