//! SIP over TLS: who is let in, whom we speak to, and that nothing goes without it.

use super::{
    papers::{Authority, For},
    *,
};
use ringway_node::tls::ClientCertificates::{self, Off, Optional, Required};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

const HERE: For<'static> = For { names: &["127.0.0.1", "proxy.example"], expired: false };
const PHONE: For<'static> = For { names: &["phone.example"], expired: false };

async fn bench(authority: &Authority, clients: ClientCertificates) -> Bench {
    Bench::with_tls(usual(), authority.tls(HERE, authority, clients)).await
}

async fn call(at: SocketAddr, config: Arc<ClientConfig>) -> io::Result<client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(at).await.unwrap();
    let host = ServerName::IpAddress(at.ip().into());
    timeout(LIMIT, TlsConnector::from(config).connect(host, stream)).await.expect("an end to it")
}

/// A trunk over TLS with this certificate.
struct Trunk {
    listener: TcpListener,
    tls: Tls,
}

impl Trunk {
    async fn new(authority: &Authority, whom: For<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, tls: authority.tls(whom, authority, Off) }
    }

    fn peer(&self) -> Peer {
        Peer::new(Transport::Tls, self.listener.local_addr().unwrap())
    }

    async fn accept(&self) -> io::Result<server::TlsStream<TcpStream>> {
        let (stream, _) = timeout(LIMIT, self.listener.accept()).await.unwrap().unwrap();
        timeout(LIMIT, TlsAcceptor::from(Arc::clone(&self.tls.server)).accept(stream)).await.unwrap()
    }
}

#[tokio::test]
async fn a_phone_without_a_certificate_speaks_and_is_answered_over_tls() {
    let authority = Authority::new();
    let mut bench = bench(&authority, Off).await;
    let mut phone = call(bench.tls, authority.nobody()).await.unwrap();
    for byte in [b"\r\n\r\n", MESSAGE].concat() {
        say(&mut phone, &[byte]).await;
    }
    let (from, bytes) = bench.message().await;
    assert_eq!((from.transport, &bytes[..]), (Transport::Tls, MESSAGE));
    bench.streams.send(from, Bytes::from_static(b"answer"));
    expect(&mut phone, b"\r\nanswer").await;
    // A request to the very address and port at which the phone is connected, as its Contact has it.
    bench.streams.send(Peer::new(Transport::Tls, from.address), Bytes::from_static(b"request"));
    expect(&mut phone, b"request").await;
    phone.shutdown().await.unwrap();
    drop(phone);
    bench.lost_for(Peer::new(Transport::Tls, from.address)).await;
    assert_eq!((bench.closed("closed"), bench.streams.count()), (1.0, 0));
}

#[tokio::test]
async fn one_connection_is_dialed_for_each_name_and_the_certificate_has_to_be_for_it() {
    let authority = Authority::new();
    let mut bench = bench(&authority, Off).await;
    let trunk = Trunk::new(&authority, For::names(&["127.0.0.1", "sip:pbx.example", "other.example"])).await;
    let named = |bench: &Bench, host| Peer { way: bench.streams.way_to(host).unwrap(), ..trunk.peer() };
    for to in [trunk.peer(), named(&bench, "PBX.example")] {
        for _ in 0..3 {
            bench.streams.send(to, Bytes::from_static(b"x"));
        }
        let mut accepted = trunk.accept().await.unwrap();
        expect(&mut accepted, b"xxx").await;
        assert_eq!(bench.streams.count(), 1, "one for the three");
        say(&mut accepted, MESSAGE).await;
        let (from, _) = bench.message().await;
        assert_eq!((from.transport, from.address), (Transport::Tls, to.address));
        drop(accepted);
        bench.lost_for(to).await;
    }
    // RFC 5922 §7.1: beside a SIP URI, the DNS name says nothing.
    let other = named(&bench, "other.example");
    bench.streams.send(other, Bytes::from_static(b"x"));
    assert!(trunk.accept().await.is_err(), "it hears why, and no SIP");
    bench.lost_for(other).await;
    assert_eq!(bench.closed("certificate_name"), 1.0);
}

#[tokio::test]
async fn a_trunk_with_a_wrong_certificate_gets_no_byte_and_is_told_as_lost() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut bench = bench(&authority, Off).await;
    let cases = [
        (Trunk::new(&authority, For::names(&["127.0.0.2"])).await, "certificate_name"),
        (Trunk::new(&other, For::names(&["127.0.0.1"])).await, "certificate_untrusted"),
        (Trunk::new(&authority, For { names: &["127.0.0.1"], expired: true }).await, "certificate_expired"),
    ];
    for (trunk, reason) in cases {
        bench.streams.send(trunk.peer(), Bytes::from_static(b"secret"));
        assert!(trunk.accept().await.is_err(), "{reason}");
        bench.lost_for(trunk.peer()).await;
        assert_eq!(bench.closed(reason), 1.0, "{reason}");
    }
    assert_eq!(bench.streams.count(), 0);
}

