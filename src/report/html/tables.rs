//! Tables with their rows, worst first.

use std::cmp::Reverse;

use super::bound::{self, Budget};
use super::mark::Mark;
use super::words::{self, count};
use crate::report::Report;
use crate::report::model::TableProof;
use crate::types::Redaction;

/// Rows that stand open in the page; bad ones may be more.
const OPEN: usize = 12;
/// Bad rows that stand open.
const OPEN_BAD: usize = 50;
/// Rows in the page at all.
const LISTED: usize = 300;
/// Bytes of HTML for all rows.
const BYTES: usize = 300_000;

/// What is known of a table's rows, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Rows or content are not the signed ones.
    Differs,
    /// It could not be read.
    Unread,
    /// It was read, and there is nothing to compare it with.
    Read,
    /// The number of rows is right; the content was not compared.
    Counted,
    /// Rows and content are the signed ones.
    Identical,
}

impl State {
    /// Of one table. A digest that matches while the rows differ is no match.
    pub fn of(t: &TableProof) -> Self {
        match (t.rows, t.expected_rows, t.content_matches) {
            (_, _, Some(false)) => Self::Differs,
            (None, ..) => Self::Unread,
            (Some(rows), Some(expected), _) if rows != expected => Self::Differs,
            (Some(_), Some(_), Some(true)) => Self::Identical,
            (Some(_), Some(_), None) => Self::Counted,
            (Some(_), None, _) => Self::Read,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::Unread => "not readable",
            Self::Read => "read, nothing to compare with",
            Self::Counted => "same number of rows, content not compared",
            Self::Identical => "identical",
        }
    }

    const fn mark(self) -> Mark {
        match self {
            Self::Differs => Mark::Bad,
            Self::Unread => Mark::Open,
            Self::Read | Self::Counted => Mark::Waived,
            Self::Identical => Mark::Good,
        }
    }
}

const STATES: [State; 5] = [State::Identical, State::Counted, State::Read, State::Unread, State::Differs];

/// How many tables are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([usize; 5]);

impl Tally {
    /// Counts.
    pub fn of(tables: &[TableProof]) -> Self {
        let mut all = Self::default();
        for t in tables {
            all.0[State::of(t) as usize] += 1;
        }
        all
    }

    /// Tables in this state.
    pub fn in_state(&self, state: State) -> usize {
        self.0[state as usize]
    }

    /// All tables.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// A stretch of the bar that shows all tables at once.
#[derive(Debug, PartialEq)]
pub struct Stretch {
    /// Class in the style sheet.
    pub class: &'static str,
    /// Left end, percent.
    pub x: String,
    /// Width, percent.
    pub width: String,
    /// Sign of the legend.
    pub mark: Mark,
    /// `1 differs`.
    pub words: String,
}

/// One table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Database, where there is more than one.
    pub database: Option<String>,
    /// Table, in pieces after which a line may end.
    pub table: Vec<String>,
    /// Rows by the signed facts.
    pub expected: String,
    /// Rows that were read.
    pub rows: String,
    /// `1 row is missing`.
    pub difference: Option<String>,
    /// Sign.
    pub mark: Mark,
    /// Result in words.
    pub words: &'static str,
}

/// The section.
#[derive(Debug)]
pub struct Tables {
    /// One sentence.
    pub summary: String,
    /// The bar.
    pub bar: Vec<Stretch>,
    /// Rows that stand open.
    pub first: Vec<Row>,
    /// Rows behind a fold.
    pub rest: Vec<Row>,
    /// What is not listed.
    pub left_out: Option<String>,
}

/// The section of a report.
pub fn of(r: &Report) -> Tables {
    let tally = Tally::of(&r.tables);
    let mut sorted: Vec<&TableProof> = r.tables.iter().collect();
    sorted.sort_by_key(|t| {
        let gap = t.rows.zip(t.expected_rows).map_or(0, |(a, b)| a.abs_diff(b));
        (State::of(t), Reverse(gap), Reverse(t.rows), &t.database, &t.table)
    });
    let several = sorted.iter().any(|t| t.database != sorted[0].database);
    let mut budget = Budget::new(BYTES);
    let mut first: Vec<Row> = sorted
        .iter()
        .take(LISTED)
        .map(|t| row(t, several))
        .take_while(|r| budget.take(400, &[r.database.as_deref().unwrap_or(""), &r.table.concat()]))
        .collect();
    let listed = first.len();
    let bad = first.iter().filter(|r| matches!(r.mark, Mark::Bad | Mark::Open)).count().min(OPEN_BAD);
    let open = bad.max(OPEN);
    // A fold over two or three rows hides more than it saves.
    let rest = if listed > open + 3 { first.split_off(open) } else { Vec::new() };
    let left_out = (listed < sorted.len()).then(|| {
        let others = &sorted[listed..];
        let n = words::some(others.len(), "more table is", "more tables are");
        let how = match State::of(others[0]) {
            State::Identical => ", all identical".to_owned(),
            s => format!(", the first of them: {}", s.words()),
        };
        format!("{n} not listed here{how}. The JSON report lists every one.")
    });
    Tables { summary: summary(r, tally), bar: bar(tally), first, rest, left_out }
}

