//! What the relay counted, in the shape of rtpengine's reports.

use crate::{
    core::relay::{CallReport, StreamReport},
    ng::{self, MediaReport, Member, Quality, Report, Sample},
};
use ringway_router::Time;
use std::time::Duration;

/// The report of one call. What the relay does not keep, times of parties and words of descriptions, is left out.
pub(super) fn of(call: &CallReport) -> Report {
    let mut members: Vec<Member> = Vec::new();
    for stream in &call.streams {
        let place = members.iter().position(|member| *member.tag == *stream.tag);
        let place = place.unwrap_or_else(|| {
            members.push(Member {
                tag: stream.tag.to_string(),
                branch: String::new(),
                label: String::new(),
                created: call.created,
                peers: Vec::new(),
                media: Vec::new(),
            });
            members.len() - 1
        });
        members[place].media.push(media(stream, call.created));
    }
    let tags: Vec<String> = members.iter().map(|member| member.tag.clone()).collect();
    for member in &mut members {
        member.peers = tags.iter().filter(|tag| **tag != member.tag && !tag.is_empty()).cloned().collect();
    }
    Report { created: call.created, last_signal: call.created, members }
}

fn media(stream: &StreamReport, at: Time) -> MediaReport {
    let summary = &stream.summary;
    let quality = stream.mos.map(|mos| {
        let rtt = stream.round_trip.unwrap_or_default();
        let jitter = Duration::from_secs_f64(summary.jitter_ms.max(0.0) / 1_000.0);
        let sample = Sample { mos, rtt, jitter, loss: summary.loss(), at };
        Quality { lost: summary.lost, average: sample, samples: 1, lowest: sample, highest: sample }
    });
    MediaReport {
        kind: "audio".to_owned(),
        protocol: "RTP/AVP".to_owned(),
        codec: String::new(),
        sends: true,
        receives: true,
        muxed: false,
        streams: vec![ng::StreamReport {
            rtcp: false,
            local: stream.local,
            endpoint: stream.remote,
            advertised: stream.remote,
            confirmed: summary.packets > 0,
            suite: None,
            last_packet: None,
            ssrc: (summary.packets > 0).then_some(summary.ssrc),
            packets: summary.packets,
            bytes: summary.bytes,
            errors: stream.dropped,
            quality,
        }],
    }
}
