use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use ringway_sip::Limits;

#[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
fn origin() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn message(start: &str, via: &str, extra: &str) -> Message {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1{via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
         Call-ID: x\r\nCSeq: 1 INVITE\r\n{extra}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

fn invite() -> Message {
    message("INVITE sip:c@d SIP/2.0", "", "")
}

fn trying(via: &str) -> Message {
    message("SIP/2.0 100 Trying", via, "")
}

fn hop(n: u32) -> SocketAddr {
    SocketAddr::from((n.to_be_bytes(), 5060))
}

fn news(overload: &mut Overload) -> Vec<News> {
    std::iter::from_fn(|| overload.poll()).collect()
}

#[test]
fn the_table_is_bounded_and_keeps_those_in_trouble() {
    let (now, mut overload) = (origin(), Overload::new(Settings::default()));
    overload.hear(now, hop(0), &trying(";oc=50;oc-validity=60000;oc-seq=1.1"));
    for n in 1..3_000 {
        assert_eq!(overload.offer(now + ms(u64::from(n)), hop(n), true, &invite()), Ok(()));
    }
    assert_eq!(overload.elements.len(), ELEMENTS_MAX);
    assert!(overload.has_told(now + ms(3_000), hop(0)));
    assert!(overload.elements.contains_key(&hop(2_999)) && !overload.elements.contains_key(&hop(1)));
    for n in 0..3_000 {
        overload.hear(now + ms(3_000), hop(n), &trying(";oc=50;oc-validity=60000;oc-seq=2.1"));
    }
    assert_eq!(overload.elements.len(), ELEMENTS_MAX);
    assert_eq!(overload.throttled(), ELEMENTS_MAX);
}

#[test]
fn it_says_once_when_a_hop_begins_and_once_when_it_ceases() {
    let (now, mut overload) = (origin(), Overload::new(Settings::default()));
    let order = |seq: u32| trying(&format!(";oc=50;oc-algo=\"loss\";oc-validity=1000;oc-seq=7.{seq}"));
    overload.hear(now, hop(1), &order(2));
    overload.hear(now, hop(1), &order(3));
    overload.hear(now, hop(1), &order(1));
    overload.hear(now, hop(1), &trying(";oc=1000"));
    let passed = (0..10).filter(|_| overload.offer(now, hop(1), false, &invite()).is_ok()).count();
    assert_eq!(passed, 5);
    let shed = [News::Shed(Why::Told); 5];
    let begins = [News::Began(hop(1), Why::Told), News::Ignored("old"), News::Ignored("nonsense")];
    assert_eq!(news(&mut overload), [&begins[..], &shed].concat());
    // Time alone ends it.
    while let Some(at) = overload.deadline() {
        overload.tick(at);
    }
    assert_eq!(news(&mut overload), [News::Ceased(hop(1))]);
}

#[test]
fn an_element_that_asks_for_a_pause_gets_it() {
    let (now, mut overload) = (origin(), Overload::new(Settings::default()));
    assert!(overload.offer(now, hop(1), true, &invite()).is_ok());
    let refused = message("SIP/2.0 503 Busy", "", "Retry-After: 3 (really);duration=9\r\n");
    overload.note_refused(now, hop(1), now, &refused);
    let shed = overload.offer(now + ms(1_000), hop(1), true, &invite());
    assert_eq!(shed, Err(Shed { why: Why::Paused, retry_after: ms(2_000) }));
    let help = message("INVITE sip:c@d SIP/2.0", "", "Resource-Priority: esnet.0\r\n");
    assert_eq!(overload.offer(now + ms(1_000), hop(1), true, &help), Ok(()));
    assert_eq!(
        overload.offer(now + ms(1_000), hop(2), true, &invite()),
        Ok(()),
        "another element is another matter"
    );
    assert_eq!(
        overload.offer(now + ms(3_500), hop(1), true, &invite()).map_err(|shed| shed.why),
        Err(Why::Limited)
    );
}

#[test]
fn when_it_is_off_nothing_is_held_back() {
    let settings = Settings { enabled: false, ..Settings::default() };
    let (now, mut overload) = (origin(), Overload::new(settings));
    overload.hear(now, hop(1), &trying(";oc=100"));
    overload.note_wait(now, ms(900));
    overload.note_wait(now + ms(900), ms(900));
    assert!(overload.offer(now, hop(1), true, &invite()).is_ok() && !overload.refuses(&invite()));
    assert_eq!((overload.order(now), overload.deadline()), (None, None));
}

#[test]
fn our_own_orders_grow() {
    let settings = Settings { started_unix_s: 1_700_000_000, ..Settings::default() };
    let (now, mut overload) = (origin(), Overload::new(settings));
    (0..10).for_each(|n| overload.note_wait(now + ms(n * 200), ms(900)));
    let orders: Vec<Order> = (10..14).filter_map(|n| overload.order(now + ms(n * 200))).collect();
    assert!(
        orders.len() == 4 && orders.windows(2).all(|pair| pair[0].sequence < pair[1].sequence),
        "{orders:?}"
    );
    assert!(orders.iter().all(|order| (1..=98).contains(&order.percent)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// An element that answers, however slowly in its own way, and whatever is offered, gets everything.
    #[test]
    fn a_healthy_element_is_never_throttled(
        base in 1_u64..450, jitter in 0_u64..40, pause in 1_u64..400, lost_one_in in 25_u64..1_000,
    ) {
        let (origin, mut overload) = (origin(), Overload::new(Settings::default()));
        let mut flying = Vec::new();
        for n in 0..800 {
            let now = origin + ms(n * pause);
            flying.retain(|&(at, sent, again): &(Instant, Instant, bool)| {
                if at <= now && again {
                    overload.note_again(at, hop(1), sent);
                } else if at <= now {
                    overload.note_answer(at, hop(1), sent, false);
                }
                at > now
            });
            prop_assert!(overload.offer(now, hop(1), true, &invite()).is_ok(), "request {n}");
            overload.note_sent(now, hop(1));
            let lost = n % lost_one_in == lost_one_in - 1;
            let after = if lost { 500 } else { base + n * 7 % (jitter + 1) };
            flying.push((now + ms(after), now, lost));
        }
        prop_assert_eq!(news(&mut overload), []);
    }
}
