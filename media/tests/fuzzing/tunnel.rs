//! Frames from the network, and from a member of the mesh that does not keep to the rules.

use ringway_media::core::{
    Lane, Outbox, RelayId, SocketId,
    tunnel::{Body, Frame, Header, Hops, Keys, Opener, Peer, Sealer, Table, forward, relay_id},
};
use ringway_router::Time;
use std::{
    net::Ipv4Addr,
    sync::{Arc, OnceLock},
};

const NOW: Time = Time::from_millis(1_000);

/// Agreed on once: the fuzzer has better things to do.
static TABLES: OnceLock<[Arc<Table>; 3]> = OnceLock::new();

/// The first byte says how the rest gets to relay 1: as it is; behind a good header; sealed by relay 0, as the body of a
/// frame; or cut into frames of the same length, which are sealed and arrive in a strange order, some of them twice.
pub(crate) fn tunnel_frame(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    let tables = TABLES.get_or_init(tables);
    let mut world = World {
        sealer: Sealer::new(0, vec![SocketId(0); 8], Arc::clone(&tables[0])),
        opener: Opener::new(0, Arc::clone(&tables[1])),
        forwarder: Sealer::new(0, vec![SocketId(0); 8], Arc::clone(&tables[1])),
    };
    match how % 4 {
        0 => assert!(!world.arrives(rest), "nobody sealed it"),
        1 => {
            let head = Header { key: 0, lane: how / 4 % 8, port: 0, sender: id(0), counter: u64::from(*how) };
            assert!(!world.arrives(&[&head.write(), rest].concat()), "nobody sealed it");
        }
        2 => {
            let Some(datagram) = world.seal(rest, how / 4) else { return };
            assert_eq!(world.arrives(&datagram), Frame::parse(rest).is_ok_and(|frame| is_in_turn(&frame)));
            assert!(!world.arrives(&datagram), "a replay");
        }
        _ => world.frames(rest, usize::from(how / 4) + 1),
    }
}

struct World {
    sealer: Sealer,
    opener: Opener,
    forwarder: Sealer,
}

impl World {
    /// Sealed by relay 0 for relay 1, whatever it is.
    fn seal(&mut self, body: &[u8], lane: u8) -> Option<Vec<u8>> {
        let pick = ringway_media::core::steer::Pick {
            number: ringway_media::core::steer::PathNumber(0),
            sequence: 0,
        };
        let hops = Hops::new(&[id(1)]).expect("one relay");
        let frame = Frame { hops, port: 0, origin: id(0), origin_port: 0, body: Body::Probe(pick) };
        let mut outbox = Outbox::new(1);
        let hop = self.sealer.hop(&frame).expect("a neighbor");
        let write = |bytes: &mut [u8]| {
            bytes.get_mut(..body.len())?.copy_from_slice(body);
            Some(body.len())
        };
        self.sealer.send(&mut outbox, hop, Lane(lane), write).ok()?;
        Some(outbox.packets()[0].bytes().to_vec())
    }

    /// Whether relay 1 takes it. What it passes on goes to the next relay of the list, and is the same.
    fn arrives(&mut self, datagram: &[u8]) -> bool {
        let mut datagram = datagram.to_vec();
        let Ok(opened) = self.opener.open(NOW, &mut datagram) else { return false };
        let frame = opened.frame;
        assert!(is_in_turn(&frame));
        let mut printed = vec![0; 1_500];
        let length = frame.write(&mut printed).expect("there is room for what was there");
        assert_eq!(Frame::parse(&printed[..length]), Ok(frame));
        let mut outbox = Outbox::new(2);
        match forward(&mut self.forwarder, &mut outbox, &opened) {
            Ok(()) => {
                let next = frame.hops.step().expect("it is not for relay 1").next();
                assert!([id(0), id(2)].contains(&next), "no other relay is known");
                assert_eq!(outbox.packets().len(), 1);
                assert_eq!(outbox.packets()[0].to.port(), if next == id(0) { 1_000 } else { 3_000 });
                assert_eq!(outbox.packets()[0].bytes().len(), length + 32);
            }
            Err(_) => assert_eq!(outbox.packets().len(), 0),
        }
        true
    }

    /// Those that were lost before are as good as those that come twice: each opens once.
    fn frames(&mut self, bytes: &[u8], length: usize) {
        let frames: Vec<_> = bytes.chunks(length).filter_map(|body| self.seal(body, 0)).collect();
        let mut taken = vec![false; frames.len()];
        for (at, byte) in bytes.iter().take(64).enumerate() {
            let pick = (at * 7 + usize::from(*byte)) % frames.len().max(1);
            let Some(frame) = frames.get(pick) else { return };
            let took = self.arrives(frame);
            assert!(!(took && taken[pick]), "frame {pick} twice");
            taken[pick] |= took;
        }
        let counted: u64 = self.opener.take(NOW).iter().map(|link| link.received).sum();
        assert!(counted <= frames.len() as u64);
    }
}

/// Sealed by relay 0, and relay 1's turn.
fn is_in_turn(frame: &Frame<'_>) -> bool {
    let before = frame.hops.previous().unwrap_or(frame.origin);
    frame.hops.next() == id(1) && before == id(0) && frame.origin != id(1)
}

fn id(n: u8) -> RelayId {
    relay_id(&region(n), &"relay".parse().expect("a name"))
}

fn region(n: u8) -> ringway_router::Region {
    format!("region-{n}").parse().expect("a name")
}

fn tables() -> [Arc<Table>; 3] {
    let keys =
        |n: u8| Keys::new(NOW, region(n), "relay".parse().expect("a name"), &[n + 1; 32], &[n + 9; 32]);
    let mut all = [0, 1, 2].map(|n| keys(n).expect("keys"));
    let peer = |(n, keys): (u8, &Keys)| Peer {
        region: region(n),
        node: "relay".parse().expect("a name"),
        address: Ipv4Addr::LOCALHOST.into(),
        ports: vec![1_000 * (u16::from(n) + 1)],
        sender_key: keys.sender_key(),
        receiving_keys: keys.receiving_keys().collect(),
        incarnation: 1,
    };
    let roster: Vec<Peer> = (0..).zip(&all).map(peer).collect();
    all.each_mut().map(|keys| {
        assert!(keys.meet(NOW, &roster).is_empty());
        keys.table()
    })
}
