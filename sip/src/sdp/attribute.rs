//! Attribute lines, `a=name` and `a=name:value` (RFC 8866 §5.13), and which of them belong together.

use super::Line;

/// One `a=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name; names are case-sensitive (RFC 8866 §6).
    pub name: &'a str,
    /// What stands behind the colon; empty without one, and when it is not UTF-8.
    pub value: &'a str,
    /// Which line it is, from 1.
    pub line: usize,
}

impl<'a> Attribute<'a> {
    /// Reads an `a=` line; `None` for other lines, and for a name that is not UTF-8. A value that is not UTF-8 leaves the
    /// name: nobody hides a candidate from a relay behind a byte that is no letter.
    pub(super) fn of(line: Line<'a>) -> Option<Attribute<'a>> {
        if line.letter != 'a' {
            return None;
        }
        let name_end = line.value.iter().position(|byte| *byte == b':').unwrap_or(line.value.len());
        let (name, value) = line.value.split_at(name_end);
        let name = std::str::from_utf8(name).ok()?.trim_ascii();
        let value =
            std::str::from_utf8(value).map_or("", |value| value.strip_prefix(':').unwrap_or_default());
        Some(Attribute { name, value: value.trim_ascii(), line: line.number })
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
