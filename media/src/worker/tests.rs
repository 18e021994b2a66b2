//! One suite, both ways of moving packets, on real sockets.

use super::*;
use std::{
    collections::HashSet,
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    sync::mpsc,
    time::Instant,
};
use tokio::runtime::{Builder, Runtime};

/// What each wait ends at.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test by every way that there is on this machine.
fn by_both_ways(test: fn(Way)) {
    test(Way::Epoll);
    match ring::Ring::trial() {
        Ok(()) => test(Way::IoUring),
        Err(error) => {
            assert!(std::env::var("RINGWAY_REQUIRE_PEERS").is_err(), "io_uring is required: {error}");
            eprintln!("SKIPPED by io_uring, which is not to be had here: {error}");
        }
    }
}

/// Sends every packet back to where it came from, and every packet to a tunnel nowhere; keeps books of both.
#[derive(Default)]
struct Echo {
    open: HashSet<SocketId>,
    strangers: usize,
    deadline: Option<Time>,
    on_deadline: Option<(SocketId, SocketAddr)>,
    frames: Vec<Vec<u8>>,
    silent: bool,
}

impl DataPath for Echo {
    fn packet(
        &mut self,
        _now: Time,
        socket: SocketId,
        from: SocketAddr,
        packet: &mut [u8],
        outbox: &mut Outbox,
    ) {
        if !self.open.contains(&socket) {
            self.strangers += 1;
        }
        if self.silent {
            self.frames.push(packet.to_vec());
        } else {
            assert!(outbox.push(socket, from, packet), "the outbox has room for what one packet may bring");
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn expire(&mut self, now: Time, outbox: &mut Outbox) {
        assert!(self.deadline.take().is_some_and(|at| at <= now), "not before it is due");
        let (socket, to) = self.on_deadline.expect("whoever sets a deadline says what it is for");
        assert!(outbox.push(socket, to, b"late"));
    }
}

/// A worker, and somebody who orders it about.
struct Rig {
    handle: Handle<Echo>,
    ended: Ended,
    runtime: Runtime,
}

impl Rig {
    fn new(way: Way) -> Self {
        let (handle, ended) = start(0, way, Clock::start(), Echo::default()).expect("a thread");
        Self {
            handle,
            ended,
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
        }
    }

    fn ask<R: Send + 'static>(&self, job: impl FnOnce(&mut Echo, &mut Turn<'_>) -> R + Send + 'static) -> R {
        let limited = async { tokio::time::timeout(LIMIT, self.handle.ask(job)).await };
        self.runtime.block_on(limited).expect("in time").expect("the worker lives")
    }

    fn open(&self, kind: Kind, address: SocketAddr) -> io::Result<(SocketId, SocketAddr)> {
        self.ask(move |echo, turn| {
            let opened = turn.sockets.open(kind, address)?;
            echo.open.insert(opened.0);
            Ok(opened)
        })
    }

    /// Keeps the worker from its work until told, or until the sender is dropped.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let job = move |_: &mut Echo, _: &mut Turn<'_>| {
            begin.send(()).expect("the test waits");
            let _ = held.recv();
        };
        self.handle.order(job).expect("taken");
        begun.recv_timeout(LIMIT).expect("the worker is held");
        release
    }

    fn close(&self, id: SocketId) {
        self.ask(move |echo, turn| {
            echo.open.remove(&id);
            turn.sockets.close(id);
        });
    }
}

fn v4() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 0).into()
}

/// An endpoint, with room for all that a test sends it.
fn endpoint(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("an endpoint");
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).expect("a buffer");
    socket.set_read_timeout(Some(LIMIT)).expect("a limit");
    socket
}

fn receive(endpoint: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let (length, _) = endpoint.recv_from(&mut buffer).expect("a packet, in time");
    buffer.truncate(length);
    buffer
}

#[expect(
    clippy::disallowed_methods,
    reason = "the limit of a wait, and the pace of a load, are by the real clock"
)]
fn clock() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "between two looks at a state, or two packets of a load")]
fn pause(time: Duration) {
    thread::sleep(time);
}

fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = clock();
    while !so() {
        assert!(start.elapsed() < LIMIT, "not in time: {what}");
        pause(Duration::from_millis(1));
    }
}

