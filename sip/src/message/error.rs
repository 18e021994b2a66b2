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
    /// More Via values than [`Limits::vias`](crate::Limits::vias).
    #[error("more Via values than the limit")]
    TooManyVias,
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
            ParseError::TooManyVias => "too_many_vias",
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

    /// The status that the sender of a *request* with this fault deserves; `None` where silence is the answer. A
    /// response with a fault is dropped (RFC 3261 §18.1.2). Whether the sender can be answered at all,
    /// [`Skeleton`](crate::Skeleton) knows.
    pub fn refusal(self) -> Option<u16> {
        match self {
            // Two readers would see two messages here: whom to answer, and what, is anybody's guess.
            ParseError::KeepAlive | ParseError::LineEnd => None,
            // RFC 3261 §21.5.7: the length of the message exceeded our capabilities.
            ParseError::MessageTooLong
            | ParseError::LineTooLong
            | ParseError::TooManyHeaders
            | ParseError::TooManyVias => Some(513),
            // RFC 3261 §21.5.6.
            ParseError::Version => Some(505),
            // RFC 3261 §21.4.1; §18.3 for the body that is cut short.
            ParseError::StartLine
            | ParseError::HeaderLine
            | ParseError::Unterminated
            | ParseError::Missing(_)
            | ParseError::Duplicate(_)
            | ParseError::Invalid(_)
            | ParseError::MethodMismatch
            | ParseError::Truncated => Some(400),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ParseError;

    #[test]
    fn every_reason_has_a_label_of_its_own() {
        let all = [
            ParseError::KeepAlive,
            ParseError::MessageTooLong,
            ParseError::LineTooLong,
            ParseError::TooManyHeaders,
            ParseError::TooManyVias,
            ParseError::LineEnd,
            ParseError::StartLine,
            ParseError::Version,
            ParseError::HeaderLine,
            ParseError::Unterminated,
            ParseError::Missing("To"),
            ParseError::Duplicate("To"),
            ParseError::Invalid("To"),
            ParseError::MethodMismatch,
            ParseError::Truncated,
        ];
        let labels: HashSet<_> = all.map(ParseError::label).into();
        assert_eq!(labels.len(), all.len());
    }

    #[test]
    fn what_is_too_much_is_told_apart_from_what_is_wrong() {
        assert_eq!(ParseError::TooManyVias.refusal(), Some(513));
        assert_eq!(ParseError::Missing("To").refusal(), Some(400));
        assert_eq!(ParseError::Version.refusal(), Some(505));
        assert_eq!(ParseError::KeepAlive.refusal(), None);
    }
}
