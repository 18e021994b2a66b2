//! Other transports than UDP at the edges, as the core sees them: Vias, the double Record-Route of RFC 5658 and its way back,
//! keepalives that are asked for, IPv6, and what is not carried.

#![expect(clippy::unwrap_used, reason = "the helpers are test code, though they are no tests")]

mod world;

use bytes::Bytes;
use ringway_proxy::core::{
    Input, Proxy,
    dial::{DialPlan, Entry, Match, Next},
    names::Names,
    output::Output,
    question::Answer,
    sockets::Sockets,
};
use ringway_sip::{Peer, Transport};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use world::{
    Draft, NUMBER, Place, Sip, Survey,
    place::{
        MESH,
        Place::{Oregon, Virginia},
    },
    sip::{answer, parameter},
};

/// The phone in Oregon, and by which connection it came.
const FLOW: u64 = 7;

/// Oregon and Virginia, each with a socket over TLS, and a callee in Virginia.
struct Pair {
    now: Instant,
    proxies: [(Place, Proxy); 2],
}

fn tls_of(place: Place) -> SocketAddr {
    SocketAddr::new(place.proxy().ip(), 5061)
}

fn phone() -> Peer {
    Peer::flow(Transport::Tls, SocketAddr::new(Oregon.edge(1).ip(), 41_234), FLOW)
}

impl Pair {
    #[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
    fn new(callee: Peer) -> Self {
        let views = world::place::views(&Survey::fair(), &[]);
        let proxy = |place: Place| {
            let mut site = place.site();
            site.sockets = Sockets::new(place.proxy(), [(Transport::Tls, tls_of(place))]);
            site.names = Names::new(MESH, place.region(), vec![place.proxy(), tls_of(place)]);
            let matches = Match::Prefix("+1703".into());
            site.dial = DialPlan::new(vec![Entry {
                matches,
                region: Virginia.region(),
                next: vec![Next::At(callee)],
            }]);
            (place, Proxy::new(Arc::new(site), Arc::clone(&views[place as usize]), 1 + place as u64))
        };
        Self { now: Instant::now(), proxies: [proxy(Oregon), proxy(Virginia)] }
    }

    /// Gives a message to a proxy, and gives what it sends; its own 100s left out.
    fn give(&mut self, place: Place, from: Peer, text: impl Into<Bytes>) -> Vec<(Peer, Bytes)> {
        let (_, proxy) = self.proxies.iter_mut().find(|(at, _)| *at == place).unwrap();
        proxy.handle(self.now, Input::Message { from, bytes: text.into() });
        let mut sent = Vec::new();
        while let Some(output) = proxy.poll() {
            match output {
                Output::Send { to, bytes } => sent.push((to, bytes)),
                // Nobody is registered: the dial plan has its say.
                Output::Ask(ticket, _) => {
                    proxy.handle(self.now, Input::Told(ticket, Answer::Located(Vec::new())));
                }
                Output::Note(_) | Output::Release(_) => {}
            }
        }
        sent.retain(|(_, bytes)| !bytes.starts_with(b"SIP/2.0 100 "));
        sent
    }

    /// Gives a message that brings about just one.
    fn pass(&mut self, place: Place, from: Peer, text: impl Into<Bytes>) -> (Peer, Sip) {
        let sent = self.give(place, from, text);
        let [(to, bytes)] = &sent[..] else { panic!("{} messages", sent.len()) };
        (*to, Sip::read(std::str::from_utf8(bytes).unwrap()))
    }

    /// From the phone to the callee; what Oregon sends, what Virginia sends, and to whom.
    fn out(&mut self, text: &str) -> [(Peer, Sip); 2] {
        let (to, between) = self.pass(Oregon, phone(), text.to_owned());
        assert_eq!(to, Peer::udp(Virginia.proxy()), "the mesh is UDP");
        let end = self.pass(Virginia, Peer::udp(Oregon.proxy()), render(&between));
        [(to, between), end]
    }

    /// From the callee to the phone.
    fn back(&mut self, callee: Peer, text: &str) -> [(Peer, Sip); 2] {
        let (to, between) = self.pass(Virginia, callee, text.to_owned());
        assert_eq!(to, Peer::udp(Oregon.proxy()), "the mesh is UDP");
        let end = self.pass(Oregon, Peer::udp(Virginia.proxy()), render(&between));
        [(to, between), end]
    }
}

