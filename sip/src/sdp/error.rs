//! Why bytes are not a session description, and in which line.

use std::fmt;

/// What is wrong, and where. It names no content of the description: addresses and names stay out of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What can be wrong with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No line at all.
    Empty,
    /// More bytes than [`Limits::bytes`](super::Limits::bytes).
    TooLong,
    /// A line longer than [`Limits::line_bytes`](super::Limits::line_bytes).
    LineTooLong,
    /// More lines than [`Limits::lines`](super::Limits::lines).
    TooManyLines,
    /// More `m=` lines than [`Limits::sections`](super::Limits::sections).
    TooManySections,
    /// A CR without LF, or a NUL: two readers would split such a description differently.
    LineEnd,
    /// Not a letter, `=`, and a value (RFC 8866 §5); an empty line with something behind it.
    Line,
    /// The first line is not `v=0`.
    Version,
    /// The second line is no `o=` line with its six parts (RFC 8866 §5.2).
    Origin,
    /// A `c=` line that names no Internet address (RFC 8866 §5.7).
    Connection,
    /// An `m=` line without media, port and protocol (RFC 8866 §5.14).
    Media,
    /// An `m=` line that is in use, and no `c=` line for it (RFC 8866 §5.7).
    Unconnected,
    /// The value of the named attribute does not follow its grammar.
    Attribute(&'static str),
    /// An answer has other sections than its offer (RFC 3264 §6).
    Unanswered,
}

impl Reason {
    /// A short name of the reason, fit for a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Reason::Empty => "empty",
            Reason::TooLong => "too_long",
            Reason::LineTooLong => "line_too_long",
            Reason::TooManyLines => "too_many_lines",
            Reason::TooManySections => "too_many_sections",
            Reason::LineEnd => "line_end",
            Reason::Line => "line",
            Reason::Version => "version",
            Reason::Origin => "origin",
            Reason::Connection => "connection",
            Reason::Media => "media",
            Reason::Unconnected => "unconnected",
            Reason::Attribute(_) => "attribute",
            Reason::Unanswered => "unanswered",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the session description: {}", self.line, self.reason)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Empty => "there is none",
            Reason::TooLong => "the description is longer than the limit",
            Reason::LineTooLong => "the line is longer than the limit",
            Reason::TooManyLines => "more lines than the limit",
            Reason::TooManySections => "more media than the limit",
            Reason::LineEnd => "a CR without LF, or a NUL",
            Reason::Line => "not a letter, an equals sign and a value",
            Reason::Version => "not v=0",
            Reason::Origin => "not an o= line with six parts",
            Reason::Connection => "the c= line names no Internet address",
            Reason::Media => "the m= line has no media, port and protocol",
            Reason::Unconnected => "media in use without a c= line",
            Reason::Attribute(name) => return write!(f, "attribute {name} does not parse"),
            Reason::Unanswered => "the answer has other media than its offer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Reason};
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_a_label_and_words_of_its_own() {
        let all = [
            Reason::Empty,
            Reason::TooLong,
            Reason::LineTooLong,
            Reason::TooManyLines,
            Reason::TooManySections,
            Reason::LineEnd,
            Reason::Line,
            Reason::Version,
            Reason::Origin,
            Reason::Connection,
            Reason::Media,
            Reason::Unconnected,
            Reason::Attribute("rtcp"),
            Reason::Unanswered,
        ];
        let labels: HashSet<_> = all.map(Reason::label).into();
        let words: HashSet<_> = all.map(|reason| reason.to_string()).into();
        assert_eq!((labels.len(), words.len()), (all.len(), all.len()));
        let error = Error { line: 7, reason: Reason::Attribute("rtcp") };
        assert_eq!(error.to_string(), "line 7 of the session description: attribute rtcp does not parse");
    }
}
