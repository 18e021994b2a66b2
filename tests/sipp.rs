//! SIPp, the field's own load generator: through two regions and a relay while the route table is swapped under it, and
//! between callers and callees over TCP and TLS.

mod support;

use ringway_lab::world::{Node, PhoneTransport, World, WorldSpec};
use std::{net::IpAddr, path::Path, time::Duration};
use support::{
    metric, peer, pin,
    sipp::{Totals, callee_args, caller_args, errors, start},
    tls, world, world_of,
};
use tokio::{
    sync::Mutex,
    time::{interval, timeout},
};

/// One world after the other: four of them starve each other's probes, and a pinned path that counts as down is left.
static ALONE: Mutex<()> = Mutex::const_new(());

const CALLS: u64 = 5_000;
const STREAM_CALLS: u64 = 200;
const SWAPS: u64 = 10_000;
/// 12,000 of them fit into the time that the calls take. Faster, they would leave the probes of four busy debug builds no
/// processor, and a pinned path that counts as down is left.
const BETWEEN_SWAPS: Duration = Duration::from_millis(7);
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
    let mut tick = interval(BETWEEN_SWAPS);
    loop {
        tick.tick().await;
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
