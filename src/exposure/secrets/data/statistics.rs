//! EXP-DATA-003: values in the planner's statistics.

use std::collections::BTreeMap;

use super::sample::{Sample, Table};
use crate::detect::{Class, Sort, value, words};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Blind, Database, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DATA-003",
        title: "the planner's statistics hold no card numbers, credentials or addresses",
        severity: Severity::Medium,
        planes: &[Plane::Copy],
        guide: &[17, 25],
        refs: &[],
        why: "ANALYZE copies common values and bounds of every column into pg_statistic. They stay there when rows are \
              masked or deleted, travel in physical backups, and in logical ones that dump statistics (18+).",
        inspects: "most_common_vals and histogram_bounds (pg_stats) of the columns whose sampled values are \
                   credentials, money, national ids or contact data: whether values of that sort stand in them.",
        remedy: "ALTER TABLE public.customers ALTER COLUMN iban SET STATISTICS 0; ANALYZE public.customers. Columns \
                 that nothing searches by need no statistics.",
        false_positives: "Where whoever reads the statistics may read the column anyhow (pg_stats shows no others), only \
                          the copy in backups is left: waive it.",
        source: "PostgreSQL manual, pg_statistic and pg_stats",
    },
    look: Look::Database(look),
};

/// Most values that are read.
const MOST: i64 = 200_000;

const SQL: &str = "SELECT s.schemaname::text, s.tablename::text, s.attname::text, left(v, 2048) \
     FROM unnest($1::text[], $2::text[], $3::text[]) AS w(s, t, c) \
     JOIN pg_stats s ON s.schemaname = w.s AND s.tablename = w.t AND s.attname = w.c, \
     LATERAL unnest(coalesce(s.most_common_vals::text::text[], '{}') || coalesce(s.histogram_bounds::text::text[], '{}')) v \
     LIMIT $4";

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let sample = Sample::of(db).await?;
    let (mut schemas, mut tables, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    let mut locators: BTreeMap<(&str, &str), &Table> = BTreeMap::new();
    for table in &sample.tables {
        for column in &table.columns {
            if matches!(column.class(), Some((class, true)) if class > Class::Technical) {
                schemas.push(table.name.0.as_str());
                tables.push(table.name.1.as_str());
                columns.push(column.name.0.as_str());
                locators.insert((&table.name.0, &table.name.1), table);
            }
        }
    }
    let mut seen = Seen { open: sample.open.clone(), ..Seen::all_of(columns.len()) };
    if columns.is_empty() {
        seen.note = Some("no column holds values of a class".to_owned());
        return Ok(seen);
    }
    let rows = db.rows("the planner's statistics", SQL, &[&schemas, &tables, &columns, &MOST]).await?;
    if i64::try_from(rows.len()).is_ok_and(|n| n >= MOST) {
        seen.open.push(db.object("there are more statistics than are looked at"));
    }
    // By table: columns, and what stands in their statistics.
    let mut found: BTreeMap<&str, BTreeMap<String, (Sort, u64)>> = BTreeMap::new();
    for row in &rows {
        let (schema, table, column): (&str, &str, String) = (row.get(0), row.get(1), row.get(2));
        let Ok(text) = row.try_get::<_, Option<&str>>(3) else {
            seen.open.push(db.object("a value in the planner's statistics is no text"));
            break;
        };
        let Some(sort) = sort(&column, text.unwrap_or_default()) else { continue };
        let Some(table) = locators.get(&(schema, table)) else { continue };
        let known = found.entry(&table.locator).or_default().entry(column).or_insert((sort, 0));
        known.1 += 1;
    }
    for (locator, columns) in found {
        let words: Vec<String> =
            columns.iter().take(10).map(|(c, (sort, n))| format!("{c} ({n} {})", sort.name())).collect();
        let message = format!("the planner's statistics hold values of its columns: {}", words.join(", "));
        seen.add(Found::new(db.object(locator), message));
    }
    Ok(seen)
}

/// The sort of a value that hurts somebody, no sample of documentation.
fn sort(column: &str, text: &str) -> Option<Sort> {
    let whole = value::sort_of(text, words::hint_of(column)).filter(|(_, example)| !example).map(|(sort, _)| sort);
    let within = || value::sorts_in(text).into_iter().next();
    let secret = || {
        let found = crate::detect::secrets(text);
        let shaped = found.iter().find(|s| !s.kind.is_by_name() && !s.is_example())?;
        Some(if shaped.kind.is_verifier() { Sort::Hash } else { Sort::Secret })
    };
    whole.or_else(within).or_else(secret).filter(|s| s.class() > Class::Technical)
}
