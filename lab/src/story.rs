//! The story of a run: one line for each thing that happens, with its time. The lines go to whoever shows them.

use std::{
    sync::mpsc::{SyncSender, TrySendError},
    time::{Duration, Instant},
};

use crate::clock;

/// Lines that wait for the terminal. A line that finds no room is dropped: the lab must not wait for a screen.
pub(crate) const BACKLOG: usize = 1_024;

/// A line of the story, or of the table at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Since the start of the lab; None for the table.
    pub(crate) at: Option<Duration>,
    /// What it is about, one word.
    pub(crate) topic: &'static str,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How a line is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// A headline.
    Strong,
    Good,
    Bad,
}

/// Where lines are told; clones tell the same story.
#[derive(Clone)]
pub(crate) struct Story {
    start: Instant,
    lines: SyncSender<Option<Line>>,
}

impl Story {
    pub(crate) fn new(start: Instant, lines: SyncSender<Option<Line>>) -> Self {
        Self { start, lines }
    }

    /// When the lab began.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    pub(crate) fn tell(&self, topic: &'static str, tone: Tone, text: impl Into<String>) {
        self.put(Line { at: Some(clock::now() - self.start), topic, text: text.into(), tone });
    }

    /// A line without time and topic.
    pub(crate) fn print(&self, tone: Tone, text: impl Into<String>) {
        self.put(Line { at: None, topic: "", text: text.into(), tone });
    }

    /// Says that no more will come, whoever else may still hold the story.
    pub(crate) fn end(&self) {
        // Fails only when nobody listens any more.
        let _ = self.lines.send(None);
    }

    fn put(&self, line: Line) {
        if let Err(TrySendError::Full(Some(line))) = self.lines.try_send(Some(line)) {
            tracing::warn!(text = line.text, "the screen is too slow for the story; a line is lost");
        }
    }
}

impl Line {
    /// The line as plain text: `  12.3s  route   …`. Further lines of a text are indented below the first.
    pub(crate) fn plain(&self) -> String {
        match self.at {
            Some(at) => format!("{}{}", self.head(at), self.text.replace('\n', &format!("\n{:17}", ""))),
            None => self.text.clone(),
        }
    }

    /// Time and topic in columns.
    pub(crate) fn head(&self, at: Duration) -> String {
        format!("{:>6.1}s  {:<8}", at.as_secs_f64(), self.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_in_columns() {
        let at = Some(Duration::from_millis(9_440));
        let line = Line { at, topic: "route", text: "a > b\nbecause".into(), tone: Tone::Plain };
        assert_eq!(line.plain(), "   9.4s  route   a > b\n                 because");
    }
}
