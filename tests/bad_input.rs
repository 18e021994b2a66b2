//! What must not hurt: garbage, strangers, floods, forged words, bad documents. Each is refused or counted, and a good
//! call goes through afterwards.

mod support;

use prost::Message as _;
use ringway_lab::world::World;
use ringway_proto::mesh::{
    Frame, Introduction, LinkReport, SignedStatement, Statement, frame::Body, mesh_client::MeshClient,
};
use std::{fs, net::SocketAddr, process::Command, time::Duration};
use support::{binary, call::Phones, metric, world};
use tokio::{
    net::UdpSocket,
    time::{interval, timeout},
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_stands_garbage_strangers_and_floods() {
    let world = world(2).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    let mut phones = Phones::plug_in(&world).await;

    let edge = bind_beside_the_phone(&world).await;
    let garbage: [&[u8]; 9] = [
        b"",
        b"\0\0\0\0",
        b"hello, is this a proxy?\r\n\r\n",
        b"INVITE sip:+17035550100@m.example SIP/2.0\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 9999999999 OK\r\n\r\n",
        &[0xff; 1_400],
        &[b'A'; 60_000],
    ];
    for datagram in garbage {
        edge.send_to(datagram, SocketAddr::from(node.sip())).await.expect("loopback takes it");
    }
    let lies = request("OPTIONS", "sip:+17035550100@lab.ringway.example", "lies", 9_999);
    edge.send_to(lies.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    counted(node, "ringway_sip_dropped_total", "", 9.0).await;
    assert_eq!(metric(node, "ringway_sip_dropped_total", "reason=\"truncated\"").await, 1.0);
    let told = timeout(SECOND, receive(&edge)).await.expect("the one that can be answered is");
    assert!(told.starts_with("SIP/2.0 400 ") && told.contains("Content-Length"), "{told}");

    let stranger = UdpSocket::bind("127.199.199.199:0").await.expect("all of 127/8 is ours");
    let invite = request("INVITE", "sip:+17035550100@lab.ringway.example", "stranger", 0);
    stranger.send_to(invite.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    counted(node, "ringway_sip_dropped_total", "reason=\"stranger_request\"", 1.0).await;
    assert_eq!(metric(node, "ringway_calls_total", "").await, 0.0, "an untrusted source gets no forwarding");
    assert!(timeout(SECOND / 2, receive(&stranger)).await.is_err(), "nor an answer");

    let transactions = metric(node, "ringway_sip_transactions_active", "").await;
    for n in 0..2_000 {
        let register = request("REGISTER", "sip:lab.ringway.example", &format!("flood{n}"), 0);
        edge.send_to(register.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    }
    let answer = timeout(SECOND, receive(&edge)).await.expect("who asks the registrar is answered");
    assert!(answer.starts_with("SIP/2.0 404 "), "x.example is no domain of ours: {answer}");
    let after = metric(node, "ringway_sip_transactions_active", "").await;
    assert!(after <= transactions + 1.0, "a flood leaves no state: {transactions} before, {after} after");

    let unknown = request("FROBNICATE", "sip:+17035550100@lab.ringway.example", "unknown-method", 0);
    edge.send_to(unknown.as_bytes(), SocketAddr::from(node.sip())).await.expect("loopback takes it");
    counted(node, "ringway_sip_requests_total", "method=\"other\"", 1.0).await;

    let report = phones.call().await;
    assert!(report.is_good(), "a good call goes through: {report:?}");
    let log = fs::read_to_string(node.log_file()).expect("the node logs");
    assert!(log.contains("call sets out") && !log.contains("+1703"), "ids, but no people:\n{log}");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mesh_takes_nobodys_word_for_anothers() {
    let world = world(3).await;
    let oregon = world.node("us-west-2", 1).expect("the whitepaper has it");
    let ohio = world.node("us-east-2", 1).expect("the whitepaper has it");
    // Ohio's papers fall into wrong hands; its node is off.
    let papers = Papers::of(&world, ohio.config_file().parent().expect("a file has a folder"));
    ohio.kill().await;

    let strange = Papers::strange(&world);
    let refused = strange.connect(SocketAddr::new(oregon.sip().ip().to_owned().into(), 50_050)).await;
    assert!(refused.is_err(), "a certificate of another authority opens no stream");

    let channel = papers.connect(SocketAddr::new(oregon.sip().ip().to_owned().into(), 50_050)).await;
    let mut client = MeshClient::new(channel.expect("a member's certificate opens a stream"));
    let link = |from: &str| LinkReport {
        from: from.into(),
        to: "us-east-1".into(),
        up: true,
        ..LinkReport::default()
    };
    let statement = |region: &str, node: &str, links| Statement {
        region: region.into(),
        node: node.into(),
        incarnation: u64::MAX / 2,
        sequence: 1,
        sip_port: 5060,
        probe_port: 8620,
        probe_key: vec![7; 16],
        links,
        ..Statement::default()
    };
    let frames = vec![
        introduce(&papers),
        papers.sign(&statement("us-east-2", "e2-1", vec![link("us-west-1")])),
        papers.sign(&statement("us-west-1", "w1-1", vec![link("us-west-1")])),
        papers.sign(&statement("us-west-2", "w2-1", vec![])),
        papers.sign(&statement("us-east-2", "nobody", vec![])),
        Frame {
            body: Some(Body::Statement(SignedStatement { statement: vec![0xff; 64], signature: vec![1] })),
        },
        Frame { body: Some(Body::Introduction(Introduction { certificate: vec![7; 99] })) },
    ];
    let _answers = client.exchange(tokio_stream::iter(frames)).await.expect("the stream opens");

    let refused = "ringway_mesh_refused_total";
    counted(oregon, refused, "reason=\"foreign_link\"", 1.0).await;
    counted(oregon, refused, "reason=\"forged\"", 2.0).await;
    counted(oregon, refused, "reason=\"not_introduced\"", 1.0).await;
    counted(oregon, refused, "reason=\"unreadable\"", 1.0).await;
    counted(oregon, refused, "reason=\"untrusted\"", 1.0).await;

    let report = Phones::plug_in(&world).await.call().await;
    assert!(report.is_good(), "a good call goes through: {report:?}");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_policy_is_refused_with_its_line_and_the_old_one_stays() {
    let world = world(4).await;
    let node = world.node("us-west-2", 1).expect("the whitepaper has it");
    world.apply_policy(&support::pin(1, "us-west-1")).await.expect("a good policy");

    let typo = "revision = 2\n[[rule]]\nname = \"typo\"\navoids = [\"us-east-2\"]\n";
    let refused = node.admin().apply_policy(typo).await.expect_err("an unknown key");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(refused.message().contains("line 4") && refused.message().contains("avoids"), "{refused}");

    let old = node.admin().apply_policy(&support::pin(1, "us-east-2")).await.expect_err("not newer");
    assert_eq!(old.code(), tonic::Code::FailedPrecondition);

    let file = node.config_file().with_file_name("policy.toml");
    fs::write(&file, typo).expect("the operator's editor writes it");
    counted(node, "ringway_policy_refused_total", "", 3.0).await;
    let routes = node.admin().routes().await.expect("the node answers");
    let virginia = routes.iter().find(|route| route.to == "us-east-1").expect("there is a route");
    assert_eq!(virginia.path, ["us-west-2", "us-west-1", "us-east-1"], "the old policy stays");

    fs::write(&file, support::pin(3, "us-east-2")).expect("the operator mends it");
    counted(node, "ringway_policy_revision", "", 3.0).await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typo_in_the_configuration_is_named_with_file_and_line() {
    let world = world(5).await;
    let good = world.node("us-west-2", 1).expect("the whitepaper has it").config_file();
    let check = |file: &std::path::Path| {
        let output = Command::new(binary()).arg("check").arg("-c").arg(file).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check(&good), (true, String::new()));

    let text = fs::read_to_string(&good).expect("the lab wrote it");
    let bad = good.with_file_name("typo.toml");
    let cases = [
        (text.replace("probe_listen", "prob_listen"), "unknown field `prob_listen`"),
        (text.replace("format = \"json\"", "format = \"xml\""), "unknown variant `xml`"),
        (text.replace("key = \"node.key\"", "key = \"nowhere.key\""), "nowhere.key"),
        (
            text.replace("prefix = \"+1703\"", "prefix = \"+1703\"\ndomain = \"x.example\""),
            "prefix and domain",
        ),
        (text.replace("region = \"us-west-2\"\nzone", "region = \"US West\"\nzone"), "node.region"),
        (text.replace("name = \"w2-1\"", "name = \"w2-7\""), "this certificate is for us-west-2/w2-1"),
    ];
    for (text, want) in cases {
        fs::write(&bad, &text).expect("the folder is ours");
        let (passed, said) = check(&bad);
        assert!(!passed && said.contains("typo.toml") && said.contains(want), "{want}: {said}");
    }
    world.shutdown().await;
}

/// Waits until a counter has reached a value: the word of the node itself that it dealt with what was sent.
async fn counted(node: &ringway_lab::world::Node, name: &str, label: &str, want: f64) {
    let mut looks = interval(SECOND / 20);
    let reached = async {
        while metric(node, name, label).await < want {
            looks.tick().await;
        }
    };
    if timeout(10 * SECOND, reached).await.is_err() {
        panic!("{name}{{{label}}} is {} and not {want}", metric(node, name, label).await);
    }
}

async fn bind_beside_the_phone(world: &World) -> UdpSocket {
    let phone = world.region("us-west-2").expect("the whitepaper has it").phone();
    UdpSocket::bind((*phone.ip(), 0)).await.expect("a free port")
}

async fn receive(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut buffer).await.expect("the socket is well");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn request(method: &str, uri: &str, call: &str, content_length: usize) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP nowhere.example;rport;branch=z9hG4bK{call}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@x.example>;tag=1\r\nTo: <sip:b@x.example>\r\n\
         Call-ID: {call}\r\nCSeq: 1 {method}\r\nContent-Length: {content_length}\r\n\r\n"
    )
}

fn introduce(papers: &Papers) -> Frame {
    let certificate = papers.identity.certificate().to_vec();
    Frame { body: Some(Body::Introduction(Introduction { certificate })) }
}

/// A node's certificate and key, in the wrong hands.
struct Papers {
    identity: ringway_node::identity::Identity,
    authority: Vec<u8>,
    domain: String,
}

impl Papers {
    fn of(world: &World, folder: &std::path::Path) -> Self {
        let identity =
            ringway_node::identity::Identity::load(&folder.join("node.pem"), &folder.join("node.key"));
        Self {
            identity: identity.expect("the lab made them"),
            authority: fs::read(folder.join("ca.pem")).expect("the lab made it"),
            domain: world.spec().mesh_domain.clone(),
        }
    }

    /// Papers that look right, of an authority that nobody asked.
    fn strange(world: &World) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
        let domain = world.spec().mesh_domain.clone();
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![domain.clone()]).expect("a name");
        let uri = format!("spiffe://{domain}/us-east-2/e2-1");
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        let issued = params.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).expect("a certificate");
        let folder = world.directory().join("strange");
        fs::create_dir_all(&folder).expect("the folder is ours");
        fs::write(folder.join("node.pem"), issued.pem()).expect("the folder is ours");
        fs::write(folder.join("node.key"), key.serialize_pem()).expect("the folder is ours");
        let trusted = world.node("us-west-2", 1).expect("there").config_file().with_file_name("ca.pem");
        fs::copy(trusted, folder.join("ca.pem")).expect("the folder is ours");
        Self::of(world, &folder)
    }

    async fn connect(&self, mesh: SocketAddr) -> Result<Channel, tonic::Status> {
        let (certificate, key) = self.identity.pem();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .identity(Identity::from_pem(certificate, key))
            .domain_name(&self.domain);
        let failed = |error: tonic::transport::Error| tonic::Status::unavailable(format!("{error:?}"));
        let endpoint = Endpoint::from_shared(format!("https://{mesh}")).map_err(failed)?;
        let channel = endpoint.tls_config(tls).map_err(failed)?.connect().await.map_err(failed)?;
        // TLS 1.3: the client learns with the first call that it was refused.
        MeshClient::new(channel.clone()).exchange(tokio_stream::empty()).await?;
        Ok(channel)
    }

    fn sign(&self, statement: &Statement) -> Frame {
        let statement = statement.encode_to_vec();
        let signature = self.identity.sign(&statement).expect("the key is good");
        Frame { body: Some(Body::Statement(SignedStatement { statement, signature })) }
    }
}
