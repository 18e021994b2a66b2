//! Decision records: where a router stood, and what it was told since. Played again they give the router of any moment
//! in between, and so the same paths, the same reasons and the same candidates.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Change, Explanation, Input, Region, Router, Time, Traffic};

/// A journal holds no more inputs than this: at 200 nodes that report twice a second, five minutes. Then it is time for
/// the next one.
const ENTRIES_MAX: usize = 120_000;

/// A router at one moment, and everything that it was told since then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Journal {
    from: Time,
    start: Router,
    entries: Vec<(Time, Input)>,
}

/// One decision: what there was to choose from, what was chosen, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The change; `None`: nothing changed at that moment, the choice was made before.
    pub change: Option<Change>,
    /// Every candidate in numbers, the chosen one and the reason.
    pub explanation: Explanation,
    /// How many inputs the router had been told since the journal was begun.
    pub inputs: usize,
    /// The last of them: what led to the decision.
    pub last: Option<Input>,
}

impl Journal {
    /// Begins with the router as it stands, its outputs taken.
    pub fn new(now: Time, router: &Router) -> Self {
        Self { from: now, start: router.clone(), entries: Vec::new() }
    }

    /// Writes down what `router` is about to be told. Returns whether there was room.
    pub fn note(&mut self, now: Time, input: &Input, router: &Router) -> bool {
        let entry = match input {
            // What cannot be true is refused, whatever it is, and may not even be written down: NaN has no
            // text. All that it can bring is that time passes.
            Input::Report(report) if report.check().is_err() => {
                if router.deadline().is_none_or(|deadline| now < deadline) {
                    return true;
                }
                Input::Tick
            }
            input => input.clone(),
        };
        let room = self.entries.len() < ENTRIES_MAX;
        if room {
            self.entries.push((now, entry));
        }
        room
    }

    /// The time that it covers: its start, and its last input.
    pub fn span(&self) -> (Time, Time) {
        (self.from, self.entries.last().map_or(self.from, |(at, _)| *at))
    }

    /// How many inputs it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has happened since it was begun.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The router as it was at a moment, everything of that moment included. Before the start: as it was at the start.
    pub fn replay(&self, at: Time) -> Router {
        let mut router = self.start.clone();
        for (then, input) in self.until(at) {
            router.handle(*then, input.clone());
            while router.poll().is_some() {}
        }
        router
    }

    /// Every change of path up to a moment, in order.
    pub fn changes(&self, at: Time) -> Vec<Change> {
        let mut router = self.start.clone();
        let mut changes = Vec::new();
        for (then, input) in self.until(at) {
            router.handle(*then, input.clone());
            while let Some(output) = router.poll() {
                if let crate::Output::Changed(change) = output {
                    changes.push(change);
                }
            }
        }
        changes
    }

    /// The decision that was in force at a moment.
    pub fn decision(&self, at: Time, from: &Region, to: &Region, traffic: &Traffic) -> Decision {
        let router = self.replay(at);
        let explanation = router.explain(at, from, to, traffic);
        let made = |change: &Change| {
            (&change.from, &change.to, &change.slice) == (from, to, &explanation.slice)
                && Some(change.at) == explanation.since
        };
        let change = self.changes(at).into_iter().rev().find(made);
        Decision {
            inputs: self.until(at).count(),
            last: self.until(at).last().map(|(_, input)| input.clone()),
            change,
            explanation,
        }
    }

    fn until(&self, at: Time) -> impl Iterator<Item = &(Time, Input)> {
        self.entries.iter().take_while(move |(then, _)| *then <= at)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { from, to, chosen, reason, candidates, policy_revision, refused, .. } =
            &self.explanation;
        let named = chosen.as_ref().map_or("none".to_owned(), |path| path.detour().to_string());
        writeln!(f, "{from} > {to}: {named}: {reason} (policy revision {policy_revision})")?;
        if let Some(refused) = refused {
            writeln!(f, "  refused: {refused}")?;
        }
        for crate::Candidate { verdict, ranked } in candidates {
            let path = ranked.path.detour().to_string();
            let (r, ms, percent) = (ranked.r, ranked.delay_ms, ranked.loss * 100.0);
            let (score, note) = (ranked.score, &ranked.note);
            writeln!(
                f,
                "  {verdict:<10} {path:<32} R {r:5.1}  {ms:6.1} ms  {percent:5.2} %  score {score:5.1}  {note}"
            )?;
        }
        Ok(())
    }
}
