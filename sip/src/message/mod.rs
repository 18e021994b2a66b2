//! A SIP message (RFC 3261 §7): one buffer as it came from the wire, and an index of where its parts stand. Parsing
//! finds the lines and checks what every element relies on; each header value is read only when asked for, and
//! printing copies the buffer with patches ([`Edit`]).

mod derived;
mod edit;
mod error;
mod limits;
mod method;
mod name;
mod parse;
mod reply;
mod skeleton;
mod top_via;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::header::{CSeq, Elements, NameAddr, Via, number};
use name::OTHER;
use parse::{Line, Start};
use top_via::TopVia;

pub use derived::{ack_for, cancel_for};
pub use edit::Edit;
pub use error::ParseError;
pub use limits::Limits;
pub use method::Method;
pub use name::Name;
pub use reply::Reply;
pub use skeleton::Skeleton;

pub(crate) use parse::{ContentLength, header_line, line_end, logical_line};

/// A message that has been parsed. Cheap to clone: the buffer is shared, only the index is copied.
#[derive(Clone)]
pub struct Message {
    raw: Bytes,
    start: Start,
    lines: Vec<Line>,
    /// Where the headers stand that every message has, as positions in `lines`.
    essential: parse::Essential,
    top_via: TopVia,
    /// Where the blank line begins.
    headers_end: usize,
}

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, whatever form it was written in.
    pub name: Name<'a>,
    /// The name as written: long or compact, in its own case.
    pub raw_name: &'a [u8],
    /// The value without white space at its ends; may hold folds (CRLF and white space).
    pub value: &'a [u8],
}

impl Message {
    /// Reads one datagram. Leading line ends are skipped, and a body longer than Content-Length is cut
    /// (RFC 3261 §7.5, §18.3). Afterwards the accessors of the headers that every message must have (Via, From, To,
    /// Call-ID, CSeq) cannot fail.
    ///
    /// Errors: any [`ParseError`]; [`ParseError::KeepAlive`] is not a fault of the sender.
    pub fn parse(raw: Bytes, limits: &Limits) -> Result<Message, ParseError> {
        parse::message(raw, limits)
    }

