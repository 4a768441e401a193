//! Samples tables of the copy: of each at most [`ROWS`] rows, of each column at
//! most [`VALUES`] values, within two seconds. Of the values only counts are kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::detect::{Class, Column, Verdict};
use crate::exposure::database::USER_SCHEMA;
use crate::exposure::{Blind, Database};
use crate::types::text::{first_of, quote_ident};

/// Most rows of one table.
pub const ROWS: u64 = 1000;
/// Most values of one column.
pub const VALUES: u32 = 200;
/// How long one table may take, ms.
const PATIENCE: &str = "2000";
/// How long all tables of a database may take.
const ALTOGETHER: Duration = Duration::from_mins(10);
/// How much of one value is read, characters: of text, and of a document.
const TEXT: usize = 2048;
const DOCUMENT: usize = 16 * 1024;
/// Most elements of one document, and most names of elements of one column.
const LEAVES: usize = 100;
const NAMES: usize = 200;
/// Most values that one query asks for.
const CELLS: u64 = 50_000;
/// Pages that are enough for a sample, and tables whose columns are read at once.
const PAGES: i32 = 50;
const BATCH: usize = 500;
/// Most tables that are named where they could not be read.
const NAMED: usize = 20;

/// What the tables of a database hold.
#[derive(Debug, Default)]
pub struct Sample {
    /// Tables that were read, in order of their names.
    pub tables: Vec<Table>,
    /// Tables that there are.
    pub present: u64,
    /// Tables that could not be read, and why.
    pub open: Vec<String>,
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// `table public.customers`.
    pub locator: String,
    /// `public.customers`.
    pub identity: String,
    /// Schema and name, as they are.
    pub name: (String, String),
    /// Tables that it is a part of, with their locators.
    pub parents: Vec<String>,
    /// Its columns.
    pub columns: Vec<Sampled>,
    /// As the planner knows it: asking for the size would wait for a lock.
    pages: i32,
    oid: u32,
}

/// One column.
#[derive(Debug)]
pub struct Sampled {
    /// Its name, as it is, and quoted where SQL needs it.
    pub name: (String, String),
    /// How its values are read.
    pub form: Form,
    /// What was seen: one, or of documents one for each name of an element. Those
    /// names are data and are never shown.
    pub parts: Vec<Column>,
}

/// How values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// Numbers, as text.
    Number,
    /// Documents, element by element.
    Json,
    /// Not at all: only the name speaks.
    Unread,
}

impl Sampled {
    /// What the values say.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.parts.iter().flat_map(Column::verdicts).collect()
    }

    /// The class that the values say, else that of the name, and whether the values
    /// said it; of a document the gravest of its elements.
    pub fn class(&self) -> Option<(Class, bool)> {
        let of = |part: &Column| match part.class_by_values() {
            Some(class) => Some((class, true)),
            None => part.class_by_name().map(|class| (class, false)),
        };
        self.parts.iter().filter_map(of).max()
    }

    /// Whether all that was seen are samples of documentation.
    pub fn is_example(&self) -> bool {
        let (values, examples) = self.parts.iter().fold((0, 0), |n, p| (n.0 + p.values(), n.1 + p.examples()));
        examples > 0 && examples == values
    }

    /// Values that were looked at.
    pub fn values(&self) -> u32 {
        self.parts.iter().map(Column::values).sum()
    }
}

impl Sample {
    /// The sample of a database; the same for all checks of one run.
    ///
    /// # Errors
    /// [`Blind`] where the catalogue cannot be read; of tables that cannot be read, the
    /// sample itself tells.
    pub async fn of(db: &Database<'_>) -> Result<Arc<Self>, Blind> {
        if let Some(known) = db.collector.and_then(|c| c.sample(db.name)) {
            return Ok(known);
        }
        let sample = Arc::new(Self::take(db).await?);
        if let Some(collector) = db.collector {
            collector.keep_sample(db.name, sample.clone());
        }
        Ok(sample)
    }

