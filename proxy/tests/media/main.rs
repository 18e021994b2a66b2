//! The way from the proxy to media relays over real connections: relays that are slow, refuse or are dead; calls that stay
//! where they began; leases; and the stream by which a relay is steered.

#![expect(clippy::unwrap_used, reason = "the helpers are test code, though they are no tests")]

mod calls;
mod fake;
mod node;
mod steering;
#[path = "../world/mod.rs"]
mod world;

use fake::{Fake, Habit, LIMIT, eventually};
use node::{controller, handle, order, release};
use ringway_node::clock::Clock;
use ringway_proxy::{
    control::Handle,
    core::media::{Kind, Order, Unanchored},
    media::{Orders, Settings},
};
use std::{net::SocketAddr, time::Duration};
use tokio::{sync::oneshot, time::timeout};
use tonic::Code;

const DEADLINE: Duration = Duration::from_millis(300);

struct Desk {
    control: Handle,
    orders: Orders,
}

impl Desk {
    fn start(relays: &[SocketAddr]) -> Self {
        let control = handle();
        let settings = Settings { relays: relays.to_vec(), deadline: DEADLINE };
        let orders = Orders::start(&settings, control.clone(), controller());
        Self { control, orders }
    }

    fn give(&self, order: Order) -> oneshot::Receiver<Result<String, Unanchored>> {
        let (sender, receiver) = oneshot::channel();
        let tell = move |found: Result<Vec<u8>, Unanchored>| {
            drop(sender.send(found.map(|sdp| String::from_utf8(sdp).unwrap())));
        };
        self.orders.rewrite(Box::new(order), tell);
        receiver
    }

    /// Which relay rewrote it.
    async fn ask(&self, order: Order) -> Result<String, Unanchored> {
        let found = timeout(LIMIT, self.give(order)).await.unwrap().unwrap();
        found.map(|sdp| sdp.split("o=").nth(1).unwrap().split(' ').next().unwrap().to_owned())
    }

