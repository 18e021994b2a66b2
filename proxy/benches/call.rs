//! What a call costs the core: calls from INVITE to BYE and on to the end of their last transaction, through one
//! [`Proxy`], by the edge and to the edge as in `bench/sip-vs-kamailio`. The messages are captured from a rehearsal
//! first: the same seed mints the same branches, so the replay is answered word for word.
//!
//! ```console
//! $ cargo bench -p ringway-proxy --bench call
//! ```
//!
//! A busy machine tells no times, but it counts instructions truly. The first line names the program; of what the second
//! one collects, a call is one in [`CALLS`]:
//!
//! ```console
//! $ cargo bench -p ringway-proxy --bench call --no-run
//! $ valgrind --tool=callgrind --toggle-collect='call::replay*' PROGRAM --test
//! $ callgrind_annotate callgrind.out.*
//! ```

#![allow(missing_docs, reason = "criterion makes public functions")]
#![expect(clippy::unwrap_used, reason = "what is built here is known to be good")]

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringway_proxy::core::{
    Input, Proxy,
    dial::{DialPlan, Entry, Match, Next},
    names::Names,
    output::Output,
    overload,
    question::Answer,
    registrar,
    site::Site,
    sockets::Sockets,
    view::View,
};
use ringway_router::{Router, Settings};
use ringway_sip::{Limits, Message, Name, Peer, Timing};
use std::{
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Calls of one replay, so that tables have some size and buffers are warm.
const CALLS: usize = 1_000;
/// Between two calls: 1,000 a second.
const BETWEEN: Duration = Duration::from_millis(1);
/// From the 200 to the BYE.
const TALK: Duration = Duration::from_millis(500);
/// The shell looks at its deadlines this often.
const TICK: Duration = Duration::from_millis(5);

const PROXY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 201, 0, 1)), 5060);

criterion_group!(benches, whole_calls);
criterion_main!(benches);

fn whole_calls(criterion: &mut Criterion) {
    let start = epoch();
    let script = rehearse(start);
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(CALLS as u64)).sample_size(20);
    group.bench_function("INVITE to BYE", |bencher| {
        bencher.iter_batched(proxy, |proxy| replay(proxy, &script), BatchSize::PerIteration);
    });
    group.finish();
}

/// What is measured. A datagram is copied out of the receiver's buffer, as the shell does.
#[inline(never)]
fn replay(mut proxy: Proxy, script: &[(Instant, Step)]) -> Proxy {
    for (now, step) in script {
        let input = match step {
            Step::Message(from, bytes) => {
                Input::Message { from: *from, bytes: Bytes::copy_from_slice(bytes) }
            }
            Step::Tick => Input::Tick,
        };
        pump(&mut proxy, *now, input, |output| drop(black_box(output)));
    }
    proxy
}

/// One input, and all that follows from it. Nobody is registered: numbers go by the dial plan.
fn pump(proxy: &mut Proxy, now: Instant, input: Input, mut sink: impl FnMut(Output)) {
    proxy.handle(now, input);
    while let Some(output) = proxy.poll() {
        match output {
            Output::Ask(ticket, _) => {
                proxy.handle(now, Input::Told(ticket, Answer::Located(Vec::new())));
            }
            output => sink(output),
        }
    }
}

enum Step {
    Message(Peer, Bytes),
    Tick,
}

/// All that comes to the proxy, and when.
fn rehearse(start: Instant) -> Vec<(Instant, Step)> {
    let mut stage = Stage { proxy: proxy(), script: Vec::new() };
    let bye_after = usize::try_from(TALK.as_millis() / BETWEEN.as_millis()).unwrap();
    let mut talking = Vec::new();
    let mut now = start;
    for turn in 0..CALLS + bye_after {
        now = start + BETWEEN * u32::try_from(turn).unwrap();
        if turn < CALLS {
            talking.push(stage.set_up(now, turn));
        }
        if let Some(call) = turn.checked_sub(bye_after) {
            stage.hang_up(now, call, &talking[call]);
        }
        stage.tick(now);
    }
    while stage.proxy.deadline().is_some() {
        now += TICK;
        stage.tick(now);
    }
    assert!(stage.proxy.is_idle(), "the calls are over");
    stage.script
}

struct Stage {
    proxy: Proxy,
    script: Vec<(Instant, Step)>,
}

/// The callee's contact behind the Record-Route of the proxy, and its tag: what an in-dialog request needs.
struct Dialog {
    target: String,
    route: String,
    to: String,
}

impl Stage {
    fn set_up(&mut self, now: Instant, call: usize) -> Dialog {
        let sent = self.send(now, caller(), invite(call));
        let [trying, invite] = &sent[..] else { panic!("a 100 and the INVITE: {sent:?}") };
        assert_eq!((trying.status(), invite.uri()), (Some(100), "sip:100@127.201.0.1:5060"));
        let ringing = self.send(now, callee(), answer(invite, "180 Ringing"));
        assert_eq!(ringing.len(), 1);
        let ok = &self.send(now, callee(), answer(invite, "200 OK"))[0];
        let dialog = Dialog {
            target: ok.contacts().next().unwrap().unwrap().uri.as_str().to_owned(),
            route: ok.first(Name::RecordRoute).unwrap().to_owned(),
            to: ok.first(Name::To).unwrap().to_owned(),
        };
        assert_eq!(self.send(now, caller(), in_dialog("ACK", 1, call, &dialog)).len(), 1);
        dialog
    }

