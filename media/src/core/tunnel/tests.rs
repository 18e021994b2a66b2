//! Relays with keys, openers and sealers, and no network: what one seals is given to another by hand.

use super::*;
use crate::core::{
    Lane, Outbox, RelayId, SocketId, StreamId,
    steer::{PathNumber, Pick},
};
use ringway_router::Time;
use std::{net::Ipv4Addr, sync::Arc};

mod hostile;
mod path;
mod rotation;

/// The port of the first worker of relay `n` is `n` thousand.
struct Relay {
    keys: Keys,
    peer: Peer,
    opener: Opener,
    sealer: Sealer,
}

impl Relay {
    /// Relay `n`, with two workers, of which this is the given one.
    fn new(n: u8, worker: u8, now: Time) -> Self {
        let (region, node) = (format!("region-{n}").parse().unwrap(), "relay".parse().unwrap());
        let keys = Keys::new(now, region, node, &[n; 32], &[100 + n; 32]).unwrap();
        let port = u16::from(n) * 1_000;
        let peer = Peer {
            region: format!("region-{n}").parse().unwrap(),
            node: "relay".parse().unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
            ports: vec![port, port + 1],
            sender_key: keys.sender_key(),
            receiving_keys: keys.receiving_keys().collect(),
            incarnation: 1,
        };
        let table = keys.table();
        let sockets = vec![SocketId(0), SocketId(1)];
        let (opener, sealer) = (Opener::new(worker, Arc::clone(&table)), Sealer::new(worker, sockets, table));
        Self { keys, peer, opener, sealer }
    }

    fn id(&self) -> RelayId {
        self.keys.own()
    }

    fn adopt(&mut self) {
        self.opener.adopt(self.keys.table());
        self.sealer.adopt(self.keys.table());
    }

    fn meet(&mut self, now: Time, roster: &[Peer]) {
        assert_eq!(self.keys.meet(now, roster), []);
        self.adopt();
    }

    /// What it would send to the first of these relays, for the last of them.
    fn seal(&mut self, lane: u8, hops: &[RelayId], packet: &[u8]) -> Result<Vec<u8>, Refusal> {
        let frame = Frame {
            hops: Hops::new(hops).unwrap(),
            port: 0,
            origin: self.id(),
            origin_port: 0,
            body: Body::Rtp(
                Place {
                    pick: Pick { number: PathNumber(0x0102), sequence: 3 },
                    stream: StreamId(4),
                    number: 5,
                },
                packet,
            ),
        };
        self.seal_frame(lane, &frame)
    }

    fn seal_frame(&mut self, lane: u8, frame: &Frame<'_>) -> Result<Vec<u8>, Refusal> {
        let mut outbox = Outbox::new(1);
        let hop = self.sealer.hop(frame)?;
        self.sealer.send(&mut outbox, hop, Lane(lane), |bytes| frame.write(bytes))?;
        Ok(outbox.packets()[0].bytes().to_vec())
    }

    fn open(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.open_at(Time::from_millis(1_000), datagram)
    }

    /// The packet in it.
    fn open_at(&mut self, now: Time, datagram: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut datagram = datagram.to_vec();
        match self.opener.open(now, &mut datagram)?.frame.body {
            Body::Rtp(_, packet) | Body::Rtcp(_, packet) => Ok(packet.to_vec()),
            Body::Report(_) | Body::Probe(_) => Ok(Vec::new()),
        }
    }

    /// What it sends on, and where to.
    fn pass(&mut self, datagram: &[u8]) -> Result<(std::net::SocketAddr, Vec<u8>), Refusal> {
        let mut datagram = datagram.to_vec();
        let mut outbox = Outbox::new(1);
        let opened = self.opener.open(Time::from_millis(1_000), &mut datagram)?;
        let passed = forward(&mut self.sealer, &mut outbox, &opened);
        assert_eq!(passed.is_ok(), outbox.packets().len() == 1);
        passed.map(|()| (outbox.packets()[0].to, outbox.packets()[0].bytes().to_vec()))
    }
}

/// Relays that know each other, each with its first worker.
fn mesh<const N: usize>() -> [Relay; N] {
    let now = Time::from_millis(0);
    let mut relays = std::array::from_fn(|n| Relay::new(u8::try_from(n).unwrap() + 1, 0, now));
    let roster = relays.each_ref().map(|relay: &Relay| relay.peer.clone());
    relays.iter_mut().for_each(|relay| relay.meet(now, &roster));
    relays
}

/// Against Python's `cryptography`: X25519 of the private keys 01… and 02…, HKDF and AES-GCM as the decision has them.
#[test]
fn one_frame_is_known_byte_by_byte() {
    let now = Time::from_millis(0);
    let keys = |region: &str, node: &str, seed| {
        Keys::new(now, region.parse().unwrap(), node.parse().unwrap(), &[seed; 32], &[seed; 32]).unwrap()
    };
    let (mut west, mut east) = (keys("us-west-2", "a", 1), keys("us-east-1", "b", 2));
    let peer = |keys: &Keys, region: &str, node: &str| Peer {
        region: region.parse().unwrap(),
        node: node.parse().unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
        ports: vec![1, 2],
        sender_key: keys.sender_key(),
        receiving_keys: keys.receiving_keys().collect(),
        incarnation: 1,
    };
    let roster = [peer(&west, "us-west-2", "a"), peer(&east, "us-east-1", "b")];
    assert_eq!((west.meet(now, &roster), east.meet(now, &roster)), (vec![], vec![]));

    let mut sealer = Sealer::new(1, vec![SocketId(0), SocketId(7)], west.table());
    let mut outbox = Outbox::new(1);
    let frame = Frame {
        hops: Hops::new(&[east.own()]).unwrap(),
        port: 0,
        origin: west.own(),
        origin_port: 1,
        body: Body::Rtp(
            Place { pick: Pick { number: PathNumber(0x0102), sequence: 3 }, stream: StreamId(4), number: 5 },
            b"voice",
        ),
    };
    let hop = sealer.hop(&frame).unwrap();
    sealer.send(&mut outbox, hop, Lane(1), |bytes| frame.write(bytes)).unwrap();
    assert_eq!(outbox.packets()[0].socket, SocketId(7));
    let golden = "1100090084b874e20000000000000000\
        eb2d583d68ca4c4a3d0150f8e1c76229d49efffde9baf79437742364a9a0a80f\
        af40cdf73c5d86d4c6d89ce92dedda";
    let printed: String = outbox.packets()[0].bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(printed, golden);

    let mut datagram = outbox.packets()[0].bytes().to_vec();
    let mut opener = Opener::new(0, east.table());
    let opened = opener.open(now, &mut datagram).unwrap();
    assert_eq!((opened.from, opened.lane, opened.frame), (west.own(), Lane(1), frame));
}
