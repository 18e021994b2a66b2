//! What the voice must be like. Only what a scenario names is judged.

use crate::{
    conversation::Spread,
    media::{Side, Stream},
    traffic::Talk,
};
use std::collections::BTreeMap;

/// Limits in a step or over the whole run. Where nothing else is said, every direction of every call keeps them by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaLimits {
    /// The longest time without a new packet.
    pub gap_ms_max: Option<f64>,
    /// The same of half of the directions.
    pub gap_ms_p50_max: Option<f64>,
    /// The same of 99 in 100.
    pub gap_ms_p99_max: Option<f64>,
    /// Packets that were sent and never heard.
    pub lost_max: Option<u32>,
    /// The share of all packets that was never heard, 0 to 1.
    pub loss_max: Option<f64>,
    /// E-model, ITU-T G.107.
    pub mos_min: Option<f64>,
}

impl MediaLimits {
    pub(super) fn check(self) -> Result<(), String> {
        let gaps = [self.gap_ms_max, self.gap_ms_p50_max, self.gap_ms_p99_max];
        if gaps.into_iter().flatten().any(|ms| ms < 20.0) {
            return Err("media_gap_ms…: a packet comes every 20 ms, so less is not possible".into());
        }
        if self.loss_max.is_some_and(|loss| !(0.0..=1.0).contains(&loss)) {
            return Err("media_loss_max: 0 to 1 is possible".into());
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
        let spread = Spread::of(judged.iter().map(|stream| stream.gap_ms_max).collect());
        let share = |value: f64, limit: Option<f64>, what: &str| {
            let limit = limit.filter(|limit| value > *limit)?;
            Some(format!("voice gap {what} {value} ms, {limit} ms allowed"))
        };
        let p50 = share(spread.p50, self.gap_ms_p50_max, "p50");
        let p99 = share(spread.p99, self.gap_ms_p99_max, "p99");
        let (sent, gone) = judged.iter().fold((0_u64, 0_u64), |(sent, gone), stream| {
            (sent + u64::from(stream.judged), gone + u64::from(stream.lost))
        });
        #[expect(clippy::cast_precision_loss, reason = "packets of a lab are far fewer than 2^52")]
        let loss = gone as f64 / sent as f64;
        let loss = self.loss_max.filter(|limit| loss > *limit).map(|limit| {
            format!(
                "voice lost {gone} of {sent} packets, {:.2} %, {:.2} % allowed",
                loss * 100.0,
                limit * 100.0
            )
        });
        let lost = self
            .lost_max
            .and_then(|packets| worst(|stream| stream.lost.into(), " packets", packets.into(), "voice lost"));
        // The worst score is the lowest.
        let mos =
            self.mos_min.and_then(|mos| worst(|stream| -stream.mos.unwrap_or(1.0), "", -mos, "voice MOS"));
        [gap, p50, p99, loss, lost, mos].into_iter().flatten().collect()
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
        let limits = |gap, lost, mos| MediaLimits {
            gap_ms_max: gap,
            lost_max: lost,
            mos_min: mos,
            ..MediaLimits::default()
        };
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
    fn the_many_and_the_last_in_a_hundred_have_limits_of_their_own() {
        let streams: Vec<Stream> =
            (1..=200).map(|n| stream("a", Side::Caller, 20.0 + f64::from(n), 0, 4.4)).collect();
        let limits = |p50, p99| MediaLimits {
            gap_ms_p50_max: Some(p50),
            gap_ms_p99_max: Some(p99),
            ..MediaLimits::default()
        };
        assert!(broken(limits(120.0, 218.0), &streams).is_empty());
        let expected = ["voice gap p50 120 ms, 119.9 ms allowed", "voice gap p99 218 ms, 217.9 ms allowed"];
        assert_eq!(broken(limits(119.9, 217.9), &streams), expected);
    }

    #[test]
    fn the_share_of_all_packets_has_a_limit() {
        let streams = [stream("a", Side::Caller, 21.0, 3, 4.4), stream("a", Side::Callee, 21.0, 0, 4.4)];
        let limits = |loss| MediaLimits { loss_max: Some(loss), ..MediaLimits::default() };
        assert!(broken(limits(0.015), &streams).is_empty());
        let expected = ["voice lost 3 of 200 packets, 1.50 %, 1.40 % allowed"];
        assert_eq!(broken(limits(0.014), &streams), expected);
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
