//! The record: what the router was told, and where it stood now and then, so that any decision of the last hours can be
//! looked at again. Inputs are written as they come, behind a snapshot of the router that begins each segment; a segment
//! played again gives the router of any moment in it.
//!
//! The control task never waits for the record. What finds no room is counted, and the next thing that is written is a
//! snapshot: a replay may know less than happened, but never something else.

mod line;
mod replay;
mod shelf;

use line::Line;
use prometheus::IntCounter;
use ringway_router::{Change, Input, Router, Time};
use shelf::Shelf;
use std::{io, path::PathBuf, thread, time::Duration};
use tokio::sync::{mpsc, oneshot};

pub use line::After;
pub use replay::{NotReplayed, Past, changes};
pub use shelf::{Facts, Segment};

/// Lines that may wait for the disk: some seconds of a large mesh.
const QUEUE: usize = 2_048;
/// A snapshot begins a new segment after so long: what a replay has to go through at most.
const SEGMENT: Duration = Duration::from_secs(300);
/// Or after so many inputs.
const SEGMENT_INPUTS: usize = 60_000;
/// Without a folder.
const MEMORY: Limits = Limits { age: Duration::from_secs(3_600), bytes: 64 << 20 };

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nothing older.
    pub age: Duration,
    /// Nothing beyond; the oldest goes first.
    pub bytes: u64,
}

enum Message {
    Line(Line),
    Ask(Box<dyn FnOnce(&mut Shelf) + Send>),
}

/// The control task's end: it notes.
pub struct Recorder {
    sender: mpsc::Sender<Message>,
    dropped: IntCounter,
    /// What the next snapshot comes after; `None`: no snapshot is due.
    due: Option<After>,
    began: Time,
    inputs: usize,
}

/// The admin server's end: it asks.
#[derive(Clone)]
pub struct Reader {
    sender: mpsc::Sender<Message>,
}

/// Opens the record and starts the thread that keeps it, which ends with the last of its two ends.
///
/// # Errors
/// When the folder cannot be made or read.
pub fn open(folder: Option<PathBuf>, limits: Limits, dropped: IntCounter) -> io::Result<(Recorder, Reader)> {
    let limits = if folder.is_some() { limits } else { MEMORY };
    let mut shelf = Shelf::open(folder, limits, dropped.clone())?;
    let (sender, mut messages) = mpsc::channel(QUEUE);
    thread::Builder::new().name("record".into()).spawn(move || {
        while let Some(first) = messages.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Line(line) => shelf.put(line),
                    Message::Ask(question) => question(&mut shelf),
                }
                next = messages.try_recv().ok();
            }
            shelf.flush();
        }
    })?;
    let reader = Reader { sender: sender.clone() };
    let recorder = Recorder { sender, dropped, due: Some(After::Start), began: Time::default(), inputs: 0 };
    Ok((recorder, reader))
}

impl Recorder {
    /// Notes what `router` is about to be told.
    pub fn note(&mut self, now: Time, input: &Input, router: &Router) {
        let input = match input {
            // What cannot be true is refused, whatever it is, and may have no text (NaN). All that it can bring about
            // is that time passes.
            Input::Report(report) if report.check().is_err() => {
                if router.deadline().is_none_or(|deadline| now < deadline) {
                    return;
                }
                Input::Tick
            }
            input => input.clone(),
        };
        if self.due.is_none() && (now.since(self.began) >= SEGMENT || self.inputs >= SEGMENT_INPUTS) {
            self.due = Some(After::Turn);
        }
        if let Some(after) = self.due {
            if self.sender.capacity() == 0 {
                return self.lose();
            }
            let snapshot = Line::Snapshot { at: now, after, router: Box::new(router.clone()) };
            if !self.send(snapshot) {
                return;
            }
            (self.due, self.began, self.inputs) = (None, now, 0);
        }
        self.inputs += 1;
        self.send(Line::Input { at: now, input });
    }

    /// Notes that another path was chosen.
    pub fn note_change(&mut self, change: &Change) {
        if self.due.is_none() {
            self.send(Line::Change(Box::new(change.clone())));
        }
    }

    fn send(&mut self, line: Line) -> bool {
        let sent = self.sender.try_send(Message::Line(line)).is_ok();
        if !sent {
            self.lose();
        }
        sent
    }

    fn lose(&mut self) {
        self.dropped.inc();
        self.due = Some(self.due.unwrap_or(After::Loss));
    }
}

impl Reader {
    /// The segments that reach into a span of time, the oldest first, with all that was noted until now.
    pub async fn segments(&self, from: Time, until: Time) -> Vec<Segment> {
        self.ask(move |shelf| shelf.segments(from, until)).await.unwrap_or_default()
    }

    /// How the record is.
    pub async fn facts(&self) -> Option<Facts> {
        self.ask(|shelf| shelf.facts()).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Shelf) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        // Whoever asked may have left before the answer.
        let message = Message::Ask(Box::new(move |shelf| drop(sender.send(question(shelf)))));
        self.sender.send(message).await.ok()?;
        receiver.await.ok()
    }
}

#[cfg(test)]
mod tests;
