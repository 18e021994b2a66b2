//! The shape that rtpengine 10.5 gives, seen on the wire, with what Kamailio's and OpenSIPS' variables read.

use super::*;
use crate::ng::{Packet, Reply};

fn at(seconds: u64) -> Time {
    Time::from_millis(1_000 * seconds + 495)
}

fn stream(rtcp: bool, packets: u64) -> StreamReport {
    StreamReport {
        rtcp,
        local: Some(([127, 0, 0, 1], 41_000 + u16::from(rtcp)).into()),
        endpoint: Some(([127, 0, 0, 1], 51_055).into()),
        advertised: None,
        confirmed: !rtcp,
        suite: (!rtcp).then_some("AES_CM_128_HMAC_SHA1_80"),
        last_packet: (!rtcp).then(|| at(1_795_530_827)),
        ssrc: Some(8_738),
        packets,
        bytes: packets * 172,
        errors: 1,
        quality: None,
    }
}

fn member(tag: &str, peer: &str) -> Member {
    let sample = |mos, seconds| Sample {
        mos,
        rtt: Duration::from_micros(20_500),
        jitter: Duration::from_micros(3_900),
        loss: 0.015,
        at: at(seconds),
    };
    let quality = Quality {
        lost: 3,
        average: sample(4.26, 0),
        samples: 12,
        lowest: sample(3.9, 1_795_530_830),
        highest: sample(4.4, 1_795_530_826),
    };
    let media = MediaReport {
        kind: "audio".to_owned(),
        protocol: "RTP/AVP".to_owned(),
        codec: "PCMU/8000".to_owned(),
        sends: true,
        receives: false,
        muxed: false,
        streams: vec![StreamReport { quality: Some(quality), ..stream(false, 100) }, stream(true, 3)],
    };
    Member {
        tag: tag.to_owned(),
        branch: String::new(),
        label: "caller".to_owned(),
        created: at(1_795_530_825),
        peers: vec![peer.to_owned()],
        media: vec![media],
    }
}

fn report() -> Report {
    let (created, last_signal) = (at(1_795_530_825), at(1_795_530_826));
    Report { created, last_signal, members: vec![member("fromtag1", "totag1"), member("", "fromtag1")] }
}

/// What stands at a path of keys and places, as text.
fn found(reply: &Dictionary<'_>, path: &[&str]) -> String {
    let mut value = reply.value(path[0]).unwrap();
    for step in &path[1..] {
        value = match value {
            Value::List(list) => &list[step.parse::<usize>().unwrap()],
            other => other.as_dictionary().unwrap().value(step).unwrap(),
        };
    }
    value.as_integer().map(|number| number.to_string()).or(value.as_str().map(str::to_owned)).unwrap()
}

#[test]
fn what_the_variables_of_kamailio_and_opensips_read() {
    let (request, reply) = (b"7 d7:command5:querye", Reply::Report(report()));
    let packet = Packet::read(request).unwrap();
    let answer = packet.answer(&reply);
    let value = Packet::read(&answer).unwrap().dictionary().unwrap();
    let reply = value.as_dictionary().unwrap();
    let stream = ["tags", "fromtag1", "medias", "0", "streams", "0"];
    let in_stream = |more: &[&'static str]| [&stream[..], more].concat();
    for (path, expected) in [
        (vec!["result"], "ok"),
        (vec!["created"], "1795530825"),
        (vec!["created_us"], "495000"),
        (vec!["last signal"], "1795530826"),
        (vec!["totals", "RTP", "packets"], "200"),
        (vec!["totals", "RTP", "bytes"], "34400"),
        (vec!["totals", "RTP", "errors"], "2"),
        (vec!["totals", "RTCP", "packets"], "6"),
        (vec!["SSRC", "8738", "cumulative loss"], "3"),
        (vec!["SSRC", "8738", "average MOS", "MOS"], "43"),
        (vec!["SSRC", "8738", "average MOS", "round-trip time"], "20500"),
        (vec!["SSRC", "8738", "average MOS", "jitter"], "3"),
        (vec!["SSRC", "8738", "average MOS", "packet loss"], "2"),
        (vec!["SSRC", "8738", "average MOS", "samples"], "12"),
        (vec!["SSRC", "8738", "lowest MOS", "MOS"], "39"),
        (vec!["SSRC", "8738", "lowest MOS", "reported at"], "1795530830"),
        (vec!["SSRC", "8738", "highest MOS", "MOS"], "44"),
        (vec!["tags", "fromtag1", "tag"], "fromtag1"),
        (vec!["tags", "fromtag1", "label"], "caller"),
        (vec!["tags", "fromtag1", "in dialogue with"], "totag1"),
        (vec!["tags", "fromtag1", "subscriptions", "0", "tag"], "totag1"),
        (vec!["tags", "<untagged 2>", "tag"], ""),
        (vec!["tags", "fromtag1", "medias", "0", "index"], "1"),
        (vec!["tags", "fromtag1", "medias", "0", "type"], "audio"),
        (vec!["tags", "fromtag1", "medias", "0", "flags", "1"], "send"),
        (vec!["tags", "fromtag1", "medias", "0", "flags", "2"], "SDES"),
        (in_stream(&["local port"]), "41000"),
        (in_stream(&["family"]), "IPv4"),
        (in_stream(&["endpoint", "port"]), "51055"),
        (in_stream(&["crypto suite"]), "AES_CM_128_HMAC_SHA1_80"),
        (in_stream(&["last packet"]), "1795530827"),
        (in_stream(&["SSRC"]), "8738"),
        (in_stream(&["flags", "0"]), "RTP"),
        (in_stream(&["stats", "packets"]), "100"),
    ] {
        assert_eq!(found(reply, &path), expected, "{path:?}");
    }
}

#[test]
fn one_source_that_is_seen_twice_stands_once_and_no_source_without_quality() {
    let mut silent = report();
    for member in &mut silent.members {
        member.media[0].streams[0].quality = None;
    }
    let mut reply = Dictionary::new();
    silent.write(&mut reply);
    assert!(reply.value("SSRC").and_then(Value::as_dictionary).unwrap().is_empty());
    let (one, mut reply) = (report(), Dictionary::new());
    one.write(&mut reply);
    assert_eq!(reply.value("SSRC").and_then(Value::as_dictionary).unwrap().len(), 1);
}
