//! What is checked: a running scratch instance and what it should be.

use std::path::Path;

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::{CheckResult, Finding, Rule, TableProof};
use crate::error::{Code, Error, Result, Stage};
use crate::restore::MISSING_LIBRARY;
use crate::scratch::{Instance, Jail, Session, conn};
use crate::source::Facts;
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::types::shown;

/// SQLSTATE of a database that is not there.
const INVALID_CATALOG_NAME: &str = "3D000";

/// Schemas of the system and of sessions, which no dump holds.
pub(super) const USER_SCHEMA: &str = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/// The instance with the facts of the backup it came from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The running instance.
    pub instance: &'a Instance,
    /// What the source said of itself.
    pub facts: &'a Facts,
    /// Where PostgreSQL's programs of the instance's major are.
    pub bindir: &'a Path,
    /// What programs are run in.
    pub jail: &'a Jail,
    /// How many tables are read at the same time; at least 1.
    pub jobs: usize,
    /// When the backup's snapshot was taken, by the signed manifest.
    pub taken_at: Timestamp,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub present: u64,
    pub examined: u64,
    pub findings: Vec<Finding>,
    pub tables: Vec<TableProof>,
}

impl Tally {
    /// One thing that was looked at and is not as it should be.
    pub(super) fn fault(rule: Rule, object: &str, message: String) -> Self {
        let findings = vec![rule.finding(object, message, RESTORE_AGAIN)];
        Self { present: 1, examined: 1, findings, tables: Vec::new() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.present += other.present;
        self.examined += other.examined;
        self.findings.extend(other.findings);
        self.tables.extend(other.tables);
    }
}

impl Subject<'_> {
    /// Runs `look` in every database of the facts. A database that is not there
    /// is a finding; any other failure is an error of the check.
    pub(super) async fn each_database(
        &self,
        rule: Rule,
        look: impl AsyncFn(&Session, &DatabaseFacts) -> Result<Tally>,
    ) -> CheckResult {
        self.each_with_tables(rule, look).await.0
    }

    /// The same, with what `look` told of tables.
    pub(super) async fn each_with_tables(
        &self,
        rule: Rule,
        look: impl AsyncFn(&Session, &DatabaseFacts) -> Result<Tally>,
    ) -> (CheckResult, Vec<TableProof>) {
        let mut all = Tally::default();
        for facts in &self.facts.databases {
            let tally = match self.instance.connect(&facts.name).await {
                Ok(session) => look(&session, facts).await,
                Err(e) => Err(e),
            };
            match tally {
                Ok(t) => all.add(t),
                Err(e) => {
                    let Some(message) = blames_the_copy(&e) else {
                        let e = e.on(shown(&facts.name).into_owned());
                        return (rule.error(all.present, all.examined, &e), all.tables);
                    };
                    all.add(Tally::fault(rule, &facts.name, message));
                }
            }
        }
        (rule.judged(all.present, all.examined, all.findings), all.tables)
    }
}

/// What an error of a session or query says against the copy: the database is
/// not there, or its catalogue is damaged (class XX). Nothing of any other.
pub(super) fn blames_the_copy(e: &Error) -> Option<String> {
    let text = e.text();
    if text.contains(INVALID_CATALOG_NAME) {
        return Some("the database is missing".to_owned());
    }
    text.contains("SQLSTATE XX").then(|| format!("the database is damaged: {text}"))
}

/// The remedy where the copy is not what was backed up.
pub(super) const RESTORE_AGAIN: &str = "Do not rely on this backup: drill an older one, and take a new one.";

/// Queries, with errors reduced to their SQLSTATE.
pub(super) async fn query(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
    client.query(sql, params).await.map_err(|e| failed(&e))
}

/// The database's own encoding, in which its rows are hashed.
pub(super) async fn encoding(client: &Client) -> Result<String> {
    let rows = query(client, "select pg_catalog.getdatabaseencoding()::text", &[]).await?;
    Ok(rows.first().map(|r| r.get(0)).unwrap_or_default())
}

/// An error of the restored server; its text may quote rows.
pub(super) fn failed(e: &tokio_postgres::Error) -> Error {
    Error::new(Code::CouldNotRun, Stage::Checks, conn::reduced(e))
}

/// A list whose order says nothing, in an order.
pub(super) fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

/// Whether the server lacks a library that the copy's types or functions need:
/// a fault of this host. It shares its SQLSTATE with a missing file of the copy.
pub(super) fn lacks_library(e: &tokio_postgres::Error) -> bool {
    e.as_db_error().is_some_and(|d| speaks_of_library(d.message()))
}

/// The same, of a message.
pub(super) fn speaks_of_library(message: &str) -> bool {
    MISSING_LIBRARY.iter().any(|begin| message.starts_with(begin))
}

/// `database: schema.name`, unquoted and escaped only when shown.
pub(super) fn object(database: &str, name: &ObjectName) -> String {
    format!("{database}: {}.{}", name.schema, name.name)
}

/// First two columns of a row.
pub(super) fn name_of(row: &Row) -> ObjectName {
    ObjectName { schema: row.get(0), name: row.get(1) }
}
