//! The session description in a body: where it stands, alone or as a part of several (RFC 5621), and putting another one in
//! its place. The description itself is opaque but for one line.

use memchr::memmem;
use ringway_sip::{Message, Name};
use std::ops::Range;

/// What relays say to each other in a description, and nobody else (decision 017).
const TUNNEL: &[u8] = b"a=ringway-tunnel";
/// Bodies with more parts are none of ours.
const PARTS_MAX: usize = 16;

/// What stands in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No description.
    Nothing,
    /// One, here in the body.
    Sdp(Range<usize>),
    /// Perhaps one, but not in a way that could be put anew.
    Strange,
}

/// Looks for a description.
#[must_use]
pub fn find(message: &Message) -> Found {
    let body = message.body();
    let Some(of) = message.first(Name::ContentType).filter(|_| !body.is_empty()) else {
        return Found::Nothing;
    };
    let (kind, params) = of.split_once(';').unwrap_or((of, ""));
    let kind = kind.trim();
    let is_sdp = kind.eq_ignore_ascii_case("application/sdp");
    let is_many = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    if !is_sdp && !is_many {
        return Found::Nothing;
    }
    // RFC 3261 §20.12: what is encoded is not what it says it is.
    let encoded = message.first(Name::ContentEncoding).is_some_and(|how| !is_identity(how));
    match (is_sdp, encoded) {
        (_, true) => Found::Strange,
        (true, false) => Found::Sdp(0..body.len()),
        (false, false) if kind[10..].eq_ignore_ascii_case("mixed") => {
            boundary(params).map_or(Found::Strange, |boundary| in_parts(body, boundary))
        }
        // Alternatives, related and signed parts mean something together.
        (false, false) if memmem::find(body, b"application/sdp").is_some() => Found::Strange,
        (false, false) => Found::Nothing,
    }
}

/// The body with another description in that place.
#[must_use]
pub fn with(body: &[u8], place: &Range<usize>, sdp: &[u8]) -> Vec<u8> {
    [&body[..place.start], sdp, &body[place.end..]].concat()
}

/// Whether a relay has written in it, or somebody who would be taken for one.
#[must_use]
pub fn tells_of_tunnel(body: &[u8]) -> bool {
    lines(body).any(|line| is_tunnel(&body[line]))
}

/// The body without such lines; `None`: it has none.
#[must_use]
pub fn stripped(body: &[u8]) -> Option<Vec<u8>> {
    tells_of_tunnel(body).then(|| {
        lines(body).map(|line| &body[line]).filter(|line| !is_tunnel(line)).collect::<Vec<_>>().concat()
    })
}

/// Lines with their ends, which are CRLF, LF or (to somebody) CR. None at all where no line could be meant.
fn lines(body: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = if holds_tunnel(body) { 0 } else { body.len() };
    std::iter::from_fn(move || {
        let rest = body.get(start..).filter(|rest| !rest.is_empty())?;
        let end = match memchr::memchr2(b'\r', b'\n', rest) {
            Some(at) if rest[at..].starts_with(b"\r\n") => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let line = start..start + end;
        start = line.end;
        Some(line)
    })
}

/// Hardly any body from the edge has it.
fn holds_tunnel(body: &[u8]) -> bool {
    memchr::memchr_iter(b'-', body).any(|dash| {
        let word = dash.checked_sub(7).and_then(|start| body.get(start..start + 14));
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"ringway-tunnel"))
    })
}

fn is_tunnel(line: &[u8]) -> bool {
    let tight: Vec<u8> =
        line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(TUNNEL.len()).collect();
    tight.eq_ignore_ascii_case(TUNNEL)
}

fn is_identity(encoding: &str) -> bool {
    encoding.trim().eq_ignore_ascii_case("identity")
}

fn boundary(params: &str) -> Option<&str> {
    let mut named = params.split(';').filter_map(|param| param.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
    // RFC 2046 §5.1.1: 1 to 70 characters.
    (1..=70).contains(&value.len()).then_some(value)
}

/// RFC 2046 §5.1.1: parts between lines of two dashes and the boundary; the line end before such a line belongs to it.
fn in_parts(body: &[u8], boundary: &str) -> Found {
    let delimiter = ["--", boundary].concat();
    // Another boundary may begin with this one.
    let is_mark = |at: &usize| {
        let begins = *at == 0 || body[..*at].ends_with(b"\n");
        let rest = &body[*at + delimiter.len()..];
        begins && (rest.starts_with(b"--") || rest.first().is_none_or(u8::is_ascii_whitespace))
    };
    let marks: Vec<usize> =
        memmem::find_iter(body, delimiter.as_bytes()).filter(is_mark).take(PARTS_MAX + 1).collect();
    if marks.len() > PARTS_MAX {
        return Found::Strange;
    }
    let mut found = Found::Nothing;
    for mark in marks.windows(2) {
        let Some(start) = memchr::memchr(b'\n', &body[mark[0]..mark[1]]).map(|at| mark[0] + at + 1) else {
            return Found::Strange;
        };
        let end = mark[1] - if body[..mark[1]].ends_with(b"\r\n") { 2 } else { 1 };
        match (part(body, start..end.max(start)), &found) {
            (Found::Nothing, _) => {}
            // RFC 5621 §3.1: two descriptions are for somebody who knows more than we do.
            (Found::Strange, _) | (Found::Sdp(_), Found::Sdp(_) | Found::Strange) => return Found::Strange,
            (Found::Sdp(place), Found::Nothing) => found = Found::Sdp(place),
        }
    }
    found
}

/// One part: its headers, a blank line, its content.
fn part(body: &[u8], place: Range<usize>) -> Found {
    let text = &body[place.clone()];
    let ends = [(&b"\r\n\r\n"[..], 4), (b"\n\n", 2)];
    let blank = ends.iter().filter_map(|(end, size)| Some((memmem::find(text, end)?, *size))).min();
    let Some((blank, size)) = blank else { return Found::Nothing };
    let Ok(head) = std::str::from_utf8(&text[..blank]) else { return Found::Strange };
    let mut is_sdp = false;
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("Content-Type") {
            let kind = value.split(';').next().unwrap_or_default().trim();
            is_sdp = kind.eq_ignore_ascii_case("application/sdp");
        }
    }
    if !is_sdp {
        return Found::Nothing;
    }
    let as_is = head.lines().all(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            // Another content would make it wrong.
            "content-length" => false,
            "content-encoding" => is_identity(value),
            "content-transfer-encoding" => {
                ["binary", "8bit", "7bit"].iter().any(|how| value.trim().eq_ignore_ascii_case(how))
            }
            _ => true,
        }
    });
    if as_is { Found::Sdp(place.start + blank + size..place.end) } else { Found::Strange }
}

#[cfg(test)]
mod tests;
