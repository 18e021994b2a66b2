//! From one leg to another, in every pair of protections.

use super::*;

fn rtp_across(crossing: &mut Crossing, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| crossing.rtp(bytes, length))
}

fn rtcp_across(crossing: &mut Crossing, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| crossing.rtcp(bytes, length))
}

#[test]
fn every_pair_of_legs_carries_both_protocols() {
    let protections = || Suite::ALL.map(Some).into_iter().chain([None]);
    for (from, to) in protections().flat_map(|from| protections().map(move |to| (from, to))) {
        let (from, to) = (from.map(|suite| key(suite, 1)), to.map(|suite| key(suite, 2)));
        let mut crossing = Crossing::new(from.as_ref(), to.as_ref());
        assert_eq!(crossing.is_through(), from.is_none() && to.is_none());
        let (mut phone, mut other) = (from.as_ref().map(Sender::new), to.as_ref().map(Receiver::new));
        for number in 65_530..65_550_u32 {
            #[expect(clippy::cast_possible_truncation, reason = "a sequence number")]
            let plain = rtp(7, number as u16, &number.to_be_bytes());
            let sent = phone.as_mut().map_or(Ok(plain.clone()), |phone| protect(phone, &plain)).unwrap();
            let crossed = rtp_across(&mut crossing, &sent).unwrap();
            let heard = other.as_mut().map_or(Ok(crossed.clone()), |other| unprotect(other, &crossed));
            assert_eq!(heard, Ok(plain), "{from:?} {to:?}");
            let report = rtcp(7, &number.to_be_bytes());
            let sent =
                phone.as_mut().map_or(Ok(report.clone()), |phone| protect_rtcp(phone, &report)).unwrap();
            let crossed = rtcp_across(&mut crossing, &sent).unwrap();
            let heard = other.as_mut().map_or(Ok(crossed.clone()), |other| unprotect_rtcp(other, &crossed));
            assert_eq!(heard, Ok(report), "{from:?} {to:?}");
        }
    }
}

#[test]
fn the_same_key_on_both_legs_passes_unchanged() {
    let shared = named(key(Suite::AesCm128HmacSha1_80, 1), Mki::new(1, 1));
    let mut crossing = Crossing::new(Some(&shared), Some(&shared));
    assert!(crossing.is_through());
    let sealed = protect(&mut Sender::new(&shared), &rtp(1, 1, b"end to end")).unwrap();
    assert_eq!(rtp_across(&mut crossing, &sealed), Ok(sealed));
    assert_eq!(rtcp_across(&mut crossing, b"anything"), Ok(b"anything".to_vec()));
    // The same bytes under another name are another protection.
    assert!(!Crossing::new(Some(&shared), Some(&named(shared.clone(), None))).is_through());
}

#[test]
fn what_one_leg_refuses_does_not_reach_the_other() {
    let (from, to) = (key(Suite::AesCm128HmacSha1_80, 1), key(Suite::AeadAes128Gcm, 2));
    let mut crossing = Crossing::new(Some(&from), Some(&to));
    let mut phone = Sender::new(&from);
    let sealed = protect(&mut phone, &rtp(1, 1, b"once")).unwrap();
    let mut forged = sealed.clone();
    forged[13] ^= 1;
    assert_eq!(rtp_across(&mut crossing, &forged), Err(Refusal::Forged));
    assert!(rtp_across(&mut crossing, &sealed).is_ok());
    assert_eq!(rtp_across(&mut crossing, &sealed), Err(Refusal::Replayed));
    let report = protect_rtcp(&mut phone, &rtcp(1, b"")).unwrap();
    assert!(rtcp_across(&mut crossing, &report).is_ok());
    assert_eq!(rtcp_across(&mut crossing, &report), Err(Refusal::Replayed));
    assert_eq!(crossing.rtp(&mut [0x80; 20], 21), Err(Refusal::NoRoom));
    assert_eq!(crossing.rtcp(&mut [0x80; 20], 21), Err(Refusal::NoRoom));
}

#[test]
fn keys_change_in_mid_call_and_one_that_stays_goes_on() {
    let [old, new, to] = [1, 2, 3].map(|byte| key(Suite::AesCm128HmacSha1_80, byte));
    let mut crossing = Crossing::new(Some(&old), Some(&to));
    let (mut phone, mut other) = (Sender::new(&old), Receiver::new(&to));
    let mut sequence = 0xfff0_u16;
    let mut cross = |crossing: &mut Crossing, phone: &mut Sender, count: u16| {
        for _ in 0..count {
            let plain = rtp(1, sequence, b"payload");
            sequence = sequence.wrapping_add(1);
            let crossed = rtp_across(crossing, &protect(phone, &plain).unwrap()).unwrap();
            assert_eq!(unprotect(&mut other, &crossed), Ok(plain));
        }
        sequence.wrapping_sub(1)
    };
    cross(&mut crossing, &mut phone, 40);
    crossing.rekey(Some(&old), Some(&to));
    let last = cross(&mut crossing, &mut phone, 5);
    phone.rekey(&new);
    crossing.rekey(Some(&new), Some(&to));
    cross(&mut crossing, &mut phone, 5);
    // Now the leg is plain, and the sender is still the same: it sends no second text under one number.
    crossing.rekey(None, Some(&to));
    assert_eq!(rtp_across(&mut crossing, &rtp(1, last, b"another")), Err(Refusal::Replayed));
    crossing.rekey(Some(&new), None);
    assert_eq!(
        rtp_across(&mut crossing, &protect(&mut phone, &rtp(1, 100, b"x")).unwrap()),
        Ok(rtp(1, 100, b"x"))
    );
    crossing.rekey(None, None);
    assert!(crossing.is_through());
}
