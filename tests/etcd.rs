//! A fleet that shares its policy through a real etcd: what one node is told, all obey; of two who race, one wins; what
//! is no policy is obeyed by nobody; and when etcd is away, calls and routes go on.

mod support;

use ringway_lab::world::{Node, World, WorldSpec};
use ringway_proto::{
    admin::{
        ApplyPolicyRequest, GetPolicyRequest, GetPolicyStatusRequest, PolicyStatus, admin_client::AdminClient,
    },
    etcd::{PutRequest, RequestOp, TxnRequest, kv_client::KvClient, request_op::Request},
};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use support::{
    binary,
    etcd::Cluster,
    metric, peer, pin,
    sipp::{Totals, callee_args, caller_args, errors, start},
    world_of,
};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use tonic::{Code, transport::Channel};

/// More than are placed while the test lasts.
const CALLS: u64 = 20_000;
/// Nobody waits longer for a word.
const LIMIT: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "how long something took is what this test tells")]
fn now() -> Instant {
    Instant::now()
}

async fn admin(node: &Node) -> AdminClient<Channel> {
    AdminClient::connect(format!("http://{}", node.admin_address())).await.expect("the node runs")
}

async fn status(node: &Node) -> PolicyStatus {
    let status = admin(node).await.get_policy_status(GetPolicyStatusRequest {}).await;
    status.expect("the node runs").into_inner()
}

async fn apply(node: &Node, document: &str) -> Result<u64, tonic::Status> {
    let request = ApplyPolicyRequest { document: document.to_owned(), ..ApplyPolicyRequest::default() };
    Ok(admin(node).await.apply_policy(request).await?.into_inner().revision)
}

/// Waits until every node says so; one that the lab killed is not asked.
async fn everywhere(world: &World, what: &str, is: impl Fn(&PolicyStatus) -> bool) {
    for node in world.live_nodes() {
        let told = timeout(LIMIT, async {
            while !is(&status(node).await) {
                sleep(Duration::from_millis(5)).await;
            }
        });
        told.await.unwrap_or_else(|_| panic!("{what}: not at {node}"));
    }
}

/// Puts anything where the policy is kept.
async fn put(cluster: &Cluster, world: &World, text: &str) {
    let key = format!("/ringway/{}/policy/active", world.spec().mesh_domain).into_bytes();
    let put = PutRequest { key, value: text.into(), lease: 0 };
    let success = vec![RequestOp { request: Some(Request::RequestPut(put)) }];
    let mut client = KvClient::connect(cluster.endpoint()).await.expect("etcd runs");
    client.txn(TxnRequest { success, ..TxnRequest::default() }).await.expect("etcd takes it");
}

