//! Messages out of a byte stream (RFC 3261 §18.3): TCP and TLS hand over bytes as they please, and Content-Length alone
//! says where a message ends. Pure: the shell pushes what it has read and takes out what is complete.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::message::{ContentLength, Limits, ParseError, header_line, line_end, logical_line};

/// Something complete in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One message with its body, for [`Message::parse`](crate::Message::parse). Whether it parses is another matter:
    /// where it ends is known, so the stream goes on behind it.
    Message(Bytes),
    /// CRLFCRLF between messages: a keepalive that wants one CRLF back (RFC 5626 §4.4.1).
    Ping,
    /// One CRLF between messages: the answer to our ping. The first half of a ping looks like this too, so a ping comes
    /// as `Pong`, then `Ping`; who sent no ping ignores the former.
    Pong,
}

/// Why a stream is lost: nobody can say where its next message begins. The connection is to be closed, and
/// [`Framer::rest`] holds the request that could still be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The header section cannot be split into lines.
    #[error("the header section cannot be framed: {0}")]
    Header(ParseError),
    /// The message has no Content-Length, which streams require (RFC 3261 §18.3, §20.14).
    #[error("a message on a stream without Content-Length")]
    NoContentLength,
    /// Something between messages that begins none: a CR without LF, or an LF alone.
    #[error("a bare CR or LF between messages")]
    LineEnd,
    /// Header section and Content-Length together exceed [`Limits::message_bytes`].
    #[error("the message is longer than the limit")]
    TooLong,
}

impl FrameError {
    /// A short name of the reason, fit for a metric label.
    pub fn label(self) -> &'static str {
        match self {
            FrameError::Header(error) => error.label(),
            FrameError::NoContentLength => "no_content_length",
            FrameError::LineEnd => "line_end",
            FrameError::TooLong => "message_too_long",
        }
    }

    /// The same as a fault of the message, for [`Skeleton::refuse`](crate::Skeleton::refuse).
    pub fn as_parse_error(self) -> ParseError {
        match self {
            FrameError::Header(error) => error,
            FrameError::NoContentLength => ParseError::Missing("Content-Length"),
            FrameError::LineEnd => ParseError::LineEnd,
            FrameError::TooLong => ParseError::MessageTooLong,
        }
    }
}

/// Cuts one direction of one connection into frames.
///
/// ```text
///             CRLF → Pong               header section complete
///            ┌───────────┐            ┌───────────────────────────┐
///            ▼           │            │                           ▼
///  CRLF ┌─ Between ──────┴─ byte ─▶ Header                      Body(length)
///  Ping └──▶ ▲                                                    │
///            └─────────────────── length bytes → Message ─────────┘
/// ```
///
/// Every byte is looked at once, however small the pieces are in which it comes. At most
/// [`Limits::message_bytes`] and one pushed piece are held: take all frames out after each push. An idle connection
/// holds no buffer.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a message; `half`: one CRLF of a ping has come.
    Between { half: bool },
    /// In the header section; no blank line ends before `scanned`.
    Header { scanned: usize },
    /// The message is `length` bytes long in all.
    Body { length: usize },
    /// Lost for good.
    Lost(FrameError),
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, buffer: BytesMut::new(), state: State::Between { half: false } }
    }

    /// Takes what has been read. A lost stream takes nothing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Lost(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame that is complete, `None` if more bytes are needed.
    ///
    /// Errors: any [`FrameError`], and from then on always the same one.
    pub fn poll(&mut self) -> Result<Option<Frame>, FrameError> {
        let frame = self.step();
        if let Err(error) = frame {
            self.state = State::Lost(error);
        }
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        frame
    }

    /// Whether a message has begun and is not complete: a peer that stays here for long is slow or hostile.
    pub fn is_mid_message(&self) -> bool {
        matches!(self.state, State::Header { .. } | State::Body { .. })
    }

    /// What has come and is not part of any frame yet; after an error, the request that could not be framed.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    fn step(&mut self) -> Result<Option<Frame>, FrameError> {
        if let State::Between { half } = self.state {
            match self.buffer[..] {
                [] | [b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {
                    let _ = self.buffer.split_to(2);
                    self.state = State::Between { half: !half };
                    return Ok(Some(if half { Frame::Ping } else { Frame::Pong }));
                }
                [b'\r' | b'\n', ..] => return Err(FrameError::LineEnd),
                _ => self.state = State::Header { scanned: 0 },
            }
        }
        if let State::Header { scanned } = self.state {
            let Some(end) = self.header_end(scanned)? else { return Ok(None) };
            self.state = State::Body { length: self.message_length(end)? };
        }
        match self.state {
            State::Body { length } if length <= self.buffer.len() => {
                self.state = State::Between { half: false };
                Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
            }
            State::Lost(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// Where the blank line behind the headers ends, looking only at what is new.
    fn header_end(&mut self, scanned: usize) -> Result<Option<usize>, FrameError> {
        const BLANK: &[u8] = b"\r\n\r\n";
        let bound = self.buffer.len().min(self.limits.message_bytes);
        let found = memchr::memmem::find(&self.buffer[scanned..bound], BLANK);
        if found.is_none() {
            if bound < self.buffer.len() || bound == self.limits.message_bytes {
                return Err(FrameError::TooLong);
            }
            // The blank line may have begun.
            self.state = State::Header { scanned: bound.saturating_sub(BLANK.len() - 1) };
        }
        Ok(found.map(|at| scanned + at + BLANK.len()))
    }

    /// The length of the message whose header section ends at `end`. The lines are split and read by the parser's own
    /// functions: were the two to differ, a message could hide in the body of another.
    fn message_length(&self, end: usize) -> Result<usize, FrameError> {
        let head = &self.buffer[..end];
        let mut at = line_end(head, 0, &self.limits).map_err(FrameError::Header)? + 2;
        let mut length = ContentLength::default();
        while let Some(range) = logical_line(head, at, &self.limits).map_err(FrameError::Header)? {
            at = range.end + 2;
            // A line that is no header makes the message bad, not the stream.
            if matches!(head[range.start], b'C' | b'c' | b'L' | b'l')
                && let Ok(line) = header_line(head, range)
            {
                length.read(head, &line).map_err(FrameError::Header)?;
            }
        }
        let body = length.0.ok_or(FrameError::NoContentLength)?;
        let length = end.checked_add(body).filter(|&length| length <= self.limits.message_bytes);
        length.ok_or(FrameError::TooLong)
    }
}

#[cfg(test)]
mod tests;
