//! What the phones agree on about their voices, in virtual time.

use super::{PhoneEvent, tests::*};
use crate::media::{LegName, Order};

/// What a phone told its leg, in short.
fn told(scene: &Scene, port: u16) -> Vec<String> {
    let own = scene.voice.iter().filter(|(owner, _)| *owner == port);
    own.map(|(_, order)| match order {
        Order::Speak { name: LegName { side, .. }, remote, speaking } => {
            format!("{side:?} speak {} {speaking}", remote.rtp)
        }
        Order::Listen => "listen".into(),
        Order::Redirect { remote, speaking } => format!("redirect {} {speaking}", remote.rtp),
        Order::Stop => "stop".into(),
    })
    .collect()
}

#[test]
fn both_ends_speak_to_where_the_other_said() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, through_proxies);
    assert_eq!(told(&scene, ALICE_PORT), ["Caller speak 127.20.0.100:20000 true", "listen", "stop"]);
    assert_eq!(told(&scene, BOB_PORT), ["Callee speak 127.17.0.100:10000 true", "listen", "stop"]);
    let names = scene.voice.iter().filter_map(|(_, order)| match order {
        Order::Speak { name, .. } => Some(name.call_id.clone()),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    assert_eq!(names[0], names[1], "one call");
}

#[test]
fn a_relay_in_the_description_is_believed_early_and_late() {
    let relay = |text: &str, port: u16| {
        let text = text.replace(&format!("m=audio {port} "), "m=audio 30000 ");
        text.replace("c=IN IP4 127.20.0.100", "c=IN IP4 127.17.0.1")
            .replace("c=IN IP4 127.17.0.100", "c=IN IP4 127.20.0.1")
    };
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, |text, to| {
        let port = if text.starts_with("SIP/2.0") { BOB_PORT } else { ALICE_PORT };
        Some(relay(&through_proxies(text, to)?, port))
    });
    assert_eq!(told(&scene, ALICE_PORT)[0], "Caller speak 127.17.0.1:30000 true");
    assert_eq!(told(&scene, BOB_PORT)[0], "Callee speak 127.20.0.1:30000 true");

    // The answer comes with the 180, and the 200 has none.
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, |text, to| {
        let text = through_proxies(text, to)?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let early = "v=0\r\nc=IN IP4 127.17.0.1\r\nm=audio 31000 RTP/AVP 0\r\n";
        let body = match () {
            () if head.starts_with("SIP/2.0 180") => early,
            () if head.starts_with("SIP/2.0 200") => "",
            () => body,
        };
        Some(format!("{}\r\n\r\n{body}", resized(head, body.len())))
    });
    assert_eq!(told(&scene, ALICE_PORT)[0], "Caller speak 127.17.0.1:31000 true");
}

/// A head with another Content-Length.
fn resized(head: &str, length: usize) -> String {
    let lines = head.split("\r\n").filter(|line| !line.starts_with("Content-Length"));
    lines.chain([&*format!("Content-Length: {length}")]).collect::<Vec<_>>().join("\r\n")
}

/// A request inside the dialog from the other end to Alice (the caller) or to Bob (the callee).
fn inside(scene: &Scene, method: &str, cseq: u32, to_alice: bool, body: &str) -> String {
    let invite = scene.messages.iter().find(|text| text.starts_with("INVITE")).unwrap();
    let ok = scene
        .messages
        .iter()
        .find(|text| text.starts_with("SIP/2.0 200") && text.contains("INVITE"))
        .unwrap();
    let header = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let (alice, bob) = (header(invite, "From"), header(ok, "To"));
    let (from, to, at) = if to_alice { (bob, alice, "127.17.0.100") } else { (alice, bob, "127.20.0.100") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{at} SIP/2.0\r\nVia: SIP/2.0/UDP 127.17.0.1;branch=z9hG4bK-{cseq}-{method}\r\nFrom: {from}\r\n\
         To: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:127.9.9.9>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        header(invite, "Call-ID"),
        body.len()
    )
}

const HOLD: &str = "v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nc=IN IP4 127.9.9.9\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\na=sendonly\r\n";

/// A call that is up.
fn talking() -> Scene {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(1, through_proxies);
    scene
}

impl Scene {
    /// Hands a message to a phone and gives its answers.
    fn hand(&mut self, to_alice: bool, text: &str) -> Vec<String> {
        let now = self.now;
        let phone = if to_alice { &mut self.alice } else { &mut self.bob };
        phone.handle(now, text.as_bytes(), address(PROXY));
        let mut answers = vec![];
        self.settle(&mut |text, _| {
            answers.push(text.to_owned());
            None
        });
        answers
    }
}

