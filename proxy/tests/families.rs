//! IPv4 and IPv6 over real sockets of a worker: what comes by one family goes on by the other, and each Via names the socket
//! by which it leaves.

#![expect(clippy::unwrap_used, reason = "the helpers are test code, though they are no tests")]

mod world;

use ringway_node::clock::Clock;
use ringway_proxy::{
    config::StreamsSection,
    control,
    core::{
        Proxy,
        dial::{DialPlan, Entry, Match, Next},
        names::Names,
        sockets::Sockets,
    },
    location::{self, Directory},
    metrics::Metrics,
    streams::listen,
    worker,
};
use ringway_router::NodeId;
use ringway_sip::{Limits, Peer, Transport};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use world::{
    Draft, NUMBER, Sip, Survey,
    place::{MESH, Place::Virginia},
    sip::{answer, parameter},
};

const LIMIT: Duration = Duration::from_secs(10);

/// One proxy in Virginia on IPv4 and IPv6, and a callee on IPv4.
struct Node {
    v4: SocketAddr,
    v6: SocketAddr,
    callee: UdpSocket,
}

impl Node {
    async fn start() -> Self {
        let bind = |at: IpAddr| worker::bind(SocketAddr::new(at, 0), 1).unwrap().remove(0);
        let (v4, v6) = (bind(Ipv4Addr::LOCALHOST.into()), bind(Ipv6Addr::LOCALHOST.into()));
        let (at_v4, at_v6) = (v4.local_addr().unwrap(), v6.local_addr().unwrap());
        let callee = UdpSocket::bind("127.0.0.1:0").await.unwrap();

        let mut site = Virginia.site();
        site.sockets = Sockets::new(at_v4, [(Transport::Udp, at_v6), (Transport::Tcp, at_v6)]);
        site.names = Names::new(MESH, Virginia.region(), vec![at_v4, at_v6]);
        site.edge = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let matches = Match::Prefix("+1703".into());
        let next = vec![Next::At(Peer::udp(callee.local_addr().unwrap()))];
        site.dial = DialPlan::new(vec![Entry { matches, region: Virginia.region(), next }]);
        let (site, view) =
            (Arc::new(site), world::place::views(&Survey::fair(), &[])[Virginia as usize].clone());
        let own = NodeId { region: Virginia.region(), node: "e1-1".parse().unwrap() };
        let (directory, _) = Directory::new(own, location::Limits::default());
        let (control, _) = control::Handle::new(
            Clock::start(),
            Metrics::new().unwrap(),
            Arc::clone(&view),
            directory,
            ringway_proxy::policy::Store::default(),
            1,
        );
        let of_worker = Arc::clone(&site);
        let make_core = move || Proxy::new(Arc::clone(&of_worker), Arc::clone(&view), 1);
        let sockets = worker::Sockets {
            datagrams: vec![vec![v4, v6]],
            connections: vec![(Transport::Tcp, listen::bind(at_v6).unwrap())],
            settings: StreamsSection::default().settings(Limits::default()),
            tls: None,
        };
        tokio::spawn(worker::run(sockets, make_core, control, site, None, None));
        Self { v4: at_v4, v6: at_v6, callee }
    }

    /// What the callee is asked, once it is; it says yes.
    async fn answer(&self) -> Sip {
        let mut buffer = vec![0; 65_535];
        let (length, from) = timeout(LIMIT, self.callee.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(from, self.v4, "by the IPv4 socket");
        let invite = Sip::read(std::str::from_utf8(&buffer[..length]).unwrap());
        let ok = answer(&invite, 200, "callee", self.callee.local_addr().unwrap(), "");
        self.callee.send_to(ok.as_bytes(), from).await.unwrap();
        invite
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_udp_from_ipv6_to_ipv4() {
    let node = Node::start().await;
    let phone = UdpSocket::bind("[::1]:0").await.unwrap();
    let at = phone.local_addr().unwrap();
    phone.send_to(Draft::new("INVITE", NUMBER, "c1", at).text().as_bytes(), node.v6).await.unwrap();
    let invite = node.answer().await;
    let vias = invite.all("Via");
    assert!(vias[0].starts_with(&format!("SIP/2.0/UDP {};", node.v4)), "{vias:?}");
    assert_eq!(parameter(vias[1], "received"), Some("::1"));
    let mut codes = Vec::new();
    let mut buffer = vec![0; 65_535];
    while codes.last() != Some(&200) {
        let (length, from) = timeout(LIMIT, phone.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(from, node.v6, "by the IPv6 socket");
        codes.extend(Sip::read(std::str::from_utf8(&buffer[..length]).unwrap()).status());
    }
    assert_eq!(codes, [100, 200]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tcp_from_ipv6_to_ipv4() {
    let node = Node::start().await;
    let mut phone = TcpStream::connect(node.v6).await.unwrap();
    let invite = Draft::new("INVITE", NUMBER, "c2", phone.local_addr().unwrap()).text();
    phone.write_all(invite.replacen("/UDP", "/TCP", 1).as_bytes()).await.unwrap();
    let invite = node.answer().await;
    assert_eq!(invite.all("Record-Route").len(), 2, "TCP here, UDP there: {:?}", invite.all("Record-Route"));
    let mut heard = String::new();
    while !heard.contains("SIP/2.0 200 ") {
        let mut chunk = vec![0; 65_535];
        let length = timeout(LIMIT, phone.read(&mut chunk)).await.unwrap().unwrap();
        assert!(length > 0, "the connection stays: {heard}");
        heard.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
    }
}
