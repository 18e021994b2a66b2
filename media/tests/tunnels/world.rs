//! Relays of several regions in one process, the mesh beside each of them, and phones.

use ringway_media::{
    config,
    core::tunnel::relay_id,
    metrics::Metrics,
    service::{self, ServiceError},
};
use ringway_node::{clock::Clock, phase::Life};
use ringway_proto::media::{
    CallReport, DeleteRequest, Description, MediaPath, MediaRoute, MeshWord, QueryRequest, Relay, RelayWord,
    Roster, Routes, Side, media_client::MediaClient, mesh_word, relay_word,
};
use ringway_router::NodeId;
use std::{net::Ipv4Addr, process, sync::Arc, time::Duration};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

/// Nobody waits longer for an answer or a packet.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A region: its relay, and what a proxy has of it.
pub(crate) struct Place {
    pub(crate) region: &'static str,
    pub(crate) ip: Ipv4Addr,
    pub(crate) client: MediaClient<Channel>,
    pub(crate) myself: Relay,
    words: mpsc::Sender<MeshWord>,
    heard: Streaming<RelayWord>,
    life: Life,
    relay: JoinHandle<Result<(), ServiceError>>,
}

impl Place {
    /// A relay alone; `world` tells the tests of one process apart.
    pub(crate) async fn start(world: u8, host: u8, region: &'static str) -> Self {
        Self::with(world, host, region, ("", "")).await
    }

    /// The same, with more said of the relay and of its tunnels.
    pub(crate) async fn with(
        world: u8,
        host: u8,
        region: &'static str,
        (relay, tunnels): (&str, &str),
    ) -> Self {
        let [.., high, low] = process::id().to_be_bytes();
        // Nobody else uses 127.248/13.
        let ip = Ipv4Addr::new(127, 248 + world % 8, high, low.wrapping_add(host).max(1));
        let text = format!(
            "ng_listen = \"{ip}:2223\"\ncontrol_listen = \"{ip}:50060\"\nworkers = 2\n{relay}\n\
             [[interface]]\nname = \"edge\"\nlisten = \"{ip}\"\n[tunnels]\nlisten = \"{ip}\"\n{tunnels}\n"
        );
        let config: config::Relay = toml::from_str(&text).expect("it is well formed");
        let (life, metrics) = (Life::default(), Arc::new(Metrics::new().expect("names of their own")));
        let node = NodeId { region: region.parse().expect("a name"), node: "n1".parse().expect("a name") };
        let listen = ringway_node::config::Metrics { listen: (ip, 9090).into() };
        let run = service::run(node, config, metrics, Some(listen), Clock::start(), life.clone());
        let relay = tokio::spawn(run);
        let mut client = timeout(LIMIT, connect(ip)).await.expect("the relay listens");
        let (words, outgoing) = mpsc::channel(8);
        let steered = client.steer(ReceiverStream::new(outgoing)).await.expect("it has tunnels");
        let mut heard = steered.into_inner();
        let myself = next_self(&mut heard).await;
        Self { region, ip, client, myself, words, heard, life, relay }
    }

    pub(crate) async fn say(&self, word: mesh_word::Word) {
        self.words.send(MeshWord { word: Some(word) }).await.expect("the stream is open");
    }

    /// Has the relay know these, and waits until it does.
    pub(crate) async fn meet(&self, others: &[&Place]) {
        let relays = others.iter().map(|other| other.introduced()).collect();
        self.say(mesh_word::Word::Roster(Roster { relays })).await;
        for other in others.iter().filter(|other| other.region != self.region) {
            timeout(LIMIT, self.until_known(other)).await.expect("the relay hears of it");
        }
    }

    /// A description that names an unknown relay is refused as long as it is one.
    async fn until_known(&self, other: &Place) {
        let name = |text: &str| text.parse().expect("a name");
        let relay = relay_id(&other.region.parse().expect("a name"), &name("n1"));
        let phone = self.phone().await;
        let tunneled = format!("{}a=ringway-tunnel:1 {relay} 00000001\r\n", sdp(&phone));
        let (mut client, call_id) = (self.client.clone(), "probe");
        loop {
            match client.offer(order(call_id, &tunneled, "", (Side::Mesh, Side::Edge), "")).await {
                Err(status) if status.code() == Code::NotFound => sleep(Duration::from_millis(5)).await,
                answer => drop(answer.expect("it is carried out")),
            }
            let request = DeleteRequest { call_id: call_id.into(), ..DeleteRequest::default() };
            if !client.delete(request).await.expect("a report").into_inner().streams.is_empty() {
                return;
            }
        }
    }

