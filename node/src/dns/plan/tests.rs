//! Every branch of RFC 3263 §4 as a little zone, what is asked of it, and what comes out.

use super::{Answer, Family, Kind, Outcome, Output, Plan, Question, Record, Request, Server, Transport};
use crate::dns::srv;
use fastrand::Rng;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(300);
const TTL_OF_NOTHING: Duration = Duration::from_secs(10);

/// A zone, one record a line: `name kind data…`. `name kind fail` is a question that fails.
struct Zone(&'static str);

impl Zone {
    fn answer(&self, question: &Question) -> Answer {
        let kind = kind(question.kind);
        let lines = self.0.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mine = lines.filter(|line| line.len() > 2 && line[0] == &*question.name && line[1] == kind);
        let data: Vec<Vec<&str>> = mine.map(|line| line[2..].to_vec()).collect();
        if data.iter().any(|data| data == &["fail"]) {
            return Answer::Failed;
        }
        if data.is_empty() {
            return Answer::Nothing { ttl: Some(TTL_OF_NOTHING) };
        }
        Answer::Records { records: data.iter().map(|data| record(question.kind, data)).collect(), ttl: TTL }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Naptr => "NAPTR",
        Kind::Srv => "SRV",
        Kind::A => "A",
        Kind::Aaaa => "AAAA",
    }
}

fn record(kind: Kind, data: &[&str]) -> Record {
    let number = |place: usize| data[place].parse().unwrap();
    let name = |place: usize| data[place].trim_end_matches('.').into();
    match kind {
        Kind::A | Kind::Aaaa => Record::Address(data[0].parse().unwrap()),
        Kind::Srv => Record::Srv { priority: number(0), weight: number(1), port: number(2), host: name(3) },
        Kind::Naptr => Record::Naptr {
            order: number(0),
            preference: number(1),
            flags: data[2].into(),
            service: data[3].into(),
            regexp: data[4].trim_matches('-').into(),
            replacement: name(5),
        },
    }
}

/// `[sip|sips]:host[:port][;transport]`, as far as this needs it.
fn request(uri: &str) -> Request {
    let (scheme, rest) = uri.split_once(':').unwrap();
    let (rest, transport) = rest.split_once(';').unwrap_or((rest, ""));
    let transport = match transport {
        "" => None,
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        _ => Some(Transport::Tls),
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().unwrap())),
        _ => (rest, None),
    };
    Request::new(host, port, transport, scheme == "sips").unwrap()
}

/// The questions, in order, and the targets or what there is instead.
fn run(zone: &Zone, uri: &str, prefer: Family) -> (String, String) {
    let mut plan = Plan::new(request(uri), prefer);
    let (mut asked, mut pending) = (Vec::new(), Vec::new());
    loop {
        while let Some(output) = plan.poll() {
            match output {
                Output::Ask(question) => pending.push(question),
                Output::Done(outcome) => return (asked.join(" "), show(&outcome)),
            }
        }
        // The last one first: no order of answers may be relied on.
        let question = pending.pop().expect("a plan that waits has asked something");
        plan.handle(&question, zone.answer(&question));
        asked.push(format!("{}/{}", kind(question.kind), question.name));
        asked.sort();
    }
}

fn show(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Found { servers, partial, .. } => {
            let targets = srv::order(servers, &mut Rng::with_seed(1));
            let shown = targets
                .iter()
                .map(|target| format!("{:?}/{}", target.transport, target.address).to_lowercase())
                .chain(partial.then(|| "(partial)".into()));
            shown.collect::<Vec<String>>().join(" ")
        }
        Outcome::Missing { .. } => "missing".into(),
        Outcome::Away => "away".into(),
    }
}

#[track_caller]
fn check(zone: &'static str, uri: &str, asked: &str, want: &str) {
    let got = run(&Zone(zone), uri, Family::Ipv4);
    assert_eq!(got, (asked.into(), want.into()), "{uri}");
}

const HOST: &str = "a.example A 192.0.2.1\na.example AAAA 2001:db8::1";
const HOST_ASKED: &str = "A/a.example AAAA/a.example";

#[test]
fn a_numeric_host_asks_nothing() {
    for (uri, want) in [
        ("sip:192.0.2.9", "udp/192.0.2.9:5060"),
        ("sip:192.0.2.9:5070", "udp/192.0.2.9:5070"),
        ("sip:192.0.2.9;tcp", "tcp/192.0.2.9:5060"),
        ("sip:192.0.2.9;tls", "tls/192.0.2.9:5061"),
        ("sips:192.0.2.9", "tls/192.0.2.9:5061"),
        ("sips:[2001:db8::9]:5071", "tls/[2001:db8::9]:5071"),
        ("sips:192.0.2.9;tcp", "tls/192.0.2.9:5061"),
    ] {
        check("", uri, "", want);
    }
}

