//! Why bytes from the wire are not a message, or a header value is not what its name says.

use thiserror::Error;

/// What is wrong with a message or a header value. Nothing here is ever a panic; a caller counts it by
/// [`label`](ParseError::label) and drops or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Nothing but line ends: a keepalive (RFC 5626 §3.5.1), not to be counted as malformed.
    #[error("a keepalive, not a message")]
    KeepAlive,
    /// Longer than [`Limits::message_bytes`](crate::Limits::message_bytes).
    #[error("the message is longer than the limit")]
    MessageTooLong,
    /// A line longer than [`Limits::line_bytes`](crate::Limits::line_bytes).
    #[error("a line is longer than the limit")]
    LineTooLong,
    /// More header lines than [`Limits::headers`](crate::Limits::headers).
    #[error("more header lines than the limit")]
    TooManyHeaders,
    /// A CR or LF that is not part of a CRLF. Two readers would split such a message differently.
    #[error("a bare CR or LF in the header")]
    LineEnd,
    /// Neither a request line nor a status line (RFC 3261 §7.1, §7.2).
    #[error("the start line is neither a request line nor a status line")]
    StartLine,
    /// A SIP version other than 2.0; a request deserves a 505.
    #[error("the SIP version is not 2.0")]
    Version,
    /// A header line without a name, a colon, or with a name that is not a token.
    #[error("a header line has no proper name")]
    HeaderLine,
    /// The blank line after the headers never came.
    #[error("the headers do not end")]
    Unterminated,
    /// A header that every message must have (RFC 3261 §8.1.1) is missing.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header that must stand once stands twice with different meaning.
    #[error("header {0} stands more than once")]
    Duplicate(&'static str),
    /// The value does not follow the grammar of the named header or header part.
    #[error("{0} does not parse")]
    Invalid(&'static str),
    /// The method of the CSeq is not the one of the request line (RFC 3261 §8.1.1.5).
    #[error("the CSeq names another method than the request line")]
    MethodMismatch,
    /// Content-Length promises more bytes than the datagram holds (RFC 3261 §18.3).
    #[error("the body is shorter than Content-Length says")]
    Truncated,
}

impl ParseError {
    /// A short name of the reason, fit for a metric label.
    pub fn label(self) -> &'static str {
        match self {
            ParseError::KeepAlive => "keepalive",
            ParseError::MessageTooLong => "message_too_long",
            ParseError::LineTooLong => "line_too_long",
            ParseError::TooManyHeaders => "too_many_headers",
            ParseError::LineEnd => "line_end",
            ParseError::StartLine => "start_line",
            ParseError::Version => "version",
            ParseError::HeaderLine => "header_line",
            ParseError::Unterminated => "unterminated",
            ParseError::Missing(_) => "header_missing",
            ParseError::Duplicate(_) => "header_duplicate",
            ParseError::Invalid(_) => "header_invalid",
            ParseError::MethodMismatch => "method_mismatch",
            ParseError::Truncated => "truncated",
        }
    }
}