    fn metric(&self, name: &str, label: &str) -> f64 {
        let families = self.control.metrics().registry().gather();
        let family = families.iter().find(|family| family.name() == name);
        let mut of = family.into_iter().flat_map(prometheus::proto::MetricFamily::get_metric);
        let found = of.find(|metric| metric.get_label().iter().any(|pair| pair.value() == label));
        found.map_or(0.0, |metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_arrives_as_it_was_given() {
    let relay = Fake::start("a").await;
    let desk = Desk::start(&[relay.at]);
    assert_eq!(desk.ask(order("c1", Kind::Offer)).await, Ok("a".to_owned()));
    let told = relay.book(|book| book.last.take()).unwrap();
    assert_eq!((&*told.controller, &*told.call_id), ("us-west-2/w2-1", "c1"));
    assert_eq!((&*told.from_tag, &*told.to_tag, &*told.branch), ("from", "", "b1"));
    assert_eq!((told.from, told.to, &*told.region), (0, 1, "us-east-1"));
    assert_eq!((&*told.class, &*told.tenant, &*told.called), ("voice", "acme", "+1703"));
    assert_eq!((&*told.received_from, &told.sdp[..]), ("192.0.2.7", &b"v=0\r\n"[..]));
    assert_eq!(desk.ask(order("c1", Kind::Answer)).await, Ok("a".to_owned()));
    desk.orders.release(release("c1"));
    relay.until("the end", |book| book.done == ["offer c1", "answer c1", "delete c1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_one_call_keep_their_order_and_other_calls_do_not_wait() {
    let relay = Fake::start("a").await;
    let desk = Desk::start(&[relay.at]);
    relay.behave(Habit { delay: DEADLINE / 2, ..Habit::default() });
    let slow = desk.give(order("c1", Kind::Offer));
    relay.until("the first order", |book| book.last.is_some()).await;
    relay.behave(Habit::default());
    desk.orders.release(release("c1"));
    let next = desk.give(order("c1", Kind::Offer));
    assert_eq!(desk.ask(order("c2", Kind::Offer)).await, Ok("a".to_owned()));
    assert_eq!(relay.book(|book| book.done.clone()), ["offer c2"]);
    assert!(slow.await.unwrap().is_ok() && next.await.unwrap().is_ok());
    assert_eq!(relay.book(|book| book.done.clone()), ["offer c2", "offer c1", "delete c1", "offer c1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_one_is_dead_slow_or_full_the_next_one_is_asked() {
    let (slow, full, good) =
        (Fake::start("slow").await, Fake::start("full").await, Fake::start("good").await);
    slow.behave(Habit { delay: LIMIT, ..Habit::default() });
    full.behave(Habit { refuses: Some(Code::ResourceExhausted), ..Habit::default() });
    let desk = Desk::start(&[Fake::dead().await, slow.at, full.at, good.at]);
    let began = Clock::start().now();
    let found = (0..8).map(|n| desk.give(order(&format!("c{n}"), Kind::Offer)));
    for found in found.collect::<Vec<_>>() {
        assert!(timeout(LIMIT, found).await.unwrap().unwrap().unwrap().contains("o=good"));
    }
    assert!(began.elapsed() < 10 * DEADLINE, "calls do not wait for each other");
    // Once that is known nobody waits for the ones that do not answer.
    eventually("the gauges", || [slow.at].iter().all(|at| desk.is_well(*at) == Some(false))).await;
    slow.book(|book| book.last = None);
    for n in 8..16 {
        assert_eq!(desk.ask(order(&format!("c{n}"), Kind::Offer)).await, Ok("good".to_owned()));
    }
    assert!(slow.book(|book| book.last.is_none()), "it is asked at last");
    assert!(desk.metric("ringway_media_orders_failed_total", "exhausted") > 0.0);
}

impl Desk {
    fn is_well(&self, at: SocketAddr) -> Option<bool> {
        let families = self.control.metrics().registry().gather();
        let family = families.iter().find(|family| family.name() == "ringway_media_relay_up")?;
        let label = format!("http://{at}");
        let mut of = family.get_metric().iter();
        let found = of.find(|metric| metric.get_label().iter().any(|pair| pair.value() == label))?;
        Some(found.get_gauge().get_value() > 0.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_cannot_read_no_other_one_can() {
    let (a, b) = (Fake::start("a").await, Fake::start("b").await);
    for relay in [&a, &b] {
        relay.behave(Habit { refuses: Some(Code::InvalidArgument), ..Habit::default() });
    }
    let desk = Desk::start(&[a.at, b.at]);
    assert_eq!(desk.ask(order("c1", Kind::Offer)).await, Err(Unanchored::Malformed));
    let asked: usize = [&a, &b].iter().map(|relay| relay.book(|book| book.done.len())).sum();
    assert_eq!(asked, 1);
    assert_eq!(desk.metric("ringway_media_orders_failed_total", "malformed"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_relay_the_answer_comes_soon_all_the_same() {
    let slow = Fake::start("slow").await;
    slow.behave(Habit { delay: LIMIT, ..Habit::default() });
    let desk = Desk::start(&[slow.at, Fake::dead().await]);
    let began = Clock::start().now();
    assert_eq!(desk.ask(order("c1", Kind::Offer)).await, Err(Unanchored::Away));
    assert_eq!(desk.ask(order("c2", Kind::Answer)).await, Err(Unanchored::Away));
    assert!(began.elapsed() < 8 * DEADLINE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_stays_at_the_relay_where_it_began() {
    let (a, b) = (Fake::start("a").await, Fake::start("b").await);
    let desk = Desk::start(&[a.at, b.at]);
    let first = desk.ask(order("c1", Kind::Offer)).await.unwrap();
    let (home, other) = if first == "a" { (&a, &b) } else { (&b, &a) };
    desk.orders.release(release("c1"));
    home.behave(Habit { refuses: Some(Code::Unavailable), ..Habit::default() });
    assert_ne!(desk.ask(order("c1", Kind::Offer)).await.unwrap(), first);
    home.behave(Habit::default());
    eventually("the first one to be well", || desk.is_well(home.at) == Some(true)).await;
    assert_ne!(desk.ask(order("c1", Kind::Answer)).await.unwrap(), first, "its offer is there");
    let renewed = Order { branch: String::new(), to_tag: "to".to_owned(), ..order("c1", Kind::Offer) };
    assert_ne!(desk.ask(renewed.clone()).await.unwrap(), first);
    other.behave(Habit { refuses: Some(Code::Unavailable), ..Habit::default() });
    assert_eq!(
        desk.ask(order("c1", Kind::Answer)).await,
        Err(Unanchored::Away),
        "nobody else understands it"
    );
    assert_eq!(desk.ask(renewed).await.unwrap(), first, "an offer in the dialog begins it anew");
    desk.orders.release(release("c1"));
    home.until("the release", |book| book.done.last().is_some_and(|done| done == "delete c1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_is_kept_and_a_relay_that_comes_back_is_asked_again() {
    let relay = Fake::start("a").await;
    let desk = Desk::start(&[relay.at]);
    relay.until("renewals", |book| book.renewals.len() > 2 && book.renewals[0] == controller()).await;
    relay.behave(Habit { delay: LIMIT, ..Habit::default() });
    eventually("the relay to be away", || desk.is_well(relay.at) == Some(false)).await;
    relay.behave(Habit::default());
    eventually("the relay to be back", || desk.is_well(relay.at) == Some(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_what_can_wait_orders_are_refused_at_once() {
    let relay = Fake::start("a").await;
    relay.behave(Habit { delay: LIMIT, ..Habit::default() });
    let desk = Desk::start(&[relay.at]);
    // All of one call: only the first is under way.
    let waiting: Vec<_> = (0..4_096).map(|_| desk.give(order("c1", Kind::Offer))).collect();
    let refused = desk.give(order("c2", Kind::Offer));
    assert_eq!(timeout(DEADLINE / 2, refused).await.unwrap().unwrap(), Err(Unanchored::Away));
    assert_eq!(desk.metric("ringway_media_orders_failed_total", "busy"), 1.0);
    drop(waiting);
}
