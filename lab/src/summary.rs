//! How a run came out: one JSON object for programs, a table and a verdict for people.

use serde::Serialize;

use crate::{
    conversation::{Conversation, MediaTotals, Spread, StepMedia, Voice},
    observer::RouteChange,
    story::{Story, Tone},
    traffic::{CallCounts, SetupTimes},
};

/// Long calls in the closing table; the JSON object has them all.
const LONG_CALLS_SHOWN: usize = 10;

/// The whole result of a run; this is what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// `pass` only if every expectation held and no call failed.
    pub verdict: Verdict,
    /// The scenario's name.
    pub scenario: String,
    /// What the dice were seeded with.
    pub seed: u64,
    /// From the start of the lab to the end of the story.
    pub duration_s: f64,
    /// How many calls.
    pub calls: CallCounts,
    /// How fast they were set up.
    pub setup_ms: SetupTimes,
    /// What became of their voices.
    pub media: MediaTotals,
    /// Every change of a route that carries calls.
    pub route_changes: Vec<RouteChange>,
    /// The steps that were played.
    pub steps: Vec<StepResult>,
    /// Every answered call, with its voice there and back.
    pub conversations: Vec<Conversation>,
    /// Everything that went wrong, a sentence each.
    pub failures: Vec<String>,
}

/// Pass or fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was as expected.
    Pass,
    /// Something was not.
    Fail,
}

/// How a step came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepResult {
    /// Its title.
    pub title: String,
    /// Seconds since the start of the lab at which its actions were done.
    pub at_s: f64,
    /// The way that new calls had to go.
    pub expected: String,
    /// The way that the last of them went.
    pub observed: String,
    /// From the actions until new calls went that way; absent when they did not.
    pub after_ms: Option<u64>,
    /// What the voices went through, from the actions to the end of the step.
    pub media: StepMedia,
    /// What the scenario does not allow of that, a sentence each.
    pub media_failures: Vec<String>,
    /// Whether it held.
    pub ok: bool,
}

impl StepResult {
    /// For one that did not hold.
    pub(crate) fn failure(&self) -> String {
        let Self { title, expected, observed, media_failures, .. } = self;
        match (self.after_ms, &**media_failures) {
            (Some(_), failures) => format!("step \"{title}\": {}", failures.join("; ")),
            (None, []) => format!("step \"{title}\": expected {expected}, saw {observed}"),
            (None, failures) => {
                format!("step \"{title}\": expected {expected}, saw {observed}; {}", failures.join("; "))
            }
        }
    }
}

impl Summary {
    /// Tells the table and the verdict.
    pub(crate) fn tell(&self, story: &Story) {
        story.print(Tone::Plain, "");
        for (number, line) in table(&self.steps).into_iter().enumerate() {
            let tone = match number.checked_sub(1).and_then(|index| self.steps.get(index)) {
                None => Tone::Strong,
                Some(step) if step.ok => Tone::Plain,
                Some(_) => Tone::Bad,
            };
            story.print(tone, line);
        }
        let CallCounts { placed, answered, failed, asked } = self.calls;
        let SetupTimes { p50, p99 } = self.setup_ms;
        story.print(Tone::Plain, "");
        let calls = format!(
            "  calls    placed {placed}   answered {answered}   failed {failed}   requests to phones within dialogs {asked}"
        );
        story.print(if failed + asked == 0 { Tone::Plain } else { Tone::Bad }, calls);
        story.print(
            Tone::Plain,
            format!("  set-up   p50 {p50:.0} ms   p99 {p99:.0} ms   (INVITE to first 18x)"),
        );
        for line in voice(&self.media) {
            let good = self.media.silent == 0 && self.media.discontinuous == 0 && self.media.wrong == 0;
            story.print(if good { Tone::Plain } else { Tone::Bad }, line);
        }
        story.print(Tone::Plain, format!("  routes   {} changes", self.route_changes.len()));
        for line in long_calls(&self.conversations) {
            story.print(Tone::Plain, line);
        }
        for failure in &self.failures {
            story.print(Tone::Bad, format!("  failure  {failure}"));
        }
        story.print(Tone::Plain, "");
        let (tone, word) = match self.verdict {
            Verdict::Pass => (Tone::Good, "pass"),
            Verdict::Fail => (Tone::Bad, "fail"),
        };
        let Self { scenario, seed, duration_s, .. } = self;
        story.print(tone, format!("  verdict  {word}   scenario {scenario}, seed {seed}, {duration_s:.1} s"));
    }
}

