//! The media relay of a statement.

use super::Unreadable;
use crate::mesh::relay::MediaRelay;
use ringway_proto::mesh as wire;

pub(super) fn to_wire(relay: &MediaRelay) -> wire::MediaRelay {
    let MediaRelay { ports, sender_key, receiving_keys, incarnation } = relay;
    let key = |(id, key): &(u8, [u8; 32])| wire::MediaKey { id: u32::from(*id), key: key.to_vec() };
    wire::MediaRelay {
        ports: ports.iter().map(|&port| u32::from(port)).collect(),
        sender_key: sender_key.to_vec(),
        receiving_keys: receiving_keys.iter().map(key).collect(),
        incarnation: *incarnation,
    }
}

pub(super) fn from_wire(relay: wire::MediaRelay) -> Result<MediaRelay, Unreadable> {
    let wire::MediaRelay { ports, sender_key, receiving_keys, incarnation } = relay;
    let key = |wire::MediaKey { id, key }| {
        let id = u8::try_from(id).map_err(|_| Unreadable::Relay("a key id"))?;
        Ok((id, key.try_into().map_err(|_| Unreadable::Relay("a key"))?))
    };
    let relay = MediaRelay {
        ports: ports.into_iter().map(super::port).collect::<Result<_, _>>()?,
        sender_key: sender_key.try_into().map_err(|_| Unreadable::Relay("a key"))?,
        receiving_keys: receiving_keys.into_iter().map(key).collect::<Result<_, _>>()?,
        incarnation,
    };
    relay.flaw().map_or(Ok(relay), |flaw| Err(Unreadable::Relay(flaw)))
}

#[cfg(test)]
mod tests {
    use crate::mesh::{
        convert::{Unreadable, decode, encode},
        relay::MediaRelay,
        statement::Statement,
    };

    fn relay() -> MediaRelay {
        let receiving_keys = vec![(255, [2; 32]), (0, [3; 32])];
        MediaRelay { ports: vec![20_000, 20_001], sender_key: [1; 32], receiving_keys, incarnation: 9 }
    }

    fn told(change: impl Fn(&mut MediaRelay)) -> Result<Option<MediaRelay>, Unreadable> {
        let mut relay = relay();
        change(&mut relay);
        let node = crate::mesh::convert::node_id("us-west-2", "n-1").unwrap();
        let statement = Statement { media: Some(relay), ..Statement::bare(node) };
        decode(&encode(&statement)).map(|statement| statement.media)
    }

    #[test]
    fn what_is_said_of_a_relay_is_what_is_heard() {
        assert_eq!(told(|_| ()), Ok(Some(relay())));
    }

    #[test]
    fn a_relay_that_cannot_be_is_refused() {
        type Change = fn(&mut MediaRelay);
        let table: [(Change, Unreadable); 6] = [
            (|r| r.ports.clear(), Unreadable::Relay("ports")),
            (|r| r.ports = vec![1; 65], Unreadable::Relay("ports")),
            (|r| r.ports[0] = 0, Unreadable::Port(0)),
            (|r| r.receiving_keys.clear(), Unreadable::Relay("receiving keys")),
            (
                |r| r.receiving_keys.extend([(1, [4; 32]), (2, [5; 32]), (3, [6; 32])]),
                Unreadable::Relay("receiving keys"),
            ),
            (|r| r.receiving_keys[1].0 = 255, Unreadable::Relay("a key id twice")),
        ];
        for (change, why) in table {
            assert_eq!(told(change), Err(why));
        }
    }
}
