//! SIPp, the field's own load generator: through two regions and a relay while the route table is swapped under it, and
//! between callers and callees over TCP and TLS.

mod support;

use ringway_lab::world::{Node, PhoneTransport, World, WorldSpec};
use std::{
    fs,
    net::{IpAddr, SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use support::{metric, peer, pin, tls, world, world_of};
use tokio::{
    process::{Child, Command},
    sync::Mutex,
    time::timeout,
};

/// One world after the other: four of them starve each other's probes, and a pinned path that counts as down is left.
static ALONE: Mutex<()> = Mutex::const_new(());

const CALLS: u64 = 5_000;
const STREAM_CALLS: u64 = 200;
const CALLS_PER_SECOND: u64 = 60;
const SWAPS: u64 = 10_000;
/// Beyond the time that the calls take: start, talk time, and one round of retransmissions.
const LIMIT: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_take_a_relay_while_the_table_is_swapped_ten_thousand_times() {
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let _alone = ALONE.lock().await;
    let world = world(1).await;
    world.apply_policy(&pin(1, "us-east-2")).await.expect("the policy is good");
    let epoch_before = epoch(&world).await;

    let mut callee = start(&sipp, &world, "uas", callee_args(&world));
    let mut caller = start(&sipp, &world, "uac", caller_args(&world, CALLS));
    let swaps = timeout(LIMIT, swap_while_calls_run(&world)).await.expect("the calls are placed in time");
    let status = timeout(LIMIT, caller.wait()).await.expect("the calls end in time").expect("sipp runs");
    assert!(status.success(), "sipp says {status}\n{}", errors(&world));
    callee.start_kill().expect("the callee is ours to end");

    let totals = Totals::read(&world);
    assert_eq!((totals.successful, totals.failed), (CALLS, 0), "{totals:?}\n{}", errors(&world));
    let epochs = epoch(&world).await - epoch_before;
    assert!(
        swaps >= SWAPS && epochs >= SWAPS,
        "{swaps} swaps asked for while calls ran, {epochs} tables made"
    );

    let mut relayed = 0.0;
    for relay in ["us-east-2", "us-west-1"] {
        let node = world.node(relay, 1).expect("the whitepaper has it");
        relayed += metric(node, "ringway_sip_requests_total", "method=\"INVITE\"").await;
    }
    assert!(relayed >= 5_000.0, "every call went over a relay, {relayed} INVITEs were seen there");
    let again = totals.retransmissions;
    println!(
        "{CALLS} calls, {again} retransmissions, {swaps} swaps, {epochs} tables, {relayed} INVITEs relayed"
    );
    world.shutdown().await;
}

/// Each call has a connection of its own, by which its answers come back; the callee in the other region speaks UDP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_over_tcp_reaches_a_callee_over_udp() {
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let _alone = ALONE.lock().await;
    let world = world(1).await;
    let mut caller = caller_args(&world, STREAM_CALLS);
    caller.extend(["-t", "tn", "-max_socket", "100"].map(String::from));
    place_calls(&sipp, &world, callee_args(&world), caller).await;
    let closed = metric(ingress(&world), "ringway_sip_connections_closed_total", "reason=\"closed\"").await;
    println!("{STREAM_CALLS} calls, {closed} connections that their caller closed");
    assert!(closed >= 100.0, "{closed} connections were closed by the caller: did it speak TCP?");
    world.shutdown().await;
}

/// Debian's SIPp has no TLS of its own; it gets some around its connections, as by stunnel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_over_tls_reaches_a_callee_over_udp() {
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let _alone = ALONE.lock().await;
    let world = world(1).await;
    let node = ingress(&world);
    let home = IpAddr::from(*world.region("us-west-2").expect("the whitepaper has it").phone().ip());
    let at = tls::tunnel(tls::client(node), home, node.sip_tls().into()).await;
    let mut caller = caller_args(&world, STREAM_CALLS);
    caller.extend(["-t", "tn", "-max_socket", "100"].map(String::from));
    *caller.iter_mut().find(|arg| **arg == node.sip().to_string()).expect("where it calls") = at.to_string();
    place_calls(&sipp, &world, callee_args(&world), caller).await;
    let open = metric(node, "ringway_sip_connections_active", "transport=\"tls\"").await;
    let closed = metric(node, "ringway_sip_connections_closed_total", "reason=\"closed\"").await;
    println!("{STREAM_CALLS} calls, {open} connections over TLS open, {closed} that their caller closed");
    assert!(open + closed >= 100.0, "{open} + {closed} connections: did it speak TLS?");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_over_udp_reaches_a_callee_over_tcp() {
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let _alone = ALONE.lock().await;
    let mut spec = WorldSpec::whitepaper();
    spec.regions[3].phone_transport = PhoneTransport::Tcp;
    let world = world_of(&spec, 1).await;
    let mut callee = callee_args(&world);
    callee.extend(["-t", "t1"].map(String::from));
    place_calls(&sipp, &world, callee, caller_args(&world, STREAM_CALLS)).await;
    let egress = world.node("us-east-1", 1).expect("the whitepaper has it");
    // The callee is gone by now, and so is its connection, a moment later.
    let closed = async {
        while metric(egress, "ringway_sip_connections_closed_total", "").await == 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        metric(egress, "ringway_sip_connections_closed_total", "").await
    };
    let closed = timeout(LIMIT, closed).await.expect("the end of a connection is counted");
    assert_eq!(closed, 1.0, "one connection for all calls");
    world.shutdown().await;
}

/// All calls succeed.
async fn place_calls(sipp: &Path, world: &World, callee: Vec<String>, caller: Vec<String>) {
    let mut callee = start(sipp, world, "uas", callee);
    let mut caller = start(sipp, world, "uac", caller);
    let status = timeout(LIMIT, caller.wait()).await.expect("the calls end in time").expect("sipp runs");
    assert!(status.success(), "sipp says {status}\n{}", errors(world));
    let totals = Totals::read(world);
    assert_eq!((totals.successful, totals.failed), (STREAM_CALLS, 0), "{totals:?}\n{}", errors(world));
    callee.start_kill().expect("the callee is ours to end");
}

fn ingress(world: &World) -> &Node {
    world.node("us-west-2", 1).expect("the whitepaper has it")
}

/// Swaps Oregon's table by turns to the one relay and to the other, one swap after the other, until every call has been
/// placed.
async fn swap_while_calls_run(world: &World) -> u64 {
    let ingress = ingress(world);
    let mut swaps = 0;
    loop {
        let relay = if swaps % 2 == 0 { "us-west-1" } else { "us-east-2" };
        ingress.admin().apply_policy(&pin(swaps + 2, relay)).await.expect("the policy is good");
        swaps += 1;
        if swaps % 50 == 0 && metric(ingress, "ringway_calls_total", "").await >= 5_000.0 {
            return swaps;
        }
    }
}

async fn epoch(world: &World) -> u64 {
    let ingress = ingress(world);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an epoch is a small number")]
    let epoch = metric(ingress, "ringway_route_epoch", "").await as u64;
    epoch
}

fn start(sipp: &Path, world: &World, role: &str, args: Vec<String>) -> Child {
    let scenario = scenario(world, role);
    Command::new(sipp)
        .args(args)
        .args(["-sf".into(), scenario, "-error_file".into(), error_file(world, role)])
        .args(["-nostdin", "-trace_err"])
        .current_dir(world.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp starts")
}

/// The scenario; it calls a number of the mesh, whatever stands between SIPp and the proxy.
fn scenario(world: &World, role: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sipp/{role}.xml"));
    let text = fs::read_to_string(file).expect("the scenario is there");
    let text = text.replace("@[remote_ip]:[remote_port]", &format!("@{}", world.spec().mesh_domain));
    let file = world.directory().join(format!("{role}.xml"));
    fs::write(&file, text).expect("the world has a folder");
    file
}

fn callee_args(world: &World) -> Vec<String> {
    let callee = world.region("us-east-1").expect("the whitepaper has it").phone();
    at(callee)
}

fn caller_args(world: &World, calls: u64) -> Vec<String> {
    let (oregon, virginia) = (world.region("us-west-2"), world.region("us-east-1"));
    let (oregon, virginia) = (oregon.expect("there"), virginia.expect("there"));
    let number = format!("{}5550100", virginia.prefix().expect("Virginia has phones"));
    let proxy = SocketAddr::from(oregon.nodes()[0].sip()).to_string();
    let statistics = statistics_file(world).display().to_string();
    let mut args = at(oregon.phone());
    args.extend([
        "-s".into(),
        number,
        "-m".into(),
        calls.to_string(),
        "-r".into(),
        CALLS_PER_SECOND.to_string(),
    ]);
    args.extend(["-trace_stat".into(), "-stf".into(), statistics, "-fd".into(), "1".into()]);
    args.push(proxy);
    args
}

fn at(address: SocketAddrV4) -> Vec<String> {
    vec!["-i".into(), address.ip().to_string(), "-p".into(), address.port().to_string()]
}

fn statistics_file(world: &World) -> PathBuf {
    world.directory().join("uac.csv")
}

fn error_file(world: &World, role: &str) -> PathBuf {
    world.directory().join(format!("{role}.err"))
}

fn errors(world: &World) -> String {
    let read = |role| fs::read_to_string(error_file(world, role)).unwrap_or_default();
    let text = format!("caller:\n{}\ncallee:\n{}", read("uac"), read("uas"));
    text.chars().take(8_000).collect()
}

/// The last line of SIPp's statistics.
#[derive(Debug)]
struct Totals {
    successful: u64,
    failed: u64,
    retransmissions: u64,
}

impl Totals {
    fn read(world: &World) -> Self {
        let text = fs::read_to_string(statistics_file(world)).expect("sipp wrote its statistics");
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().expect("a head line").split(';').collect();
        let values: Vec<&str> = lines.last().expect("a last line").split(';').collect();
        let value = |name: &str| {
            let column = names.iter().position(|column| *column == name);
            let column = column.unwrap_or_else(|| panic!("no column {name} in {names:?}"));
            values[column].parse().unwrap_or_else(|_| panic!("{name} is {:?}", values[column]))
        };
        Self {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
            retransmissions: value("Retransmissions(C)"),
        }
    }
}
