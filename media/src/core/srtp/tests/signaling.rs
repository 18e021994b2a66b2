//! Crypto lines as they are offered and answered.

use super::*;
use proptest::{prelude::*, sample::select};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn parse(value: &str) -> Result<Crypto, Unusable> {
    value.parse()
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        tag in 0..=999_999_999_u32,
        suite in select(&Suite::ALL[..]),
        chance in any::<[[u8; 23]; 2]>(),
        lifetime in prop::option::of(prop_oneof![1..=1_u64 << 48, (0..=48_u32).prop_map(|power| 1 << power)]),
        mki in prop::option::of((any::<u64>(), 1..=128_u8)),
    ) {
        let chance: Chance = chance.concat().try_into().unwrap();
        let lifetime = lifetime.map_or(String::new(), |packets| format!("|{packets}"));
        let mki = mki.filter(|(value, bytes)| Mki::new(*value, *bytes).is_some());
        let mki = mki.map_or(String::new(), |(value, bytes)| format!("|{value}:{bytes}"));
        let bare = Crypto::new(tag, suite, &chance);
        prop_assert_eq!(bare.to_string().parse(), Ok(bare.clone()));
        let full: Crypto = format!("{bare}{lifetime}{mki}").parse().unwrap();
        prop_assert_eq!(full.to_string().parse(), Ok(full));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", tail in "[|:;=0-9A-Z_ ^-]{0,30}") {
        let _ = parse(&text);
        let _ = parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{tail}"));
    }
}

#[test]
fn a_line_of_rfc_4568_is_read_and_written() {
    let crypto = parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 WSH=128 -MINE=x")).unwrap();
    assert_eq!((crypto.tag(), crypto.suite()), (1, Suite::AesCm128HmacSha1_80));
    assert_eq!(crypto.master().lifetime, Some(1 << 20));
    assert_eq!(crypto.master().mki, Mki::new(1, 4));
    let wanted = "YS___semctl () {\t220;}\n}\nunles";
    let mut master = master(
        Suite::AesCm128HmacSha1_80,
        &wanted.bytes().map(|byte| format!("{byte:02x}")).collect::<String>(),
    );
    (master.lifetime, master.mki) = (Some(1 << 20), Mki::new(1, 4));
    assert_eq!(crypto.master(), &master);
    assert_eq!(crypto.to_string(), format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"));
    // Names of either case, spaces as they come, an MKI without a lifetime.
    let crypto = parse(&format!("  7\taes_cm_128_hmac_sha1_32   INLINE:{KEY}|5:1  KDR=0 ")).unwrap();
    assert_eq!(crypto.to_string(), format!("7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|5:1"));
}

#[test]
fn padding_is_written_and_may_be_absent() {
    for suite in [Suite::AeadAes128Gcm, Suite::AeadAes256Gcm, Suite::AesCm256HmacSha1_80] {
        let crypto = Crypto::new(1, suite, &[0xa5; MASTER_MAX]);
        let line = crypto.to_string();
        assert!(line.ends_with('='), "{line}");
        assert_eq!(parse(line.trim_end_matches('=')), Ok(crypto));
    }
}

#[test]
fn each_reason_to_refuse_a_line() {
    let lines = [
        ("", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80", Unusable::Malformed),
        ("x AES_CM_128_HMAC_SHA1_80 inline:$", Unusable::Malformed),
        ("+1 AES_CM_128_HMAC_SHA1_80 inline:$", Unusable::Malformed),
        ("1000000000 AES_CM_128_HMAC_SHA1_80 inline:$", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 $", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 outline:KEY", Unusable::Malformed),
        ("1 F8_128_HMAC_SHA1_80 inline:$", Unusable::UnknownSuite),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$$", Unusable::WrongKey),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:", Unusable::WrongKey),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:*$", Unusable::WrongKey),
        ("1 AEAD_AES_128_GCM inline:$", Unusable::WrongKey),
        ("1 AES_256_CM_HMAC_SHA1_80 inline:$", Unusable::WrongKey),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|1:4;inline:$|2:4", Unusable::SeveralKeys),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|0", Unusable::Lifetime),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|2^49", Unusable::Lifetime),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|2^64", Unusable::Lifetime),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|2^99999999999", Unusable::Lifetime),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|3^2", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|2^20|2^20", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|1:4|2^20", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|1:4|2:4", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|1:0", Unusable::Mki),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|1:129", Unusable::Mki),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|256:1", Unusable::Mki),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$|:", Unusable::Mki),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ KDR=1", Unusable::KeyDerivationRate),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ KDR", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ WSH=63", Unusable::Malformed),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ UNENCRYPTED_SRTP", Unusable::Unencrypted),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ WSH=64 UNENCRYPTED_SRTCP", Unusable::Unencrypted),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ UNAUTHENTICATED_SRTP", Unusable::Unauthenticated),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ FEC_ORDER=FEC_SRTP", Unusable::ForwardErrorCorrection),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ FEC_KEY=inline:$", Unusable::ForwardErrorCorrection),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ NEWS=1", Unusable::UnknownParameter),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:$ -", Unusable::UnknownParameter),
    ];
    for (line, reason) in lines {
        assert_eq!(parse(&line.replace('$', KEY)), Err(reason), "{line}");
    }
}