#[tokio::test]
async fn a_trunk_that_speaks_no_tls_hears_no_sip() {
    let authority = Authority::new();
    let mut bench = bench(&authority, Off).await;
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Peer::new(Transport::Tls, trunk.local_addr().unwrap());
    bench.streams.send(to, Bytes::from_static(b"secret"));
    let (mut accepted, _) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    say(&mut accepted, b"SIP/2.0 200 OK\r\n\r\n").await;
    let heard = read_to_end(accepted).await;
    // RFC 8446 §5.1: 22 is a handshake record.
    assert_eq!(heard.first(), Some(&22));
    assert!(!heard.windows(6).any(|window| window == b"secret"));
    bench.lost_for(to).await;
    assert_eq!(bench.closed("not_tls"), 1.0);
}

#[tokio::test]
async fn clients_are_let_in_by_their_certificates() {
    let (authority, other) = (Authority::new(), Authority::new());
    let clients = [
        (authority.nobody(), "none"),
        (authority.client(PHONE, &authority), "good"),
        (other.client(PHONE, &authority), "untrusted"),
        (authority.client(For { expired: true, ..PHONE }, &authority), "expired"),
    ];
    let cases = [
        (Off, [None, None, None, None]),
        (Optional, [None, None, Some("certificate_untrusted"), Some("certificate_expired")]),
        (
            Required,
            [Some("certificate_missing"), None, Some("certificate_untrusted"), Some("certificate_expired")],
        ),
    ];
    for (mode, verdicts) in cases {
        for ((config, name), refused) in clients.iter().zip(verdicts) {
            let mut bench = bench(&authority, mode).await;
            let what = format!("{mode:?}, {name}");
            // In TLS 1.3 the client may not know yet.
            let phone = call(bench.tls, Arc::clone(config)).await;
            match refused {
                None => {
                    say(&mut phone.expect(&what), MESSAGE).await;
                    assert_eq!(&bench.message().await.1[..], MESSAGE, "{what}");
                }
                Some(reason) => {
                    if let Ok(mut phone) = phone {
                        let _ = phone.write_all(MESSAGE).await;
                        assert!(read_to_end(phone).await.is_empty(), "{what}");
                    }
                    bench.lost().await;
                    assert_eq!((bench.closed(reason), bench.streams.count()), (1.0, 0), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn our_own_certificate_is_shown_to_a_trunk_that_asks() {
    let authority = Authority::new();
    let mut bench = bench(&authority, Off).await;
    let mut trunk = Trunk::new(&authority, For::names(&["127.0.0.1"])).await;
    trunk.tls = authority.tls(For::names(&["127.0.0.1"]), &authority, Required);
    bench.streams.send(trunk.peer(), Bytes::from_static(b"x"));
    expect(&mut trunk.accept().await.expect("we show it"), b"x").await;
    bench.lost().await;
    bench.lost().await;
    trunk.tls = authority.tls(For::names(&["127.0.0.1"]), &Authority::new(), Required);
    bench.streams.send(trunk.peer(), Bytes::from_static(b"x"));
    assert!(trunk.accept().await.is_err(), "another authority");
    bench.lost_for(trunk.peer()).await;
    assert_eq!(bench.closed("tls_refused"), 1.0);
}

#[tokio::test]
async fn plain_bytes_on_the_tls_port_and_handshakes_without_end_are_cut_off() {
    let authority = Authority::new();
    let mut bench = Bench::with_tls(short(), authority.tls(HERE, &authority, Off)).await;
    let mut plain = TcpStream::connect(bench.tls).await.unwrap();
    say(&mut plain, MESSAGE).await;
    read_to_end(plain).await;
    let silent = TcpStream::connect(bench.tls).await.unwrap();
    assert!(read_to_end(silent).await.is_empty());
    // A dialed peer that accepts and never says a word.
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.streams.send(Peer::new(Transport::Tls, trunk.local_addr().unwrap()), Bytes::from_static(b"x"));
    for _ in 0..6 {
        bench.lost().await;
    }
    assert_eq!((bench.closed("not_tls"), bench.closed("handshake_timeout")), (1.0, 2.0));
}

#[tokio::test]
async fn a_slow_sender_over_tls_is_cut_off_too() {
    let authority = Authority::new();
    let mut bench = Bench::with_tls(short(), authority.tls(HERE, &authority, Off)).await;
    let mut slow = call(bench.tls, authority.nobody()).await.unwrap();
    say(&mut slow, &MESSAGE[..9]).await;
    assert!(read_to_end(slow).await.is_empty());
    bench.lost().await;
    assert_eq!(bench.closed("slow_sender"), 1.0);
}
