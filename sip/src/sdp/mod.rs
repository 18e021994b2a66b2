//! Session descriptions (RFC 8866), changed in place: lines keep their order and their bytes unless they must change.
//!
//! [`Description::parse`] makes an index of the lines and checks what every reader relies on: `v=`, `o=`, `c=` and `m=`.
//! Attributes are read when asked for. [`Edit`] copies the description with patches.

mod address;
mod attribute;
mod crypto;
mod direction;
mod edit;
mod error;
mod limits;
mod media;
mod origin;
mod parse;
mod profile;
mod rtcp;
mod tunnel;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

pub use address::Host;
pub use attribute::Attribute;
pub use crypto::Crypto;
pub use direction::Direction;
pub use edit::{Edit, Scope};
pub use error::{Error, Reason};
pub use limits::Limits;
pub use media::Media;
pub use origin::Origin;
pub use profile::Profile;
pub use rtcp::Rtcp;
pub use tunnel::Tunnel;

use parse::Entry;

/// A session description that has been parsed. Cheap to clone: the buffer is shared, only the index is copied.
#[derive(Clone)]
pub struct Description {
    raw: Bytes,
    /// The lines, without empty ones at the end.
    lines: Vec<Entry>,
    /// Where the `m=` lines stand in `lines`.
    sections: Vec<usize>,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Which one, from 1.
    pub number: usize,
    /// What stands before the `=`.
    pub letter: char,
    /// What stands behind it, without the line's end. Any bytes but NUL, CR and LF.
    pub value: &'a [u8],
}

impl Description {
    /// Reads a description. CRLF and bare LF end a line, mixed if need be; the last line needs no end, and empty lines
    /// behind it do no harm. A missing `s=` or `t=`, and lines in another order than that of RFC 8866 §5, are borne: a
    /// relay has no need of them.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(raw: impl Into<Bytes>, limits: &Limits) -> Result<Description, Error> {
        parse::description(raw.into(), limits)
    }

    /// The description as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// All lines in their order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines_in(0..self.lines.len())
    }

    /// The `o=` line.
    pub fn origin(&self) -> Origin<'_> {
        Origin::parse(self.text(1)).unwrap_or_else(|| unreachable!("parse checked o="))
    }

    /// The host of the `c=` line that holds for all media without one of their own.
    pub fn connection(&self) -> Option<Host<'_>> {
        self.connection_in(self.session())
    }

    /// The attributes of the session as a whole.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.attributes_in(self.session())
    }

    /// How many `m=` lines there are.
    pub fn sections(&self) -> usize {
        self.sections.len()
    }

    /// The media, in the order of their `m=` lines.
    pub fn media(&self) -> impl Iterator<Item = Media<'_>> {
        (0..self.sections.len()).map(|index| Media::new(self, index))
    }

    /// One of them, from 0.
    pub fn section(&self, index: usize) -> Option<Media<'_>> {
        (index < self.sections.len()).then(|| Media::new(self, index))
    }

    /// Whether this can be an answer to `offer`: it has the same media in the same order, and uses none that the offer
    /// does not use (RFC 3264 §6).
    ///
    /// # Errors
    /// [`Reason::Unanswered`], with the line of this description from which on they differ.
    pub fn answers(&self, offer: &Description) -> Result<(), Error> {
        for (index, offered) in offer.media().enumerate() {
            let fits = self.section(index).is_some_and(|answered| {
                answered.kind() == offered.kind() && (answered.is_rejected() || !offered.is_rejected())
            });
            if !fits {
                let line = self.sections.get(index).map_or(self.lines.len(), |line| line + 1);
                return Err(Error { line, reason: Reason::Unanswered });
            }
        }
        match self.sections.get(offer.sections()) {
            Some(line) => Err(Error { line: line + 1, reason: Reason::Unanswered }),
            None => Ok(()),
        }
    }

    /// Begins a changed copy of this description.
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    /// The lines before the first `m=` line.
    fn session(&self) -> Range<usize> {
        0..self.sections.first().copied().unwrap_or(self.lines.len())
    }

    /// The lines of one section, its `m=` line first.
    fn section_lines(&self, index: usize) -> Range<usize> {
        let next = self.sections.get(index + 1).copied().unwrap_or(self.lines.len());
        self.sections[index]..next
    }

    fn lines_in(&self, range: Range<usize>) -> impl Iterator<Item = Line<'_>> {
        let first = range.start + 1;
        self.lines[range].iter().enumerate().map(move |(offset, entry)| Line {
            number: first + offset,
            letter: char::from(self.raw[entry.start as usize]),
            value: &self.raw[entry.value()],
        })
    }

    fn attributes_in(&self, range: Range<usize>) -> impl Iterator<Item = Attribute<'_>> {
        self.lines_in(range).filter_map(Attribute::of)
    }

    fn connection_in(&self, range: Range<usize>) -> Option<Host<'_>> {
        let line = self.lines_in(range).find(|line| line.letter == 'c')?;
        let text = std::str::from_utf8(line.value).ok();
        let host = text.and_then(Host::parse);
        Some(host.unwrap_or_else(|| unreachable!("parse checked every c=")))
    }

    /// The value of a line that parse has found to be UTF-8.
    fn text(&self, line: usize) -> &str {
        let value = &self.raw[self.lines[line].value()];
        std::str::from_utf8(value).unwrap_or_else(|_| unreachable!("parse checked that this is UTF-8"))
    }
}

impl fmt::Debug for Description {
    /// The sizes: descriptions hold names, addresses and keys, and a log must not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({} media, {} bytes)", self.sections.len(), self.raw.len())
    }
}

#[cfg(test)]
mod tests;
