//! Certificates for the two ends of a test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use ringway_node::tls::{ClientCertificates, Files, Tls};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Whom a certificate is for, and whether its time is over.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    pub(super) names: &'a [&'a str],
    pub(super) expired: bool,
}

impl<'a> For<'a> {
    pub(super) fn names(names: &'a [&'a str]) -> Self {
        Self { names, expired: false }
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", number()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Both sides of TLS for one who has a certificate of this authority, and trusts `trusted`.
    pub(super) fn tls(&self, whom: For<'_>, trusted: &Authority, clients: ClientCertificates) -> Tls {
        let (certificate, key) = self.issue(whom);
        let folder = Folder::new();
        let (certificate, key) = (folder.write("a.pem", &certificate), folder.write("a.key", &key));
        let authority = folder.write("ca.pem", &trusted.0.pem());
        let files = Files { certificate: &certificate, key: &key, authority: Some(&authority) };
        Tls::load(files, clients).unwrap()
    }

    /// A client without a certificate, whose judgment of ours is the library's own.
    pub(super) fn nobody(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// A client with a certificate, which it shows whatever authorities the server names.
    pub(super) fn client(&self, whom: For<'_>, trusted: &Authority) -> Arc<ClientConfig> {
        self.tls(whom, trusted, ClientCertificates::Off).client.unwrap()
    }

    fn issue(&self, whom: For<'_>) -> (String, String) {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = whom
            .names
            .iter()
            .map(|name| match (name.parse(), name.contains(':')) {
                (Ok(address), _) => SanType::IpAddress(address),
                (Err(_), true) => SanType::URI((*name).try_into().unwrap()),
                (Err(_), false) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        if whom.expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// Another one each time.
fn number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// PEM files for a moment.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("ringway-papers-{}-{}", std::process::id(), number());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
