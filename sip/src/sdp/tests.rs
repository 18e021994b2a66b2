//! What parse accepts, what it refuses and where, and what the accessors give.

use super::*;

const OFFER: &str = "v=0\r\n\
    o=alice 2890844526 2890844527 IN IP4 host.atlanta.example\r\n\
    s= \r\n\
    c=IN IP4 192.0.2.1\r\n\
    t=0 0\r\n\
    a=sendonly\r\n\
    a=ice-lite\r\n\
    a=setup:actpass\r\n\
    m=audio 49170/2 RTP/AVP 0 8 97\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:97 iLBC/8000\r\n\
    a=fmtp:97 mode=30\r\n\
    a=ptime:20\r\n\
    a=rtcp:53020\r\n\
    m=video 51372 RTP/SAVP 31\r\n\
    c=IN IP6 2001:db8::7\r\n\
    a=recvonly\r\n\
    a=rtcp-mux\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:one\r\n\
    a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:two\r\n\
    a=setup:passive\r\n\
    a=ringway-tunnel:1 0000000a 0000000b\r\n\
    m=image 0 udptl t38\r\n";

fn parse(text: &str) -> Result<Description, Error> {
    Description::parse(text.to_owned(), &Limits::default())
}

fn description(text: &str) -> Description {
    parse(text).unwrap()
}

/// [`OFFER`] with one part replaced.
fn with(from: &str, to: &str) -> Result<Description, Error> {
    assert!(OFFER.contains(from), "{from}");
    parse(&OFFER.replacen(from, to, 1))
}

#[test]
fn a_description_and_its_parts() {
    let offer = description(OFFER);
    let origin = offer.origin();
    assert_eq!((origin.username, origin.session, origin.version), ("alice", "2890844526", "2890844527"));
    assert_eq!(origin.address, "IN IP4 host.atlanta.example");
    assert_eq!(offer.connection().unwrap().ip(), "192.0.2.1".parse().ok());
    assert_eq!(offer.attributes().map(|a| a.name).collect::<Vec<_>>(), ["sendonly", "ice-lite", "setup"]);
    assert_eq!((offer.sections(), offer.media().count(), offer.lines().count()), (3, 3, 23));
    assert!(offer.section(3).is_none());
    let lines: Vec<_> =
        offer.media().map(|media| (media.index(), media.line(), media.lines().count())).collect();
    assert_eq!(lines, [(0, 9, 6), (1, 15, 8), (2, 23, 1)]);
}

#[test]
fn media_with_what_the_session_says_for_it() {
    let offer = description(OFFER);
    let audio = offer.section(0).unwrap();
    assert_eq!((audio.kind(), audio.port(), audio.ports()), ("audio", 49_170, 2));
    assert_eq!((audio.protocol(), audio.profile()), ("RTP/AVP", Some(Profile::Avp)));
    assert_eq!(audio.formats().collect::<Vec<_>>(), ["0", "8", "97"]);
    assert_eq!((audio.rtpmap("97"), audio.fmtp("97")), (Some("iLBC/8000"), Some("mode=30")));
    assert_eq!((audio.rtpmap("9"), audio.fmtp("0"), audio.ptime()), (None, None, Some(20)));
    assert_eq!(audio.rtp(), "192.0.2.1:49170".parse().ok());
    assert_eq!(audio.rtcp(), Ok("192.0.2.1:53020".parse().ok()));
    assert_eq!((audio.direction(), audio.is_held()), (Direction::SendOnly, true));
    assert_eq!(audio.inherited("setup").unwrap().value, "actpass");
    assert_eq!(audio.attribute("setup"), None);
    assert!(audio.has_ice() && !audio.is_muxed());
    assert_eq!((audio.crypto().count(), audio.tunnel()), (0, Ok(None)));
}

#[test]
fn media_with_words_of_its_own_and_media_that_is_refused() {
    let offer = description(OFFER);
    let video = offer.section(1).unwrap();
    assert_eq!(video.rtp(), "[2001:db8::7]:51372".parse().ok());
    assert_eq!(video.rtcp(), Ok("[2001:db8::7]:51373".parse().ok()), "the port above");
    assert!(video.is_muxed() && !video.is_held());
    assert_eq!(video.direction(), Direction::RecvOnly);
    assert_eq!(video.inherited("setup").unwrap().value, "passive");
    let tags: Vec<_> = video.crypto().map(|crypto| crypto.unwrap().tag).collect();
    assert_eq!(tags, [1, 2]);
    assert_eq!(video.tunnel(), Ok(Some(Tunnel { relay: 10, stream: 11 })));
    let image = offer.section(2).unwrap();
    assert_eq!(
        (image.is_rejected(), image.profile(), image.rtp(), image.rtcp()),
        (true, None, None, Ok(None))
    );
}

#[test]
fn where_rtcp_goes() {
    for (line, rtcp) in [
        ("", Some("192.0.2.1:49171")),
        ("a=rtcp:53020 IN IP6 2001:db8::9\r\n", Some("[2001:db8::9]:53020")),
        ("a=rtcp:53020 IN IP4 name.example\r\n", None),
        ("a=rtcp:0\r\n", None),
    ] {
        let rtcp = rtcp.map(|rtcp| rtcp.parse().unwrap());
        assert_eq!(with("a=rtcp:53020\r\n", line).unwrap().section(0).unwrap().rtcp(), Ok(rtcp), "{line:?}");
    }
    let top = with("49170/2", "65535").unwrap();
    let top = Description::parse(top.raw().clone(), &Limits::default()).unwrap();
    assert_eq!(top.section(0).unwrap().rtp().unwrap().port(), 65_535);
    let no_port_above = description(&OFFER.replace("49170/2", "65535").replace("a=rtcp:53020\r\n", ""));
    assert_eq!(no_port_above.section(0).unwrap().rtcp(), Ok(None));
}

