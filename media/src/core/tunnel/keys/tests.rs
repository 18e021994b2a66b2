use super::super::roster::WORKERS_MAX;
use super::*;
use std::net::Ipv4Addr;

const NOW: Time = Time::from_millis(1_000);

fn keys(n: u8) -> Keys {
    Keys::new(NOW, "here".parse().unwrap(), format!("n{n}").parse().unwrap(), &[n; 32], &[200; 32]).unwrap()
}

fn peer(n: u16) -> Peer {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    let public = Pair::new(&seed).unwrap().public;
    Peer {
        region: "there".parse().unwrap(),
        node: format!("n{n}").parse().unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
        ports: vec![9],
        sender_key: public,
        receiving_keys: vec![ReceivingKey { id: 3, key: public }],
        incarnation: 5,
    }
}

fn why(keys: &mut Keys, roster: &[Peer]) -> Vec<PeerError> {
    keys.meet(NOW, roster).into_iter().map(|refused| refused.why).collect()
}

fn live(keys: &Keys) -> Vec<RelayId> {
    let mut live: Vec<RelayId> = keys.table().live().map(|slot| slot.id).collect();
    live.sort_unstable();
    live
}

#[test]
fn a_number_is_the_front_of_a_hash() {
    // printf us-west-2/a | sha256sum
    let id = relay_id(&"us-west-2".parse().unwrap(), &"a".parse().unwrap());
    assert_eq!(id.to_string(), "84b874e2");
}

#[test]
fn relays_appear_and_vanish_as_the_mesh_says() {
    let mut keys = keys(0);
    assert_eq!(why(&mut keys, &[peer(1), peer(2)]), []);
    assert_eq!(live(&keys).len(), 2);
    assert_eq!(why(&mut keys, &[peer(2)]), []);
    assert_eq!(live(&keys), [peer(2).id()]);
    let table = keys.table();
    assert!(table.relay(peer(1).id()).is_none() && table.relay(peer(2).id()).is_some());
    assert_eq!(why(&mut keys, &[peer(1), peer(3)]), []);
    assert_eq!(live(&keys).len(), 2);
}

#[test]
fn our_own_entry_is_not_a_peer() {
    let mut keys = keys(0);
    let own = Peer { region: "here".parse().unwrap(), node: "n0".parse().unwrap(), ..peer(0) };
    assert_eq!(why(&mut keys, &[own]), []);
    assert_eq!(live(&keys), []);
}

#[test]
fn two_relays_with_one_number_are_both_refused() {
    let (one, other) = collision();
    let mut keys = keys(0);
    assert_eq!(why(&mut keys, std::slice::from_ref(&one)), []);
    let refused = keys.meet(NOW, &[one.clone(), peer(1), other.clone()]);
    assert_eq!(live(&keys), [peer(1).id()]);
    let said: Vec<String> =
        refused.iter().map(|refused| format!("{} {}", refused.node, refused.why)).collect();
    let line = |peer: &Peer, twin: &Peer| {
        let (node, id, twin) = (&peer.node, peer.id(), &twin.node);
        format!("{node} has the relay number {id}, and so has there/{twin}: one of them needs another name")
    };
    assert_eq!(said, [line(&one, &other), line(&other, &one)]);
    assert_eq!(why(&mut keys, std::slice::from_ref(&other)), [], "alone it is welcome");
    let mut twin = Keys::new(NOW, one.region.clone(), one.node.clone(), &[1; 32], &[2; 32]).unwrap();
    assert!(matches!(why(&mut twin, &[other])[..], [PeerError::SameNumber { .. }]), "our own number");
}

/// The first two of `there/x0`, `there/x1`, … with the same front of their hashes.
fn collision() -> (Peer, Peer) {
    let named = |node: &str| Peer { node: node.parse().unwrap(), ..peer(1) };
    (named("x48772"), named("x114444"))
}

