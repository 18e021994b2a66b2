//! Changing a message by splicing: each operation notes a patch, and [`Edit::finish`] copies the message once,
//! patches included. What no operation names is copied byte for byte.

use std::net::SocketAddr;
use std::ops::Range;

use bytes::Bytes;

use super::parse::{Line, Start, offset_in};
use super::{Message, Name};
use crate::header::Elements;

/// A changed copy in the making.
///
/// Every operation speaks about the message *as it was received*, whatever was edited before:
/// - [`pop_first`](Edit::pop_first) takes received values only, the second call the second one; never what
///   [`push_first`](Edit::push_first) added.
/// - [`stamp_via`](Edit::stamp_via) stamps the topmost *received* Via, so a proxy may push its own before or after.
/// - Pushed headers stand above all received ones of their name, the one pushed last on top.
/// - [`set`](Edit::set) changes the first received line; if that is gone or never was, a line is added at the end.
///   The last `set` of a name counts.
#[derive(Debug)]
pub struct Edit<'a> {
    message: &'a Message,
    patches: Vec<Patch>,
    /// The texts of all patches.
    text: Vec<u8>,
}

/// `range` of the message gives way to `text`.
#[derive(Clone, Debug)]
struct Patch {
    range: Range<usize>,
    text: Range<usize>,
    kind: Kind,
}

/// The order of patches that begin at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A line above what stands here.
    Push,
    /// A line behind the last header.
    Add,
    /// Another text for what stands here.
    Replace,
    /// Nothing for what stands here.
    Cut,
}

