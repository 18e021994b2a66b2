//! Connection reuse (RFC 5923): who may be reached by the connection by which it came.

use super::{
    papers::{Authority, For},
    *,
};
use ringway_node::tls::ClientCertificates::Optional;
use tokio_rustls::{TlsConnector, client::TlsStream};

const REQUEST: &[u8] = b"request";

fn options(via: &str) -> String {
    format!(
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK1\r\nFrom: <sip:b>;tag=1\r\nTo: <sip:a>\r\n\
         Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A port of this machine at which nobody listens: what is dialed there is lost.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn over_tcp_an_alias_is_the_address_of_the_connection_with_another_port() {
    let port = free_port().await;
    let to = Peer::new(Transport::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
    for (via, reused) in [
        (format!("TCP 127.0.0.1:{port};alias"), true),
        (format!("TCP 127.0.0.1:{port}"), false),
        (format!("TLS 127.0.0.1:{port};alias"), false),
        (format!("TCP pbx.example:{port};alias"), false),
    ] {
        let mut bench = Bench::new(usual(), true).await;
        let mut phone = TcpStream::connect(bench.tcp).await.unwrap();
        say(&mut phone, options(&via).as_bytes()).await;
        let (from, _) = bench.message().await;
        bench.streams.send(to, Bytes::from_static(REQUEST));
        if reused {
            expect(&mut phone, REQUEST).await;
            assert_eq!(bench.streams.count(), 1);
            drop(phone);
            assert_eq!(
                [bench.lost().await, bench.lost().await, bench.lost().await][2],
                to,
                "its alias as well"
            );
            continue;
        }
        bench.lost_for(to).await;
        assert_eq!(bench.closed("refused"), 1.0, "{via}: dialed");
        bench.streams.send(from, Bytes::from_static(b"end"));
        expect(&mut phone, b"end").await;
    }
}

#[tokio::test]
async fn nobody_claims_the_address_of_another() {
    let mut bench = Bench::new(usual(), true).await;
    let (port, elsewhere) = (free_port().await, SocketAddr::from(([127, 0, 0, 2], 0)));
    let mut liar = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut liar, options(&format!("TCP 127.0.0.2:{port};alias")).as_bytes()).await;
    bench.message().await;
    let to = Peer::new(Transport::Tcp, SocketAddr::new(elsewhere.ip(), port));
    bench.streams.send(to, Bytes::from_static(REQUEST));
    bench.lost_for(to).await;
    // Nor an alias that somebody has.
    let mut first = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut first, options(&format!("TCP 127.0.0.1:{port};alias")).as_bytes()).await;
    bench.message().await;
    let mut second = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut second, options(&format!("TCP 127.0.0.1:{port};alias")).as_bytes()).await;
    bench.message().await;
    let to = Peer::new(Transport::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
    bench.streams.send(to, Bytes::from_static(REQUEST));
    expect(&mut first, REQUEST).await;
}

/// Only the first request counts: who has said who it is does not become another.
#[tokio::test]
async fn a_later_request_names_no_alias() {
    let mut bench = Bench::new(usual(), true).await;
    let port = free_port().await;
    let mut phone = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut phone, options("TCP 127.0.0.1:9").as_bytes()).await;
    say(&mut phone, options(&format!("TCP 127.0.0.1:{port};alias")).as_bytes()).await;
    bench.message().await;
    bench.message().await;
    let to = Peer::new(Transport::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
    bench.streams.send(to, Bytes::from_static(REQUEST));
    bench.lost_for(to).await;
}

#[tokio::test]
async fn over_tls_an_alias_is_what_the_certificate_is_for() {
    let authority = Authority::new();
    let home = For::names(&["127.0.0.1"]);
    let port = free_port().await;
    for (names, sent_by, reused) in [
        (Some(&["pbx.example"][..]), "PBX.example", true),
        (Some(&["127.0.0.1"][..]), "127.0.0.1", true),
        (Some(&["other.example"][..]), "pbx.example", false),
        (Some(&["pbx.example"][..]), "127.0.0.1", false),
        (None, "pbx.example", false),
        (None, "127.0.0.1", false),
    ] {
        let mut bench = Bench::with_tls(usual(), authority.tls(home, &authority, Optional)).await;
        let config = match names {
            Some(names) => authority.client(For::names(names), &authority),
            None => authority.nobody(),
        };
        let mut phone = call(bench.tls, config).await;
        say(&mut phone, options(&format!("TLS {sent_by}:{port};alias")).as_bytes()).await;
        bench.message().await;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let way = match sent_by.parse::<IpAddr>() {
            Ok(_) => Way::Any,
            Err(_) => bench.streams.way_to(sent_by).unwrap(),
        };
        let to = Peer { way, ..Peer::new(Transport::Tls, address) };
        bench.streams.send(to, Bytes::from_static(REQUEST));
        if reused {
            expect(&mut phone, REQUEST).await;
        } else {
            bench.lost_for(to).await;
            assert_eq!(bench.closed("refused"), 1.0, "{names:?} {sent_by}: dialed");
        }
    }
}

async fn call(at: SocketAddr, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(at).await.unwrap();
    let host = ServerName::IpAddress(at.ip().into());
    timeout(LIMIT, TlsConnector::from(config).connect(host, stream)).await.unwrap().unwrap()
}
