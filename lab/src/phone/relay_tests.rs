//! Two phones over real sockets, and between them what a region is to them: a proxy that writes itself into the session
//! descriptions, and a relay behind it that loses, doubles and delays the voice. The report says what it did.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::*;
use crate::{
    address::{AddressPlan, real},
    media::{Breaks, StreamReport},
};

const LIMIT: Duration = Duration::from_secs(30);
const DELAY: Duration = Duration::from_millis(25);
const TALK: Duration = Duration::from_millis(3_000);

/// What the relay did to the voice of one phone.
#[derive(Default)]
struct Deeds {
    taken: AtomicU32,
    lost: AtomicU32,
    doubled: AtomicU32,
}

/// One side of the relay: a pair of ports, and where the phone on that side hears.
struct Port {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    phone: watch::Sender<Option<SocketAddrV4>>,
}

impl Port {
    async fn bind(host: Ipv4Addr) -> Self {
        loop {
            let rtp = UdpSocket::bind((host, 0)).await.unwrap();
            let next = rtp.local_addr().unwrap().port().checked_add(1);
            if let Ok(rtcp) = UdpSocket::bind((host, next.unwrap_or(1))).await {
                return Self { rtp, rtcp, phone: watch::Sender::new(None) };
            }
        }
    }
}

/// Carries what comes in on one side to the phone on the other: packet n of the voice is lost, doubled or only late.
async fn carry(from: Arc<Port>, to: Arc<Port>, deeds: Arc<Deeds>) {
    let mut late = JoinSet::new();
    let (mut voice, mut report) = ([0; 2_048], [0; 2_048]);
    loop {
        let (bytes, copies, control) = tokio::select! {
            read = from.rtp.recv_from(&mut voice) => {
                let n = deeds.taken.fetch_add(1, Relaxed);
                // A burst of five, singles, and doubles beside them.
                let lost = (50..55).contains(&n) || n % 31 == 30;
                let doubled = !lost && n % 7 == 3;
                deeds.lost.fetch_add(lost.into(), Relaxed);
                deeds.doubled.fetch_add(doubled.into(), Relaxed);
                (voice[..read.unwrap().0].to_vec(), u32::from(!lost) + u32::from(doubled), false)
            }
            read = from.rtcp.recv_from(&mut report) => (report[..read.unwrap().0].to_vec(), 1, true),
        };
        for _ in 0..copies {
            let (to, bytes) = (Arc::clone(&to), bytes.clone());
            late.spawn(async move {
                sleep(DELAY).await;
                let phone = to.phone.subscribe().wait_for(Option::is_some).await.unwrap().unwrap();
                let (socket, port) =
                    if control { (&to.rtcp, phone.port() + 1) } else { (&to.rtp, phone.port()) };
                socket.send_to(&bytes, (*phone.ip(), port)).await.unwrap();
            });
        }
    }
}

/// Passes SIP from one phone to the other, with the relay's side of the receiver in the description.
async fn proxy(socket: UdpSocket, [alice, bob]: [(SocketAddrV4, Arc<Port>); 2]) {
    let mut buffer = [0; 8_192];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let ((_, near), (to, far)) =
            if from == SocketAddr::V4(alice.0) { (&alice, &bob) } else { (&bob, &alice) };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let told = sdp::Description::read(body.as_bytes()).and_then(|description| description.agreement());
        let text = match told {
            None => text,
            Some(told) => {
                near.phone.send_replace(Some(told.remote.rtp));
                let own = far.rtp.local_addr().unwrap();
                let body = body
                    .replace(&format!("c=IN IP4 {}", told.remote.rtp.ip()), &format!("c=IN IP4 {}", own.ip()))
                    .replace(
                        &format!("m=audio {} ", told.remote.rtp.port()),
                        &format!("m=audio {} ", own.port()),
                    );
                let lines = head.split("\r\n").filter(|line| !line.starts_with("Content-Length"));
                let head: String = lines.map(|line| format!("{line}\r\n")).collect();
                format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
            }
        };
        socket.send_to(text.as_bytes(), to).await.unwrap();
    }
}

/// One call through the relay: the reports there and back, and what was done there and back.
async fn call() -> ([StreamReport; 2], [Arc<Deeds>; 2]) {
    let plan = AddressPlan::claim(vec![("west".into(), 1)]).unwrap();
    let octet = plan.octet("west").unwrap();
    let [here, there, middle] = [100, 101, 1].map(|host| SocketAddrV4::new(real(octet, host), 5060));
    let studio = Studio::start().unwrap();
    let config = |address| PhoneConfig {
        address,
        proxies: vec![middle],
        domain: "lab.ringway.example".into(),
        ring: Duration::from_millis(20),
        studio: studio.clone(),
    };
    let start = clock::now();
    let (events, mut inbox) = mpsc::channel(64);
    let alice = Phone::start(config(here), 1, events.clone()).await.unwrap();
    let _bob = Phone::start(config(there), 2, events).await.unwrap();

    let sides = [Arc::new(Port::bind(*middle.ip()).await), Arc::new(Port::bind(*middle.ip()).await)];
    let deeds = [Arc::<Deeds>::default(), Arc::default()];
    let mut world = JoinSet::new();
    for (from, to, deeds) in [(0, 1, &deeds[0]), (1, 0, &deeds[1])] {
        world.spawn(carry(Arc::clone(&sides[from]), Arc::clone(&sides[to]), Arc::clone(deeds)));
    }
    let [near, far] = sides.each_ref().map(Arc::clone);
    world.spawn(proxy(UdpSocket::bind(middle).await.unwrap(), [(here, near), (there, far)]));

    let call_id = alice.call("+15035550100", "+17035550199", TALK).await.unwrap();
    let over = async {
        loop {
            if let Some(PhoneEvent::Ended(report)) = inbox.recv().await {
                assert_eq!((report.end, &report.call_id), (CallEnd::HungUp, &call_id));
                return studio.settle().await;
            }
        }
    };
    timeout(LIMIT, over).await.expect("the call ends");
    (studio.reports(start).remove(&call_id).expect("both spoke"), deeds)
}

#[tokio::test]
async fn a_call_over_a_lossy_relay_is_reported_as_it_was() {
    let (reports, deeds) = call().await;
    for (report, deeds) in reports.iter().zip(deeds) {
        let [taken, lost, doubled] =
            [&deeds.taken, &deeds.lost, &deeds.doubled].map(|count| count.load(Relaxed));
        assert!((100..200).contains(&taken), "three seconds: {taken}");
        assert_eq!(report.sent, taken, "{report:?}");
        assert_eq!(report.received, taken - lost, "{report:?}");
        assert_eq!((report.lost + report.clipped, report.duplicated), (lost, doubled), "{report:?}");
        assert!(report.lost >= 5 && report.clipped <= 2, "{report:?}");
        assert_eq!((report.wrong, report.strangers), (0, 0), "{report:?}");
        assert_eq!((report.continuous, report.breaks), (true, Breaks::default()));
        // Six packets from one that came to the next: 120 ms.
        assert!(report.gap_ms_max > 100.0 && !report.outages.is_empty(), "{report:?}");
        assert!(report.delay_ms.mean >= 25.0, "{report:?}");
        assert!(report.mos.is_some_and(|mos| mos < 4.3), "{report:?}");
        assert!(report.rtcp.sent >= 2 && report.rtcp.received >= 1 && report.rtcp.wrong == 0, "{report:?}");
        assert!(report.rtcp.rtt_ms.is_none_or(|ms| ms >= 50.0), "{report:?}");
    }
}
