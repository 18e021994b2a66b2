//! The stream to the relay beside a node: two nodes in one process, whose frames are handed over, and a relay beside each.

#[path = "../mesh/papers.rs"]
mod papers;

use super::{
    fake::{Fake, eventually},
    node::{handle_of, node},
};
use papers::Papers;
use ringway_node::phase::Phase;
use ringway_proto::media::{
    ReceivingKey, Relay, RelayWord, Roster, Routes, TunnelCount, TunnelCounts, mesh_word::Word, relay_word,
};
use ringway_proxy::{
    control::{self, ActivePolicy, Control, Event, Facts, Handle, Orders},
    media::{Settings, steer},
    mesh::stream::Origin,
    probe::service,
    record,
};
use ringway_router::{NodeId, Policy, measure::LinkEstimate};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

const DEADLINE: Duration = Duration::from_millis(500);

struct Node {
    own: NodeId,
    handle: Handle,
    relay: Fake,
    /// The process goes on while this is there.
    _phase: watch::Sender<Phase>,
}

impl Node {
    async fn start(papers: &Papers, own: NodeId, address: &str, document: &str) -> Self {
        let (handle, events, announcements) = handle_of(&own);
        let relay = Fake::start("a").await;
        let address = |port: u16| format!("{address}:{port}").parse().unwrap();
        let facts = Facts {
            own: own.clone(),
            zone: String::new(),
            version: "1",
            sip: address(5_060),
            probe: address(8_620),
            probe_key: [7; 16],
            identity: papers.of(&own),
            authority: papers.authority.clone(),
            node_expiry: Duration::from_secs(4),
            advertise: None,
            anchors: true,
        };
        let policy = Arc::new(Policy::parse(document).unwrap());
        let policy = ActivePolicy { policy, since_unix_us: 0, known: true };
        let limits = record::Limits { age: Duration::from_secs(60), bytes: 1 << 20 };
        let (recorder, _) = record::open(None, limits, handle.metrics().record_dropped.clone()).unwrap();
        let orders = Orders::load(None).unwrap();
        let settings = ringway_router::Settings::default();
        let control = Control::new(facts, settings, policy, handle.clone(), announcements, orders, recorder);
        let (roster, _) = watch::channel(Arc::default());
        let (steering, seen) = watch::channel(Arc::default());
        let (ready, _) = watch::channel(false);
        let (phase, phases) = watch::channel(Phase::Serving);
        tokio::spawn(control::run(control, events, roster, steering, ready, phases));
        let settings = Settings { relays: vec![relay.at], deadline: DEADLINE };
        tokio::spawn(steer(settings, handle.clone(), seen));
        Self { own, handle, relay, _phase: phase }
    }

    /// Everything that this node says goes to the other one, which sees it at that address.
    async fn connect(&self, other: &Self, seen_at: &str) {
        let address: IpAddr = seen_at.parse().unwrap();
        let (sender, mut frames) = mpsc::channel(256);
        let (closer, closed) = mpsc::channel(1);
        let id = self.handle.next_stream();
        let origin = Origin { address, peer: Some(other.own.clone()), dialed: true };
        self.handle.tell(Event::Opened { id, origin, sender, closer }).await;
        let there = other.handle.clone();
        tokio::spawn(async move {
            let _closed = closed;
            // Both ends have one stream each, which was opened first and has the same number.
            while let Some(frame) = frames.recv().await {
                there.tell(Event::Frame { id, frame }).await;
            }
        });
    }

    /// The way to the other one is up.
    async fn probe(&self, other: &Self) {
        let way = LinkEstimate {
            up: true,
            rtt_ms: 60.0,
            rtt_p95_ms: 61.0,
            packets: 100,
            ..LinkEstimate::default()
        };
        let windows: service::Windows = [(other.own.clone(), way)].into();
        self.handle.tell(Event::Probed(windows)).await;
    }

    fn roster(&self) -> Roster {
        let words = self.relay.book(|book| book.words.clone());
        let latest = words.into_iter().rev().find_map(|word| match word {
            Word::Roster(roster) => Some(roster),
            Word::Routes(_) => None,
        });
        latest.unwrap_or_default()
    }

    fn routes(&self) -> Routes {
        let words = self.relay.book(|book| book.words.clone());
        let latest = words.into_iter().rev().find_map(|word| match word {
            Word::Routes(routes) => Some(routes),
            Word::Roster(_) => None,
        });
        latest.unwrap_or_default()
    }
}

fn myself((region, node): (&str, &str), port: u32, key: u8) -> RelayWord {
    let relay = Relay {
        region: region.to_owned(),
        node: node.to_owned(),
        ports: vec![port, port + 1],
        sender_key: vec![key; 32],
        receiving_keys: vec![ReceivingKey { id: 7, key: vec![key + 1; 32] }],
        incarnation: 5,
        ..Relay::default()
    };
    RelayWord { word: Some(relay_word::Word::Self_(relay)) }
}