#[test]
fn public_keys_of_low_order_are_refused() {
    // RFC 7748 §6.1 and the list of Curve25519's points of small order.
    let mut one = [0; 32];
    one[0] = 1;
    let eighth = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    for weak in [[0; 32], one, eighth] {
        let mut keys = keys(0);
        let sender = Peer { sender_key: weak, ..peer(1) };
        let receiver = Peer { receiving_keys: vec![ReceivingKey { id: 0, key: weak }], ..peer(1) };
        assert_eq!(why(&mut keys, &[sender]), [PeerError::WeakKey]);
        assert_eq!(why(&mut keys, std::slice::from_ref(&receiver)), [PeerError::WeakKey]);
        assert_eq!(why(&mut keys, &[peer(1)]), []);
        assert_eq!(why(&mut keys, &[receiver]), [PeerError::WeakKey], "nor when it changes to it");
        assert_eq!(live(&keys), []);
        let anew = Peer { incarnation: 6, sender_key: weak, ..peer(1) };
        assert_eq!(why(&mut keys, &[anew]), [PeerError::WeakKey]);
        assert_eq!(live(&keys), []);
    }
}

#[test]
fn what_is_wrong_with_one_relay_does_not_touch_the_others() {
    let mut keys = keys(0);
    let twice = ReceivingKey { id: 3, key: [5; 32] };
    let table = [
        (Peer { ports: vec![], ..peer(1) }, PeerError::Ports),
        (Peer { ports: vec![1, 0], ..peer(1) }, PeerError::Ports),
        (Peer { ports: vec![1; WORKERS_MAX + 1], ..peer(1) }, PeerError::Ports),
        (Peer { receiving_keys: vec![twice, twice], ..peer(1) }, PeerError::SameKeyId(3)),
    ];
    for (bad, expected) in table {
        assert_eq!(why(&mut keys, &[peer(2), bad, peer(3)]), [expected]);
        assert_eq!(live(&keys).len(), 2);
    }
}

#[test]
fn an_older_start_is_not_believed_and_a_start_has_one_sender_key() {
    let mut keys = keys(0);
    assert_eq!(why(&mut keys, &[peer(1)]), []);
    let old = Peer { incarnation: 4, sender_key: peer(7).sender_key, ..peer(1) };
    assert_eq!(why(&mut keys, &[old]), [PeerError::Outdated { said: 4, known: 5 }]);
    assert_eq!(live(&keys), [peer(1).id()], "the newer one lives on");
    let other = Peer { sender_key: peer(7).sender_key, ..peer(1) };
    assert_eq!(why(&mut keys, &[other]), [PeerError::OtherKey]);
    let anew = Peer { sender_key: peer(7).sender_key, incarnation: 6, ..peer(1) };
    assert_eq!(why(&mut keys, &[anew.clone(), peer(1)]), [], "of two words of one relay, the newer counts");
    assert_eq!(keys.table().live().count(), 1);
    assert_eq!(why(&mut keys, &[peer(1)]), [PeerError::Outdated { said: 5, known: 6 }]);
}

#[test]
fn a_roster_is_bounded() {
    let mut keys = keys(0);
    let all: Vec<Peer> = (0..u16::try_from(PEERS_MAX).unwrap() + 1)
        .map(|n| Peer { node: format!("m{n}").parse().unwrap(), ..peer(1) })
        .collect();
    assert_eq!(why(&mut keys, &all), [PeerError::TooMany]);
    assert_eq!(live(&keys).len(), PEERS_MAX);
}

#[test]
fn ids_go_round_and_those_in_use_are_left_out() {
    let mut keys = keys(0);
    assert_eq!(why(&mut keys, &[peer(1)]), []);
    for n in 1..=255_u8 {
        assert_eq!(keys.renew(NOW, &[n; 32]).unwrap().id, n);
    }
    assert_eq!(keys.renew(NOW, &[1; 32]), Err(KeyError::TooMany));
    assert_eq!(keys.table().relay(peer(1).id()).unwrap().opening.len(), 256);
    let minute = NOW + UNUSED_FOR;
    keys.used(1, NOW + Duration::from_secs(1));
    assert!(keys.expire(minute));
    let left: Vec<u8> = keys.receiving_keys().map(|key| key.id).collect();
    assert_eq!(left, [1, 255], "the newest, and the one in use");
    assert_eq!(keys.table().relay(peer(1).id()).unwrap().opening.len(), 2);
    let ids: Vec<u8> = (0..3).map(|n| keys.renew(minute, &[n; 32]).unwrap().id).collect();
    assert_eq!(ids, [0, 2, 3]);
}