    /// The message as received, without what was skipped before and cut behind it.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether this is a request; otherwise it is a response.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of the request, or of the request that this response answers.
    pub fn method(&self) -> Method<'_> {
        self.essential.method.unwrap_or_else(|| {
            let cseq = self.essential_text(self.essential.cseq);
            Method::from(cseq.rsplit([' ', '\t', '\r', '\n']).next().unwrap_or_default())
        })
    }

    /// The Request-URI as written; empty for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.text(&self.raw[uri.clone()]),
            Start::Response { .. } => "",
        }
    }

    /// The status code, 100 to 699; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase; empty for a request, or if it is not UTF-8.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => {
                std::str::from_utf8(&self.raw[reason.clone()]).unwrap_or_default()
            }
        }
    }

    /// All header lines in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.lines.iter().map(|line| {
            let raw_name = line.name(&self.raw);
            Header {
                name: Name::from_code(line.code, self.text(raw_name)),
                raw_name,
                value: line.value(&self.raw),
            }
        })
    }

    /// The values of that name, one for each header line, lists not split.
    pub fn lines(&self, name: Name<'_>) -> impl Iterator<Item = &[u8]> {
        self.find_all(name).map(|line| line.value(&self.raw))
    }

    /// The comma-separated values of that name over all its lines (RFC 3261 §7.3.1). Values that are not UTF-8 are
    /// skipped.
    pub fn values(&self, name: Name<'_>) -> impl Iterator<Item = &str> {
        self.lines(name).flat_map(Elements::new).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The whole value of the first line of that name, if it is UTF-8.
    pub fn first(&self, name: Name<'_>) -> Option<&str> {
        self.lines(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        self.essential_text(self.essential.call_id)
    }

    /// The CSeq.
    pub fn cseq(&self) -> CSeq<'_> {
        CSeq { number: self.essential.number, method: self.method() }
    }

    /// The topmost Via.
    pub fn via(&self) -> Via<'_> {
        self.top_via.of(self.text(self.top_via()))
    }

    /// The branch of the topmost Via; empty when the sender gave none (RFC 2543).
    pub fn branch(&self) -> &str {
        self.text(&self.raw[self.top_via.branch()])
    }

    /// All Vias from the top.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, ParseError>> {
        self.values(Name::Via).map(Via::parse)
    }

    /// The From.
    pub fn from(&self) -> NameAddr<'_> {
        NameAddr::parse(self.essential_text(self.essential.from))
            .unwrap_or_else(|_| unreachable!("parse checked From"))
    }

    /// The To.
    pub fn to(&self) -> NameAddr<'_> {
        NameAddr::parse(self.essential_text(self.essential.to))
            .unwrap_or_else(|_| unreachable!("parse checked To"))
    }

    /// The tag of the From, without reading the rest of it.
    pub fn from_tag(&self) -> Option<&str> {
        self.essential.from_tag.as_ref().map(|tag| self.span(tag))
    }

    /// The tag of the To, without reading the rest of it.
    pub fn to_tag(&self) -> Option<&str> {
        self.essential.to_tag.as_ref().map(|tag| self.span(tag))
    }

    /// The Route values, the next hop first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> {
        self.values(Name::Route).map(NameAddr::parse)
    }

    /// The Record-Route values, the latest first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> {
        self.values(Name::RecordRoute).map(NameAddr::parse)
    }

    /// The Contact values. `*` (RFC 3261 §10.2.2) comes as an error: it is no address.
    pub fn contacts(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> {
        self.values(Name::Contact).map(NameAddr::parse)
    }

    /// How many more hops the request may take; `None` if it does not say. Errors: not a number up to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, ParseError> {
        self.numeric(Name::MaxForwards)
    }

    /// The Expires header in seconds; `None` if there is none. Errors: not a number up to 2³²−1.
    pub fn expires(&self) -> Result<Option<u32>, ParseError> {
        self.numeric(Name::Expires)
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &[u8] {
        &self.raw[self.headers_end + 2..]
    }

    /// Begins a changed copy of this message.
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    /// The index lines of that name.
    fn find_all(&self, name: Name<'_>) -> impl Iterator<Item = &Line> {
        let code = name.code();
        self.lines.iter().filter(move |line| {
            line.code == code
                && (code != OTHER || line.name(&self.raw).eq_ignore_ascii_case(name.as_str().as_bytes()))
        })
    }

    /// The first Via element as written.
    fn top_via(&self) -> &[u8] {
        &self.raw[self.top_via.range()]
    }

    fn span(&self, part: &Range<u32>) -> &str {
        self.text(&self.raw[part.start as usize..part.end as usize])
    }

    fn essential_text(&self, position: u16) -> &str {
        self.text(self.lines[usize::from(position)].value(&self.raw))
    }

    fn numeric<N: TryFrom<u64>>(&self, name: Name<'static>) -> Result<Option<N>, ParseError> {
        let Some(value) = self.lines(name).next() else { return Ok(None) };
        let value = std::str::from_utf8(value).ok().and_then(number);
        value.map(Some).ok_or(ParseError::Invalid(name.as_str()))
    }

    /// `bytes` of this message that parse has found to be UTF-8.
    fn text<'a>(&'a self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(bytes).unwrap_or_else(|_| unreachable!("parse checked that this is UTF-8"))
    }
}

impl fmt::Debug for Message {
    /// The start line and the size: headers name people, and a log must not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status() {
            None => write!(f, "Message({}, {} bytes)", self.method(), self.raw.len()),
            Some(status) => write!(f, "Message({status} to {}, {} bytes)", self.method(), self.raw.len()),
        }
    }
}

#[cfg(test)]
mod tests;