/// All voices in two lines; nothing when nobody spoke.
fn voice(media: &MediaTotals) -> Vec<String> {
    let MediaTotals {
        streams,
        silent,
        sent,
        received,
        lost,
        duplicated,
        wrong,
        discontinuous,
        gap_ms,
        mos_min,
    } = *media;
    if sent == 0 {
        return Vec::new();
    }
    let mos = mos_min.map_or_else(|| "-".into(), |mos| format!("{mos:.2}"));
    let (p50, p99, max) = (gap_ms.p50, gap_ms.p99, gap_ms.max);
    vec![
        format!(
            "  voice    {streams} streams   sent {sent}   received {received}   lost {lost}   duplicated {duplicated}   wrong {wrong}   silent {silent}   discontinuous {discontinuous}"
        ),
        format!("  gaps     p50 {p50:.0} ms   p99 {p99:.0} ms   max {max:.0} ms   lowest MOS {mos}"),
    ]
}

/// The calls that lived through it all, each direction with what it went through and over which paths.
fn long_calls(conversations: &[Conversation]) -> Vec<String> {
    let head = ["long call", "sent", "received", "lost", "dup", "longest gap", "MOS", "path over time"];
    let mut rows = vec![head.map(String::from)];
    for call in conversations.iter().filter(|call| call.long).take(LONG_CALLS_SHOWN) {
        let Conversation { from, to, there, back, .. } = call;
        for (direction, voice) in [(format!("{from} > {to}"), there), (format!("{to} > {from}"), back)] {
            let Some(Voice { stream, path }) = voice else {
                rows.push([
                    direction,
                    "silent".into(),
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
                continue;
            };
            let path: Vec<String> =
                path.iter().map(|used| format!("{:.1}s {}", used.at_s, used.short())).collect();
            let mos = stream.mos.map_or_else(|| "-".into(), |mos| format!("{mos:.2}"));
            let [sent, received, lost, duplicated] =
                [stream.sent, stream.received, stream.lost, stream.duplicated].map(|count| count.to_string());
            let gap = format!("{:.0} ms", stream.gap_ms_max);
            rows.push([direction, sent, received, lost, duplicated, gap, mos, path.join(", ")]);
        }
    }
    if rows.len() > 1 {
        columns(&rows, [false, true, true, true, true, true, true, false])
    } else {
        Vec::new()
    }
}

/// Head and rows, aligned; nothing when no step was played.
fn table(steps: &[StepResult]) -> Vec<String> {
    if steps.is_empty() {
        return Vec::new();
    }
    let head =
        ["step", "expected", "observed", "after", "lost", "gap p50", "p99", "max", ""].map(String::from);
    let rows = steps.iter().zip(1..).map(|(step, number)| {
        let after = step.after_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"));
        let ok = if step.ok { "ok" } else { "FAIL" };
        let lost = step.media.lost.to_string();
        let Spread { p50, p99, max } = step.media.gap_ms;
        let [p50, p99, max] = [p50, p99, max].map(|ms| format!("{ms:.0} ms"));
        let title = format!("{number} {}", step.title);
        [title, step.expected.clone(), step.observed.clone(), after, lost, p50, p99, max, ok.into()]
    });
    let rows: Vec<_> = [head].into_iter().chain(rows).collect();
    columns(&rows, [false, false, false, true, true, true, true, true, false])
}

/// Rows in columns, each as wide as its widest cell; `right` says which are set to the right.
fn columns<const N: usize>(rows: &[[String; N]], right: [bool; N]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = (0..N).map(|column| {
            let (cell, width) = (&row[column], widths[column]);
            if right[column] { format!("   {cell:>width$}") } else { format!("   {cell:<width$}") }
        });
        cells.collect::<String>()[1..].trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{Breaks, Delay, Outage, Rtcp, StreamReport},
        observer::PathUse,
    };

    fn step(title: &str, observed: &str, after_ms: Option<u64>) -> StepResult {
        let (title, expected, observed) = (title.into(), "direct".into(), observed.into());
        let media = StepMedia {
            streams: 2,
            lost: 3,
            gap_ms: Spread { p50: 20.0, p99: 21.0, max: 80.2 },
            mos_min: None,
        };
        let (ok, media_failures) = (after_ms.is_some(), vec![]);
        StepResult { title, at_s: 1.0, expected, observed, after_ms, media, media_failures, ok }
    }

    #[test]
    fn the_table_is_aligned() {
        let steps = [step("healthy", "direct", Some(12)), step("brownout", "via us-east-2", None)];
        let expected = [
            "  step         expected   observed        after   lost   gap p50     p99     max",
            "  1 healthy    direct     direct          12 ms      3     20 ms   21 ms   80 ms   ok",
            "  2 brownout   direct     via us-east-2       -      3     20 ms   21 ms   80 ms   FAIL",
        ];
        assert_eq!(table(&steps), expected);
    }

    #[test]
    fn a_step_that_failed_says_why() {
        let way = step("brownout", "via us-east-2", None);
        assert_eq!(way.failure(), "step \"brownout\": expected direct, saw via us-east-2");
        let voice =
            StepResult { media_failures: vec!["voice lost 3".into()], ..step("policy", "direct", Some(1)) };
        assert_eq!(voice.failure(), "step \"policy\": voice lost 3");
    }

    fn conversation() -> Conversation {
        let stream = StreamReport {
            sent: 100,
            received: 97,
            lost: 3,
            clipped: 0,
            duplicated: 1,
            reordered: 0,
            wrong: 0,
            strangers: 0,
            gap_ms_max: 80.2,
            outages: vec![Outage { at_s: 2.5, ms: 80.2 }],
            delay_ms: Delay { mean: 33.1, p99: 34.0 },
            jitter_ms: 0.4,
            mos: Some(4.21),
            continuous: true,
            breaks: Breaks::default(),
            rtcp: Rtcp { sent: 2, received: 2, wrong: 0, rtt_ms: Some(66.2) },
        };
        let path = vec![
            PathUse { at_s: 1.5, path: "a > b".into() },
            PathUse { at_s: 2.0, path: "a > c > b".into() },
        ];
        Conversation {
            call_id: "x".into(),
            from: "a".into(),
            to: "b".into(),
            long: true,
            answered_at_s: 1.5,
            ended_at_s: Some(3.5),
            there: Some(Voice { stream, path }),
            back: None,
        }
    }

    #[test]
    fn a_long_call_shows_its_voice_and_its_paths() {
        let expected = [
            "  long call     sent   received   lost   dup   longest gap    MOS   path over time",
            "  a > b          100         97      3     1         80 ms   4.21   1.5s direct, 2.0s via c",
            "  b > a       silent",
        ];
        assert_eq!(long_calls(&[conversation()]), expected);
        assert!(long_calls(&[Conversation { long: false, ..conversation() }]).is_empty());
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let summary = Summary {
            verdict: Verdict::Pass,
            scenario: "short".into(),
            seed: 1,
            duration_s: 20.5,
            calls: CallCounts { placed: 2, answered: 2, failed: 0, asked: 0 },
            setup_ms: SetupTimes { p50: 66.0, p99: 70.5 },
            route_changes: vec![RouteChange {
                at_s: 3.2,
                from: "a".into(),
                to: "b".into(),
                old: "a > b".into(),
                new: "a > c > b".into(),
                reason: "loss".into(),
            }],
            media: MediaTotals::of(&[conversation()]),
            steps: vec![step("healthy", "direct", Some(12))],
            conversations: vec![conversation()],
            failures: vec![],
        };
        let json = serde_json::to_string(&summary).unwrap();
        let expected = concat!(
            r#"{"verdict":"pass","scenario":"short","seed":1,"duration_s":20.5,"#,
            r#""calls":{"placed":2,"answered":2,"failed":0,"asked":0},"setup_ms":{"p50":66.0,"p99":70.5},"#,
            r#""media":{"streams":1,"silent":1,"sent":100,"received":97,"lost":3,"duplicated":1,"wrong":0,"discontinuous":0,"#,
            r#""gap_ms":{"p50":80.2,"p99":80.2,"max":80.2},"mos_min":4.21},"#,
            r#""route_changes":[{"at_s":3.2,"from":"a","to":"b","old":"a > b","new":"a > c > b","reason":"loss"}],"#,
            r#""steps":[{"title":"healthy","at_s":1.0,"expected":"direct","observed":"direct","after_ms":12,"#,
            r#""media":{"streams":2,"lost":3,"gap_ms":{"p50":20.0,"p99":21.0,"max":80.2},"mos_min":null},"media_failures":[],"ok":true}],"#,
            r#""conversations":[{"call_id":"x","from":"a","to":"b","long":true,"answered_at_s":1.5,"ended_at_s":3.5,"there":{"#,
            r#""sent":100,"received":97,"lost":3,"clipped":0,"duplicated":1,"reordered":0,"wrong":0,"strangers":0,"#,
            r#""gap_ms_max":80.2,"outages":[{"at_s":2.5,"ms":80.2}],"delay_ms":{"mean":33.1,"p99":34.0},"jitter_ms":0.4,"#,
            r#""mos":4.21,"continuous":true,"breaks":{"ssrc":0,"sequence":0,"timestamp":0},"#,
            r#""rtcp":{"sent":2,"received":2,"wrong":0,"rtt_ms":66.2},"#,
            r#""path":[{"at_s":1.5,"path":"a > b"},{"at_s":2.0,"path":"a > c > b"}]},"back":null}],"#,
            r#""failures":[]}"#,
        );
        assert_eq!(json, expected);
    }
}
