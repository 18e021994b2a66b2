//! Session descriptions (RFC 8866) in offer and answer (RFC 3264), as plain text. The phones speak G.711 µ-law and
//! nothing else; telephone-event is named, so that it is carried.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::media::Remote;

/// What the phones name telephone-event by, where the other end has not named it first.
const EVENTS: u8 = 101;

/// A description as the other end wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    media: Vec<MediaLine>,
}

/// One `m=` line and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MediaLine {
    kind: String,
    port: u16,
    transport: String,
    formats: String,
    host: Option<Ipv4Addr>,
    rtcp: Option<(u16, Option<Ipv4Addr>)>,
    direction: Direction,
    events: Option<u8>,
}

/// Who speaks, from the view of the one who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Direction {
    #[default]
    Both,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

/// The stream that a description agrees to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) remote: Remote,
    /// Whether the other end wants to hear anything.
    pub(super) speaking: bool,
}

impl Direction {
    const ALL: [Self; 4] = [Self::Both, Self::SendOnly, Self::ReceiveOnly, Self::Inactive];

    fn word(self) -> &'static str {
        match self {
            Self::Both => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// RFC 3264 §6.1: the answer's view of the same.
    fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::ReceiveOnly,
            Self::ReceiveOnly => Self::SendOnly,
            Self::Both | Self::Inactive => self,
        }
    }
}

impl Description {
    /// None for what is no session description.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut lines = text.lines();
        if lines.next()?.trim_end() != "v=0" {
            return None;
        }
        let (mut host, mut direction) = (None, Direction::default());
        let mut media: Vec<MediaLine> = Vec::new();
        for line in lines {
            let (kind, value) = line.split_once('=')?;
            match (kind, media.last_mut()) {
                ("m", _) => media.push(MediaLine::read(value, host, direction)?),
                ("c", None) => host = address(value),
                ("c", Some(current)) => current.host = address(value),
                ("a", None) => direction = direction_of(value).unwrap_or(direction),
                ("a", Some(current)) => current.attribute(value),
                _ => {}
            }
        }
        Some(Self { media })
    }

    /// The stream that it offers or accepts; None when there is none that the phones could speak.
    pub(super) fn agreement(&self) -> Option<Agreement> {
        let line = self.voice().and_then(|index| self.media.get(index))?;
        let host = line.host?;
        let (rtcp_port, rtcp_host) = line.rtcp.unwrap_or((line.port.saturating_add(1), None));
        let remote = Remote {
            rtp: SocketAddrV4::new(host, line.port),
            rtcp: SocketAddrV4::new(rtcp_host.unwrap_or(host), rtcp_port),
        };
        let listens = matches!(line.direction, Direction::Both | Direction::ReceiveOnly);
        // RFC 3264 §8.4: an address of zeros is hold as it was written before `sendonly`.
        Some(Agreement { remote, speaking: listens && !host.is_unspecified() })
    }

    /// The answer's lines from `m=` on: one for each of the offer's, RFC 3264 §6. None when no stream is acceptable.
    pub(super) fn answer(&self, port: u16) -> Option<String> {
        let chosen = self.voice()?;
        let lines = self.media.iter().enumerate().map(|(index, line)| {
            if index == chosen {
                let direction = match line.host {
                    Some(host) if host.is_unspecified() => Direction::ReceiveOnly,
                    _ => line.direction.mirrored(),
                };
                voice_line(port, line.events, direction)
            } else {
                format!("m={} 0 {} {}\r\n", line.kind, line.transport, line.formats)
            }
        });
        Some(lines.collect())
    }

    fn voice(&self) -> Option<usize> {
        self.media.iter().position(|line| {
            let plain = line.kind == "audio" && line.transport == "RTP/AVP" && line.port != 0;
            plain && line.host.is_some() && line.formats.split(' ').any(|format| format == "0")
        })
    }
}

impl MediaLine {
    /// RFC 8866 §5.14: kind, port (perhaps with a count of ports), transport, formats.
    fn read(value: &str, host: Option<Ipv4Addr>, direction: Direction) -> Option<Self> {
        let mut fields = value.trim_end().splitn(4, ' ');
        let (kind, port) = (fields.next()?.to_owned(), fields.next()?);
        let port = port.split('/').next()?.parse().ok()?;
        let (transport, formats) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some(Self { kind, port, transport, formats, host, rtcp: None, direction, events: None })
    }

    fn attribute(&mut self, value: &str) {
        let value = value.trim_end();
        if let Some(direction) = direction_of(value) {
            self.direction = direction;
        } else if let Some(rtcp) = value.strip_prefix("rtcp:") {
            // RFC 3605 §2.1: a port, perhaps with an address.
            let mut fields = rtcp.splitn(2, ' ');
            let port = fields.next().and_then(|port| port.parse().ok());
            self.rtcp = port.map(|port| (port, fields.next().and_then(address)));
        } else if let Some((format, name)) = value.strip_prefix("rtpmap:").and_then(|map| map.split_once(' '))
            && name.to_ascii_lowercase().starts_with("telephone-event/8000")
        {
            self.events = format.parse().ok();
        }
    }
}

/// The `m=` lines of an offer.
pub(super) fn offer(port: u16) -> String {
    voice_line(port, Some(EVENTS), Direction::Both)
}

