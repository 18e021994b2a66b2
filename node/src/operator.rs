//! Who an operator is: the name and the role in a client certificate of the admin API.
//!
//! The name has a part more than a node's, so that no operator can join the mesh as a node with the same certificate, nor a
//! node operate, even when one authority signs both.

use rustls::pki_types::CertificateDer;
use std::fmt;
use webpki::EndEntityCert;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Ask.
    Read,
    /// Ask, and change.
    Operate,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Operate => "operate",
        })
    }
}

/// An operator's name: `spiffe://<mesh-domain>/operator/<role>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// What they may do.
    pub role: Role,
    /// Who they are.
    pub name: String,
}

/// The certificate is nobody's who may ask here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the certificate has no role: it needs exactly one URI name spiffe://{mesh_domain}/operator/read/<name> or \
     …/operator/operate/<name>"
)]
pub struct NoRole {
    /// The mesh's domain.
    pub mesh_domain: String,
}

/// Names are shown, and written to the audit: no longer than this.
const NAME_MAX: usize = 64;

impl Operator {
    /// Reads the name in a certificate (X.509, DER) that the TLS library has verified.
    ///
    /// # Errors
    /// When it has none, more than one, or one of another mesh.
    pub fn of(certificate: &[u8], mesh_domain: &str) -> Result<Self, NoRole> {
        let der = CertificateDer::from(certificate);
        let named = EndEntityCert::try_from(&der).ok().and_then(|cert| {
            let mut names = cert.valid_uri_names();
            names.next().filter(|_| names.next().is_none()).and_then(|name| Self::parse(name, mesh_domain))
        });
        named.ok_or_else(|| NoRole { mesh_domain: mesh_domain.to_owned() })
    }

    fn parse(uri: &str, mesh_domain: &str) -> Option<Self> {
        let rest = uri.strip_prefix("spiffe://")?.strip_prefix(mesh_domain)?.strip_prefix("/operator/")?;
        let (role, name) = rest.split_once('/')?;
        let role = match role {
            "read" => Role::Read,
            "operate" => Role::Operate,
            _ => return None,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-@+".contains(c);
        let good = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(plain);
        good.then(|| Self { role, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let of = |uri: &str| Operator::parse(uri, "m.example").map(|it| (it.role, it.name));
        assert_eq!(of("spiffe://m.example/operator/read/ann"), Some((Role::Read, "ann".into())));
        assert_eq!(of("spiffe://m.example/operator/operate/b.o-b"), Some((Role::Operate, "b.o-b".into())));
        for none in [
            "spiffe://m.example/us-west-2/w1",
            "spiffe://other.example/operator/read/ann",
            "spiffe://m.example/operator/root/ann",
            "spiffe://m.example/operator/read/",
            "spiffe://m.example/operator/read/a/b",
            "spiffe://m.example/operator/read/a b",
            "spiffe://m.example.evil/operator/read/ann",
            "https://m.example/operator/read/ann",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
