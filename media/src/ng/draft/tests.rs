//! Requests as Kamailio 5.6 and OpenSIPS write them, byte for byte in their order of keys, and what is refused.

use crate::ng::*;
use ringway_sip::sdp::Profile;
use std::time::Duration;

/// The description in these requests is not what is looked at.
const SDP: &str = "v=0\r\no=alice 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49873 RTP/AVP 0 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// `rtpengine_manage()` of Kamailio 5.6, on an INVITE.
fn kamailio_offer(more: &str) -> String {
    format!(
        "0_16416_1 d8:supportsl10:load limite3:sdp165:{SDP}{more}7:call-id16:call-1@127.0.0.1\
         13:received-froml3:IP49:127.0.0.1e8:from-tag8:fromtag17:command5:offere"
    )
}

fn request(datagram: &str) -> Request {
    Packet::read(datagram.as_bytes()).unwrap().request()
}

fn proposal(datagram: &str) -> Proposal {
    match request(datagram).command {
        Ok(Command::Offer(proposal) | Command::Answer(proposal)) => *proposal,
        other => panic!("{other:?}"),
    }
}

/// What becomes of an offer with these entries in JSON.
fn offer(entries: &str) -> Request {
    let comma = if entries.is_empty() { "" } else { "," };
    request(&format!(r#"1 {{"command":"offer","call-id":"c","from-tag":"f","sdp":"v=0"{comma}{entries}}}"#))
}

/// What an offer with these flags wishes.
fn wishes(flags: &str) -> Wishes {
    let Ok(Command::Offer(proposal)) = offer(&format!(r#""rtpp-flags":"{flags}""#)).command else {
        panic!("{flags}: refused");
    };
    proposal.wishes
}

fn refused(entries: &str) -> Option<Refusal> {
    offer(entries).command.err()
}

#[test]
fn the_default_offer_and_answer_of_kamailio() {
    let offer = request(&kamailio_offer(""));
    assert_eq!((offer.load_limit, offer.ignored.len()), (true, 0));
    let Ok(Command::Offer(offer)) = offer.command else { panic!("an offer") };
    let call =
        Call { call_id: "call-1@127.0.0.1".to_owned(), from_tag: "fromtag1".to_owned(), ..Call::default() };
    assert_eq!((&offer.call, &offer.sdp[..]), (&call, SDP.as_bytes()));
    let received_from = "127.0.0.1".parse().ok();
    assert_eq!(offer.wishes, Wishes { received_from, ..Wishes::default() });

    let answer = kamailio_offer("").replace("7:command5:offer", "6:to-tag6:totag17:command6:answer");
    let Ok(Command::Answer(answer)) = request(&answer).command else { panic!("an answer") };
    assert_eq!(answer.call, Call { to_tag: "totag1".to_owned(), ..call });
}

/// Kamailio with `"replace-origin replace-session-connection RTP/AVP ICE=remove trust-address symmetric via-branch=1 …"`:
/// it writes `delete delay` in two ways, and `received-from` once as a text and once as a list.
#[test]
fn all_the_flags_of_a_long_line_of_kamailio() {
    let more = "3:ICE6:remove14:address-family3:IP43:TOSi184e11:record-call3:off12:delete delayi5e12:delete-delay1:5\
        5:label6:caller13:media-address9:127.0.0.913:received-from9:127.0.0.79:directionl2:lo4:prive\
        5:flagsl13:trust-address9:symmetric12:loop-protect14:media-handover13:strict-source17:no-rtcp-attribute\
        13:port-latching14:unidirectionale7:replacel6:origin18:session-connection8:username11:SDP-versione\
        18:transport-protocol7:RTP/AVP8:rtcp-muxl5:demux6:accepte4:SDESl3:off26:no-AES_256_CM_HMAC_SHA1_80e\
        10:via-branch9:z9hG4bKa1";
    let request = request(&kamailio_offer(more));
    assert_eq!(request.ignored, [""; 0]);
    let Ok(Command::Offer(offer)) = request.command else { panic!("an offer") };
    assert_eq!(offer.call.branch, "z9hG4bKa1");
    let expected = Wishes {
        received_from: "127.0.0.1".parse().ok(),
        media_address: "127.0.0.9".parse().ok(),
        family: Some(Family::V4),
        transport: Transport::Profile(Profile::Avp),
        ice: Ice::Remove,
        mux: Mux { demux: true, accept: true, ..Mux::default() },
        sdes: Sdes { off: true, without: vec!["AES_256_CM_HMAC_SHA1_80".to_owned()], ..Sdes::default() },
        replace: Replace {
            origin: true,
            session_connection: true,
            username: true,
            version: true,
            ..Replace::default()
        },
        rtcp_attribute: RtcpAttribute::None,
        interfaces: vec!["lo".to_owned(), "priv".to_owned()],
        strict_source: true,
        media_handover: true,
        unidirectional: true,
        port_latching: true,
        loop_protect: true,
        tos: Tos::Set(184),
        delete_delay: Some(Duration::from_secs(5)),
        label: "caller".to_owned(),
        ..Wishes::default()
    };
    assert_eq!(offer.wishes, expected);
}

/// OpenSIPS 2 with `"trust-address replace-origin replace-session-connection internal external RTP/AVP rtcp-mux-offer"`, on
/// an INVITE, and its `rtpengine_delete()`.
#[test]
fn the_flags_of_opensips() {
    let offer = format!(
        "4711_3 d3:sdp165:{SDP}9:directionl8:internal8:externale5:flagsl13:trust-address11:auto-bridgee\
         7:replacel6:origin18:session-connectione18:transport-protocol7:RTP/AVP8:rtcp-muxl5:offere\
         7:call-id6:a@host13:received-froml3:IP611:2001:db8::1e8:from-tag1:f7:command5:offere"
    );
    assert_eq!(request(&offer).ignored, ["auto-bridge"], "and rtpengine ignores it too");
    let wishes = proposal(&offer).wishes;
    assert_eq!(wishes.received_from, "2001:db8::1".parse().ok());
    assert_eq!(wishes.interfaces, ["internal", "external"]);
    assert!(wishes.replace.origin && wishes.replace.session_connection && wishes.mux.offer);
    let delete = "4711_4 d7:call-id6:a@host13:received-froml3:IP49:127.0.0.1e8:from-tag1:f7:command6:deletee";
    let Ok(Command::Delete(delete)) = request(delete).command else { panic!("delete") };
    assert_eq!(
        (&delete.call.from_tag[..], &delete.call.to_tag[..], delete.fatal, delete.delay),
        ("f", "", false, None)
    );
}

#[test]
fn wishes_that_cannot_be_granted_do_not_keep_a_call_from_being_deleted() {
    // Kamailio sends what its script wants with every command.
    let delete = "0_1_1 d8:supportsl10:load limite3:ICE5:force5:label1:x5:flagsl5:fatale12:delete-delayi0e\
        18:transport-protocol17:UDP/TLS/RTP/SAVPF7:call-id1:c13:received-froml3:IP49:127.0.0.1e8:from-tag1:f\
        7:command6:deletee";
    let Ok(Command::Delete(delete)) = request(delete).command else { panic!("delete") };
    assert_eq!((delete.fatal, delete.delay), (true, Some(Duration::ZERO)));
    let query = "0_1_2 d5:codecd4:maskl4:opusee7:call-id1:c8:from-tag1:f6:to-tag1:t7:command5:querye";
    assert_eq!(request(query).command.unwrap().kind(), Kind::Query);
}

#[test]
fn gates_as_kamailio_orders_them() {
    let head = "0_24219_5 d8:supportsl10:load limite";
    let tail = "7:call-id1:c13:received-froml3:IP49:127.0.0.1e";
    for (entries, kind, from, all) in [
        ("7:command11:block mediae", Kind::BlockMedia, Party::Everybody, false),
        ("5:flagsl3:alle7:command13:unblock mediae", Kind::UnblockMedia, Party::Everybody, true),
        (
            "5:label6:caller8:from-tag1:f7:command10:block DTMFe",
            Kind::BlockDtmf,
            Party::Label("caller".to_owned()),
            false,
        ),
        ("7:command12:unblock DTMFe", Kind::UnblockDtmf, Party::Everybody, false),
        (
            "7:address9:127.0.0.18:from-tag1:f7:command13:silence mediae",
            Kind::SilenceMedia,
            Party::Address([127, 0, 0, 1].into()),
            false,
        ),
        (
            "8:from-tag1:f7:command15:unsilence mediae",
            Kind::UnsilenceMedia,
            Party::Tag("f".to_owned()),
            false,
        ),
        (
            "8:from-tag1:f3:all3:all7:command16:start forwardinge",
            Kind::StartForwarding,
            Party::Everybody,
            true,
        ),
        ("7:command15:stop forwardinge", Kind::StopForwarding, Party::Everybody, false),
    ] {
        let command = request(&format!("{head}{tail}{entries}")).command.unwrap();
        let Command::Gate(gate) = &command else { panic!("{command:?}") };
        assert_eq!((command.kind(), &gate.from, gate.all), (kind, &from, all), "{entries}");
        assert_eq!((kind.gate(), &gate.to), (Some((gate.what, gate.closed)), &Party::Everybody));
    }
    let flow =
        request(r#"1 {"command":"block media","call-id":"c","from-tag":"f","to-tag":"t"}"#).command.unwrap();
    let Command::Gate(flow) = flow else { panic!("a gate") };
    assert_eq!((flow.from, flow.to), (Party::Tag("f".to_owned()), Party::Tag("t".to_owned())));
    // Whoever cannot be understood is not taken for everybody.
    let unclear = request(r#"1 {"command":"block media","call-id":"c","address":"here"}"#).command;
    assert_eq!(unclear, Err(Refusal::Invalid("address")));
}

#[test]
fn commands_without_a_call() {
    for (entries, command) in [
        (r#""command":"ping""#, Command::Ping),
        (r#""command":"ping","call-id":[]"#, Command::Ping),
        (r#""command":"statistics""#, Command::Statistics),
        (r#""command":"list""#, Command::List(32)),
        (r#""limit":"5","command":"list""#, Command::List(5)),
        (r#""limit":0,"command":"list""#, Command::List(0)),
    ] {
        assert_eq!(request(&format!("1 {{{entries}}}")).command, Ok(command), "{entries}");
    }
    for (entries, refusal) in [
        ("", Refusal::NoCommand),
        (r#""command":7"#, Refusal::NoCommand),
        (r#""command":"dance""#, Refusal::Unrecognized),
        (r#""command":"list","limit":-1"#, Refusal::Invalid("limit")),
        (r#""command":"list","limit":"many""#, Refusal::Invalid("limit")),
        (r#""command":"query""#, Refusal::Missing("call-id")),
        (r#""command":"query","call-id":7"#, Refusal::Invalid("call-id")),
        (r#""command":"start recording","call-id":"c""#, Refusal::Unsupported("start recording")),
        (r#""command":"play DTMF","call-id":"c""#, Refusal::Unsupported("play dtmf")),
        (r#""command":"offer","call-id":"c","from-tag":"f""#, Refusal::Missing("sdp")),
        (r#""command":"offer","call-id":"c","sdp":"v=0""#, Refusal::Missing("from-tag")),
        (r#""command":"offer","from-tag":"f","sdp":"v=0""#, Refusal::Missing("call-id")),
        (r#""command":"answer","call-id":"c","from-tag":"f","sdp":"v=0""#, Refusal::Missing("to-tag")),
    ] {
        assert_eq!(request(&format!("1 {{{entries}}}")).command, Err(refusal), "{entries}");
    }
    assert_eq!(request("1 d7:command4:ping").command, Err(Refusal::Malformed(Malformed::Truncated)));
    let not_utf8 = Packet::read(b"1 d7:call-id1:\xff7:command5:querye").unwrap().request();
    assert_eq!(not_utf8.command, Err(Refusal::Invalid("call-id")));
}

#[test]
fn what_would_change_the_call_and_is_not_there_is_refused() {
    for (entries, what) in [
        (r#""transport protocol":"UDP/TLS/RTP/SAVPF""#, "DTLS"),
        (r#""ICE":"force""#, "ICE"),
        (r#""ICE":"force-relay""#, "ICE"),
        (r#""codec":{"transcode":["G722"]}"#, "transcoding"),
        (r#""flags":["codec-strip-opus"]"#, "transcoding"),
        (r#""flags":["always transcode"]"#, "transcoding"),
        (r#""flags":["inject-DTMF"]"#, "transcoding"),
        (r#""ptime":40"#, "transcoding"),
        (r#""T.38":["decode"]"#, "T.38"),
        (r#""OSRTP":"offer""#, "OSRTP"),
        (r#""media echo":"both""#, "echo"),
        (r#""audio player":"always""#, "playing"),
        (r#""delay-buffer":100"#, "delay"),
        (r#""SDES":["unencrypted_srtp"]"#, "SRTP without encryption"),
        (r#""sdp-attr":{"audio":{"add":["x"]}}"#, "attributes from outside"),
    ] {
        assert_eq!(refused(entries), Some(Refusal::Unsupported(what)), "{entries}");
    }
    for (entries, key) in [
        (r#""transport-protocol":"RTP/FOO""#, "transport-protocol"),
        (r#""ICE":"melt""#, "ICE"),
        (r#""address family":"IP5""#, "address-family"),
        (r#""media address":"here""#, "media-address"),
        (r#""received from":["IP4","here"]"#, "received-from"),
        (r#""TOS":"x""#, "TOS"),
        (r#""delete delay":-1"#, "delete-delay"),
    ] {
        assert_eq!(refused(entries), Some(Refusal::Invalid(key)), "{entries}");
    }
}

#[test]
fn what_only_tunes_rtpengine_is_left_aside_and_named() {
    for (entries, ignored) in [
        ("", vec![]),
        (r#""DTLS":"passive""#, vec!["DTLS"]),
        (
            r#""DTLS":"off","record call":"no","codec":{},"ptime":0,"audio player":"off","OSRTP":"accept""#,
            vec!["OSRTP"],
        ),
        (r#""record call":"yes","xmlrpc-callback":"127.0.0.1""#, vec!["record call", "xmlrpc-callback"]),
        (
            r#""flags":["generate-mid","NAT wait","generate-mid","symmetric"]"#,
            vec!["generate-mid", "NAT wait"],
        ),
        (r#""rtcp-mux":["sideways"],"replace":["tires"]"#, vec!["rtcp-mux sideways", "replace tires"]),
        (r#""SDES":["offerer_pref:A;B"],"x\ny":1"#, vec!["SDES offerer_pref:A;B", "xy"]),
    ] {
        let offer = offer(entries);
        assert_eq!(
            (offer.command.is_ok(), offer.ignored),
            (true, ignored.iter().map(ToString::to_string).collect()),
            "{entries}"
        );
    }
    let many: Vec<String> = (0..100).map(|number| format!(r#""key{number}":{number}"#)).collect();
    assert_eq!(offer(&many.join(",")).ignored.len(), 16);
    let long = "x".repeat(1_000);
    assert_eq!(offer(&format!(r#""{long}":1"#)).ignored[0].len(), 64);
}

#[test]
fn one_text_of_flags_as_newer_controllers_send_it() {
    let wishes = wishes(
        "replace-origin replace-zero-address replace-session-name replace-force-increment-sdp-ver rtcp-mux-require \
         rtcp-mux-reject SDES-pad SDES-lifetime SDES-nonew SDES-static SDES-only-AEAD_AES_128_GCM SDES-order:A;B; ICE=remove \
         direction=[lo] direction=priv address-family=IP6 TOS=-1 label=caller full-rtcp-attribute asymmetric reset \
         original-sendrecv SIP-source-address SRTP AVPF received-from=192.0.2.9 media-address=[2001:db8::1]",
    );
    let expected = Wishes {
        received_from: "192.0.2.9".parse().ok(),
        trust_address: false,
        media_address: "2001:db8::1".parse().ok(),
        family: Some(Family::V6),
        transport: Transport::Profile(Profile::Savpf),
        ice: Ice::Remove,
        mux: Mux { require: true, reject: true, ..Mux::default() },
        sdes: Sdes {
            only: vec!["AEAD_AES_128_GCM".to_owned()],
            order: vec!["A".to_owned(), "B".to_owned()],
            nonew: true,
            pad: true,
            lifetime: true,
            fixed: true,
            ..Sdes::default()
        },
        replace: Replace {
            origin: true,
            session_name: true,
            version_always: true,
            zero_address: true,
            ..Replace::default()
        },
        rtcp_attribute: RtcpAttribute::Full,
        interfaces: vec!["lo".to_owned(), "priv".to_owned()],
        asymmetric: true,
        original_sendrecv: true,
        reset: true,
        tos: Tos::Kept,
        label: "caller".to_owned(),
        ..Wishes::default()
    };
    assert_eq!(wishes, expected);
}

#[test]
fn flags_hold_no_flags_and_no_orders() {
    for key in ["flags=", "rtpp-flags="] {
        let deep = key.repeat(6_000);
        for list in ["flags", "rtpp flags"] {
            let offer = offer(&format!(r#""{list}":"{deep}asymmetric""#));
            let Ok(Command::Offer(proposal)) = &offer.command else { panic!("{:?}", offer.command) };
            assert_eq!((proposal.wishes.asymmetric, offer.ignored.len()), (false, 1));
        }
    }
    let offer = offer(r#""flags":["command=delete","sdp=x"]"#);
    assert_eq!(
        (offer.command.unwrap().kind(), offer.ignored),
        (Kind::Offer, vec!["command=delete".to_owned(), "sdp=x".to_owned()])
    );
}

#[test]
fn protocols_by_name_and_by_halves() {
    for (flags, transport) in [
        ("", Transport::Kept),
        ("RTP/SAVP", Transport::Profile(Profile::Savp)),
        ("transport-protocol=RTP/AVPF", Transport::Profile(Profile::Avpf)),
        ("transport-protocol=accept", Transport::Accept),
        ("RTP", Transport::Profile(Profile::Avp)),
        ("SRTP", Transport::Profile(Profile::Savp)),
        ("AVPF", Transport::Profile(Profile::Avpf)),
        ("AVP RTP/SAVPF", Transport::Profile(Profile::Savpf)),
    ] {
        assert_eq!(wishes(flags).transport, transport, "{flags}");
    }
    for (tos, wish) in [("0", Tos::Set(0)), ("255", Tos::Set(255)), ("256", Tos::Default), ("-1", Tos::Kept)]
    {
        assert_eq!(wishes(&format!("TOS={tos}")).tos, wish);
    }
}

#[test]
fn a_log_of_a_request_shows_no_description() {
    let shown = format!("{:?} {:?}", request(&kamailio_offer("")), Reply::Sdp(Sdp(SDP.into())));
    assert!(
        shown.contains("call-1@127.0.0.1") && !shown.contains("alice") && !shown.contains("49873"),
        "{shown}"
    );
}
