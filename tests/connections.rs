//! Connections as bad input, on a real node: ten thousand that idle, and certificates and senders that are no good. A fresh
//! call goes through beside them.

mod support;

use ringway_lab::world::{Node, World};
use std::{fs, net::IpAddr, process::Stdio, time::Duration};
use support::{call::Phones, metric, peer, tls, world};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{interval, timeout},
};

/// From each of two addresses, for a node takes 5,000 from one.
const IDLE: usize = 5_000;
const IDLE_OVER_TLS: usize = 500;
/// Descriptors for the connections, and for all else that a test has open.
const DESCRIPTORS: u64 = 11_000;
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_are_in_nobodys_way() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the system knows its limits");
    if hard < DESCRIPTORS {
        eprintln!(
            "SKIPPED: this system allows {hard} descriptors, {DESCRIPTORS} are needed; nothing was tested"
        );
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit it is ours to raise");
    let world = world(1).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    let before_kb = resident_kb(node);
    let mut idle = Vec::new();
    for host in [110, 111] {
        for _ in 0..IDLE {
            idle.push(tls::connect(edge(&world, host), node.sip().into()).await);
        }
    }
    active(node, "tcp", 10_000.0).await;
    let with_tcp_kb = resident_kb(node);
    let client = tls::client(node);
    let mut over_tls = Vec::new();
    for _ in 0..IDLE_OVER_TLS {
        over_tls.push(tls::connect_tls(&client, edge(&world, 112), node.sip_tls().into()).await);
    }
    active(node, "tls", 500.0).await;
    let with_tls_kb = resident_kb(node);
    let (tcp_kb, tls_kb) = (with_tcp_kb - before_kb, with_tls_kb - with_tcp_kb);
    let each = |kb: u64, count: usize| kb * 1_024 / count as u64;
    println!(
        "{} idle connections: {} bytes each over TCP; {IDLE_OVER_TLS}: {} bytes each over TLS (resident, debug build)",
        2 * IDLE,
        each(tcp_kb, 2 * IDLE),
        each(tls_kb, IDLE_OVER_TLS)
    );
    assert!(each(tcp_kb, 2 * IDLE) < 16_384, "{tcp_kb} kB for the idle connections over TCP");

    let mut late = tls::connect(edge(&world, 110), node.sip().into()).await;
    assert!(is_closed(&mut late).await, "one address has no more than its share");
    let mut fresh = tls::connect(edge(&world, 113), node.sip().into()).await;
    assert!(options(&mut fresh, "TCP").await.starts_with("SIP/2.0 200 "), "another one is served at once");
    let mut fresh = tls::connect_tls(&client, edge(&world, 113), node.sip_tls().into()).await;
    assert!(options(&mut fresh, "TLS").await.starts_with("SIP/2.0 200 "), "over TLS as well");
    let report = Phones::plug_in(&world).await.call().await;
    assert!(report.is_good(), "a fresh call goes through: {report:?}");
    drop((idle, over_tls));
    world.shutdown().await;
}

/// OpenSSL, another TLS than ours: it checks our certificate, and gets its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_trusts_a_node_and_is_answered() {
    let Some(openssl) = peer("openssl", "openssl") else { return };
    let world = world(2).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    let mut child = tokio::process::Command::new(openssl)
        .args(["s_client", "-quiet", "-verify_return_error", "-connect", &node.sip_tls().to_string()])
        .args(["-verify_ip", &node.sip_tls().ip().to_string(), "-bind", &format!("{}:0", edge(&world, 114))])
        .arg("-CAfile")
        .arg(tls::authority(node))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    stdin.write_all(request("TLS").as_bytes()).await.expect("openssl takes it");
    let answer = first_line(&mut stdout).await;
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_slow_senders_and_plain_bytes_on_the_tls_port_are_counted_and_closed() {
    let world = world(3).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    let mut stranger = tls::connect([127, 199, 199, 199].into(), node.sip().into()).await;
    let mut plain = tls::connect(edge(&world, 115), node.sip_tls().into()).await;
    plain.write_all(request("TCP").as_bytes()).await.expect("it is sent");
    let mut silent = tls::connect(edge(&world, 115), node.sip_tls().into()).await;
    let mut slow = tls::connect(edge(&world, 115), node.sip().into()).await;
    let counting_out = async {
        let mut seconds = interval(Duration::from_secs(1));
        let text = request("TCP");
        for byte in text.as_bytes() {
            seconds.tick().await;
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        panic!("all {} bytes were taken", text.len());
    };
    let call = async {
        let report = Phones::plug_in(&world).await.call().await;
        assert!(report.is_good(), "a good call goes through beside them: {report:?}");
    };
    timeout(LIMIT, async { tokio::join!(counting_out, call) }).await.expect("the slow sender is cut off");
    assert!(is_closed(&mut stranger).await && is_closed(&mut plain).await && is_closed(&mut silent).await);
    for reason in ["stranger", "not_tls", "handshake_timeout", "slow_sender"] {
        let label = format!("reason=\"{reason}\"");
        let closed = metric(node, "ringway_sip_connections_closed_total", &label).await;
        assert_eq!(closed, 1.0, "{reason}");
    }
    world.shutdown().await;
}

fn edge(world: &World, host: u8) -> IpAddr {
    let [a, b, c, _] = world.region("us-west-2").expect("the whitepaper has it").phone().ip().octets();
    [a, b, c, host].into()
}

/// Memory of the process that is really there, kB.
fn resident_kb(node: &Node) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("this is Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line for it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

async fn active(node: &Node, transport: &str, want: f64) {
    let label = format!("transport=\"{transport}\"");
    let waiting = async {
        let mut pause = interval(Duration::from_millis(20));
        while metric(node, "ringway_sip_connections_active", &label).await < want {
            pause.tick().await;
        }
    };
    timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("{want} connections over {transport} are taken"));
}

fn request(transport: &str) -> String {
    format!(
        "OPTIONS sip:lab.ringway.example SIP/2.0\r\nVia: SIP/2.0/{transport} edge.invalid;branch=z9hG4bKconn\r\n\
         Max-Forwards: 70\r\nFrom: <sip:probe@edge.invalid>;tag=1\r\nTo: <sip:lab.ringway.example>\r\n\
         Call-ID: connections\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

async fn options(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), transport: &str) -> String {
    stream.write_all(request(transport).as_bytes()).await.expect("the node takes it");
    first_line(stream).await
}

async fn first_line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(timeout(LIMIT, stream.read_u8()).await.expect("an answer comes").expect("a whole line"));
    }
    String::from_utf8_lossy(&line).into_owned()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A reset is an end, too.
    timeout(LIMIT, stream.read_to_end(&mut rest)).await.is_ok()
}