#[test]
fn hold_by_direction_and_the_old_way() {
    let call =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    for (more, address, held) in [
        ("", "192.0.2.1", false),
        ("a=recvonly\r\n", "192.0.2.1", false),
        ("a=sendonly\r\n", "192.0.2.1", true),
        ("a=inactive\r\n", "192.0.2.1", true),
        ("a=sendrecv\r\n", "0.0.0.0", true),
    ] {
        let call = call.replace("c=IN IP4 192.0.2.1", &format!("c=IN IP4 {address}"));
        let call = description(&format!("{call}{more}"));
        assert_eq!(call.section(0).unwrap().is_held(), held, "{more} {address}");
    }
}

#[test]
fn line_ends_of_any_kind() {
    let crlf = description(OFFER);
    for text in [
        OFFER.replace("\r\n", "\n"),
        OFFER.replacen("\r\n", "\n", 3),
        OFFER.trim_end().to_owned(),
        format!("{OFFER}\r\n\n"),
    ] {
        let other = description(&text);
        assert_eq!(other.raw(), text.as_bytes());
        assert!(other.lines().eq(crlf.lines()), "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (from, to, line, reason) in [
        ("v=0", "v=1", 1, Reason::Version),
        ("v=0\r\n", "", 1, Reason::Version),
        ("o=alice", "x=alice", 2, Reason::Origin),
        ("o=alice 2890844526 2890844527", "o=alice", 2, Reason::Origin),
        ("IN IP4 192.0.2.1", "IN IP4 192.0.2.256", 4, Reason::Connection),
        ("IN IP6 2001", "IN IP4 2001", 16, Reason::Connection),
        ("c=IN IP4 192.0.2.1\r\n", "", 8, Reason::Unconnected),
        ("t=0 0", "time", 5, Reason::Line),
        ("t=0 0", "t", 5, Reason::Line),
        ("t=0 0\r\n", "t=0 0\r\n\r\n", 6, Reason::Line),
        ("t=0 0", "t=0\r0", 5, Reason::LineEnd),
        ("t=0 0", "t=0\0", 5, Reason::LineEnd),
        ("49170/2", "65536", 9, Reason::Media),
        ("49170/2", "49170/0", 9, Reason::Media),
        ("49170/2", "", 9, Reason::Media),
        ("m=audio 49170/2 RTP/AVP 0 8 97", "m=audio 49170", 9, Reason::Media),
        ("m=image 0", "m=image -0", 23, Reason::Media),
    ] {
        assert_eq!(with(from, to).err(), Some(Error { line, reason }), "{from:?} -> {to:?}");
    }
    assert_eq!(parse("").err(), Some(Error { line: 1, reason: Reason::Empty }));
    assert_eq!(parse("\r\n\r\n").err(), Some(Error { line: 1, reason: Reason::Empty }));
    assert_eq!(parse("v=0\r\n").err(), Some(Error { line: 2, reason: Reason::Origin }));
    assert!(with("s= \r\n", "").is_ok() && with("t=0 0\r\n", "").is_ok(), "no need of these");
}

#[test]
fn attributes_are_wrong_when_they_are_asked_for() {
    let wrong = |line, name| Error { line, reason: Reason::Attribute(name) };
    let rtcp = with("a=rtcp:53020", "a=rtcp:x").unwrap();
    assert_eq!(rtcp.section(0).unwrap().rtcp(), Err(wrong(14, "rtcp")));
    let crypto = with("a=crypto:2 AES", "a=crypto:two AES").unwrap();
    assert_eq!(crypto.section(1).unwrap().crypto().nth(1), Some(Err(wrong(20, "crypto"))));
    let tunnel = with("a=ringway-tunnel:1", "a=ringway-tunnel:2").unwrap();
    assert_eq!(tunnel.section(1).unwrap().tunnel(), Err(wrong(22, "ringway-tunnel")));
}

#[test]
fn limits_hold() {
    let few = Limits { bytes: OFFER.len(), line_bytes: 57, lines: 23, sections: 3 };
    assert!(Description::parse(OFFER, &few).is_ok());
    for (limits, line, reason) in [
        (Limits { bytes: few.bytes - 1, ..few }, 1, Reason::TooLong),
        (Limits { line_bytes: 56, ..few }, 2, Reason::LineTooLong),
        (Limits { lines: 22, ..few }, 23, Reason::TooManyLines),
        (Limits { sections: 2, ..few }, 23, Reason::TooManySections),
    ] {
        let error = Description::parse(OFFER, &limits).err();
        assert_eq!(error, Some(Error { line, reason }));
    }
}

#[test]
fn answers_have_the_media_of_their_offers() {
    let offer = description(OFFER);
    let refused = with("49170/2", "0").unwrap();
    assert_eq!((offer.answers(&offer), refused.answers(&offer)), (Ok(()), Ok(())));
    let differs =
        |answer: Description, offer: &Description| answer.answers(offer).map_err(|error| error.line);
    assert_eq!(differs(offer.clone(), &refused), Err(9), "used again, though it was not offered");
    assert_eq!(differs(with("m=audio", "m=text").unwrap(), &offer), Err(9));
    assert_eq!(differs(with("m=image 0 udptl t38\r\n", "").unwrap(), &offer), Err(22), "one is missing");
    let more = description(&format!("{OFFER}m=audio 0 RTP/AVP 0\r\n"));
    assert_eq!(differs(more, &offer), Err(24), "one too many");
}

#[test]
fn a_log_shows_no_content() {
    assert_eq!(format!("{:?}", description(OFFER)), format!("Description(3 media, {} bytes)", OFFER.len()));
}
