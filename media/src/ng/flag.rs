//! Flags: single words, in the lists `flags`, `replace`, `rtcp-mux` and `SDES`, and with their list's name in front in
//! `flags` or in the one text `rtpp-flags`, as newer Kamailios send it. And the keys that are rtpengine's own affair.

use super::Refusal;
use super::draft::{Draft, normal};
use super::value::Value;
use super::wishes::RtcpAttribute;
use ringway_sip::sdp::Profile;

impl Draft {
    /// One flag.
    pub(super) fn flag(&mut self, flag: &str) {
        // In `rtpp-flags`, keys with values are flags too: ICE=remove, or label=caller.
        if let Some((key, value)) = flag.split_once('=') {
            return match &normal(key)[..] {
                // No flags in flags, however deep, and no other order than the one that was given.
                "flags" | "rtpp-flags" | "command" | "sdp" => self.ignore(flag),
                _ => self.entry(key, &Value::text(value.trim_matches(['[', ']']))),
            };
        }
        let word = normal(flag);
        if self.switch(&word) || self.prefixed(&word, flag) {
            return;
        }
        match Profile::named(flag) {
            Some(_) => self.transport(&Value::text(flag)),
            None => self.ignore(flag),
        }
    }

    /// A flag that stands for itself.
    fn switch(&mut self, word: &str) -> bool {
        match word {
            // What the relay does anyway.
            "symmetric" | "no-port-latching" | "debug" | "debugging" => {}
            "trust-address" => self.wishes.trust_address = true,
            "sip-source-address" => self.wishes.trust_address = false,
            "asymmetric" => self.wishes.asymmetric = true,
            "strict-source" => self.wishes.strict_source = true,
            "media-handover" => self.wishes.media_handover = true,
            "unidirectional" => self.wishes.unidirectional = true,
            "port-latching" => self.wishes.port_latching = true,
            "loop-protect" => self.wishes.loop_protect = true,
            "original-sendrecv" => self.wishes.original_sendrecv = true,
            "reset" => self.wishes.reset = true,
            "no-rtcp-attribute" => self.wishes.rtcp_attribute = RtcpAttribute::None,
            "full-rtcp-attribute" => self.wishes.rtcp_attribute = RtcpAttribute::Full,
            "pad-crypto" => self.wishes.sdes.pad = true,
            "fatal" => self.fatal = true,
            "all" => self.all = true,
            "internal" | "external" => self.wishes.interfaces.push(word.to_owned()),
            "rtp" => self.secure = Some(false),
            "srtp" => self.secure = Some(true),
            "avp" => self.feedback = Some(false),
            "avpf" => self.feedback = Some(true),
            "always-transcode" | "single-codec" | "inject-dtmf" => self.refuse(TRANSCODING),
            _ => return false,
        }
        true
    }

    /// A flag of another list, with the name of the list in front.
    fn prefixed(&mut self, word: &str, flag: &str) -> bool {
        // In `word` and in `flag` letters stand at the same places; suites are told with their case.
        let behind = |prefix: &str| {
            word.starts_with(prefix).then(|| flag.trim().get(prefix.len()..).unwrap_or_default())
        };
        if let Some(rest) = behind("replace-") {
            self.replace(rest);
        } else if let Some(rest) = behind("rtcp-mux-") {
            self.mux(rest);
        } else if let Some(rest) = behind("sdes-") {
            self.sdes(rest);
        } else if behind("codec-").is_some() {
            self.refuse(TRANSCODING);
        } else if behind("sdp-attr-").is_some() {
            self.refuse(Refusal::Unsupported("attributes from outside"));
        } else {
            return false;
        }
        true
    }

    /// A word of `replace`.
    pub(super) fn replace(&mut self, word: &str) {
        let replace = &mut self.wishes.replace;
        match &normal(word)[..] {
            "origin" => replace.origin = true,
            "session-connection" => replace.session_connection = true,
            "username" => replace.username = true,
            "session-name" => replace.session_name = true,
            "sdp-version" => replace.version = true,
            "force-increment-sdp-ver" | "force-increment-sdp-version" => replace.version_always = true,
            "zero-address" => replace.zero_address = true,
            other => self.ignore(&format!("replace {other}")),
        }
    }

    /// A word of `rtcp-mux`.
    pub(super) fn mux(&mut self, word: &str) {
        let mux = &mut self.wishes.mux;
        match &normal(word)[..] {
            "offer" => mux.offer = true,
            "require" => mux.require = true,
            "demux" => mux.demux = true,
            "accept" => mux.accept = true,
            "reject" => mux.reject = true,
            other => self.ignore(&format!("rtcp-mux {other}")),
        }
    }

    /// A word of `SDES`.
    pub(super) fn sdes(&mut self, word: &str) {
        let sdes = &mut self.wishes.sdes;
        let lower = normal(word);
        let behind = |prefix: &str| lower.starts_with(prefix).then(|| word.trim()[prefix.len()..].to_owned());
        let list = |suites: &str| {
            suites.split([';', ',']).filter(|suite| !suite.is_empty()).map(str::to_owned).collect()
        };
        match &lower[..] {
            "off" | "no" | "disable" => sdes.off = true,
            // What is so anyway.
            "on" | "encrypted_srtp" | "encrypted_srtcp" | "authenticated_srtp" => {}
            "unencrypted_srtp" | "unencrypted_srtcp" | "unauthenticated_srtp" => {
                self.refuse(Refusal::Unsupported("SRTP without encryption"));
            }
            "nonew" => sdes.nonew = true,
            "pad" => sdes.pad = true,
            "lifetime" => sdes.lifetime = true,
            "static" => sdes.fixed = true,
            _ => {
                if let Some(suite) = behind("no-") {
                    sdes.without.push(suite);
                } else if let Some(suite) = behind("only-") {
                    sdes.only.push(suite);
                } else if let Some(suites) = behind("order:") {
                    sdes.order = list(&suites);
                } else {
                    self.ignore(&format!("SDES {word}"));
                }
            }
        }
    }

    /// A key that is not among those that the relay acts on.
    pub(super) fn foreign(&mut self, key: &str, value: &Value<'_>) {
        let text = value.as_str().map(normal).unwrap_or_default();
        let is_off = matches!(&text[..], "" | "off" | "no" | "disable" | "default" | "0");
        let asked = value.as_integer().is_some_and(|number| number != 0)
            || value.as_list().is_some_and(|list| !list.is_empty())
            || value.as_dictionary().is_some_and(|dictionary| !dictionary.is_empty())
            || !is_off;
        let refusal = match &normal(key)[..] {
            "codec" | "ptime" | "ptime-reverse" => TRANSCODING,
            "t.38" | "t38" => Refusal::Unsupported("T.38"),
            "sdp-attr" => Refusal::Unsupported("attributes from outside"),
            "media-echo" => Refusal::Unsupported("echo"),
            "audio-player" => Refusal::Unsupported("playing"),
            "delay-buffer" | "dtmf-delay" => Refusal::Unsupported("delay"),
            // To accept is no order to offer.
            "osrtp" if text.starts_with("offer") => Refusal::Unsupported("OSRTP"),
            // A role in a handshake that never comes, or a wish to record, changes nothing between the phones.
            "dtls" | "dtls-reverse" | "record-call" | "generate-rtcp" if is_off => return,
            _ => return self.ignore(key),
        };
        if asked {
            self.refuse(refusal);
        }
    }
}

const TRANSCODING: Refusal = Refusal::Unsupported("transcoding");
