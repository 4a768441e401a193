//! Who can read what: how many of all logins, and from where they come.

use std::cmp::Reverse;

use crate::exposure::outcome::ReachRow;
use crate::report::exposure::entry::Place;
use crate::report::html::bound::{self, Budget};
use crate::report::html::words;

/// Rows in the page.
const LISTED: usize = 150;
/// Rows that stand open.
const OPEN: usize = 12;
/// Bytes of HTML for all rows.
const BYTES: usize = 45_000;
/// Classes of data that are told.
const CLASSES: usize = 6;

/// One table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub object: String,
    /// Classes of data with their columns.
    pub classes: Vec<String>,
    /// Classes that are not told.
    pub more: usize,
    /// Percent of all logins that read it.
    pub width: String,
    /// `9 of 12`.
    pub readers: String,
    /// `2`.
    pub writers: String,
    /// Whether everybody can.
    pub public: bool,
    /// From where its readers come; empty where that is not known.
    pub from: String,
    /// Whether they can come from the internet.
    pub internet: bool,
    /// Whether one of them can without encryption.
    pub plain: bool,
}

/// The section.
#[derive(Debug)]
pub struct Reach {
    /// One sentence.
    pub summary: String,
    /// Rows that stand open.
    pub first: Vec<Row>,
    /// Rows behind a fold.
    pub rest: Vec<Row>,
    /// Rows that are not in the page.
    pub more: usize,
}

/// The section of a report.
pub fn of(rows: &[ReachRow]) -> Reach {
    let mut budget = Budget::new(BYTES);
    let mut first: Vec<Row> = rows
        .iter()
        .take(LISTED)
        .map(row)
        .take_while(|r| budget.take(700, &[&r.object, &r.classes.concat(), &r.from]))
        .collect();
    let more = rows.len() - first.len();
    let rest = if first.len() > OPEN + 1 { first.split_off(OPEN) } else { Vec::new() };
    Reach { summary: summary(rows), first, rest, more }
}

fn row(r: &ReachRow) -> Row {
    let part = if r.logins == 0 { 0.0 } else { f64::from(r.readers.min(r.logins)) / f64::from(r.logins) };
    let widest = r.widest_entry.as_deref();
    let place = widest.map(Place::of_class);
    Row {
        object: bound::name(&r.object),
        classes: r.classes.iter().take(CLASSES).map(|c| bound::cut(c, 120)).collect(),
        more: r.classes.len().saturating_sub(CLASSES),
        width: format!("{:.1}%", part * 100.0),
        readers: format!("{} of {}", words::count(r.readers.into()), words::count(r.logins.into())),
        writers: words::count(r.writers.into()),
        public: r.public,
        from: match (place, widest) {
            (Some(Place::Other), Some(class)) => bound::cut(class, 80),
            (Some(place), _) => place.name().to_owned(),
            (None, _) => String::new(),
        },
        internet: place == Some(Place::Internet),
        plain: r.without_tls == Some(true),
    }
}

fn summary(rows: &[ReachRow]) -> String {
    if rows.is_empty() {
        return "Who can read what was not looked at, or there is no table.".to_owned();
    }
    let told = rows.iter().filter(|r| !r.classes.is_empty());
    let widest = told.clone().max_by_key(|r| (r.public, Reverse(r.logins.saturating_sub(r.readers))));
    let classified = words::some(told.count(), "table or view holds", "tables and views hold");
    match widest {
        None => "No data of a known class was found in what is listed.".to_owned(),
        Some(r) => format!(
            "{classified} data of a known class. The most open of them can be read by {} of {} that are no superusers.",
            words::count(r.readers.into()),
            words::some(r.logins as usize, "login", "logins")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::{sample, with_name};

    #[test]
    fn a_row_says_how_many_of_all_logins() {
        let r = of(&sample().reach);
        assert!(r.summary.contains("can be read by 9 of 12 logins"), "{}", r.summary);
        let row = &r.first[0];
        assert_eq!((row.width.as_str(), row.readers.as_str(), row.from.as_str()), ("75.0%", "9 of 12", "The internet"));
        assert!(row.public && row.plain && row.internet);
        assert_eq!(row.classes, ["email: contact", "iban: financial"]);
    }

    #[test]
    fn rows_are_bounded_and_nothing_divides_by_zero() {
        let mut one = sample().reach[0].clone();
        (one.logins, one.readers, one.widest_entry) = (0, 7, None);
        let r = of(&vec![one; 1_000]);
        assert_eq!(r.first.len(), 12);
        assert!(r.rest.len() > 20 && r.more == 1_000 - 12 - r.rest.len(), "{}", r.rest.len());
        assert_eq!((r.first[0].width.as_str(), r.first[0].from.as_str()), ("0.0%", ""));
        let r = of(&vec![with_name(&"<".repeat(5_000)).reach[0].clone(); 1_000]);
        assert!(r.more > 900, "{}", r.more);
        assert!(of(&[]).summary.contains("not looked at"));
    }
}