#[test]
fn hold_and_resume_are_answered_at_either_end() {
    for (to_alice, port) in [(true, ALICE_PORT), (false, BOB_PORT)] {
        let mut scene = talking();
        let before = told(&scene, port).len();
        let hold = inside(&scene, "INVITE", 10, to_alice, HOLD);
        let answers = scene.hand(to_alice, &hold);
        let [answer] = &*answers else { panic!("{answers:?}") };
        assert!(answer.starts_with("SIP/2.0 200 OK") && answer.contains("Contact: <sip:127."), "{answer}");
        assert!(answer.contains("a=recvonly") && answer.contains(&format!("m=audio {port} ")), "{answer}");
        assert_eq!(scene.hand(to_alice, &hold), answers, "a copy of it gets the same");
        assert!(scene.hand(to_alice, &inside(&scene, "ACK", 10, to_alice, "")).is_empty());

        let resume = inside(&scene, "INVITE", 11, to_alice, &HOLD.replace("sendonly", "sendrecv"));
        let answers = scene.hand(to_alice, &resume);
        assert!(answers[0].contains("a=sendrecv"), "{answers:?}");
        let version = |text: &str| {
            text.lines().find(|line| line.starts_with("o=")).unwrap().split(' ').nth(2).unwrap().to_owned()
        };
        assert_ne!(version(&answers[0]), version(answer), "another description, another version");
        scene.hand(to_alice, &inside(&scene, "ACK", 11, to_alice, ""));
        assert_eq!(
            told(&scene, port)[before..],
            ["redirect 127.9.9.9:9000 false", "redirect 127.9.9.9:9000 true"]
        );

        let old = inside(&scene, "INVITE", 9, to_alice, HOLD);
        assert!(
            scene.hand(to_alice, &old)[0].starts_with("SIP/2.0 500"),
            "sent before another that is known"
        );
        let foreign = inside(&scene, "INVITE", 12, to_alice, &HOLD.replace("AVP 0", "AVP 8"));
        assert!(scene.hand(to_alice, &foreign)[0].starts_with("SIP/2.0 488"));
        assert_eq!(told(&scene, port).len(), before + 2, "what is refused changes nothing");
        let asked =
            |event: &&PhoneEvent| matches!(event, PhoneEvent::Asked { method, .. } if method == "INVITE");
        assert_eq!(scene.events.iter().filter(asked).count(), 5, "each of them is counted, its ACK is not");
    }
}

#[test]
fn the_answer_to_a_re_invite_is_repeated_until_its_ack_comes() {
    let mut scene = talking();
    let hold = inside(&scene, "INVITE", 10, false, HOLD);
    scene.hand(false, &hold);
    let before = scene.sent("SIP/2.0 200");
    scene.play(4, |_, _| None);
    assert!(scene.sent("SIP/2.0 200") >= before + 2, "at 0.5 and 1.5 s");
    scene.hand(false, &inside(&scene, "ACK", 10, false, ""));
    let before = scene.sent("SIP/2.0 200");
    scene.play(8, |_, _| None);
    assert_eq!(scene.sent("SIP/2.0 200"), before);
}

#[test]
fn an_offer_that_comes_late_is_answered_in_the_ack() {
    let mut scene = talking();
    let before = told(&scene, BOB_PORT).len();
    let answers = scene.hand(false, &inside(&scene, "INVITE", 10, false, ""));
    assert!(answers[0].contains("a=sendrecv"), "{answers:?}");
    assert_eq!(told(&scene, BOB_PORT).len(), before, "nothing is agreed yet");
    scene.hand(false, &inside(&scene, "ACK", 10, false, HOLD));
    assert_eq!(told(&scene, BOB_PORT)[before..], ["redirect 127.9.9.9:9000 false"]);
}

#[test]
fn an_invite_without_an_offer_gets_one_and_the_ack_agrees_to_it() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, |text, to| {
        let text = through_proxies(text, to)?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let body = match () {
            () if head.starts_with("INVITE") => "",
            () if head.starts_with("ACK") => HOLD,
            () => body,
        };
        Some(format!("{}\r\n\r\n{body}", resized(head, body.len())))
    });
    assert_eq!(told(&scene, BOB_PORT), ["Callee speak 127.9.9.9:9000 false", "listen", "stop"]);
}

#[test]
fn an_offer_that_nobody_can_speak_is_refused() {
    let mut scene = Scene::new(&[PROXY]);
    scene.call();
    scene.play(60, |text, to| Some(through_proxies(text, to)?.replace("RTP/AVP 0 101", "RTP/AVP 8 101")));
    assert_eq!(scene.sent("SIP/2.0 488"), 1);
    assert_eq!(told(&scene, BOB_PORT), ["stop"]);
    assert_eq!(told(&scene, ALICE_PORT), ["stop"], "and its port is given back");
}

#[test]
fn the_callee_may_hang_up() {
    let mut scene = talking();
    let answers = scene.hand(true, &inside(&scene, "BYE", 10, true, ""));
    assert!(answers[0].starts_with("SIP/2.0 200"), "{answers:?}");
    assert!(scene.report().is_good());
    assert_eq!(told(&scene, ALICE_PORT).last().unwrap(), "stop");
    assert_eq!(scene.sent("BYE"), 0);
}

#[test]
fn a_call_is_hung_up_by_order() {
    let mut scene = Scene::new(&[PROXY]);
    let call_id = scene.call();
    // Before the answer: then as soon as it comes.
    scene.alice.hang_up(scene.now, &call_id);
    scene.play(1, through_proxies);
    assert!(scene.report().is_good());
    let mut scene = talking();
    let call_id = match scene.voice.first() {
        Some((_, Order::Speak { name, .. })) => name.call_id.clone(),
        other => panic!("{other:?}"),
    };
    scene.alice.hang_up(scene.now, &call_id);
    scene.play(2, through_proxies);
    assert!(scene.report().is_good(), "long before its three seconds are over");
}
