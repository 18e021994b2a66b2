//! Segments, played again.

use super::{
    Segment,
    line::{After, CHANGE, Line},
};
use ringway_router::{Change, Router, Time};
use std::io::{self, BufRead as _};

/// A router as it was.
pub struct Past {
    /// It.
    pub router: Router,
    /// The last that it had been told of then.
    pub told: Time,
    /// What one should know: that something is missing between then and the moment that was asked for.
    pub note: String,
}

/// Why there is no past.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    /// The record does not go back so far.
    #[error("the record does not reach back to then")]
    Before,
    /// A segment cannot be read.
    #[error("the record cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

impl Past {
    /// The router at a moment, everything of that moment included, from the segments around it.
    ///
    /// # Errors
    /// When there is none that old, or it cannot be read.
    pub fn at(at: Time, segments: &[Segment]) -> Result<Self, NotReplayed> {
        let index = segments.iter().rposition(|segment| segment.from <= at).ok_or(NotReplayed::Before)?;
        let mut past: Option<Self> = None;
        let (mut torn, mut whole) = (false, true);
        for line in segments[index].open()?.split(b'\n') {
            let line = line?;
            if line.starts_with(CHANGE) {
                continue;
            }
            let Ok(line) = serde_json::from_slice::<Line>(&line) else {
                // The machine stopped in the middle of it, or somebody wrote in it: nothing behind it can be trusted.
                torn = true;
                break;
            };
            if line.at() > at {
                whole = false;
                break;
            }
            match (line, &mut past) {
                (Line::Snapshot { at, router, .. }, None) => {
                    past = Some(Self { router: *router, told: at, note: String::new() });
                }
                (Line::Input { at, input }, Some(past)) => {
                    past.router.handle(at, input);
                    while past.router.poll().is_some() {}
                    past.told = at;
                }
                (Line::Snapshot { .. }, Some(_)) | (Line::Input { .. }, None) | (Line::Change(_), _) => {}
            }
        }
        let mut past = past.ok_or(NotReplayed::Before)?;
        if whole {
            past.note = note(segments, index, torn);
        }
        Ok(past)
    }
}

fn note(segments: &[Segment], index: usize, torn: bool) -> String {
    let what = match segments.get(index + 1).map(|next| next.after) {
        // The one that was asked for is the last before the next one, which follows without a gap, or there is no next.
        Some(After::Turn) | None if !torn && !segments[index].cut => return String::new(),
        Some(After::Turn) | None if segments[index].cut => "the record has lost what came next",
        Some(After::Start) => "the node was started anew after that",
        Some(After::Loss) => "the record has lost what came next",
        Some(After::Turn) | None => "the record is torn there",
    };
    format!("as of the last entry of the record before then; {what}")
}

/// All changes in a span of time.
///
/// # Errors
/// When a segment cannot be read.
pub fn changes(segments: &[Segment], from: Time) -> Result<Vec<Change>, NotReplayed> {
    let mut changes = Vec::new();
    for segment in segments {
        for line in segment.open()?.split(b'\n') {
            let line = line?;
            if !line.starts_with(CHANGE) {
                continue;
            }
            if let Ok(Line::Change(change)) = serde_json::from_slice(&line)
                && change.at >= from
            {
                changes.push(*change);
            }
        }
    }
    Ok(changes)
}
