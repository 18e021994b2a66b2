//! Strict configuration: TOML in, typed sections out, and an error that names file, line and key.
//!
//! Unknown keys are errors. Units stand in the key names. This room owns the sections that every role needs;
//! a role's own sections live with the role.

use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// `[node]`: who this node is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Cloud region, such as `us-west-2`.
    pub region: String,
    /// Availability zone, such as `us-west-2a`.
    pub zone: String,
    /// Name of the node, unique within its region.
    pub name: String,
    /// The mesh's DNS domain: `us-west-2.<mesh_domain>` is the region's SIP name, and every node's certificate
    /// carries `<mesh_domain>` as a DNS name.
    pub mesh_domain: String,
}

/// `[log]`: how the node speaks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One line a person reads, or one JSON object.
    pub format: LogFormat,
    /// A level (`info`) or directives in the syntax of `tracing` (`info,ringway_proxy=debug`).
    pub level: String,
    /// Show numbers and addresses of people instead of `…`; for a laboratory, not for production.
    pub show_people: bool,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For terminals.
    Human,
    /// For collectors.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".into(), show_people: false }
    }
}

/// `[metrics]`: where `/metrics`, `/healthz` and `/readyz` are served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Address of the HTTP listener.
    pub listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9090)) }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{}:{line}:{column}: {reason}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, and what would be right where the parser knows.
        reason: String,
    },
    /// Each value is right in itself, but they do not go together.
    #[error("{}: {key}: {reason}", file.display())]
    Unsound {
        /// The file.
        file: PathBuf,
        /// The key, with its section: `sip.listen`.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Reads `file` as a `T`.
///
/// # Errors
/// When the file is unreadable, not TOML, or not a `T` to the letter.
pub fn load<T: DeserializeOwned>(file: &Path) -> Result<T, ConfigError> {
    let text = fs::read_to_string(file)
        .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    parse(file, &text)
}

/// Reads `text`, which came from `file`, as a `T`.
///
/// # Errors
/// When it is not TOML, or not a `T` to the letter.
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = error.span().map_or((1, 1), |span| position(text, span.start));
        ConfigError::Refused { file: file.to_owned(), line, column, reason: error.message().to_owned() }
    })
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    (1 + before.iter().filter(|&&byte| byte == b'\n').count(), 1 + before.len() - line_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct File {
        node: Node,
        #[serde(default)]
        log: Log,
    }

    const GOOD: &str =
        "[node]\nregion = \"us-west-2\"\nzone = \"us-west-2a\"\nname = \"w1\"\nmesh_domain = \"m.example\"\n";

    #[test]
    fn a_typo_is_named_with_its_line() {
        let cases = [
            ("[node]\nregoin = \"x\"\n", "node.toml:2:1: unknown field `regoin`"),
            (&format!("{GOOD}[log]\nformat = \"yaml\"\n"), "node.toml:7:10: unknown variant `yaml`"),
            (&format!("{GOOD}[lug]\n"), "node.toml:6:2: unknown field `lug`"),
            ("[node\n", "node.toml:1:6: "),
            ("[node]\nregion = 7\n", "node.toml:2:10: invalid type: integer"),
        ];
        for (text, want) in cases {
            let error = parse::<File>(Path::new("node.toml"), text).expect_err(text).to_string();
            assert!(error.starts_with(want), "{error}\nwant {want}");
        }
    }

    #[test]
    fn defaults_fill_the_optional_sections() {
        let file: File = parse(Path::new("node.toml"), GOOD).expect("good");
        assert_eq!(file.log.format, LogFormat::Human);
    }
}
