//! Changing a description line by line: each operation notes what becomes of lines, and [`Edit::finish`] copies the
//! description once. What no operation names is copied byte for byte.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use bytes::Bytes;

use super::address::{Host, written};
use super::attribute::{is_dtls, is_ice};
use super::{Attribute, Crypto, Description, Line, Rtcp, Tunnel};

/// A changed copy in the making.
///
/// Every operation speaks about the description *as it was received*, whatever was edited before, except that what is
/// removed stays removed, and that removing an attribute takes away those that were added before too. Where something is
/// set twice, the last one counts. New lines get the line end of the line above; attributes stand at the end of their
/// section, those of the session above the first `m=` line.
#[derive(Debug)]
pub struct Edit<'a> {
    description: &'a Description,
    replaced: Vec<Replaced>,
    /// Positions of lines that are gone.
    cut: Vec<usize>,
    added: Vec<Added>,
}

/// A part of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The lines above the first `m=` line.
    Session,
    /// An `m=` line, counted from 0, and what stands below it.
    Media(usize),
}

/// A part of a line that gives way to `text`.
#[derive(Debug)]
struct Replaced {
    range: Range<usize>,
    text: String,
}

/// A new line, without its end.
#[derive(Debug)]
struct Added {
    /// The position of the line that it stands below.
    below: usize,
    scope: Scope,
    /// Of the attribute; empty for a `c=` line.
    name: String,
    text: String,
}

impl Added {
    fn attribute(&self) -> Option<Attribute<'_>> {
        let (letter, value) = self.text.split_once('=')?;
        let letter = letter.chars().next()?;
        Attribute::of(Line { number: self.below + 2, letter, value: value.as_bytes() })
    }
}