#[test]
fn at_twenty_thousand_a_second_nothing_is_lost_and_the_order_is_kept() {
    by_both_ways(|way| {
        const SOCKETS: usize = 100;
        const PACKETS: u32 = 200;
        let rig = Rig::new(way);
        let ports: Vec<SocketAddr> = (0..SOCKETS)
            .map(|n| rig.open(Kind::Port, if n % 2 == 0 { v4() } else { v6() }).expect("a port").1)
            .collect();
        // One endpoint for twenty ports of a family: it hears them all, and the first byte says which.
        let endpoints: Vec<UdpSocket> =
            (0..10).map(|n| endpoint(if n % 2 == 0 { v4() } else { v6() })).collect();
        let start = clock();
        for number in 0..PACKETS {
            for (n, port) in ports.iter().enumerate() {
                let [high, low] = u16::try_from(number).expect("few packets").to_be_bytes();
                let mut packet = [0; 172];
                packet[..3].copy_from_slice(&[u8::try_from(n).expect("few ports"), high, low]);
                endpoints[n % 10].send_to(&packet, port).expect("sent");
            }
            let due = Duration::from_secs(1) * (number + 1) / PACKETS;
            pause(due.saturating_sub(start.elapsed()));
        }
        for (n, endpoint) in endpoints.iter().enumerate() {
            let mut next = [0; SOCKETS];
            for _ in 0..PACKETS * 10 {
                let packet = receive(endpoint);
                let (port, number) = (usize::from(packet[0]), u16::from_be_bytes([packet[1], packet[2]]));
                assert_eq!((packet.len(), port % 10), (172, n));
                assert_eq!(number, next[port], "port {port}, by {way:?}");
                next[port] += 1;
            }
        }
        let counts = rig.handle.counts();
        let all = u64::from(PACKETS) * SOCKETS as u64;
        wait_until("the books are made", || counts.sent().value() == all);
        assert_eq!((counts.received().value(), counts.send_failed().value()), (all, 0));
        assert_eq!(counts.kernel_dropped(Kind::Port).value(), 0);
    });
}

#[test]
fn what_the_kernel_drops_is_counted_by_kind() {
    by_both_ways(|way| {
        for kind in [Kind::Port, Kind::Tunnel] {
            const FLOOD: u64 = 40_000;
            let rig = Rig::new(way);
            let (_, port) = rig.open(kind, v4()).expect("a port");
            rig.ask(|echo, _| echo.silent = true);
            let release = rig.hold();
            let endpoint = endpoint(v4());
            for _ in 0..FLOOD {
                endpoint.send_to(&[1; 1_000], port).expect("sent");
            }
            drop(release);
            // The kernel tells with packets that come after the drops.
            let counts = rig.handle.counts();
            let mut sent = FLOOD;
            wait_until("what was kept and what was dropped make up the flood", || {
                endpoint.send_to(&[2; 1_000], port).expect("sent");
                sent += 1;
                let dropped = counts.kernel_dropped(kind).value();
                dropped > 0 && counts.received().value() + dropped >= FLOOD
            });
            let dropped = counts.kernel_dropped(kind).value();
            assert!(counts.received().value() + dropped <= sent, "{dropped} of {sent}");
            let other = if kind == Kind::Port { Kind::Tunnel } else { Kind::Port };
            assert_eq!(counts.kernel_dropped(other).value(), 0);
        }
    });
}

#[test]
fn after_a_pause_nothing_is_missing_however_much_came() {
    by_both_ways(|way| {
        // Three times as many packets as there are buffers in the ring.
        const PORTS: usize = 100;
        const PACKETS: u8 = 30;
        let rig = Rig::new(way);
        let ports: Vec<SocketAddr> =
            (0..PORTS).map(|_| rig.open(Kind::Port, v4()).expect("a port").1).collect();
        let endpoint = endpoint(v4());
        let release = rig.hold();
        for number in 0..PACKETS {
            for (n, port) in (0_u8..).zip(&ports) {
                endpoint.send_to(&[n, number], port).expect("sent");
            }
        }
        drop(release);
        let mut next = [0; PORTS];
        for _ in 0..PORTS * usize::from(PACKETS) {
            let packet = receive(&endpoint);
            let expected = &mut next[usize::from(packet[0])];
            assert_eq!(packet[1], *expected, "by {way:?}");
            *expected += 1;
        }
        assert_eq!(rig.handle.counts().receive_failed().value(), 0);
    });
}

#[test]
fn ports_come_and_go_under_traffic() {
    by_both_ways(|way| {
        let rig = Rig::new(way);
        let (_, lasting) = rig.open(Kind::Port, v4()).expect("a port");
        let (caller, stranger) = (endpoint(v4()), endpoint(v4()));
        for round in 0..300_u16 {
            let (id, port) = rig.open(Kind::Port, v4()).expect("a port");
            for _ in 0..4 {
                stranger.send_to(b"to one that is about to close", port).expect("sent");
            }
            caller.send_to(&round.to_be_bytes(), lasting).expect("sent");
            rig.close(id);
            rig.close(id);
            let _ = stranger.send_to(b"to one that is closed", port);
        }
        for round in 0..300_u16 {
            assert_eq!(receive(&caller), round.to_be_bytes(), "the other port did not notice");
        }
        assert_eq!(rig.ask(|echo, _| echo.strangers), 0, "nothing came from a closed socket");
    });
}

