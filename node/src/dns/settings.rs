//! `[dns]`: whom to ask for names, and how long to wait.

use super::Family;
use serde::Deserialize;
use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

/// Below, no resolver far away could answer; above, the caller is gone (Timer B is 32 s).
const TIMEOUT_MS: RangeInclusive<u64> = 100..=10_000;

/// `[dns]`: how names outside the mesh become addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Recursive resolvers, asked in this order. None: those of the system (`/etc/resolv.conf`, `/etc/hosts`).
    pub servers: Vec<SocketAddr>,
    /// Budget of one resolution, all its lookups together, ms.
    pub timeout_ms: u64,
    /// Which addresses of a host are tried first.
    pub prefer: Family,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), timeout_ms: 2000, prefer: Family::Ipv4 }
    }
}

impl Dns {
    /// # Errors
    /// A key and why its value cannot work.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let is_nowhere = |server: &&SocketAddr| server.ip().is_unspecified() || server.port() == 0;
        if let Some(server) = self.servers.iter().find(is_nowhere) {
            return Err(("dns.servers", format!("{server} is not an address that answers")));
        }
        if !TIMEOUT_MS.contains(&self.timeout_ms) {
            let (low, high) = (TIMEOUT_MS.start(), TIMEOUT_MS.end());
            return Err(("dns.timeout_ms", format!("{} is not within {low} to {high}", self.timeout_ms)));
        }
        Ok(())
    }

    /// The budget of one resolution.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::path::Path;

    #[test]
    fn the_section_is_read_strictly() {
        let parse = |text: &str| config::parse::<Dns>(Path::new("n.toml"), text).map_err(|e| e.to_string());
        assert_eq!(parse(""), Ok(Dns::default()));
        let given =
            parse("servers = [\"10.0.0.2:53\", \"[fd00::2]:53\"]\ntimeout_ms = 900\nprefer = \"ipv6\"");
        let servers = vec!["10.0.0.2:53".parse().unwrap(), "[fd00::2]:53".parse().unwrap()];
        assert_eq!(given, Ok(Dns { servers, timeout_ms: 900, prefer: Family::Ipv6 }));
        for bad in ["server = []", "prefer = \"ipv5\"", "servers = [\"10.0.0.2\"]", "timeout_ms = -1"] {
            let said = parse(bad).unwrap_err();
            assert!(said.starts_with("n.toml:1:"), "{bad}: {said}");
        }
    }

    #[test]
    fn values_that_cannot_work_are_named() {
        assert_eq!(Dns::default().check(), Ok(()));
        let key = |dns: Dns| dns.check().unwrap_err().0;
        for timeout_ms in [99, 10_001] {
            assert_eq!(key(Dns { timeout_ms, ..Dns::default() }), "dns.timeout_ms");
        }
        for server in ["0.0.0.0:53", "10.0.0.2:0", "[::]:53"] {
            assert_eq!(key(Dns { servers: vec![server.parse().unwrap()], ..Dns::default() }), "dns.servers");
        }
    }
}
