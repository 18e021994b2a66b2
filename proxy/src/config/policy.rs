//! `[policy]`: where the route policy is kept.

use super::{Unsound, within};
use crate::policy::{Etcd, EtcdSettings, FileStore, Store};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// `[policy]`: where the route policy is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySection {
    /// On this node, or in etcd for the whole fleet.
    pub store: StoreKind,
    /// A TOML document, relative to the configuration file; watched. Without one, policies live until a restart. With
    /// etcd: where the last known document is kept, for a start while etcd is away.
    pub file: Option<PathBuf>,
    /// The members of the cluster: `http://` or `https://`.
    pub etcd_endpoints: Vec<String>,
    /// What the keys begin with. `/ringway/<mesh_domain>/` when left out.
    pub etcd_prefix: Option<String>,
    /// Who signs the members' certificates, PEM.
    pub etcd_authority: Option<PathBuf>,
    /// This node's certificate for etcd, PEM.
    pub etcd_certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub etcd_key: Option<PathBuf>,
    /// The name to log in with.
    pub etcd_user: Option<String>,
    /// The file that its password stands in.
    pub etcd_password: Option<PathBuf>,
    /// A member that takes longer for one answer is away.
    pub etcd_timeout_ms: u64,
}

/// Where policies are kept.
#[derive(Debug, Clone, Copy, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In a file of each node.
    #[default]
    File,
    /// In etcd.
    Etcd,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self {
            store: StoreKind::File,
            file: None,
            etcd_endpoints: Vec::new(),
            etcd_prefix: None,
            etcd_authority: None,
            etcd_certificate: None,
            etcd_key: None,
            etcd_user: None,
            etcd_password: None,
            etcd_timeout_ms: 2_000,
        }
    }
}

impl PolicySection {
    /// # Errors
    /// Keys that do not go together, or addresses that are none.
    pub fn check(&self) -> Result<(), Unsound> {
        within("policy.etcd_timeout_ms", self.etcd_timeout_ms, 100, 60_000)?;
        let etcd = self.store == StoreKind::Etcd;
        if !etcd {
            let given = self.etcd_keys().into_iter().find(|(_, given)| *given);
            let why = || "only with store = \"etcd\"".to_owned();
            return given.map_or(Ok(()), |(key, _)| Err((key, why())));
        }
        if self.file.is_none() {
            let why = "needed with etcd, too: the last known policy, for a start while etcd is away".into();
            return Err(("policy.file", why));
        }
        if self.etcd_endpoints.is_empty() {
            return Err(("policy.etcd_endpoints", "needs at least one address".into()));
        }
        let is_address = |text: &&String| !(text.starts_with("http://") || text.starts_with("https://"));
        if let Some(wrong) = self.etcd_endpoints.iter().find(is_address) {
            let why = format!("{wrong:?} is not of the form http://HOST:PORT or https://HOST:PORT");
            return Err(("policy.etcd_endpoints", why));
        }
        if self.etcd_prefix.as_ref().is_some_and(|prefix| !prefix.ends_with('/')) {
            return Err(("policy.etcd_prefix", "has to end in /".into()));
        }
        if self.etcd_certificate.is_some() != self.etcd_key.is_some() {
            return Err(("policy.etcd_key", "etcd_certificate and etcd_key go together".into()));
        }
        if self.etcd_user.is_some() != self.etcd_password.is_some() {
            return Err(("policy.etcd_password", "etcd_user and etcd_password go together".into()));
        }
        Ok(())
    }

    fn etcd_keys(&self) -> [(&'static str, bool); 7] {
        [
            ("policy.etcd_endpoints", !self.etcd_endpoints.is_empty()),
            ("policy.etcd_prefix", self.etcd_prefix.is_some()),
            ("policy.etcd_authority", self.etcd_authority.is_some()),
            ("policy.etcd_certificate", self.etcd_certificate.is_some()),
            ("policy.etcd_key", self.etcd_key.is_some()),
            ("policy.etcd_user", self.etcd_user.is_some()),
            ("policy.etcd_password", self.etcd_password.is_some()),
        ]
    }

    /// The store.
    ///
    /// # Errors
    /// What [`PolicySection::check`] finds, and files that cannot be read.
    pub fn open(&self, mesh_domain: &str) -> Result<Store, Unsound> {
        self.check()?;
        match (self.store, &self.file) {
            (StoreKind::File, None) => Ok(Store::default()),
            (StoreKind::File, Some(file)) => Ok(Store::File(FileStore::at(file.clone()))),
            (StoreKind::Etcd, _) => {
                let pair = |a: &Option<PathBuf>, b: &Option<PathBuf>| a.clone().zip(b.clone());
                let settings = EtcdSettings {
                    endpoints: self.etcd_endpoints.clone(),
                    prefix: self.etcd_prefix.clone().unwrap_or_else(|| format!("/ringway/{mesh_domain}/")),
                    authority: self.etcd_authority.clone(),
                    papers: pair(&self.etcd_certificate, &self.etcd_key),
                    login: self.etcd_user.clone().zip(self.etcd_password.clone()),
                    timeout: Duration::from_millis(self.etcd_timeout_ms),
                };
                let etcd = Etcd::new(&settings).map_err(|why| ("policy", why))?;
                Ok(Store::Etcd(Box::new(etcd)))
            }
        }
    }

    /// Every path in it, to be made absolute.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { file, etcd_authority, etcd_certificate, etcd_key, etcd_password, .. } = self;
        [file, etcd_authority, etcd_certificate, etcd_key, etcd_password].into_iter().flatten()
    }
}
