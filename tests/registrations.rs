//! Who is registered, as the mesh tells it: from one node to all, also to one that comes back with nothing.

mod support;

use prost::Message as _;
use ringway_lab::world::{Node, World};
use ringway_node::{clock::Clock, identity};
use ringway_proto::mesh::{
    Binding, Bindings, Frame, Introduction, SignedBinding, frame::Body, mesh_client::MeshClient,
};
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};
use support::{binary, metric, world};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    time::{interval, timeout},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_reaches_all_nodes_and_the_one_that_comes_back() {
    let world = world(8).await;
    let ohio = world.node("us-east-2", 1).expect("the whitepaper has it");
    // Ohio's node is off, and the test speaks in its place.
    ohio.kill().await;
    let oregon = world.node("us-west-2", 1).expect("the whitepaper has it");
    let virginia = world.node("us-east-1", 1).expect("the whitepaper has it");
    let peer = Peer::connect(&world, ohio, oregon).await;

    let alice = peer.binding("sip:alice@lab.ringway.example", "sip:alice@192.0.2.1");
    let forged = Binding { region: "us-east-1".into(), node: "e1-1".into(), ..alice.clone() };
    peer.tell(&[alice, forged]).await;
    // Virginia has no stream to the test: it hears over Oregon.
    for node in [oregon, virginia] {
        let list = listed(node, &[]).await;
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(list[0]["aor"], "sip:alice@lab.ringway.example");
        assert_eq!(list[0]["contact"], "sip:alice@192.0.2.1");
        assert_eq!((list[0]["region"].as_str(), list[0]["q"].as_f64()), (Some("us-east-2"), Some(0.5)));
        until(|| async { metric(node, "ringway_registrations_active", "us-east-2").await == 1.0 }).await;
        let log = fs::read_to_string(node.log_file()).expect("the node logs");
        assert!(!log.contains("alice"), "ids, but no people:\n{log}");
    }
    assert_eq!(metric(oregon, "ringway_mesh_refused_total", "reason=\"forged\"").await, 1.0);
    let spelled = ["--aor", "SIP:%61lice@LAB.ringway.example;user=phone"];
    assert_eq!(listed(virginia, &spelled).await[0]["contact"], "sip:alice@192.0.2.1");
    let nobody = verb(virginia, &["--aor", "sip:bob@lab.ringway.example"]);
    assert_eq!(nobody, Some(Value::Array(Vec::new())));

    drop(peer);
    let _ohio = tokio::process::Command::new(binary())
        .arg("run")
        .arg("-c")
        .arg(ohio.config_file())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    assert_eq!(listed(ohio, &[]).await[0]["contact"], "sip:alice@192.0.2.1", "its own, from the others");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_registers_in_one_region_is_known_in_all_until_it_leaves() {
    let world = world(9).await;
    let oregon = world.node("us-west-2", 1).expect("the whitepaper has it");
    let virginia = world.node("us-east-1", 1).expect("the whitepaper has it");
    let home = world.region("us-west-2").expect("the whitepaper has it").phone();
    let phone = UdpSocket::bind((*home.ip(), 0)).await.expect("a free port");

    let granted = register(&phone, oregon, 1, 600).await;
    assert!(granted.starts_with("SIP/2.0 200 ") && granted.contains(";expires=600"), "{granted}");
    let list = listed(virginia, &["--aor", "sip:carol@lab.ringway.example"]).await;
    let contact = format!("sip:carol@{}", phone.local_addr().expect("it is bound"));
    assert_eq!(
        (list[0]["contact"].as_str(), list[0]["region"].as_str()),
        (Some(&*contact), Some("us-west-2"))
    );
    let brief = register(&phone, oregon, 2, 5).await;
    assert!(brief.starts_with("SIP/2.0 423 ") && brief.contains("Min-Expires: 60"), "{brief}");

    let gone = register(&phone, oregon, 3, 0).await;
    assert!(gone.starts_with("SIP/2.0 200 ") && !gone.contains("Contact:"), "{gone}");
    until(|| async { verb(virginia, &[]) == Some(Value::Array(Vec::new())) }).await;
    world.shutdown().await;
}

/// Registers carol and returns the answer.
async fn register(phone: &UdpSocket, node: &Node, cseq: u32, expires_s: u32) -> String {
    let at = phone.local_addr().expect("it is bound");
    let request = format!(
        "REGISTER sip:lab.ringway.example SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch=z9hG4bKr{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:carol@lab.ringway.example>;tag=1\r\n\
         To: <sip:carol@lab.ringway.example>\r\nCall-ID: carol\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:carol@{at}>\r\nExpires: {expires_s}\r\nContent-Length: 0\r\n\r\n"
    );
    phone.send_to(request.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    let mut buffer = vec![0; 65_535];
    let answer = timeout(LIMIT, phone.recv_from(&mut buffer)).await.expect("an answer comes");
    let (length, _) = answer.expect("the socket is well");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// What the verb prints, once it is more than nothing.
async fn listed(node: &Node, options: &[&str]) -> Value {
    let is_something = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    until(|| async { verb(node, options).as_ref().is_some_and(is_something) }).await;
    verb(node, options).expect("it answered before")
}

/// `None` while the node does not answer.
fn verb(node: &Node, options: &[&str]) -> Option<Value> {
    let address = format!("http://{}", node.admin_address());
    let words = [&["registration", "list", "--json", "--address", &address], options].concat();
    let output = Command::new(binary()).args(words).output().expect("the binary runs");
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("one JSON value"))
}

async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let mut looks = interval(Duration::from_millis(50));
    let reached = async {
        while !is_so().await {
            looks.tick().await;
        }
    };
    timeout(LIMIT, reached).await.expect("it becomes so");
}

/// A stream to a node, opened with the papers of another.
struct Peer {
    identity: identity::Identity,
    frames: mpsc::Sender<Frame>,
    _answers: tonic::Streaming<Frame>,
}

impl Peer {
    async fn connect(world: &World, papers: &Node, to: &Node) -> Self {
        let config = papers.config_file();
        let file = |name: &str| config.with_file_name(name);
        let identity = identity::Identity::load(&file("node.pem"), &file("node.key"));
        let identity = identity.expect("the lab made them");
        let (certificate, key) = identity.pem();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(fs::read(file("ca.pem")).expect("the lab made it")))
            .identity(Identity::from_pem(certificate, key))
            .domain_name(&world.spec().mesh_domain);
        let endpoint = Endpoint::from_shared(format!("https://{}:50050", to.sip().ip()));
        let endpoint = endpoint.expect("a URL").tls_config(tls).expect("good papers");
        let mut client = MeshClient::new(endpoint.connect().await.expect("the node listens"));
        let (frames, queue) = mpsc::channel(9);
        let certificate = identity.certificate().to_vec();
        let introduction = Frame { body: Some(Body::Introduction(Introduction { certificate })) };
        frames.send(introduction).await.expect("there is room");
        let stream = tokio_stream::wrappers::ReceiverStream::new(queue);
        let answers = client.exchange(stream).await.expect("a member opens a stream").into_inner();
        Self { identity, frames, _answers: answers }
    }

    /// Good for a minute.
    fn binding(&self, aor: &str, contact: &str) -> Binding {
        let now_unix_us = Clock::start().unix_us();
        Binding {
            region: "us-east-2".into(),
            node: "e2-1".into(),
            aor: aor.into(),
            contact: contact.into(),
            call_id: "c".into(),
            cseq: 1,
            q: 500,
            expires_unix_ms: now_unix_us / 1_000 + 60_000,
            updated_unix_us: now_unix_us,
            ..Binding::default()
        }
    }

    async fn tell(&self, bindings: &[Binding]) {
        let sign = |binding: &Binding| {
            let binding = binding.encode_to_vec();
            let signature = self.identity.sign(&[b"ringway binding 1\0", binding.as_slice()].concat());
            SignedBinding { binding, signature: signature.expect("the key is good") }
        };
        let bindings = Bindings { bindings: bindings.iter().map(sign).collect(), answer: None };
        self.frames.send(Frame { body: Some(Body::Bindings(bindings)) }).await.expect("there is room");
    }
}