fn render(sip: &Sip) -> String {
    let headers: Vec<String> = sip.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{}\r\n{}\r\n\r\n{}", sip.start, headers.join("\r\n"), sip.body)
}

/// A request of the phone, which is connected over TLS and has its own port in its Via and Contact.
fn draft(method: &str, uri: &str) -> Draft {
    let mut draft = Draft::new(method, uri, "c1", phone().address);
    draft.extra = vec![format!("Contact: <sip:caller@{};transport=tls>", phone().address)];
    draft
}

fn over_tls(draft: &Draft) -> String {
    draft.text().replacen("SIP/2.0/UDP", "SIP/2.0/TLS", 1)
}

fn callee(transport: Transport) -> Peer {
    Peer::new(transport, Virginia.edge(1))
}

fn records(sip: &Sip) -> Vec<String> {
    sip.all("Record-Route").into_iter().map(str::to_owned).collect()
}

/// Likewise, the token of a flow left out.
fn recorded(sip: &Sip) -> Vec<String> {
    let short = |value: String| match (value.find("flow~"), value.find('@')) {
        (Some(from), Some(to)) => value[..from].to_owned() + "flow" + &value[to..],
        _ => value,
    };
    records(sip).into_iter().map(short).collect()
}

/// The phone's side of Oregon: by its connection (RFC 5626).
fn flow() -> String {
    format!("<sip:flow@{}.{MESH};transport=tls;lr;ob>", Oregon.name())
}

fn name(place: Place, transport: &str) -> String {
    format!("<sip:{}.{MESH}{transport};lr>", place.name())
}

/// Invites, answers, and gives the Record-Route with which both phones go on.
fn connect(pair: &mut Pair, to: Peer) -> (Sip, Sip) {
    let [(_, between), (reached, invite)] = pair.out(&over_tls(&draft("INVITE", NUMBER)));
    assert_eq!(reached, to);
    assert_eq!(recorded(&between), [name(Oregon, ""), flow()], "the side towards which it goes on top");
    let ok = answer(&invite, 200, "callee", to.address, "");
    let [_, (back, ok)] = pair.back(to, &ok);
    assert_eq!(back, phone(), "by the connection of the phone");
    assert_eq!(records(&ok), records(&invite), "both ends have the same");
    (invite, ok)
}

#[test]
fn each_edge_records_itself_for_both_sides_and_both_come_off_again_either_way() {
    for transport in [Transport::Tcp, Transport::Tls, Transport::Udp] {
        let to = callee(transport);
        let mut pair = Pair::new(to);
        let (invite, ok) = connect(&mut pair, to);
        let edge = format!(";transport={}", transport.in_uri());
        let mut want = vec![name(Virginia, ""), name(Oregon, ""), flow()];
        if transport != Transport::Udp {
            want.insert(0, name(Virginia, &edge));
        }
        assert_eq!(recorded(&invite), want, "{transport:?}");

        // RFC 3261 §12.1.2: the caller's route set is the Record-Route backwards.
        for (method, cseq) in [("ACK", 1), ("BYE", 2)] {
            let mut draft = draft(method, ok.one("Contact").trim_matches(['<', '>']));
            draft.to = ok.one("To").to_owned();
            draft.uri =
                format!("sip:callee@{}{}", to.address, if transport == Transport::Udp { "" } else { &edge });
            draft.routes = records(&ok).into_iter().rev().collect();
            (draft.cseq, draft.branch) = (cseq, format!("z9hG4bK-out-{method}"));
            let [(_, between), (reached, request)] = pair.out(&over_tls(&draft));
            let left: Vec<String> = draft.routes[2..].to_vec();
            assert_eq!(between.all("Route"), left, "{method}: Oregon took both of its own off");
            assert_eq!((reached, request.has("Route")), (to, false), "{method}");
        }
        // The other way round, by the connection of the phone.
        let mut bye = Draft::new("BYE", "", "c1", to.address);
        bye.uri = invite.one("Contact").trim_matches(['<', '>']).to_owned();
        (bye.from, bye.to) = (ok.one("To").to_owned(), ok.one("From").to_owned());
        bye.routes = records(&invite);
        bye.branch = "z9hG4bK-back".into();
        let [(_, between), (reached, request)] = pair.back(to, &bye.text());
        assert_eq!(between.all("Route"), bye.routes[bye.routes.len() - 2..], "Virginia took its own off");
        assert_eq!((reached, request.has("Route")), (phone(), false));
    }
}

