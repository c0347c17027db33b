//! Tables of text with aligned columns.

use std::fmt::Write;

/// Table of cells; the first row is the heads of the columns.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Indexes of the columns that are aligned to the right.
    right: Vec<usize>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self::with_heads(heads.iter().map(ToString::to_string).collect())
    }

    pub(crate) fn with_heads(heads: Vec<String>) -> Self {
        Self { rows: vec![heads], right: Vec::new() }
    }

    /// Aligns these columns to the right.
    #[must_use]
    pub(crate) fn right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.right.extend(columns);
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |cell: Option<&String>| cell.map_or(0, |cell| cell.chars().count());
        (0..columns).map(|column| self.rows.iter().map(|row| width(row.get(column))).max().unwrap_or(0)).collect()
    }

    /// Width of the printed table, in characters.
    pub(crate) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
    }

    pub(crate) fn render(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let start = text.len();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                // Writing to a `String` cannot fail.
                let _ = if self.right.contains(&column) {
                    write!(text, "{gap}{cell:>width$}")
                } else {
                    write!(text, "{gap}{cell:<width$}")
                };
            }
            text.truncate(start + text[start..].trim_end().len());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(["TO", "COST", "WHY"]).right([1]);
        table.row(["ä".to_owned(), "1".to_owned(), String::new()]);
        table.row(["long".to_owned(), "10.25".to_owned(), "x".to_owned()]);
        assert_eq!(table.render(), "TO     COST  WHY\nä         1\nlong  10.25  x\n");
        assert_eq!(table.width(), 16);
    }
}
