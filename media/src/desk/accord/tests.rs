//! Offers and answers between a caller and a called one, as the desk keeps their terms.

use super::*;
use ringway_sip::sdp::{Description, Limits};

/// The example of RFC 4568 §5.1.
const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4";
const OTHER: &str = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4";
const GCM: &str = "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";

/// What was kept with the two, and a chance that is never the same.
#[derive(Default)]
struct Table {
    caller: Terms,
    called: Terms,
    drawn: u8,
}

impl Table {
    fn offer(&mut self, profile: Profile, lines: &[String], wishes: &Wishes) -> Result<Accord, String> {
        self.take(true, profile, lines, wishes)
    }

    fn answer(&mut self, profile: Profile, lines: &[String], wishes: &Wishes) -> Result<Accord, String> {
        self.take(false, profile, lines, wishes)
    }

    fn take(
        &mut self,
        offers: bool,
        profile: Profile,
        lines: &[String],
        wishes: &Wishes,
    ) -> Result<Accord, String> {
        let drawn = &mut self.drawn;
        let chance = || {
            *drawn += 1;
            [*drawn; 46]
        };
        let said = Said { profile, off: false, lines };
        let (caller, called) = (self.caller.clone(), self.called.clone());
        let accord = if offers {
            Accord::of_offer(said, wishes, [caller, called], chance)
        } else {
            Accord::of_answer(said, wishes, [called, caller], chance)
        };
        let mut accord = accord.map_err(|undone| undone.to_string())?;
        let [from, to] = accord.take_terms();
        (self.caller, self.called) = if offers { (from, to) } else { (to, from) };
        Ok(accord)
    }
}

fn to(profile: Profile) -> Wishes {
    Wishes { transport: Transport::Profile(profile), ..Wishes::default() }
}

fn line(tag: u32, suite: Suite, key: &str) -> String {
    format!("{tag} {} {key}", suite.name())
}

fn lines(accord: &Accord) -> Vec<String> {
    accord.lines.iter().flatten().map(ToString::to_string).collect()
}

const CM: Suite = Suite::AesCm128HmacSha1_80;
const CM_32: Suite = Suite::AesCm128HmacSha1_32;

#[test]
fn plain_to_srtp_offers_every_suite_and_takes_the_line_that_is_answered() {
    let mut table = Table::default();
    let offered = table.offer(Profile::Avp, &[], &to(Profile::Savp)).unwrap();
    let ours = lines(&offered);
    assert_eq!(offered.profile, Profile::Savp);
    let suites: Vec<Suite> = ours.iter().map(|line| line.parse::<Crypto>().unwrap().suite()).collect();
    assert_eq!(suites, Suite::ALL);
    let again = table.offer(Profile::Avp, &[], &to(Profile::Savp)).unwrap();
    assert_eq!(lines(&again), ours, "the same again");

    let tag = offered.lines.iter().flatten().find(|line| line.suite() == CM).unwrap().tag();
    for _ in 0..2 {
        let answered = table.answer(Profile::Savp, &[line(tag, CM, KEY)], &Wishes::default()).unwrap();
        assert_eq!((answered.profile, lines(&answered)), (Profile::Avp, Vec::new()));
        let Keys { offerer, answerer } = answered.keys();
        assert!(offerer.inward.is_none() && offerer.outward.is_none(), "the caller is plain");
        let theirs: Crypto = line(tag, CM, KEY).parse().unwrap();
        assert_eq!(answerer.inward, Some(theirs.master()));
        let said = Crypto::with(tag, answerer.outward.unwrap().clone()).to_string();
        assert!(ours.contains(&said), "what it gets has the key that it was offered");
    }
    assert_eq!(table.called.agreed, Some(CM));
    for (wrong, why) in [
        (vec![], "SRTP: no crypto line"),
        (vec![line(tag, CM_32, KEY)], "SRTP: not offered"),
        (vec![line(77, CM, KEY)], "SRTP: not offered"),
        (vec!["1 ROT_13 inline:AA".to_owned()], "SRTP: unknown suite"),
    ] {
        let refused = table.answer(Profile::Savp, &wrong, &Wishes::default());
        assert_eq!(refused.unwrap_err(), why, "{wrong:?}");
    }
}

