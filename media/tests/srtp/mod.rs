//! A phone that speaks SRTP (RFC 3711) with keys from SDP (RFC 4568), and one that does not, through the relay.

use super::*;
use ringway_media::core::srtp::{Crypto, MASTER_MAX, Receiver, Sender, Suite};

/// A phone, and its keys once they are agreed on.
struct Phone {
    socket: UdpSocket,
    keys: Option<(Sender, Receiver)>,
}

impl Phone {
    async fn new(world: &World) -> Self {
        Self { socket: world.phone().await, keys: None }
    }

    fn sdp(&self, profile: &str, lines: &[&Crypto]) -> String {
        let mut sdp = sdp(&self.socket).replace("RTP/AVP", profile) + "a=rtcp-mux\r\n";
        for line in lines {
            sdp += &format!("a=crypto:{line}\r\n");
        }
        sdp
    }

    /// It sends with its own line, and gets with the relay's.
    fn agree(&mut self, own: &Crypto, relays: &Crypto) {
        self.keys = Some((Sender::new(own.master()), Receiver::new(relays.master())));
    }

    async fn sends(&mut self, packet: &[u8], to: (Ipv4Addr, u16)) -> Vec<u8> {
        let mut bytes = [packet, &[0; 64]].concat();
        let length = match &mut self.keys {
            Some((sender, _)) if is_rtcp(packet) => sender.protect_rtcp(&mut bytes, packet.len()),
            Some((sender, _)) => sender.protect(&mut bytes, packet.len()),
            None => Ok(packet.len()),
        };
        bytes.truncate(length.expect("it can be sealed"));
        self.socket.send_to(&bytes, to).await.expect("sent");
        bytes
    }

    async fn hears(&mut self) -> Vec<u8> {
        let mut bytes = hears(&self.socket).await;
        let length = match &mut self.keys {
            Some((_, receiver)) if is_rtcp(&bytes) => receiver.unprotect_rtcp(&mut bytes),
            Some((_, receiver)) => receiver.unprotect(&mut bytes),
            None => Ok(bytes.len()),
        };
        bytes.truncate(length.expect("it opens"));
        bytes
    }
}

impl World {
    async fn describe(&mut self, command: &str, call: &str, sdp: &str, more: Value) -> Value {
        let mut order = json!({"command": command, "call-id": call, "from-tag": "a", "sdp": sdp});
        if command == "answer" {
            order["to-tag"] = "b".into();
        }
        let more = more.as_object().cloned().unwrap_or_default();
        order.as_object_mut().expect("a dictionary").extend(more);
        self.ask(order).await
    }
}

fn is_rtcp(packet: &[u8]) -> bool {
    (192..224).contains(&packet[1])
}

fn sender_report() -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 1, 2, 3, 4];
    packet.extend([9; 20]);
    packet
}

fn own_line(tag: u32, suite: Suite, byte: u8) -> Crypto {
    Crypto::new(tag, suite, &[byte; MASTER_MAX])
}

/// The relay's lines of keys.
fn lines(reply: &Value) -> Vec<Crypto> {
    let sdp = reply["sdp"].as_str().unwrap_or_else(|| panic!("no description: {reply}"));
    sdp.lines()
        .filter_map(|line| line.strip_prefix("a=crypto:"))
        .map(|line| line.parse().expect("a line"))
        .collect()
}

fn line_of(reply: &Value, suite: Suite) -> Crypto {
    lines(reply).into_iter().find(|line| line.suite() == suite).expect("every suite is offered")
}

fn profile(reply: &Value) -> &str {
    reply["sdp"].as_str().and_then(|sdp| sdp.split("m=audio ").nth(1)?.split(' ').nth(1)).unwrap_or_default()
}

