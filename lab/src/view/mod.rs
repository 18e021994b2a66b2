//! What people see: on a terminal the story scrolls above a live panel; anywhere else it is plain lines. A thread of
//! its own, so that a slow terminal delays nothing.

mod panel;
mod screen;

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

pub(crate) use self::panel::Panel;
use self::screen::Screen;
use crate::story::Line;

const FRAME: Duration = Duration::from_millis(200);

/// The thread that shows the story. It ends with the story, and then the terminal is as it was.
pub(crate) struct View {
    thread: Option<JoinHandle<()>>,
}

/// Where the story goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// To standard output: a panel if that is a terminal, else plain lines.
    Story,
    /// To standard error, plainly: standard output belongs to the JSON object.
    Json,
}

impl View {
    /// Shows `lines` as they come; `panel` is asked for the present a few times a second.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        output: Output,
        lines: Receiver<Option<Line>>,
        panel: impl Fn() -> Panel + Send + 'static,
    ) -> io::Result<Self> {
        let thread = thread::Builder::new().name("view".into()).spawn(move || match output {
            Output::Json => print_lines(&lines, io::stderr()),
            Output::Story if io::stdout().is_terminal() => match Screen::open() {
                Ok(screen) => show(screen, &lines, &panel),
                // A terminal that does not tell where its cursor is can still print lines.
                Err(_) => print_lines(&lines, io::stdout()),
            },
            Output::Story => print_lines(&lines, io::stdout()),
        })?;
        Ok(Self { thread: Some(thread) })
    }

    /// Waits until everything is shown; the story must have been ended.
    pub(crate) fn finish(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A reader that has gone away (`| head`) does not stop the lab.
fn print_lines(lines: &Receiver<Option<Line>>, mut out: impl io::Write) {
    for line in lines.iter().map_while(|line| line) {
        let _ = writeln!(out, "{}", line.plain()).and_then(|()| out.flush());
    }
}

fn show(mut screen: Screen, lines: &Receiver<Option<Line>>, panel: &impl Fn() -> Panel) {
    loop {
        let shown = match lines.recv_timeout(FRAME) {
            Ok(Some(line)) => screen.tell(&line),
            Err(RecvTimeoutError::Timeout) => screen.draw(&panel()),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => return,
        };
        if shown.is_err() {
            // The terminal is gone; the lines still end the loop.
            lines.iter().map_while(|line| line).for_each(drop);
            return;
        }
    }
}

/// Puts one object on standard output.
///
/// # Errors
/// When nobody reads it.
pub(crate) fn print_json(object: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{object}")?;
    out.flush()
}