#[test]
fn a_via_names_the_socket_of_its_transport_and_offers_the_connection_for_reuse() {
    for (transport, sent_by) in [
        (Transport::Udp, Virginia.proxy()),
        (Transport::Tcp, Virginia.proxy()),
        (Transport::Tls, tls_of(Virginia)),
    ] {
        let mut pair = Pair::new(callee(transport));
        let [_, (_, invite)] = pair.out(&over_tls(&draft("INVITE", NUMBER)));
        let top = invite.all("Via")[0].to_owned();
        assert!(top.starts_with(&format!("SIP/2.0/{} {sent_by};", transport.in_via())), "{top}");
        assert_eq!(parameter(&top, "alias").is_some(), transport != Transport::Udp, "{top}");
    }
}

#[test]
fn a_request_that_comes_back_to_another_of_our_sockets_is_a_loop() {
    let mut pair = Pair::new(callee(Transport::Tls));
    let [_, (_, invite)] = pair.out(&over_tls(&draft("INVITE", NUMBER)));
    // The first time it comes without the Route that it had: a spiral, which is legal.
    let (_, spiral) = pair.pass(Virginia, callee(Transport::Tls), render(&invite));
    let (to, again) = pair.pass(Virginia, callee(Transport::Tls), render(&spiral));
    assert_eq!((to, again.status()), (callee(Transport::Tls), Some(482)));
}

#[test]
fn who_asks_for_keepalives_is_told_how_often_in_every_response() {
    let edge = Oregon.edge(1);
    for (from, seconds) in [
        (Peer::udp(edge), "29"),
        (Peer::flow(Transport::Tcp, edge, 1), "120"),
        (Peer::flow(Transport::Tls, edge, 2), "120"),
    ] {
        let mut pair = Pair::new(callee(Transport::Udp));
        let mut invite = Draft::new("INVITE", NUMBER, "c1", edge);
        invite.branch += ";keep";
        let text = invite.text().replacen("/UDP", &format!("/{}", from.transport.in_via()), 1);
        let (_, between) = pair.pass(Oregon, from, text);
        let (_, end) = pair.pass(Virginia, Peer::udp(Oregon.proxy()), render(&between));
        let [_, (_, ok)] = pair.back(callee(Transport::Udp), &answer(&end, 200, "t", Virginia.edge(1), ""));
        assert_eq!(parameter(ok.all("Via")[0], "keep"), Some(seconds), "{from}: of the callee's answer");

        let mut options = Draft::new("OPTIONS", &format!("sip:{MESH}"), "c2", edge);
        options.branch += ";keep";
        let text = options.text().replacen("/UDP", &format!("/{}", from.transport.in_via()), 1);
        let (_, ok) = pair.pass(Oregon, from, text);
        assert_eq!((ok.status(), parameter(ok.all("Via")[0], "keep")), (Some(200), Some(seconds)), "of ours");
    }
}

#[test]
fn keepalives_are_granted_to_neighbors_at_the_edge_who_ask() {
    let mut pair = Pair::new(callee(Transport::Udp));
    let mut invite = Draft::new("INVITE", NUMBER, "c1", Oregon.edge(1));
    invite.branch += ";keep=5";
    let (_, sent) = pair.pass(Oregon, Peer::udp(Oregon.edge(1)), invite.text());
    assert_eq!(parameter(sent.all("Via")[1], "keep"), Some("5"), "with a value it is no question");
    (invite.call_id, invite.branch) = ("c2".into(), "z9hG4bK-mesh;keep".into());
    let (_, sent) = pair.pass(Virginia, Peer::udp(Oregon.proxy()), invite.text());
    assert_eq!(parameter(sent.all("Via")[1], "keep"), Some(""), "a proxy of the mesh has its own ways");
}

#[test]
fn a_stun_keepalive_over_udp_is_answered_at_the_edge_alone() {
    let mut pair = Pair::new(callee(Transport::Udp));
    let request: Vec<u8> = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat();
    let edge = Peer::udp(Oregon.edge(1));
    let sent = pair.give(Oregon, edge, request.clone());
    assert_eq!((sent.len(), sent[0].0, &sent[0].1[..2]), (1, edge, &[1, 1][..]));
    assert_eq!(sent[0].1[8..20], [9; 12], "its transaction");
    assert!(pair.give(Oregon, Peer::udp("192.0.2.99:5060".parse().unwrap()), request).is_empty());
    assert!(
        pair.give(Oregon, edge, "\r\n\r\n").is_empty(),
        "a CRLF opens a path through an address translator"
    );
}