fn summary(r: &Report, tally: Tally) -> String {
    let total = tally.total();
    if total == 0 && r.redaction == Redaction::Details {
        return "Tables are left out of this report, as report.redact demands. The checks tell how many were compared."
            .to_owned();
    }
    if total == 0 {
        return "No table's rows were counted or compared in this drill.".to_owned();
    }
    let rows = r.tables.iter().filter_map(|t| t.rows).fold(0u64, u64::saturating_add);
    let identical = tally.in_state(State::Identical);
    if tally.in_state(State::Read) == total {
        let tables = words::some(total, "table", "tables");
        return format!(
            "Every row of {tables} was read, {} in all. There are no counts to compare them with.",
            count(rows)
        );
    }
    format!(
        "{} of {} identical to what was backed up, row by row; {} rows were read.",
        count(identical as u64),
        words::some(total, "table is", "tables are"),
        count(rows)
    )
}

fn bar(tally: Tally) -> Vec<Stretch> {
    let total = tally.total() as f64;
    let mut x = 0.0;
    let mut out = Vec::new();
    for state in STATES {
        let n = tally.in_state(state);
        if n == 0 {
            continue;
        }
        let share = n as f64 / total * 100.0;
        // One bad table among 50,000 is still to be seen.
        let wide = if state == State::Identical { share } else { share.max(1.2) };
        let start = f64::min(x, 100.0 - wide);
        out.push(Stretch {
            class: state.mark().class(),
            x: format!("{start:.3}%"),
            width: format!("{wide:.3}%"),
            mark: state.mark(),
            words: format!(
                "{} {}",
                count(n as u64),
                if n > 1 && state == State::Differs { "differ" } else { state.words() }
            ),
        });
        x = start + wide;
    }
    out
}

fn row(t: &TableProof, several: bool) -> Row {
    let state = State::of(t);
    let number = |n: Option<u64>, none: &str| n.map_or_else(|| none.to_owned(), count);
    let difference = match (t.rows, t.expected_rows) {
        (Some(a), Some(b)) if a < b => Some(format!("{} missing", rows_word(b - a))),
        (Some(a), Some(b)) if a > b => Some(format!("{} too many", rows_word(a - b))),
        _ if t.content_matches == Some(false) => Some("content is not the same".to_owned()),
        _ => None,
    };
    Row {
        database: several.then(|| bound::name(&t.database)),
        table: bound::pieces(&t.table),
        expected: number(t.expected_rows, "unknown"),
        rows: number(t.rows, "–"),
        difference,
        mark: state.mark(),
        words: state.words(),
    }
}

fn rows_word(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "row" } else { "rows" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    fn table(name: &str, expected: Option<u64>, rows: Option<u64>, same: Option<bool>) -> TableProof {
        TableProof { database: "shop".into(), table: name.into(), expected_rows: expected, rows, content_matches: same }
    }

    #[test]
    fn only_rows_and_content_together_are_identical() {
        for (expected, rows, same, state) in [
            (Some(3), Some(3), Some(true), State::Identical),
            (Some(3), Some(3), None, State::Counted),
            (Some(3), Some(2), Some(true), State::Differs),
            (Some(3), Some(3), Some(false), State::Differs),
            (None, Some(3), None, State::Read),
            (None, Some(3), Some(true), State::Read),
            (Some(3), None, None, State::Unread),
            (Some(3), None, Some(true), State::Unread),
            (None, None, Some(false), State::Differs),
        ] {
            assert_eq!(State::of(&table("t", expected, rows, same)), state, "{expected:?} {rows:?} {same:?}");
        }
    }

    #[test]
    fn the_worst_come_first_and_the_rest_is_counted() {
        let mut r = sample();
        r.tables = (0..50_000).map(|i| table(&format!("public.t{i:05}"), Some(i), Some(i), Some(true))).collect();
        r.tables[40_000].rows = Some(39_999);
        r.tables[7].rows = None;
        let t = of(&r);
        assert_eq!(
            (t.first[0].table.concat(), t.first[0].difference.as_deref()),
            ("public.t40000".to_owned(), Some("1 row missing"))
        );
        assert_eq!((t.first[1].table.concat(), t.first[1].words), ("public.t00007".to_owned(), "not readable"));
        assert_eq!((t.first.len(), t.first.len() + t.rest.len()), (OPEN, LISTED));
        assert_eq!(
            t.left_out.as_deref(),
            Some("49,700 more tables are not listed here, all identical. The JSON report lists every one.")
        );
        assert!(t.summary.starts_with("49,998 of 50,000 tables are identical"), "{}", t.summary);
        assert_eq!(t.bar.len(), 3);
        assert!(t.bar[2].words.starts_with("1 differs") && t.bar[2].width == "1.200%", "{:?}", t.bar);
    }

    #[test]
    fn long_names_spend_the_budget() {
        let mut r = sample();
        r.tables = (0..400).map(|i| table(&"<".repeat(5000), Some(i), Some(i), Some(true))).collect();
        let t = of(&r);
        let n = t.first.len() + t.rest.len();
        assert!(n < LISTED && n > 50, "{n}");
        assert!(t.left_out.is_some());
    }

    #[test]
    fn a_report_without_tables_says_so() {
        let mut r = sample();
        r.tables.clear();
        let t = of(&r);
        r.tables = vec![table("t", None, Some(1_200), None); 2];
        assert!(of(&r).summary.starts_with("Every row of 2 tables was read, 2,400 in all."));
        r.tables.clear();
        r.redaction = Redaction::Details;
        assert!(of(&r).summary.starts_with("Tables are left out"), "not: none was compared");
        assert!(t.summary.contains("No table") && t.bar.is_empty() && t.first.is_empty() && t.left_out.is_none());
    }
}
