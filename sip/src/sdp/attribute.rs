//! Attribute lines, `a=name` and `a=name:value` (RFC 8866 §5.13), and which of them belong together.

use super::Line;

/// One `a=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name; names are case-sensitive (RFC 8866 §6).
    pub name: &'a str,
    /// What stands behind the colon; empty without one.
    pub value: &'a str,
    /// Which line it is, from 1.
    pub line: usize,
}

impl<'a> Attribute<'a> {
    /// Reads an `a=` line; `None` for other lines, and for those that are not UTF-8.
    pub(super) fn of(line: Line<'a>) -> Option<Attribute<'a>> {
        if line.letter != 'a' {
            return None;
        }
        let text = std::str::from_utf8(line.value).ok()?;
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        Some(Attribute { name: name.trim_ascii(), value: value.trim_ascii(), line: line.number })
    }

    /// Whether it speaks of ICE (RFC 8839 §5): a relay in the way must take all of it out or none.
    pub fn is_ice(&self) -> bool {
        is_ice(self.name)
    }

    /// Whether it speaks of DTLS (RFC 5763, RFC 8842): without it nobody begins a handshake.
    pub fn is_dtls(&self) -> bool {
        is_dtls(self.name)
    }
}

pub(super) fn is_ice(name: &str) -> bool {
    let ice = name.strip_prefix("ice-");
    matches!(name, "candidate" | "remote-candidates" | "end-of-candidates")
        || matches!(ice, Some("ufrag" | "pwd" | "options" | "lite" | "mismatch" | "pacing"))
}

pub(super) fn is_dtls(name: &str) -> bool {
    matches!(name, "setup" | "fingerprint" | "tls-id")
}
