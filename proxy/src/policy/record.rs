//! One entry of the history: a document, when it became active, and by whom. TOML in every store, so that people can
//! read it.

use ringway_router::{Policy, PolicyError};
use serde::{Deserialize, Serialize};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Their name.
    pub name: String,
    /// The address that they came from; empty when that is this node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
}

/// One entry of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The document's revision.
    pub revision: u64,
    /// Its digest.
    pub digest: String,
    /// When it became active, µs since the Unix epoch.
    pub at_unix_us: u64,
    /// Who applied it.
    pub by: Actor,
    /// It.
    pub document: String,
}

/// A stored record that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadRecord(String);

impl Record {
    /// A record of a document that was found good.
    #[must_use]
    pub fn of(policy: &Policy, by: Actor, at_unix_us: u64) -> Self {
        Self {
            revision: policy.revision,
            digest: policy.digest(),
            at_unix_us,
            by,
            document: policy.document().to_owned(),
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| unreachable!("numbers and strings make TOML: {error}"))
    }

    /// Reads what [`Record::to_toml`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_toml(text: &str) -> Result<Self, BadRecord> {
        toml::from_str(text).map_err(|error| BadRecord(error.message().to_owned()))
    }
}

/// The same document under another revision, to the letter but for that.
///
/// # Errors
/// What is wrong with the document; one whose revision is not written as `revision = N` on a line of its own cannot be
/// renumbered either.
pub fn renumbered(document: &str, revision: u64) -> Result<Policy, PolicyError> {
    let mut done = false;
    let mut in_head = true;
    let lines = document.split_inclusive('\n').map(|line| {
        let trimmed = line.trim_start();
        in_head &= !trimmed.starts_with('[');
        let rest =
            trimmed.strip_prefix("revision").map(str::trim_start).and_then(|rest| rest.strip_prefix('='));
        match rest {
            Some(rest) if in_head && !done => {
                done = true;
                let number = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '+';
                let tail = rest.trim_start().trim_start_matches(number);
                format!("revision = {revision}{tail}")
            }
            _ => line.to_owned(),
        }
    });
    let text: String = lines.collect();
    let policy = Policy::parse(&text)?;
    if policy.revision == revision {
        return Ok(policy);
    }
    let reason = "this document cannot be renumbered: apply it with a new revision".to_owned();
    Err(PolicyError { line: 1, column: 1, key: "revision".to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let policy =
            Policy::parse("revision = 7\n# \"\"\" and \\ and 'x'\n[[rule]]\nmax_relays = 1\n").unwrap();
        let by = Actor { name: "operator".to_owned(), from: "127.0.0.1:4711".to_owned() };
        let record = Record::of(&policy, by, 1_700_000_000_000_000);
        assert_eq!(Record::from_toml(&record.to_toml()).unwrap(), record);
        let own = Record { by: Actor { name: "the policy file".to_owned(), from: String::new() }, ..record };
        assert_eq!(Record::from_toml(&own.to_toml()).unwrap(), own);
    }

    #[test]
    fn half_a_record_is_none() {
        let policy = Policy::parse("revision = 7\n").unwrap();
        let text = Record::of(&policy, Actor { name: "a".to_owned(), from: String::new() }, 1).to_toml();
        for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
            let half = &text[..length];
            // What is cut off may be a table at the end, never what the record is about.
            assert!(Record::from_toml(half).is_err() || half.trim_end() == text.trim_end(), "{half:?}");
        }
    }

    #[test]
    fn an_old_document_gets_a_new_number_and_keeps_every_other_letter() {
        let old = "# ours\n  revision=1_000 # twelve\n\n[[rule]]\nname = \"revision = 3\"\nmax_relays = 1\n";
        let new = renumbered(old, 1_001).unwrap();
        assert_eq!(new.document(), old.replace("  revision=1_000", "revision = 1001"));
        assert_eq!(new.revision, 1_001);
    }

    #[test]
    fn a_revision_that_is_not_found_is_not_guessed() {
        let odd = "\"revision\" = 5\n";
        let refused = renumbered(odd, 6).unwrap_err();
        assert!(refused.to_string().contains("cannot be renumbered"), "{refused}");
    }
}
