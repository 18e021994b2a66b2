//! How a run came out: one JSON object for programs, a table and a verdict for people.

use serde::Serialize;

use crate::{
    observer::RouteChange,
    story::{Story, Tone},
    traffic::{CallCounts, SetupTimes},
};

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
    /// Every change of a route that carries calls.
    pub route_changes: Vec<RouteChange>,
    /// The steps that were played.
    pub steps: Vec<StepResult>,
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
    /// Whether it held.
    pub ok: bool,
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
        let CallCounts { placed, answered, failed } = self.calls;
        let SetupTimes { p50, p99 } = self.setup_ms;
        story.print(Tone::Plain, "");
        let calls = format!("  calls    placed {placed}   answered {answered}   failed {failed}");
        story.print(if failed == 0 { Tone::Plain } else { Tone::Bad }, calls);
        story.print(
            Tone::Plain,
            format!("  set-up   p50 {p50:.0} ms   p99 {p99:.0} ms   (INVITE to first 18x)"),
        );
        story.print(Tone::Plain, format!("  routes   {} changes", self.route_changes.len()));
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

/// Head and rows, aligned; nothing when no step was played.
fn table(steps: &[StepResult]) -> Vec<String> {
    if steps.is_empty() {
        return Vec::new();
    }
    let head = ["step", "expected", "observed", "after", ""].map(String::from);
    let rows = steps.iter().zip(1..).map(|(step, number)| {
        let after = step.after_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"));
        let ok = if step.ok { "ok" } else { "FAIL" };
        [format!("{number} {}", step.title), step.expected.clone(), step.observed.clone(), after, ok.into()]
    });
    let rows: Vec<_> = [head].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [title, expected, observed, after] = [0, 1, 2, 3].map(width);
    rows.iter()
        .map(|[a, b, c, d, ok]| {
            format!("  {a:<title$}   {b:<expected$}   {c:<observed$}   {d:>after$}   {ok}")
        })
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(title: &str, observed: &str, after_ms: Option<u64>) -> StepResult {
        let (title, expected, observed) = (title.into(), "direct".into(), observed.into());
        StepResult { title, at_s: 1.0, expected, observed, after_ms, ok: after_ms.is_some() }
    }

    #[test]
    fn the_table_is_aligned() {
        let steps = [step("healthy", "direct", Some(12)), step("brownout", "via us-east-2", None)];
        let expected = [
            "  step         expected   observed        after",
            "  1 healthy    direct     direct          12 ms   ok",
            "  2 brownout   direct     via us-east-2       -   FAIL",
        ];
        assert_eq!(table(&steps), expected);
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let summary = Summary {
            verdict: Verdict::Pass,
            scenario: "short".into(),
            seed: 1,
            duration_s: 20.5,
            calls: CallCounts { placed: 2, answered: 2, failed: 0 },
            setup_ms: SetupTimes { p50: 66.0, p99: 70.5 },
            route_changes: vec![RouteChange {
                at_s: 3.2,
                from: "a".into(),
                to: "b".into(),
                old: "a > b".into(),
                new: "a > c > b".into(),
                reason: "loss".into(),
            }],
            steps: vec![step("healthy", "direct", Some(12))],
            failures: vec![],
        };
        let json = serde_json::to_string(&summary).unwrap();
        let expected = concat!(
            r#"{"verdict":"pass","scenario":"short","seed":1,"duration_s":20.5,"#,
            r#""calls":{"placed":2,"answered":2,"failed":0},"setup_ms":{"p50":66.0,"p99":70.5},"#,
            r#""route_changes":[{"at_s":3.2,"from":"a","to":"b","old":"a > b","new":"a > c > b","reason":"loss"}],"#,
            r#""steps":[{"title":"healthy","at_s":1.0,"expected":"direct","observed":"direct","after_ms":12,"ok":true}],"#,
            r#""failures":[]}"#,
        );
        assert_eq!(json, expected);
    }
}
