//! What is checked: a running scratch instance and what it should be.

use std::path::Path;

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::{CheckResult, Finding, Rule, TableProof};
use crate::error::{Code, Error, Result, Stage};
use crate::scratch::{Instance, Jail, Session, conn};
use crate::source::Facts;
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::types::shown;

/// SQLSTATEs (PostgreSQL manual, "PostgreSQL Error Codes"): a database that is not
/// there, a file that is not there.
const INVALID_CATALOG_NAME: &str = "3D000";
const UNDEFINED_FILE: &str = "58P01";
/// The superuser of the signed facts is not there; [`conn::failed`] tells it from one
/// that may not log in.
const NO_SUCH_ROLE: &str = "28000";

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
    /// What may have changed while the base backup ran, after its facts were read.
    pub moved: Vec<Finding>,
    pub tables: Vec<TableProof>,
}

impl Tally {
    /// One thing that was looked at and is not as it should be.
    pub(super) fn fault(rule: Rule, object: &str, message: String) -> Self {
        let findings = vec![rule.finding(object, message, RESTORE_AGAIN)];
        Self { present: 1, examined: 1, findings, ..Self::default() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.present += other.present;
        self.examined += other.examined;
        self.findings.extend(other.findings);
        self.moved.extend(other.moved);
        self.tables.extend(other.tables);
    }

    /// Where the facts are known to hold for the copy, its findings do; else any of
    /// them may be what users did meanwhile.
    pub(super) fn if_steady(mut self, steady: bool) -> Self {
        if !steady {
            self.moved.extend(self.findings.drain(..).map(|found| Finding { remedy: MEANWHILE.to_owned(), ..found }));
        }
        self
    }
}

impl Subject<'_> {
    /// Runs `look` in every database of the facts, of which it compares the copy with.
    /// A database that is not there is a finding; any other failure is an error of the
    /// check.
    pub(super) async fn each_database(
        &self,
        rule: Rule,
        look: impl AsyncFn(&Session, &DatabaseFacts) -> Result<Tally>,
    ) -> CheckResult {
        let mut all = Tally::default();
        for facts in &self.facts.databases {
            let steady = self.facts.is_steady(&facts.name);
            let look = async |session: &Session| Ok(look(session, facts).await?.if_steady(steady));
            match self.in_database(rule, &facts.name, look).await {
                Ok(tally) => all.add(tally),
                Err(e) => return rule.error(all.present, all.examined, &e),
            }
        }
        rule.of(all)
    }

    /// Runs `look`, of the copy alone, in every database of the facts and every other one
    /// that it has: whatever the backup's role could not enter. Gives what was told of
    /// tables, too.
    pub(super) async fn each_of_the_copy(
        &self,
        rule: Rule,
        look: impl AsyncFn(&Session, &str) -> Result<Tally>,
    ) -> (CheckResult, Vec<TableProof>) {
        let mut names: Vec<String> = self.facts.databases.iter().map(|d| d.name.clone()).collect();
        let others = async {
            let session = self.instance.connect_any().await?;
            query(session.client(), OTHERS, &[&names]).await
        };
        let mut all = Tally::default();
        match others.await {
            Ok(rows) => {
                for row in rows {
                    // One that stays closed was not looked at.
                    if row.get(1) { names.push(row.get(0)) } else { all.present += 1 }
                }
            }
            Err(e) => return (rule.error(0, 0, &e), Vec::new()),
        }
        for name in &names {
            match self.in_database(rule, name, async |session: &Session| look(session, name).await).await {
                Ok(tally) => all.add(tally),
                // What was found may be why nothing more can be asked.
                Err(_) if !all.findings.is_empty() => all.present += 1,
                Err(e) => return (rule.error(all.present, all.examined, &e), all.tables),
            }
        }
        let tables = std::mem::take(&mut all.tables);
        (rule.of(all), tables)
    }

    /// A database that is not there, or damaged, is a finding.
    async fn in_database(
        &self,
        rule: Rule,
        database: &str,
        look: impl AsyncFn(&Session) -> Result<Tally>,
    ) -> Result<Tally> {
        let tally = match self.instance.connect(database).await {
            Ok(session) => look(&session).await,
            Err(e) => Err(e),
        };
        tally.or_else(|e| match Blame::of(&e) {
            Some(blame) => Ok(blame.tally(rule, self.facts, database)),
            None => Err(e.on(shown(database).into_owned())),
        })
    }
}

/// Databases besides these, and whether they can be entered; not the template that nobody
/// writes to, nor what an interrupted DROP DATABASE left.
const OTHERS: &str = "select datname::text, datallowconn from pg_database where datname <> 'template0' \
     and datconnlimit <> -2 and datname::text <> all ($1) order by 1";

/// What an error of a session or query says against the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blame {
    /// The database is not there.
    Missing,
    /// A file of it is not there, or its content is damaged (class XX): the server's word.
    Damaged(String),
}

impl Blame {
    /// Nothing where the error says nothing of the copy.
    pub(super) fn of(e: &Error) -> Option<Self> {
        match e.sqlstate()? {
            INVALID_CATALOG_NAME => Some(Self::Missing),
            UNDEFINED_FILE => Some(Self::Damaged(format!("a file of the database is missing: {}", e.text()))),
            NO_SUCH_ROLE => Some(Self::Damaged(format!("the superuser of the backup is missing: {}", e.text()))),
            state if state.starts_with("XX") => Some(Self::Damaged(format!("the database is damaged: {}", e.text()))),
            _ => None,
        }
    }

    /// The finding. No change at the source damages a copy.
    pub(super) fn tally(self, rule: Rule, facts: &Facts, database: &str) -> Tally {
        match self {
            Self::Missing => {
                Tally::fault(rule, database, "the database is missing".to_owned()).if_steady(facts.is_steady(database))
            }
            Self::Damaged(message) => Tally::fault(rule, database, message),
        }
    }
}

/// The remedy where it may be what users did.
pub(super) const MEANWHILE: &str =
    "See what was changed while the base backup ran; one that runs while nobody changes definitions proves it.";

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
    conn::failed(Code::CouldNotRun, e).at(Stage::Checks)
}

/// A list whose order says nothing, in an order.
pub(super) fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

/// `database: schema.name`, unquoted and escaped only when shown.
pub(super) fn object(database: &str, name: &ObjectName) -> String {
    format!("{database}: {}.{}", name.schema, name.name)
}

/// First two columns of a row.
pub(super) fn name_of(row: &Row) -> ObjectName {
    ObjectName { schema: row.get(0), name: row.get(1) }
}
