use super::super::{Body, Hops, Keys, Peer, ReceivingKey};
use super::*;
use crate::core::steer::{PathNumber, Pick};
use ringway_router::Time;
use std::net::Ipv4Addr;

fn peer(node: &str, ports: usize) -> Peer {
    let other =
        Keys::new(Time::from_millis(0), "there".parse().unwrap(), "x".parse().unwrap(), &[3; 32], &[4; 32]);
    let other = other.unwrap();
    Peer {
        region: "there".parse().unwrap(),
        node: node.parse().unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
        ports: vec![9; ports],
        sender_key: other.sender_key(),
        receiving_keys: other.receiving_keys().collect(),
        incarnation: 1,
    }
}

fn keys(roster: &[Peer]) -> Keys {
    let now = Time::from_millis(0);
    let mut keys = Keys::new(now, "here".parse().unwrap(), "n".parse().unwrap(), &[1; 32], &[2; 32]).unwrap();
    assert_eq!(keys.meet(now, roster), []);
    keys
}

fn counter(sealer: &mut Sealer, to: &Peer, port: u8) -> Result<u64, Refusal> {
    let body = Body::Probe(Pick { number: PathNumber(0), sequence: 0 });
    let frame =
        Frame { hops: Hops::new(&[to.id()]).unwrap(), port, origin: sealer.table.own, origin_port: 0, body };
    let mut outbox = Outbox::new(1);
    let hop = sealer.hop(&frame)?;
    sealer.send(&mut outbox, hop, Lane(0), |bytes| frame.write(bytes))?;
    Ok(Header::parse(outbox.packets()[0].bytes()).unwrap().counter)
}

#[test]
fn each_way_counts_for_itself_and_the_end_of_numbers_is_the_end_of_it() {
    let (one, two) = (peer("one", 2), peer("two", 1));
    let mut sealer = Sealer::new(0, vec![SocketId(0)], keys(&[one.clone(), two.clone()]).table());
    assert_eq!([0, 0, 1, 0].map(|port| counter(&mut sealer, &one, port)), [Ok(0), Ok(1), Ok(0), Ok(2)]);
    assert_eq!(counter(&mut sealer, &two, 0), Ok(0));
    let used_up = sealer.receivers.iter_mut().find(|receiver| receiver.id == Some(two.id())).unwrap();
    used_up.counters[0] = u64::MAX - 1;
    assert_eq!(counter(&mut sealer, &two, 0), Ok(u64::MAX - 1));
    assert_eq!([0, 0].map(|port| counter(&mut sealer, &two, port)), [Err(Refusal::Exhausted); 2]);
    assert_eq!(counter(&mut sealer, &one, 0), Ok(3));
}

#[test]
fn counters_never_go_back_whatever_becomes_of_the_roster() {
    let one = peer("one", 1);
    let mut keys = keys(std::slice::from_ref(&one));
    let mut sealer = Sealer::new(0, vec![SocketId(0)], keys.table());
    (0..7).for_each(|n| assert_eq!(counter(&mut sealer, &one, 0), Ok(n)));
    // More workers than before, other keys.
    let wider = Peer { receiving_keys: vec![ReceivingKey { id: 9, key: one.sender_key }], ..peer("one", 2) };
    assert_eq!(keys.meet(Time::from_millis(1), &[wider]), []);
    sealer.adopt(keys.table());
    assert_eq!([0, 1].map(|port| counter(&mut sealer, &one, port)), [Ok(7), Ok(7)]);
    // Its place is another's, then it comes back to another place.
    let mut others = self::keys(&[peer("two", 1), one.clone()]);
    sealer.adopt(others.table());
    assert_eq!(counter(&mut sealer, &one, 0), Ok(8));
    assert_eq!(others.meet(Time::from_millis(1), &[]), []);
    sealer.adopt(others.table());
    assert_eq!(counter(&mut sealer, &one, 0), Err(Refusal::Unreachable));
    assert_eq!(others.meet(Time::from_millis(2), std::slice::from_ref(&one)), []);
    sealer.adopt(others.table());
    assert_eq!(counter(&mut sealer, &one, 0), Ok(9));
}
