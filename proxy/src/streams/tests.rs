//! Connections on loopback: what comes over them, and how they end.

use super::*;
use crate::core::view::View;
use crate::location::Directory;
use ringway_node::clock::Clock;
use ringway_router::{NodeId, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LIMIT: Duration = Duration::from_secs(10);
const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi";

/// Connections with an ear for what they bring.
struct Bench {
    streams: Streams,
    events: mpsc::UnboundedReceiver<Event>,
    at: SocketAddr,
}

impl Bench {
    async fn new(settings: Settings, admits: bool) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let home: ringway_router::Region = "us-west-2".parse().unwrap();
        let view =
            Arc::new(View::alone(Router::new(home.clone(), ringway_router::Settings::default()).table()));
        let own = NodeId { region: home, node: "w2-1".parse().unwrap() };
        let (directory, _) = Directory::new(own, crate::location::Limits::default());
        let metrics = crate::metrics::Metrics::new().unwrap();
        let (control, _) = control::Handle::new(Clock::start(), metrics, view, directory, 1);
        let sink: Sink = Arc::new(move |event| tell.send(event).unwrap_or(()));
        let streams = Streams::new(settings, sink, Arc::new(move |_| admits), control);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(streams.clone().accept(listener));
        Self { streams, events, at }
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

    /// Until the other side closes; gives what it said before.
    async fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
        let mut got = Vec::new();
        let end = timeout(LIMIT, stream.read_to_end(&mut got)).await.expect("the connection is closed");
        // A reset is an end, too.
        let _ = end;
        got
    }
}

fn short() -> Settings {
    let short = Duration::from_millis(200);
    Settings { idle: short, whole: short, connect: short, ..Settings::default() }
}

#[tokio::test]
async fn a_message_in_single_bytes_comes_whole_and_its_answer_goes_back_by_the_same_connection() {
    let mut bench = Bench::new(Settings::default(), true).await;
    let mut phone = TcpStream::connect(bench.at).await.unwrap();
    for byte in [b"\r\n\r\n", MESSAGE].concat() {
        phone.write_all(&[byte]).await.unwrap();
    }
    let (from, bytes) = bench.message().await;
    assert_eq!((from.address, &bytes[..]), (phone.local_addr().unwrap(), MESSAGE));
    bench.streams.send(from, Bytes::from_static(b"answer"));
    let mut got = [0; 8];
    timeout(LIMIT, phone.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(&got, b"\r\nanswer", "the pong first");
    drop(phone);
    assert_eq!(bench.lost().await, from);
    assert_eq!(bench.lost().await, Peer::new(Transport::Tcp, from.address));
    assert_eq!(bench.streams.count(), 0);
    bench.streams.send(from, Bytes::from_static(b"late"));
    assert_eq!(bench.lost().await, from, "that connection and no other");
}

#[tokio::test]
async fn one_connection_is_dialed_for_many_messages_and_a_dead_peer_is_lost() {
    let mut bench = Bench::new(Settings::default(), true).await;
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Peer::new(Transport::Tcp, trunk.local_addr().unwrap());
    for _ in 0..3 {
        bench.streams.send(to, Bytes::from_static(b"x"));
    }
    let (mut accepted, _) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    let mut got = [0; 3];
    timeout(LIMIT, accepted.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!((&got, bench.streams.count()), (b"xxx", 1));
    drop((accepted, trunk));
    assert!(matches!(bench.lost().await.way, Way::Flow(_)));
    assert_eq!(bench.lost().await, to, "whoever waits for an answer need not");
    bench.streams.send(to, Bytes::from_static(b"x"));
    assert!(matches!(bench.lost().await.way, Way::Flow(_)));
    assert_eq!(bench.lost().await, to, "nobody listens there");
    let tls = Peer::new(Transport::Tls, to.address);
    bench.streams.send(tls, Bytes::from_static(b"x"));
    assert_eq!(bench.lost().await, tls, "not spoken");
}

#[tokio::test]
async fn slow_senders_idle_ones_and_nonsense_are_cut_off() {
    let bench = Bench::new(short(), true).await;
    let mut slow = TcpStream::connect(bench.at).await.unwrap();
    let idle = TcpStream::connect(bench.at).await.unwrap();
    let mut nonsense = TcpStream::connect(bench.at).await.unwrap();
    nonsense.write_all(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n").await.unwrap();
    let counting = async {
        // One byte in 20 ms would keep an idle timer happy for ever.
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        for byte in MESSAGE.iter().cycle() {
            pause.tick().await;
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    };
    timeout(LIMIT, counting).await.expect("the slow sender is cut off");
    assert!(Bench::read_to_end(idle).await.is_empty());
    assert!(Bench::read_to_end(nonsense).await.is_empty());
    assert_eq!(bench.streams.count(), 0);
}

#[tokio::test]
async fn strangers_and_too_many_are_closed_at_once() {
    let bench = Bench::new(Settings::default(), false).await;
    assert!(Bench::read_to_end(TcpStream::connect(bench.at).await.unwrap()).await.is_empty());
    let settings = Settings { connections_per_source_max: 2, ..Settings::default() };
    let bench = Bench::new(settings, true).await;
    let kept = [TcpStream::connect(bench.at).await.unwrap(), TcpStream::connect(bench.at).await.unwrap()];
    assert!(Bench::read_to_end(TcpStream::connect(bench.at).await.unwrap()).await.is_empty());
    assert_eq!(bench.streams.count(), 2);
    drop(kept);
}
