//! Any bytes as a session description.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ringway_sip::sdp::{Attribute, Crypto, Description, Limits, Rtcp, Scope, Tunnel};

const TUNNEL: Tunnel = Tunnel { relay: 1, stream: 2 };

/// It is read in all its parts, or refused with a line that is there; what is changed is a description again, and says
/// what it was changed to.
pub(crate) fn sdp(data: &[u8]) {
    let description = match Description::parse(data.to_vec(), &Limits::default()) {
        Ok(description) => description,
        Err(error) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!((1..=lines + 1).contains(&error.line), "{error}");
            return;
        }
    };
    assert_eq!(description.edit().finish(), data);
    use_up(&description);
    let address = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let mut edit = description.edit();
    edit.connections(address);
    edit.origin(address);
    edit.username("-");
    edit.version(1);
    edit.session_name("");
    edit.remove_ice();
    edit.remove_dtls();
    edit.remove_tunnels();
    for index in 0..description.sections() {
        edit.connection(Scope::Media(index), IpAddr::V4(Ipv4Addr::LOCALHOST));
        edit.port(index, 4_000);
        edit.protocol(index, "RTP/AVP");
        edit.rtcp(index, Some(Rtcp::full(4_001, address)));
        edit.rtcp_mux(index, true);
        edit.remove_crypto(index);
        edit.add_crypto(index, &Crypto { tag: 1, suite: "X", keys: "inline:a", session: "" });
        edit.tunnel(index, Some(TUNNEL));
    }
    let changed = Description::parse(edit.finish(), &Limits::NONE).expect("a changed description parses");
    assert_eq!(changed.sections(), description.sections());
    assert_eq!(changed.origin().address, "IN IP6 ::1");
    for media in changed.media() {
        assert_eq!(media.rtp(), Some((Ipv4Addr::LOCALHOST, 4_000).into()));
        assert_eq!(media.rtcp(), Ok(Some((Ipv6Addr::LOCALHOST, 4_001).into())));
        assert_eq!((media.tunnel(), media.crypto().count()), (Ok(Some(TUNNEL)), 1));
        assert!(media.is_muxed() && !media.has_ice());
    }
    assert_eq!(changed.answers(&changed), Ok(()));
}

fn use_up(description: &Description) {
    let lines: Vec<_> = description.lines().collect();
    for (position, line) in lines.iter().enumerate() {
        assert_eq!(line.number, position + 1);
    }
    let _ = (description.origin(), description.connection(), description.attributes().count());
    for media in description.media() {
        assert_eq!(lines[media.line() - 1].letter, 'm');
        let _ = (media.kind(), media.ports(), media.profile(), media.rtp(), media.rtcp(), media.is_held());
        let _ = (media.ptime(), media.direction(), media.inherited("setup"), media.tunnel());
        let _ = media.formats().filter_map(|format| media.rtpmap(format).or(media.fmtp(format))).count();
        for crypto in media.crypto().flatten() {
            assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto));
            let _ = crypto.inline();
        }
        let ices = media.attributes().filter(Attribute::is_ice).count();
        assert!(media.has_ice() || ices == 0);
    }
}
