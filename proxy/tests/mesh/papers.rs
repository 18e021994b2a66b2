//! The papers of a mesh: an authority, and a certificate and a key for every node, as real ones as those of a fleet.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use ringway_node::identity::{Authority, Identity};
use ringway_router::NodeId;
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

/// Worlds of one name may live side by side.
static FOLDERS: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Papers {
    folder: PathBuf,
    ca: CertificateParams,
    ca_key: KeyPair,
    pub(crate) authority: Authority,
}

impl Papers {
    pub(crate) fn new(test: &str) -> Self {
        let (process, number) = (std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("ringway-mesh-{process}-{test}-{number}"));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = folder.join("ca.pem");
        fs::write(&file, ca.self_signed(&ca_key).expect("signed by itself").pem()).expect("written");
        let authority = Authority::load(&file, "m.example").expect("an authority");
        Self { folder, ca, ca_key, authority }
    }

    pub(crate) fn of(&self, node: &NodeId) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        let name = format!("spiffe://m.example/{}/{}", node.region, node.node);
        params.subject_alt_names.push(SanType::URI(name.try_into().expect("a URI")));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let issuer = Issuer::from_params(&self.ca, &self.ca_key);
        let issued = params.signed_by(&key, &issuer).expect("issued");
        let (certificate_file, key_file) = (self.folder.join("node.pem"), self.folder.join("node.key"));
        fs::write(&certificate_file, issued.pem()).expect("written");
        fs::write(&key_file, key.serialize_pem()).expect("written");
        Identity::load(&certificate_file, &key_file).expect("an identity")
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
