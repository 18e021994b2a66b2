//! From bytes to index: one pass over the header section, then the checks that let the accessors be infallible.

use std::ops::Range;

use bytes::{Buf, Bytes};

use super::name::code_of;
use super::top_via::TopVia;
use super::{Limits, Message, Method, Name, ParseError};
use crate::header::{CSeq, Elements, NameAddr, Uri, Via, is_token, number, token, trim_bytes};

/// Where the parts of the start line stand.
#[derive(Clone)]
pub(super) enum Start {
    Request { method: usize, uri: Range<usize> },
    Response { status: u16, reason: Range<usize> },
}

/// Where one header line stands, folds included. Offsets into the message, 32 bits each to keep the index small.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(super) code: u8,
    start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
    end: u32,
}

/// What every message has: positions in the index, and what is asked for several times a message.
#[derive(Clone)]
pub(super) struct Essential {
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) call_id: u16,
    pub(super) cseq: u16,
    pub(super) from_tag: Option<Range<u32>>,
    pub(super) to_tag: Option<Range<u32>>,
    pub(super) number: u32,
    /// The method that CSeq names, unless it is one of [`Method::Other`].
    pub(super) method: Option<Method<'static>>,
}

impl Line {
    /// The whole line with its CRLF.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The value, trimmed.
    pub(super) fn value_range(&self) -> Range<usize> {
        self.value_start as usize..self.value_end as usize
    }

    pub(super) fn name<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        &raw[self.start as usize..self.name_end as usize]
    }

    pub(super) fn value<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        &raw[self.value_range()]
    }
}

/// See [`Message::parse`].
pub(super) fn message(mut raw: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    // RFC 3261 §7.5: CRLFs before the start line are skipped.
    let skipped = raw.iter().position(|&byte| !matches!(byte, b'\r' | b'\n')).ok_or(ParseError::KeepAlive)?;
    raw.advance(skipped);
    if raw.len() > limits.message_bytes.min(u32::MAX as usize) {
        return Err(ParseError::MessageTooLong);
    }
    let first = line_end(&raw, 0, limits)?;
    let start = start_line(&raw[..first])?;
    let Headers { lines, end: headers_end, length, found } = headers(&raw, first + 2, limits)?;
    let body_end = body_end(raw.len(), headers_end + 2, length)?;
    raw.truncate(body_end);
    let (essential, top_via) = essential(&raw, &lines, found?, &start)?;
    if let Start::Request { uri, .. } = &start {
        request_uri(&raw[uri.clone()])?;
        vias(&raw, &lines, limits)?;
    }
    Ok(Message { raw, start, lines, essential, top_via, headers_end })
}

/// The position of the CRLF that ends the physical line at `from`.
pub(crate) fn line_end(raw: &[u8], from: usize, limits: &Limits) -> Result<usize, ParseError> {
    let hit = memchr::memchr2(b'\r', b'\n', &raw[from..]).ok_or(ParseError::Unterminated)?;
    if hit > limits.line_bytes {
        return Err(ParseError::LineTooLong);
    }
    match raw[from + hit..] {
        [b'\r', b'\n', ..] => Ok(from + hit),
        _ => Err(ParseError::LineEnd),
    }
}

fn start_line(line: &[u8]) -> Result<Start, ParseError> {
    const ERROR: ParseError = ParseError::StartLine;
    let space = memchr::memchr(b' ', line).ok_or(ERROR)?;
    if line[..space].get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line, space);
    }
    // RFC 3261 §7.1: Method SP Request-URI SP SIP-Version, one space each.
    let last = memchr::memrchr(b' ', line).filter(|&last| last > space + 1).ok_or(ERROR)?;
    let (method, uri, version) = (&line[..space], &line[space + 1..last], &line[last + 1..]);
    if !version.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
        return Err(ERROR);
    }
    if &version[4..] != b"2.0" {
        return Err(ParseError::Version);
    }
    let uri_ok = !uri.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'<' | b'>'));
    if !is_token(method) || !uri_ok || std::str::from_utf8(uri).is_err() {
        return Err(ERROR);
    }
    Ok(Start::Request { method: space, uri: space + 1..last })
}

