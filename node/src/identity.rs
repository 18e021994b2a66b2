//! Who a node is: a certificate with a SPIFFE name, its key, and the authority of the mesh.
//!
//! The same certificate opens the mTLS streams and signs what the node says about itself, so a statement that
//! came over a third node is as good as one from its origin.

use rustls::{
    SignatureScheme,
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime, pem::PemObject},
    sign::SigningKey,
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, aws_lc_rs::ECDSA_P256_SHA256};

/// A node's name in the mesh: `spiffe://<mesh-domain>/<region>/<node>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    /// The mesh's domain.
    pub mesh_domain: String,
    /// The node's region.
    pub region: String,
    /// The node's name in its region.
    pub node: String,
}

impl SpiffeId {
    fn parse(uri: &str) -> Option<Self> {
        let mut parts = uri.strip_prefix("spiffe://")?.split('/');
        let (mesh_domain, region, node) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && ![mesh_domain, region, node].contains(&"");
        whole.then(|| Self { mesh_domain: mesh_domain.into(), region: region.into(), node: node.into() })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}/{}", self.mesh_domain, self.region, self.node)
    }
}

/// What is wrong with a certificate, a key, or a signature.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The PEM file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no such PEM block.
    #[error("{}: no {what} in this PEM file", file.display())]
    Missing {
        /// The PEM file.
        file: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The key cannot sign for the mesh.
    #[error("{}: the mesh signs with ECDSA P-256; this key cannot", file.display())]
    WrongKey {
        /// The PEM file.
        file: PathBuf,
    },
    /// A certificate that the mesh authority did not issue, or that is out of date or not for this use.
    #[error("certificate refused: {0}")]
    Untrusted(webpki::Error),
    /// The certificate has no name of the form `spiffe://<mesh-domain>/<region>/<node>`, or not just one.
    #[error("certificate refused: it needs exactly one URI name spiffe://{mesh_domain}/<region>/<node>")]
    Nameless {
        /// The mesh's domain.
        mesh_domain: String,
    },
    /// The signature does not fit the text and the certificate.
    #[error("signature refused")]
    Forged,
    /// The signing library failed.
    #[error("cannot sign: {0}")]
    Unsigned(rustls::Error),
}

/// This node's certificate and key.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Arc<dyn SigningKey>,
    certificate_pem: Vec<u8>,
    key_pem: Vec<u8>,
}

impl Identity {
    /// Reads both from PEM files.
    ///
    /// # Errors
    /// When a file is unreadable, holds no such block, or the key is not of the mesh's kind.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let (certificate_pem, key_pem) = (read(certificate)?, read(key)?);
        let missing = |file: &Path, what| IdentityError::Missing { file: file.to_owned(), what };
        let der = CertificateDer::from_pem_slice(&certificate_pem)
            .map_err(|_| missing(certificate, "certificate"))?;
        let key_der = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| missing(key, "private key"))?;
        let signing = any_supported_type(&key_der)
            .ok()
            .filter(|key| key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).is_some())
            .ok_or_else(|| IdentityError::WrongKey { file: key.to_owned() })?;
        Ok(Self { certificate: der, key: signing, certificate_pem, key_pem })
    }

    /// The certificate, X.509 in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Certificate (chain) and key in PEM, for the TLS library.
    #[must_use]
    pub fn pem(&self) -> (&[u8], &[u8]) {
        (&self.certificate_pem, &self.key_pem)
    }

    /// Signs `text` (ECDSA P-256, SHA-256, ASN.1).
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let signer = self
            .key
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256])
            .expect("load() refuses keys without this scheme");
        signer.sign(text).map_err(IdentityError::Unsigned)
    }
}

/// The certificate authority of the mesh: decides who is a member.
#[derive(Clone)]
pub struct Authority {
    anchor: Arc<TrustAnchor<'static>>,
    mesh_domain: String,
    pem: Vec<u8>,
}

impl Authority {
    /// Reads the authority's certificate from a PEM file.
    ///
    /// # Errors
    /// When the file is unreadable, holds no certificate, or the certificate cannot be a trust anchor.
    pub fn load(file: &Path, mesh_domain: &str) -> Result<Self, IdentityError> {
        let pem = read(file)?;
        let der = CertificateDer::from_pem_slice(&pem)
            .map_err(|_| IdentityError::Missing { file: file.to_owned(), what: "certificate" })?;
        let anchor = anchor_from_trusted_cert(&der).map_err(IdentityError::Untrusted)?.to_owned();
        Ok(Self { anchor: Arc::new(anchor), mesh_domain: mesh_domain.to_owned(), pem })
    }

    /// The authority's certificate in PEM, for the TLS library.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Admits a certificate: issued by this authority, valid at `unix_us`, with one SPIFFE name of this mesh.
    ///
    /// # Errors
    /// When any of that does not hold.
    pub fn admit(&self, certificate: &[u8], unix_us: u64) -> Result<Member, IdentityError> {
        let der = CertificateDer::from(certificate.to_vec());
        let id = {
            let cert = EndEntityCert::try_from(&der).map_err(IdentityError::Untrusted)?;
            cert.verify_for_usage(
                &[ECDSA_P256_SHA256],
                std::slice::from_ref(self.anchor.as_ref()),
                &[],
                UnixTime::since_unix_epoch(Duration::from_micros(unix_us)),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(IdentityError::Untrusted)?;
            let mut names = cert.valid_uri_names();
            names
                .next()
                .filter(|_| names.next().is_none())
                .and_then(SpiffeId::parse)
                .filter(|id| id.mesh_domain == self.mesh_domain)
                .ok_or_else(|| IdentityError::Nameless { mesh_domain: self.mesh_domain.clone() })?
        };
        Ok(Member { id, certificate: der })
    }
}

/// A node whose certificate was admitted.
#[derive(Debug, Clone)]
pub struct Member {
    id: SpiffeId,
    certificate: CertificateDer<'static>,
}

impl Member {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// Its certificate, X.509 in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Checks that this member signed `text`.
    ///
    /// # Errors
    /// [`IdentityError::Forged`] when it did not.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> Result<(), IdentityError> {
        EndEntityCert::try_from(&self.certificate)
            .and_then(|cert| cert.verify_signature(ECDSA_P256_SHA256, text, signature))
            .map_err(|_| IdentityError::Forged)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, IdentityError> {
    fs::read(file).map_err(|source| IdentityError::Unreadable { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests;
