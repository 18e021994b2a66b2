//! Answers that are known: from the RFCs, and from libsrtp.

use super::*;
use crate::core::srtp::{
    derive::{Deriver, Label},
    transform::{Packet, Transform},
};
use aws_lc_rs::hmac;

/// RFC 3711 appendix B.3 and RFC 6188 §7.2: a key, a salt and an authentication key from one master key.
#[test]
fn keys_are_derived() {
    let table = [
        (
            master(Suite::AesCm128HmacSha1_80, LIBSRTP),
            "C61E7A93744F39EE10734AFE3FF7A087",
            "30CBBC08863D8C85D49DB34A9AE1",
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF722\
             70986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DB\
             DFB2DC68",
        ),
        (
            master(Suite::AesCm256HmacSha1_80, LIBSRTP_256),
            "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
            "fa31791685ca444a9e07c6c64e93",
            "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
        ),
    ];
    for (master, key, salt, auth) in table {
        let deriver = Deriver::new(&master);
        for (label, known) in [(Label::RtpKey, key), (Label::RtpSalt, salt), (Label::RtpAuth, auth)] {
            let known = hex(known);
            let mut derived = vec![0xee; known.len()];
            deriver.fill(label, &mut derived);
            assert_eq!(derived, known, "{label:?}");
        }
    }
}

/// What no vector has: a rollover counter that is not zero, and RTCP that is only authenticated.
#[test]
fn tags_by_hand() {
    let master = master(Suite::AesCm128HmacSha1_80, LIBSRTP);
    let tag = |label: Label, bytes: &[u8], number: u32| {
        let mut auth = [0; 20];
        Deriver::new(&master).fill(label, &mut auth);
        let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth);
        hmac::sign(&auth, &[bytes, &number.to_be_bytes()].concat()).as_ref()[..10].to_vec()
    };
    let mut sender = Sender::new(&master);
    sender.put(1, 0x0102_0304_fffe, 0);
    let sealed = protect(&mut sender, &rtp(1, 5, b"payload")).unwrap();
    let (signed, sent) = sealed.split_at(sealed.len() - 10);
    assert_eq!(sent, tag(Label::RtpAuth, signed, 0x0102_0305));

    let plain = rtcp(1, b"in the clear");
    let word = 77_u32;
    let sealed = [&plain[..], &word.to_be_bytes(), &tag(Label::RtcpAuth, &plain, word)].concat();
    let mut receiver = Receiver::new(&master);
    assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(plain));
    assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Err(Refusal::Replayed));
}

/// RFC 3711 appendix B.2, RFC 6188 §7.1: what zeros are encrypted to is the keystream.
#[test]
fn the_keystream_of_counter_mode() {
    let table: [(&str, &[(usize, &str)]); 2] = [
        (
            "2B7E151628AED2A6ABF7158809CF4F3C",
            &[
                (
                    0,
                    "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0",
                ),
                (
                    0xfeff,
                    "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44",
                ),
            ],
        ),
        (
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            &[(
                0,
                "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31",
            )],
        ),
    ];
    for (key, known) in table {
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
        let transform = Transform::counter(&hex(key), &salt, &[0; 20], 10);
        let end = 0xff02 * 16;
        let mut bytes = vec![0; end + 10];
        let packet = Packet { clear: 0, end, source: 0, index: 0, word: None };
        assert_eq!(transform.seal(&mut bytes, &packet, None), Ok(end + 10));
        // The source and the number are added to the salt where RFC 3711 §4.1.1 shows them.
        let mut salt = salt.clone();
        let packet = Packet { source: 0x0102_0304, index: 0x0506_0708_090a, ..packet };
        salt[4..].iter_mut().zip(1..).for_each(|(byte, added)| *byte ^= added);
        let mut same = vec![0; end + 10];
        let transform = Transform::counter(&hex(key), &salt, &[0; 20], 10);
        assert_eq!(transform.seal(&mut same, &packet, None), Ok(end + 10));
        assert_eq!(same[..end], bytes[..end]);
        for (block, known) in known {
            assert_eq!(bytes[block * 16..][..48], hex(known), "{block:x}");
        }
    }
}

const LIBSRTP: &str = "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6";
const LIBSRTP_256: &str =
    "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2";
const LIBSRTP_GCM: &str = "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab";
/// The longer key with which rtpengine checks itself against the same packets.
const RTPENGINE_256: &str =
    "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6c173 c317f2dabe357793b6960b3aabe6";

/// libsrtp `test/srtp_driver.c`, rtpengine `t/aes-crypt.c`: from a master key to a packet.
#[test]
fn packets_of_libsrtp() {
    let plain = "800f1234 decafbad cafebabe abababab abababab abababab abababab";
    let table = [
        (
            Suite::AesCm128HmacSha1_80,
            LIBSRTP,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            Suite::AesCm128HmacSha1_32,
            LIBSRTP,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            LIBSRTP_256,
            "800f1234decafbadcafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            RTPENGINE_256,
            "800f1234decafbadcafebabe 0098219f7ebdba1c3d22f4936f1eac99 06f6b227c84961a7b428",
        ),
        (
            Suite::AeadAes128Gcm,
            LIBSRTP_GCM,
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
        ),
    ];
    for (suite, key, protected) in table {
        let master = master(suite, key);
        let (plain, protected) = (hex(plain), hex(protected));
        assert_eq!(protect(&mut Sender::new(&master), &plain).unwrap(), protected, "{suite:?}");
        assert_eq!(unprotect(&mut Receiver::new(&master), &protected).unwrap(), plain, "{suite:?}");
    }
}

