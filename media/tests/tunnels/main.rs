//! Relays of several regions over real sockets: controllers order by gRPC, voice goes through tunnels.

#[path = "../page/mod.rs"]
mod page;
mod world;

use ringway_node::clock::Clock;
use ringway_proto::media::{CallEvent, RenewRequest, Side, WatchRequest, call_event::What, relay_word::Word};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;
use tonic::Code;
use world::{Call, Crowd, LIMIT, Place, media, order, sdp, stop, text};

/// Two regions that know each other, each with a direct route to the other.
async fn pair(world: u8) -> (Place, Place) {
    pair_with(world, "").await
}

/// The same, with more said of both relays.
async fn pair_with(world: u8, relay: &str) -> (Place, Place) {
    let west = Place::with(world, 0, "us-west-2", (relay, "")).await;
    let east = Place::with(world, 1, "us-east-1", (relay, "")).await;
    for (here, there) in [(&west, &east), (&east, &west)] {
        here.meet(&[here, there]).await;
        here.route(&[&[&[here, there]]], "on-suspicion").await;
    }
    (west, east)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_through_the_tunnel_and_both_relays_report_it() {
    let (mut west, mut east) = pair(0).await;
    let call = Call::place("c1", &mut west, &mut east).await;
    assert_eq!(call.talk(0..100).await, (100, 100));

    for (place, other, tag) in [(&mut west, "us-east-1", "a"), (&mut east, "us-west-2", "b")] {
        let own = place.region;
        let report = place.query("c1").await.expect("it is there");
        assert_eq!((report.controller.as_str(), report.streams.len()), ("proxy", 2));
        for stream in &report.streams {
            assert_eq!((stream.packets, stream.lost, stream.dropped), (100, 0, 0), "{stream:?}");
            assert!(stream.mos > 4.0, "{stream:?}");
        }
        let leaves = report.streams.iter().find(|stream| stream.tag == tag).expect("the phone here");
        assert_eq!(leaves.side(), Side::Edge);
        let paths: Vec<_> =
            leaves.paths.iter().map(|path| (path.regions.join(" "), path.why.as_str())).collect();
        assert_eq!(paths, [(format!("{own} {other}"), "start")]);
    }
    assert_eq!(west.delete("c1").await.streams.len(), 2);
    assert_eq!(west.query("c1").await.map_err(|status| status.code()), Err(Code::NotFound));
    assert!(west.delete("c2").await.streams.is_empty(), "what is not there is no error");
    stop([west, east]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_renewed_while_calls_talk_and_no_packet_is_lost() {
    let mut west = Place::with(5, 0, "us-west-2", ("", "key_lifetime_s = 20")).await;
    let mut east = Place::start(5, 1, "us-east-1").await;
    for (here, there) in [(&west, &east), (&east, &west)] {
        here.meet(&[here, there]).await;
        here.route(&[&[&[here, there]]], "on-suspicion").await;
    }
    let call = Call::place("c1", &mut west, &mut east).await;
    let talk = tokio::spawn(async move { call.talk(0..1_200).await });
    let before = west.myself.receiving_keys.clone();
    let renewed = async {
        loop {
            if let Word::Self_(myself) = west.word().await {
                return myself;
            }
        }
    };
    west.myself = timeout(3 * LIMIT, renewed).await.expect("keys are renewed");
    let now = &west.myself.receiving_keys;
    assert_eq!((before.len(), now.len()), (1, 2), "the old key is still good");
    assert_eq!(now[0], before[0]);
    east.meet(&[&west, &east]).await;
    assert_eq!(talk.await.expect("it talks"), (1_200, 1_200));
    let page = page::page(west.ip, "/metrics").await;
    let refusals: Vec<&str> =
        page.lines().filter(|line| line.starts_with("ringway_relay_frames_refused_total{")).collect();
    assert!(!refusals.is_empty() && refusals.iter().all(|line| line.ends_with(" 0")), "{refusals:?}");
    stop([west, east]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_frames_show_of_the_link_is_told() {
    let (mut west, mut east) = pair(1).await;
    let call = Call::place("c1", &mut west, &mut east).await;
    assert_eq!(call.talk(0..50).await, (50, 50));
    let (mut sent, mut received, mut rtt) = (0, 0, 0.0);
    let told = async {
        while sent < 50 || received < 50 || rtt == 0.0 {
            let Word::Counts(counts) = west.word().await else { continue };
            for link in counts.links {
                assert_eq!((link.region.as_str(), link.sent_lost, link.received_lost), ("us-east-1", 0, 0));
                sent += link.sent;
                received += link.received;
                rtt = link.rtt_ms;
            }
        }
    };
    timeout(LIMIT, told).await.expect("all is told");
    assert!(rtt < 20.0, "{rtt} ms on one machine");
    stop([west, east]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_progress_follows_the_routes_and_its_controller_hears_of_it() {
    let (mut west, mut east) = pair(2).await;
    let ohio = Place::start(2, 2, "us-east-2").await;
    for here in [&west, &ohio, &east] {
        here.meet(&[&west, &ohio, &east]).await;
    }
    let mut events = west
        .client
        .watch(WatchRequest { controller: "proxy".into() })
        .await
        .expect("anybody may watch")
        .into_inner();
    let call = Call::place("c1", &mut west, &mut east).await;
    let talk = tokio::spawn(async move { call.talk(0..150).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    west.route(&[&[&[&west, &ohio, &east], &[&west, &east]]], "on-suspicion").await;
    assert_eq!(talk.await.expect("it talks"), (150, 150), "a planned move loses nothing");

    let mut moves = Vec::new();
    let told = async {
        while moves.len() < 2 {
            let event = events.message().await.expect("no error").expect("no end");
            let CallEvent { call_id, what: Some(What::Moved(path)), .. } = event else { continue };
            moves.push((call_id, path.regions.join(" "), path.why));
        }
    };
    timeout(LIMIT, told).await.expect("both moves are told");
    let moved = |path: &str, why: &str| ("c1".to_owned(), path.to_owned(), why.to_owned());
    assert_eq!(
        moves,
        [moved("us-west-2 us-east-1", "start"), moved("us-west-2 us-east-2 us-east-1", "table")]
    );
    stop([west, ohio, east]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_in_the_words_of_the_contract() {
    let (mut west, east) = pair(3).await;
    let phone = west.phone().await;
    let (edge, mesh) = (Side::Edge, Side::Mesh);
    let plain = sdp(&phone);
    let named = |tunnel: &str| format!("{plain}a=ringway-tunnel:1 {tunnel}\r\n");
    for (offer, code) in [
        (order("c1", &plain, "", (mesh, edge), ""), Code::InvalidArgument),
        (order("c1", &named("00000001 00000002"), "", (mesh, edge), ""), Code::NotFound),
        (order("c1", "v=1", "", (edge, edge), ""), Code::InvalidArgument),
        (order("c1", &plain, "", (edge, mesh), "Not A Region"), Code::InvalidArgument),
        (order("c1", &plain, "", (edge, mesh), ""), Code::InvalidArgument),
        (order("", &plain, "", (edge, edge), ""), Code::InvalidArgument),
    ] {
        let refused = west.client.offer(offer.clone()).await.expect_err("it makes no sense");
        assert_eq!(refused.code(), code, "{offer:?}: {refused}");
    }
    let unknown = west.client.answer(order("c9", &plain, "b", (edge, edge), "")).await;
    assert_eq!(unknown.expect_err("nothing was offered").code(), Code::NotFound);
    assert_eq!(west.query("c1").await.map_err(|status| status.code()), Err(Code::NotFound));

    // Between regions nothing of the phone is told, and what the edge says of tunnels is not believed.
    let offer = order("c2", &named("00000001 00000002"), "", (edge, mesh), "us-east-1");
    let between = text(west.client.offer(offer.clone()).await);
    assert_eq!(media(&between), (west.ip, 9));
    assert_eq!(between.matches("a=ringway-tunnel:1 ").count(), 1);
    assert!(!between.contains("00000001 00000002"), "{between}");
    assert_eq!(text(west.client.offer(offer).await), between, "the same order gets the same answer");
    stop([west, east]).await;
}

/// A call on hold may be silent for an hour, but not without its controller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ports_of_a_controller_that_died_come_back_after_its_lease() {
    let mut west = Place::start(7, 0, "us-west-2").await;
    let (caller, callee) = (west.phone().await, west.phone().await);
    let held = |phone| format!("{}a=inactive\r\n", sdp(phone));
    let edge = (Side::Edge, Side::Edge);
    let clock = Clock::start();
    let begun = clock.now();
    text(west.client.offer(order("c1", &held(&caller), "", edge, "")).await);
    text(west.client.answer(order("c1", &held(&callee), "b", edge, "")).await);
    let lease = Duration::from_secs(30);
    let gone = async {
        while west.query("c1").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(lease + LIMIT, gone).await.expect("nobody renews the lease, and nobody talks");
    assert!(clock.now() - begun >= lease, "the lease lasts");
    stop([west]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_ends_a_call_and_one_that_watches_hears_of_it() {
    let (mut west, mut east) = pair_with(4, "silent_s = 2").await;
    let lease = west.client.renew(RenewRequest { controller: "proxy".into() }).await.expect("a lease");
    assert!(lease.into_inner().lasts_ms >= 1_000);
    let watch = WatchRequest { controller: "proxy".into() };
    let mut events = west.client.watch(watch).await.expect("anybody may watch").into_inner();
    let call = Call::place("c1", &mut west, &mut east).await;
    assert_eq!(call.talk(0..10).await, (10, 10));
    // Nobody hangs up, and nobody talks.
    let silent = async {
        loop {
            let event = events.message().await.expect("no error").expect("no end");
            if let Some(What::Silent(report)) = event.what {
                return (event.call_id, report);
            }
        }
    };
    let (call_id, report) = timeout(LIMIT, silent).await.expect("silence is told");
    assert_eq!((call_id.as_str(), report.streams[0].packets), ("c1", 10));
    let gone = async {
        while east.query("c1").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, gone).await.expect("the ports come back");
    stop([west, east]).await;
}

/// The phones of all calls share a socket at each end: the ports of the relay tell the calls apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_are_moved_within_a_second_and_lose_nothing() {
    const CALLS: u32 = 1_000;
    let (mut west, mut east) = pair(6).await;
    let ohio = Place::start(6, 2, "us-east-2").await;
    for here in [&west, &ohio, &east] {
        here.meet(&[&west, &ohio, &east]).await;
    }
    let crowd = Crowd::place(CALLS, &mut west, &mut east).await;
    let watch = WatchRequest::default();
    let mut events = west.client.watch(watch).await.expect("anybody may watch").into_inner();
    let talk = tokio::spawn(crowd.talk(20));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let clock = Clock::start();
    let ordered = clock.unix_us();
    west.route(&[&[&[&west, &ohio, &east], &[&west, &east]]], "on-suspicion").await;

    let (mut there, mut last) = (BTreeSet::new(), ordered);
    let all = async {
        while there.len() < CALLS as usize {
            let CallEvent { call_id, what, .. } = events.message().await.expect("no error").expect("no end");
            let Some(What::Moved(path)) = what else { continue };
            if path.regions.iter().any(|region| region == "us-east-2") {
                there.insert(call_id);
                last = last.max(path.since_us);
            } else {
                there.remove(&call_id);
            }
        }
    };
    timeout(LIMIT, all).await.expect("every call is moved");
    let took = Duration::from_micros(last - ordered);
    let (sent, heard) = talk.await.expect("they talk");
    println!("{CALLS} calls moved in {took:?}; {heard} of {sent} packets heard");
    assert!(took <= Duration::from_secs(1), "{took:?}");
    assert_eq!(heard, sent);
    stop([west, ohio, east]).await;
}