    fn hang_up(&mut self, now: Instant, call: usize, dialog: &Dialog) {
        let bye = &self.send(now, caller(), in_dialog("BYE", 2, call, dialog))[0];
        let over = &self.send(now, callee(), answer(bye, "200 OK"))[0];
        assert_eq!(over.status(), Some(200));
    }

    /// One datagram to the proxy; gives what it sends.
    fn send(&mut self, now: Instant, from: Peer, text: String) -> Vec<Message> {
        let bytes = Bytes::from(text);
        self.script.push((now, Step::Message(from, bytes.clone())));
        self.sent(now, Input::Message { from, bytes })
    }

    fn tick(&mut self, now: Instant) {
        if self.proxy.deadline().is_some_and(|at| at <= now) {
            self.script.push((now, Step::Tick));
            assert_eq!(self.sent(now, Input::Tick).len(), 0, "nothing is sent twice");
        }
    }

    fn sent(&mut self, now: Instant, input: Input) -> Vec<Message> {
        let mut sent = Vec::new();
        pump(&mut self.proxy, now, input, |output| {
            if let Output::Send { bytes, .. } = output {
                sent.push(Message::parse(bytes, &Limits::default()).unwrap());
            }
        });
        sent
    }
}

fn proxy() -> Proxy {
    let home: ringway_router::Region = "home".parse().unwrap();
    let digit = |digit: u8| Entry {
        matches: Match::Prefix(digit.to_string()),
        region: home.clone(),
        next: vec![Next::At(Peer::udp(SocketAddr::from(([127, 201, 2, digit], 5060))))],
    };
    let site = Site {
        asks_from: None,
        names: Names::new("bench.example", home.clone(), vec![PROXY]),
        sockets: Sockets::new(PROXY, []),
        usual: Vec::new(),
        edge: vec!["127.201.0.0/16".parse().unwrap()],
        dial: DialPlan::new((1..=9).map(digit).collect()),
        limits: Limits::default(),
        timing: Timing::default(),
        hop_timeout: Duration::from_millis(750),
        edge_timeout: Duration::from_secs(4),
        timer_c: Duration::from_secs(181),
        ring: Duration::from_secs(20),
        registrar: registrar::Settings::default(),
        node: "n1".parse().unwrap(),
        flow_secret: 7,
        media: None,
        idle: Duration::from_secs(600),
        overload: overload::Settings::default(),
    };
    let table = Router::new(home, Settings::default()).table();
    Proxy::new(Arc::new(site), Arc::new(View::alone(table)), 1)
}

fn caller() -> Peer {
    Peer::udp(([127, 201, 1, 1], 5060).into())
}

fn callee() -> Peer {
    Peer::udp(([127, 201, 2, 1], 5060).into())
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.201.1.1\r\ns=-\r\nc=IN IP4 127.201.1.1\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

fn invite(call: usize) -> String {
    format!(
        "INVITE sip:100@127.201.0.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.201.1.1:5060;branch=z9hG4bK-4711-{call}-0\r\n\
         From: <sip:caller@127.201.1.1:5060>;tag=4711c{call}\r\nTo: <sip:100@127.201.0.1>\r\n\
         Call-ID: {call}-4711@127.201.1.1\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@127.201.1.1:5060>\r\n\
         Max-Forwards: 70\r\nSubject: one thousand calls\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn in_dialog(method: &str, number: u32, call: usize, dialog: &Dialog) -> String {
    let Dialog { target, route, to } = dialog;
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.201.1.1:5060;branch=z9hG4bK-4711-{call}-{method}\r\n\
         Route: {route}\r\nFrom: <sip:caller@127.201.1.1:5060>;tag=4711c{call}\r\nTo: {to}\r\n\
         Call-ID: {call}-4711@127.201.1.1\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// What the callee answers, which joins its Vias in one line as SIPp does.
fn answer(request: &Message, status: &str) -> String {
    let vias: Vec<&str> = request.values(Name::Via).collect();
    let line = |name: Name<'static>| {
        request.first(name).map(|value| format!("{name}: {value}\r\n")).unwrap_or_default()
    };
    let tag = if request.to().tag().is_some() { "" } else { ";tag=b2" };
    let body = if status.starts_with("200") && request.cseq().number == 1 { SDP } else { "" };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\n{}{}To: {}{tag}\r\n{}{}\
         Contact: <sip:127.201.2.1:5060;transport=UDP>\r\nContent-Length: {}\r\n\r\n{body}",
        vias.join(", "),
        line(Name::RecordRoute),
        line(Name::From),
        request.first(Name::To).unwrap_or_default(),
        line(Name::CallId),
        line(Name::CSeq),
        body.len()
    )
}

#[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
fn epoch() -> Instant {
    Instant::now()
}
