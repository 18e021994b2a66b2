use super::*;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use ringway_node::identity::Identity;
use std::{fs, path::PathBuf};

/// 2026-11-22, well inside the validity of what rcgen issues.
const NOW_US: u64 = 1_795_305_600_000_000;
const EXPIRY: Duration = Duration::from_secs(4);

/// A mesh authority, and a member of the mesh with its papers.
struct Mesh {
    folder: PathBuf,
    member: Identity,
}

impl Mesh {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringway-ledger-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(SanType::URI("spiffe://m.example/us-east-1/e1".try_into().unwrap()));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let issued = params.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();
        fs::write(folder.join("node.pem"), issued.pem()).unwrap();
        fs::write(folder.join("node.key"), key.serialize_pem()).unwrap();
        let member = Identity::load(&folder.join("node.pem"), &folder.join("node.key")).unwrap();
        Self { folder, member }
    }

    /// The ledger of another node, to whom the member was introduced.
    fn ledger(&self) -> Ledger {
        let own = convert::node_id("us-west-2", "w1").unwrap();
        let authority = Authority::load(&self.folder.join("ca.pem"), "m.example").unwrap();
        let mut ledger = Ledger::new(own, authority, EXPIRY);
        assert!(ledger.introduce(NOW_US, self.member.certificate()).unwrap().1, "news at first");
        assert!(!ledger.introduce(NOW_US, self.member.certificate()).unwrap().1, "and known then");
        ledger
    }

    fn says(&self, sequence: u64, leaving: bool) -> Signed {
        let origin = convert::node_id("us-east-1", "e1").unwrap();
        let statement = convert::encode(&Statement { sequence, leaving, ..Statement::bare(origin) });
        Signed { signature: self.member.sign(&statement).unwrap(), statement }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the beginning")]
fn beginning() -> Instant {
    Instant::now()
}

#[test]
fn only_what_is_newer_is_news() {
    let (mesh, now) = (Mesh::new("newer"), beginning());
    let mut ledger = mesh.ledger();
    for (sequence, news) in [(5, true), (5, false), (4, false), (6, true)] {
        let heard = ledger.hear(now, mesh.says(sequence, false), |_| true).unwrap();
        assert_eq!(matches!(heard, Heard::New(_)), news, "{sequence}");
    }
    let mut forged = mesh.says(7, false);
    forged.statement = mesh.says(8, false).statement;
    assert!(matches!(ledger.hear(now, forged, |_| true), Err(RefusedWord::Identity(IdentityError::Forged))));
}

#[test]
fn who_is_gone_is_not_brought_back_by_an_old_word() {
    for leaving in [true, false] {
        let (mesh, now) = (Mesh::new(&format!("gone-{leaving}")), beginning());
        let mut ledger = mesh.ledger();
        ledger.hear(now, mesh.says(5, leaving), |_| true).unwrap();
        let later = if leaving { now } else { now + EXPIRY };
        assert_eq!(ledger.expire(later).len(), 1, "it left, or fell silent");
        for old in [4, 5] {
            let heard = ledger.hear(later, mesh.says(old, false), |_| true).unwrap();
            assert!(matches!(heard, Heard::Known), "a peer repeats what it heard before");
        }
        assert_eq!(ledger.all().count(), 0);
        assert!(
            matches!(ledger.hear(later, mesh.says(6, false), |_| true).unwrap(), Heard::New(_)),
            "it is back itself"
        );
    }
}