/// The same for RTCP. libsrtp counts from 1, so that is our second packet.
#[test]
fn rtcp_packets_of_libsrtp() {
    let plain = "81c8000b cafebabe abababab abababab abababab abababab";
    let table = [
        (
            Suite::AesCm128HmacSha1_80,
            LIBSRTP,
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            // The short tag is for RTP alone.
            Suite::AesCm128HmacSha1_32,
            LIBSRTP,
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            RTPENGINE_256,
            "81c8000bcafebabe 0a865d339e31269359 2387d45b99a557 80000001 84f3b4f2b595615af9b5",
        ),
        (
            Suite::AeadAes128Gcm,
            LIBSRTP_GCM,
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ];
    for (suite, key, protected) in table {
        let master = master(suite, key);
        let (plain, protected) = (hex(plain), hex(protected));
        let mut sender = Sender::new(&master);
        let first = protect_rtcp(&mut sender, &plain).unwrap();
        assert_eq!(protect_rtcp(&mut sender, &plain).unwrap(), protected, "{suite:?}");
        let mut receiver = Receiver::new(&master);
        assert_eq!(unprotect_rtcp(&mut receiver, &protected).unwrap(), plain, "{suite:?}");
        assert_eq!(unprotect_rtcp(&mut receiver, &first).unwrap(), plain, "{suite:?}");
    }
}

const GCM_SALT: &str = "517569642070726f2071756f";
const GCM_KEYS: [&str; 2] =
    ["000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"];

/// RFC 7714 §16: RTP with the keys of a session, 128 and 256 bits.
#[test]
fn packets_of_rfc_7714() {
    let header = "8040f17b 8041f8d3 5501a0b2";
    let text = "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
    let sealed = [
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
         899d7f27beb16a9152cf765ee4390cce",
        "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
         7aa3db36dfffd6b0f9bb7878d7a76c13",
    ];
    for (key, sealed) in GCM_KEYS.iter().zip(sealed) {
        let transform = Transform::gcm(&hex(key), &hex(GCM_SALT));
        let (plain, sealed) = (hex(&format!("{header}{text}")), hex(&format!("{header}{sealed}")));
        let end = plain.len();
        let packet = Packet { clear: 12, end, source: 0x5501_a0b2, index: 0xf17b, word: None };
        let mut bytes = plain.clone();
        bytes.resize(end + 16, 0);
        assert_eq!(transform.seal(&mut bytes, &packet, None), Ok(end + 16));
        assert_eq!(bytes, sealed);
        assert_eq!(transform.open(&mut bytes, &packet, None), Ok(()));
        assert_eq!(bytes[..end], plain);
    }
}

/// RFC 7714 §17: RTCP, encrypted, and with the E flag unset only authenticated.
#[test]
fn rtcp_packets_of_rfc_7714() {
    let header = "81c8000d 4d617273";
    let text = "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    // Text and tag when encrypted, and the tag when not.
    let sealed = [
        (
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
             c84aa45896cf4d2fc5abf87245d9eade",
            "841dd9683dd78ec92ae58790125f62b3",
        ),
        (
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad\
             1d1eb30c4446839f57ff6f6cb26ac3be",
            "91db4afbfeee5a978fab4393ed2615fe",
        ),
    ];
    for (key, (sealed, tag)) in GCM_KEYS.iter().zip(sealed) {
        let transform = Transform::gcm(&hex(key), &hex(GCM_SALT));
        let plain = hex(&format!("{header}{text}"));
        let end = plain.len();
        let packet = |word| Packet { clear: 8, end, source: 0x4d61_7273, index: 0x5d4, word: Some(word) };
        let encrypted = hex(&format!("{header}{sealed}800005d4"));
        let mut bytes = plain.clone();
        bytes.resize(end + 20, 0);
        assert_eq!(transform.seal(&mut bytes, &packet(0x8000_05d4), None), Ok(end + 20));
        assert_eq!(bytes, encrypted);
        let authenticated = hex(&format!("{header}{text}{tag}000005d4"));
        for (mut bytes, word) in [(encrypted, 0x8000_05d4), (authenticated, 0x5d4)] {
            assert_eq!(transform.word(&bytes, end, None), word);
            let mut forged = bytes.clone();
            forged[20] ^= 1;
            assert_eq!(transform.open(&mut forged, &packet(word), None), Err(Refusal::Forged));
            assert_eq!(transform.open(&mut bytes, &packet(word), None), Ok(()));
            assert_eq!(bytes[..end], plain);
        }
    }
}