    /// As its proxy introduces it.
    pub(crate) fn introduced(&self) -> Relay {
        let (region, node) = (self.region.to_owned(), "n1".to_owned());
        Relay { region, node, address: self.ip.to_string(), ..self.myself.clone() }
    }

    /// Routes over these paths, one for each destination, best first.
    pub(crate) async fn route(&self, paths: &[&[&[&Place]]], protect: &str) {
        let names =
            |path: &&[&Place]| MediaPath { regions: path.iter().map(|at| at.region.into()).collect() };
        let route = |paths: &&[&[&Place]]| MediaRoute {
            to: paths[0].last().expect("a path has an end").region.into(),
            class: "voice".into(),
            paths: paths.iter().map(names).collect(),
            protect: protect.into(),
            ..MediaRoute::default()
        };
        let routes = Routes { epoch: 1, routes: paths.iter().map(route).collect(), rules: Vec::new() };
        self.say(mesh_word::Word::Routes(routes)).await;
    }

    /// The next word.
    pub(crate) async fn word(&mut self) -> relay_word::Word {
        next(&mut self.heard).await
    }

    pub(crate) async fn phone(&self) -> UdpSocket {
        UdpSocket::bind((self.ip, 0)).await.expect("a free port")
    }

    pub(crate) async fn query(&mut self, call_id: &str) -> Result<CallReport, Status> {
        let answer = self.client.query(QueryRequest { call_id: call_id.into() }).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn delete(&mut self, call_id: &str) -> CallReport {
        let request = DeleteRequest { call_id: call_id.into(), ..DeleteRequest::default() };
        self.client.delete(request).await.expect("a report").into_inner()
    }
}

/// Ends them all.
pub(crate) async fn stop<const N: usize>(places: [Place; N]) {
    for place in places {
        place.life.end();
        place.relay.await.expect("it does not panic").expect("it ends well");
    }
}

async fn connect(ip: Ipv4Addr) -> MediaClient<Channel> {
    loop {
        match MediaClient::connect(format!("http://{ip}:50060")).await {
            Ok(client) => return client,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn next(heard: &mut Streaming<RelayWord>) -> relay_word::Word {
    let word = timeout(LIMIT, heard.message()).await.expect("a word").expect("no error").expect("no end");
    word.word.expect("a word says something")
}

async fn next_self(heard: &mut Streaming<RelayWord>) -> Relay {
    loop {
        if let relay_word::Word::Self_(relay) = next(heard).await {
            return relay;
        }
    }
}

/// What a phone offers.
pub(crate) fn sdp(phone: &UdpSocket) -> String {
    let at = phone.local_addr().expect("it is bound");
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    )
}

/// A description of call `call`, as the proxies of the two edges order it: towards `region`, or from there.
pub(crate) fn order(call: &str, sdp: &str, to_tag: &str, ways: (Side, Side), region: &str) -> Description {
    Description {
        controller: "proxy".into(),
        call_id: call.into(),
        from_tag: "a".into(),
        to_tag: to_tag.into(),
        sdp: sdp.as_bytes().to_vec(),
        from: ways.0.into(),
        to: ways.1.into(),
        region: region.into(),
        ..Description::default()
    }
}

/// The address of the `c=` line, and the port of the first `m=` line.
pub(crate) fn media(sdp: &str) -> (Ipv4Addr, u16) {
    let after = |what: &str| sdp.split(what).nth(1).expect("a line").to_owned();
    let ip = after("c=IN IP4 ").split("\r\n").next().expect("a value").parse().expect("an address");
    let port = after("m=audio ").split(' ').next().expect("a value").parse().expect("a port");
    (ip, port)
}

/// A packet of a stream.
pub(crate) fn rtp(ssrc: u32, number: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x55; 160]);
    packet
}

/// A call between phones of two regions, answered.
pub(crate) struct Call {
    pub(crate) caller: UdpSocket,
    pub(crate) callee: UdpSocket,
}

impl Call {
    pub(crate) async fn place(id: &str, from: &mut Place, to: &mut Place) -> Self {
        let (caller, callee) = (from.phone().await, to.phone().await);
        let (offered, answered) = set_up(id, (&sdp(&caller), &sdp(&callee)), from, to).await;
        for (phone, sdp) in [(&caller, &answered), (&callee, &offered)] {
            phone.connect(media(sdp)).await.expect("an address");
        }
        Self { caller, callee }
    }

