//! The file that `ringway run -c` and `ringway check -c` take: all sections, strictly.

use ringway_media::config::Relay;
use ringway_node::{
    config::{self, ConfigError, Log, Metrics, Node},
    dns::Dns,
};
use ringway_proxy::{
    config::{Admin, Dial, Edge, Media, Mesh, Overload, PolicySection, Record, Registrar, Sip, TlsSection},
    service,
};
use ringway_router::{InvalidName, NodeId, Settings};
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
    mesh: Option<Mesh>,
    sip: Option<Sip>,
    #[serde(default)]
    overload: Overload,
    #[serde(default)]
    media: Media,
    edge: Option<Edge>,
    relay: Option<Relay>,
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

/// What the node is to be.
#[derive(Debug)]
pub(crate) struct Roles {
    pub(crate) proxy: Option<service::Config>,
    pub(crate) relay: Option<(NodeId, Relay)>,
    pub(crate) metrics: Metrics,
}

const MISSING: &str = "this section is missing, and a proxy needs it; a media relay alone has [relay] and none of [mesh], [sip] and [edge]";

impl File {
    /// Reads it. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it is unreadable, or not right to the letter.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        let mut this: Self = config::load(file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for path in this
            .mesh
            .iter_mut()
            .flat_map(|mesh| [&mut mesh.certificate, &mut mesh.key, &mut mesh.authority])
            .chain(this.policy.paths_mut())
            .chain(&mut this.record.folder)
            .chain(this.admin.paths_mut())
            .chain(this.sip.iter_mut().filter_map(|sip| sip.tls.as_mut()).flat_map(TlsSection::paths_mut))
        {
            *path = folder.join(&*path);
        }
        Ok(this)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// What the node is to be: a proxy where there is any of `[mesh]`, `[sip]` and `[edge]`, a media relay where there is
    /// `[relay]`.
    ///
    /// # Errors
    /// When it is to be neither, or a section of the proxy is missing.
    pub(crate) fn roles(self, file: &Path) -> Result<Roles, ConfigError> {
        let missing = |key| ConfigError::Unsound { file: file.to_owned(), key, reason: MISSING.to_owned() };
        let is_proxy =
            self.mesh.is_some() || self.sip.is_some() || self.edge.is_some() || self.relay.is_none();
        let unsound = |key| {
            move |error: InvalidName| ConfigError::Unsound {
                file: file.to_owned(),
                key,
                reason: error.to_string(),
            }
        };
        let relay = match &self.relay {
            Some(relay) => {
                let region = self.node.region.parse().map_err(unsound("node.region"))?;
                let node = self.node.name.parse().map_err(unsound("node.name"))?;
                Some((NodeId { region, node }, relay.clone()))
            }
            None => None,
        };
        let metrics = self.metrics.clone();
        let proxy = is_proxy.then(|| self.proxy()).transpose().map_err(missing)?;
        Ok(Roles { proxy, relay, metrics })
    }

    fn proxy(self) -> Result<service::Config, &'static str> {
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
            relay: _,
        } = self;
        Ok(service::Config {
            node,
            metrics,
            admin,
            mesh: mesh.ok_or("mesh")?,
            sip: sip.ok_or("sip")?,
            overload,
            media,
            edge: edge.ok_or("edge")?,
            dial,
            registrar,
            router,
            policy,
            record,
            dns,
        })
    }
}
