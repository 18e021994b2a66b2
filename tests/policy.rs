//! Where policies are kept: one suite for every store, the real etcd among them.

mod support;

use ringway_proxy::policy::{Actor, Etcd, EtcdSettings, FileStore, HISTORY, Present, Record, Store, StoreError};
use ringway_router::Policy;
use std::{env, fs, path::PathBuf, time::Duration};
use support::{etcd::Cluster, pin};

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
    let settings = EtcdSettings {
        endpoints,
        prefix: "/ringway/test/".to_owned(),
        authority: None,
        papers: None,
        login: None,
        timeout: Duration::from_secs(5),
    };
    Store::Etcd(Box::new(Etcd::new(&settings).expect("the addresses are good")))
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
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while let Err(error) = store.commit(record(2), version).await {
        assert!(matches!(error, StoreError::Away(_)) && std::time::Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(document(&store).await, Some(record(2).document));
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