#[test]
fn a_port_leaves_only_addresses_to_ask_for() {
    for (uri, want) in [
        ("sip:a.example:5070", "udp/192.0.2.1:5070 udp/[2001:db8::1]:5070"),
        ("sip:a.example:5070;tcp", "tcp/192.0.2.1:5070 tcp/[2001:db8::1]:5070"),
        ("sips:a.example:5070", "tls/192.0.2.1:5070 tls/[2001:db8::1]:5070"),
    ] {
        check(HOST, uri, HOST_ASKED, want);
    }
    check("", "sip:a.example:5070", HOST_ASKED, "missing");
}

#[test]
fn a_transport_leaves_its_service_to_ask_for() {
    let zone = "_sip._tcp.d.example SRV 1 0 5062 a.example\na.example A 192.0.2.1\n_sips._tcp.d.example SRV 1 0 5063 a.example";
    let asked = |service: &str| format!("{HOST_ASKED} SRV/{service}.d.example");
    check(zone, "sip:d.example;tcp", &asked("_sip._tcp"), "tcp/192.0.2.1:5062");
    check(zone, "sip:d.example;tls", &asked("_sips._tcp"), "tls/192.0.2.1:5063");
    check(zone, "sips:d.example;tcp", &asked("_sips._tcp"), "tls/192.0.2.1:5063");
}

#[test]
fn a_transport_without_service_is_the_host_itself() {
    for (uri, service, want) in [
        ("sip:a.example;udp", "_sip._udp", "udp/192.0.2.1:5060 udp/[2001:db8::1]:5060"),
        ("sip:a.example;tcp", "_sip._tcp", "tcp/192.0.2.1:5060 tcp/[2001:db8::1]:5060"),
        ("sips:a.example;tls", "_sips._tcp", "tls/192.0.2.1:5061 tls/[2001:db8::1]:5061"),
    ] {
        check(HOST, uri, &format!("{HOST_ASKED} SRV/{service}.a.example"), want);
    }
}

#[test]
fn pointers_choose_the_service() {
    // The example of RFC 3263 §4.1.
    let zone = "d.example NAPTR 50 50 s SIPS+D2T - _sips._tcp.d.example.
        d.example NAPTR 90 50 s SIP+D2T - _sip._tcp.d.example
        d.example NAPTR 100 50 s SIP+D2U - _sip._udp.d.example.
        _sips._tcp.d.example SRV 0 1 5061 a.example
        _sip._tcp.d.example SRV 0 1 5060 a.example
        a.example A 192.0.2.1";
    let asked = format!("{HOST_ASKED} NAPTR/d.example SRV/_sips._tcp.d.example");
    for uri in ["sip:d.example", "sips:d.example", "sip:D.Example."] {
        check(zone, uri, &asked, "tls/192.0.2.1:5061");
    }
}

#[test]
fn pointers_of_one_order_are_all_used_by_preference() {
    let zone = "d.example NAPTR 1 20 S sip+d2t - elsewhere.example
        d.example NAPTR 1 10 s SIP+D2U - _sip._udp.d.example
        d.example NAPTR 2 10 s SIPS+D2T - _sips._tcp.d.example
        elsewhere.example SRV 0 1 5062 b.example
        _sip._udp.d.example SRV 9 1 5060 a.example
        a.example A 192.0.2.1
        b.example A 192.0.2.2";
    let asked = "A/a.example A/b.example AAAA/a.example AAAA/b.example NAPTR/d.example \
                 SRV/_sip._udp.d.example SRV/elsewhere.example";
    check(zone, "sip:d.example", asked, "udp/192.0.2.1:5060 tcp/192.0.2.2:5062");
}

#[test]
fn pointers_that_do_not_fit_are_no_pointers() {
    let zone = "d.example NAPTR 1 1 s SIP+D2S - _sip._sctp.d.example
        d.example NAPTR 2 1 u E2U+sip !^.*$!sip:x@y! .
        d.example NAPTR 3 1 s SIP+D2U !a!b! _sip._udp.d.example
        d.example NAPTR 4 1 a SIP+D2U - a.example
        d.example NAPTR 5 1 s SIP+D2T - .
        _sip._tcp.d.example SRV 0 1 5060 a.example
        a.example A 192.0.2.1";
    let asked = format!(
        "{HOST_ASKED} NAPTR/d.example SRV/_sip._tcp.d.example SRV/_sip._udp.d.example SRV/_sips._tcp.d.example"
    );
    check(zone, "sip:d.example", &asked, "tcp/192.0.2.1:5060");
}

#[test]
fn sips_takes_no_pointer_but_to_tls() {
    let zone = "d.example NAPTR 1 1 s SIP+D2U - _sip._udp.d.example
        _sip._udp.d.example SRV 0 1 5060 a.example
        a.example A 192.0.2.1";
    let asked = "A/d.example AAAA/d.example NAPTR/d.example SRV/_sips._tcp.d.example";
    check(zone, "sips:d.example", asked, "missing");
}

