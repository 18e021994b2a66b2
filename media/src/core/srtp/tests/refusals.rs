//! One test for each reason.

use super::*;

const CM: Suite = Suite::AesCm128HmacSha1_80;

#[test]
fn labels_are_distinct() {
    let labels: std::collections::HashSet<_> = Refusal::ALL.iter().map(|reason| reason.label()).collect();
    assert_eq!(labels.len(), Refusal::ALL.len());
}

#[test]
fn too_short() {
    for suite in Suite::ALL {
        let master = named(key(suite, 1), Mki::new(1, 4));
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
        // A payload may be empty, but the trailer must be there.
        let empty = rtp(1, 1, b"");
        let sealed = protect(&mut sender, &empty).unwrap();
        for length in 0..sealed.len() {
            assert_eq!(unprotect(&mut receiver, &sealed[..length]), Err(Refusal::TooShort), "{length}");
        }
        assert_eq!(unprotect(&mut receiver, &sealed), Ok(empty));
        let empty = rtcp(1, b"");
        let sealed = protect_rtcp(&mut sender, &empty).unwrap();
        for length in 0..sealed.len() {
            assert_eq!(unprotect_rtcp(&mut receiver, &sealed[..length]), Err(Refusal::TooShort), "{length}");
        }
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(empty));
        assert_eq!(protect(&mut sender, &[0x80; 11]), Err(Refusal::TooShort));
        assert_eq!(protect_rtcp(&mut sender, &[0x80; 7]), Err(Refusal::TooShort));
    }
}

#[test]
fn malformed() {
    let master = key(CM, 1);
    let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
    // STUN and DTLS, and more contributing sources than bytes.
    for first in [0x00, 0x16, 0x8f] {
        let mut packet = rtp(1, 1, b"some payload and a tag");
        packet[0] = first;
        assert_eq!(protect(&mut sender, &packet), Err(Refusal::Malformed));
        assert_eq!(unprotect(&mut receiver, &packet), Err(Refusal::Malformed));
    }
    let mut packet = rtcp(1, b"some blocks and a tag");
    packet[0] = 0x40;
    assert_eq!(protect_rtcp(&mut sender, &packet), Err(Refusal::Malformed));
    assert_eq!(unprotect_rtcp(&mut receiver, &packet), Err(Refusal::Malformed));
}

#[test]
fn no_room() {
    for suite in Suite::ALL {
        let master = named(key(suite, 1), Mki::new(1, 4));
        let mut sender = Sender::new(&master);
        let plain = rtp(1, 1, b"payload");
        let needed = protect(&mut Sender::new(&master), &plain).unwrap().len();
        let mut bytes = plain.clone();
        bytes.resize(needed - 1, 0);
        assert_eq!(sender.protect(&mut bytes, plain.len()), Err(Refusal::NoRoom));
        assert_eq!(sender.protect(&mut bytes, needed), Err(Refusal::NoRoom));
        assert_eq!(bytes[..plain.len()], plain, "nothing was written");
        bytes.resize(needed, 0);
        assert_eq!(sender.protect(&mut bytes, plain.len()), Ok(needed), "and the number is still free");
        let plain = rtcp(1, b"blocks");
        let mut bytes = plain.clone();
        assert_eq!(sender.protect_rtcp(&mut bytes, plain.len()), Err(Refusal::NoRoom));
        assert_eq!(sender.protect_rtcp(&mut bytes, plain.len() + 1), Err(Refusal::NoRoom));
        assert_eq!(bytes, plain);
    }
}

#[test]
fn replayed_and_too_old() {
    let master = key(CM, 1);
    let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
    let first = protect(&mut sender, &rtp(1, 1, b"first")).unwrap();
    let second = protect(&mut sender, &rtp(1, 200, b"second")).unwrap();
    // Two texts under one number would give both away.
    assert_eq!(protect(&mut sender, &rtp(1, 200, b"another")), Err(Refusal::Replayed));
    assert_eq!(protect(&mut sender, &rtp(1, 1, b"another")), Err(Refusal::TooOld));
    assert!(unprotect(&mut receiver, &second).is_ok());
    assert_eq!(unprotect(&mut receiver, &second), Err(Refusal::Replayed));
    assert_eq!(unprotect(&mut receiver, &first), Err(Refusal::TooOld));
}

#[test]
fn forged() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Sender::new(&key(suite, 1)), Receiver::new(&key(suite, 2)));
        let sealed = protect(&mut sender, &rtp(1, 1, b"payload")).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Forged));
        let sealed = protect_rtcp(&mut sender, &rtcp(1, b"blocks")).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Err(Refusal::Forged));
        // What is plain is not let in, either.
        let plain = rtp(1, 2, &[0; 160]);
        assert_eq!(unprotect(&mut receiver, &plain), Err(Refusal::Forged));
    }
}

