//! TLS with peers that are not of the mesh, as SIP uses it: our certificate and key, and the authority that we trust.
//! Everything is read from PEM files when the node starts.

mod identities;
#[cfg(test)]
mod tests;
mod verifier;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use serde::Deserialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use verifier::PeerVerifier;

pub use identities::is_for;

/// What a client has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Nothing, and nothing is asked for.
    #[default]
    Off,
    /// A certificate if it has one; a wrong one is refused.
    Optional,
    /// A certificate of the authority.
    Required,
}

/// The PEM files.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// Our certificate, those of intermediate authorities behind it.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
    /// The certificates of those whom we trust; without them, no peer can be called.
    pub authority: Option<&'a Path>,
}

/// What is wrong with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The PEM file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no such PEM block, or one that is broken.
    #[error("{}: no {what} in this PEM file", file.display())]
    Missing {
        /// The PEM file.
        file: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// Certificate and key do not go together, or the library does not take them.
    #[error("{}: {source}", file.display())]
    Unfit {
        /// The PEM file.
        file: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
    /// The authority cannot judge clients.
    #[error("client certificates: {0}")]
    Authority(#[from] VerifierBuilderError),
    /// Client certificates are wanted, but nobody is there to judge them.
    #[error("client certificates need an authority")]
    NoAuthority,
}

/// Both sides of TLS, ready to be used.
#[derive(Clone)]
pub struct Tls {
    /// For those who call us.
    pub server: Arc<ServerConfig>,
    /// For those whom we call; `None` without an authority.
    pub client: Option<Arc<ClientConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one is unreadable, holds no such block, or they do not go together.
    pub fn load(files: Files<'_>, clients: ClientCertificates) -> Result<Self, TlsError> {
        let chain = certificates(files.certificate)?;
        let key = private_key(files.key)?;
        let roots = files.authority.map(authorities).transpose()?.map(Arc::new);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let unfit = |source| TlsError::Unfit { file: files.certificate.to_owned(), source };

        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let server = match client_verifier(clients, roots.as_ref(), &provider)? {
            Some(verifier) => server.with_client_cert_verifier(verifier),
            None => server.with_no_client_auth(),
        };
        let server = server.with_single_cert(chain.clone(), key.clone_key()).map_err(unfit)?;

        let client = roots.map(|roots| {
            let algorithms = provider.signature_verification_algorithms;
            let verifier = Arc::new(PeerVerifier { roots, algorithms });
            ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_client_auth_cert(chain, key)
        });
        let client = client.transpose().map_err(unfit)?.map(Arc::new);
        Ok(Self { server: Arc::new(server), client })
    }
}

fn client_verifier(
    clients: ClientCertificates,
    roots: Option<&Arc<RootCertStore>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if clients == ClientCertificates::Off {
        return Ok(None);
    }
    let roots = Arc::clone(roots.ok_or(TlsError::NoAuthority)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = match clients {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        ClientCertificates::Off | ClientCertificates::Required => builder,
    };
    Ok(Some(builder.build()?))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let missing = || TlsError::Missing { file: file.to_owned(), what: "certificate" };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(missing)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?)
        .map_err(|_| TlsError::Missing { file: file.to_owned(), what: "private key" })
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|source| TlsError::Unfit { file: file.to_owned(), source })?;
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
}