#[test]
fn a_pointer_to_nothing_still_says_the_transport() {
    let zone = "a.example NAPTR 1 1 s SIP+D2T - _sip._tcp.a.example\na.example A 192.0.2.1";
    let asked = format!("{HOST_ASKED} NAPTR/a.example SRV/_sip._tcp.a.example");
    check(zone, "sip:a.example", &asked, "tcp/192.0.2.1:5060");
}

const ALL_SERVICES: &str = "SRV/_sip._tcp.a.example SRV/_sip._udp.a.example SRV/_sips._tcp.a.example";

#[test]
fn without_pointers_every_service_is_looked_for() {
    let zone = "_sips._tcp.a.example SRV 0 0 5061 a.example
        _sip._tcp.a.example SRV 5 0 5060 a.example
        _sip._udp.a.example SRV 9 0 5060 a.example
        a.example A 192.0.2.1";
    let asked = format!("{HOST_ASKED} NAPTR/a.example {ALL_SERVICES}");
    check(zone, "sip:a.example", &asked, "udp/192.0.2.1:5060 tcp/192.0.2.1:5060 tls/192.0.2.1:5061");
    let tls = format!("{HOST_ASKED} NAPTR/a.example SRV/_sips._tcp.a.example");
    check(zone, "sips:a.example", &tls, "tls/192.0.2.1:5061");
}

#[test]
fn without_services_the_name_is_the_host() {
    let asked = format!("{HOST_ASKED} NAPTR/a.example {ALL_SERVICES}");
    check(HOST, "sip:a.example", &asked, "udp/192.0.2.1:5060 udp/[2001:db8::1]:5060");
    check("", "sip:a.example", &asked, "missing");
    let tls = format!("{HOST_ASKED} NAPTR/a.example SRV/_sips._tcp.a.example");
    check(HOST, "sips:a.example", &tls, "tls/192.0.2.1:5061 tls/[2001:db8::1]:5061");
}

#[test]
fn a_service_that_is_declined_has_no_fallback() {
    let zone = "_sip._udp.a.example SRV 0 0 0 .\na.example A 192.0.2.1";
    check(zone, "sip:a.example;udp", "SRV/_sip._udp.a.example", "missing");
    check(zone, "sip:a.example", &format!("NAPTR/a.example {ALL_SERVICES}"), "missing");
}

#[test]
fn priorities_are_kept_and_a_host_without_address_is_left_out() {
    let zone = "_sip._udp.d.example SRV 20 9 5060 b.example
        _sip._udp.d.example SRV 10 0 5060 a.example
        _sip._udp.d.example SRV 10 0 5060 gone.example
        _sip._udp.d.example SRV 30 0 5070 a.example
        a.example A 192.0.2.1
        b.example A 192.0.2.2";
    let asked = "A/a.example A/b.example A/gone.example AAAA/a.example AAAA/b.example AAAA/gone.example \
                 SRV/_sip._udp.d.example";
    check(zone, "sip:d.example;udp", asked, "udp/192.0.2.1:5060 udp/192.0.2.2:5060 udp/192.0.2.1:5070");
}

#[test]
fn the_preferred_family_is_first_and_the_other_is_kept() {
    let (_, v6) = run(&Zone(HOST), "sip:a.example:5060", Family::Ipv6);
    assert_eq!(v6, "udp/[2001:db8::1]:5060 udp/192.0.2.1:5060");
}

#[test]
fn a_failure_makes_gaps_but_no_wrong_turns() {
    let asked = format!("{HOST_ASKED} NAPTR/a.example {ALL_SERVICES}");
    let no_naptr = "a.example NAPTR fail\na.example A 192.0.2.1";
    check(no_naptr, "sip:a.example", &asked, "udp/192.0.2.1:5060 (partial)");
    let no_srv = "_sip._tcp.a.example SRV fail\na.example A 192.0.2.1";
    check(no_srv, "sip:a.example", &format!("NAPTR/a.example {ALL_SERVICES}"), "away");
    let declined = "_sip._tcp.a.example SRV fail\n_sip._udp.a.example SRV 0 0 0 .";
    check(declined, "sip:a.example", &format!("NAPTR/a.example {ALL_SERVICES}"), "away");
    let one_srv =
        "_sip._tcp.a.example SRV fail\n_sip._udp.a.example SRV 0 0 5060 a.example\na.example A 192.0.2.1";
    check(one_srv, "sip:a.example", &asked, "udp/192.0.2.1:5060 (partial)");
    let no_aaaa = "a.example AAAA fail\na.example A 192.0.2.1";
    check(no_aaaa, "sip:a.example:1", HOST_ASKED, "udp/192.0.2.1:1 (partial)");
    check("a.example A fail", "sip:a.example:1", HOST_ASKED, "away");
}

