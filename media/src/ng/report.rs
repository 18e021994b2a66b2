//! How a call is doing, in the shape of rtpengine's reply to `query`: Kamailio's `$rtpstat` and its `mos_…` variables, and
//! OpenSIPS' `$rtpstat(…)`, read `totals`, `tags` (label, medias, streams, SSRC) and `SSRC` (average, lowest, highest MOS).

use super::{Dictionary, Value};
use ringway_router::Time;
use std::net::SocketAddr;
use std::time::Duration;

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When its first offer came.
    pub created: Time,
    /// When its last offer or answer came.
    pub last_signal: Time,
    /// Its parties.
    pub members: Vec<Member>,
}

/// A party of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its tag; empty while it has not answered.
    pub tag: String,
    /// The branch that it answered on.
    pub branch: String,
    /// The controller's name for it.
    pub label: String,
    /// When it was first heard of.
    pub created: Time,
    /// The tags of whom it talks to.
    pub peers: Vec<String>,
    /// What it sends, one for each `m=` line.
    pub media: Vec<MediaReport>,
}

/// What a party sends on one `m=` line.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaReport {
    /// `audio`, for example; empty while unknown.
    pub kind: String,
    /// `RTP/AVP`, for example; empty while unknown.
    pub protocol: String,
    /// `PCMU/8000`, for example; empty while unknown.
    pub codec: String,
    /// Whether it sends.
    pub sends: bool,
    /// Whether it listens.
    pub receives: bool,
    /// Whether RTCP comes to the port of RTP.
    pub muxed: bool,
    /// RTP and, where it has a port of its own, RTCP.
    pub streams: Vec<StreamReport>,
}

/// What came in on one port.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamReport {
    /// Whether it is RTCP's.
    pub rtcp: bool,
    /// The relay's port; `None` where the party is reached through a tunnel.
    pub local: Option<SocketAddr>,
    /// Where packets to the party go.
    pub endpoint: Option<SocketAddr>,
    /// Where its description wants them.
    pub advertised: Option<SocketAddr>,
    /// Whether the source was learned from packets.
    pub confirmed: bool,
    /// The SRTP suite.
    pub suite: Option<&'static str>,
    /// When the last packet came.
    pub last_packet: Option<Time>,
    /// Whose packets they are.
    pub ssrc: Option<u32>,
    /// Packets received.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that were dropped.
    pub errors: u64,
    /// How good it was.
    pub quality: Option<Quality>,
}

/// How good a stream was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Packets that never came.
    pub lost: u64,
    /// Over all of its time.
    pub average: Sample,
    /// How many samples that is the average of.
    pub samples: u32,
    /// When it was worst.
    pub lowest: Sample,
    /// When it was best.
    pub highest: Sample,
}

/// How good a stream was at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Mean opinion score, 1 to 5 (ITU-T G.107).
    pub mos: f64,
    /// Round trip.
    pub rtt: Duration,
    /// RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// Part of the packets that were lost, 0 to 1.
    pub loss: f64,
    /// When.
    pub at: Time,
}

impl Report {
    /// The entries of a reply.
    pub(super) fn write<'a>(&'a self, reply: &mut Dictionary<'a>) {
        reply.push("created", seconds(self.created));
        reply.push("created_us", Value::count(self.created.micros() % 1_000_000));
        reply.push("last signal", seconds(self.last_signal));
        let (mut sources, mut tags) = (Dictionary::new(), Dictionary::new());
        let mut totals = [[0; 3]; 2];
        for (position, member) in self.members.iter().enumerate() {
            for stream in member.media.iter().flat_map(|media| &media.streams) {
                let total = &mut totals[usize::from(stream.rtcp)];
                for (total, count) in total.iter_mut().zip([stream.packets, stream.bytes, stream.errors]) {
                    *total += count;
                }
                if let (Some(ssrc), Some(quality)) = (stream.ssrc, &stream.quality) {
                    let key = ssrc.to_string();
                    if sources.value(&key).is_none() {
                        sources.push(key, Value::Dictionary(quality.dictionary()));
                    }
                }
            }
            let value = Value::Dictionary(member.dictionary());
            match &member.tag[..] {
                "" => tags.push(format!("<untagged {}>", position + 1), value),
                tag => tags.push(tag, value),
            }
        }
        reply.push("SSRC", Value::Dictionary(sources));
        reply.push("tags", Value::Dictionary(tags));
        let [rtp, rtcp] = totals.map(stats);
        reply.push("totals", Value::Dictionary(Dictionary::new().with("RTP", rtp).with("RTCP", rtcp)));
    }
}

