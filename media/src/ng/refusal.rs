//! Why a datagram is no request, and why a request is refused.

use std::fmt;

/// What is wrong with the bytes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// No cookie of visible letters with a space behind it.
    Cookie,
    /// What stands behind the cookie begins neither as bencode nor as JSON does.
    Encoding,
    /// The value ends too early.
    Truncated,
    /// Something stands behind the value.
    Trailing,
    /// A number or a length that is none, or has a zero in front.
    Number,
    /// A key that is no text.
    Key,
    /// Nested too deep.
    Depth,
    /// Too many values.
    Items,
    /// Not JSON, or numbers that are not whole.
    Json,
}

impl Malformed {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Encoding => "encoding",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::Number => "number",
            Self::Key => "key",
            Self::Depth => "depth",
            Self::Items => "items",
            Self::Json => "json",
        }
    }
}

/// Why a request gets `result: error`. [`fmt::Display`] is its `error-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The dictionary cannot be read.
    Malformed(Malformed),
    /// There is no `command`.
    NoCommand,
    /// The command is none of rtpengine's.
    Unrecognized,
    /// A key that the command needs is not there.
    Missing(&'static str),
    /// The value of a key is not what it must be.
    Invalid(&'static str),
    /// Something that rtpengine does and the relay does not.
    Unsupported(&'static str),
}

impl Refusal {
    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoCommand => "no_command",
            Self::Unrecognized => "unrecognized",
            Self::Missing(_) => "missing",
            Self::Invalid(_) => "invalid",
            Self::Unsupported(_) => "unsupported",
        }
    }
}

impl fmt::Display for Refusal {
    /// In rtpengine's words, where it has them: some scripts look for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "Could not decode dictionary ({})", malformed.label()),
            Self::NoCommand => f.write_str("Dictionary contains no key \"command\""),
            Self::Unrecognized => f.write_str("Unrecognized command"),
            Self::Missing("sdp") => f.write_str("No SDP body in message"),
            Self::Missing(key) => write!(f, "No {key} in message"),
            Self::Invalid(key) => write!(f, "Invalid value of {key}"),
            Self::Unsupported(what) => write!(f, "Not supported: {what}"),
        }
    }
}
