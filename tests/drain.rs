//! The end of a node: the first SIGTERM drains, the second one ends; and what operators see of it.

mod support;

use ringway_lab::world::Node;
use serde_json::Value;
use std::{net::SocketAddr, process::Command, time::Duration};
use support::{binary, http_get, world};
use tokio::{
    net::UdpSocket,
    time::{interval, timeout},
};

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_sigterm_drains_and_the_second_ends() {
    let world = world(6).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    let phone = world.region("us-west-2").expect("there").phone();
    let edge = UdpSocket::bind((*phone.ip(), 0)).await.expect("a free port");

    assert_eq!(http_get(node.metrics_address(), "/healthz").await.0, 200);
    assert_eq!(http_get(node.metrics_address(), "/readyz").await.0, 200);
    let options = message("OPTIONS", "sip:lab.ringway.example", "", "before");
    assert_eq!(ask(&edge, node, &options).await, "SIP/2.0 200 OK");

    terminate(node);
    until(|| async { http_get(node.metrics_address(), "/readyz").await.0 == 503 }).await;
    assert_eq!(http_get(node.metrics_address(), "/healthz").await.0, 200, "it still turns");
    let options = message("OPTIONS", "sip:lab.ringway.example", "", "draining");
    assert_eq!(ask(&edge, node, &options).await, "SIP/2.0 503 Service Unavailable");
    let invite = message("INVITE", "sip:+17035550100@lab.ringway.example", "", "new-call");
    assert_eq!(ask(&edge, node, &invite).await, "SIP/2.0 503 Service Unavailable", "no new calls");

    // A call in progress goes on: its BYE reaches the far edge.
    let virginia = world.region("us-east-1").expect("there").phone();
    let far = UdpSocket::bind(virginia).await.expect("its address is free");
    let routes =
        "Route: <sip:us-west-2.lab.ringway.example;lr>\r\nRoute: <sip:us-east-1.lab.ringway.example;lr>\r\n";
    let bye = message("BYE", &format!("sip:{virginia}"), routes, "in-progress")
        .replace("To: <sip:b@x.example>", "To: <sip:b@x.example>;tag=2");
    edge.send_to(bye.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    assert!(receive(&far).await.starts_with(&format!("BYE sip:{virginia} SIP/2.0")));

    let others = world.node("us-east-1", 1).expect("the whitepaper has it");
    until(|| async {
        let nodes = verb(&["node", "list"], others);
        let drained = nodes.as_array().expect("a list").iter().find(|entry| entry["region"] == "us-west-2");
        drained.is_some_and(|entry| entry["draining"] == true)
    })
    .await;

    terminate(node);
    until(|| async { tokio::net::TcpStream::connect(node.metrics_address()).await.is_err() }).await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verbs_tell_what_the_node_knows() {
    let world = world(7).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");

    let status = verb(&["status"], node);
    assert_eq!((status["region"].as_str(), status["nodes_live"].as_u64()), (Some("us-west-2"), Some(4)));
    assert_eq!(verb(&["node", "list"], node).as_array().map(Vec::len), Some(4));
    assert_eq!(
        verb(&["link", "list"], node).as_array().map(Vec::len),
        Some(12),
        "every ordered pair of four"
    );
    let routes = verb(&["route", "list"], node);
    let virginia = routes.as_array().expect("a list").iter().find(|route| route["to"] == "us-east-1");
    assert_eq!(
        virginia.expect("a route")["ranked"][0]["path"],
        serde_json::json!(["us-west-2", "us-east-1"])
    );

    let explained = verb(&["route", "explain", "us-west-2", "us-east-1"], node);
    let candidates = explained["candidates"].as_array().expect("a list");
    assert_eq!(candidates.len(), 5, "direct, two single relays, two chains of both: {explained}");
    assert_eq!(candidates[0]["verdict"], "chosen");
    assert!(candidates[0]["r"].as_f64() > Some(90.0) && candidates[0]["delay_ms"].as_f64() > Some(30.0));
    assert!(explained["route"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));

    let away = run(&["status", "--address", "http://127.0.0.1:1"]);
    assert!(!away.status.success());
    assert!(String::from_utf8_lossy(&away.stderr).contains("no node answers"), "{away:?}");
    world.shutdown().await;
}

fn verb(words: &[&str], node: &Node) -> Value {
    let address = format!("http://{}", node.admin_address());
    let output = run(&[words, &["--json", "--address", &address]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

fn run(words: &[&str]) -> std::process::Output {
    Command::new(binary()).args(words).output().expect("the binary runs")
}

fn terminate(node: &Node) {
    let sent = Command::new("kill").args(["-TERM", &node.pid().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "our own child takes a signal");
}

async fn until<F: Future<Output = bool>>(state: impl Fn() -> F) {
    let mut looks = interval(Duration::from_millis(50));
    let reached = async {
        while !state().await {
            looks.tick().await;
        }
    };
    timeout(LIMIT, reached).await.expect("the state is reached in time");
}

async fn ask(edge: &UdpSocket, node: &Node, request: &str) -> String {
    edge.send_to(request.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    receive(edge).await.lines().next().unwrap_or_default().to_owned()
}

async fn receive(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_535];
    let received = timeout(LIMIT, socket.recv_from(&mut buffer)).await.expect("an answer in time");
    let (length, _) = received.expect("the socket is well");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn message(method: &str, uri: &str, routes: &str, call: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP nowhere.example;rport;branch=z9hG4bK{call}\r\n{routes}\
         Max-Forwards: 70\r\nFrom: <sip:a@x.example>;tag=1\r\nTo: <sip:b@x.example>\r\n\
         Call-ID: {call}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}
