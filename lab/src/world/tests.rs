//! The life and death of worlds, with stand-ins for the binary: a real one belongs to the end-to-end tests.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// A world whose nodes only sleep.
async fn sleepers() -> (World, Scratch) {
    let scratch = Scratch::create().unwrap();
    let binary = scratch.path().join("sleeper");
    fs::write(&binary, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o700)).unwrap();
    (World::spawn(&WorldSpec::whitepaper(), &binary, 1).await.unwrap(), scratch)
}

/// Whether a process is there and not only waiting to be reaped.
fn is_running(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[tokio::test]
async fn every_node_is_a_process_with_its_own_files() {
    let (world, _binary) = sleepers().await;
    assert_eq!(world.live_nodes().count(), 4);
    let node = world.node("us-east-1", 1).unwrap();
    assert_eq!((node.to_string(), node.zone()), ("us-east-1/e1-1".to_owned(), "us-east-1a"));
    assert!(is_running(node.pid()));
    let config = fs::read_to_string(node.config_file()).unwrap();
    assert!(config.contains(&format!("listen = \"{}\"", node.sip())), "{config}");
    assert!(world.node("us-east-1", 2).is_none() && world.region("mars-1").is_none());
}

#[tokio::test]
async fn dropping_a_world_ends_its_processes_and_removes_its_files() {
    let (world, _binary) = sleepers().await;
    let pids: Vec<u32> = world.live_nodes().map(Node::pid).collect();
    let directory = world.directory().to_owned();
    assert!(directory.exists());
    drop(world);
    assert!(!directory.exists());
    let end = clock::now() + LIMIT;
    while pids.iter().any(|pid| is_running(*pid)) {
        assert!(clock::now() < end, "processes {pids:?} outlived their world");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_killed_node_is_gone_and_nobody_calls_it_an_accident() {
    let (world, _binary) = sleepers().await;
    let node = world.node("us-east-2", 1).unwrap();
    node.kill().await;
    assert!(!is_running(node.pid()));
    assert!(node.death().await.is_none());
    assert_eq!(world.live_nodes().count(), 3);
    world.shutdown().await;
}

#[tokio::test]
async fn a_node_that_ends_on_its_own_is_reported_with_its_last_words() {
    // A shell takes `run` for a script and complains that there is none.
    let error = World::start(&WorldSpec::whitepaper(), Path::new("/bin/sh"), 1).await.err().unwrap();
    let text = error.to_string();
    let WorldError::Died { log, .. } = error else { panic!("{text}") };
    assert!(text.contains("us-west-2/w2-1 ended on its own") && text.contains("\n    "), "{text}");
    let left = log.parent().unwrap().parent().unwrap();
    assert!(log.exists(), "the log that the error names");
    fs::remove_dir_all(left).unwrap();
}

#[tokio::test]
async fn a_binary_that_is_not_there_leaves_nothing_behind() {
    let error = World::start(&WorldSpec::whitepaper(), Path::new("/no/such/ringway"), 1).await.err().unwrap();
    assert!(error.to_string().starts_with("cannot start /no/such/ringway: "), "{error}");
}

#[tokio::test]
async fn a_region_without_data_is_refused() {
    let mut spec = WorldSpec::whitepaper();
    spec.regions[3].name = "mars-1".into();
    let error = World::start(&spec, Path::new("/bin/sh"), 1).await.err().unwrap();
    assert_eq!(error.to_string(), "no measured round trip from us-west-2 to mars-1 in the lab's data");
}
