use super::*;
use std::{collections::BTreeSet, net::Ipv4Addr, net::Ipv6Addr};

const COOL: Duration = Duration::from_secs(5);
const V4: (u8, Family) = (0, Family::V4);

/// Binds all but the ports that somebody has.
#[derive(Default)]
struct Host {
    busy: BTreeSet<u16>,
    bound: Vec<SocketAddr>,
}

impl Binder for Host {
    fn bind(&mut self, local: SocketAddr) -> Result<SocketId, Busy> {
        if self.busy.contains(&local.port()) {
            return Err(Busy);
        }
        self.bound.push(local);
        Ok(SocketId(u32::try_from(self.bound.len()).unwrap()))
    }
}

fn pool(ports: std::ops::RangeInclusive<u16>) -> Pool {
    Pool { interface: 0, local: Ipv4Addr::LOCALHOST.into(), ports }
}

fn at(s: u64) -> Time {
    Time::from_millis(1_000_000 + s * 1_000)
}

fn open(ports: &mut Ports, s: u64, host: &mut Host) -> Result<u16, Refusal> {
    let opened = ports.open(at(s), V4, true, host, &mut VecDeque::new())?;
    Ok(ports.local(opened.pair).port())
}

#[test]
fn pairs_begin_at_even_ports_and_end_within_the_range() {
    for (range, expected) in [
        (10_000..=10_005, vec![10_000, 10_002, 10_004]),
        (10_001..=10_005, vec![10_002, 10_004]),
        (10_000..=10_004, vec![10_000, 10_002]),
        (10_000..=10_000, vec![]),
        (65_534..=65_535, vec![65_534]),
    ] {
        let mut ports = Ports::new(&[pool(range.clone())], COOL, 0);
        let mut host = Host::default();
        let opened: Vec<u16> = std::iter::from_fn(|| open(&mut ports, 0, &mut host).ok()).collect();
        assert_eq!(opened, expected, "{range:?}");
        assert!(host.bound.iter().all(|bound| range.contains(&bound.port())));
    }
}

#[test]
fn a_pair_rests_before_it_serves_again_and_all_come_back() {
    let mut ports = Ports::new(&[pool(10_000..=10_003)], COOL, 1);
    let (mut host, mut events) = (Host::default(), VecDeque::new());
    let first = ports.open(at(0), V4, true, &mut host, &mut events).unwrap();
    assert_eq!(ports.local(first.pair).port(), 10_002, "the seed says where it begins");
    let second = ports.open(at(0), V4, true, &mut host, &mut events).unwrap();
    assert_eq!(open(&mut ports, 0, &mut host), Err(Refusal::NoPorts { interface: 0 }));
    ports.release(at(1), first.pair, true);
    assert_eq!(open(&mut ports, 5, &mut host), Err(Refusal::NoPorts { interface: 0 }));
    assert_eq!(open(&mut ports, 6, &mut host), Ok(10_002));
    ports.release(at(6), second.pair, false);
    assert_eq!(open(&mut ports, 6, &mut host), Ok(10_000), "nobody had heard of it");
    assert_eq!(ports.count(at(6)), (0, 2));
}

#[test]
fn a_busy_port_is_skipped_and_its_neighbor_closed() {
    let mut ports = Ports::new(&[pool(10_000..=10_007)], COOL, 0);
    let mut host = Host { busy: [10_000, 10_003].into(), ..Host::default() };
    let mut events = VecDeque::new();
    let opened = ports.open(at(0), V4, true, &mut host, &mut events).unwrap();
    assert_eq!(ports.local(opened.pair).port(), 10_004);
    assert_eq!(events, [Event::Close(SocketId(1))], "10002 was open in vain");
    assert_eq!(ports.count(at(0)), (1, 4));
    assert_eq!(ports.count(at(5)), (3, 4), "the busy ones are tried again later");
}

#[test]
fn an_order_does_not_try_ports_for_ever() {
    let mut ports = Ports::new(&[pool(10_000..=20_000)], COOL, 0);
    let mut host = Host { busy: (10_000..=20_000).collect(), ..Host::default() };
    assert_eq!(open(&mut ports, 0, &mut host), Err(Refusal::NoPorts { interface: 0 }));
    let (free, all) = ports.count(at(0));
    assert_eq!(all - free, TRIES_MAX);
    assert_eq!(ports.count(at(5)), (all, all));
}

#[test]
fn interfaces_and_families_are_kept_apart() {
    let six = Pool { interface: 1, local: Ipv6Addr::LOCALHOST.into(), ports: 10_000..=10_001 };
    let mut ports = Ports::new(&[pool(10_000..=10_001), six], COOL, 7);
    let (mut host, mut events) = (Host::default(), VecDeque::new());
    let refused = ports.open(at(0), (1, Family::V4), true, &mut host, &mut events).unwrap_err();
    assert_eq!(refused, Refusal::NoInterface { interface: 1, family: Family::V4 });
    let one = ports.open(at(0), (1, Family::V6), false, &mut host, &mut events).unwrap();
    assert_eq!(ports.local(one.pair), SocketAddr::from((Ipv6Addr::LOCALHOST, 10_000)));
    assert_eq!((one.rtcp, host.bound.len()), (None, 1), "one port is enough when it is shared");
}
