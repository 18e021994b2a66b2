//! Frames that nobody should open, and what must not come of them.

use super::*;
use proptest::prelude::*;

#[test]
fn nobody_but_its_receiver_opens_a_frame_and_it_only_once() {
    let [mut a, mut b, mut c] = mesh();
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    assert_eq!(c.open(&frame), Err(Refusal::Forged), "sealed for another");
    assert_eq!(a.open(&frame), Err(Refusal::Stranger), "sent back");
    assert_eq!(b.open(&frame), Ok(b"voice".to_vec()));
    assert_eq!(b.open(&frame), Err(Refusal::Replayed));
    for _ in 0..1_024 {
        let newer = a.seal(0, &[b.id()], b"voice").unwrap();
        b.open(&newer).unwrap();
    }
    assert_eq!(b.open(&frame), Err(Refusal::Old));
}

#[test]
fn a_frame_under_the_name_of_another_relay_is_refused() {
    let [mut a, mut b, c] = mesh();
    let mut frame = a.seal(0, &[b.id()], b"voice").unwrap();
    frame[4..8].copy_from_slice(&c.id().0.to_be_bytes());
    assert_eq!(b.open(&frame), Err(Refusal::Forged));
    frame[4..8].copy_from_slice(&[1, 2, 3, 4]);
    assert_eq!(b.open(&frame), Err(Refusal::Stranger));
    frame[4..8].copy_from_slice(&b.id().0.to_be_bytes());
    assert_eq!(b.open(&frame), Err(Refusal::Stranger), "its own name");
}

#[test]
fn each_byte_of_the_header_has_its_own_reason() {
    let [mut a, mut b] = mesh();
    let frame = a.seal(0, &[b.id()], b"voice").unwrap();
    let changed = |at: usize, byte| {
        let mut frame = frame.clone();
        frame[at] = byte;
        frame
    };
    assert_eq!(b.open(&changed(0, 0x10)), Err(Refusal::Version));
    assert_eq!(b.open(&changed(1, 9)), Err(Refusal::Key));
    assert_eq!(b.open(&changed(2, 16)), Err(Refusal::Lane), "it has two workers");
    assert_eq!(b.open(&changed(2, 15)), Err(Refusal::Forged));
    assert_eq!(b.open(&changed(3, 1)), Err(Refusal::Port));
    assert_eq!(b.open(&changed(15, 9)), Err(Refusal::Forged));
    assert_eq!(b.open(&frame), Ok(b"voice".to_vec()), "forgeries leave no trace in the window");
}

#[test]
fn a_frame_goes_along_its_list_and_no_other_way() {
    let [mut a, mut b, mut c] = mesh();
    let (ida, idb, idc) = (a.id(), b.id(), c.id());
    let body = Body::Probe(Pick { number: PathNumber(0), sequence: 1 });
    // Sealed by us for b, whatever its list says: a member of the mesh that does not keep to the rules.
    let mut rogue = |hops: &[RelayId], steps: u8, origin| {
        let hops = (0..steps).fold(Hops::new(hops).unwrap(), |hops, _| hops.step().unwrap());
        let frame = Frame { hops, port: 0, origin, origin_port: 0, body };
        let to_b = Frame { hops: Hops::new(&[idb]).unwrap(), ..frame };
        let hop = a.sealer.hop(&to_b).unwrap();
        let mut outbox = Outbox::new(1);
        a.sealer.send(&mut outbox, hop, Lane(0), |bytes| frame.write(bytes)).unwrap();
        outbox.packets()[0].bytes().to_vec()
    };
    let table = [
        (rogue(&[idc], 0, ida), Refusal::Turn),             // not for b
        (rogue(&[idc, idb], 0, ida), Refusal::Turn),        // not yet b's turn
        (rogue(&[idb, idc], 1, ida), Refusal::Turn),        // not b's turn any more
        (rogue(&[idb], 0, idc), Refusal::Turn),             // in another's name, straight
        (rogue(&[idc, idb], 1, RelayId(7)), Refusal::Turn), // not from the hop before
        (rogue(&[idb, idc], 0, idb), Refusal::Looped),      // b is its origin, and on its way
        (rogue(&[idb, ida], 0, ida), Refusal::Looped),      // back to its origin
    ];
    for (n, (frame, reason)) in table.into_iter().enumerate() {
        assert_eq!(b.pass(&frame), Err(reason), "row {n}");
    }
    let honest = rogue(&[idb, idc], 0, ida);
    let (to, passed) = b.pass(&honest).unwrap();
    assert_eq!((to.port(), c.open(&passed)), (3_000, Ok(vec![])));
}

#[test]
fn a_relay_twice_in_the_list_is_a_loop() {
    let [mut a, mut b, c] = mesh();
    let frame = Frame {
        hops: Hops::new(&[b.id(), c.id(), RelayId(7)]).unwrap(),
        port: 0,
        origin: a.id(),
        origin_port: 0,
        body: Body::Probe(Pick { number: PathNumber(0), sequence: 1 }),
    };
    let hop = a.sealer.hop(&frame).unwrap();
    let mut outbox = Outbox::new(1);
    let looped = |bytes: &mut [u8]| {
        let printed = frame.write(bytes);
        bytes.copy_within(4..8, 12);
        printed
    };
    a.sealer.send(&mut outbox, hop, Lane(0), looped).unwrap();
    assert_eq!(b.pass(outbox.packets()[0].bytes()), Err(Refusal::Looped));
}

