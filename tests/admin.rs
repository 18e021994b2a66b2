//! What operators do by hand, with real processes: orders that hold in the whole mesh, the audit, watches, and the record.

mod support;

use ringway_lab::world::{Node, WorldSpec};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    time::Duration,
};
use support::{binary, world, world_of};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_hold_in_the_whole_mesh_and_are_audited() {
    let tuning = "[sip]\noptions_interval_s = 1".parse().expect("TOML");
    let world = world_of(&WorldSpec { tuning, ..WorldSpec::whitepaper() }, 11).await;
    let west = world.node("us-west-2", 1).expect("the whitepaper has it");
    let east = world.node("us-east-1", 1).expect("the whitepaper has it");
    let direct = ["us-west-2", "us-east-1"];
    // The mesh has just met: routes may still follow the first measurements.
    until(|| chosen(west, &[]) == direct).await;
    let before_us = now_us();
    // The signalling plane from end to end.
    let well = "OPTIONS to us-east-1 was answered 200 in ";
    until(|| json(&["route", "explain", "us-west-2", "us-east-1"], west).to_string().contains(well)).await;

    // Asked in the east, obeyed in the west.
    good(&["link", "disable", "us-west-2", "us-east-1", "--why", "fiber work"], east);
    until(|| chosen(west, &[]).len() > 2).await;
    let explained = json(&["route", "explain", "us-west-2", "us-east-1"], west).to_string();
    assert!(explained.contains("loopback@us-east-1") && explained.contains("fiber work"), "{explained}");
    // Taken back at another node than the one that holds it.
    good(&["link", "enable", "us-west-2", "us-east-1"], west);
    until(|| chosen(west, &[]) == direct).await;
    until(|| json(&["override", "list"], east).as_array().is_some_and(Vec::is_empty)).await;

    good(&["route", "pin", "us-west-2", "us-east-1", "--via", "us-east-2", "--for", "8s"], west);
    until(|| chosen(west, &[]) == ["us-west-2", "us-east-2", "us-east-1"]).await;
    until(|| chosen(west, &[]) == direct).await;

    good(&["region", "drain", "us-east-1", "--for", "1h"], west);
    until(|| chosen(west, &[]).is_empty()).await;
    // The order is on its way to the other nodes.
    until(|| {
        let regions = json(&["region", "list"], east);
        let drained = regions.as_array().expect("a list").iter().find(|one| one["region"] == "us-east-1");
        drained.is_some_and(|one| one["drain"]["by"] == "loopback@us-west-2/w2-1")
    })
    .await;
    good(&["region", "undrain", "us-east-1"], east);
    until(|| chosen(west, &[]) == direct).await;

    let refused = run(&["region", "drain", "us-est-1"], west);
    assert!(!refused.status.success(), "a slip of the pen is refused");
    let endless = run(&["route", "pin", "us-west-2", "us-east-1", "--direct"], west);
    assert!(String::from_utf8_lossy(&endless.stderr).contains("--for"), "{endless:?}");

    let audit = json(&["audit", "list"], west);
    let lines: Vec<(&str, &str)> = audit
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["what"].as_str().unwrap_or(""), entry["result"].as_str().unwrap_or("")))
        .collect();
    assert!(lines.contains(&("take back disabled link us-west-2 > us-east-1", "done")), "{lines:?}");
    assert!(lines.iter().any(|(what, result)| what.contains("us-est-1") && result.starts_with("refused")));
    let file = west.config_file().with_file_name("audit.jsonl");
    assert_eq!(std::fs::read_to_string(file).expect("the audit").lines().count(), lines.len());

    // The record: that the path was another one at each of these times.
    let history = json(&["route", "history", "us-west-2", "us-east-1"], west);
    let changes: Vec<&Value> = history.as_array().expect("a list").iter().collect();
    // The mesh may have begun with a detour; what was ordered came later.
    let ordered = changes.iter().filter(|change| change["at_us"].as_u64() > Some(before_us));
    let mut detours = ordered.filter(|change| change["new"].as_array().is_some_and(|new| new.len() == 3));
    let pinned = detours.next();
    let at_us = pinned.expect("the detour is in the history")["at_us"].as_u64().expect("a time");
    let then = chosen(west, &["--at", &rfc3339(at_us)]);
    assert_eq!(serde_json::json!(then), pinned.expect("there")["new"]);
    assert_eq!(chosen(west, &["--at", &rfc3339(before_us)]), direct);
    let too_early =
        run(&["route", "explain", "us-west-2", "us-east-1", "--at", "2001-01-01T00:00:00Z"], west);
    assert!(String::from_utf8_lossy(&too_early.stderr).contains("does not reach back"), "{too_early:?}");
    // What the rules make of the calls of one tenant, to one number; and what a record from before them does.
    let rules =
        "revision = 1\n[[rule]]\nmatch = { tenant = \"acme\", called = \"+1703\" }\npin = [\"us-west-1\"]\n";
    world.apply_policy(rules).await.expect("the policy is good");
    let acme = ["--tenant", "acme", "--called", "+17035550100"];
    until(|| chosen(west, &acme) == ["us-west-2", "us-west-1", "us-east-1"]).await;
    let then = rfc3339(now_us());
    for other in [&["--tenant", "acme"][..], &["--called", "+17035550100"], &[]] {
        assert_eq!(chosen(west, other), direct, "{other:?}");
    }
    assert_eq!(chosen(west, &[&acme[..], &["--at", &then]].concat()).len(), 3);
    assert_eq!(chosen(west, &[&acme[..], &["--at", &rfc3339(before_us)]].concat()), direct);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_tell_the_present_then_changes() {
    let world = world(12).await;
    let west = world.node("us-west-2", 1).expect("the whitepaper has it");
    let address = format!("http://{}", west.admin_address());
    let mut child = Command::new(binary())
        .args(["node", "list", "--watch", "--json", "--address", &address])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = move || -> Value {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("one JSON value a line")
    };
    let present = (0..4).map(|_| next()).filter(|one| one["node"].is_string()).count();
    assert_eq!(present, 4);
    assert_eq!(next()["marker"], true);
    world.node("us-east-1", 1).expect("there").kill().await;
    let gone = tokio::task::spawn_blocking(move || {
        loop {
            if next()["gone"] == "us-east-1/e1-1" {
                return;
            }
        }
    });
    timeout(LIMIT, gone).await.expect("told in time").expect("no panic");
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    world.shutdown().await;
}

