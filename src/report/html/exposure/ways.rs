//! Who can enter, as a picture: from near (top) to far, by what has to be shown.
//! Danger is told by a word, by filled bars and by the frame; colour only helps.

use super::bars::Danger;
use crate::checks::Severity;
use crate::exposure::outcome::EntryRow;
use crate::report::exposure::entry::{self, Place, Proof};
use crate::report::html::bound::{self, Budget};
use crate::report::html::words;

/// Ways in the list.
const LISTED: usize = 200;
/// Bytes of HTML for the list.
const BYTES: usize = 45_000;
/// Ranges and names that are told one by one.
const NAMED: usize = 3;

/// A cell of the picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its danger.
    pub danger: Danger,
    /// `12 roles`.
    pub roles: String,
    /// Whether a superuser is among them.
    pub superuser: bool,
    /// Whether one of its ways is not encrypted.
    pub plain: bool,
    /// Whether that depends on what cannot be known.
    pub maybe: bool,
}

/// A row of the picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The place.
    pub place: &'static str,
    /// Ranges in it; may be empty.
    pub ranges: String,
    /// Whether nobody can enter from there.
    pub nobody: bool,
    /// By proof, each with the proof's name.
    pub cells: Vec<(&'static str, Option<Cell>)>,
}

/// One way, for the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// Its danger.
    pub danger: Danger,
    /// Where it begins.
    pub from: String,
    /// `tls, scram-sha-256`.
    pub how: String,
    /// As what.
    pub roles: String,
    /// Whether one of them is a superuser.
    pub superuser: bool,
    /// Into what.
    pub databases: String,
    /// The rule.
    pub rule: String,
    /// Whether that depends on what cannot be known.
    pub maybe: bool,
}

/// The section.
#[derive(Debug)]
pub struct Ways {
    /// One sentence.
    pub summary: String,
    /// Columns: name and methods.
    pub columns: Vec<(&'static str, &'static str)>,
    /// Rows; empty where nothing is known.
    pub lines: Vec<Line>,
    /// All ways, the worst first.
    pub list: Vec<Way>,
    /// Ways that are not in the page.
    pub more: usize,
}

/// The section of a report.
pub fn of(rows: &[EntryRow]) -> Ways {
    let lines = entry::matrix(rows);
    let mut budget = Budget::new(BYTES);
    let list: Vec<Way> = rows
        .iter()
        .take(LISTED)
        .map(way)
        .take_while(|w| budget.take(400, &[&w.from, &w.how, &w.roles, &w.databases, &w.rule]))
        .collect();
    Ways {
        summary: summary(rows, &lines),
        columns: Proof::ALL.map(|p| (p.name(), p.methods())).into(),
        lines: lines.iter().map(|l| line(l, rows)).collect(),
        more: rows.len() - list.len(),
        list,
    }
}

fn line(l: &entry::Line, rows: &[EntryRow]) -> Line {
    let mut ranges: Vec<&str> = Vec::new();
    for from in rows.iter().filter(|r| Place::of(r) == l.place).map(|r| r.from.as_str()) {
        if !ranges.contains(&from) && ranges.len() <= NAMED {
            ranges.push(from);
        }
    }
    let cell = |c: &entry::Cell| Cell {
        danger: c.danger.into(),
        roles: words::some(c.roles as usize, "role", "roles"),
        superuser: c.superuser,
        plain: c.plain,
        maybe: c.maybe,
    };
    Line {
        place: l.place.name(),
        ranges: if l.place == Place::Socket { String::new() } else { named(&ranges, ranges.len()) },
        nobody: l.cells.iter().all(Option::is_none),
        cells: Proof::ALL.iter().map(|p| p.name()).zip(l.cells.iter().map(|c| c.as_ref().map(cell))).collect(),
    }
}

fn way(w: &EntryRow) -> Way {
    Way {
        danger: entry::danger(w).into(),
        from: bound::name(&w.from),
        how: format!("{}, {}", bound::cut(&w.transport, 40), bound::cut(&w.method, 40)),
        roles: named(&w.roles, w.role_count as usize),
        superuser: w.superuser,
        databases: named(&w.databases, w.databases.len()),
        rule: bound::text(&w.rule),
        maybe: w.maybe,
    }
}

/// `a, b, c and 9 more`; only their number where no name is known.
fn named<S: AsRef<str>>(names: &[S], all: usize) -> String {
    let first: Vec<String> = names.iter().take(NAMED).map(|n| bound::name(n.as_ref())).collect();
    match all.saturating_sub(first.len()) {
        0 => first.join(", "),
        n if first.is_empty() => words::count(n as u64),
        n => format!("{} and {} more", first.join(", "), words::count(n as u64)),
    }
}

fn summary(rows: &[EntryRow], lines: &[entry::Line]) -> String {
    if lines.is_empty() {
        return "Who can enter is not known: no access rules were read.".to_owned();
    }
    let trust = rows.iter().filter(|r| entry::danger(r) == Severity::Critical).count();
    let internet = rows.iter().any(|r| Place::of(r) == Place::Internet);
    let admin = rows.iter().any(|r| r.superuser && entry::danger(r) >= Severity::High);
    let first = if internet { "The internet can try to enter." } else { "Nobody can enter from the internet." };
    let second = if admin { " A superuser can come in over a way that is not safe." } else { "" };
    let third = match trust {
        0 => String::new(),
        1 => " One way is critical.".to_owned(),
        n => format!(" {} ways are critical.", words::count(n as u64)),
    };
    format!("{first}{second}{third}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::{sample, with_name};

    #[test]
    fn the_picture_says_who_comes_in_from_where() {
        let w = of(&sample().entry);
        assert_eq!(
            w.summary,
            "The internet can try to enter. A superuser can come in over a way that is not safe. One way is critical."
        );
        let places: Vec<(&str, bool)> = w.lines.iter().map(|l| (l.place, l.nobody)).collect();
        assert_eq!(
            places,
            [("Socket on the host", false), ("Loopback", true), ("Private networks", false), ("The internet", false)]
        );
        let cell = w.lines[3].cells[0].1.as_ref().unwrap();
        assert_eq!((cell.danger.class, cell.danger.words, cell.roles.as_str()), ("d4", "critical", "12 roles"));
        assert!(cell.superuser && cell.plain && !cell.maybe);
        assert_eq!(w.lines[2].ranges, "10.0.0.0/8, db.acme.example");
        assert_eq!(w.list[0].roles, "app, postgres and 10 more");
        assert_eq!((w.list.len(), w.more), (4, 0));
    }

    #[test]
    fn not_known_is_not_nobody() {
        let w = of(&[]);
        assert!(w.summary.contains("not known") && w.lines.is_empty());
    }

    #[test]
    fn the_list_is_bounded() {
        let long = with_name(&"<".repeat(5_000)).entry[0].clone();
        let w = of(&vec![long; 1_000]);
        assert!(w.list.len() < 50 && w.more == 1_000 - w.list.len(), "{}", w.list.len());
        assert!(w.lines.len() <= 6);
    }
}