#[test]
fn ipv6_at_one_edge_and_ipv4_at_the_other() {
    let (phone, home) = ("[2001:db8:1::9]:5060".parse().unwrap(), "[2001:db8:1::1]:5060".parse().unwrap());
    let mut site = Oregon.site();
    site.sockets = Sockets::new(Oregon.proxy(), [(Transport::Udp, home)]);
    site.names = Names::new(MESH, Oregon.region(), vec![Oregon.proxy(), home]);
    site.edge.push("2001:db8:1::/64".parse().unwrap());
    let mut pair = Pair::new(callee(Transport::Udp));
    let view = world::place::views(&Survey::fair(), &[]);
    pair.proxies[0].1 = Proxy::new(Arc::new(site), Arc::clone(&view[Oregon as usize]), 1);

    let phone = Peer::udp(phone);
    let (to, between) = pair.pass(Oregon, phone, Draft::new("INVITE", NUMBER, "c1", phone.address).text());
    assert_eq!(to, Peer::udp(Virginia.proxy()));
    assert!(between.all("Via")[0].starts_with(&format!("SIP/2.0/UDP {};", Oregon.proxy())));
    assert_eq!(parameter(between.all("Via")[1], "received"), Some("2001:db8:1::9"));
    let (_, invite) = pair.pass(Virginia, Peer::udp(Oregon.proxy()), render(&between));
    let ok = answer(&invite, 200, "t", Virginia.edge(1), "");
    let [_, (back, ok)] = pair.back(callee(Transport::Udp), &ok);
    assert_eq!((back, ok.status()), (phone, Some(200)));

    // The callee hangs up: to the IPv6 address in the Contact, by the IPv6 socket.
    let mut bye = Draft::new("BYE", &format!("sip:caller@{}", phone.address), "c1", Virginia.edge(1));
    (bye.from, bye.to) = (ok.one("To").to_owned(), ok.one("From").to_owned());
    bye.routes = records(&invite);
    bye.branch = "z9hG4bK-bye".into();
    let [_, (to, bye)] = pair.back(callee(Transport::Udp), &bye.text());
    assert_eq!(to, phone);
    assert!(bye.all("Via")[0].starts_with(&format!("SIP/2.0/UDP {home};")), "{}", bye.all("Via")[0]);
    // And it finds us at that address, too.
    let options = Draft::new("OPTIONS", &format!("sip:{home}"), "c3", phone.address);
    assert_eq!(pair.pass(Oregon, phone, options.text()).1.status(), Some(200));
}

#[test]
fn sips_is_refused_because_the_mesh_cannot_keep_its_promise() {
    let mut pair = Pair::new(callee(Transport::Tls));
    let invite = draft("INVITE", &NUMBER.replacen("sip:", "sips:", 1));
    let (to, refused) = pair.pass(Oregon, phone(), over_tls(&invite));
    assert_eq!((to, refused.status()), (phone(), Some(416)));
}

#[test]
fn when_a_connection_is_lost_the_next_element_is_asked() {
    let (first, second) = (callee(Transport::Tls), Peer::new(Transport::Tcp, Virginia.edge(2)));
    let mut pair = Pair::new(first);
    let mut site = Virginia.site();
    let matches = Match::Prefix("+1703".into());
    let next = vec![Next::At(first), Next::At(second)];
    site.dial = DialPlan::new(vec![Entry { matches, region: Virginia.region(), next }]);
    let view = world::place::views(&Survey::fair(), &[]);
    pair.proxies[1].1 = Proxy::new(Arc::new(site), Arc::clone(&view[Virginia as usize]), 1);
    let [_, (to, _)] = pair.out(&over_tls(&draft("INVITE", NUMBER)));
    assert_eq!(to, first);
    pair.now += Duration::from_millis(3);
    let proxy = &mut pair.proxies[1].1;
    proxy.handle(pair.now, Input::Unreachable(first));
    let sent = std::iter::from_fn(|| proxy.poll()).find_map(|output| match output {
        Output::Send { to, .. } => Some(to),
        Output::Note(_) | Output::Ask(..) | Output::Release(_) => None,
    });
    assert_eq!(sent, Some(second));
}
