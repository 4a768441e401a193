//! PHY-AMCHECK: heaps and indexes agree.

use std::collections::BTreeSet;
use std::path::Path;

use super::subject::{RESTORE_AGAIN, failed};
use super::{CheckResult, Rule, Severity, Subject};
use crate::error::{Code, Error, Result, Stage};
use crate::process::{Exit, Stdout};
use crate::scratch::conn::{self, speaks_of_library};
use crate::types::text::{first_of, quote_ident};

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-AMCHECK", title: "tables and B-tree indexes agree with each other", severity: Severity::Critical };

/// Runs `pg_amcheck` on every database: every row of a table must be in its
/// indexes, and every level of an index must agree with the next; from 17 on unique
/// indexes must be so. Not `--rootdescend`, which takes as long again and of which
/// the manual says that it hardly finds what occurs in practice. It needs the
/// extension amcheck, which is made in the copy only.
///
/// The parent check wants a lock that a prepared transaction of the source, which
/// comes back with all it held, does not let go of. What such transactions changed is
/// checked without it, and that is told.
///
/// Its messages may name rows' places but not their content; only the object
/// and the class are reported.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    if subject.instance.major() < 14 {
        return RULE.not_applicable("pg_amcheck comes with PostgreSQL 14");
    }
    let program = subject.bindir.join("pg_amcheck");
    let (relations, held) = match survey(subject).await {
        Ok(s) => s,
        Err(e) => return RULE.error(1, 0, &e),
    };
    if !program.is_file() {
        return RULE.not_evaluated(relations, "pg_amcheck is not installed");
    }
    let few = held.len() <= MOST_NAMED;
    let mut runs: Vec<Vec<String>> = vec![vec!["--all".to_owned()]];
    if few {
        runs[0].push("--parent-check".to_owned());
        runs[0].extend(held.iter().map(|pattern| format!("--exclude-relation={pattern}")));
    }
    if few && !held.is_empty() {
        let named = held.iter().map(|pattern| format!("--relation={pattern}"));
        runs.push(std::iter::once("--no-strict-names".to_owned()).chain(named).collect());
    }
    let (mut objects, mut unread, mut alone) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for args in runs {
        let (exit, out) = match ask(subject, &program, args).await {
            Ok(ended) => ended,
            Err(e) => return RULE.error(relations, 0, &e),
        };
        let out = String::from_utf8_lossy(&out);
        let (damaged, unlooked) = complaints(&out);
        // 2: pg_amcheck ran, and found something.
        let silent = damaged.is_empty() && unlooked.is_empty();
        if !matches!((exit.code(), silent), (Some(0), _) | (Some(2), false)) {
            if exit.stderr().text().contains("is not available") {
                return RULE.not_evaluated(relations, "the extension amcheck is not installed on this host");
            }
            let e = Error::new(Code::CouldNotRun, Stage::Checks, "pg_amcheck did not finish");
            return RULE.error(relations, 0, &e);
        }
        for object in damaged {
            match again(subject, object).await {
                Ok(Again::Alone) => alone.insert(object.to_owned()),
                // Where nobody can ask again, pg_amcheck's word stands.
                Ok(Again::Damaged) | Err(_) => objects.insert(object.to_owned()),
            };
        }
        unread.extend(unlooked.into_iter().map(str::to_owned));
    }
    let found = objects.into_iter().map(|o| RULE.finding(o, "corruption was found", RESTORE_AGAIN)).collect();
    let mut result = RULE.judged(relations, relations.saturating_sub(unread.len() as u64), found);
    if !alone.is_empty() && result.reason.is_none() {
        let names: Vec<String> = alone.into_iter().collect();
        result.reason = Some(format!(
            "{} indexes were checked without their tables, for a function in them fails where search_path is empty: {}",
            names.len(),
            first_of(&names, 5)
        ));
    }
    if !held.is_empty() && result.reason.is_none() {
        let which = if few { format!("{} relations", held.len()) } else { "all relations".to_owned() };
        result.reason = Some(format!(
            "{which} were checked without the parent check: prepared transactions of the source, which are part of the \
             backup, hold locks on {} (see pg_prepared_xacts)",
            held.len()
        ));
    }
    result
}

/// Most relations that are named on a command line.
const MOST_NAMED: usize = 200;

/// Settings of every session of pg_amcheck; those of databases and roles do not
/// outrank them.
const OPTIONS: &str = "-c session_preload_libraries= -c local_preload_libraries= -c statement_timeout=0 \
     -c lock_timeout=10s -c default_transaction_read_only=off -c idle_in_transaction_session_timeout=0 -c role=none";

