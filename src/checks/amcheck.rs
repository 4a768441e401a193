//! PHY-AMCHECK: heaps and indexes agree.

use std::collections::BTreeSet;

use super::subject::{RESTORE_AGAIN, failed, speaks_of_library};
use super::{CheckResult, Rule, Severity, Subject};
use crate::error::{Code, Error, Result, Stage};
use crate::process::Stdout;

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-AMCHECK", title: "tables and B-tree indexes agree with each other", severity: Severity::Critical };

/// Runs `pg_amcheck` on every database: every row of a table must be in its
/// indexes, and every level of an index must agree with the next; from 17 on unique
/// indexes must be so. Not `--rootdescend`, which takes as long again and of which
/// the manual says that it hardly finds what occurs in practice. It needs the
/// extension amcheck, which is made in the copy only.
///
/// Its messages may name rows' places but not their content; only the object
/// and the class are reported.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    if subject.instance.major() < 14 {
        return RULE.not_applicable("pg_amcheck comes with PostgreSQL 14");
    }
    let program = subject.bindir.join("pg_amcheck");
    let relations = match count(subject).await {
        Ok(n) => n,
        Err(e) => return RULE.error(1, 0, &e),
    };
    if !program.is_file() {
        return RULE.not_evaluated(relations, "pg_amcheck is not installed");
    }
    let i = subject.instance;
    // Run as pgseal's own user would be refused nothing; run in the jail it can
    // reach nothing else than the socket.
    let tool = subject
        .jail
        .tool(program)
        .args(["--all", "--heapallindexed", "--parent-check"])
        .args(["--install-missing=pg_catalog", "--no-password"])
        .args((subject.instance.major() >= 17).then_some("--checkunique"))
        .arg(format!("--jobs={}", subject.jobs.clamp(1, 16)))
        .env("PGHOST", i.socket_dir().as_os_str())
        .env("PGPORT", i.port().to_string())
        .env("PGUSER", i.superuser())
        .env("PGAPPNAME", "pgseal")
        .env("PGCLIENTENCODING", "UTF8")
        .env(
            "PGOPTIONS",
            "-c session_preload_libraries= -c local_preload_libraries= -c statement_timeout=0 -c lock_timeout=10s",
        )
        .stdout(Stdout::Piped);
    let ended = match tool.spawn().await {
        Ok(running) => running.output(16 * 1024 * 1024).await,
        Err(e) => Err(e),
    };
    let (exit, out) = match ended {
        Ok(ended) => ended,
        Err(e) => return RULE.error(relations, 0, &e),
    };
    let out = String::from_utf8_lossy(&out);
    let (objects, unread) = complaints(&out);
    match exit.code() {
        Some(0) if objects.is_empty() && unread.is_empty() => RULE.judged(relations, relations, Vec::new()),
        // 2: pg_amcheck ran, and found something.
        Some(0 | 2) if !(objects.is_empty() && unread.is_empty()) => {
            let found = objects.iter().map(|o| RULE.finding(*o, "corruption was found", RESTORE_AGAIN));
            RULE.judged(relations, relations.saturating_sub(unread.len() as u64), found.collect())
        }
        _ => {
            let missing = exit.stderr().text().contains("is not available");
            if missing {
                return RULE.not_evaluated(relations, "the extension amcheck is not installed on this host");
            }
            RULE.error(relations, 0, &Error::new(Code::CouldNotRun, Stage::Checks, "pg_amcheck did not finish"))
        }
    }
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

/// Tables and indexes that there are, in all databases.
async fn count(subject: &Subject<'_>) -> Result<u64> {
    let list = {
        let session = subject.instance.connect_any().await?;
        let sql = "select datname::text from pg_database where datallowconn";
        session.client().query(sql, &[]).await.map_err(|e| failed(&e))?
    };
    let mut all = 0;
    for row in &list {
        let session = subject.instance.connect(row.get(0)).await?;
        let sql = "select count(*) from pg_class where relkind in ('r', 'm', 't') \
                   or (relkind = 'i' and relam = (select oid from pg_am where amname = 'btree'))";
        let row = session.client().query_one(sql, &[]).await.map_err(|e| failed(&e))?;
        all += row.get::<_, i64>(0).unsigned_abs();
    }
    Ok(all)
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
