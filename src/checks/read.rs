//! PHY-READ: every row of every table can be read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;

use super::subject::{Blame, RESTORE_AGAIN, Tally, USER_SCHEMA, encoding, failed, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject, TableProof};
use crate::error::{Error, Result, Stage};
use crate::scratch::Session;
use crate::scratch::conn::lacks_library;
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
        "select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'm') and c.relispopulated and c.relpersistence = 'p' and {USER_SCHEMA} order by 1, 2"
    );
    subject
        .each_with_tables(RULE, async |session, facts| {
            let rows = query(session.client(), &sql, &[]).await?;
            let queue: Queue = Mutex::new(rows.iter().map(name_of).collect());
            let mut all = Tally { present: rows.len() as u64, ..Tally::default() };
            let mut sessions = Vec::new();
            for _ in 1..subject.jobs.clamp(1, 16).min(rows.len().max(1)) {
                sessions.push(subject.instance.connect(&facts.name).await?);
            }
            // One server process for each session does the work; here it is only counted.
            let workers = std::iter::once(session).chain(&sessions).map(|s| worker(s, facts, &queue));
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

type Queue = Mutex<VecDeque<ObjectName>>;

async fn worker(session: &Session, facts: &DatabaseFacts, queue: &Queue) -> Result<Tally> {
    let exact: BTreeMap<&ObjectName, u64> = facts.tables.iter().filter_map(|t| Some((&t.name, t.rows?))).collect();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    // What no UTF-8 can say is no damage: bytes of SQL_ASCII, characters of old encodings.
    let encoding = encoding(session.client()).await?;
    let mut tally = Tally::default();
    while let Some(name) = next() {
        let counted = count(session.client(), &name.quoted(), &encoding).await;
        tally.examined += 1;
        let wanted = exact.get(&name).copied();
        let mut told = TableProof::unread(&facts.name, &name, wanted);
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
        tally.findings.push(RULE.finding(object(&facts.name, &name), message, RESTORE_AGAIN));
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

async fn count(client: &tokio_postgres::Client, table: &str, encoding: &str) -> Result<u64, tokio_postgres::Error> {
    let sql = format!("copy (select * from only {table}) to stdout with (encoding {})", quote_literal(encoding));
    copy_text::count(client, &sql).await
}