    async fn take(db: &Database<'_>) -> Result<Self, Blind> {
        let mut tables = tables(db).await?;
        let mut sample = Self { present: tables.len() as u64, ..Self::default() };
        let mut skipped = Vec::new();
        let until = Instant::now() + ALTOGETHER;
        patience(db, PATIENCE).await?;
        while !tables.is_empty() {
            let mut batch: Vec<Table> = tables.drain(..tables.len().min(BATCH)).collect();
            columns(db, &mut batch).await?;
            for mut table in batch {
                let done = Instant::now() < until && table.read(db).await.is_ok();
                if done {
                    sample.tables.push(table);
                } else {
                    skipped.push(table.locator);
                }
            }
        }
        patience(db, "0").await?;
        if !skipped.is_empty() {
            sample.open.push(db.object(&format!("not read, or not within 2 s: {}", first_of(&skipped, NAMED))));
        }
        Ok(sample)
    }
}

async fn patience(db: &Database<'_>, ms: &str) -> Result<(), Blind> {
    let sql = "SELECT set_config('statement_timeout', $1, false)";
    db.rows("the session", sql, &[&ms]).await.map(drop)
}

/// Tables and materialized views that hold rows of their own, with what they are parts of.
async fn tables(db: &Database<'_>) -> Result<Vec<Table>, Blind> {
    let sql = format!(
        "SELECT c.oid, c.relkind::text, n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), \
                c.relpages, c.relkind IN ('r','m') AND (c.relkind = 'r' OR c.relispopulated) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r','m','p') AND c.relpersistence <> 't' AND {USER_SCHEMA} ORDER BY 5"
    );
    let parents: HashMap<u32, u32> = db
        .rows("the partitions", "SELECT inhrelid, inhparent FROM pg_inherits", &[])
        .await?
        .iter()
        .map(|r| (r.get(0), r.get(1)))
        .collect();
    let (mut locators, mut tables) = (HashMap::new(), Vec::new());
    for row in db.rows("the tables", &sql, &[]).await? {
        let kind = if row.get::<_, &str>(1) == "m" { "materialized view" } else { "table" };
        let identity: String = row.get(4);
        let locator = format!("{kind} {identity}");
        locators.insert(row.get::<_, u32>(0), locator.clone());
        if row.get(6) {
            tables.push(Table {
                locator,
                identity,
                name: (row.get(2), row.get(3)),
                parents: Vec::new(),
                columns: Vec::new(),
                pages: row.get(5),
                oid: row.get(0),
            });
        }
    }
    for table in &mut tables {
        let mut at = table.oid;
        while let Some(parent) = parents.get(&at).filter(|_| table.parents.len() < 32) {
            table.parents.extend(locators.get(parent).cloned());
            at = *parent;
        }
    }
    Ok(tables)
}

/// The columns of these tables, and how each is read.
async fn columns(db: &Database<'_>, tables: &mut [Table]) -> Result<(), Blind> {
    let sql = format!(
        "SELECT a.attrelid, a.attname::text, quote_ident(a.attname), \
                CASE WHEN {VIRTUAL} THEN '' ELSE coalesce(b.typname, t.typname)::text END \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
         WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
    );
    let oids: Vec<u32> = tables.iter().map(|t| t.oid).collect();
    let mut all: HashMap<u32, Vec<Sampled>> = HashMap::new();
    for row in db.rows("the columns", &sql, &[&oids]).await? {
        let form = match row.get::<_, &str>(3) {
            "text" | "varchar" | "bpchar" | "citext" | "xml" | "_text" | "_varchar" => Form::Text,
            "int8" | "numeric" => Form::Number,
            "json" | "jsonb" => Form::Json,
            _ => Form::Unread,
        };
        let name: String = row.get(1);
        let parts = if form == Form::Json { Vec::new() } else { vec![Column::new(&name)] };
        all.entry(row.get(0)).or_default().push(Sampled { name: (name, row.get(2)), form, parts });
    }
    for table in tables {
        table.columns = all.remove(&table.oid).unwrap_or_default();
    }
    Ok(())
}

