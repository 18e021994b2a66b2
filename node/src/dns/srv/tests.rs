//! Properties of the order, and shares counted over many seeds.

use super::{Rng, Server, SocketAddr, Target, Transport, order};
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::{HashMap, HashSet};

const DRAWS: u32 = 20_000;

fn server(number: usize, rank: u16, priority: u16, weight: u16) -> Server {
    let port = 1 + u16::try_from(number).unwrap();
    let addresses = vec![SocketAddr::from(([192, 0, 2, 1], port))];
    Server { rank, priority, weight, transport: Transport::Udp, addresses }
}

/// How often each of servers with these weights comes first, as a part of all draws.
fn firsts(weights: &[u16]) -> Vec<f64> {
    let servers: Vec<Server> = weights.iter().enumerate().map(|(n, &w)| server(n, 0, 0, w)).collect();
    let mut count = HashMap::<SocketAddr, u32>::new();
    for seed in 0..DRAWS {
        let mut dice = Rng::with_seed(u64::from(seed));
        *count.entry(order(&servers, &mut dice)[0].address).or_default() += 1;
    }
    let of = |server: &Server| f64::from(*count.get(&server.addresses[0]).unwrap_or(&0)) / f64::from(DRAWS);
    servers.iter().map(of).collect()
}

#[test]
fn shares_are_the_weights() {
    // Three standard deviations of a share of one half are 0.011.
    let cases: [(&[u16], &[f64]); 7] = [
        (&[1, 1], &[0.5, 0.5]),
        (&[1, 2], &[0.333, 0.667]),
        (&[10, 20, 70], &[0.1, 0.2, 0.7]),
        (&[1, 65_535], &[0.0, 1.0]),
        (&[0, 0, 0, 0], &[0.25, 0.25, 0.25, 0.25]),
        (&[0, 1], &[0.0, 1.0]),
        (&[65_535, 65_535], &[0.5, 0.5]),
    ];
    for (weights, want) in cases {
        let got = firsts(weights);
        let is_close = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 0.012);
        assert!(is_close, "weights {weights:?}: {got:?}");
    }
}

#[test]
fn weight_0_has_a_small_chance_and_not_none() {
    let share = firsts(&[0, 1])[0];
    assert!(share > 0.0 && share < 0.005, "{share}");
}

#[test]
fn a_lower_priority_is_always_first_whatever_its_weight() {
    let servers = [server(0, 0, 20, 65_535), server(1, 0, 10, 0), server(2, 1, 0, 65_535)];
    for seed in 0..1000 {
        let ports: Vec<u16> =
            order(&servers, &mut Rng::with_seed(seed)).iter().map(|t| t.address.port()).collect();
        assert_eq!(ports, [2, 1, 3], "seed {seed}");
    }
}

#[test]
fn addresses_of_one_host_share_the_load_within_their_family() {
    let of = |host: &str| SocketAddr::new(host.parse().unwrap(), 5060);
    let addresses = vec![of("2001:db8::1"), of("2001:db8::2"), of("192.0.2.1"), of("192.0.2.2")];
    let host = Server { addresses: addresses.clone(), ..server(0, 0, 0, 0) };
    let mut firsts = HashSet::new();
    for seed in 0..100 {
        let got = order(std::slice::from_ref(&host), &mut Rng::with_seed(seed));
        assert!(got[..2].iter().all(|target| target.address.is_ipv6()), "seed {seed}: {got:?}");
        assert_eq!(got.len(), 4);
        firsts.insert(got[0].address);
    }
    assert_eq!(firsts, HashSet::from([addresses[0], addresses[1]]));
}

proptest! {
    #[test]
    fn every_server_comes_once_and_never_before_a_better_one(
        records in proptest::collection::vec((0u16..3, 0u16..3, prop_oneof![Just(0), Just(1), any::<u16>()]), 0..12),
        seed: u64,
    ) {
        let servers: Vec<Server> =
            records.iter().enumerate().map(|(n, &(rank, priority, weight))| server(n, rank, priority, weight)).collect();
        let got = order(&servers, &mut Rng::with_seed(seed));
        let class = |target: &Target| {
            let server = &servers[usize::from(target.address.port()) - 1];
            (server.rank, server.priority)
        };
        prop_assert!(got.is_sorted_by_key(class));
        let distinct: HashSet<SocketAddr> = got.iter().map(|target| target.address).collect();
        prop_assert_eq!((got.len(), distinct.len()), (servers.len(), servers.len()));
    }
}
