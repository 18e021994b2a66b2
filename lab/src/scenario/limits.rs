//! What the voice must be like. Only what a scenario names is judged.

use crate::{
    media::{Side, Stream},
    traffic::Talk,
};
use std::collections::BTreeMap;

/// Limits that every direction of every call keeps by itself, in a step or over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaLimits {
    /// The longest time without a new packet.
    pub gap_ms_max: Option<f64>,
    /// Packets that were sent and never heard.
    pub lost_max: Option<u32>,
    /// E-model, ITU-T G.107.
    pub mos_min: Option<f64>,
}

impl MediaLimits {
    pub(super) fn check(self) -> Result<(), String> {
        if self.gap_ms_max.is_some_and(|ms| ms < 20.0) {
            return Err("media_gap_ms_max: a packet comes every 20 ms, so less is not possible".into());
        }
        if self.mos_min.is_some_and(|mos| !(1.0..=4.5).contains(&mos)) {
            return Err("media_mos_min: 1 to 4.5 is possible".into());
        }
        Ok(())
    }

    /// What breaks them: for each limit the worst stream, in words. Nothing to judge breaks them, too.
    pub(crate) fn broken_by(self, streams: &[Stream], talks: &BTreeMap<String, Talk>) -> Vec<String> {
        if self == Self::default() {
            return Vec::new();
        }
        let judged: Vec<&Stream> = streams.iter().filter(|stream| stream.judged > 0).collect();
        if judged.is_empty() {
            return vec!["no voice was there to be judged".into()];
        }
        let worst = |key: fn(&Stream) -> f64, unit: &str, limit: f64, what: &str| {
            let worst = judged.iter().max_by(|a, b| key(a).total_cmp(&key(b)))?;
            let value = key(worst);
            let place = place(worst, talks);
            (value > limit)
                .then(|| format!("{what} {}{unit}, {}{unit} allowed: {place}", value.abs(), limit.abs()))
        };
        let gap = self.gap_ms_max.and_then(|ms| worst(|stream| stream.gap_ms_max, " ms", ms, "voice gap"));
        let lost = self
            .lost_max
            .and_then(|packets| worst(|stream| stream.lost.into(), " packets", packets.into(), "voice lost"));
        // The worst score is the lowest.
        let mos =
            self.mos_min.and_then(|mos| worst(|stream| -stream.mos.unwrap_or(1.0), "", -mos, "voice MOS"));
        [gap, lost, mos].into_iter().flatten().collect()
    }
}

/// Who spoke, from where to where.
fn place(stream: &Stream, talks: &BTreeMap<String, Talk>) -> String {
    let call_id = &stream.speaker.call_id;
    let Some(talk) = talks.get(call_id) else { return format!("call {call_id}") };
    let direction = match stream.speaker.side {
        Side::Caller => talk.pair.clone(),
        Side::Callee => talk.pair.reversed(),
    };
    format!("call {call_id}, voice {direction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, media::LegName, pair::Pair};

    fn stream(call_id: &str, side: Side, gap_ms_max: f64, lost: u32, mos: f64) -> Stream {
        let speaker = LegName { call_id: call_id.into(), side };
        Stream { speaker, judged: 100, lost, gap_ms_max, mos: Some(mos) }
    }

    fn broken(limits: MediaLimits, streams: &[Stream]) -> Vec<String> {
        let talk = Talk { pair: Pair::new("w", "e"), long: true, answered_at: clock::now(), ended_at: None };
        limits.broken_by(streams, &[("a".to_owned(), talk)].into())
    }

    #[test]
    fn only_what_is_named_is_judged_and_the_worst_is_told() {
        let streams = [
            stream("a", Side::Caller, 21.0, 0, 4.4),
            stream("a", Side::Callee, 240.5, 3, 3.5),
            stream("b", Side::Caller, 90.0, 1, 4.0),
        ];
        let none = MediaLimits::default();
        assert!(broken(none, &streams).is_empty());
        assert!(broken(none, &[]).is_empty());
        let limits = |gap, lost, mos| MediaLimits { gap_ms_max: gap, lost_max: lost, mos_min: mos };
        assert!(broken(limits(Some(250.0), Some(3), Some(3.5)), &streams).is_empty());
        let expected = [
            "voice gap 240.5 ms, 130 ms allowed: call a, voice e > w",
            "voice lost 3 packets, 0 packets allowed: call a, voice e > w",
            "voice MOS 3.5, 4 allowed: call a, voice e > w",
        ];
        assert_eq!(broken(limits(Some(130.0), Some(0), Some(4.0)), &streams), expected);
        assert_eq!(
            broken(limits(None, Some(0), None), &streams[2..])[0],
            "voice lost 1 packets, 0 packets allowed: call b"
        );
    }

    #[test]
    fn silence_is_no_success() {
        let limits = MediaLimits { lost_max: Some(0), ..MediaLimits::default() };
        let silent = Stream { judged: 0, ..stream("a", Side::Caller, 0.0, 0, 4.4) };
        assert_eq!(broken(limits, &[silent]), ["no voice was there to be judged"]);
    }

    #[test]
    fn limits_that_nothing_could_keep_are_refused() {
        assert!(MediaLimits { gap_ms_max: Some(5.0), ..MediaLimits::default() }.check().is_err());
        assert!(MediaLimits { mos_min: Some(5.0), ..MediaLimits::default() }.check().is_err());
        assert_eq!(MediaLimits { lost_max: Some(0), ..MediaLimits::default() }.check(), Ok(()));
    }
}
