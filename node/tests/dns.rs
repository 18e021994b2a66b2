//! DNS for SIP against a real server (Debian's nsd) and against servers that are silent, lie, or fail. Time is an
//! argument, so lifetimes pass without waiting.

mod nsd;
mod script;

use nsd::Nsd;
use ringway_node::{
    clock::Clock,
    dns::{Dns, DnsError, Family, Resolver, Target, Transport},
};
use script::{A, NAPTR, SRV, Script};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::{task::yield_now, time::timeout};

/// The carrier's zone that most of these tests ask.
const ZONE: &str = "
carrier NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.carrier
carrier NAPTR 20 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.carrier
_sips._tcp.carrier SRV 10 0 5061 edge1
_sips._tcp.carrier SRV 20 0 5071 edge2
_sip._udp.carrier SRV 10 1 5060 edge1
_sip._udp.carrier SRV 10 3 5060 edge2
edge1 A 192.0.2.1
edge1 AAAA 2001:db8::1
edge2 A 192.0.2.2
plain A 192.0.2.3
looped NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.looped
_sip._udp.looped SRV 10 0 5060 here
_sip._udp.looped SRV 20 0 5060 edge2
here CNAME there
there CNAME here
_sip._udp.lost SRV 10 0 5060 here
alias CNAME other
other CNAME edge2
";

fn resolver(servers: &[SocketAddr], timeout_ms: u64) -> Resolver {
    let dns = Dns { servers: servers.to_vec(), timeout_ms, ..Dns::default() };
    Resolver::from_settings(&dns).expect("servers are given")
}

async fn sip(resolver: &Resolver, now: Instant, host: &str) -> Result<Vec<String>, DnsError> {
    resolver.resolve(now, host, None, None, false).await.map(|targets| show(&targets))
}

fn show(targets: &[Target]) -> Vec<String> {
    targets.iter().map(|target| format!("{:?} {}", target.transport, target.address)).collect()
}

#[tokio::test]
async fn every_node_of_a_service_is_found() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let dns = resolver(&[nsd.address], 2_000);
    let found = dns.service("_sips._tcp.carrier.example").await.expect("SRV, A, AAAA");
    let all = ["192.0.2.1:5061", "192.0.2.2:5071", "[2001:db8::1]:5061"];
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
    assert_eq!(dns.service("_ringway._tcp.carrier.example").await, Err(DnsError::Missing));
    // The host of one of the two records leads in a circle.
    let found = dns.service("_sip._udp.looped.example.").await.expect("one of the two is good");
    assert_eq!(found, ["192.0.2.2:5060".parse().expect("an address")]);
    assert_eq!(dns.addresses("edge1.example").await.expect("A and AAAA").len(), 2);
    let away = resolver(&["127.0.0.1:9".parse().expect("an address")], 200);
    assert_eq!(away.service("_sips._tcp.carrier.example").await, Err(DnsError::Away));
}

#[tokio::test]
async fn a_domain_becomes_targets_in_order() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let (dns, now) = (resolver(&[nsd.address], 2000), Clock::start().now());
    let all = ["Tls 192.0.2.1:5061", "Tls [2001:db8::1]:5061", "Tls 192.0.2.2:5071"];
    assert_eq!(sip(&dns, now, "carrier.example").await.expect("NAPTR, SRV, A"), all);
    assert_eq!(sip(&dns, now, "Plain.Example.").await.expect("A"), ["Udp 192.0.2.3:5060"]);
    assert_eq!(sip(&dns, now, "alias.example").await.expect("CNAME, A"), ["Udp 192.0.2.2:5060"]);
    let port = dns.resolve(now, "edge1.example", Some(5080), Some(Transport::Tcp), false).await.expect("A");
    assert_eq!(show(&port), ["Tcp 192.0.2.1:5080", "Tcp [2001:db8::1]:5080"]);

    let settings = Dns { servers: vec![nsd.address], prefer: Family::Ipv6, ..Dns::default() };
    let ipv6 = Resolver::from_settings(&settings).expect("a server is given");
    let order = ["Tls [2001:db8::1]:5061", "Tls 192.0.2.1:5061", "Tls 192.0.2.2:5071"];
    assert_eq!(sip(&ipv6, now, "carrier.example").await.expect("NAPTR, SRV, AAAA"), order);
}

#[tokio::test]
async fn calls_are_shared_out_by_weight() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let (dns, now) = (resolver(&[nsd.address], 2000), Clock::start().now());
    let mut firsts = HashMap::<SocketAddr, u32>::new();
    for _ in 0..4000 {
        let targets =
            dns.resolve(now, "carrier.example", None, Some(Transport::Udp), false).await.expect("SRV");
        *firsts.entry(targets[0].address).or_default() += 1;
    }
    // edge1 has one part, over two addresses, and edge2 three. Six standard deviations are 165.
    let edge2 = firsts[&SocketAddr::from(([192, 0, 2, 2], 5060))];
    assert!((2835..=3165).contains(&edge2), "{firsts:?}");
}

