//! Where the parts of the topmost Via stand. A proxy asks for it several times a message, so it is taken apart once.

use std::ops::Range;

use super::ParseError;
use super::parse::{narrow, offset_in, span};
use crate::header::{Params, Via};

/// The element in the message, and its parts within the element.
#[derive(Clone, Debug)]
pub(super) struct TopVia {
    start: u32,
    end: u32,
    transport: Range<u32>,
    host: Range<u32>,
    port: Option<u16>,
    branch: Range<u32>,
    /// To the end of the element.
    params: u32,
}

impl TopVia {
    /// Reads `element`, which lies in `raw`.
    pub(super) fn read(raw: &[u8], element: &[u8]) -> Result<TopVia, ParseError> {
        let text = std::str::from_utf8(element).map_err(|_| ParseError::Invalid("Via"))?;
        let via = Via::parse(text)?;
        let start = offset_in(raw, element);
        let within = |part: &str| span(element, part);
        Ok(TopVia {
            start: narrow(start),
            end: narrow(start + element.len()),
            transport: within(via.transport),
            host: within(via.host),
            port: via.port,
            branch: via.param("branch").flatten().map_or(0..0, within),
            params: narrow(element.len() - via.params.as_str().len()),
        })
    }

    /// The element in `raw`, the message that it was read from.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Where the branch stands in the message; an empty range if there is none.
    pub(super) fn branch(&self) -> Range<usize> {
        (self.start + self.branch.start) as usize..(self.start + self.branch.end) as usize
    }

    /// The Via whose element is `text`.
    pub(super) fn of<'a>(&self, text: &'a str) -> Via<'a> {
        let part = |range: &Range<u32>| &text[range.start as usize..range.end as usize];
        Via {
            transport: part(&self.transport),
            host: part(&self.host),
            port: self.port,
            params: Params::new(&text[self.params as usize..]),
        }
    }
}
