//! The file that `ringway run -c` and `ringway check -c` take: all sections, strictly.

use ringway_node::{
    config::{self, ConfigError, Log, Metrics, Node},
    dns::Dns,
};
use ringway_proxy::{
    config::{Admin, Dial, Edge, Media, Mesh, Overload, PolicySection, Record, Registrar, Sip, TlsSection},
    service,
};
use ringway_router::Settings;
use serde::Deserialize;
use std::path::Path;

/// One node's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    node: Node,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    admin: Admin,
    mesh: Mesh,
    sip: Sip,
    #[serde(default)]
    overload: Overload,
    #[serde(default)]
    media: Media,
    edge: Edge,
    #[serde(default)]
    dial: Vec<Dial>,
    #[serde(default)]
    registrar: Registrar,
    #[serde(default)]
    router: Settings,
    #[serde(default)]
    policy: PolicySection,
    #[serde(default)]
    record: Record,
    #[serde(default)]
    dns: Dns,
}

impl File {
    /// Reads it. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it is unreadable, or not right to the letter.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        let mut this: Self = config::load(file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for path in [&mut this.mesh.certificate, &mut this.mesh.key, &mut this.mesh.authority]
            .into_iter()
            .chain(this.policy.paths_mut())
            .chain(&mut this.record.folder)
            .chain(this.admin.paths_mut())
            .chain(this.sip.tls.iter_mut().flat_map(TlsSection::paths_mut))
        {
            *path = folder.join(&*path);
        }
        Ok(this)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn proxy(self) -> service::Config {
        let Self {
            node,
            log: _,
            metrics,
            admin,
            mesh,
            sip,
            overload,
            media,
            edge,
            dial,
            registrar,
            router,
            policy,
            record,
            dns,
        } = self;
        service::Config {
            node,
            metrics,
            admin,
            mesh,
            sip,
            overload,
            media,
            edge,
            dial,
            registrar,
            router,
            policy,
            record,
            dns,
        }
    }
}