/// Runs pg_amcheck with these arguments and those of every run.
async fn ask(subject: &Subject<'_>, program: &Path, args: Vec<String>) -> Result<(Exit, Vec<u8>)> {
    let i = subject.instance;
    // What cannot be installed, pg_amcheck tries again, and tells.
    install(subject).await;
    // Run as pgseal's own user would be refused nothing; run in the jail it can
    // reach nothing else than the socket.
    let tool = subject
        .jail
        .tool(program)
        .args(["--heapallindexed", "--install-missing=pg_catalog", "--no-password"])
        .args((i.major() >= 17).then_some("--checkunique"))
        .arg(format!("--jobs={}", subject.jobs.clamp(1, 16)))
        .args(args)
        .env("PGHOST", i.socket_dir().as_os_str())
        .env("PGPORT", i.port().to_string())
        .env("PGUSER", i.superuser())
        .env("PGREQUIREPEER", i.door().peer().user())
        .env("PGAPPNAME", "pgseal")
        .env("PGCLIENTENCODING", "UTF8")
        .env("PGOPTIONS", options(i.major()))
        .stdout(Stdout::Piped);
    tool.spawn().await?.output(16 * 1024 * 1024).await
}

/// [`OPTIONS`], and what keeps the source's event triggers silent.
fn options(major: u32) -> String {
    let (name, value) = conn::no_event_triggers(major);
    format!("{OPTIONS} -c {name}={value}")
}

/// Makes the extension where it is missing, ourselves: event triggers of the
/// source are not asked whether it may be made.
async fn install(subject: &Subject<'_>) {
    let list = async {
        let session = subject.instance.connect_any().await?;
        let sql = "select datname::text from pg_catalog.pg_database where datallowconn and datconnlimit <> -2 and datname <> 'template0'";
        session.client().query(sql, &[]).await.map_err(|e| failed(&e))
    };
    for row in list.await.unwrap_or_default() {
        let database: String = row.get(0);
        if let Err(e) = install_in(subject, &database).await {
            tracing::debug!(error = %e, "amcheck could not be installed");
        }
    }
}

async fn install_in(subject: &Subject<'_>, database: &str) -> Result<()> {
    let session = subject.instance.connect_writable(database).await?;
    let client = session.client();
    let run = async |sql: &str| client.batch_execute(sql).await.map_err(|e| failed(&e));
    if client
        .query_opt("select from pg_catalog.pg_extension where extname = 'amcheck'", &[])
        .await
        .is_ok_and(|r| r.is_some())
    {
        return Ok(());
    }
    run("begin").await?;
    let again = conn::silence_event_triggers(client).await?;
    run("create extension amcheck schema pg_catalog").await?;
    for sql in again {
        run(&sql).await?;
    }
    run("commit").await
}

/// What a second look at an object says.
enum Again {
    Damaged,
    /// Its own pages are right; a function of its expressions fails.
    Alone,
}

/// The index of a complaint, as pg_amcheck writes its name.
const NAMED: &str = "select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'i' \
     and pg_catalog.current_database() || '.' || n.nspname || '.' || c.relname = $1";

/// pg_amcheck does not tell the SQLSTATE of a failure: a function of an index that does not
/// find another one is no damage. Asked again without the table, such an index is whole.
async fn again(subject: &Subject<'_>, object: &str) -> Result<Again> {
    let any = subject.instance.connect_any().await?;
    let sql = "select datname::text from pg_database where datallowconn and datconnlimit <> -2 \
               and starts_with($1, datname::text || '.')";
    for row in any.client().query(sql, &[&object]).await.map_err(|e| failed(&e))? {
        let session = subject.instance.connect(row.get(0)).await?;
        let client = session.client();
        let Some(index) = client.query_opt(NAMED, &[&object]).await.map_err(|e| failed(&e))? else { continue };
        let oid: u32 = index.get(0);
        for (check, with_table) in
            [("bt_index_parent_check", true), ("bt_index_parent_check", false), ("bt_index_check", false)]
        {
            let check = format!("select pg_catalog.{check}({oid}, {with_table})");
            match client.batch_execute(&check).await {
                Ok(()) if !with_table => return Ok(Again::Alone),
                // By pg_amcheck's word: it also looks at what must be unique.
                Ok(()) => return Ok(Again::Damaged),
                Err(e) if is_damage(&e) => return Ok(Again::Damaged),
                Err(_) => {}
            }
        }
    }
    Ok(Again::Damaged)
}