#[test]
fn giving_up_ends_every_stage() {
    let zone = Zone("_sip._udp.a.example SRV 0 0 5060 a.example\na.example A 192.0.2.1");
    // After so many answers, what is known then.
    for (answers, want) in [
        (0, "away"),
        (1, "away"),
        (2, "away"),
        (5, "udp/192.0.2.1:5060 (partial)"),
        (6, "udp/192.0.2.1:5060"),
    ] {
        let mut plan = Plan::new(request("sip:a.example"), Family::Ipv4);
        let mut outcome = None;
        for _ in 0..answers {
            let Some(Output::Ask(question)) = plan.poll() else { panic!("{answers}: nothing to ask") };
            plan.handle(&question, zone.answer(&question));
        }
        plan.give_up();
        while let Some(output) = plan.poll() {
            if let Output::Done(done) = output {
                outcome = Some(show(&done));
            }
        }
        assert_eq!(outcome.as_deref(), Some(want), "after {answers}");
    }
}

#[test]
fn answers_that_were_not_asked_for_change_nothing() {
    let mut plan = Plan::new(request("sip:a.example:5060"), Family::Ipv4);
    let records = vec![Record::Address("203.0.113.66".parse().unwrap())];
    let lie = Answer::Records { records, ttl: TTL };
    plan.handle(&Question { name: "b.example".into(), kind: Kind::A }, lie.clone());
    plan.handle(&Question { name: "a.example".into(), kind: Kind::Srv }, lie.clone());
    plan.give_up();
    assert_eq!(plan.poll(), Some(Output::Done(Outcome::Away)));
    plan.handle(&Question { name: "a.example".into(), kind: Kind::A }, lie);
    assert_eq!(plan.poll(), None, "it is over");
}

#[test]
fn the_shortest_lifetime_holds_for_all() {
    let mut plan = Plan::new(request("sip:d.example;udp"), Family::Ipv4);
    let ask = |plan: &mut Plan| match plan.poll() {
        Some(Output::Ask(question)) => question,
        other => panic!("{other:?}"),
    };
    let answer =
        |record, seconds| Answer::Records { records: vec![record], ttl: Duration::from_secs(seconds) };
    let service = ask(&mut plan);
    let srv = Record::Srv { priority: 0, weight: 0, port: 5060, host: "a.example".into() };
    plan.handle(&service, answer(srv, 60));
    let (a, aaaa) = (ask(&mut plan), ask(&mut plan));
    plan.handle(&a, answer(Record::Address("192.0.2.1".parse().unwrap()), 20));
    plan.handle(&aaaa, Answer::Nothing { ttl: Some(TTL_OF_NOTHING) });
    let Some(Output::Done(Outcome::Found { ttl, .. })) = plan.poll() else { panic!("found") };
    assert_eq!(ttl, Duration::from_secs(20));

    let mut missing = Plan::new(request("sip:a.example:5060"), Family::Ipv4);
    let (a, aaaa) = (ask(&mut missing), ask(&mut missing));
    missing.handle(&a, Answer::Nothing { ttl: Some(Duration::from_secs(7)) });
    missing.handle(&aaaa, Answer::Nothing { ttl: None });
    let ttl = Some(Duration::from_secs(7));
    assert_eq!(missing.poll(), Some(Output::Done(Outcome::Missing { ttl })));
}

#[test]
fn a_hostile_domain_cannot_make_us_ask_without_end() {
    let mut plan = Plan::new(request("sip:d.example;udp"), Family::Ipv4);
    let Some(Output::Ask(service)) = plan.poll() else { panic!("a service") };
    let host = |n: u16| Record::Srv {
        priority: 1000 - n,
        weight: 0,
        port: 5060,
        host: format!("h{n}.victim.example").into(),
    };
    plan.handle(&service, Answer::Records { records: (0..1000).map(host).collect(), ttl: TTL });
    let asked: Vec<Output> = std::iter::from_fn(|| plan.poll()).collect();
    assert_eq!(asked.len(), 2 * super::SERVERS_MAX);
    let best = Question { name: "h999.victim.example".into(), kind: Kind::A };
    assert_eq!(asked[0], Output::Ask(best), "the best priorities stay");
    let addresses = (0..200u8).map(|n| Record::Address([192, 0, 2, n].into())).collect();
    let Output::Ask(first) = &asked[0] else { panic!("a question") };
    plan.handle(first, Answer::Records { records: addresses, ttl: TTL });
    plan.give_up();
    let Some(Output::Done(Outcome::Found { servers, .. })) = plan.poll() else { panic!("found") };
    assert_eq!(servers.iter().map(|Server { addresses, .. }| addresses.len()).sum::<usize>(), 8);
}
