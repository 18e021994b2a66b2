//! A call through a worker with real sockets and a relay beside it: from the datagram to the order and back.

use super::{
    fake::{Fake, LIMIT},
    node::{controller, handle_of},
    world::{
        Draft, Sip, Survey,
        place::{MESH, Place::Virginia, views},
        sip::{answer, sdp},
    },
};
use ringway_proxy::{
    config::StreamsSection,
    core::{
        Proxy,
        dial::{DialPlan, Entry, Match, Next},
        media,
        names::Names,
        sockets::Sockets,
    },
    media::{Orders, Settings},
    worker,
};
use ringway_sip::{Limits, Peer};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, time::timeout};

struct Call {
    proxy: SocketAddr,
    caller: UdpSocket,
    callee: UdpSocket,
}

impl Call {
    /// A proxy in Virginia whose relay is there, and a call to somebody of its own edge.
    async fn place(relay: SocketAddr) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let (caller, callee) = (bind().await.unwrap(), bind().await.unwrap());
        let socket = worker::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
        let proxy = socket.local_addr().unwrap();
        let mut site = Virginia.site();
        site.sockets = Sockets::new(proxy, []);
        site.names = Names::new(MESH, Virginia.region(), vec![proxy]);
        site.edge = vec!["127.0.0.0/8".parse().unwrap()];
        let next = vec![Next::At(Peer::udp(callee.local_addr().unwrap()))];
        let matches = Match::Prefix("+1703".into());
        site.dial = DialPlan::new(vec![Entry { matches, region: Virginia.region(), next }]);
        site.media = Some(media::Settings { required: true });

        let (site, view) = (Arc::new(site), views(&Survey::fair(), &[])[Virginia as usize].clone());
        let (control, _, _) = handle_of(&Virginia.node());
        let settings = Settings { relays: vec![relay], deadline: Duration::from_millis(300) };
        let orders = Orders::start(&settings, control.clone(), controller());
        let of_worker = Arc::clone(&site);
        let make_core = move || Proxy::new(Arc::clone(&of_worker), Arc::clone(&view), 1);
        let sockets = worker::Sockets {
            datagrams: vec![vec![socket]],
            connections: Vec::new(),
            settings: StreamsSection::default().settings(Limits::default()),
            tls: None,
        };
        tokio::spawn(worker::run(sockets, make_core, control, site, None, Some(orders)));
        let at = caller.local_addr().unwrap();
        let mut invite =
            Draft::new("INVITE", super::world::NUMBER, "c1", at).with("Content-Type: application/sdp");
        invite.body = sdp(at, 40_000);
        caller.send_to(invite.text().as_bytes(), proxy).await.unwrap();
        Self { proxy, caller, callee }
    }
}

async fn hear(phone: &UdpSocket) -> Sip {
    let mut buffer = vec![0; 65_535];
    let (length, _) = timeout(LIMIT, phone.recv_from(&mut buffer)).await.unwrap().unwrap();
    Sip::read(std::str::from_utf8(&buffer[..length]).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_descriptions_of_a_call_are_the_relays() {
    let relay = Fake::start("relay").await;
    let call = Call::place(relay.at).await;
    let invite = hear(&call.callee).await;
    assert!(invite.body.contains("o=relay 1 1"), "{invite:?}");
    let at = call.callee.local_addr().unwrap();
    let ok = answer(&invite, 200, "callee", at, &sdp(at, 30_000));
    call.callee.send_to(ok.as_bytes(), call.proxy).await.unwrap();
    let heard = [hear(&call.caller).await, hear(&call.caller).await];
    assert_eq!(heard.each_ref().map(Sip::status), [Some(100), Some(200)]);
    assert!(heard[1].body.contains("o=relay 1 1"), "{heard:?}");
    assert_eq!(relay.book(|book| book.done.clone()), ["offer c1", "answer c1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_relay_there_is_no_call() {
    let call = Call::place(Fake::dead().await).await;
    let heard = [hear(&call.caller).await, hear(&call.caller).await];
    assert_eq!(heard.each_ref().map(Sip::status), [Some(100), Some(503)]);
    assert_eq!(heard[1].one("Retry-After"), "5");
}
