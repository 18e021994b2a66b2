//! Certificates as operators make them, and whom they are for.

use super::*;
use rcgen::{CertificateParams, KeyPair, SanType};

fn with_names(names: &[SanType]) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.subject_alt_names = names.to_vec();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

#[test]
fn a_certificate_is_for_its_sip_uris_or_else_its_dns_names_and_for_its_addresses() {
    let ip = |text: &str| SanType::IpAddress(text.parse().unwrap());
    let both = [dns("pbx.example"), ip("192.0.2.1"), ip("2001:db8::1")];
    let cases: [(&[SanType], &str, bool); 14] = [
        (&both, "PBX.example", true),
        (&both, "192.0.2.1", true),
        (&both, "[2001:db8::1]", true),
        (&both, "2001:db8::2", false),
        (&both, "other.example", false),
        (&[dns("*.example")], "pbx.example", false),
        (&[dns("example")], "pbx.example", false),
        (&[uri("sip:pbx.example")], "pbx.example", true),
        (&[uri("sip:pbx.example"), dns("other.example")], "other.example", false),
        (&[uri("sips:pbx.example")], "pbx.example", false),
        (&[uri("sip:alice@pbx.example")], "pbx.example", false),
        (&[uri("spiffe://pbx.example/a/b"), dns("pbx.example")], "pbx.example", true),
        (&[dns("192.0.2.1.example")], "192.0.2.1", false),
        (&[], "pbx.example", false),
    ];
    for (names, host, want) in cases {
        assert_eq!(is_for(&with_names(names), host), want, "{names:?} {host}");
    }
    assert!(!is_for(&CertificateDer::from(vec![0x30, 0]), "pbx.example"), "not even a certificate");
}

#[test]
fn files_that_do_not_go_together_are_refused_with_their_name() {
    let folder = std::env::temp_dir().join(format!("ringway-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let pair = || {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["a.example".into()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (mine, other) = (pair(), pair());
    let (certificate, key) = (write("a.pem", &mine.0), write("a.key", &mine.1));
    let wrong_key = write("b.key", &other.1);
    let empty = write("empty.pem", "nothing\n");
    let load = |certificate: &Path, key: &Path, authority: Option<&Path>, clients| {
        Tls::load(Files { certificate, key, authority }, clients).map(drop).map_err(|error| error.to_string())
    };
    let off = ClientCertificates::Off;
    assert_eq!(load(&certificate, &key, None, off), Ok(()));
    assert_eq!(load(&certificate, &key, Some(&certificate), ClientCertificates::Required), Ok(()));
    for (refused, file, word) in [
        (load(&certificate, &wrong_key, None, off), "a.pem", "KeyMismatch"),
        (load(&empty, &key, None, off), "empty.pem", "no certificate"),
        (load(&certificate, &certificate, None, off), "a.pem", "no private key"),
        (load(&certificate, &key, Some(&empty), off), "empty.pem", "no certificate"),
        (load(&folder.join("gone.pem"), &key, None, off), "gone.pem", "No such file"),
        (load(&certificate, &key, None, ClientCertificates::Optional), "", "need an authority"),
    ] {
        let why = refused.unwrap_err();
        assert!(why.contains(file) && why.contains(word), "{why}");
    }
    fs::remove_dir_all(&folder).unwrap();
}
