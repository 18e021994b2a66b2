//! Connections on loopback: what comes over them, and how they end.

mod abuse;
mod alias;
mod papers;
mod plain;
mod tls;

use super::*;
use crate::{
    config::StreamsSection,
    core::view::View,
    location::{self, Directory},
    metrics::Metrics,
};
use ringway_node::clock::Clock;
use ringway_router::{NodeId, Region, Router};
use ringway_sip::Limits;
use std::net::Ipv4Addr;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(20);
const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi";

/// Connections with an ear for what they bring.
struct Bench {
    streams: Streams,
    events: mpsc::UnboundedReceiver<Event>,
    control: control::Handle,
    tcp: SocketAddr,
    /// Closed at once where the bench has no certificate.
    tls: SocketAddr,
}

impl Bench {
    async fn new(settings: Settings, admits: bool) -> Self {
        Self::start(settings, None, admits, Ipv4Addr::LOCALHOST.into()).await
    }

    async fn with_tls(settings: Settings, tls: Tls) -> Self {
        Self::start(settings, Some(tls), true, Ipv4Addr::LOCALHOST.into()).await
    }

    async fn start(settings: Settings, tls: Option<Tls>, admits: bool, at: IpAddr) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let home: Region = "us-west-2".parse().unwrap();
        let table = Router::new(home.clone(), ringway_router::Settings::default()).table();
        let view = Arc::new(View::alone(table));
        let own = NodeId { region: home, node: "w2-1".parse().unwrap() };
        let (directory, _) = Directory::new(own, location::Limits::default());
        let (control, _) = control::Handle::new(
            Clock::start(),
            Metrics::new().unwrap(),
            view,
            directory,
            crate::policy::Store::default(),
            1,
        );
        let sink: Sink = Arc::new(move |event| tell.send(event).unwrap_or(()));
        let has_tls = tls.is_some();
        let streams = Streams::new(settings, tls, sink, Arc::new(move |_| admits), control.clone());
        let listener = || listen::bind(SocketAddr::new(at, 0)).unwrap();
        let (for_tcp, for_tls) = (listener(), listener());
        let (tcp, tls) = (for_tcp.local_addr().unwrap(), for_tls.local_addr().unwrap());
        tokio::spawn(streams.clone().accept(Transport::Tcp, for_tcp));
        if has_tls {
            tokio::spawn(streams.clone().accept(Transport::Tls, for_tls));
        }
        Self { streams, events, control, tcp, tls }
    }

    async fn event(&mut self) -> Event {
        timeout(LIMIT, self.events.recv()).await.expect("something happens").unwrap()
    }

    async fn message(&mut self) -> (Peer, Bytes) {
        match self.event().await {
            Event::Message { from, bytes } => (from, bytes),
            Event::Lost(peer) => panic!("{peer} is lost"),
        }
    }

    async fn lost(&mut self) -> Peer {
        match self.event().await {
            Event::Lost(peer) => peer,
            Event::Message { .. } => panic!("a message"),
        }
    }

    /// The end of a connection that was to reach `to`: told of the connection, then of whom it was for.
    async fn lost_for(&mut self, to: Peer) {
        assert!(matches!(self.lost().await.way, Way::Flow(_)));
        assert_eq!(self.lost().await, to);
    }

    /// How many connections ended for this reason.
    fn closed(&self, reason: &str) -> f64 {
        let families = self.control.metrics().registry().gather();
        let family = families.iter().find(|family| family.name().ends_with("sip_connections_closed_total"));
        let counters = family.map(prometheus::proto::MetricFamily::get_metric).unwrap_or_default();
        let of_reason = counters.iter().filter(|counter| counter.get_label()[0].value() == reason);
        of_reason.map(|counter| counter.get_counter().get_value()).sum()
    }
}

/// Until the other side closes; gives what it said before.
async fn read_to_end(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut got = Vec::new();
    let end = timeout(LIMIT, stream.read_to_end(&mut got)).await.expect("the connection is closed");
    // A reset is an end, too.
    let _ = end;
    got
}

async fn expect(stream: &mut (impl AsyncRead + Unpin), want: &[u8]) {
    let mut got = vec![0; want.len()];
    timeout(LIMIT, stream.read_exact(&mut got)).await.expect("it comes").unwrap();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(want));
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

fn usual() -> Settings {
    StreamsSection::default().settings(Limits::default())
}

fn short() -> Settings {
    let short = Duration::from_millis(200);
    Settings { idle: short, whole: short, connect: short, handshake: short, ..usual() }
}