#[tokio::test]
async fn a_silent_target_is_tried_last_until_it_answers() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let (dns, now) = (resolver(&[nsd.address], 2000), Clock::start().now());
    let first = dns.resolve(now, "carrier.example", None, None, false).await.expect("targets")[0];
    dns.failed(now, first);
    let order = ["Tls [2001:db8::1]:5061", "Tls 192.0.2.2:5071", "Tls 192.0.2.1:5061"];
    assert_eq!(sip(&dns, now, "carrier.example").await.expect("targets"), order);
    dns.answered(first);
    let order = ["Tls 192.0.2.1:5061", "Tls [2001:db8::1]:5061", "Tls 192.0.2.2:5071"];
    assert_eq!(sip(&dns, now, "carrier.example").await.expect("targets"), order);
}

#[tokio::test]
async fn aliases_in_a_circle_cost_their_own_host_only() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let (dns, now) = (resolver(&[nsd.address], 2000), Clock::start().now());
    assert_eq!(sip(&dns, now, "looped.example").await.expect("edge2"), ["Udp 192.0.2.2:5060"]);
    assert_eq!(sip(&dns, now, "lost.example").await, Err(DnsError::Missing));
}

#[tokio::test]
async fn what_does_not_exist_is_missing_and_remembered_for_a_while() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let (dns, now) = (resolver(&[nsd.address], 1000), Clock::start().now());
    assert_eq!(sip(&dns, now, "nobody.example").await, Err(DnsError::Missing));
    drop(nsd);
    // The zone's SOA gives it five seconds.
    let later = now + Duration::from_millis(4999);
    assert_eq!(sip(&dns, later, "nobody.example").await, Err(DnsError::Missing));
    let after = now + Duration::from_secs(5);
    assert_eq!(sip(&dns, after, "nobody.example").await, Err(DnsError::Away), "it is asked again");
}

#[tokio::test]
async fn the_last_good_answer_serves_while_the_server_is_away() {
    let Some(program) = nsd::program() else { return };
    let address = nsd::free_address();
    let (dns, now) = (resolver(&[address], 1000), Clock::start().now());
    assert_eq!(sip(&dns, now, "plain.example").await, Err(DnsError::Away), "nobody is there yet");
    let nsd = Nsd::start_at(&program, ZONE, address).await.expect("the port is still free");
    let good = Ok(vec!["Udp 192.0.2.3:5060".to_owned()]);
    assert_eq!(sip(&dns, now, "plain.example").await, good, "a failed lookup spoils nothing");
    drop(nsd);
    let hour = now + Duration::from_secs(3600);
    assert_eq!(sip(&dns, hour, "plain.example").await, good, "its lifetime was a minute");

    let moved = ZONE.replace("plain A 192.0.2.3", "plain A 192.0.2.4");
    let _nsd = Nsd::start_at(&program, &moved, address).await.expect("the port is still free");
    let back = sip(&dns, hour + Duration::from_secs(31), "plain.example").await;
    assert_eq!(back, Ok(vec!["Udp 192.0.2.4:5060".to_owned()]), "DNS is back");
}