fn status_line(line: &[u8], space: usize) -> Result<Start, ParseError> {
    if &line[4..space] != b"2.0" {
        return Err(ParseError::Version);
    }
    // RFC 3261 §7.2: the space before the reason phrase stands even if the phrase is empty; many leave it out.
    let (code, reason) = line[space + 1..].split_at_checked(3).ok_or(ParseError::StartLine)?;
    let status = std::str::from_utf8(code).ok().and_then(number).filter(|code| (100..700).contains(code));
    let status = status.ok_or(ParseError::StartLine)?;
    match reason {
        [] => Ok(Start::Response { status, reason: line.len()..line.len() }),
        [b' ', ..] => Ok(Start::Response { status, reason: space + 5..line.len() }),
        _ => Err(ParseError::StartLine),
    }
}

/// The header section.
struct Headers {
    lines: Vec<Line>,
    /// Where the blank line begins.
    end: usize,
    length: ContentLength,
    /// Where those stand that every message has, in the order of [`ESSENTIAL`].
    found: Result<[usize; ESSENTIAL.len()], ParseError>,
}

const ESSENTIAL: [Name<'static>; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];

/// Indexes the header lines from `at`.
fn headers(raw: &[u8], mut at: usize, limits: &Limits) -> Result<Headers, ParseError> {
    let codes = ESSENTIAL.map(|name| name.code());
    let most = limits.headers.min(usize::from(u16::MAX));
    let mut lines = Vec::with_capacity(16);
    let mut length = ContentLength::default();
    let (mut found, mut twice) = ([None; ESSENTIAL.len()], None);
    while let Some(range) = logical_line(raw, at, limits)? {
        if lines.len() == most {
            return Err(ParseError::TooManyHeaders);
        }
        at = range.end + 2;
        let line = header_line(raw, range)?;
        length.read(raw, &line)?;
        if let Some(which) = codes.iter().position(|&code| code == line.code) {
            // Several Vias are several hops; of the others there is one.
            if which > 0 && found[which].is_some() {
                twice.get_or_insert(which);
            }
            found[which].get_or_insert(lines.len());
        }
        lines.push(line);
    }
    Ok(Headers { lines, end: at, length, found: all(found, twice) })
}

fn all(
    found: [Option<usize>; ESSENTIAL.len()],
    twice: Option<usize>,
) -> Result<[usize; ESSENTIAL.len()], ParseError> {
    if let Some(which) = twice {
        return Err(ParseError::Duplicate(ESSENTIAL[which].as_str()));
    }
    match found.iter().position(Option::is_none) {
        Some(which) => Err(ParseError::Missing(ESSENTIAL[which].as_str())),
        None => Ok(found.map(Option::unwrap_or_default)),
    }
}

/// The header line at `at` with its folds and without its CRLF; `None` at the blank line.
pub(crate) fn logical_line(
    raw: &[u8],
    at: usize,
    limits: &Limits,
) -> Result<Option<Range<usize>>, ParseError> {
    let mut end = line_end(raw, at, limits)?;
    if end == at {
        return Ok(None);
    }
    // RFC 3261 §7.3.1: a line that begins with white space continues the one before.
    while matches!(raw.get(end + 2), Some(b' ' | b'\t')) {
        end = line_end(raw, end + 2, limits)?;
        if end - at > limits.line_bytes {
            return Err(ParseError::LineTooLong);
        }
    }
    Ok(Some(at..end))
}

pub(crate) fn header_line(raw: &[u8], range: Range<usize>) -> Result<Line, ParseError> {
    let line = &raw[range.clone()];
    let name = token(line);
    // RFC 3261 §25.1: white space may stand in front of the colon.
    let behind = line[name.len()..].trim_ascii_start();
    let (Some((b':', behind)), false) = (behind.split_first(), name.is_empty()) else {
        return Err(ParseError::HeaderLine);
    };
    let value = trim_bytes(behind);
    // An empty value stands at the end of the line, so that a value put there follows the white space.
    let value_start = if value.is_empty() { range.end } else { offset_in(raw, value) };
    Ok(Line {
        code: code_of(name),
        start: narrow(range.start),
        name_end: narrow(range.start + name.len()),
        value_start: narrow(value_start),
        value_end: narrow(value_start + value.len()),
        end: narrow(range.end + 2),
    })
}

/// What the Content-Length lines seen so far say.
#[derive(Clone, Copy, Default)]
pub(crate) struct ContentLength(pub(crate) Option<usize>);

impl ContentLength {
    /// Takes note of `line` if it is one of them. Two that differ are an error: there is no way to know how many bytes
    /// follow.
    pub(crate) fn read(&mut self, raw: &[u8], line: &Line) -> Result<(), ParseError> {
        if line.code != Name::ContentLength.code() {
            return Ok(());
        }
        let value = std::str::from_utf8(line.value(raw)).ok().and_then(number);
        let value = value.ok_or(invalid(Name::ContentLength))?;
        if self.0.is_some_and(|length| length != value) {
            return Err(ParseError::Duplicate("Content-Length"));
        }
        self.0 = Some(value);
        Ok(())
    }
}

/// RFC 3261 §18.3: over datagrams the body ends where Content-Length says, or else with the datagram, at `end`.
fn body_end(end: usize, body: usize, length: ContentLength) -> Result<usize, ParseError> {
    match length.0 {
        None => Ok(end),
        Some(length) if length <= end - body => Ok(body + length),
        Some(_) => Err(ParseError::Truncated),
    }
}

/// Checks the headers that every message has.
fn essential(
    raw: &[u8],
    lines: &[Line],
    found: [usize; ESSENTIAL.len()],
    start: &Start,
) -> Result<(Essential, TopVia), ParseError> {
    let [via, from, to, call_id, cseq] = found;
    let text = |which: usize| {
        std::str::from_utf8(lines[found[which]].value(raw)).map_err(|_| invalid(ESSENTIAL[which]))
    };
    let top = Elements::new(lines[via].value(raw)).next().ok_or(invalid(Name::Via))?;
    let top_via = TopVia::read(raw, top)?;
    let tag = |which: usize| {
        let address = NameAddr::parse(text(which)?).map_err(|_| invalid(ESSENTIAL[which]))?;
        Ok(address.tag().map(|tag| span(raw, tag)))
    };
    let (from_tag, to_tag) = (tag(1)?, tag(2)?);
    let id = text(3)?;
    if id.is_empty() || id.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err(invalid(Name::CallId));
    }
    let CSeq { number, method } = CSeq::parse(text(4)?)?;
    if let Start::Request { method: end, .. } = *start
        && method.as_str().as_bytes() != &raw[..end]
    {
        return Err(ParseError::MethodMismatch);
    }
    let [from, to, call_id, cseq] = [from, to, call_id, cseq].map(narrow_position);
    let method = Method::known(method.as_str());
    Ok((Essential { from, to, call_id, cseq, from_tag, to_tag, number, method }, top_via))
}

