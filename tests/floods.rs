//! A flood beside the calls: 50,000 malformed datagrams a second, and every good call succeeds.

mod support;

use ringway_lab::world::{World, WorldSpec};
use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};
use support::{
    binary, metric, peer,
    sipp::{errors, listening, start},
};
use tokio::{
    net::UdpSocket,
    time::{MissedTickBehavior, interval, timeout},
};

const CALLS: u64 = 2_000;
const CALLS_PER_SECOND: u64 = 200;
const FLOOD_PER_MS: u32 = 50;
const LIMIT: Duration = Duration::from_secs(90);

/// What a scanner, a broken device and a fuzzer send. Half of it comes from a trusted address, which gets an answer where
/// one can be made.
const GARBAGE: [&[u8]; 6] = [
    b"\0\0\0\0\0\0\0\0",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"INVITE sip:+15035550100@lab.ringway.example SIP/2.0\r\n",
    b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nCall-ID: 1\r\n\r\n",
    b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKa\r\nFrom: x\r\nTo: y\r\nCall-ID: 1\r\nCSeq: a b\r\n\r\n",
    b"SIP/2.0 999999 OK\r\n\r\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_through_beside_a_flood() {
    let Some(sipp) = peer("sipp", "sip-tester") else { return };
    let mut spec = WorldSpec::whitepaper();
    // The phones of one region call each other: nothing but one node is between them.
    spec.regions.truncate(2);
    let world = World::start(&spec, binary(), 6).await.unwrap_or_else(|error| panic!("no world: {error}"));
    let node = world.node("us-west-2", 1).expect("it is there");
    let region = world.region("us-west-2").expect("it is there");
    let target = SocketAddr::from(node.sip());
    let phone = |host: u8| {
        let [a, b, c, _] = region.phone().ip().octets();
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, host), 5060)
    };

    let _callee = start(&sipp, &world, "uas", listening(phone(100)));
    let calls = [CALLS.to_string(), CALLS_PER_SECOND.to_string(), target.to_string()];
    let more = ["-s", "+15035550100", "-m", &calls[0], "-r", &calls[1], &calls[2]];
    let more = more.map(String::from);
    let mut caller = start(&sipp, &world, "uac", [listening(phone(101)), more.to_vec()].concat());
    let sources =
        ["127.199.199.198:0".parse().expect("an address"), SocketAddrV4::new(*phone(102).ip(), 0).into()];
    let status = tokio::select! {
        never = flood(sources, target) => match never {},
        status = timeout(LIMIT, caller.wait()) => status.expect("the calls end in time").expect("sipp runs"),
    };
    let dropped = metric(node, "ringway_sip_dropped_total", "").await;
    let overflow = metric(node, "ringway_sip_kernel_dropped_total", "").await;
    let answered = metric(node, "ringway_sip_requests_total", "method=\"INVITE\"").await;
    let shed = metric(node, "ringway_sip_overload_shed_total", "").await;
    println!(
        "{CALLS} calls; {dropped} malformed datagrams dropped, {overflow} datagrams dropped by the kernel, {shed:.0} shed"
    );
    assert!(status.success(), "a call failed: sipp says {status}\n{}", errors(&world));
    assert!(answered >= 2_000.0, "{answered} INVITEs");
    // Ten seconds of calls, and a flood all along.
    assert!(dropped + overflow >= 500_000.0, "{dropped} + {overflow}: was that a flood?");
    world.shutdown().await;
}

/// Floods for ever: 50 datagrams a millisecond, and what is late is caught up with.
async fn flood(sources: [SocketAddr; 2], target: SocketAddr) -> Infallible {
    let mut sockets = Vec::new();
    for source in sources {
        let socket = UdpSocket::bind(source).await.expect("all of 127/8 is ours");
        socket.connect(target).await.expect("loopback");
        sockets.push(socket);
    }
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut count = 0_usize;
    loop {
        ticks.tick().await;
        for _ in 0..FLOOD_PER_MS {
            let garbage = GARBAGE[count / 2 % GARBAGE.len()];
            // A full buffer drops it, here or there.
            let _ = sockets[count % 2].try_send(garbage);
            count += 1;
        }
    }
}