fn spec(cluster: &Cluster) -> WorldSpec {
    let endpoint = cluster.endpoint();
    let tuning = format!(
        "[policy]\nstore = \"etcd\"\netcd_endpoints = [\"http://127.0.0.1:9\", \"{endpoint}\"]\netcd_timeout_ms = 1000\n"
    );
    WorldSpec { tuning: tuning.parse().expect("TOML"), ..WorldSpec::whitepaper() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_shares_its_policy_and_survives_its_store() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let world = world_of(&spec(&cluster), 4).await;
    let [oregon, virginia] =
        ["us-west-2", "us-east-1"].map(|region| world.node(region, 1).expect("it is there"));
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let callee = start(&sipp, &world, "uas", callee_args(&world));
    let mut caller = start(&sipp, &world, "uac", caller_args(&world, CALLS));

    applied_on_one_active_on_all(&world).await;
    of_two_one_wins(&world, oregon, virginia).await;
    rubbish_is_obeyed_by_nobody(&world, &cluster).await;

    cluster.kill();
    everywhere(&world, "etcd is gone", |status| !status.store_up).await;
    assert!(metric(oregon, "ringway_policy_store_up", "").await < 0.5);
    let away = apply(virginia, &pin(20, "us-west-1")).await.expect_err("nobody could keep it");
    assert_eq!(away.code(), Code::Unavailable, "{away}");
    println!("while etcd is away: {}", away.message());
    assert!(away.message().contains("the policy store does not answer"), "{}", away.message());
    everywhere(&world, "the last known policy", |status| status.revision == 11).await;
    let restarted = a_restart_without_etcd_knows_the_policy(&world).await;

    cluster.run().await;
    let at = now();
    everywhere(&world, "etcd is back", |status| status.store_up).await;
    println!("etcd was seen again after {} ms", at.elapsed().as_millis());
    let at = now();
    assert_eq!(apply(virginia, &pin(20, "us-west-1")).await.expect("etcd is back"), 20);
    everywhere(&world, "a later policy", |status| status.revision == 20).await;
    println!("a policy was active on all nodes {} ms after etcd came back", at.elapsed().as_millis());
    until_restarted_obeys(&world, 20).await;

    // The store may be quicker than the calls.
    let enough = async {
        while Totals::read(&world).successful <= 300 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, enough).await.expect("calls succeed");
    // No new calls; those that stand go on to their end.
    let id = caller.id().expect("it runs: it has more calls to place than this takes").to_string();
    assert!(Command::new("kill").args(["-USR1", &id]).status().await.expect("kill runs").success());
    timeout(LIMIT, caller.wait()).await.expect("the calls end in time").expect("sipp runs");
    let Totals { successful, failed, retransmissions } = Totals::read(&world);
    println!("{successful} calls meanwhile, {failed} failed, {retransmissions} retransmissions");
    assert!(successful > 300 && failed == 0, "{failed} of {successful} calls failed\n{}", errors(&world));
    drop(callee);
    drop(restarted);
    world.shutdown().await;
}

async fn applied_on_one_active_on_all(world: &World) {
    let mut took = Vec::new();
    for (round, node) in world.live_nodes().enumerate() {
        let revision = round as u64 + 1;
        let relay = ["us-west-1", "us-east-2"][round % 2];
        let at = now();
        assert_eq!(apply(node, &pin(revision, relay)).await.expect("a good policy"), revision);
        everywhere(world, "a policy", |status| status.revision == revision).await;
        took.push(at.elapsed().as_millis());
    }
    println!("applied on one node, active on all after {took:?} ms");
    assert!(took.iter().all(|took| *took <= 2_000), "longer than 2 s: {took:?} ms");
    // Everybody sees everybody else go by it.
    everywhere(world, "no drift", |status| !status.drift && status.nodes.len() == 4).await;
}

async fn of_two_one_wins(world: &World, one: &Node, other: &Node) {
    for revision in 5..10 {
        let [a, b] = ["us-west-1", "us-east-2"].map(|relay| pin(revision, relay));
        let (first, second) = tokio::join!(apply(one, &a), apply(other, &b));
        let (winner, lost) = match (first, second) {
            (Ok(_), Err(lost)) => (a, lost),
            (Err(lost), Ok(_)) => (b, lost),
            both => panic!("just one has to win: {both:?}"),
        };
        assert_eq!(lost.code(), Code::FailedPrecondition, "{lost}");
        assert!(lost.message().contains(&format!("revision {revision}")), "{}", lost.message());
        everywhere(world, "the winner's", |status| status.revision == revision).await;
        for node in world.live_nodes() {
            let policy = admin(node).await.get_policy(GetPolicyRequest {}).await.expect("the node runs");
            assert_eq!(policy.into_inner().document, winner, "{node}");
        }
    }
}

async fn rubbish_is_obeyed_by_nobody(world: &World, cluster: &Cluster) {
    let good = pin(10, "us-east-2");
    let half = &good[..good.len() - 20];
    put(cluster, world, half).await;
    everywhere(world, "half a document is refused", |status| {
        status.refused.contains("line ") && status.revision == 9
    })
    .await;
    for node in world.live_nodes() {
        assert!(metric(node, "ringway_policy_store_refused", "").await > 0.5, "{node}");
    }
    let said = status(world.live_nodes().next().expect("there are four")).await.refused;
    println!("half a document: {said}");
    // What is older than what is obeyed is not obeyed either.
    put(cluster, world, &pin(3, "us-west-1")).await;
    everywhere(world, "an old document is refused", |status| status.refused.contains("not newer")).await;
    // An operator repairs it by applying.
    let node = world.live_nodes().nth(2).expect("there are four");
    assert_eq!(apply(node, &pin(11, "us-east-2")).await.expect("it repairs"), 11);
    everywhere(world, "repaired", |status| status.revision == 11 && status.refused.is_empty()).await;
}

/// California is in nobody's way.
async fn a_restart_without_etcd_knows_the_policy(world: &World) -> Child {
    let node = world.node("us-west-1", 1).expect("it is there");
    node.kill().await;
    let child = Command::new(binary())
        .args(["run", "--config"])
        .arg(node.config_file())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts again");
    until_restarted_obeys(world, 11).await;
    assert!(!status(node).await.store_up);
    child
}

async fn until_restarted_obeys(world: &World, revision: u64) {
    let node = world.node("us-west-1", 1).expect("it is there");
    let obeys = async {
        loop {
            let status = node.admin().status().await;
            if status.is_ok_and(|status| status.ready && status.policy_revision == revision) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, obeys).await.unwrap_or_else(|_| panic!("the restarted node lacks revision {revision}"));
}
