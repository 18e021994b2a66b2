//! What is said over TCP, both ways.

use super::*;

#[tokio::test]
async fn a_message_in_single_bytes_comes_whole_and_its_answer_goes_back_by_the_same_connection() {
    let mut bench = Bench::new(usual(), true).await;
    let mut phone = TcpStream::connect(bench.tcp).await.unwrap();
    for byte in [b"\r\n\r\n", MESSAGE].concat() {
        phone.write_all(&[byte]).await.unwrap();
    }
    let (from, bytes) = bench.message().await;
    assert_eq!((from.address, &bytes[..]), (phone.local_addr().unwrap(), MESSAGE));
    assert_eq!(from.transport, Transport::Tcp);
    bench.streams.send(from, Bytes::from_static(b"answer"));
    // The pong first.
    expect(&mut phone, b"\r\nanswer").await;
    drop(phone);
    assert_eq!(bench.lost().await, from);
    assert_eq!(bench.lost().await, Peer::new(Transport::Tcp, from.address));
    assert_eq!(bench.streams.count(), 0);
    bench.streams.send(from, Bytes::from_static(b"late"));
    assert_eq!(bench.lost().await, from, "that connection and no other");
}

#[tokio::test]
async fn one_connection_is_dialed_for_many_messages_and_a_dead_peer_is_lost() {
    let mut bench = Bench::new(usual(), true).await;
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Peer::new(Transport::Tcp, trunk.local_addr().unwrap());
    for _ in 0..3 {
        bench.streams.send(to, Bytes::from_static(b"x"));
    }
    let (mut accepted, _) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    expect(&mut accepted, b"xxx").await;
    assert_eq!(bench.streams.count(), 1);
    drop((accepted, trunk));
    bench.lost_for(to).await;
    bench.streams.send(to, Bytes::from_static(b"x"));
    bench.lost_for(to).await;
    assert_eq!(bench.closed("refused"), 1.0, "nobody listens there");
    let tls = Peer::new(Transport::Tls, to.address);
    bench.streams.send(tls, Bytes::from_static(b"x"));
    assert_eq!(bench.lost().await, tls, "not spoken without a certificate");
}

#[tokio::test]
async fn every_split_of_the_bytes_gives_the_same_messages() {
    let mut bench = Bench::new(usual(), true).await;
    let second = b"OPTIONS sip:b SIP/2.0\r\nCall-ID: 2\r\nl: 0\r\n\r\n";
    let all = [MESSAGE, b"\r\n", &second[..]].concat();
    for cut in 1..all.len() {
        let mut phone = TcpStream::connect(bench.tcp).await.unwrap();
        phone.set_nodelay(true).unwrap();
        say(&mut phone, &all[..cut]).await;
        tokio::task::yield_now().await;
        say(&mut phone, &all[cut..]).await;
        assert_eq!(&bench.message().await.1[..], MESSAGE, "cut at {cut}");
        assert_eq!(&bench.message().await.1[..], second, "cut at {cut}");
        drop(phone);
        bench.lost().await;
        bench.lost().await;
    }
}

#[tokio::test]
async fn ipv6_both_ways() {
    let at = "::1".parse().unwrap();
    let mut bench = Bench::start(usual(), None, true, at).await;
    let mut phone = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut phone, MESSAGE).await;
    let (from, _) = bench.message().await;
    assert_eq!(from.address, phone.local_addr().unwrap());
    bench.streams.send(from, Bytes::from_static(b"answer"));
    expect(&mut phone, b"answer").await;
    let trunk = TcpListener::bind("[::1]:0").await.unwrap();
    let to = Peer::new(Transport::Tcp, trunk.local_addr().unwrap());
    bench.streams.send(to, Bytes::from_static(b"request"));
    let (mut accepted, _) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    expect(&mut accepted, b"request").await;
}

#[tokio::test]
async fn a_connection_leaves_from_the_address_of_our_own_socket() {
    let home = IpAddr::from([127, 0, 0, 77]);
    let settings = Settings { leave_from: vec![(Transport::Tcp, home)], ..usual() };
    let bench = Bench::new(settings, true).await;
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.streams.send(Peer::new(Transport::Tcp, trunk.local_addr().unwrap()), Bytes::from_static(b"x"));
    let (_accepted, from) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    assert_eq!(from.ip(), home);
}
