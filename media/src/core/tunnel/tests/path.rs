//! Frames that go where they should.

use super::*;

#[test]
fn a_frame_goes_through_two_relays_and_what_is_opened_is_what_was_sent() {
    let [mut a, mut b, mut c, mut d] = mesh();
    let way = [b.id(), c.id(), d.id()];
    let first = a.seal(1, &way, b"voice").unwrap();
    let (to, second) = b.pass(&first).unwrap();
    assert_eq!(to.port(), 3_000);
    let (to, third) = c.pass(&second).unwrap();
    assert_eq!(to.port(), 4_000);
    let mut datagram = third.clone();
    let opened = d.opener.open(Time::from_millis(1_000), &mut datagram).unwrap();
    assert_eq!((opened.from, opened.lane, opened.frame.origin), (c.id(), Lane(1), a.id()));
    assert!(opened.frame.hops.is_last());
    assert_eq!(opened.frame.hops.back_to(a.id()).relays(), [c.id(), b.id(), a.id()]);
    let Body::Rtp(place, packet) = opened.frame.body else { panic!("{:?}", opened.frame.body) };
    assert_eq!((place.stream, place.number, packet), (StreamId(4), 5, &b"voice"[..]));
    assert_eq!([&first, &second, &third].map(Vec::len), [first.len(); 3], "no longer on the way");
}

#[test]
fn a_frame_for_the_second_worker_goes_to_its_port_all_along() {
    let now = Time::from_millis(0);
    let [mut a, b, mut c] = mesh();
    let (mut b2, mut c2) = (Relay::new(2, 1, now), Relay::new(3, 1, now));
    let roster = [&a, &b, &c].map(|relay| relay.peer.clone());
    b2.meet(now, &roster);
    c2.meet(now, &roster);
    let body = Body::Probe(Pick { number: PathNumber(0), sequence: 1 });
    let frame =
        Frame { hops: Hops::new(&[b.id(), c.id()]).unwrap(), port: 1, origin: a.id(), origin_port: 0, body };
    let sealed = a.seal_frame(0, &frame).unwrap();
    let (to, passed) = b2.pass(&sealed).unwrap();
    assert_eq!(to.port(), 3_001);
    assert_eq!(c.open(&passed), Err(Refusal::Port));
    assert_eq!(c2.open(&passed), Ok(vec![]));
    let nowhere = Frame { port: 2, hops: Hops::new(&[c.id()]).unwrap(), ..frame };
    assert_eq!(a.seal_frame(0, &nowhere), Err(Refusal::Unreachable), "there is no third worker");
}

#[test]
fn what_came_and_what_did_not_is_counted_by_relay_and_lane() {
    let [mut a, mut b] = mesh();
    let at = Time::from_millis;
    for n in 0..100 {
        for lane in [0, 1] {
            let frame = a.seal(lane, &[b.id()], b"voice").unwrap();
            let lost = lane == 1 && (n % 10 == 5 || n % 10 == 6);
            if !lost {
                b.open_at(at(n * 20), &frame).unwrap();
            }
        }
    }
    let whole = Received { relay: a.id(), lane: Lane(0), received: 100, lost: 0, gaps: 0 };
    let holed = Received { relay: a.id(), lane: Lane(1), received: 80, lost: 20, gaps: 10 };
    assert_eq!(b.opener.take(at(3_000)), [whole, holed]);
    assert_eq!(b.opener.take(at(4_000)), []);
    let sent = |lane| Sent { relay: b.id(), lane: Lane(lane), sent: 100 };
    assert_eq!(a.sealer.take(), [sent(0), sent(1)]);
    assert_eq!(a.sealer.take(), []);
}

#[test]
fn a_wish_for_a_lane_that_a_worker_does_not_have_gets_another() {
    let [mut a, mut b] = mesh();
    for lane in 0..8 {
        let frame = a.seal(lane, &[b.id()], b"voice").unwrap();
        assert_eq!(Header::parse(&frame).unwrap().lane, lane % 2);
        b.open(&frame).unwrap();
    }
}
