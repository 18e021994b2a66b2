//! Two phones in virtual time, with a wire between them that the test can bend; then over real sockets.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, time::timeout};

use super::{
    agent::Agent,
    message::{is_loose, parse, record_routes, via_stack},
    *,
};
use rsip::{Header, SipMessage, message::HasHeaders as _};

pub(super) const ALICE_PORT: u16 = 10_000;
pub(super) const BOB_PORT: u16 = 20_000;
const ALICE: &str = "127.17.0.100:5060";
const BOB: &str = "127.20.0.100:5060";
pub(super) const PROXY: &str = "127.17.0.1:5060";
const PROXY_2: &str = "127.17.0.2:5060";
const TALK: Duration = Duration::from_secs(3);

pub(super) fn address(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

fn agent(at: &str, proxies: &[&str], seed: u64) -> Agent {
    let config = PhoneConfig {
        address: address(at),
        proxies: proxies.iter().map(|proxy| address(proxy)).collect(),
        domain: "lab.ringway.example".into(),
        ring: Duration::from_millis(200),
        studio: Studio::start().unwrap(),
    };
    Agent::new(config, seed)
}

/// Two agents, a clock, and everything that was sent.
pub(super) struct Scene {
    pub(super) now: Instant,
    pub(super) alice: Agent,
    pub(super) bob: Agent,
    pub(super) wire: Vec<(f64, String)>,
    pub(super) messages: Vec<String>,
    pub(super) events: Vec<PhoneEvent>,
    /// What the phones told their legs, by port.
    pub(super) voice: Vec<(u16, Order)>,
    start: Instant,
}

impl Scene {
    pub(super) fn new(proxies: &[&str]) -> Self {
        let start = clock::now();
        let (alice, bob) = (agent(ALICE, proxies, 1), agent(BOB, &[PROXY], 2));
        let mut scene = Self {
            now: start,
            alice,
            bob,
            wire: vec![],
            messages: vec![],
            events: vec![],
            voice: vec![],
            start,
        };
        scene.lay_ports();
        scene
    }

    /// As the shell does: a port lies ready whenever the last one is taken.
    pub(super) fn lay_ports(&mut self) {
        for (agent, port) in [(&mut self.alice, ALICE_PORT), (&mut self.bob, BOB_PORT)] {
            if agent.wants_port() {
                agent.lay_port(port);
            }
        }
    }

    pub(super) fn call(&mut self) -> String {
        self.alice.place(self.now, "+15035550100", "+17035550199", TALK).unwrap()
    }

    /// Plays until nothing is due or `seconds` have passed. `network` sees each message with its destination and
    /// decides what reaches the other phone.
    pub(super) fn play(
        &mut self,
        seconds: u64,
        mut network: impl FnMut(&str, SocketAddrV4) -> Option<String>,
    ) {
        let end = self.start + Duration::from_secs(seconds);
        loop {
            self.settle(&mut network);
            let next = self.alice.deadline().into_iter().chain(self.bob.deadline()).min();
            match next {
                Some(next) if next <= end => self.now = next,
                _ => return,
            }
            self.alice.expire(self.now);
            self.bob.expire(self.now);
        }
    }

    pub(super) fn settle(&mut self, network: &mut impl FnMut(&str, SocketAddrV4) -> Option<String>) {
        loop {
            self.lay_ports();
            let (output, from_alice) = match self.alice.poll() {
                Some(output) => (output, true),
                None => match self.bob.poll() {
                    Some(output) => (output, false),
                    None => return,
                },
            };
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Voice { port, order } => self.voice.push((port, order)),
                Output::Send { to, bytes } => {
                    let text = String::from_utf8(bytes).unwrap();
                    let first_line = text.lines().next().unwrap().to_owned();
                    self.wire.push(((self.now - self.start).as_secs_f64(), first_line));
                    self.messages.push(text.clone());
                    if let Some(text) = network(&text, to) {
                        let receiver = if from_alice { &mut self.bob } else { &mut self.alice };
                        receiver.handle(self.now, text.as_bytes(), address(PROXY));
                    }
                }
            }
        }
    }

    pub(super) fn sent(&self, start: &str) -> usize {
        self.wire.iter().filter(|(_, line)| line.starts_with(start)).count()
    }

    pub(super) fn report(&self) -> &CallReport {
        let mut reports = self.events.iter().filter_map(|event| match event {
            PhoneEvent::Ended(report) => Some(report),
            _ => None,
        });
        let report = reports.next().expect("the call has not ended");
        assert!(reports.next().is_none(), "a call ends once");
        report
    }
}