#[test]
fn a_closed_port_is_free_again_and_an_open_one_is_not() {
    by_both_ways(|way| {
        for (kind, any) in [(Kind::Port, v4()), (Kind::Port, v6()), (Kind::Tunnel, v4())] {
            let rig = Rig::new(way);
            let (first, port) = rig.open(kind, any).expect("a port");
            let taken = rig.open(kind, port).expect_err("somebody has it");
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
            rig.close(first);
            let mut second = None;
            wait_until("the port is free", || {
                second = rig.open(kind, port).ok();
                second.is_some()
            });
            let (second, _) = second.expect("just opened");
            assert_ne!(first, second);
            let endpoint = endpoint(any);
            // What goes out by the old number goes nowhere.
            let to = endpoint.local_addr().expect("bound");
            rig.ask(move |_, turn| {
                assert!(turn.outbox.push(first, to, b"stale"));
                assert!(turn.outbox.push(second, to, b"fresh"));
            });
            assert_eq!(receive(&endpoint), b"fresh");
            wait_until("the other is counted", || rig.handle.counts().stale().value() == 1);
            endpoint.send_to(b"hello", port).expect("sent");
            assert_eq!(receive(&endpoint), b"hello");
        }
    });
}

#[test]
fn equal_frames_to_one_peer_leave_in_one_send_and_come_in_one_by_one() {
    by_both_ways(|way| {
        for any in [v4(), v6()] {
            let (here, there) = (Rig::new(way), Rig::new(way));
            there.ask(|echo, _| echo.silent = true);
            let (from, _) = here.open(Kind::Tunnel, any).expect("a tunnel");
            let (_, to) = there.open(Kind::Tunnel, any).expect("a tunnel");
            let plain = endpoint(any);
            let plain_address = plain.local_addr().expect("bound");
            // Sixty-five and two shorter ones, a longer one, and between them some for somebody else.
            let lengths: Vec<usize> = [vec![220; 65], vec![100, 100, 300]].concat();
            let frames: Vec<Vec<u8>> = lengths.iter().zip(0..).map(|(length, n)| vec![n; *length]).collect();
            let ordered = frames.clone();
            here.ask(move |_, turn| {
                for (n, frame) in ordered.iter().enumerate() {
                    assert!(turn.outbox.push(from, to, frame));
                    if n % 16 == 0 {
                        assert!(turn.outbox.push(from, plain_address, frame));
                    }
                }
            });
            wait_until("all are there", || there.handle.counts().received().value() == 68);
            assert_eq!(there.ask(|echo, _| std::mem::take(&mut echo.frames)), frames);
            for n in (0..68).step_by(16) {
                assert_eq!(receive(&plain), frames[n], "whoever does not join packets gets them one by one");
            }
            // 64 go together, then the last of them with a shorter one; the others go alone. To somebody else: 5.
            assert_eq!(here.handle.counts().segmented().value(), 66 + 5);
            assert_eq!(here.handle.counts().send_failed().value(), 0);
        }
    });
}

#[test]
fn the_longest_packet_passes_and_a_longer_one_is_counted() {
    by_both_ways(|way| {
        for kind in [Kind::Port, Kind::Tunnel] {
            let rig = Rig::new(way);
            let (_, port) = rig.open(kind, v4()).expect("a port");
            let endpoint = endpoint(v4());
            for length in [0, 1, 1_500, 1_501, 1_533, 9_000, 2] {
                endpoint.send_to(&vec![7; length], port).expect("sent");
            }
            for length in [0, 1, 1_500, 2] {
                assert_eq!(receive(&endpoint), vec![7; length]);
            }
            assert_eq!(rig.handle.counts().too_long().value(), 3, "{kind:?} by {way:?}");
        }
    });
}

#[test]
fn a_deadline_wakes_the_worker() {
    by_both_ways(|way| {
        let rig = Rig::new(way);
        let endpoint = endpoint(v4());
        let (id, _) = rig.open(Kind::Port, v4()).expect("a port");
        let to = endpoint.local_addr().expect("bound");
        rig.ask(move |echo, turn| {
            echo.on_deadline = Some((id, to));
            echo.deadline = Some(turn.now + Duration::from_millis(30));
        });
        assert_eq!(receive(&endpoint), b"late");
    });
}

#[test]
fn a_packet_to_nowhere_is_counted_and_the_worker_lives() {
    by_both_ways(|way| {
        let rig = Rig::new(way);
        let (port, _) = rig.open(Kind::Port, v4()).expect("a port");
        let (tunnel, _) = rig.open(Kind::Tunnel, v4()).expect("a tunnel");
        rig.ask(move |_, turn| {
            for socket in [port, tunnel] {
                assert!(turn.outbox.push(socket, v6(), b"of another family"));
            }
        });
        wait_until("both failures are counted", || rig.handle.counts().send_failed().value() == 2);
    });
}

#[test]
fn orders_that_do_not_fit_are_refused_and_without_a_handle_the_worker_ends() {
    by_both_ways(|way| {
        let rig = Rig::new(way);
        let (_, port) = rig.open(Kind::Port, v4()).expect("a port");
        let release = rig.hold();
        let refused = (0..10_000).map(|_| rig.handle.order(|_, _| {})).find_map(Result::err);
        assert_eq!(refused, Some(Refusal::Busy));
        drop(release);
        let Rig { handle, ended, runtime } = rig;
        drop(handle);
        let ended = runtime.block_on(async { tokio::time::timeout(LIMIT, ended).await });
        assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
        wait_until("its ports are free", || UdpSocket::bind(port).is_ok());
    });
}
