//! How operators come in: without TLS on loopback, else with a certificate of their authority.

use super::actor::Doorman;
use crate::config;
use std::{error::Error, fs, path::Path};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// See the module.
#[derive(Debug, Clone)]
pub struct Door {
    pub(super) tls: Option<ServerTlsConfig>,
    pub(super) doorman: Doorman,
}

impl Door {
    /// Reads the papers.
    ///
    /// # Errors
    /// A key of the configuration, and what is wrong with it.
    pub fn load(admin: &config::Admin, mesh_domain: &str) -> Result<Self, config::Unsound> {
        let tls = admin.tls.as_ref().map(tls).transpose()?;
        let doorman = Doorman { mesh_domain: mesh_domain.to_owned(), tls: tls.is_some() };
        Ok(Self { tls, doorman })
    }
}

fn tls(papers: &config::AdminTls) -> Result<ServerTlsConfig, config::Unsound> {
    let read =
        |key, file: &Path| fs::read(file).map_err(|error| (key, format!("{}: {error}", file.display())));
    let certificate = read("admin.tls.certificate", &papers.certificate)?;
    let key = read("admin.tls.key", &papers.key)?;
    let authority = read("admin.tls.authority", &papers.authority)?;
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority));
    // The library finds out what is in them only when they are put to use.
    Server::builder().tls_config(tls.clone()).map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        ("admin.tls", format!("the papers do not do: {cause}"))
    })?;
    Ok(tls)
}
