//! Plain tables: columns as wide as they must be, hostile text escaped.

use std::fmt::Write as _;

use crate::types::shown;

/// A table for people.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|h| (*h).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|c| shown(&c).into_owned()).collect());
    }

    /// The text, a line each, without trailing blanks.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell}{:pad$}  ", "", pad = width - cell.chars().count());
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_names_cannot_break_out() {
        let mut t = Table::new(&["A", "LONGER"]);
        t.row(["wide cell".into(), "1".into()]);
        t.row(["x\ny".into(), "é".into()]);
        assert_eq!(t.text(), "A          LONGER\nwide cell  1\nx\\ny       é\n");
    }
}