#[test]
fn the_offerers_first_choice_that_is_allowed_is_taken() {
    let gcm = Crypto::new(3, Suite::AeadAes128Gcm, &[3; MASTER_MAX]).to_string();
    let cm = Crypto::new(2, Suite::AesCm128HmacSha1_80, &[2; MASTER_MAX]).to_string();
    let unknown = format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}");
    let plain = format!("4 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP");
    let chosen = |lines: &[&String], allowed: &[Suite]| {
        choose(lines.iter().map(|line| line.as_str()), allowed).map(|crypto| crypto.tag())
    };
    assert_eq!(chosen(&[&unknown, &cm, &gcm], &Suite::ALL), Ok(2));
    assert_eq!(chosen(&[&unknown, &cm, &gcm], &[Suite::AeadAes128Gcm]), Ok(3));
    assert_eq!(chosen(&[&plain, &gcm], &Suite::ALL), Ok(3));
    assert_eq!(chosen(&[&unknown], &Suite::ALL), Err(Unusable::UnknownSuite));
    assert_eq!(chosen(&[&plain, &unknown], &Suite::ALL), Err(Unusable::Unencrypted));
    assert_eq!(chosen(&[&gcm, &unknown], &[Suite::AesCm128HmacSha1_80]), Err(Unusable::SuiteNotAllowed));
    assert_eq!(chosen(&[], &Suite::ALL), Err(Unusable::Absent));
}

#[test]
fn an_offer_and_its_answer_make_two_ways_to_talk() {
    let offered: Vec<Crypto> =
        (1..).zip(Suite::ALL).map(|(tag, suite)| Crypto::new(tag, suite, &[1; MASTER_MAX])).collect();
    let lines: Vec<String> = offered.iter().map(Crypto::to_string).collect();
    let theirs = choose(lines.iter().map(String::as_str), &[Suite::AesCm128HmacSha1_32]).unwrap();
    let answer = theirs.answer(&[2; MASTER_MAX]);
    let (ours, back) = agreed(&offered, &answer.to_string()).unwrap();
    assert_eq!((ours, &back), (&theirs, &answer));
    assert_ne!(ours.master(), back.master());
    let plain = rtp(1, 1, b"hello");
    let sealed = protect(&mut Sender::new(back.master()), &plain).unwrap();
    assert_eq!(unprotect(&mut Receiver::new(answer.master()), &sealed), Ok(plain));

    let other_tag = Crypto::new(99, answer.suite(), &[2; MASTER_MAX]).to_string();
    assert_eq!(agreed(&offered, &other_tag), Err(Unusable::NotOffered));
    let other_suite = Crypto::new(answer.tag(), Suite::AeadAes256Gcm, &[2; MASTER_MAX]).to_string();
    assert_eq!(agreed(&offered, &other_suite), Err(Unusable::NotOffered));
    assert_eq!(agreed(&offered, "nonsense"), Err(Unusable::Malformed));
}