impl<'a> Edit<'a> {
    pub(super) fn new(description: &'a Description) -> Edit<'a> {
        Edit { description, replaced: Vec::new(), cut: Vec::new(), added: Vec::new() }
    }

    /// Gives every `c=` line this address. Those that name an address of nobody stay: that is the old way to put on hold
    /// (RFC 3264 §8.4), and whoever has no `c=` line goes without.
    pub fn connections(&mut self, ip: IpAddr) {
        for line in self.description.lines().filter(|line| line.letter == 'c') {
            let host = std::str::from_utf8(line.value).ok().and_then(Host::parse);
            if !host.is_some_and(|host| host.is_hold()) {
                self.replace_value(&line, written(ip));
            }
        }
    }

    /// Gives the `c=` lines of one part this address, or adds one.
    pub fn connection(&mut self, scope: Scope, ip: IpAddr) {
        let mut found = false;
        for line in self.lines(scope).filter(|line| line.letter == 'c') {
            self.replace_value(&line, written(ip));
            found = true;
        }
        // RFC 8866 §5: it stands below what names the session or the media, above all else.
        let above = |line: &Line<'_>| "vosiuepm".contains(line.letter);
        let last = self.lines(scope).take_while(above).last();
        if let Some(last) = last.filter(|_| !found) {
            self.drop_added(scope, "");
            self.push(scope, last.number - 1, "", format!("c={}", written(ip)));
        }
    }

    /// Gives one media another port; 0 refuses it. A number of ports goes: what a relay offers is one port.
    pub fn port(&mut self, index: usize, port: u16) {
        if let Some(media) = self.description.section(index) {
            self.replace(media.written_ports(), port.to_string());
        }
    }

    /// Gives one media another protocol.
    pub fn protocol(&mut self, index: usize, protocol: &str) {
        if let Some(media) = self.description.section(index) {
            self.replace(media.protocol(), protocol.to_owned());
        }
    }

    /// Says where RTCP goes (RFC 3605), or takes the line away.
    pub fn rtcp(&mut self, index: usize, rtcp: Option<Rtcp<'_>>) {
        self.set(Scope::Media(index), "rtcp", rtcp.map(|rtcp| rtcp.to_string()).as_deref());
    }

    /// Says that RTCP may come to the port of RTP (RFC 5761), or does not say so.
    pub fn rtcp_mux(&mut self, index: usize, muxed: bool) {
        self.set(Scope::Media(index), "rtcp-mux", muxed.then_some(""));
    }

    /// Names the stream that takes this media between regions, or none.
    pub fn tunnel(&mut self, index: usize, tunnel: Option<Tunnel>) {
        self.set(Scope::Media(index), Tunnel::NAME, tunnel.map(|tunnel| tunnel.to_string()).as_deref());
    }

    /// Takes the names of all streams away, wherever they stand: nobody outside the mesh is to see or name one.
    pub fn remove_tunnels(&mut self) {
        self.remove_everywhere(|name| name == Tunnel::NAME);
    }

    /// Adds a line of keys to one media, below those that were added before.
    pub fn add_crypto(&mut self, index: usize, crypto: &Crypto<'_>) {
        self.add(Scope::Media(index), "crypto", &crypto.to_string());
    }

    /// Takes all keys of one media away.
    pub fn remove_crypto(&mut self, index: usize) {
        self.remove(Scope::Media(index), |attribute| attribute.name == "crypto");
    }

    /// Takes all lines away that speak of ICE (RFC 8839), so that nobody finds a way around the relay.
    pub fn remove_ice(&mut self) {
        self.remove_everywhere(is_ice);
    }

    /// Takes all lines away that speak of DTLS, but those of media over TCP, whose `a=setup` is another one (RFC 4145).
    pub fn remove_dtls(&mut self) {
        self.remove(Scope::Session, |attribute| is_dtls(attribute.name));
        let media = self.description.media().filter(|media| !media.protocol().starts_with("TCP"));
        for index in media.map(|media| media.index()) {
            self.remove(Scope::Media(index), |attribute| is_dtls(attribute.name));
        }
    }

    /// Puts this address into the `o=` line.
    pub fn origin(&mut self, ip: IpAddr) {
        self.replace(self.description.origin().address, written(ip));
    }

    /// Puts this user into the `o=` line.
    pub fn username(&mut self, username: &str) {
        self.replace(self.description.origin().username, username.to_owned());
    }

    /// Puts this version into the `o=` line.
    pub fn version(&mut self, version: u64) {
        self.replace(self.description.origin().version, version.to_string());
    }

    /// Gives the session another name, if it has one.
    pub fn session_name(&mut self, name: &str) {
        let line = self.lines(Scope::Session).find(|line| line.letter == 's');
        if let Some(line) = line {
            self.replace_value(&line, name.to_owned());
        }
    }

    /// Adds an attribute at the end of one part; with an empty value, its name alone.
    pub fn add(&mut self, scope: Scope, name: &str, value: &str) {
        let last = self.lines(scope).last();
        if let Some(last) = last {
            let text = Written { name, value }.to_string();
            self.push(scope, last.number - 1, name, text);
        }
    }

    /// Gives the first attribute of that name this value, and takes the others away, or adds it; `None` takes all away.
    pub fn set(&mut self, scope: Scope, name: &str, value: Option<&str>) {
        self.drop_added(scope, name);
        let mut value = value;
        for line in self.lines(scope) {
            if Attribute::of(line).is_none_or(|attribute| attribute.name != name) {
                continue;
            }
            let position = line.number - 1;
            match value {
                Some(text) if !self.cut.contains(&position) => {
                    let text = Written { name, value: text }.to_string();
                    self.replace_value(&line, text["a=".len()..].to_owned());
                    value = None;
                }
                _ => self.cut.push(position),
            }
        }
        if let Some(value) = value {
            self.add(scope, name, value);
        }
    }

    /// Takes attributes of one part away.
    pub fn remove(&mut self, scope: Scope, mut which: impl FnMut(&Attribute<'_>) -> bool) {
        self.added
            .retain(|added| added.scope != scope || !added.attribute().is_some_and(|found| which(&found)));
        let lines = self.lines(scope).filter(|line| Attribute::of(*line).is_some_and(|found| which(&found)));
        self.cut.extend(lines.map(|line| line.number - 1));
    }

    /// The changed description. Without any edit it is the received buffer itself.
    pub fn finish(mut self) -> Bytes {
        if self.replaced.is_empty() && self.cut.is_empty() && self.added.is_empty() {
            return self.description.raw.clone();
        }
        self.replaced.sort_by_key(|replaced| replaced.range.start);
        let raw = &self.description.raw;
        let mut out = Vec::with_capacity(raw.len() + 256);
        let mut end = 0;
        for (position, entry) in self.description.lines.iter().enumerate() {
            let ending = match &raw[entry.ending()] {
                [] => &raw[self.description.lines[0].ending()],
                ending => ending,
            };
            if !self.cut.contains(&position) {
                self.write_line(entry.start as usize..entry.end as usize, &mut out);
                out.extend_from_slice(ending);
            }
            for added in self.added.iter().filter(|added| added.below == position) {
                out.extend_from_slice(added.text.as_bytes());
                out.extend_from_slice(ending);
            }
            end = entry.range().end;
        }
        // Where the last line had no end, the last line has none, though it may be another one.
        if self.description.lines.last().is_some_and(|last| last.ending().is_empty()) {
            out.pop_if(|byte| *byte == b'\n');
            out.pop_if(|byte| *byte == b'\r');
        }
        out.extend_from_slice(&raw[end..]);
        Bytes::from(out)
    }

    /// The line at `range`, without its end, its replaced parts replaced.
    fn write_line(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let raw = &self.description.raw;
        let mut copied = range.start;
        let within = |part: &Range<usize>| range.start <= part.start && part.end <= range.end;
        for replaced in self.replaced.iter().filter(|replaced| within(&replaced.range)) {
            out.extend_from_slice(&raw[copied..replaced.range.start]);
            out.extend_from_slice(replaced.text.as_bytes());
            copied = replaced.range.end;
        }
        out.extend_from_slice(&raw[copied..range.end]);
    }

    /// The lines of one part; none if there is no such media.
    fn lines(&self, scope: Scope) -> impl Iterator<Item = Line<'a>> + use<'a> {
        let description = self.description;
        description.lines_in(match scope {
            Scope::Session => description.session(),
            Scope::Media(index) if index < description.sections() => description.section_lines(index),
            Scope::Media(_) => 0..0,
        })
    }

    fn remove_everywhere(&mut self, which: impl Fn(&str) -> bool) {
        self.remove(Scope::Session, |attribute| which(attribute.name));
        for index in 0..self.description.sections() {
            self.remove(Scope::Media(index), |attribute| which(attribute.name));
        }
    }

    fn replace_value(&mut self, line: &Line<'_>, text: String) {
        let range = self.description.lines[line.number - 1].value();
        self.replace_range(range, text);
    }

    /// Replaces `part`, which is a piece of the description.
    fn replace(&mut self, part: &str, text: String) {
        let start = part.as_ptr().addr() - self.description.raw.as_ptr().addr();
        self.replace_range(start..start + part.len(), text);
    }

    fn replace_range(&mut self, range: Range<usize>, text: String) {
        assert_one_line(&text);
        match self.replaced.iter_mut().find(|replaced| replaced.range == range) {
            Some(replaced) => replaced.text = text,
            None => self.replaced.push(Replaced { range, text }),
        }
    }

    fn push(&mut self, scope: Scope, below: usize, name: &str, text: String) {
        assert_one_line(&text);
        self.added.push(Added { below, scope, name: name.to_owned(), text });
    }

    fn drop_added(&mut self, scope: Scope, name: &str) {
        self.added.retain(|added| added.scope != scope || added.name != name);
    }
}

/// An attribute as it is written.
struct Written<'a> {
    name: &'a str,
    value: &'a str,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a={}", self.name)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, ":{}", self.value) }
    }
}

fn assert_one_line(text: &str) {
    let fits = !text.contains(['\r', '\n', '\0']);
    assert!(fits, "a new text of a line must not break out of it");
}

#[cfg(test)]
mod tests;
