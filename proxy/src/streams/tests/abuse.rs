//! Who sends slowly, reads slowly, is silent, is gone, talks nonsense, or comes too often.

use super::*;

#[tokio::test]
async fn slow_senders_idle_ones_and_nonsense_are_cut_off() {
    let mut bench = Bench::new(short(), true).await;
    let mut slow = TcpStream::connect(bench.tcp).await.unwrap();
    let idle = TcpStream::connect(bench.tcp).await.unwrap();
    let mut nonsense = TcpStream::connect(bench.tcp).await.unwrap();
    nonsense.write_all(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n").await.unwrap();
    count_out(&mut slow, Duration::from_millis(20)).await;
    assert!(read_to_end(idle).await.is_empty());
    assert!(read_to_end(nonsense).await.is_empty());
    for _ in 0..6 {
        bench.lost().await;
    }
    assert_eq!(bench.streams.count(), 0);
    for reason in ["slow_sender", "idle", "no_content_length"] {
        assert_eq!(bench.closed(reason), 1.0, "{reason}");
    }
}

/// Real time, and the limit that a node would have: each byte comes well within the idle time, and the sender is cut off
/// all the same, before its message is whole.
#[tokio::test]
async fn one_byte_a_second_does_not_buy_time() {
    let settings = Settings { idle: Duration::from_secs(600), whole: Duration::from_secs(3), ..usual() };
    let bench = Bench::new(settings, true).await;
    let mut slow = TcpStream::connect(bench.tcp).await.unwrap();
    let sent = count_out(&mut slow, Duration::from_secs(1)).await;
    assert!((3..=6).contains(&sent), "{sent} bytes were taken in three seconds");
    assert_eq!(bench.closed("slow_sender"), 1.0);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up_and_told_as_lost() {
    let mut bench = Bench::new(short(), true).await;
    let trunk = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Peer::new(Transport::Tcp, trunk.local_addr().unwrap());
    let much = Bytes::from(vec![b'x'; 60_000]);
    for _ in 0..200 {
        bench.streams.send(to, much.clone());
    }
    let (_deaf, _) = timeout(LIMIT, trunk.accept()).await.unwrap().unwrap();
    bench.lost_for(to).await;
    assert_eq!(bench.closed("slow_reader"), 1.0);
    assert_eq!(bench.streams.count(), 0);
}

/// A peer whose host or network is gone sends no FIN: to us it is a connection by which nothing comes.
#[tokio::test]
async fn a_half_open_connection_ends_when_its_time_without_a_word_is_over() {
    let mut bench = Bench::new(Settings { idle: Duration::from_millis(300), ..usual() }, true).await;
    let mut gone = TcpStream::connect(bench.tcp).await.unwrap();
    say(&mut gone, MESSAGE).await;
    let (from, _) = bench.message().await;
    let mut alive = TcpStream::connect(bench.tcp).await.unwrap();
    let keep_alive = async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        loop {
            pause.tick().await;
            say(&mut alive, b"\r\n\r\n").await;
        }
    };
    let lost = tokio::select! {
        lost = bench.lost() => lost,
        () = keep_alive => unreachable!(),
    };
    assert_eq!(lost, from, "not the one that sends keepalives");
    assert_eq!((bench.closed("idle"), bench.streams.count()), (1.0, 1));
}

#[tokio::test]
async fn strangers_and_too_many_are_closed_at_once() {
    let bench = Bench::new(usual(), false).await;
    assert!(read_to_end(TcpStream::connect(bench.tcp).await.unwrap()).await.is_empty());
    let settings = Settings { connections_per_source_max: 2, ..usual() };
    let bench = Bench::new(settings, true).await;
    let kept = [TcpStream::connect(bench.tcp).await.unwrap(), TcpStream::connect(bench.tcp).await.unwrap()];
    assert!(read_to_end(TcpStream::connect(bench.tcp).await.unwrap()).await.is_empty());
    assert_eq!(bench.streams.count(), 2);
    drop(kept);
}

/// Sends a message over and over, one byte a pause, until the other side has had enough. Gives how many it took.
async fn count_out(slow: &mut TcpStream, between: Duration) -> usize {
    let counting = async {
        let mut pause = tokio::time::interval(between);
        let mut sent = 0;
        for byte in MESSAGE.iter().cycle() {
            pause.tick().await;
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            sent += 1;
        }
        sent
    };
    timeout(LIMIT, counting).await.expect("the slow sender is cut off")
}
