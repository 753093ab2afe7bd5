//! Tables for people: columns as wide as their widest cell.

use std::io::{self, Write};

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

/// Spaces between two columns.
const GAP: usize = 2;

impl Table {
    /// A table with these columns.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row. Control characters are shown as `?`: what others wrote must not steer a terminal.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell.into())).collect());
    }

    /// Writes it out, or `nothing` when it has no rows.
    ///
    /// # Errors
    /// As the output.
    pub fn write_or(&self, nothing: &str, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.len() > 1 { self.write(out) } else { writeln!(out, "{nothing}") }
    }

    /// Writes it out. The last cell of a row is not padded.
    ///
    /// # Errors
    /// As the output.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.rows.iter().try_for_each(|row| writeln!(out, "{}", line(row, &widths)))
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let padded = row.iter().zip(widths).map(|(cell, width_max)| {
        let padding = width_max.saturating_sub(width(cell)) + GAP;
        format!("{cell}{:padding$}", "")
    });
    padded.collect::<String>().trim_end().to_owned()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// Text with control characters made harmless.
pub fn visible(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["A", "LONG", "C"]);
        table.push(["grün", "1", ""]);
        table.push(["x", "a\u{1b}[1m", "last"]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "A     LONG   C\ngrün  1\nx     a?[1m  last\n");
    }
}