/// A whole description around its `m=` lines.
pub(super) fn print(host: Ipv4Addr, id: u64, version: u32, media: &str) -> String {
    format!("v=0\r\no=- {id} {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}")
}

fn voice_line(port: u16, events: Option<u8>, direction: Direction) -> String {
    let (format, lines) = match events {
        Some(n) => (format!(" {n}"), format!("a=rtpmap:{n} telephone-event/8000\r\na=fmtp:{n} 0-15\r\n")),
        None => Default::default(),
    };
    let direction = direction.word();
    format!(
        "m=audio {port} RTP/AVP 0{format}\r\na=rtpmap:0 PCMU/8000\r\n{lines}a=ptime:20\r\na={direction}\r\n"
    )
}

fn direction_of(attribute: &str) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| direction.word() == attribute.trim_end())
}

/// The address of a `c=` line, or of an `a=rtcp` behind its port.
fn address(value: &str) -> Option<Ipv4Addr> {
    let address = value.trim_end().strip_prefix("IN IP4 ")?;
    address.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(text: &str) -> Option<(String, String, bool)> {
        let description = Description::read(text.replace('\n', "\r\n").as_bytes())?;
        let Agreement { remote, speaking } = description.agreement()?;
        Some((remote.rtp.to_string(), remote.rtcp.to_string(), speaking))
    }

    #[test]
    fn an_offer_is_read_as_it_was_meant() {
        let text = print("127.17.0.100".parse().unwrap(), 7, 1, &offer(40_000));
        let expected = Some(("127.17.0.100:40000".into(), "127.17.0.100:40001".into(), true));
        assert_eq!(agreement(&text), expected);
        let answer = Description::read(text.as_bytes()).unwrap().answer(5_000).unwrap();
        assert_eq!(answer, offer(5_000));
    }

    #[test]
    fn descriptions_and_what_they_agree_to() {
        let head = "v=0\no=- 1 1 IN IP4 h\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n";
        let voice =
            |port: u16, rtcp: &str, speaking| Some((format!("10.0.0.1:{port}"), rtcp.to_owned(), speaking));
        let cases = [
            ("plain", "m=audio 9000 RTP/AVP 8 0\n", voice(9000, "10.0.0.1:9001", true)),
            ("rtcp apart", "m=audio 9000 RTP/AVP 0\na=rtcp:53020\n", voice(9000, "10.0.0.1:53020", true)),
            (
                "rtcp elsewhere",
                "m=audio 9000 RTP/AVP 0\na=rtcp:53020 IN IP4 10.9.9.9\n",
                voice(9000, "10.9.9.9:53020", true),
            ),
            ("on hold", "m=audio 9000 RTP/AVP 0\na=sendonly\n", voice(9000, "10.0.0.1:9001", false)),
            ("listens", "m=audio 9000 RTP/AVP 0\na=recvonly\n", voice(9000, "10.0.0.1:9001", true)),
            ("inactive", "m=audio 9000 RTP/AVP 0\na=inactive\n", voice(9000, "10.0.0.1:9001", false)),
            (
                "second line",
                "m=video 1 RTP/AVP 96\nm=audio 9000 RTP/AVP 0\n",
                voice(9000, "10.0.0.1:9001", true),
            ),
            ("refused", "m=audio 0 RTP/AVP 0\n", None),
            ("other codec", "m=audio 9000 RTP/AVP 8\n", None),
            ("encrypted", "m=audio 9000 RTP/SAVP 0\n", None),
            ("no media", "", None),
        ];
        for (what, media, expected) in cases {
            assert_eq!(agreement(&format!("{head}{media}")), expected, "{what}");
        }
        let own_host = "v=0\na=inactive\nm=audio 9000 RTP/AVP 0\nc=IN IP4 10.0.0.2\na=sendrecv\n";
        assert_eq!(agreement(own_host), Some(("10.0.0.2:9000".into(), "10.0.0.2:9001".into(), true)));
        let old_hold = "v=0\nc=IN IP4 0.0.0.0\nm=audio 9000 RTP/AVP 0\n";
        assert_eq!(agreement(old_hold), Some(("0.0.0.0:9000".into(), "0.0.0.0:9001".into(), false)));
        for garbage in ["", "v=1\n", "v=0\nnonsense\n", "v=0\nc=IN IP4 10.0.0.1\nm=audio x RTP/AVP 0\n"] {
            assert_eq!(agreement(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn an_answer_has_a_line_for_every_line_of_the_offer_and_the_mirrored_direction() {
        let offer = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 9002 RTP/AVP 96 97\r\nm=audio 9000 RTP/AVP 0 96\r\n\
                     a=rtpmap:96 telephone-event/8000\r\na=sendonly\r\n";
        let answer = Description::read(offer.as_bytes()).unwrap().answer(4_000).unwrap();
        let expected = "m=video 0 RTP/AVP 96 97\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\n\
                        a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:20\r\na=recvonly\r\n";
        assert_eq!(answer, expected);
        let foreign = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 9000 RTP/AVP 8\r\n";
        assert_eq!(Description::read(foreign.as_bytes()).unwrap().answer(4_000), None);
    }
}
