//! The relay as a controller and two phones see it: orders by the ng protocol, RTP over real sockets.

mod page;
mod srtp;

use ringway_media::{config, metrics::Metrics, service};
use ringway_node::{clock::Clock, phase::Life};
use ringway_router::NodeId;
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::Ipv4Addr, process, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, task::JoinHandle, time::timeout};

/// Nobody waits longer for an answer or a packet.
const LIMIT: Duration = Duration::from_secs(10);

/// A relay at an address of its own in 127/8, and a controller.
struct World {
    ip: Ipv4Addr,
    life: Life,
    relay: JoinHandle<Result<(), service::ServiceError>>,
    controller: UdpSocket,
    count: u32,
}

impl World {
    async fn start(host: u8, more: &str, ports: &str) -> Self {
        let [.., high, low] = process::id().to_be_bytes();
        // Nobody else uses 127.240/12.
        let ip = Ipv4Addr::new(127, 240 + host, high, low.max(1));
        let text = format!(
            "ng_listen = \"{ip}:2223\"\nworkers = 2\n{more}\n[[interface]]\nname = \"edge\"\nlisten = \"{ip}\"\n{ports}\n"
        );
        let config: config::Relay = toml::from_str(&text).expect("it is well formed");
        let (life, metrics) = (Life::default(), Arc::new(Metrics::new().expect("names of their own")));
        let listen = ringway_node::config::Metrics { listen: (ip, 9090).into() };
        let relay =
            tokio::spawn(service::run(node(), config, metrics, Some(listen), Clock::start(), life.clone()));
        let controller = UdpSocket::bind((ip, 0)).await.expect("a free port");
        let mut world = Self { ip, life, relay, controller, count: 0 };
        let ready = async { while world.try_ask(&json!({"command": "ping"})).await["result"] != "pong" {} };
        timeout(LIMIT, ready).await.expect("the relay answers");
        world
    }

    async fn ask(&mut self, order: Value) -> Value {
        timeout(LIMIT, self.try_ask(&order)).await.expect("an answer")
    }

    /// Asks again when nothing comes, as controllers do.
    async fn try_ask(&mut self, order: &Value) -> Value {
        self.count += 1;
        let cookie = format!("c{}", self.count);
        let datagram = format!("{cookie} {order}");
        let mut buffer = vec![0; 65_535];
        loop {
            // Before the relay listens, the kernel refuses.
            let _ = self.controller.send_to(datagram.as_bytes(), (self.ip, 2223)).await;
            let received = timeout(Duration::from_millis(200), self.controller.recv(&mut buffer)).await;
            let Ok(Ok(length)) = received else { continue };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let (of, body) = text.split_once(' ').expect("a cookie");
            if of == cookie {
                return serde_json::from_str(body).expect("JSON");
            }
        }
    }

    async fn page(&self, path: &str) -> String {
        page::page(self.ip, path).await
    }

    async fn phone(&self) -> UdpSocket {
        UdpSocket::bind((self.ip, 0)).await.expect("a free port")
    }

    async fn offer(&mut self, call: &str, phone: &UdpSocket) -> Value {
        let sdp = sdp(phone);
        self.ask(json!({"command": "offer", "call-id": call, "from-tag": "a", "sdp": sdp, "ICE": "remove",
            "flags": ["trust-address"], "replace": ["origin"]}))
            .await
    }

    /// Calls until none fits any more, `calls` at the most; those that were taken.
    async fn fill(&mut self, phone: &UdpSocket, calls: usize) -> Vec<String> {
        let mut taken = Vec::new();
        for call in (0..calls).map(|call| format!("call-{call}")) {
            let reply = self.offer(&call, phone).await;
            match reply["result"].as_str() {
                Some("ok") => taken.push(call),
                _ => assert_eq!(reply["error-reason"], "Parallel session limit reached", "{reply}"),
            }
        }
        taken
    }

    async fn answer(&mut self, call: &str, phone: &UdpSocket) -> Value {
        let sdp = sdp(phone);
        self.ask(json!({"command": "answer", "call-id": call, "from-tag": "a", "to-tag": "b", "sdp": sdp}))
            .await
    }
}

fn node() -> NodeId {
    NodeId { region: "us-west-2".parse().expect("a region"), node: "w2-1".parse().expect("a node") }
}

fn sdp(phone: &UdpSocket) -> String {
    let at = phone.local_addr().expect("it is bound");
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=x-unknown:kept\r\n"
    )
}

/// Where a description sends its receiver.
fn port(reply: &Value) -> u16 {
    let sdp = reply["sdp"].as_str().unwrap_or_else(|| panic!("no description: {reply}"));
    let media = sdp.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
    media.expect("an m= line").parse().expect("a port")
}