#[test]
fn srtp_to_plain_answers_the_favorite_with_its_tag_and_one_key() {
    let mut table = Table::default();
    let came = [line(3, CM_32, KEY), line(9, CM, OTHER)];
    let offered = table.offer(Profile::Savpf, &came, &to(Profile::Avp)).unwrap();
    assert_eq!((offered.profile, offered.lines), (Profile::Avp, Some(Vec::new())));
    let answered = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    assert_eq!(answered.profile, Profile::Savpf, "as it was offered");
    let ours = lines(&answered);
    assert!(ours.len() == 1 && ours[0].starts_with("3 AES_CM_128_HMAC_SHA1_32 inline:"), "{ours:?}");
    let theirs: Crypto = came[0].parse().unwrap();
    let keys = answered.keys();
    assert_eq!(keys.offerer.inward, Some(theirs.master()));
    let said = Crypto::with(3, keys.offerer.outward.unwrap().clone()).to_string();
    assert_eq!(said, ours[0]);
    assert!(keys.answerer.inward.is_none() && keys.answerer.outward.is_none());
    let again = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    assert_eq!(lines(&again), ours, "the same again");

    // A new key of theirs; ours goes on.
    table.offer(Profile::Savpf, &[line(3, CM_32, OTHER)], &Wishes::default()).unwrap();
    let rekeyed = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    let theirs: Crypto = line(3, CM_32, OTHER).parse().unwrap();
    assert_eq!((rekeyed.keys().offerer.inward, lines(&rekeyed)), (Some(theirs.master()), ours.clone()));

    // To RTP and back: the key that was given up does not come again.
    table.offer(Profile::Avp, &[], &to(Profile::Avp)).unwrap();
    let plain = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    assert!(plain.keys().offerer.inward.is_none() && plain.profile == Profile::Avp);
    table.offer(Profile::Savpf, &came, &to(Profile::Avp)).unwrap();
    let back = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    assert!(lines(&back)[0].starts_with("3 ") && lines(&back) != ours, "a key of its own");
}

#[test]
fn keys_pass_between_two_that_speak_srtp_unless_other_suites_are_wanted() {
    let mut table = Table::default();
    let came = [line(1, CM, KEY)];
    for wishes in [Wishes::default(), to(Profile::Savp)] {
        let offered = table.offer(Profile::Savp, &came, &wishes).unwrap();
        let answered = table.answer(Profile::Savp, &[line(1, CM, OTHER)], &wishes).unwrap();
        assert_eq!((offered.lines, &answered.lines), (None, &None));
        assert!(answered.keys().offerer.inward.is_none() && answered.keys().answerer.inward.is_none());
    }
    let only = Sdes { only: vec!["aead_aes_128_gcm".to_owned()], ..Sdes::default() };
    let wishes = Wishes { sdes: only, ..Wishes::default() };
    let offered = table.offer(Profile::Savp, &came, &wishes).unwrap();
    assert!(lines(&offered)[0].starts_with("1 AEAD_AES_128_GCM ") && lines(&offered).len() == 1);
    let answered = table.answer(Profile::Savp, &[line(1, Suite::AeadAes128Gcm, GCM)], &Wishes::default());
    let answered = answered.unwrap();
    assert!(lines(&answered)[0].starts_with("1 AES_CM_128_HMAC_SHA1_80 "));
    let Keys { offerer, answerer } = answered.keys();
    for key in [offerer.inward, offerer.outward, answerer.inward, answerer.outward] {
        assert!(key.is_some());
    }
    assert_ne!(offerer.inward, answerer.outward, "nothing passes unopened");
}