    /// Numbers `packets` go both ways, 20 ms apart; how many of them came each way, none twice.
    pub(crate) async fn talk(&self, packets: std::ops::Range<u16>) -> (usize, usize) {
        let (forth, back) = tokio::join!(
            said(&self.caller, &self.callee, 1, packets.clone()),
            said(&self.callee, &self.caller, 2, packets)
        );
        (forth, back)
    }
}

/// Many calls from one region to another, answered; they talk one way.
pub(crate) struct Crowd {
    caller: UdpSocket,
    callee: UdpSocket,
    /// Where the caller of each call sends to.
    ports: Vec<(Ipv4Addr, u16)>,
}

impl Crowd {
    pub(crate) async fn place(calls: u32, from: &mut Place, to: &mut Place) -> Self {
        let (caller, callee) = (from.phone().await, to.phone().await);
        let (offer, answer) = (sdp(&caller), sdp(&callee));
        let mut ports = Vec::new();
        for call in 0..calls {
            let (_, answered) = set_up(&format!("c{call}"), (&offer, &answer), from, to).await;
            ports.push(media(&answered));
        }
        Self { caller, callee, ports }
    }

    /// Each call says `packets`, five a second: how many were sent, and how many of them were heard, each counted once.
    pub(crate) async fn talk(self, packets: u16) -> (usize, usize) {
        let Self { caller, callee, ports } = self;
        let sent = ports.len() * usize::from(packets);
        let speak = async {
            let mut tick = tokio::time::interval(Duration::from_millis(200));
            for number in 0..packets {
                tick.tick().await;
                for (ssrc, to) in (0..).zip(&ports) {
                    caller.send_to(&rtp(ssrc, number), *to).await.expect("sent");
                    if ssrc % 16 == 0 {
                        // Spread over the time, as phones do.
                        sleep(Duration::from_millis(1)).await;
                    }
                }
            }
        };
        let listen = async {
            let (mut heard, mut buffer) = (std::collections::BTreeSet::new(), [0; 1_500]);
            while heard.len() < sent {
                let Ok(length) = timeout(Duration::from_secs(2), callee.recv(&mut buffer)).await else {
                    break;
                };
                let packet = &buffer[..length.expect("received")];
                let number = u16::from_be_bytes([packet[2], packet[3]]);
                let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
                assert!(heard.insert((ssrc, number)), "{ssrc}: {number} came twice");
            }
            heard.len()
        };
        let ((), heard) = tokio::join!(speak, listen);
        (sent, heard)
    }
}

/// Offer and answer pass both relays, as the proxies would have it; what callee and caller are told.
async fn set_up(
    id: &str,
    (offer, answer): (&str, &str),
    from: &mut Place,
    to: &mut Place,
) -> (String, String) {
    let (edge, mesh) = (Side::Edge, Side::Mesh);
    let between = text(from.client.offer(order(id, offer, "", (edge, mesh), to.region)).await);
    let offered = text(to.client.offer(order(id, &between, "", (mesh, edge), "")).await);
    let between = text(to.client.answer(order(id, answer, "b", (edge, mesh), "")).await);
    let answered = text(from.client.answer(order(id, &between, "b", (mesh, edge), "")).await);
    (offered, answered)
}

async fn said(from: &UdpSocket, to: &UdpSocket, ssrc: u32, packets: std::ops::Range<u16>) -> usize {
    let count = packets.len();
    let send = async {
        for number in packets.clone() {
            from.send(&rtp(ssrc, number)).await.expect("sent");
            sleep(Duration::from_millis(20)).await;
        }
    };
    let receive = async {
        let (mut seen, mut buffer) = (std::collections::BTreeSet::new(), [0; 1_500]);
        while seen.len() < count {
            let Ok(length) = timeout(Duration::from_secs(1), to.recv(&mut buffer)).await else { break };
            let packet = &buffer[..length.expect("received")];
            let number = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(packet, rtp(ssrc, number), "not a byte is another one");
            assert!(packets.contains(&number) && seen.insert(number), "{number} came twice");
        }
        seen.len()
    };
    tokio::join!(send, receive).1
}

/// The description that goes on.
pub(crate) fn text(answer: Result<tonic::Response<Description>, Status>) -> String {
    String::from_utf8(answer.expect("it is carried out").into_inner().sdp).expect("text")
}
