//! EXP-DATA-001: classes of data, and who can read them.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::{Sample, Sampled, Table};
use crate::detect::{Class, Holds};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::outcome::ReachRow;
use crate::exposure::{About, Blind, Database, Found, Plane, Seen, Severity, reach};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DATA-001",
        title: "no table with credentials, money or persons is readable by most roles",
        severity: Severity::Critical,
        planes: &[Plane::Copy],
        guide: &[8, 13, 25],
        refs: &["SRG-APP-000311"],
        why: "An injection into any application reads what that application's role can read. Where most roles can \
              read card numbers or password hashes, the least of them is enough to lose them all.",
        inspects: "A sample of every table of the copy (1,000 rows, 200 values a column, two seconds), never of \
                   production: card numbers by issuer, length and check digit, IBANs, e-mail addresses, credentials; \
                   with a fitting name social security and phone numbers; else the names of columns in four languages. \
                   A finding is a table whose class meets a wide reach: PUBLIC, or more than half of three and more \
                   login roles. Credentials, money, national ids and health are critical by their values and high by a \
                   name; contact data high for PUBLIC, medium else, and one less by a name. Views are not sampled.",
        remedy: "REVOKE ALL ON public.customers FROM PUBLIC; grant it to the roles that need it, or a view without the \
                 column: GRANT SELECT (id, name) ON public.customers TO reporting.",
        false_positives: "Test data; a column of names of products or companies. Samples of documentation (4111…, \
                          example.com) are a note. Waive the table with a reason.",
        source: "ISO/IEC 7812 (card numbers), ISO 13616 (IBAN), ITU-T E.164, SSA (areas of numbers)",
    },
    look: Look::Database(look),
};

/// Most columns that one finding names.
const NAMED: usize = 10;
/// Fewest readers of whom one can say "most roles".
const FEW: u32 = 3;

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let sample = Sample::of(db).await?;
    if sample.present == 0 {
        return Ok(Seen::not_applicable("there are no tables"));
    }
    let mut rows: BTreeMap<String, ReachRow> =
        reach::read(db).await?.into_iter().map(|row| (row.object.clone(), row)).collect();
    let mut seen = Seen {
        present: sample.present,
        examined: sample.tables.len() as u64,
        open: sample.open.clone(),
        ..Seen::default()
    };
    let mut found: BTreeMap<String, (Severity, BTreeSet<String>)> = BTreeMap::new();
    for table in &sample.tables {
        let classes = classes(table);
        if classes.is_empty() {
            continue;
        }
        // Who can read the head of a table reads its parts.
        for locator in std::iter::once(&table.locator).chain(&table.parents) {
            let object = db.object(locator);
            let Some(row) = rows.get_mut(&object) else {
                seen.open.push(format!("{object}: who can read it is not known"));
                continue;
            };
            row.classes.extend(classes.iter().map(|(column, class)| format!("{}: {}", column.name.1, class.name())));
            row.classes.sort();
            row.classes.dedup();
            let graves =
                classes.iter().filter_map(|(c, class)| severity(row, c, *class).map(|s| (s, words(c, *class))));
            for (severity, words) in graves {
                let known = found.entry(object.clone()).or_insert((severity, BTreeSet::new()));
                known.0 = known.0.max(severity);
                known.1.insert(words);
            }
        }
    }
    for (object, (severity, columns)) in found {
        let Some(row) = rows.get(&object) else { continue };
        let named: Vec<&str> = columns.iter().take(NAMED).map(String::as_str).collect();
        let more = columns.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more columns") } else { String::new() };
        let who = if row.public {
            "by every role (PUBLIC)".to_owned()
        } else {
            format!("by {} of {} login roles", row.readers, row.logins)
        };
        let from = entry(row).unwrap_or_default();
        seen.add(Found::new(object, format!("it can be read {who}{from}: {}{more}", named.join(", "))).at(severity));
    }
    if let Some(collector) = db.collector {
        collector.reach(rows.into_values().collect());
    }
    Ok(seen)
}

/// From where its readers come, where the access rules tell.
fn entry(row: &ReachRow) -> Option<String> {
    let from = row.widest_entry.as_deref()?;
    if from == reach::HOST_ALONE {
        return Some(format!(", who enter from {from}"));
    }
    let plain = if row.without_tls == Some(true) { ", and not all of them over TLS" } else { "" };
    Some(format!(", who enter from as far away as {from} addresses{plain}"))
}

/// Columns of a class that somebody is hurt by.
fn classes(table: &Table) -> Vec<(&Sampled, Class)> {
    table.columns.iter().filter_map(|c| c.class().map(|(class, _)| (c, class))).collect()
}

/// How bad it is that this column is read by those who can; `None` where it is not.
fn severity(row: &ReachRow, column: &Sampled, class: Class) -> Option<Severity> {
    let most = row.readers >= FEW && row.readers * 2 > row.logins;
    if !row.public && !most {
        return None;
    }
    let (by_values, by_name) = match class {
        Class::Technical => return None,
        Class::Contact if row.public => (Severity::High, Severity::Medium),
        Class::Contact => (Severity::Medium, Severity::Low),
        Class::Credential | Class::Financial | Class::NationalId | Class::Health => {
            (Severity::Critical, Severity::High)
        }
    };
    Some(match column.class() {
        _ if column.is_example() => Severity::Info,
        Some((_, true)) => by_values,
        _ => by_name,
    })
}

/// `card (financial: card numbers in 198 of 200 values)`.
fn words(column: &Sampled, class: Class) -> String {
    let verdict = column.verdicts().into_iter().filter(|v| v.sort.class() == class).max_by_key(|v| v.hits);
    let how = match verdict {
        Some(v) => {
            let of = if v.holds == Holds::Mostly { "in" } else { "within" };
            format!("{}: {} {of} {} of {} values", class.name(), v.sort.name(), v.hits, column.values())
        }
        None => format!("{}, by its name", class.name()),
    };
    format!("{} ({how})", column.name.1)
}