impl Member {
    fn dictionary(&self) -> Dictionary<'_> {
        let mut member = Dictionary::new().with("tag", Value::text(&*self.tag));
        for (key, text) in [("via-branch", &self.branch), ("label", &self.label)] {
            if !text.is_empty() {
                member.push(key, Value::text(&**text));
            }
        }
        member.push("created", seconds(self.created));
        if let Some(peer) = self.peers.first() {
            member.push("in dialogue with", Value::text(&**peer));
        }
        let peers = self.peers.iter().map(|peer| {
            let peer = Dictionary::new().with("tag", Value::text(&**peer));
            Value::Dictionary(peer.with("type", Value::text("offer/answer")))
        });
        let peers = Value::List(peers.collect());
        member.push("subscriptions", peers.clone());
        member.push("subscribers", peers);
        let media = self.media.iter().enumerate();
        let media = media.map(|(index, media)| Value::Dictionary(media.dictionary(index, self.created)));
        member.with("medias", Value::List(media.collect()))
    }
}

impl MediaReport {
    fn dictionary(&self, index: usize, created: Time) -> Dictionary<'_> {
        let secure = self.streams.iter().any(|stream| stream.suite.is_some());
        let flags = [
            ("initialized", true),
            ("send", self.sends),
            ("recv", self.receives),
            ("rtcp-mux", self.muxed),
            ("SDES", secure),
        ];
        let streams = self.streams.iter().map(|stream| Value::Dictionary(stream.dictionary(created)));
        let mut media = Dictionary::new().with("index", Value::count(index as u64 + 1));
        let texts = [("type", &self.kind), ("protocol", &self.protocol), ("codec", &self.codec)];
        for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            media.push(key, Value::text(&**text));
        }
        media.with("streams", Value::List(streams.collect())).with("flags", flag_list(&flags))
    }
}

impl StreamReport {
    fn dictionary(&self, created: Time) -> Dictionary<'_> {
        let mut stream = Dictionary::new();
        if let Some(local) = self.local {
            stream.push("local port", Value::count(local.port().into()));
            stream.push("local address", Value::text(local.ip().to_string()));
            stream.push("family", family(local));
        }
        stream.push("endpoint", endpoint(self.endpoint));
        stream.push("advertised endpoint", endpoint(self.advertised));
        if let Some(suite) = self.suite {
            stream.push("crypto suite", Value::text(suite));
        }
        stream.push("last packet", seconds(self.last_packet.unwrap_or(created)));
        let filled = self.endpoint.is_some();
        let kind = if self.rtcp { "RTCP" } else { "RTP" };
        stream.push("flags", flag_list(&[(kind, true), ("filled", filled), ("confirmed", self.confirmed)]));
        if let Some(ssrc) = self.ssrc {
            stream.push("SSRC", Value::Integer(ssrc.into()));
        }
        stream.with("stats", stats([self.packets, self.bytes, self.errors]))
    }
}

impl Quality {
    fn dictionary<'a>(&self) -> Dictionary<'a> {
        let average = self.average.dictionary().with("samples", Value::Integer(self.samples.into()));
        let at =
            |sample: &Sample| Value::Dictionary(sample.dictionary().with("reported at", seconds(sample.at)));
        Dictionary::new()
            .with("cumulative loss", Value::count(self.lost))
            .with("average MOS", Value::Dictionary(average))
            .with("lowest MOS", at(&self.lowest))
            .with("highest MOS", at(&self.highest))
    }
}

impl Sample {
    /// In rtpengine's units: tenths, microseconds, milliseconds, percent.
    fn dictionary<'a>(&self) -> Dictionary<'a> {
        let whole = |duration: u128| Value::count(u64::try_from(duration).unwrap_or(u64::MAX));
        Dictionary::new()
            .with("MOS", rounded(self.mos * 10.0))
            .with("round-trip time", whole(self.rtt.as_micros()))
            .with("jitter", whole(self.jitter.as_millis()))
            .with("packet loss", rounded(self.loss * 100.0))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a small number, and what is not saturates")]
fn rounded<'a>(number: f64) -> Value<'a> {
    Value::Integer(number.round() as i64)
}

fn seconds<'a>(at: Time) -> Value<'a> {
    Value::count(at.micros() / 1_000_000)
}

fn stats<'a>([packets, bytes, errors]: [u64; 3]) -> Value<'a> {
    let stats = Dictionary::new().with("packets", Value::count(packets)).with("bytes", Value::count(bytes));
    Value::Dictionary(stats.with("errors", Value::count(errors)))
}

fn endpoint<'a>(address: Option<SocketAddr>) -> Value<'a> {
    let mut endpoint = Dictionary::new();
    if let Some(address) = address {
        endpoint.push("family", family(address));
        endpoint.push("address", Value::text(address.ip().to_string()));
        endpoint.push("port", Value::count(address.port().into()));
    }
    Value::Dictionary(endpoint)
}

fn family<'a>(address: SocketAddr) -> Value<'a> {
    Value::text(if address.is_ipv6() { "IPv6" } else { "IPv4" })
}

fn flag_list<'a>(flags: &[(&'static str, bool)]) -> Value<'a> {
    Value::List(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| Value::text(*flag)).collect())
}

#[cfg(test)]
mod tests;
