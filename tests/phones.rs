//! Real phones: baresip and sipsak register in their regions and reach each other across the mesh. The names in the
//! route sets are ordinary DNS for them, served by nsd.

#[path = "../node/tests/nsd/mod.rs"]
mod nsd;
mod support;

use nsd::Nsd;
use ringway_lab::world::{World, WorldSpec};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::Duration,
};
use support::{
    baresip::{Account, Baresip},
    binary, metric, peer,
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A phone's address in its region; nodes and the lab's own phones have others.
fn desk(world: &World, region: &str, host: u8) -> Ipv4Addr {
    let [a, b, c, _] = world.region(region).expect("the whitepaper has it").phone().ip().octets();
    Ipv4Addr::new(a, b, c, host)
}

fn proxy(world: &World, region: &str) -> SocketAddr {
    world.node(region, 1).expect("the whitepaper has it").sip().into()
}

/// What DNS outside the mesh says: a region's name is its node.
fn zone(world: &World) -> String {
    let record = |region: &str| format!("{region}.lab.ringway A {}\n", proxy(world, region).ip());
    ["us-west-2", "us-east-1"].map(record).concat()
}

async fn phone(
    program: &Path,
    world: &World,
    dns: SocketAddr,
    user: &str,
    region: &str,
    transport: &str,
) -> Baresip {
    let host = 150 + user.as_bytes()[0] - b'a';
    let node = world.node(region, 1).expect("the whitepaper has it");
    let proxy = if transport == "tls" { node.sip_tls() } else { node.sip() };
    let account = Account {
        user,
        domain: &world.spec().mesh_domain,
        address: desk(world, region, host),
        proxy: format!("{proxy};transport={transport}"),
        dns,
    };
    Baresip::start(program, world.directory(), &account).await
}

/// Every node knows of so many registrations.
async fn registered(world: &World, count: f64) {
    let all = async {
        for node in world.live_nodes() {
            while metric(node, "ringway_registrations_active", "").await < count {
                sleep(Duration::from_millis(50)).await;
            }
        }
    };
    timeout(LIMIT, all).await.expect("registrations are announced to every node");
}

/// One calls, the other answers, and `hangs_up` says whether the caller ends it.
async fn talk(caller: &mut Baresip, callee: &mut Baresip, target: &str, caller_hangs_up: bool) {
    caller.command("dial", target).await;
    caller.event("CALL_ESTABLISHED").await;
    callee.event("CALL_ESTABLISHED").await;
    let (ends, hears) = if caller_hangs_up { (caller, callee) } else { (callee, caller) };
    ends.command("hangup", "").await;
    hears.event("CALL_CLOSED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_register_and_call_each_other_across_regions() {
    let (Some(baresip), Some(sipsak), Some(nsd)) =
        (peer("baresip", "baresip"), peer("sipsak", "sipsak"), nsd::program())
    else {
        return;
    };
    let mut spec = WorldSpec::whitepaper();
    // sipsak, and baresip over TCP, leave by the address that the system gives them.
    for region in &mut spec.regions {
        region.trusted = vec!["127.0.0.1/32".into()];
    }
    let world = World::start(&spec, binary(), 5).await.unwrap_or_else(|error| panic!("no world: {error}"));
    let nsd = Nsd::start(&nsd, &zone(&world)).await;
    let (west, east) = ("us-west-2", "us-east-1");
    let domain = &world.spec().mesh_domain;
    let uri = |user: &str| format!("sip:{user}@{domain}");

    let mut alice = phone(&baresip, &world, nsd.address, "alice", west, "udp").await;
    let mut bob = phone(&baresip, &world, nsd.address, "bob", east, "udp").await;
    let mut carol = phone(&baresip, &world, nsd.address, "carol", east, "tcp").await;
    let mut erin = phone(&baresip, &world, nsd.address, "erin", west, "tls").await;
    registered(&world, 4.0).await;

    talk(&mut alice, &mut bob, &uri("bob"), true).await;
    talk(&mut bob, &mut alice, &uri("alice"), true).await;
    talk(&mut alice, &mut bob, &uri("bob"), false).await;
    // Over TCP: by the connection by which she registered, in the dialog too.
    talk(&mut alice, &mut carol, &uri("carol"), true).await;
    talk(&mut carol, &mut alice, &uri("alice"), false).await;
    talk(&mut bob, &mut carol, &uri("carol"), true).await;
    // Likewise over TLS, to a phone over TCP in the other region, and back.
    talk(&mut erin, &mut carol, &uri("carol"), true).await;
    talk(&mut carol, &mut erin, &uri("erin"), true).await;
    talk(&mut bob, &mut erin, &uri("erin"), false).await;

    // sipsak wants addresses that the system's own resolver knows, and a node's address is as good a name as any.
    let gateway = proxy(&world, west);
    let sip = |user: &str| format!("sip:{user}@{}", gateway.ip());
    let run = |args: &[&str]| {
        let mut command = Command::new(&sipsak);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        async move { timeout(LIMIT, command.output()).await.expect("in time").expect("sipsak runs") }
    };
    let said = run(&["-U", "-C", "sip:dave@127.0.0.1:5999", "-x", "600", "-s", &sip("dave")]).await;
    assert!(said.status.success(), "dave registers: {said:?}");
    registered(&world, 5.0).await;
    let said = run(&["-v", "-s", &sip("bob")]).await;
    assert!(said.status.success(), "bob's phone answers OPTIONS from the other region: {said:?}");
    let said = run(&["-v", "-s", &sip("nobody")]).await;
    assert!(!said.status.success(), "nobody does not: {said:?}");
    world.shutdown().await;
}
