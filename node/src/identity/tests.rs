use super::*;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use std::env;

/// A mesh authority and one certificate that it issued, as PEM files in a folder of their own.
struct Papers {
    folder: PathBuf,
}

impl Papers {
    fn issue(test: &str, uri: &str) -> Self {
        let folder = env::temp_dir().join(format!("ringway-identity-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["m.example".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let issued = params.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();
        fs::write(folder.join("node.pem"), issued.pem()).unwrap();
        fs::write(folder.join("node.key"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn identity(&self) -> Identity {
        Identity::load(&self.folder.join("node.pem"), &self.folder.join("node.key")).unwrap()
    }

    fn authority(&self) -> Authority {
        Authority::load(&self.folder.join("ca.pem"), "m.example").unwrap()
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// 2026-11-22, well inside the validity of what rcgen issues.
const NOW_US: u64 = 1_795_305_600_000_000;

#[test]
fn a_member_is_admitted_and_its_word_is_its_own() {
    let papers = Papers::issue("member", "spiffe://m.example/us-west-2/w1");
    let identity = papers.identity();
    let member = papers.authority().admit(identity.certificate(), NOW_US).unwrap();
    assert_eq!(member.id().to_string(), "spiffe://m.example/us-west-2/w1");
    let signature = identity.sign(b"the link is up").unwrap();
    member.verify(b"the link is up", &signature).unwrap();
    assert!(matches!(member.verify(b"the link is down", &signature), Err(IdentityError::Forged)));
    assert!(matches!(member.verify(b"the link is up", b"junk"), Err(IdentityError::Forged)));
}

#[test]
fn a_stranger_is_refused() {
    let ours = Papers::issue("ours", "spiffe://m.example/us-west-2/w1");
    let theirs = Papers::issue("theirs", "spiffe://m.example/us-west-2/w1");
    let refused = ours.authority().admit(theirs.identity().certificate(), NOW_US);
    assert!(matches!(refused, Err(IdentityError::Untrusted(_))), "{refused:?}");
    assert!(ours.authority().admit(b"not a certificate", NOW_US).is_err());
}

#[test]
fn another_name_is_refused() {
    for (test, uri) in [
        ("domain", "spiffe://other.example/us-west-2/w1"),
        ("short", "spiffe://m.example/us-west-2"),
        ("long", "spiffe://m.example/us-west-2/w1/x"),
        ("http", "https://m.example/us-west-2/w1"),
    ] {
        let papers = Papers::issue(test, uri);
        let refused = papers.authority().admit(papers.identity().certificate(), NOW_US);
        assert!(matches!(refused, Err(IdentityError::Nameless { .. })), "{uri}: {refused:?}");
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let papers = Papers::issue("expired", "spiffe://m.example/us-west-2/w1");
    let year_5000 = 95_617_584_000_000_000;
    assert!(papers.authority().admit(papers.identity().certificate(), year_5000).is_err());
}