/// What two proxies do to a message between the phones: Via and Record-Route on the way out.
pub(super) fn through_proxies(text: &str, _: SocketAddrV4) -> Option<String> {
    if text.starts_with("SIP/2.0") {
        // The answer to Alice: her own Via is the last of the stack.
        let proxied = text.lines().filter(|line| !line.contains("branch=z9hG4bK-proxy"));
        return Some(proxied.map(|line| format!("{line}\r\n")).collect());
    }
    let vias = "Via: SIP/2.0/UDP 127.20.0.1;branch=z9hG4bK-proxy-3, SIP/2.0/UDP 127.19.0.1:5060;branch=z9hG4bK-proxy-2;received=127.20.19.1\r\n\
                Via: SIP/2.0/UDP 127.17.0.1:5060;rw=7f;branch=z9hG4bK-proxy-1;received=127.19.17.1;rport=5060\r\n";
    let routes = "Record-Route: <sip:us-east-1.lab.ringway.example;lr>, <sip:us-west-2.lab.ringway.example;lr>\r\n\
                  Record-Route: <sip:edge.us-west-2.lab.ringway.example;lr;n=\"a,b\">\r\n";
    let recorded = if text.starts_with("INVITE") { routes } else { "" };
    Some(text.replacen("Via:", &format!("{vias}{recorded}Via:"), 1))
}

#[test]
fn a_call_is_placed_answered_and_hung_up() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, through_proxies);
    let lines: Vec<&str> = scene.wire.iter().map(|(_, line)| &**line).collect();
    let expected = [
        "INVITE sip:+17035550199@lab.ringway.example SIP/2.0",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 200 OK",
        "ACK sip:127.20.0.100:5060 SIP/2.0",
        "BYE sip:127.20.0.100:5060 SIP/2.0",
        "SIP/2.0 200 OK",
    ];
    assert_eq!(lines, expected);
    let report = scene.report();
    assert!(report.is_good() && report.answered, "{report:?}");
    assert_eq!(report.setup, Some(Duration::ZERO));
}

#[test]
fn the_callee_reads_the_way_of_the_call_from_the_via_stack() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, through_proxies);
    let arrived = scene.events.iter().find_map(|event| match event {
        PhoneEvent::Arrived { hops, .. } => Some(hops.join(" ")),
        _ => None,
    });
    assert_eq!(arrived.unwrap(), "127.17.0.100 127.17.0.1 127.19.0.1 127.20.0.1");
}

#[test]
fn ack_and_bye_follow_the_route_set_in_reverse_whatever_the_lines() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    let mut routed = vec![];
    scene.play(60, |text, to| {
        if text.starts_with("ACK") || text.starts_with("BYE") {
            let SipMessage::Request(request) = parse(text.as_bytes()).unwrap() else { panic!() };
            let routes = request.headers().iter().filter(|header| matches!(header, Header::Route(_)));
            routed.push(routes.map(ToString::to_string).collect::<Vec<_>>());
        }
        through_proxies(text, to)
    });
    let expected = [
        "Route: <sip:edge.us-west-2.lab.ringway.example;lr;n=\"a,b\">",
        "Route: <sip:us-west-2.lab.ringway.example;lr>",
        "Route: <sip:us-east-1.lab.ringway.example;lr>",
    ];
    assert_eq!(routed, [expected, expected]);
}

#[test]
fn a_silent_network_is_timer_b_after_seven_invites() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(100, |_, _| None);
    assert_eq!(scene.sent("INVITE"), 7);
    assert_eq!(scene.report().end, CallEnd::InviteTimeout);
    assert!(!scene.report().answered);
}

#[test]
fn the_next_proxy_is_tried_when_one_does_not_answer() {
    let mut scene = Scene::new(&[PROXY, PROXY_2]);
    scene.call();
    scene.play(60, |text, to| {
        let to_dead_proxy = !text.starts_with("SIP/2.0") && to == address(PROXY);
        (!to_dead_proxy).then(|| through_proxies(text, to))?
    });
    assert!(scene.report().is_good(), "{:?}", scene.report());
    let invites: Vec<f64> =
        scene.wire.iter().filter(|(_, line)| line.starts_with("INVITE")).map(|(at, _)| *at).collect();
    assert_eq!(invites, [0.0, 0.5, 1.5]);
}

#[test]
fn the_200_is_repeated_until_the_ack_comes_and_each_copy_gets_one() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    let mut acks_lost = 0;
    scene.play(60, |text, to| {
        if text.starts_with("ACK") && acks_lost < 2 {
            acks_lost += 1;
            return None;
        }
        through_proxies(text, to)
    });
    assert_eq!(scene.sent("ACK"), 3);
    assert_eq!(scene.sent("SIP/2.0 200"), 4, "three for the INVITE, one for the BYE");
    assert!(scene.report().is_good());
}

#[test]
fn a_retransmitted_invite_gets_the_same_answer_and_rings_once() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    let mut answers_lost = 0;
    scene.play(60, |text, to| {
        if text.starts_with("SIP/2.0") && answers_lost < 2 {
            answers_lost += 1;
            return None;
        }
        through_proxies(text, to)
    });
    assert_eq!(scene.sent("INVITE"), 2, "the 180 and the first 200 were lost");
    let arrivals = scene.events.iter().filter(|event| matches!(event, PhoneEvent::Arrived { .. })).count();
    assert_eq!(arrivals, 1);
    assert!(scene.report().is_good());
}