impl<'a> Edit<'a> {
    pub(super) fn new(message: &'a Message) -> Edit<'a> {
        // Room for what a proxy does to a request.
        Edit { message, patches: Vec::with_capacity(8), text: Vec::with_capacity(256) }
    }

    /// Replaces the Request-URI. Does nothing to a response.
    pub fn uri(&mut self, uri: &str) {
        if let Start::Request { uri: range, .. } = &self.message.start {
            let text = self.write(&[uri.as_bytes()]);
            self.replace(range.clone(), text);
        }
    }

    /// Adds a header line above the first of that name or, if there is none, below the Vias.
    pub fn push_first(&mut self, name: Name<'_>, value: &str) {
        let at = match self.message.find_all(name).next() {
            Some(line) => line.range().start,
            None => self.below_vias(),
        };
        let text = self.write_line(name, value);
        // In front of the other patches, for the sort in `finish` is stable and the last push goes on top.
        self.patches.insert(0, Patch { range: at..at, text, kind: Kind::Push });
    }

    /// Takes the first value of that name away: its whole line if it stood alone, else the value and its comma.
    /// Does nothing if no value is left.
    pub fn pop_first(&mut self, name: Name<'_>) {
        let message = self.message;
        for line in message.find_all(name) {
            if self.is_gone(line) {
                continue;
            }
            let value = line.value_range();
            let earlier =
                self.patches.iter().position(|p| p.kind == Kind::Cut && p.range.start == value.start);
            let rest = earlier.map_or(value.start, |patch| self.patches[patch].range.end)..value.end;
            let mut values = Elements::new(&message.raw[rest]);
            // A line of commas holds no value.
            if values.next().is_none() {
                continue;
            }
            let second = values.next().map(|next| offset_in(&message.raw, next));
            let range = second.map_or(line.range(), |second| value.start..second);
            let cut = Patch { range, text: 0..0, kind: Kind::Cut };
            match earlier {
                Some(patch) => self.patches[patch] = cut,
                None => self.patches.push(cut),
            }
            return;
        }
    }

    /// Gives the first line of that name another value, or adds the header.
    pub fn set(&mut self, name: Name<'_>, value: &str) {
        match self.message.find_all(name).next() {
            Some(line) if !self.is_gone(line) => {
                let text = self.write(&[value.as_bytes()]);
                self.replace(line.value_range(), text);
            }
            _ => {
                let at = self.message.headers_end;
                self.drop_added(name);
                let text = self.write_line(name, value);
                self.patches.push(Patch { range: at..at, text, kind: Kind::Add });
            }
        }
    }

    /// Removes all lines of that name, added ones included.
    pub fn remove(&mut self, name: Name<'_>) {
        self.drop_added(name);
        let message = self.message;
        for line in message.find_all(name) {
            self.patches.push(Patch { range: line.range(), text: 0..0, kind: Kind::Cut });
        }
    }

    /// Notes in the topmost received Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4): `received`
    /// if sent-by is not that address or `rport` is asked for, and the port in `rport`. A `received` that came with
    /// the request is replaced.
    pub fn stamp_via(&mut self, from: SocketAddr) {
        let (raw, top, via) = (&self.message.raw, self.message.top_via(), self.message.via());
        let params = via.params.as_str();
        let start = self.text.len();
        via.write_stamped_params(from, &mut self.text);
        let text = start..self.text.len();
        if self.text[text.clone()] != *params.as_bytes() {
            let end = offset_in(raw, top) + top.len();
            self.replace(end - params.len()..end, text);
        }
    }

    /// Replaces the body and sets Content-Length, and Content-Type if one is given.
    pub fn body(&mut self, content_type: Option<&str>, body: &[u8]) {
        let old = self.message.headers_end + 2..self.message.raw.len();
        let text = self.write(&[body]);
        self.replace(old, text);
        self.set_alone(Name::ContentLength, &body.len().to_string());
        if let Some(content_type) = content_type {
            self.set_alone(Name::ContentType, content_type);
        }
    }

    /// The changed message. Without any edit it is the received buffer itself.
    pub fn finish(mut self) -> Bytes {
        if self.patches.is_empty() {
            return self.message.raw.clone();
        }
        let raw = &self.message.raw[..];
        self.patches.sort_by_key(|patch| (patch.range.start, patch.kind));
        let mut out = Vec::with_capacity(raw.len() + self.text.len());
        let mut copied = 0;
        for patch in &self.patches {
            // What lies inside a part that is already gone is gone with it.
            if patch.range.start < copied {
                continue;
            }
            out.extend_from_slice(&raw[copied..patch.range.start]);
            out.extend_from_slice(&self.text[patch.text.clone()]);
            copied = patch.range.end;
        }
        out.extend_from_slice(&raw[copied..]);
        Bytes::from(out)
    }

    /// As [`set`](Edit::set), and no second line of that name stays to say otherwise.
    fn set_alone(&mut self, name: Name<'_>, value: &str) {
        self.set(name, value);
        let message = self.message;
        let further = message.find_all(name).skip(1);
        self.patches.extend(further.map(|line| Patch { range: line.range(), text: 0..0, kind: Kind::Cut }));
    }

    /// Where the line below the last Via begins.
    fn below_vias(&self) -> usize {
        let last = self.message.find_all(Name::Via).last();
        last.map_or_else(|| unreachable!("every message has a Via"), |line| line.range().end)
    }

    /// Whether an earlier edit has taken the whole line away.
    fn is_gone(&self, line: &Line) -> bool {
        self.patches.iter().any(|patch| patch.kind == Kind::Cut && patch.range == line.range())
    }

    fn replace(&mut self, range: Range<usize>, text: Range<usize>) {
        let kind = Kind::Replace;
        match self.patches.iter_mut().find(|patch| patch.kind == kind && patch.range == range) {
            Some(patch) => patch.text = text,
            None => self.patches.push(Patch { range, text, kind }),
        }
    }

    fn drop_added(&mut self, name: Name<'_>) {
        let (text, name) = (&self.text, name.as_str().as_bytes());
        self.patches.retain(|patch| {
            let line = &text[patch.text.clone()];
            patch.kind != Kind::Add
                || !line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                || line.get(name.len()) != Some(&b':')
        });
    }

    fn write_line(&mut self, name: Name<'_>, value: &str) -> Range<usize> {
        self.write(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"])
    }

    fn write(&mut self, parts: &[&[u8]]) -> Range<usize> {
        let start = self.text.len();
        for part in parts {
            self.text.extend_from_slice(part);
        }
        start..self.text.len()
    }
}

#[cfg(test)]
mod tests;