/// Voice and RTCP, both ways.
async fn talk(world: &World, (one, at): (&mut Phone, u16), (other, there): (&mut Phone, u16), first: u16) {
    for sequence in first..first + 20 {
        one.sends(&rtp(sequence), (world.ip, at)).await;
        assert_eq!(other.hears().await, rtp(sequence));
        other.sends(&rtp(sequence + 7), (world.ip, there)).await;
        assert_eq!(one.hears().await, rtp(sequence + 7));
    }
    one.sends(&sender_report(), (world.ip, at)).await;
    assert_eq!(other.hears().await, sender_report());
    other.sends(&sender_report(), (world.ip, there)).await;
    assert_eq!(one.hears().await, sender_report());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_with_srtp_talks_to_one_without() {
    let mut world = World::start(4, "", "").await;
    let (mut anna, mut bert) = (Phone::new(&world).await, Phone::new(&world).await);
    let own = [own_line(4, Suite::AesCm128HmacSha1_80, 1), own_line(5, Suite::AesCm128HmacSha1_32, 2)];
    let sdp = anna.sdp("RTP/SAVP", &[&own[0], &own[1]]);
    let plain = json!({"transport-protocol": "RTP/AVP", "label": "caller"});
    let offered = world.describe("offer", "c", &sdp, plain.clone()).await;
    assert_eq!((profile(&offered), lines(&offered)), ("RTP/AVP", Vec::new()), "{offered}");
    assert_eq!(world.describe("offer", "c", &sdp, plain.clone()).await, offered, "the same again");
    let answer = bert.sdp("RTP/AVP", &[]);
    let answered = world.describe("answer", "c", &answer, json!({"label": "called"})).await;
    assert_eq!(profile(&answered), "RTP/SAVP");
    let [relays] = &lines(&answered)[..] else { panic!("one line of the offer is answered: {answered}") };
    assert_eq!((relays.tag(), relays.suite()), (own[0].tag(), own[0].suite()));
    assert_ne!(relays.master(), own[0].master());
    anna.agree(&own[0], relays);
    let (to_anna, to_bert) = (port(&answered), port(&offered));
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 1).await;
    // Offer and answer that come again change nothing, and no key begins anew.
    assert_eq!(world.describe("offer", "c", &sdp, plain.clone()).await, offered);
    assert_eq!(world.describe("answer", "c", &answer, json!({})).await, answered);
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 100).await;

    // A replay, and what is not sealed, go nowhere and are counted.
    let sealed = anna.sends(&rtp(200), (world.ip, to_anna)).await;
    anna.socket.send_to(&sealed, (world.ip, to_anna)).await.expect("sent");
    anna.socket.send_to(&rtp(201), (world.ip, to_anna)).await.expect("sent");
    anna.sends(&rtp(202), (world.ip, to_anna)).await;
    assert_eq!((bert.hears().await, bert.hears().await), (rtp(200), rtp(202)));
    let counted = async {
        while !world.page("/metrics").await.contains("ringway_relay_dropped_total{reason=\"srtp\"} 2\n") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, counted).await.expect("two are counted");

    let query = world.ask(json!({"command": "query", "call-id": "c"})).await;
    for (tag, label, protocol, suite) in [
        ("a", "caller", "RTP/SAVP", json!("AES_CM_128_HMAC_SHA1_80")),
        ("b", "called", "RTP/AVP", Value::Null),
    ] {
        let party = &query["tags"][tag];
        let media = &party["medias"][0];
        assert_eq!(
            (&party["label"], &media["type"], &media["protocol"], &media["codec"]),
            (&json!(label), &json!("audio"), &json!(protocol), &json!("PCMU/8000")),
            "{query}"
        );
        assert_eq!(media["streams"][0]["crypto suite"], suite);
    }

    // A re-INVITE with another key, to RTP, and back.
    let own = own_line(7, Suite::AeadAes256Gcm, 3);
    world.describe("offer", "c", &anna.sdp("RTP/SAVP", &[&own]), plain.clone()).await;
    let answered = world.describe("answer", "c", &answer, json!({})).await;
    let (mut sender, mut receiver) = anna.keys.take().expect("it had keys");
    sender.rekey(own.master());
    receiver.rekey(lines(&answered)[0].master());
    anna.keys = Some((sender, receiver));
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 300).await;
    let given_up = lines(&answered)[0].master().clone();
    world.describe("offer", "c", &anna.sdp("RTP/AVP", &[]), plain.clone()).await;
    let answered = world.describe("answer", "c", &answer, json!({})).await;
    assert_eq!((profile(&answered), lines(&answered)), ("RTP/AVP", Vec::new()));
    anna.keys = None;
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 400).await;
    let own = own_line(7, Suite::AeadAes256Gcm, 4);
    world.describe("offer", "c", &anna.sdp("RTP/SAVP", &[&own]), plain).await;
    let answered = world.describe("answer", "c", &answer, json!({})).await;
    assert_ne!(*lines(&answered)[0].master(), given_up);
    anna.agree(&own, &lines(&answered)[0]);
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_srtp_talks_to_one_with_it_and_nothing_leaks_before() {
    let mut world = World::start(5, "", "").await;
    let (mut anna, mut bert) = (Phone::new(&world).await, Phone::new(&world).await);
    let sdp = anna.sdp("RTP/AVP", &[]);
    // As the one text of newer Kamailios says it.
    let sealed = json!({"rtpp-flags": "RTP/SAVP replace-origin"});
    let offered = world.describe("offer", "c", &sdp, sealed.clone()).await;
    assert_eq!((profile(&offered), lines(&offered).len()), ("RTP/SAVP", Suite::ALL.len()), "{offered}");
    assert_eq!(world.describe("offer", "c", &sdp, sealed.clone()).await, offered, "the same keys again");

    // What does not fit the offer is no answer, and the call waits for a better one.
    for (profile, line, reason) in [
        ("RTP/SAVP", None, "SRTP: no crypto line"),
        ("RTP/SAVP", Some(own_line(77, Suite::AeadAes128Gcm, 7)), "SRTP: not offered"),
    ] {
        let refused = bert.sdp(profile, &line.iter().collect::<Vec<_>>());
        let refused = world.describe("answer", "c", &refused, json!({})).await;
        assert_eq!(refused["error-reason"], reason, "{refused}");
    }
    let relays = line_of(&offered, Suite::AeadAes128Gcm);
    let own = own_line(relays.tag(), relays.suite(), 7);
    let answered = world.describe("answer", "c", &bert.sdp("RTP/SAVP", &[&own]), json!({})).await;
    assert_eq!((profile(&answered), lines(&answered)), ("RTP/AVP", Vec::new()), "{answered}");
    bert.agree(&own, &relays);
    let (to_anna, to_bert) = (port(&answered), port(&offered));
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 1).await;

    // An offer that nobody answers changes nothing: Bert is still spoken to as before.
    world.describe("offer", "c", &sdp, json!({"transport-protocol": "RTP/AVP", "to-tag": "b"})).await;
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 100).await;
    // The same keys are offered to him, and he chooses anew.
    let offered =
        world.describe("offer", "c", &sdp, json!({"transport-protocol": "RTP/SAVP", "to-tag": "b"})).await;
    assert_eq!(line_of(&offered, relays.suite()), relays);
    let own = own_line(relays.tag(), relays.suite(), 8);
    world.describe("answer", "c", &bert.sdp("RTP/SAVP", &[&own]), json!({})).await;
    bert.keys.as_mut().expect("it has keys").0.rekey(own.master());
    talk(&world, (&mut anna, to_anna), (&mut bert, to_bert), 200).await;
    // Bert's own re-INVITE goes on to Anna as she speaks, without a word of the controller.
    let again = json!({"command": "offer", "call-id": "c", "from-tag": "b", "to-tag": "a",
        "sdp": bert.sdp("RTP/SAVP", &[&own])});
    let offered = world.ask(again).await;
    assert_eq!((profile(&offered), lines(&offered)), ("RTP/AVP", Vec::new()), "{offered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_with_srtp_have_one_key_and_profiles_change_their_words() {
    let mut world = World::start(6, "", "").await;
    let (mut anna, mut bert) = (Phone::new(&world).await, Phone::new(&world).await);
    let own = own_line(1, Suite::AesCm128HmacSha1_80, 1);
    let his = own_line(1, Suite::AesCm128HmacSha1_80, 2);
    let order = json!({"transport-protocol": "RTP/SAVPF"});
    let offered = world.describe("offer", "c", &anna.sdp("RTP/SAVP", &[&own]), order).await;
    assert_eq!((profile(&offered), &lines(&offered)[..]), ("RTP/SAVPF", &[own.clone()][..]));
    let answered = world.describe("answer", "c", &bert.sdp("RTP/SAVPF", &[&his]), json!({})).await;
    assert_eq!((profile(&answered), &lines(&answered)[..]), ("RTP/SAVP", &[his.clone()][..]));
    anna.agree(&own, &his);
    bert.agree(&his, &own);
    talk(&world, (&mut anna, port(&answered)), (&mut bert, port(&offered)), 1).await;

    let feedback = anna.sdp("RTP/AVPF", &[]) + "a=rtcp-fb:* nack\r\n";
    let offered = world.describe("offer", "d", &feedback, json!({"flags": ["RTP/AVP"]})).await;
    assert!(profile(&offered) == "RTP/AVP" && !offered["sdp"].to_string().contains("rtcp-fb"), "{offered}");
    let answered = world.describe("answer", "d", &bert.sdp("RTP/AVP", &[]), json!({})).await;
    assert_eq!(profile(&answered), "RTP/AVPF");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn srtp_without_keys_that_do_is_refused_and_leaves_nothing() {
    let mut world = World::start(7, "", "").await;
    let anna = Phone::new(&world).await;
    let unknown = anna.sdp("RTP/SAVP", &[]) + "a=crypto:1 ROT_13 inline:AAAA\r\n";
    for (sdp, order, reason) in [
        (anna.sdp("RTP/SAVP", &[]), json!({"transport-protocol": "RTP/AVP"}), "SRTP: no crypto line"),
        (unknown, json!({"transport-protocol": "RTP/AVP"}), "SRTP: unknown suite"),
        (
            anna.sdp("RTP/AVP", &[]),
            json!({"transport-protocol": "RTP/SAVP", "SDES": ["off"]}),
            "Not supported: SRTP without a suite to offer",
        ),
        (
            anna.sdp("RTP/AVP", &[]),
            json!({"transport-protocol": "RTP/SAVP", "SDES": ["unencrypted_srtp"]}),
            "Not supported: SRTP without encryption",
        ),
        (anna.sdp("RTP/AVP", &[]), json!({"transport-protocol": "UDP/TLS/RTP/SAVPF"}), "Not supported: DTLS"),
    ] {
        let refused = world.describe("offer", "c", &sdp, order).await;
        assert_eq!(refused["error-reason"], reason, "{refused}");
    }
    assert_eq!(world.ask(json!({"command": "list"})).await["calls"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parties_are_held_back_by_label_and_by_address() {
    let mut world = World::start(8, "", "").await;
    let (anna, bert) = (world.phone().await, world.phone().await);
    let (hers, his) = (sdp(&anna), sdp(&bert).replace("c=IN IP4 127", "c=IN IP4 126"));
    let offered = world.describe("offer", "c", &hers, json!({"label": "caller"})).await;
    let at = (world.ip, port(&world.describe("answer", "c", &his, json!({"label": "called"})).await));
    let there = (world.ip, port(&offered));
    let curb =
        |command: &str, key: &str, value: &str| json!({"command": command, "call-id": "c", key: value});
    let ip = world.ip.to_string();
    for (key, value, first) in [("label", "caller", 1), ("address", &ip[..], 3)] {
        assert_eq!(world.ask(curb("block media", key, value)).await["result"], "ok");
        // Bert is heard, and known by his source from now on.
        bert.send_to(&rtp(first), there).await.expect("sent");
        assert_eq!(hears(&anna).await, rtp(first));
        for sequence in [10 * first, 10 * first + 1] {
            anna.send_to(&rtp(sequence), at).await.expect("sent");
        }
        let curbed = async {
            let line = format!("{{reason=\"curbed\"}} {}\n", first + 1);
            while !world.page("/metrics").await.contains(&line) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LIMIT, curbed).await.expect("both are held back");
        assert_eq!(world.ask(curb("unblock media", key, value)).await["result"], "ok");
        anna.send_to(&rtp(10 * first + 2), at).await.expect("sent");
        assert_eq!(hears(&bert).await, rtp(10 * first + 2));
    }
    for (key, value) in [("label", "nobody"), ("address", "192.0.2.1")] {
        let refused = world.ask(curb("block media", key, value)).await;
        assert_eq!(refused["error-reason"], "the call has no party with this tag", "{refused}");
    }
}
