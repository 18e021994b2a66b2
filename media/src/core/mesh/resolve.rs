//! From a region to one of its relays.

use crate::core::{RelayId, tunnel::Table};
use ringway_router::Region;

/// The relay of a region to which a key falls. Rendezvous hashing (Thaler and Ravishankar, 1998): keys spread evenly over
/// the relays that live, and when one dies only its own keys move. `None`: no relay of the region can be reached.
#[must_use]
pub fn relay_of(table: &Table, region: &Region, key: u64) -> Option<RelayId> {
    let live = table.live().filter(|slot| slot.region == *region && slot.is_reachable());
    live.map(|slot| slot.id).max_by_key(|id| (mixed(key ^ mixed(u64::from(id.0))), *id))
}

/// One number for several.
pub(super) fn key_of(numbers: &[u32]) -> u64 {
    numbers.iter().fold(0, |key, number| mixed(key ^ u64::from(*number)))
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tunnel::{Keys, Peer};
    use ringway_router::Time;
    use std::{collections::BTreeMap, net::Ipv4Addr};

    const NOW: Time = Time::from_millis(0);

    fn keys() -> Keys {
        Keys::new(NOW, "here".parse().unwrap(), "n".parse().unwrap(), &[1; 32], &[2; 32]).unwrap()
    }

    fn peer(region: &str, n: u8) -> Peer {
        let other = Keys::new(NOW, "x".parse().unwrap(), "x".parse().unwrap(), &[100 + n; 32], &[50 + n; 32])
            .unwrap();
        Peer {
            region: region.parse().unwrap(),
            node: format!("n{n}").parse().unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            ports: vec![1],
            sender_key: other.sender_key(),
            receiving_keys: other.receiving_keys().collect(),
            incarnation: 1,
        }
    }

    #[test]
    fn load_spreads_and_one_death_moves_only_its_own() {
        let mut keys = keys();
        let mut roster: Vec<Peer> = (0..5).map(|n| peer("ohio", n)).collect();
        roster.push(peer("oregon", 9));
        assert_eq!(keys.meet(NOW, &roster), []);
        let ohio = "ohio".parse().unwrap();
        let all = |keys: &Keys| -> Vec<RelayId> {
            let table = keys.table();
            (0..10_000).map(|n| relay_of(&table, &ohio, key_of(&[n, 7])).unwrap()).collect()
        };
        let before = all(&keys);
        let mut share = BTreeMap::new();
        before.iter().for_each(|id| *share.entry(*id).or_insert(0) += 1);
        assert_eq!(share.len(), 5);
        assert!(share.values().all(|count| (1_800..2_200).contains(count)), "{share:?}");
        let dead = roster.remove(2).id();
        assert_eq!(keys.meet(NOW, &roster), []);
        for (before, after) in before.into_iter().zip(all(&keys)) {
            assert!(after != dead && (before == after || before == dead));
        }
    }

    #[test]
    fn a_region_without_a_relay_that_can_be_reached_has_none() {
        let mut keys = keys();
        let keyless = Peer { receiving_keys: Vec::new(), ..peer("ohio", 1) };
        assert_eq!(keys.meet(NOW, &[keyless, peer("oregon", 2)]), []);
        let table = keys.table();
        assert_eq!(relay_of(&table, &"ohio".parse().unwrap(), 1), None);
        assert_eq!(relay_of(&table, &"texas".parse().unwrap(), 1), None);
        assert_eq!(relay_of(&table, &"oregon".parse().unwrap(), 1), Some(peer("oregon", 2).id()));
    }
}
