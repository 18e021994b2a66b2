//! A seed: where another node of the mesh takes streams, by address or by name.

use serde::Deserialize;
use std::{fmt, net::SocketAddr};

/// `ADDRESS:PORT` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Seed {
    /// An address.
    At(SocketAddr),
    /// A name, to be asked of DNS; every address that it has is a seed.
    Named {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl TryFrom<String> for Seed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::At(address));
        }
        let named = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            is_name(host).then(|| Self::Named { host: host.to_owned(), port })
        });
        named.ok_or_else(|| format!("{text:?} is neither ADDRESS:PORT nor HOST:PORT"))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Named { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Whether DNS could carry it (RFC 1035 §2.3.4); service names have underscores (RFC 2782).
pub(super) fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(fits)
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    // All digits is an address that is none.
    text.len() <= 253 && text.split('.').all(is_label) && text.contains(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_addresses_or_names() {
        let parse = |text: &str| Seed::try_from(text.to_owned());
        assert_eq!(parse("10.1.0.11:50050"), Ok(Seed::At("10.1.0.11:50050".parse().unwrap())));
        assert_eq!(parse("[2001:db8::1]:50050"), Ok(Seed::At("[2001:db8::1]:50050".parse().unwrap())));
        let named = Seed::Named { host: "w1.mesh.example.net".into(), port: 50_050 };
        assert_eq!(parse("w1.mesh.example.net:50050"), Ok(named));
        for bad in ["", "w1", "w1:", "w1:0", "w1:99999", "10.1.0.999:50050", "a b:1", ":50050", "a..b:1"] {
            assert!(parse(bad).unwrap_err().contains("neither"), "{bad}");
        }
    }
}