/// Columns whose value is computed when it is read (18+): reading one runs a user's code.
const VIRTUAL: &str = "a.attgenerated = 'v'";

impl Table {
    /// Reads a sample. The rows are gone when it is done.
    async fn read(&mut self, db: &Database<'_>) -> Result<(), Blind> {
        let read: Vec<usize> = (0..self.columns.len()).filter(|i| self.columns[*i].form != Form::Unread).collect();
        if read.is_empty() {
            return Ok(());
        }
        let columns: Vec<String> = read
            .iter()
            .map(|i| {
                let column = &self.columns[*i];
                let length = if column.form == Form::Json { DOCUMENT } else { TEXT };
                format!("left({}::text, {length})", quote_ident(&column.name.0))
            })
            .collect();
        let limit = ROWS.min(CELLS / read.len() as u64).max(20);
        let from = format!("{}.{}", quote_ident(&self.name.0), quote_ident(&self.name.1));
        let sql = |sample: &str| format!("SELECT {} FROM ONLY {from} {sample} LIMIT {limit}", columns.join(", "));
        let some = if self.pages > 2 * PAGES {
            let percent = 100.0 * f64::from(PAGES) / f64::from(self.pages);
            db.rows_alone(self.oid, &sql(&format!("TABLESAMPLE SYSTEM ({percent:.6})"))).await?
        } else {
            Vec::new()
        };
        // A small table, or one whose pages in the sample are empty.
        let rows = if some.is_empty() { db.rows_alone(self.oid, &sql("")).await? } else { some };
        for (at, i) in read.iter().enumerate() {
            // In a database without an encoding a value may be no text: then it was not looked at.
            let strange = |_| Blind::Denied(format!("{} holds what is no text", self.locator));
            let texts: Vec<&str> = rows
                .iter()
                .filter_map(|r| r.try_get::<_, Option<&str>>(at).map_err(strange).transpose())
                .take(VALUES as usize)
                .collect::<Result<_, _>>()?;
            let column = &mut self.columns[*i];
            if column.form == Form::Json {
                column.parts = documents(&column.name.0, texts.into_iter());
            } else {
                for text in texts {
                    column.parts[0].add(text);
                }
            }
        }
        Ok(())
    }
}

/// What documents hold, by the names of their elements; a document that was cut is text.
fn documents<'a>(column: &str, texts: impl Iterator<Item = &'a str>) -> Vec<Column> {
    let mut parts: BTreeMap<String, Column> = BTreeMap::from([(String::new(), Column::new(column))]);
    for text in texts {
        let mut leaves = Vec::new();
        match serde_json::from_str(text) {
            Ok(value) => collect("", &value, &mut leaves),
            Err(_) => leaves.push((String::new(), text.to_owned())),
        }
        for (name, leaf) in leaves {
            // Names beyond the bound share one place.
            let name = if parts.len() < NAMES || parts.contains_key(&name) { name } else { String::new() };
            let part = parts.entry(name).or_insert_with_key(|name| Column::new(name));
            if part.values() < VALUES {
                part.add(&leaf);
            }
        }
    }
    parts.into_values().collect()
}

fn collect(name: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    if leaves.len() >= LEAVES {
        return;
    }
    match value {
        Value::String(text) => leaves.push((name.to_owned(), text.clone())),
        Value::Number(number) => leaves.push((name.to_owned(), number.to_string())),
        Value::Array(all) => all.iter().for_each(|v| collect(name, v, leaves)),
        Value::Object(all) => all.iter().for_each(|(n, v)| collect(n, v, leaves)),
        Value::Bool(_) | Value::Null => {}
    }
}
