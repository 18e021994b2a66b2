//! Where policies are kept: one suite for every store, the real etcd among them. And the way of a document from an
//! operator's hands to every node and back, by the verbs.

mod support;

use ringway_proxy::policy::{
    Actor, Etcd, EtcdSettings, FileStore, HISTORY, Present, Record, Store, StoreError,
};
use ringway_router::Policy;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};
use support::{
    binary,
    etcd::{Cluster, Papers},
    peer, pin, world,
};

fn record(revision: u64) -> Record {
    let policy = Policy::parse(&pin(revision, "us-east-2")).expect("a good policy");
    let by = Actor { name: "operator".to_owned(), from: "192.0.2.1:4711".to_owned() };
    Record::of(&policy, by, 1_000_000 + revision)
}

async fn document(store: &Store) -> Option<String> {
    store.present().await.expect("the store answers").document
}

/// All that every store has to do. Two views of it are two nodes, or the same one.
async fn suite(one: &Store, other: &Store) {
    // Nobody has used it yet.
    assert_eq!(one.present().await.expect("the store answers"), Present::default());
    assert!(one.history().await.expect("the store answers").is_empty());

    // What one puts there, the other finds.
    one.commit(record(1), 0).await.expect("nobody was first");
    let first = other.present().await.expect("the store answers");
    assert_eq!(first.document.as_deref(), Some(record(1).document.as_str()));
    assert_eq!(other.history().await.expect("the store answers"), [record(1)]);

    // Of two who read the same, one wins, and the other is told who did.
    other.commit(record(2), first.version).await.expect("nobody was first");
    let lost = one.commit(record(3), first.version).await.expect_err("somebody was first");
    assert!(matches!(lost, StoreError::Raced { active: 2 }), "{lost}");
    let late = one.commit(record(3), 0).await.expect_err("there is one already");
    assert!(matches!(late, StoreError::Raced { active: 2 }), "{late}");
    assert_eq!(document(one).await, Some(record(2).document));
    assert_eq!(one.history().await.expect("the store answers"), [record(2), record(1)]);

    // At the same moment, too.
    let version = one.present().await.expect("the store answers").version;
    let (a, b) = tokio::join!(one.commit(record(3), version), other.commit(record(4), version));
    assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
    let winner = if a.is_ok() { 3 } else { 4 };
    assert_eq!(document(one).await, Some(record(winner).document));

    // The history has an end.
    for revision in 5..=(HISTORY as u64 + 10) {
        let version = one.present().await.expect("the store answers").version;
        one.commit(record(revision), version).await.expect("nobody was first");
    }
    let history = other.history().await.expect("the store answers");
    let revisions: Vec<u64> = history.iter().map(|record| record.revision).collect();
    assert_eq!(revisions, (11..=HISTORY as u64 + 10).rev().collect::<Vec<_>>());
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("ringway-policy-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder of its own");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn etcd_at(endpoints: Vec<String>) -> Store {
    etcd_by(&settings_at(endpoints))
}

fn etcd_by(settings: &EtcdSettings) -> Store {
    Store::Etcd(Box::new(Etcd::new(settings).expect("the addresses are good")))
}

fn settings_at(endpoints: Vec<String>) -> EtcdSettings {
    EtcdSettings {
        endpoints,
        prefix: "/ringway/test/".to_owned(),
        authority: None,
        papers: None,
        login: None,
        timeout: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn memory() {
    let store = Store::default();
    suite(&store, &store).await;
}

#[tokio::test]
async fn a_file() {
    let folder = Folder::new("suite");
    // Two views of one file do not exist: a node has a file to itself.
    let store = Store::File(FileStore::at(folder.0.join("policy.toml")));
    suite(&store, &store).await;
    let left: Vec<_> = fs::read_dir(&folder.0).expect("it is there").collect();
    assert_eq!(left.len(), 2, "the file, its history, and nothing half-written: {left:?}");
}

#[tokio::test]
async fn etcd() {
    let Some(cluster) = Cluster::start().await else { return };
    // The first member of one of them is away.
    let one = etcd_at(vec!["http://127.0.0.1:9".to_owned(), cluster.endpoint()]);
    suite(&one, &etcd_at(vec![cluster.endpoint()])).await;
}

#[tokio::test]
async fn an_etcd_that_is_away_is_said_to_be() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let store = etcd_at(vec![cluster.endpoint()]);
    store.commit(record(1), 0).await.expect("nobody was first");
    let version = store.present().await.expect("the store answers").version;
    cluster.kill();
    let away = store.commit(record(2), version).await.expect_err("it is gone");
    assert!(matches!(away, StoreError::Away(_)), "{away}");
    assert!(away.to_string().contains(&cluster.endpoint()), "{away}");
    cluster.run().await;
    // A leader has to be found; the version is what it was.
    let taken = tokio::time::timeout(Duration::from_secs(20), async {
        while let Err(error) = store.commit(record(2), version).await {
            assert!(matches!(error, StoreError::Away(_)), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    taken.await.expect("a leader is found");
    assert_eq!(document(&store).await, Some(record(2).document));
}

#[tokio::test]
async fn etcd_over_tls_and_with_a_login() {
    let Some(etcdctl) = peer("etcdctl", "etcd-client") else { return };
    let Some(cluster) = Cluster::start_with_tls().await else { return };
    let Papers { authority, certificate, key } = cluster.papers().expect("it has some");
    for words in [["user", "add", "root:secret"].as_slice(), &["auth", "enable"]] {
        let mut command = tokio::process::Command::new(&etcdctl);
        command.env("ETCDCTL_API", "3").args(["--endpoints", &cluster.endpoint()]);
        command.arg("--cacert").arg(authority).arg("--cert").arg(certificate).arg("--key").arg(key);
        let Output { status, stderr, .. } = command.args(words).output().await.expect("etcdctl runs");
        assert!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
    }
    let secret = |name: &str, text: &str| {
        let file = cluster.folder().join(name);
        fs::write(&file, text).expect("its folder is there");
        Some(("root".to_owned(), file))
    };
    let good = EtcdSettings {
        authority: Some(authority.clone()),
        papers: Some((certificate.clone(), key.clone())),
        login: secret("password", "secret\n"),
        ..settings_at(vec![cluster.endpoint()])
    };
    for (what, wrong) in [
        ("another password", EtcdSettings { login: secret("guess", "guess\n"), ..good.clone() }),
        ("no login", EtcdSettings { login: None, ..good.clone() }),
        ("no certificate", EtcdSettings { papers: None, ..good.clone() }),
        ("a member that is not trusted", EtcdSettings { authority: None, ..good.clone() }),
    ] {
        let refused = etcd_by(&wrong).present().await.expect_err(what);
        println!("{what}: {refused}");
        assert!(matches!(refused, StoreError::Refused(_) | StoreError::Away(_)), "{what}: {refused}");
    }
    suite(&etcd_by(&good), &etcd_by(&good)).await;
}

#[tokio::test]
async fn a_record_that_was_cut_off_does_not_hide_the_others() {
    let folder = Folder::new("cut");
    let file = folder.0.join("policy.toml");
    let store = Store::File(FileStore::at(file));
    store.commit(record(1), 0).await.expect("nobody was first");
    let version = store.present().await.expect("the store answers").version;
    store.commit(record(2), version).await.expect("nobody was first");
    fs::write(folder.0.join("policy.history/1.toml"), "revision = 1\ndig").expect("it can be written");
    assert_eq!(store.history().await.expect("the store answers"), [record(2)]);
}

/// `ringway policy …`: exit status, what it printed, what it complained of.
async fn verb(words: &[&str]) -> (bool, String, String) {
    let ran = tokio::process::Command::new(binary()).arg("policy").args(words).output().await;
    let Output { status, stdout, stderr } = ran.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.success(), text(stdout), text(stderr))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).expect("it can be written");
    file.to_str().expect("a plain name").to_owned()
}

/// Waits until it is so; says what was so at last when it never is.
async fn until<F: Future<Output = (bool, String)>>(look: impl Fn() -> F) {
    let mut last = String::new();
    let so = async {
        loop {
            let (is_so, said) = look().await;
            last = said;
            if is_so {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), so).await.is_ok();
    assert!(in_time, "never: {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_file_to_every_node_and_back() {
    let world = world(5).await;
    let folder = Folder::new("verbs");
    let [first, second] = [(1, "us-east-2"), (2, "us-west-1")]
        .map(|(revision, relay)| write(&folder.0, &format!("{revision}.toml"), &pin(revision, relay)));
    let addresses: Vec<String> =
        world.live_nodes().map(|node| format!("http://{}", node.admin_address())).collect();
    let (one, all) = (addresses[0].as_str(), addresses.join(","));

    // What it would do, without doing it.
    // A mesh that has only just met does not trust its links yet.
    until(|| async {
        let (good, plan, said) = verb(&["plan", &first, "--address", one]).await;
        assert!(good, "{plan}{said}");
        (plan.contains("us-west-2 > us-east-1: direct -> via us-east-2"), plan)
    })
    .await;
    let (good, _, _) = verb(&["apply", &first, "--expect-revision", "0", "--address", &all]).await;
    assert!(good);
    let (good, status, said) = verb(&["status", "--wait", "--address", one]).await;
    assert!(good && status.contains("revision 1, ") && !status.contains("other"), "{status}{said}");

    // The wrong revision in mind.
    let (good, _, said) = verb(&["apply", &second, "--expect-revision", "7", "--address", one]).await;
    assert!(!good && said.contains("revision 1 is active, not 7 as expected"), "{said}");

    // Nobody could call anybody.
    let nobody = "revision = 3\n[[rule]]\nname = \"nobody\"\nforbid = [\"direct\", \"*\"]\n";
    let nobody = write(&folder.0, "nobody.toml", nobody);
    let (good, plan, said) = verb(&["plan", &nobody, "--address", one]).await;
    assert!(
        !good && plan.contains("could not be reached any more") && plan.contains("nobody"),
        "{plan}{said}"
    );
    let (good, _, said) = verb(&["apply", &nobody, "--address", one]).await;
    assert!(!good && said.contains("no path would be left for "), "{said}");
    let (good, _, said) = verb(&["apply", &second, "--address", &all]).await;
    assert!(good, "{said}");
    let (good, _, said) = verb(&["apply", &nobody, "--force", "--address", one]).await;
    assert!(good, "{said}");
    let (good, _, said) = verb(&["status", "--wait", "1", "--address", one]).await;
    assert!(!good && said.contains("not all nodes go by the policy"), "{said}");

    // Back to what was good, everywhere; the one that went astray has a higher revision than the others.
    let (good, _, said) = verb(&["rollback", "1", "--address", one]).await;
    assert!(good, "{said}");
    let (good, history, _) = verb(&["history", "--json", "--address", one]).await;
    let history: Vec<serde_json::Value> = serde_json::from_str(&history).expect("JSON");
    let revisions: Vec<u64> = history.iter().filter_map(|record| record["revision"].as_u64()).collect();
    assert!(good && revisions == [4, 3, 2, 1], "{revisions:?}");
    assert_eq!(history[0]["document"].as_str(), Some(pin(4, "us-east-2").as_str()));
    assert!(history[0]["from"].as_str().is_some_and(|from| from.starts_with("127.")), "{:?}", history[0]);
    let (good, _, said) = verb(&["rollback", "77", "--address", one]).await;
    assert!(!good && said.contains("no record of revision 77"), "{said}");

    // An edit by hand is obeyed and recorded, too.
    let node = world.live_nodes().next().expect("there are four");
    let file = node.config_file().with_file_name("policy.toml");
    fs::write(&file, pin(9, "us-west-1")).expect("it can be written");
    until(|| async {
        let (_, history, _) = verb(&["history", "--address", one]).await;
        (history.contains("the policy file"), history)
    })
    .await;
    fs::write(&file, "revision = 10\nx = 1\n").expect("it can be written");
    until(|| async {
        let (_, status, _) = verb(&["status", "--address", one]).await;
        assert!(status.starts_with("revision 9, "), "{status}");
        let refused = "the document in the store was refused at";
        (status.contains(refused) && status.contains("line 2"), status)
    })
    .await;
    world.shutdown().await;
}