/// Whether it is the server's word for damage (class XX, a file that is missing, the end of its process).
fn is_damage(e: &tokio_postgres::Error) -> bool {
    let state = e.code().map_or("", |s| s.code());
    !conn::lacks_library(e) && (state.is_empty() || state.starts_with("XX") || state == "58P01")
}

/// How messages begin that say that a relation could not be looked at.
const NOT_LOOKED: [&str; 4] = ["canceling statement", "terminating connection", "out of memory", "could not resize"];

/// What was found damaged, and what could not be looked at: this host lacks a
/// library, a prepared transaction of the source holds a lock. The server's words stand below the object's line, indented.
fn complaints(out: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut damaged, mut unread) = (BTreeSet::new(), BTreeSet::new());
    let mut lines = out.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(object) = complaint(line) else { continue };
        let said = lines.peek().map_or("", |l| l.trim_start().trim_start_matches("ERROR:").trim_start());
        if speaks_of_library(said) || NOT_LOOKED.iter().any(|begin| said.starts_with(begin)) {
            unread.insert(object);
        } else {
            damaged.insert(object);
        }
    }
    (damaged, unread)
}

/// The object of a complaint: `heap table "db.schema.name", block …:` or
/// `btree index "db.schema.name":`.
fn complaint(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("heap table \"").or_else(|| line.strip_prefix("btree index \""))?;
    let end = rest.find("\", block ").or_else(|| rest.rfind("\":"))?;
    Some(&rest[..end])
}

/// Tables and indexes that there are, in all databases; and as patterns those whose
/// locks prepared transactions hold against the parent check (`ShareLock`; PostgreSQL
/// manual, "Table-Level Locks").
async fn survey(subject: &Subject<'_>) -> Result<(u64, Vec<String>)> {
    let list = {
        let session = subject.instance.connect_any().await?;
        let sql = "select datname::text from pg_database where datallowconn and datconnlimit <> -2";
        session.client().query(sql, &[]).await.map_err(|e| failed(&e))?
    };
    let (mut all, mut held) = (0, Vec::new());
    for row in &list {
        let database: String = row.get(0);
        let session = subject.instance.connect(&database).await?;
        let sql = "select count(*) from pg_class where relkind in ('r', 'm', 't') \
                   or (relkind = 'i' and relam = (select oid from pg_am where amname = 'btree'))";
        let row = session.client().query_one(sql, &[]).await.map_err(|e| failed(&e))?;
        all += row.get::<_, i64>(0).unsigned_abs();
        let sql = "with held as (select distinct l.relation from pg_locks l where l.locktype = 'relation' \
                       and l.pid is null and l.mode not in ('AccessShareLock', 'RowShareLock') and l.database in (0, \
                         (select oid from pg_database where datname = current_database()))) \
                   select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                   where c.relkind in ('r', 'm', 't', 'i') and (c.oid in (select relation from held) \
                     or c.oid in (select indexrelid from pg_index where indrelid in (select relation from held))) \
                   order by 1, 2";
        let rows = session.client().query(sql, &[]).await.map_err(|e| failed(&e))?;
        let quoted =
            |r: &tokio_postgres::Row| format!("{}.{}", quote_ident(&database), super::subject::name_of(r).quoted());
        held.extend(rows.iter().map(quoted));
    }
    Ok((all, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_lacks_is_no_corruption() {
        let out = "btree index \"d.public.i\":\n    ERROR:  could not access file \"$libdir/hstore\": No such file or directory\n\
                   btree index \"d.public.i\":\n    ERROR:  canceling statement due to lock timeout\n\
                   heap table \"d.public.t\", block 1, offset 2:\n    xmin 17 is odd\n";
        let (damaged, unread) = complaints(out);
        assert_eq!((Vec::from_iter(damaged), Vec::from_iter(unread)), (vec!["d.public.t"], vec!["d.public.i"]));
    }

    #[test]
    fn objects_are_read_from_complaints() {
        assert_eq!(complaint("heap table \"db.public.t\", block 3, offset 4, attribute 1:"), Some("db.public.t"));
        assert_eq!(complaint("btree index \"db.public.a\"b\":"), Some("db.public.a\"b"));
        assert_eq!(complaint("    xmin 17 is odd"), None);
    }
}
