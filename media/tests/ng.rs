//! The relay as a controller and two phones see it: orders by the ng protocol, RTP over real sockets.

use ringway_media::{config, service};
use ringway_node::{clock::Clock, phase::Life};
use serde_json::{Value, json};
use std::{net::Ipv4Addr, process, time::Duration};
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
    async fn start(host: u8, more: &str) -> Self {
        let [.., high, low] = process::id().to_be_bytes();
        // Nobody else uses 127.240/12.
        let ip = Ipv4Addr::new(127, 240 + host, high, low.max(1));
        let text = format!(
            "ng_listen = \"{ip}:2223\"\nworkers = 2\n{more}\n[[interface]]\nname = \"edge\"\nlisten = \"{ip}\"\n"
        );
        let config: config::Relay = toml::from_str(&text).expect("it is well formed");
        let life = Life::default();
        let relay = tokio::spawn(service::run(config, true, Clock::start(), life.clone()));
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

    async fn phone(&self) -> UdpSocket {
        UdpSocket::bind((self.ip, 0)).await.expect("a free port")
    }

    async fn offer(&mut self, call: &str, phone: &UdpSocket) -> Value {
        let sdp = sdp(phone);
        self.ask(json!({"command": "offer", "call-id": call, "from-tag": "a", "sdp": sdp, "ICE": "remove",
            "flags": ["trust-address"], "replace": ["origin"]}))
            .await
    }

    async fn answer(&mut self, call: &str, phone: &UdpSocket) -> Value {
        let sdp = sdp(phone);
        self.ask(json!({"command": "answer", "call-id": call, "from-tag": "a", "to-tag": "b", "sdp": sdp}))
            .await
    }
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
    let mut world = World::start(0, "").await;
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
    let for_anna = port(&world.answer("call-1", &bert).await);
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

    let query = world.ask(json!({"command": "query", "call-id": "call-1"})).await;
    assert_eq!(query["totals"]["RTP"]["packets"], 101, "{query}");
    assert!(query["totals"]["RTP"]["errors"].as_u64() >= Some(1), "{query}");
    let listed = world.ask(json!({"command": "list"})).await;
    assert_eq!(listed["calls"], json!(["call-1"]));
    let over = world.ask(json!({"command": "delete", "call-id": "call-1", "from-tag": "a"})).await;
    assert_eq!(
        (over["result"].as_str(), &over["totals"]["RTP"]["packets"]),
        (Some("ok"), &json!(101)),
        "{over}"
    );
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
    let unknown = world.ask(json!({"command": "query", "call-id": "call-1"})).await;
    assert_eq!(unknown["error-reason"], "Unknown call-id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_with_a_reason_and_leaves_nothing() {
    // Four pairs a worker.
    let mut world = World::start(1, "").await;
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
        (
            json!({"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdp(&anna), "transport-protocol": "RTP/SAVP"}),
            "Not supported: ",
        ),
    ] {
        let reply = world.ask(order.clone()).await;
        let said = reply["error-reason"].as_str().unwrap_or_default();
        assert!(reply["result"] == "error" && said.starts_with(reason), "{order}: {reply}");
    }
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_run_out_with_a_word_and_a_drained_relay_ends_with_its_last_call() {
    let more = "calls_max = 4";
    let mut world = World::start(2, more).await;
    let anna = world.phone().await;
    let mut taken = 0;
    for call in 0..20 {
        let reply = world.offer(&format!("call-{call}"), &anna).await;
        match reply["result"].as_str() {
            Some("ok") => taken += 1,
            Some("error") => assert_eq!(reply["error-reason"], "Parallel session limit reached", "{reply}"),
            other => panic!("{other:?}: {reply}"),
        }
    }
    assert_eq!(taken, 4, "two workers with two calls each");
    world.life.advance();
    let refused = async { while world.offer("late", &anna).await["result"] != "error" {} };
    timeout(LIMIT, refused).await.expect("it drains");
    let calls = world.ask(json!({"command": "list"})).await["calls"].clone();
    for call in calls.as_array().expect("a list") {
        assert!(!world.relay.is_finished(), "calls go on");
        world.ask(json!({"command": "delete", "call-id": call, "from-tag": "a"})).await;
    }
    let ended = timeout(LIMIT, world.relay).await.expect("it ends with the last call");
    ended.expect("no panic").expect("for no other reason");
}