#[tokio::test]
async fn the_second_server_answers_for_a_silent_or_failing_first() {
    let Some(program) = nsd::program() else { return };
    let nsd = Nsd::start(&program, ZONE).await;
    let now = Clock::start().now();
    let silent = Script::start(|_| Vec::new()).await;
    let failing = Script::start(|query| vec![query.answer(2, None)]).await;
    for (first, what) in [(&silent, "silent"), (&failing, "SERVFAIL")] {
        let dns = resolver(&[first.address, nsd.address], 10_000);
        assert_eq!(sip(&dns, now, "plain.example").await, Ok(vec!["Udp 192.0.2.3:5060".into()]), "{what}");
        let asked = first.packets();
        assert!(asked > 0, "{what}: the first is asked first");
        assert!(sip(&dns, now, "carrier.example").await.is_ok(), "{what}");
        // NAPTR, SRV, and two hosts with A and AAAA are six questions. One may come back when this machine is slow.
        let more = first.packets() - asked;
        assert!(more < 6, "{what}: who answered is asked first from then on, and not {more} times the other");
    }
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_budget() {
    let silent = Script::start(|_| Vec::new()).await;
    let (dns, clock) = (resolver(&[silent.address], 2000), Clock::start());
    let begin = clock.now();
    assert_eq!(sip(&dns, begin, "carrier.example").await, Err(DnsError::Away));
    let took = clock.now() - begin;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(silent.packets() > 1, "a lost datagram is sent again");
}

#[tokio::test]
async fn lies_are_not_heard() {
    const LIE: [u8; 4] = [203, 0, 113, 66];
    let liar = Script::start(|query| {
        if query.kind() != A {
            return vec![query.answer(0, None)];
        }
        let mut other_id = query.answer(0, Some(LIE));
        other_id[0] ^= 0xff;
        let mut other_question = query.answer(0, Some(LIE));
        other_question[13] ^= 1;
        let mut other_kind = query.answer(0, Some(LIE));
        let end = other_kind.len() - 16 - 3;
        other_kind[end] = 28;
        vec![other_id, vec![0], other_question, other_kind, query.answer(0, Some([192, 0, 2, 7]))]
    })
    .await;
    let (dns, now) = (resolver(&[liar.address], 2000), Clock::start().now());
    let targets = dns.resolve(now, "plain.example", Some(5060), None, false).await.expect("the truth");
    assert_eq!(show(&targets), ["Udp 192.0.2.7:5060"]);
}

#[tokio::test]
async fn many_callers_are_one_lookup_and_one_who_leaves_spoils_nothing() {
    // The first question for each of three services is lost, so the lookup lasts until they are asked again.
    let lost = AtomicUsize::new(3);
    let server = Script::start(move |query| match query.kind() {
        SRV if lost.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() => Vec::new(),
        A => vec![query.answer(0, Some([192, 0, 2, 7]))],
        _ => vec![query.answer(0, None)],
    })
    .await;
    let (dns, now) = (resolver(&[server.address], 10_000), Clock::start().now());
    let call = || {
        let dns = dns.clone();
        tokio::spawn(async move { sip(&dns, now, "plain.example").await })
    };
    let leaver = call();
    let midway = async {
        while server.queries(SRV) == 0 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), midway).await.expect("the services are asked for");
    let calls: Vec<_> = (0..100).map(|_| call()).collect();
    yield_now().await;
    leaver.abort();
    for call in calls {
        assert_eq!(call.await.expect("the call runs"), Ok(vec!["Udp 192.0.2.7:5060".into()]));
    }
    let asked = [NAPTR, SRV, A].map(|kind| server.queries(kind));
    assert_eq!(asked, [1, 3, 1], "NAPTR, SRV, A");
}

#[tokio::test]
async fn a_flood_of_names_is_refused_and_what_is_known_is_not() {
    let (dns, now) = (resolver(&[nsd::free_address()], 2000), Clock::start().now());
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = Vec::new();
    // Nothing runs beside this on its one thread, so none of the lookups ends meanwhile.
    let refused = (0..10_000).find_map(|n| {
        let name = format!("n{n}.example");
        let mut call = Box::pin({
            let dns = dns.clone();
            async move { sip(&dns, now, &name).await }
        });
        let polled = call.as_mut().poll(&mut context);
        waiting.push(call);
        if let Poll::Ready(result) = polled { Some((n, result)) } else { None }
    });
    let (count, result) = refused.expect("there is a bound");
    assert_eq!(result, Err(DnsError::Busy));
    assert!(count >= 100, "{count} names are no flood");
    assert_eq!(sip(&dns, now, "192.0.2.9").await, Ok(vec!["Udp 192.0.2.9:5060".into()]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_without_asking() {
    let server = Script::start(|_| Vec::new()).await;
    let (dns, now) = (resolver(&[server.address], 300), Clock::start().now());
    assert_eq!(sip(&dns, now, "no name").await, Err(DnsError::BadName));
    let insecure = dns.resolve(now, "a.example", None, Some(Transport::Udp), true).await;
    assert_eq!(insecure, Err(DnsError::Insecure));
    assert_eq!(sip(&dns, now, "[2001:db8::9]").await, Ok(vec!["Udp [2001:db8::9]:5060".into()]));
    assert_eq!(server.packets(), 0);
}

#[tokio::test]
async fn the_system_knows_its_own_name() {
    let dns = match Resolver::system() {
        Ok(dns) => dns,
        Err(DnsError::Setup(why)) => return eprintln!("SKIPPED: this machine has no DNS: {why}"),
        Err(other) => panic!("{other}"),
    };
    // RFC 6761 §6.3: answered without asking anybody.
    let all = ["Udp 127.0.0.1:5060", "Udp [::1]:5060"].map(str::to_owned);
    assert_eq!(sip(&dns, Clock::start().now(), "localhost").await, Ok(all.into()));
}
