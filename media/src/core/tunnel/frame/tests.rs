use super::*;
use proptest::prelude::*;

fn ids(numbers: &[u32]) -> Vec<RelayId> {
    numbers.iter().copied().map(RelayId).collect()
}

fn probe() -> Frame<'static> {
    let body = Body::Probe(Pick { number: PathNumber(1), sequence: 2 });
    Frame { hops: Hops::new(&ids(&[7, 8])).unwrap(), port: 1, origin: RelayId(9), origin_port: 6, body }
}

fn printed(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = [0; 1_500];
    let length = frame.write(&mut bytes).unwrap();
    bytes[..length].to_vec()
}

#[test]
fn the_form_is_that_of_the_decision() {
    let mut expected = vec![3, 0x20, 1, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 1, 0, 0, 0, 2];
    assert_eq!(printed(&probe()), expected);
    let stepped = probe().hops.step().unwrap();
    Frame::step_printed(&mut expected, &stepped);
    assert_eq!(Frame::parse(&expected), Ok(Frame { hops: stepped, ..probe() }));
    let place =
        Place { pick: Pick { number: PathNumber(0x0102), sequence: 3 }, stream: StreamId(4), number: 5 };
    let packet = printed(&Frame { body: Body::Rtcp(place, b"!"), ..probe() });
    assert_eq!((packet[0], &packet[16..]), (1, &[1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, b'!'][..]));
    let report =
        Report { number: PathNumber(1), highest: 2, received: 3, echo: 4, held_us: 5, flags: Flags(6) };
    let report = printed(&Frame { body: Body::Report(report), ..probe() });
    assert_eq!(
        (report[0], &report[16..]),
        (2, &[0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 6][..])
    );
    let header = Header { key: 1, lane: 2, port: 3, sender: RelayId(4), counter: 5 };
    assert_eq!(header.write(), [0x11, 1, 2, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(header.nonce(), [2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(Frame::BYTES_MIN, printed(&Frame { hops: Hops::new(&ids(&[7])).unwrap(), ..probe() }).len());
}

#[test]
fn a_way_has_one_to_three_relays_and_none_twice() {
    for bad in [&[][..], &[1, 1], &[1, 2, 1], &[1, 2, 3, 4]] {
        assert_eq!(Hops::new(&ids(bad)), None, "{bad:?}");
    }
    let hops = Hops::new(&ids(&[1, 2, 3])).unwrap();
    assert_eq!((hops.next(), hops.previous(), hops.is_last()), (RelayId(1), None, false));
    let hops = hops.step().unwrap();
    assert_eq!((hops.next(), hops.previous(), hops.is_last()), (RelayId(2), Some(RelayId(1)), false));
    let hops = hops.step().unwrap();
    assert_eq!((hops.next(), hops.destination(), hops.is_last()), (RelayId(3), RelayId(3), true));
    assert_eq!(hops.step(), None);
    assert_eq!(hops.back_to(RelayId(9)), Hops::new(&ids(&[2, 1, 9])).unwrap());
    assert_eq!(Hops::new(&ids(&[1])).unwrap().back_to(RelayId(9)), Hops::new(&ids(&[9])).unwrap());
}

#[test]
fn what_is_no_frame_is_refused() {
    let good = printed(&probe());
    let with = |at: usize, byte| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let table = [
        (with(0, 4), Refusal::Malformed),    // no such kind
        (with(0, 0), Refusal::Malformed),    // too short for a packet
        (with(1, 0x00), Refusal::Malformed), // no hops
        (with(1, 0x22), Refusal::Malformed), // beyond the last
        (with(1, 0x40), Refusal::Malformed), // too many
        (with(7, 8), Refusal::Looped),       // one twice
        (with(15, 7), Refusal::Looped),      // to its origin
        ([&good[..], &[0]].concat(), Refusal::Malformed),
    ];
    for (bytes, reason) in table {
        assert_eq!(Frame::parse(&bytes), Err(reason), "{bytes:?}");
    }
    let place = Place { pick: Pick { number: PathNumber(0), sequence: 0 }, stream: StreamId(0), number: 0 };
    let empty = printed(&Frame { body: Body::Rtp(place, b""), ..probe() });
    assert_eq!(Frame::parse(&empty), Err(Refusal::Malformed));
}

fn frames() -> impl Strategy<Value = (Vec<u32>, u8, u8, u32, u8, [u32; 5], Vec<u8>)> {
    let hops = prop::collection::hash_set(0..50_u32, 1..=3).prop_map(|hops| hops.into_iter().collect());
    let packet = prop::collection::vec(any::<u8>(), 1..1_400);
    (hops, 0..3_u8, any::<u8>(), 50..99_u32, 0..4_u8, any::<[u32; 5]>(), packet)
}

proptest! {
    #[test]
    fn what_is_printed_parses((hops, steps, port, origin, kind, words, packet) in frames()) {
        let hops = Hops::new(&ids(&hops)).unwrap();
        let hops = (0..steps).fold(hops, |hops, _| hops.step().unwrap_or(hops));
        let [a, b, c, d, e] = words;
        let path = PathNumber(u16::try_from(e & 0xffff).unwrap());
        let place = Place { pick: Pick { number: path, sequence: a }, stream: StreamId(b), number: c };
        let body = match kind {
            0 => Body::Rtp(place, &packet),
            1 => Body::Rtcp(place, &packet),
            2 => Body::Report(Report { number: path, highest: a, received: b, echo: c, held_us: d, flags: Flags(port) }),
            _ => Body::Probe(Pick { number: path, sequence: a }),
        };
        let frame = Frame { hops, port, origin: RelayId(origin), origin_port: kind, body };
        let bytes = printed(&frame);
        prop_assert_eq!(Frame::parse(&bytes), Ok(frame));
        prop_assert_eq!(frame.write(&mut vec![0; bytes.len() - 1]), None);
        for length in 0..bytes.len() {
            if let Ok(cut) = Frame::parse(&bytes[..length]) {
                prop_assert!(kind < 2 && printed(&cut).len() == length, "only a packet can be shorter");
            }
        }
    }

    #[test]
    fn what_parses_prints_to_the_same(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 0..5_u8, hops in 0..4_u8) {
        let mut bytes = bytes;
        if let [first, second, ..] = &mut bytes[..] {
            (*first, *second) = (kind, hops << 4);
        }
        if let Ok(frame) = Frame::parse(&bytes) {
            prop_assert_eq!(printed(&frame), bytes);
        }
    }

    #[test]
    fn headers_are_round(key: u8, lane: u8, port: u8, sender: u32, counter: u64) {
        let header = Header { key, lane, port, sender: RelayId(sender), counter };
        prop_assert_eq!(Header::parse(&header.write()), Ok(header));
    }
}