#[test]
fn of_another_key() {
    for suite in Suite::ALL {
        let of = |value| named(key(suite, 1), Mki::new(value, 4));
        let (mut sender, mut receiver) = (Sender::new(&of(1)), Receiver::new(&of(2)));
        let sealed = protect(&mut sender, &rtp(1, 1, b"payload")).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::UnknownKey));
        let sealed = protect_rtcp(&mut sender, &rtcp(1, b"blocks")).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Err(Refusal::UnknownKey));
    }
}

#[test]
fn too_many_sources_and_none_is_forgotten() {
    let master = key(CM, 1);
    let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
    let most = u32::try_from(SOURCES_MAX).unwrap();
    let sent: Vec<_> = (0..most).map(|source| protect(&mut sender, &rtp(source, 1, b"")).unwrap()).collect();
    let reports: Vec<_> =
        (0..=most).map(|source| protect_rtcp(&mut sender, &rtcp(source, b"")).unwrap()).collect();
    assert_eq!(protect(&mut sender, &rtp(most, 1, b"")), Err(Refusal::TooManySources));
    // Forgers use up no places.
    for source in 1_000..2_000 {
        assert_eq!(unprotect(&mut receiver, &rtp(source, 1, &[0; 20])), Err(Refusal::Forged));
        assert_eq!(unprotect_rtcp(&mut receiver, &rtcp(source, &[0; 20])), Err(Refusal::Forged));
    }
    assert!(sent.iter().all(|packet| unprotect(&mut receiver, packet).is_ok()));
    assert!(sent.iter().all(|packet| unprotect(&mut receiver, packet) == Err(Refusal::Replayed)));
    let more = protect(&mut Sender::new(&master), &rtp(most, 1, b"")).unwrap();
    assert_eq!(unprotect(&mut receiver, &more), Err(Refusal::TooManySources));
    let (last, reports) = reports.split_last().unwrap();
    assert!(reports.iter().all(|packet| unprotect_rtcp(&mut receiver, packet).is_ok()));
    assert_eq!(unprotect_rtcp(&mut receiver, last), Err(Refusal::TooManySources));
}

#[test]
fn key_exhausted_when_all_numbers_are_used() {
    let master = key(CM, 1);
    let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master));
    sender.put(1, 0xffff_ffff_fffe, (1 << 31) - 1);
    receiver.put(1, 0xffff_ffff_fffe);
    let last = protect(&mut sender, &rtp(1, 0xffff, b"last")).unwrap();
    assert_eq!(protect(&mut sender, &rtp(1, 0, b"more")), Err(Refusal::KeyExhausted));
    assert!(unprotect(&mut receiver, &last).is_ok());
    assert_eq!(unprotect(&mut receiver, &rtp(1, 0, &[0; 20])), Err(Refusal::KeyExhausted));
    let last = protect_rtcp(&mut sender, &rtcp(1, b"last")).unwrap();
    assert!(unprotect_rtcp(&mut receiver, &last).is_ok());
    assert_eq!(protect_rtcp(&mut sender, &rtcp(1, b"more")), Err(Refusal::KeyExhausted));
}

#[test]
fn key_exhausted_after_its_lifetime_and_a_new_key_goes_on() {
    let mut old = key(CM, 1);
    old.lifetime = Some(3);
    let (mut sender, mut receiver) = (Sender::new(&old), Receiver::new(&old));
    let packet = |number: u16| rtp(1, number, b"payload");
    for number in [0xfffe, 0xffff, 0] {
        let sealed = protect(&mut sender, &packet(number)).unwrap();
        assert!(unprotect(&mut receiver, &sealed).is_ok());
        let sealed = protect_rtcp(&mut sender, &rtcp(1, b"")).unwrap();
        assert!(unprotect_rtcp(&mut receiver, &sealed).is_ok());
    }
    assert_eq!(protect(&mut sender, &packet(1)), Err(Refusal::KeyExhausted));
    assert_eq!(protect_rtcp(&mut sender, &rtcp(1, b"")), Err(Refusal::KeyExhausted));

    // The rollover counter is 1 by now, and stays.
    let mut new = key(Suite::AeadAes256Gcm, 2);
    new.lifetime = Some(1);
    sender.rekey(&old);
    assert_eq!(protect(&mut sender, &packet(1)), Err(Refusal::KeyExhausted), "the same key is no new one");
    sender.rekey(&new);
    assert_eq!(protect(&mut sender, &packet(0)), Err(Refusal::Replayed));
    let sealed = protect(&mut sender, &packet(1)).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Forged));
    receiver.rekey(&new);
    assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet(1)));
    let sealed = protect_rtcp(&mut sender, &rtcp(1, b"")).unwrap();
    assert_eq!(sealed[sealed.len() - 4..], [0x80, 0, 0, 3]);
    assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(rtcp(1, b"")));
    assert_eq!(protect(&mut sender, &packet(2)), Err(Refusal::KeyExhausted));
    assert_eq!(protect_rtcp(&mut sender, &rtcp(1, b"")), Err(Refusal::KeyExhausted));
}
