//! The terminal: a ratatui inline viewport with the panel, and above it the story, which stays in the scrollback.
//!
//! The terminal is never put into raw mode. Ctrl-C stays a signal, and all that there is to restore is the cursor.

use std::{
    io::{self, Stdout},
    panic,
};

use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::{Backend as _, CrosstermBackend},
    crossterm::{cursor::Show, execute},
    style::{Color, Modifier, Style},
    text::{Line as TextLine, Span, Text},
    widgets::Widget as _,
};

use super::panel::{HEIGHT, Panel};
use crate::story::{Line, Tone};

/// Below this the panel would leave no room for the story.
const ROWS_MIN: u16 = HEIGHT + 6;
const INDENT: usize = 17;

pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let backend = CrosstermBackend::new(io::stdout());
        if backend.size()?.height < ROWS_MIN {
            return Err(io::Error::other("too few rows for a panel"));
        }
        show_cursor_on_panic();
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let mut terminal = Terminal::with_options(backend, options)?;
        terminal.hide_cursor()?;
        Ok(Self { terminal })
    }

    pub(super) fn tell(&mut self, line: &Line) -> io::Result<()> {
        let text = styled(line, self.terminal.size()?.width.into());
        let height = u16::try_from(text.lines.len()).unwrap_or(u16::MAX);
        self.terminal.insert_before(height, |buffer| text.render(buffer.area, buffer))
    }

    pub(super) fn draw(&mut self, panel: &Panel) -> io::Result<()> {
        self.terminal.draw(|frame| panel.render(frame.area(), frame.buffer_mut())).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The panel goes, the story stays, and the shell's prompt follows it.
        let top = self.terminal.get_frame().area().as_position();
        let _ = self.terminal.clear();
        let _ = self.terminal.set_cursor_position(top);
        let _ = self.terminal.show_cursor();
    }
}

/// A release build aborts on panic, so no destructor would bring the cursor back.
fn show_cursor_on_panic() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let _ = execute!(io::stdout(), Show);
        previous(panic);
    }));
}

/// The rows of a line: time and topic in front of the first, the others below its text.
fn styled(line: &Line, width: usize) -> Text<'static> {
    let style = match line.tone {
        Tone::Plain => Style::new(),
        Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
    };
    let Some(at) = line.at else { return Text::styled(line.text.clone(), style) };
    let dim = Style::new().add_modifier(Modifier::DIM);
    let mut rows = Vec::new();
    for (paragraph, part) in line.text.split('\n').enumerate() {
        for row in wrapped(part, width.saturating_sub(INDENT)) {
            let head = if rows.is_empty() { line.head(at) } else { " ".repeat(INDENT) };
            let style = if paragraph == 0 { style } else { dim };
            rows.push(TextLine::from(vec![Span::styled(head, dim), Span::styled(row, style)]));
        }
    }
    Text::from(rows)
}

/// Breaks at spaces; a word that is longer than a row stands alone and is cut by the terminal's edge.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let row = rows.last_mut().unwrap_or_else(|| unreachable!("there is always a first row"));
        if !row.is_empty() && row.chars().count() + 1 + word.chars().count() > width {
            rows.push(word.to_owned());
        } else {
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn long_lines_break_at_words_and_hang_below_their_text() {
        let at = Some(Duration::from_millis(9_440));
        let line = Line { at, topic: "route", text: "a > b now via c\nloss 20 %".into(), tone: Tone::Plain };
        let rows: Vec<String> = styled(&line, INDENT + 10).lines.iter().map(ToString::to_string).collect();
        let expected = ["   9.4s  route   a > b now", "                 via c", "                 loss 20 %"];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_word_that_fits_nowhere_is_kept_whole() {
        assert_eq!(wrapped("see /tmp/a-long-directory now", 8), ["see", "/tmp/a-long-directory", "now"]);
        assert_eq!(wrapped("", 8), [""]);
    }
}