#[test]
fn wishes_choose_the_suites() {
    let names = |names: &[Suite]| names.iter().map(|suite| suite.name().to_owned()).collect::<Vec<_>>();
    let gcm = Suite::AeadAes256Gcm;
    for (sdes, expected) in [
        (Sdes { only: names(&[CM, CM_32]), ..Sdes::default() }, vec![CM, CM_32]),
        (Sdes { only: names(&[CM, CM_32]), order: names(&[CM_32]), ..Sdes::default() }, vec![CM_32, CM]),
        (Sdes { without: names(&Suite::ALL[1..]), ..Sdes::default() }, vec![gcm]),
        (Sdes { off: true, ..Sdes::default() }, vec![]),
        (Sdes { nonew: true, ..Sdes::default() }, vec![]),
        (Sdes { only: vec!["ROT_13".to_owned()], ..Sdes::default() }, vec![]),
    ] {
        let wishes = Wishes { sdes, ..to(Profile::Savp) };
        let offered = Table::default().offer(Profile::Avp, &[], &wishes);
        let suites =
            offered.map(|offered| offered.lines.iter().flatten().map(Crypto::suite).collect::<Vec<_>>());
        match expected.is_empty() {
            true => assert_eq!(suites.unwrap_err(), "Not supported: SRTP without a suite to offer"),
            false => assert_eq!(suites.unwrap(), expected),
        }
    }
    let sdes = Sdes { lifetime: true, only: names(&[CM]), ..Sdes::default() };
    let offered = Table::default().offer(Profile::Avp, &[], &Wishes { sdes, ..to(Profile::Savp) }).unwrap();
    assert!(lines(&offered)[0].ends_with("|2^31"));
}

#[test]
fn what_cannot_be_opened_is_not_bridged() {
    for (lines, why) in [
        (vec![], "SRTP: no crypto line"),
        (vec!["1 ROT_13 inline:AA".to_owned()], "SRTP: unknown suite"),
        (vec![format!("1 {} inline:AAAA", CM.name())], "SRTP: key of the wrong length"),
        (vec![format!("1 {} {KEY} UNENCRYPTED_SRTP", CM.name())], "SRTP: not encrypted"),
    ] {
        assert_eq!(Table::default().offer(Profile::Savp, &lines, &to(Profile::Avp)).unwrap_err(), why);
    }
    let mut table = Table::default();
    table.offer(Profile::Avp, &[], &Wishes::default()).unwrap();
    let refused = table.answer(Profile::Savp, &[line(1, CM, KEY)], &Wishes::default()).unwrap_err();
    assert_eq!(refused, "SRTP: not offered");
    let refused = table.answer(Profile::Avp, &[], &to(Profile::Savp)).unwrap_err();
    assert!(refused.starts_with("Not supported: SRTP in an answer"), "{refused}");
}

#[test]
fn a_receiver_keeps_its_profile_while_the_sender_keeps_its_own() {
    let mut table = Table::default();
    let [avp, avpf, savp] = [Profile::Avp, Profile::Avpf, Profile::Savp];
    for (came, wishes, goes) in [
        (avpf, to(avp), avp),
        (avpf, Wishes::default(), avp),
        (avp, Wishes::default(), avp),
        (avpf, Wishes::default(), avpf),
        (avpf, to(savp), savp),
        (avpf, Wishes::default(), savp),
    ] {
        assert_eq!(table.offer(came, &[], &wishes).unwrap().profile, goes, "{came:?} {wishes:?}");
    }
}

#[test]
fn avp_has_no_feedback_lines_and_plain_no_keys() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVPF 0\r\n\
        a=rtcp-fb:* nack\r\na=crypto:1 X inline:a\r\na=rtcp-rsize\r\na=sendrecv\r\n";
    let description = Description::parse(text, &Limits::default()).unwrap();
    let offered = Table::default().offer(Profile::Savpf, &[line(1, CM, KEY)], &to(Profile::Avp)).unwrap();
    let mut edit = description.edit();
    offered.write(&mut edit, 0);
    let written = String::from_utf8(edit.finish().to_vec()).unwrap();
    assert!(written.ends_with("m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"), "{written}");
}

#[test]
fn no_key_is_shown() {
    let mut table = Table::default();
    let offered = table.offer(Profile::Savp, &[line(1, CM, KEY)], &to(Profile::Avp)).unwrap();
    let answered = table.answer(Profile::Avp, &[], &Wishes::default()).unwrap();
    let shown = format!("{offered:?} {answered:?} {:?}", table.caller);
    assert!(!shown.contains("WVNf") && !shown.contains("[1, 1"), "{shown}");
}