#[test]
fn a_relay_in_transit_drops_what_it_cannot_reach_and_uses_no_counter() {
    let now = Time::from_millis(0);
    let [mut a, mut b, mut c] = mesh();
    let way = [b.id(), c.id()];
    let frame = a.seal(0, &way, b"voice").unwrap();
    b.meet(now, &[a.peer.clone()]);
    assert_eq!(b.pass(&frame), Err(Refusal::Unreachable), "c has vanished");
    let keyless = Peer { receiving_keys: Vec::new(), ..c.peer.clone() };
    b.meet(now, &[a.peer.clone(), keyless]);
    let frame = a.seal(0, &way, b"voice").unwrap();
    assert_eq!(b.pass(&frame), Err(Refusal::Unreachable), "c has no key any more");
    b.meet(now, &[a.peer.clone(), c.peer.clone()]);
    let frame = a.seal(0, &way, b"voice").unwrap();
    let (_, passed) = b.pass(&frame).unwrap();
    assert_eq!(Header::parse(&passed).unwrap().counter, 0);
    assert_eq!(c.open(&passed), Ok(b"voice".to_vec()));
}

#[test]
fn a_full_outbox_uses_no_counter_either() {
    let [mut a, b] = mesh();
    let frame = Frame {
        hops: Hops::new(&[b.id()]).unwrap(),
        port: 0,
        origin: a.id(),
        origin_port: 0,
        body: Body::Probe(Pick { number: PathNumber(0), sequence: 1 }),
    };
    let (hop, mut outbox) = (a.sealer.hop(&frame).unwrap(), Outbox::new(0));
    assert_eq!(a.sealer.send(&mut outbox, hop, Lane(0), |bytes| frame.write(bytes)), Err(Refusal::Full));
    assert_eq!(a.seal(0, &[b.id()], &[0; PAYLOAD_MAX + 9]), Err(Refusal::Length));
    let sealed = a.seal(0, &[b.id()], &[0; PAYLOAD_MAX + 8]).unwrap();
    assert_eq!((Header::parse(&sealed).unwrap().counter, sealed.len()), (0, crate::core::PACKET_MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A bit anywhere, and the frame is refused; then it opens as it was.
    #[test]
    fn a_flipped_bit_is_refused(packet in prop::collection::vec(any::<u8>(), 1..200), hops in 1..=3_usize) {
        let [mut a, mut b, c, d] = mesh();
        let way = [b.id(), c.id(), d.id()];
        let frame = a.seal(1, &way[..hops], &packet).unwrap();
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(b.pass(&flipped).is_err(), "bit {}", bit);
        }
        for length in 0..frame.len() {
            prop_assert!(b.pass(&frame[..length]).is_err());
        }
        prop_assert_eq!(b.open(&frame), Ok(packet));
    }

    /// Bytes that nobody sealed, behind a header as good as it gets, are nothing.
    #[test]
    fn random_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..300), named in any::<bool>()) {
        let [a, mut b] = mesh();
        let mut datagram = bytes.clone();
        if named && datagram.len() >= 16 {
            datagram[..4].copy_from_slice(&[0x11, 0, 0, 0]);
            datagram[4..8].copy_from_slice(&a.id().0.to_be_bytes());
        }
        prop_assert!(b.pass(&datagram).is_err());
        prop_assert_eq!(b.opener.take(Time::from_millis(9_000)), []);
    }

    /// Whatever list a member of the mesh writes into a frame, it is passed on to the one after us in it, or not at all.
    #[test]
    fn transit_sends_to_the_next_hop_only(
        hops in prop::collection::vec(0..5_usize, 1..=3), steps in 0..3_u8, origin in 0..5_usize,
    ) {
        let mut relays: [Relay; 4] = mesh();
        let ids: Vec<RelayId> = relays.iter().map(Relay::id).chain([RelayId(7)]).collect();
        let list: Vec<RelayId> = hops.iter().map(|hop| ids[*hop]).collect();
        let Some(hops) = Hops::new(&list) else { return Ok(()) };
        let hops = (0..steps).try_fold(hops, |hops, _| hops.step());
        let Some(hops) = hops else { return Ok(()) };
        let body = Body::Probe(Pick { number: PathNumber(0), sequence: 1 });
        let frame = Frame { hops, port: 1, origin: ids[origin], origin_port: 0, body };
        let [a, b, ..] = &mut relays;
        let hop = a.sealer.hop(&Frame { hops: Hops::new(&[ids[1]]).unwrap(), port: 0, ..frame }).unwrap();
        let mut outbox = Outbox::new(1);
        a.sealer.send(&mut outbox, hop, Lane(0), |bytes| frame.write(bytes)).unwrap();
        let passed = b.pass(outbox.packets()[0].bytes());
        let honest = hops.next() == ids[1] && hops.previous().unwrap_or(ids[origin]) == ids[0];
        let next = hops.step().map(|hops| ids.iter().position(|id| *id == hops.next()).unwrap());
        match (passed, next) {
            (Ok((to, _)), Some(next)) => {
                prop_assert!(honest && next < 4 && !list.contains(&ids[origin]));
                prop_assert_eq!(to.port(), (u16::try_from(next).unwrap() + 1) * 1_000 + 1);
            }
            (Ok(_), None) => prop_assert!(false, "passed on from its destination"),
            (Err(_), next) => {
                let possible = honest && next.is_some_and(|next| next < 4) && !list.contains(&ids[origin]);
                prop_assert!(!possible);
            }
        }
    }
}
