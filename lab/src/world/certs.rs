//! The certificates of a world: one authority, and for every node a key and a certificate that says who it is.

use std::net::Ipv4Addr;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// The world's own certificate authority; its key never touches the disk.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    mesh_domain: String,
}

/// PEM texts of a certificate and its key.
pub(super) struct NodeCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(mesh_domain: &str) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, format!("{mesh_domain} mesh authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer, mesh_domain: mesh_domain.into() })
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// ECDSA P-256; the mesh domain as DNS name for TLS, the SPIFFE ID as URI for who it is, both sides of TLS.
    pub(super) fn issue(&self, region: &str, node: &str) -> Result<NodeCertificate, rcgen::Error> {
        let mut params = CertificateParams::new(vec![self.mesh_domain.clone()])?;
        params.distinguished_name.push(DnType::CommonName, format!("{region}/{node}"));
        let spiffe_id = format!("spiffe://{}/{region}/{node}", self.mesh_domain);
        params.subject_alt_names.push(SanType::URI(spiffe_id.try_into()?));
        self.sign(params)
    }

    /// For SIP over TLS (RFC 5922 §7.1): a host by its name and its address.
    pub(super) fn issue_sip(&self, name: &str, address: Ipv4Addr) -> Result<NodeCertificate, rcgen::Error> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.push(SanType::IpAddress(address.into()));
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<NodeCertificate, rcgen::Error> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(NodeCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_gets_a_key_of_its_own() {
        let authority = Authority::new("lab.ringway.example").unwrap();
        let one = authority.issue("us-west-2", "w2-1").unwrap();
        let two = authority.issue("us-west-2", "w2-2").unwrap();
        assert!(one.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(one.key.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(one.key, two.key);
        assert_ne!(one.certificate, authority.pem());
    }
}