/// Who is on the roster, where, with which ports and which newest key.
fn entries(roster: &Roster) -> Vec<(String, String, Vec<u32>, u8)> {
    let newest = |relay: &Relay| relay.receiving_keys.last().map_or(0, |key| key.key[0]);
    let entry = |relay: &Relay| {
        (
            format!("{}/{}", relay.region, relay.node),
            relay.address.clone(),
            relay.ports.clone(),
            newest(relay),
        )
    };
    let mut entries: Vec<_> = roster.relays.iter().map(entry).collect();
    entries.sort();
    entries
}

const WEST: (&str, &str) = ("us-west-2", "w2-1");
const EAST: (&str, &str) = ("us-east-1", "e1-1");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_of_another_name_is_nobodys() {
    let papers = Papers::new("names");
    let west = Node::start(&papers, node("us-west-2", "w2-1"), "127.0.1.1", "revision = 1").await;
    west.relay.say(myself(WEST, 20_000, 1)).await;
    eventually("its own relay", || entries(&west.roster()).len() == 1).await;
    west.relay.say(myself(EAST, 20_000, 1)).await;
    eventually("none", || entries(&west.roster()).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_hear_of_each_other_and_of_the_routes() {
    let papers = Papers::new("steering");
    let document =
        "revision = 3\n[[rule]]\nmatch = { tenant = \"acme-*\", called = \"+1\" }\nmax_relays = 0\n";
    let west = Node::start(&papers, node("us-west-2", "w2-1"), "127.0.1.1", document).await;
    let east = Node::start(&papers, node("us-east-1", "e1-1"), "127.0.4.1", document).await;
    west.relay.say(myself(WEST, 20_000, 1)).await;
    east.relay.say(myself(EAST, 30_000, 3)).await;
    west.connect(&east, "127.1.4.1").await;
    east.connect(&west, "127.4.1.1").await;
    for _ in 0..2 {
        west.probe(&east).await;
        east.probe(&west).await;
    }
    let own = ("us-west-2/w2-1".to_owned(), "127.0.1.1".to_owned(), vec![20_000, 20_001], 2);
    let other = |key| ("us-east-1/e1-1".to_owned(), "127.1.4.1".to_owned(), vec![30_000, 30_001], key);
    eventually("both relays", || entries(&west.roster()) == [other(4), own.clone()]).await;
    let route = |routes: &Routes| routes.routes.first().map(|route| route.paths.clone());
    eventually("the route", || route(&west.routes()).is_some_and(|paths| !paths.is_empty())).await;
    let routes = west.routes();
    assert_eq!(routes.routes[0].paths[0].regions, ["us-west-2", "us-east-1"]);
    assert_eq!((&*routes.routes[0].protect, &*routes.routes[0].class), ("on-suspicion", "voice"));
    let rule = &routes.rules[0];
    assert_eq!(
        (rule.bit, &rule.tenants[..], &rule.called[..]),
        (0, &["acme-*".to_owned()][..], &["+1".to_owned()][..])
    );
    let media =
        |node: &Node| node.handle.view().load().media.iter().map(ToString::to_string).collect::<Vec<_>>();
    eventually("the view", || media(&west) == ["us-east-1"] && media(&east) == ["us-west-2"]).await;

    // A new key is told at once.
    east.relay.say(myself(EAST, 30_000, 8)).await;
    eventually("the new key", || entries(&west.roster()) == [other(9), own.clone()]).await;
    // A relay that is gone is not offered anything any more.
    east.relay.book(|book| book.stream = None);
    eventually("the other one to be off the roster", || entries(&west.roster()) == [own.clone()]).await;
    eventually("nobody to anchor at", || media(&west).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tunnels_count_is_in_the_book_and_nonsense_ends_the_stream() {
    let papers = Papers::new("counts");
    let node = Node::start(&papers, node("us-west-2", "w2-1"), "127.0.1.1", "revision = 1").await;
    let counts = |region: &str| {
        let count = TunnelCount {
            region: region.to_owned(),
            sent: 100,
            sent_lost: 4,
            sent_gaps: 2,
            ..TunnelCount::default()
        };
        RelayWord { word: Some(relay_word::Word::Counts(TunnelCounts { links: vec![count] })) }
    };
    node.relay.say(counts("us-east-1")).await;
    let east = "us-east-1".parse().unwrap();
    let carries = || node.handle.tunnels().carries(node.handle.clock().now(), &east);
    eventually("the counts", carries).await;
    let passive = node.handle.tunnels().take(&east).unwrap();
    assert_eq!((passive.sent, passive.lost, passive.gaps), (100, 4, 2));

    node.relay.book(|book| book.words.clear());
    node.relay.say(counts("no region")).await;
    node.relay.until("the stream to begin anew", |book| !book.words.is_empty()).await;
    node.relay.say(myself(WEST, 20_000, 1)).await;
    node.relay
        .until("the relay to be known again", |book| {
            book.words.iter().any(|word| matches!(word, Word::Roster(roster) if roster.relays.len() == 1))
        })
        .await;
}
