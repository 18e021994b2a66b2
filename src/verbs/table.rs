//! Tables for people: columns as wide as they must be, numbers to the right.

use std::fmt::Write as _;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that is printed at once.
pub(super) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for every column");
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let head: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(&self.rows).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let mut row = String::new();
            for (cell, (&width, (_, side))) in line.iter().zip(widths.iter().zip(&self.columns)) {
                // Writing to a String cannot fail.
                let _ = match side {
                    Side::Left => write!(row, "{cell:<width$}  "),
                    Side::Right => write!(row, "{cell:>width$}  "),
                };
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&[("LINK", Side::Left), ("RTT", Side::Right), ("NOTE", Side::Left)]);
        table.row(vec!["a".into(), "64.0".into(), String::new()]);
        table.row(vec!["long".into(), "7.1".into(), "up".into()]);
        assert_eq!(table.render(), "LINK   RTT  NOTE\na     64.0\nlong   7.1  up\n");
    }
}