fn chosen(node: &Node, more: &[&str]) -> Vec<String> {
    let explained = json(&[&["route", "explain", "us-west-2", "us-east-1"], more].concat(), node);
    let path = explained["route"]["ranked"][0]["path"].as_array().cloned().unwrap_or_default();
    path.iter().filter_map(|region| region.as_str().map(str::to_owned)).collect()
}

fn json(words: &[&str], node: &Node) -> Value {
    let output = run(&[words, &["--json"]].concat(), node);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn good(words: &[&str], node: &Node) {
    json(words, node);
}

fn run(words: &[&str], node: &Node) -> Output {
    let address = format!("http://{}", node.admin_address());
    Command::new(binary()).args(words).args(["--address", &address]).output().expect("the binary runs")
}

async fn until(state: impl Fn() -> bool) {
    let reached = async {
        while !state() {
            sleep(POLL).await;
        }
    };
    timeout(LIMIT, reached).await.expect("the state is reached in time");
}

fn now_us() -> u64 {
    ringway_node::clock::Clock::start().unix_us()
}

/// As people write it, by way of the day since 1970.
fn rfc3339(unix_us: u64) -> String {
    let output = Command::new("date")
        .args(["-u", "-d", &format!("@{}", unix_us / 1_000_000), "+%Y-%m-%dT%H:%M:%S"])
        .output()
        .expect("date runs");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    format!("{}.{:06}Z", text.trim(), unix_us % 1_000_000)
}