fn rtp(sequence: u16) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let mut packet = vec![0x80, 0, high, low, 0, 0, high, low, 1, 2, 3, 4];
    packet.extend([0xff; 160]);
    packet
}

async fn hears(phone: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 2_048];
    let length = timeout(LIMIT, phone.recv(&mut buffer)).await.expect("a packet").expect("a good socket");
    buffer.truncate(length);
    buffer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_talk_and_nobody_else_does() {
    let mut world = World::start(0, "", "").await;
    let (anna, bert, stranger) = (world.phone().await, world.phone().await, world.phone().await);
    let offered = world.offer("call-1", &anna).await;
    let text = offered["sdp"].as_str().expect("a description");
    assert!(
        text.contains(&format!("c=IN IP4 {}\r\n", world.ip)) && text.contains("a=x-unknown:kept\r\n"),
        "{text}"
    );
    // The same again is the same, whatever its cookie.
    assert_eq!(world.offer("call-1", &anna).await, offered);
    let for_bert = port(&offered);
    let answered = world.answer("call-1", &bert).await;
    let for_anna = port(&answered);
    assert_eq!(world.answer("call-1", &bert).await, answered, "the same again");
    let before: Vec<u16> = vec![for_anna, for_bert];
    assert!(before.iter().all(|port| port % 2 == 0) && for_anna != for_bert, "{before:?}");

    for sequence in 1..=50 {
        anna.send_to(&rtp(sequence), (world.ip, for_anna)).await.expect("sent");
        assert_eq!(hears(&bert).await, rtp(sequence), "as it was");
        bert.send_to(&rtp(sequence + 7), (world.ip, for_bert)).await.expect("sent");
        assert_eq!(hears(&anna).await, rtp(sequence + 7));
    }
    // A stranger's packet is dropped: what comes next is Anna's.
    stranger.send_to(&rtp(9_999), (world.ip, for_anna)).await.expect("sent");
    anna.send_to(&rtp(51), (world.ip, for_anna)).await.expect("sent");
    assert_eq!(hears(&bert).await, rtp(51));

    // What a controller orders to be held back is, and no longer than it says.
    for (command, passes, first) in [("block media", false, 52), ("unblock media", true, 54)] {
        let order = json!({"command": command, "call-id": "call-1", "from-tag": "a"});
        assert_eq!(world.ask(order).await["result"], "ok");
        anna.send_to(&rtp(first), (world.ip, for_anna)).await.expect("sent");
        anna.send_to(&rtp(first + 1), (world.ip, for_anna)).await.expect("sent");
        bert.send_to(&rtp(first + 10), (world.ip, for_bert)).await.expect("sent");
        assert_eq!(hears(&anna).await, rtp(first + 10), "the other way is open");
        if passes {
            assert_eq!((hears(&bert).await, hears(&bert).await), (rtp(first), rtp(first + 1)));
        }
    }

    let query = world.ask(json!({"command": "query", "call-id": "call-1"})).await;
    assert_eq!(query["tags"]["a"]["in dialogue with"], "b", "{query}");
    assert_eq!(query["totals"]["RTP"]["packets"], 107, "{query}");
    assert!(query["totals"]["RTP"]["errors"].as_u64() >= Some(1), "{query}");
    assert_eq!(world.page("/readyz").await, "ready\n");
    let counted = async {
        while !world.page("/metrics").await.contains("ringway_relay_packets_total 105\n") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, counted).await.expect("the metrics follow");
    let metrics = world.page("/metrics").await;
    for line in [
        "relay_dropped_total{reason=\"stranger\"} 1",
        "relay_dropped_total{reason=\"curbed\"} 2",
        "relay_calls_active 1",
    ] {
        assert!(metrics.contains(&format!("ringway_{line}\n")), "no {line}:\n{metrics}");
    }
    let listed = world.ask(json!({"command": "list"})).await;
    assert_eq!(listed["calls"], json!(["call-1"]));
    let over = world.ask(json!({"command": "delete", "call-id": "call-1", "from-tag": "a"})).await;
    assert_eq!(
        (over["result"].as_str(), &over["totals"]["RTP"]["packets"]),
        (Some("ok"), &json!(107)),
        "{over}"
    );
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
    let unknown = world.ask(json!({"command": "query", "call-id": "call-1"})).await;
    assert_eq!(unknown["error-reason"], "Unknown call-id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_with_a_reason_and_leaves_nothing() {
    let mut world = World::start(1, "", "").await;
    let anna = world.phone().await;
    for (order, reason) in [
        (json!({"command": "offer", "call-id": "x", "from-tag": "a"}), "No SDP body"),
        (json!({"command": "offer", "call-id": "x", "from-tag": "a", "sdp": "v=0\r\nnonsense"}), "SDP: "),
        (json!({"command": "start recording", "call-id": "x"}), "Not supported: start recording"),
        (json!({"command": "dance", "call-id": "x"}), "Unrecognized command"),
        (
            json!({"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdp(&anna)}),
            "Unknown call-id",
        ),
    ] {
        let reply = world.ask(order.clone()).await;
        let said = reply["error-reason"].as_str().unwrap_or_default();
        assert!(reply["result"] == "error" && said.starts_with(reason), "{order}: {reply}");
    }
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_run_out_with_a_word_and_come_back() {
    // Two workers, two calls each: a call takes a pair for each of its phones.
    let mut world = World::start(2, "", "port_min = 20000\nport_max = 20015").await;
    let anna = world.phone().await;
    let taken = world.fill(&anna, 20).await;
    assert_eq!(taken.len(), 4);
    // With a delay a call keeps its ports until then; offered anew, it stays.
    world.ask(json!({"command": "delete", "call-id": taken[0], "from-tag": "a", "delete-delay": 30})).await;
    assert_eq!(world.fill(&anna, 20).await, taken, "all are there, and are offered anew");
    for call in &taken {
        world.ask(json!({"command": "delete", "call-id": call, "from-tag": "a"})).await;
    }
    assert_eq!(world.fill(&anna, 4).await.len(), 0, "ports rest before they serve again");
    let again = async {
        while world.fill(&anna, 20).await.len() < 4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, again).await.expect("the ports come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_relay_ends_with_its_last_call() {
    let mut world = World::start(3, "calls_max = 4", "").await;
    let (anna, bert) = (world.phone().await, world.phone().await);
    let taken = world.fill(&anna, 20).await;
    assert_eq!(taken.len(), 4, "two workers with two calls each");
    world.life.advance();
    world.ask(json!({"command": "delete", "call-id": taken[0], "from-tag": "a"})).await;
    let refused = async {
        loop {
            let late = world.offer("late", &anna).await;
            if late["result"] == "error" {
                return;
            }
            world.ask(json!({"command": "delete", "call-id": "late", "from-tag": "a"})).await;
        }
    };
    timeout(LIMIT, refused).await.expect("it drains");
    for call in &taken[1..] {
        assert!(!world.relay.is_finished(), "calls go on");
        assert_eq!(world.offer(call, &anna).await["result"], "ok", "an offer that comes again");
        port(&world.answer(call, &bert).await);
        world.ask(json!({"command": "delete", "call-id": call, "from-tag": "a"})).await;
    }
    let ended = timeout(LIMIT, world.relay).await.expect("it ends with the last call");
    ended.expect("no panic").expect("for no other reason");
}

/// A flood is answered as far as it can be; nothing is lost that was promised, and nothing stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_orders_leaves_nothing_behind() {
    const ORDERS: usize = 3_000;
    let mut world = World::start(9, "", "").await;
    let phone = world.phone().await;
    let (attacker, text) = (world.phone().await, sdp(&phone));
    for n in 0..ORDERS {
        let offer = json!({"command": "offer", "call-id": format!("f{n}"), "from-tag": "a", "sdp": text});
        attacker.send_to(format!("f{n} {offer}").as_bytes(), (world.ip, 2223)).await.expect("sent");
    }
    assert_eq!(world.ask(json!({"command": "ping"})).await["result"], "pong", "others are still heard");
    let (mut promised, mut buffer) = (BTreeSet::new(), vec![0; 65_535]);
    while let Ok(Ok(length)) = timeout(Duration::from_millis(500), attacker.recv(&mut buffer)).await {
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let (cookie, body) = answer.split_once(' ').expect("a cookie");
        let body: Value = serde_json::from_str(body).expect("JSON");
        if body["result"] == "ok" {
            promised.insert(cookie.to_owned());
        }
    }
    let listed = world.ask(json!({"command": "list", "limit": 10_000})).await;
    let listed: BTreeSet<String> = listed["calls"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|id| id.as_str().expect("text").to_owned())
        .collect();
    println!("{ORDERS} orders at once, {} answered", promised.len());
    // An answer may have been lost on its way to a phone that did not listen.
    assert!(!promised.is_empty() && promised.is_subset(&listed), "{} of {}", promised.len(), listed.len());
    for call in &listed {
        assert_eq!(world.ask(json!({"command": "delete", "call-id": call})).await["result"], "ok");
    }
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
}
