//! What the relay counted, in the shape of rtpengine's reports.

use crate::{
    core::{
        relay::{CallReport, StreamReport},
        srtp::Suite,
    },
    ng::{self, MediaReport, Member, Quality, Report, Sample},
};
use std::time::Duration;

/// The report of one call.
pub(super) fn of(call: &CallReport) -> Report {
    let mut members: Vec<Member> = Vec::new();
    for stream in &call.streams {
        let same = |member: &Member| *member.tag == *stream.tag && *member.branch == *stream.branch;
        let place = members.iter().position(same).unwrap_or_else(|| {
            members.push(Member {
                tag: stream.tag.to_string(),
                branch: stream.branch.to_string(),
                label: stream.label.to_string(),
                created: call.created,
                peers: Vec::new(),
                media: Vec::new(),
            });
            members.len() - 1
        });
        let member = &mut members[place];
        let peer = stream.peer.iter().map(ToString::to_string);
        member.peers.extend(peer.filter(|peer| !member.peers.contains(peer)).collect::<Vec<_>>());
        member.media.push(media(stream, call));
    }
    Report { created: call.created, last_signal: call.signaled, members }
}

fn media(stream: &StreamReport, call: &CallReport) -> MediaReport {
    let summary = &stream.summary;
    let quality = stream.mos.map(|mos| {
        let rtt = stream.round_trip.unwrap_or_default();
        let jitter = Duration::from_secs_f64(summary.jitter_ms.max(0.0) / 1_000.0);
        // One account over all of its time: it is its own worst and best.
        let at = stream.last.unwrap_or(call.created);
        let sample = Sample { mos, rtt, jitter, loss: summary.loss(), at };
        Quality { lost: summary.lost, average: sample, samples: 1, lowest: sample, highest: sample }
    });
    let sends = stream.last.is_some();
    MediaReport {
        kind: stream.medium.kind.to_string(),
        protocol: stream.medium.profile.map(|profile| profile.name().to_owned()).unwrap_or_default(),
        codec: stream.medium.codec.to_string(),
        sends,
        receives: stream.remote.is_some(),
        muxed: stream.muxed,
        streams: vec![ng::StreamReport {
            rtcp: false,
            local: stream.local,
            endpoint: stream.remote,
            advertised: stream.remote,
            confirmed: sends,
            suite: stream.medium.suite.map(Suite::name),
            last_packet: stream.last,
            ssrc: sends.then_some(summary.ssrc),
            packets: summary.packets,
            bytes: summary.bytes,
            errors: stream.dropped,
            quality,
        }],
    }
}