/// RFC 3261 §16.3 step 1: what a proxy routes by must be well formed. What other schemes look like is not ours to say.
fn request_uri(uri: &[u8]) -> Result<(), ParseError> {
    let uri = std::str::from_utf8(uri).ok().and_then(|uri| Uri::parse(uri).ok());
    // RFC 3261 §19.1.1: headers have no place in a Request-URI; a proxy must neither forward nor obey them.
    uri.filter(|uri| uri.headers.is_empty()).map(|_| ()).ok_or(ParseError::Invalid("Request-URI"))
}

/// RFC 3261 §16.3 step 4: a proxy looks for itself in all the Vias of a request.
fn vias(raw: &[u8], lines: &[Line], limits: &Limits) -> Result<(), ParseError> {
    let code = Name::Via.code();
    let lines = lines.iter().filter(|line| line.code == code);
    // The topmost one has been read before.
    for (above, via) in lines.flat_map(|line| Elements::new(line.value(raw))).enumerate().skip(1) {
        if above >= limits.vias {
            return Err(ParseError::TooManyVias);
        }
        Via::parse(std::str::from_utf8(via).map_err(|_| invalid(Name::Via))?)?;
    }
    Ok(())
}

fn invalid(name: Name<'static>) -> ParseError {
    ParseError::Invalid(name.as_str())
}

/// Where `part`, a slice of `raw`, begins in it.
pub(super) fn offset_in(raw: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - raw.as_ptr().addr()
}

/// Where `part`, a piece of `raw`, stands in it.
pub(super) fn span(raw: &[u8], part: &str) -> Range<u32> {
    let start = offset_in(raw, part.as_bytes());
    narrow(start)..narrow(start + part.len())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`message` refuses more than 2^32 bytes before any line is read"
)]
pub(super) fn narrow(offset: usize) -> u32 {
    offset as u32
}

#[expect(clippy::cast_possible_truncation, reason = "`headers` refuses more than 2^16 lines")]
fn narrow_position(line: usize) -> u16 {
    line as u16
}
