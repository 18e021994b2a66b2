//! What is wrong with a document, and where.

use std::ops::Range;

/// What is wrong with a policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}, {key}: {reason}")]
pub struct PolicyError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The key that the trouble is with; empty when the text is no TOML there.
    pub key: String,
    /// Why it is wrong.
    pub reason: String,
}

/// Something wrong with a key, before its line is looked up.
pub(super) struct Fault {
    at: usize,
    key: &'static str,
    reason: String,
}

pub(super) fn fault(span: &Range<usize>, key: &'static str, reason: impl Into<String>) -> Fault {
    Fault { at: span.start, key, reason: reason.into() }
}

impl Fault {
    /// The same with line and column.
    pub(super) fn placed(self, document: &str) -> PolicyError {
        let (line, column) = place(document, self.at);
        PolicyError { line, column, key: self.key.to_owned(), reason: self.reason }
    }
}

impl PolicyError {
    /// What the TOML reader found, in our shape.
    pub(super) fn syntax(document: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = place(document, at);
        let reason = error.message().trim().replace('\n', "; ");
        let named = reason.split_once("field `").and_then(|(_, rest)| rest.split_once('`'));
        let key = match named {
            Some((key, _)) => key.to_owned(),
            None => key_before(document, at).unwrap_or_default(),
        };
        Self { line, column, key, reason }
    }
}

/// The key whose value stands at this place: what is left of the nearest `=` before it.
fn key_before(document: &str, at: usize) -> Option<String> {
    let (left, _) = document.get(..at)?.rsplit_once('=')?;
    let key = left.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c.is_whitespace())).next()?;
    key.split_whitespace().next_back().map(str::to_owned)
}

/// Line and column of a byte offset, from 1.
fn place(document: &str, at: usize) -> (usize, usize) {
    let before = document.get(..at).unwrap_or(document);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