#[test]
fn a_lost_bye_is_repeated_and_an_unanswered_one_is_a_failure() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(100, |text, to| (!text.starts_with("BYE")).then(|| through_proxies(text, to))?);
    assert_eq!(scene.sent("BYE"), 11);
    assert_eq!(scene.report().end, CallEnd::ByeTimeout);
}

#[test]
fn a_refusal_is_acknowledged_in_its_own_transaction() {
    let mut scene = Scene::new(&[PROXY]);
    let call_id = scene.call();
    scene.settle(&mut |_, _| None);
    let refusal = format!(
        "SIP/2.0 503 No path allowed\r\nVia: SIP/2.0/UDP {ALICE};branch={}\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>;tag=9\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        scene_branch(&mut scene),
    );
    scene.alice.handle(scene.now, refusal.as_bytes(), address(PROXY));
    let mut ack = String::new();
    scene.settle(&mut |text, _| {
        ack = text.to_owned();
        None
    });
    assert!(ack.starts_with("ACK sip:+17035550199@lab.ringway.example SIP/2.0"), "{ack}");
    assert!(ack.contains("To: <sip:c@d>;tag=9") && ack.contains("CSeq: 1 ACK"), "{ack}");
    let refused = CallEnd::Refused { code: 503, reason: "No path allowed".into() };
    assert_eq!(scene.report().end, refused);
}

/// The branch of Alice's INVITE, from its next copy.
fn scene_branch(scene: &mut Scene) -> String {
    let mut branch = String::new();
    scene.now = scene.alice.deadline().unwrap();
    scene.alice.expire(scene.now);
    scene.settle(&mut |text, _| {
        let SipMessage::Request(request) = parse(text.as_bytes())? else { return None };
        branch.clone_from(&via_stack(&request.headers).first()?.branch);
        None
    });
    branch
}

#[test]
fn an_unknown_bye_gets_481_and_garbage_nothing() {
    let mut scene = Scene::new(&[PROXY]);
    let bye = "BYE sip:127.20.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP 127.20.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
               To: <sip:c@d>;tag=2\r\nCall-ID: nobody\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n";
    for datagram in [&b"\0\0\0"[..], b"INVITE", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", bye.as_bytes()] {
        scene.bob.handle(scene.now, datagram, address(PROXY));
    }
    scene.settle(&mut |_, _| None);
    assert_eq!(scene.wire.len(), 1);
    assert_eq!(scene.wire[0].1, "SIP/2.0 481 Call/Transaction Does Not Exist");
}

#[test]
fn loose_and_strict_routers_are_told_apart() {
    assert!(is_loose("<sip:us-west-2.lab.ringway.example;lr>"));
    assert!(is_loose("\"Edge\" <sip:p.example;transport=udp;lr=on>;x=1"));
    assert!(!is_loose("<sip:p.example>;lr"));
}

#[test]
fn a_strict_router_takes_the_request_uri() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    let mut ack = String::new();
    scene.play(60, |text, to| {
        if text.starts_with("ACK") {
            ack = text.to_owned();
        }
        let recorded = through_proxies(text, to)?;
        Some(recorded.replace("<sip:edge.us-west-2.lab.ringway.example;lr;n=\"a,b\">", "<sip:10.0.0.9>"))
    });
    assert!(ack.starts_with("ACK sip:10.0.0.9 SIP/2.0\r\n"), "{ack}");
    let last_routes = "Route: <sip:us-east-1.lab.ringway.example;lr>\r\nRoute: <sip:127.20.0.100:5060>\r\n";
    assert!(ack.contains(last_routes), "{ack}");
}

#[test]
fn record_routes_come_out_one_by_one() {
    let text = through_proxies(
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n",
        address(PROXY),
    );
    let SipMessage::Request(request) = parse(text.unwrap().as_bytes()).unwrap() else { panic!() };
    assert_eq!(record_routes(&request.headers).len(), 3);
    assert_eq!(via_stack(&request.headers).len(), 4);
}

#[tokio::test]
async fn two_phones_call_each_other_over_real_sockets() {
    let plan = crate::address::AddressPlan::claim(vec![("west".into(), 1)]).unwrap();
    let host = |n| crate::address::real(plan.octet("west").unwrap(), n);
    let (here, there) = (SocketAddrV4::new(host(100), 5060), SocketAddrV4::new(host(101), 5060));
    let studio = Studio::start().unwrap();
    let config = |address, proxy| PhoneConfig {
        address,
        proxies: vec![proxy],
        domain: "lab.ringway.example".into(),
        ring: Duration::from_millis(20),
        studio: studio.clone(),
    };
    let (events, mut inbox) = mpsc::channel(64);
    let alice = Phone::start(config(here, there), 1, events.clone()).await.unwrap();
    let _bob = Phone::start(config(there, here), 2, events).await.unwrap();
    let call_id = alice.call("+15035550100", "+17035550199", Duration::from_millis(50)).await.unwrap();
    let report = timeout(Duration::from_secs(10), async {
        loop {
            if let Some(PhoneEvent::Ended(report)) = inbox.recv().await {
                return report;
            }
        }
    });
    let report = report.await.unwrap();
    assert_eq!((report.call_id, report.end), (call_id, CallEnd::HungUp));
}
