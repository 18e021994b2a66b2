//! `[admin]` and `[record]`: what operators may do, and what can be looked up later.

use super::{Unsound, within};
use crate::record::Limits;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// `[admin]`: where the operators' verbs come to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// gRPC, TCP. Beyond loopback with `[admin.tls]` alone.
    pub listen: SocketAddr,
    /// With TLS, everybody has to show a certificate with a role.
    pub tls: Option<AdminTls>,
    /// JSON lines: who changed what by hand. Without it the last 1,000 are remembered until a restart.
    pub audit_file: Option<PathBuf>,
    /// JSON: what was ordered by hand at this node. Without it orders end with the process.
    pub overrides_file: Option<PathBuf>,
}

/// `[admin.tls]`: the papers of the admin API, PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminTls {
    /// What operators are shown.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signs the operators' certificates.
    pub authority: PathBuf,
}

/// `[record]`: what the router was told, for `route explain --at`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Record {
    /// Where it is kept. Without one, the last hour is, in memory.
    pub folder: Option<PathBuf>,
    /// How far back.
    pub hours: u64,
    /// How long it may become.
    pub megabytes: u64,
}

impl Default for Admin {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 50_051));
        Self { listen, tls: None, audit_file: None, overrides_file: None }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self { folder: None, hours: 24, megabytes: 256 }
    }
}

impl Admin {
    /// # Errors
    /// An address that strangers can reach, without TLS.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.listen.ip().is_loopback() || self.tls.is_some() {
            return Ok(());
        }
        let why = format!("{} is not a loopback address; beyond loopback [admin.tls] is needed", self.listen);
        Err(("admin.listen", why))
    }

    /// Its files.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { listen: _, tls, audit_file, overrides_file } = self;
        let of_tls = tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key, &mut tls.authority]);
        of_tls.chain(audit_file).chain(overrides_file)
    }
}

impl Record {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        within("record.hours", self.hours, 1, 24 * 31)?;
        within("record.megabytes", self.megabytes, 1, 1 << 20)
    }

    /// As the record takes them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { age: Duration::from_secs(self.hours * 3_600), bytes: self.megabytes << 20 }
    }
}
