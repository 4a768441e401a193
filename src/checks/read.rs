//! PHY-READ: every row of every table can be read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use tokio_postgres::Client;

use super::subject::{Blame, RESTORE_AGAIN, Tally, USER_SCHEMA, encoding, failed, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject, TableProof};
use crate::error::{Error, Result, Stage};
use crate::scratch::Session;
use crate::scratch::conn::{self, lacks_library};
use crate::source::copy_text;
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::types::text::{first_of, quote_literal};

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-READ", title: "every row of every table can be read", severity: Severity::Critical };

/// Reads every table from its first page to its last, with all its values
/// taken apart and out-of-line ones fetched: that is what `COPY` does and a
/// count would not. Compared with a number of rows where the facts have one. What
/// was read of each table is told too. Tables are spread over the subject's
/// number of jobs.
pub async fn run(subject: &Subject<'_>) -> (CheckResult, Vec<TableProof>) {
    let sql = format!(
        "select n.nspname::text, c.relname::text, c.oid, c.relkind = 'm' or exists(select from pg_attribute a \
           where a.attrelid = c.oid and a.attgenerated = 's') \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'm') and c.relispopulated and c.relpersistence = 'p' and {USER_SCHEMA} order by 1, 2"
    );
    subject
        .each_of_the_copy(RULE, async |session, database| {
            let facts = subject.facts.databases.iter().find(|d| d.name == database);
            let rows = query(session.client(), &sql, &[]).await?;
            let queue: Queue = Mutex::new(rows.iter().map(Table::of).collect());
            let mut all = Tally { present: rows.len() as u64, ..Tally::default() };
            let mut sessions = Vec::new();
            for _ in 1..subject.jobs.clamp(1, 16).min(rows.len().max(1)) {
                sessions.push(subject.instance.connect(database).await?);
            }
            // One server process for each session does the work; here it is only counted.
            let workers = std::iter::once(session).chain(&sessions).map(|s| worker(s, database, facts, &queue));
            for tally in try_join_all(workers).await? {
                all.add(tally);
            }
            // Workers end in any order; findings are listed in the order of names.
            all.findings.sort_by(|a, b| a.object.cmp(&b.object));
            Ok(all)
        })
        .await
}

/// What it says against the copy that its server lets nobody in: a finding where that is
/// for the copy's files.
pub fn of_refused_session(e: &Error) -> Option<CheckResult> {
    let Blame::Damaged(_) = Blame::of(e)? else { return None };
    let message = format!("no session can be opened: {}", e.text());
    Some(RULE.judged(1, 1, vec![RULE.finding(e.object().unwrap_or("the server"), message, RESTORE_AGAIN)]))
}

type Queue = Mutex<VecDeque<Table>>;

/// What is read.
struct Table {
    name: ObjectName,
    oid: u32,
    /// Whether `COPY table TO` does not write all of it: a materialized view (before 18), or
    /// one with generated columns.
    by_query: bool,
}

impl Table {
    fn of(row: &tokio_postgres::Row) -> Self {
        Self { name: name_of(row), oid: row.get(2), by_query: row.get(3) }
    }
}

async fn worker(session: &Session, database: &str, facts: Option<&DatabaseFacts>, queue: &Queue) -> Result<Tally> {
    let tables = facts.map_or(&[][..], |f| &f.tables);
    let exact: BTreeMap<&ObjectName, u64> = tables.iter().filter_map(|t| Some((&t.name, t.rows?))).collect();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    // What no UTF-8 can say is no damage: bytes of SQL_ASCII, characters of old encodings.
    let encoding = encoding(session.client()).await?;
    let mut tally = Tally::default();
    while let Some(table) = next() {
        let counted = count(session.client(), &table, &encoding).await;
        let name = table.name;
        tally.examined += 1;
        let wanted = exact.get(&name).copied();
        let mut told = TableProof::unread(database, &name, wanted);
        told.rows = counted.as_ref().ok().copied();
        tally.tables.push(told);
        let message = match (counted, wanted) {
            (Ok(n), Some(want)) if n != want => format!("{want} rows expected, {n} restored"),
            (Ok(_), _) => continue,
            (Err(e), _) => match e.code().map(|c| c.code().to_owned()) {
                Some(s) if !lacks_library(&e) && ["XX", "22", "58"].iter().any(|c| s.starts_with(c)) => {
                    format!("the table cannot be read (SQLSTATE {s})")
                }
                Some(s) if s == LOCK_NOT_AVAILABLE => return Err(held(session, failed(&e)).await),
                _ => return Err(failed(&e)),
            },
        };
        tally.findings.push(RULE.finding(object(database, &name), message, RESTORE_AGAIN));
    }
    Ok(tally)
}

/// SQLSTATE of a lock that was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Tables that one error names.
const NAMED: usize = 5;

/// Says who keeps the tables locked: nobody else is here than prepared transactions of
/// the source. By their numbers: their other names are an application's own text.
async fn held(session: &Session, e: Error) -> Error {
    let sql = "select n.nspname::text, c.relname::text, p.transaction::text from pg_locks l \
               join pg_prepared_xacts p on split_part(l.virtualtransaction, '/', 2) = p.transaction::text \
               join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace \
               where l.locktype = 'relation' and l.granted and l.mode = 'AccessExclusiveLock' and l.pid is null \
                 and l.database = (select oid from pg_database where datname = current_database()) \
                 and c.relkind in ('r', 'm') order by 1, 2";
    let Ok(rows) = query(session.client(), sql, &[]).await else { return e };
    let one =
        |r: &tokio_postgres::Row| format!("{} (prepared transaction {})", name_of(r).quoted(), r.get::<_, String>(2));
    let named: Vec<String> = rows.iter().map(one).collect();
    if named.is_empty() {
        return e;
    }
    let text = format!(
        "{}: locked by a prepared transaction of the source, which is part of the backup: {}",
        e.text(),
        first_of(&named, NAMED)
    );
    Error::new(e.code(), Stage::Checks, text).hint(
        "On the source see pg_prepared_xacts, end the transaction with COMMIT PREPARED or ROLLBACK PREPARED, back up and \
         drill again.",
    )
}

/// No query is planned over a table but where nothing else will do, and then it is
/// [`conn::alone`].
async fn count(client: &Client, table: &Table, encoding: &str) -> Result<u64, tokio_postgres::Error> {
    let (name, oid) = (table.name.quoted(), table.oid);
    let encoding = quote_literal(encoding);
    if !table.by_query {
        return copy_text::count(client, &format!("copy {name} to stdout with (encoding {encoding})")).await;
    }
    client.batch_execute(&conn::alone(oid, 0).join("; ")).await?;
    let copy = format!("copy (select * from only {name}) to stdout with (encoding {encoding})");
    let counted = copy_text::count(client, &copy).await;
    client.batch_execute("rollback").await?;
    counted
}
