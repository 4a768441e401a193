//! Creating a database as it was, under a working name until it is complete.

use std::collections::HashSet;

use tokio_postgres::error::SqlState;

use super::archive::There;
use super::locale;
use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::source::{ConnParams, Session, probe};
use crate::types::ids::random_bytes;
use crate::types::text::{quote_ident, quote_literal};

/// A database that is being restored.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its final name.
    pub name: String,
    /// Where the restore writes: a working name when the database is new, its final
    /// one in a scratch copy.
    pub working: String,
    /// Whether we create it.
    created: bool,
    /// Who does it.
    pub(super) worker: Worker,
}

impl Target {
    /// Whether we create the database (or it exists and is empty).
    pub fn created(&self) -> bool {
        self.created
    }
}

/// Errors of statements we send: SQLSTATE and object, never values.
pub(super) fn failed(what: &str, object: &str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |e| {
        let said = e
            .as_db_error()
            .map_or_else(|| e.to_string(), |d| format!("{} (SQLSTATE {})", d.message(), d.code().code()));
        Error::new(Code::RestoreFailed, Stage::Restore, format!("{what}: {said}"))
            .on(object)
            .with_sqlstate(e.code().map(SqlState::code))
    }
}

/// Whether the database exists.
pub(super) async fn exists(session: &Session, name: &str) -> Result<bool> {
    let row = session
        .client()
        .query_opt("select 1 from pg_database where datname = $1", &[&name])
        .await
        .map_err(failed("cannot look for the database", name))?;
    Ok(row.is_some())
}

/// Counts what users made. The oids below 16384 are the bootstrap's and initdb's
/// (PostgreSQL source, `FirstNormalObjectId`). What belongs to an extension, and the
/// schema that one was put into, is no user's: a provider hands out its databases with some.
const CONTENTS: &str = "with of_extensions as (select classid, objid from pg_depend where deptype = 'e')
   select (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.oid >= 16384 and n.nspname !~ '^pg_(toast|temp)' and c.relkind in ('r','p','v','m','f','S','c')
             and ('pg_class'::regclass, c.oid) not in (select * from of_extensions)
             and not exists (select from pg_type t where t.typrelid = c.oid
                             and ('pg_type'::regclass, t.oid) in (select * from of_extensions)))
       + (select count(*) from pg_namespace n where oid >= 16384 and nspname !~ '^pg_(toast|temp)'
             and ('pg_namespace'::regclass, oid) not in (select * from of_extensions)
             and not exists (select from pg_extension e where e.extnamespace = n.oid))
       + (select count(*) from pg_proc where oid >= 16384
             and ('pg_proc'::regclass, oid) not in (select * from of_extensions))
       + (select count(*) from pg_type where oid >= 16384 and typtype in ('d','e','r','b') and typelem = 0
             and ('pg_type'::regclass, oid) not in (select * from of_extensions))
       + (select count(*) from pg_largeobject_metadata)
       + (select count(*) from pg_publication)
       + (select count(*) from pg_foreign_data_wrapper where ('pg_foreign_data_wrapper'::regclass, oid) not in (select * from of_extensions))
       + (select count(*) from pg_event_trigger where ('pg_event_trigger'::regclass, oid) not in (select * from of_extensions))";

/// Refuses a target that holds anything: restoring over data is how a bad day gets worse.
///
/// # Errors
/// Refused (13) when it has anything that a fresh database has not.
pub async fn must_be_empty(conn: &ConnParams, name: &str) -> Result<()> {
    let session = conn.with_database(name).connect("pgseal restore").await?;
    let row = session.client().query_one(CONTENTS, &[]).await.map_err(failed("cannot look into the database", name))?;
    let objects: i64 = row.get(0);
    if objects == 0 {
        return Ok(());
    }
    Err(Error::new(Code::Refused, Stage::Restore, format!("the target database is not empty (objects: {objects})"))
        .on(name)
        .hint("Restore into a new name with --target-db, then rename; pgseal never writes over data."))
}

/// Under which name a restore works: a new one, or that of an empty database that
/// exists. In a scratch copy that one is dropped first: `postgres` of a fresh cluster
/// has that cluster's encoding and locale, not the source's. There the database has
/// its final name from the beginning: some extensions can be created in the database
/// of a certain name only (pg_cron, `cron.database_name`), and nobody takes an
/// unfinished one for a whole one.
pub async fn plan(conn: &ConnParams, session: &Session, name: &str, scratch: bool) -> Result<Target> {
    let worker = Worker::of(session).await?;
    if exists(session, name).await? {
        must_be_empty(conn, name).await?;
        if !scratch {
            return Ok(Target { name: name.to_owned(), working: name.to_owned(), created: false, worker });
        }
        let sql = format!("drop database {} with (force)", quote_ident(name));
        session.client().batch_execute(&sql).await.map_err(failed("cannot remove the empty database", name))?;
    }
    if scratch {
        return Ok(Target { name: name.to_owned(), working: name.to_owned(), created: true, worker });
    }
    // Who works on it is in the name, which is there as soon as the database is.
    let working =
        format!("{WORKING}{}_{}_{}", hex::encode(random_bytes::<6>()?), worker.pid, worker.began_microseconds);
    Ok(Target { name: name.to_owned(), working, created: true, worker })
}

/// Creates the database, where it is a new one.
pub async fn create(session: &Session, facts: &DatabaseFacts, target: &Target, scratch: bool) -> Result<()> {
    if !target.created() {
        return Ok(());
    }
    let (name, worker) = (&target.name, &target.worker);
    let sql = locale::create_sql(facts, &target.working, probe::version(session).await?.major());
    session.client().batch_execute(&sql).await.map_err(|e| {
        let code = if scratch { Code::CouldNotRun } else { Code::RestoreFailed };
        let state = e.code().map(SqlState::code);
        // Of libc a locale that is there, but for another encoding.
        if state == Some("22023") && facts.locale_provider == "c" {
            let said = e.as_db_error().map_or_else(|| e.to_string(), |d| d.message().to_owned());
            let text = format!("the server cannot create the database as in the backup: {said}");
            return Error::new(code, Stage::Restore, text).on(name.clone()).hint(
                "On this host the locale is one of another encoding. Generate the source's locales here (locale-gen), \
                 restart the server, and try again.",
            );
        }
        // 22023 and 42809 are what CREATE DATABASE answers to a locale that is not installed.
        if matches!(state, Some("22023" | "42809")) {
            let locale = facts.locale.as_deref().unwrap_or(&facts.collate);
            let text = format!("a locale of the backup is not installed on this host: {locale}");
            return Error::new(code, Stage::Restore, text)
                .on(name.clone())
                .hint("Generate the source's locales on this host (locale-gen), restart the server, and try again.");
        }
        failed("cannot create the database", name)(e)
    })?;
    let mark = format!("{MARK}{} of {}", worker.pid, worker.began);
    let sql = format!("comment on database {} is {}", quote_ident(&target.working), quote_literal(&mark));
    session.client().batch_execute(&sql).await.map_err(failed("cannot mark the database", name))
}

/// Whether the session's role is a superuser.
pub(super) async fn is_superuser(session: &Session) -> Result<bool> {
    let sql = "select rolsuper from pg_catalog.pg_roles where rolname = current_user";
    let row = session.client().query_one(sql, &[]).await.map_err(failed("cannot read the role", "restore"))?;
    Ok(row.get(0))
}

/// What a database has before anything is restored into it.
pub(super) async fn there(conn: &ConnParams, created: bool) -> Result<There> {
    let session = conn.connect("pgseal restore").await?;
    let names = async |sql: &str| {
        let rows = session.client().query(sql, &[]).await;
        let rows = rows.map_err(failed("cannot look into the database", &conn.dbname))?;
        Ok::<_, Error>(rows.iter().map(|r| r.get(0)).collect())
    };
    // Who is a member of the owner may comment.
    let extensions =
        names("select extname::text from pg_catalog.pg_extension where not pg_catalog.pg_has_role(extowner, 'USAGE')");
    let schemas = "select nspname::text from pg_catalog.pg_namespace where nspname !~ '^pg_' and oid >= 16384";
    Ok(There { extensions: extensions.await?, schemas: if created { HashSet::new() } else { names(schemas).await? } })
}

/// What the name of an unfinished database begins with. Twelve hexadecimal digits
/// follow, and the session that works on it: `_PID_MICROSECONDS`, when it began.
/// Until 0.1 the session was in the comment only.
pub(super) const WORKING: &str = "pgseal_restoring_";

/// What the comment of an unfinished database begins with.
pub(super) const MARK: &str = "pgseal restores into this; session ";

/// The session of the server that restores: as long as that lives, so does the
/// restore, wherever it runs.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) pid: i32,
    began: String,
    began_microseconds: i64,
}

impl Worker {
    async fn of(session: &Session) -> Result<Self> {
        let sql = "select pid, extract(epoch from backend_start)::text, \
                   (extract(epoch from backend_start) * 1000000)::int8 \
                   from pg_catalog.pg_stat_activity where pid = pg_catalog.pg_backend_pid()";
        let row = session.client().query_one(sql, &[]).await.map_err(failed("cannot tell the session", "restore"))?;
        Ok(Self { pid: row.get(0), began: row.get(1), began_microseconds: row.get(2) })
    }
}

/// Gives the finished database its name, takes the mark off where it has no comment of
/// its own, and makes it a template where the source's is one: as late as this, because
/// a template that was left unfinished could not be dropped.
pub async fn rename(session: &Session, target: &Target, has_comment: bool, template: bool) -> Result<()> {
    let (working, name) = (quote_ident(&target.working), quote_ident(&target.name));
    let mut sql = Vec::new();
    if target.working != target.name {
        sql.push(format!("alter database {working} rename to {name}"));
    }
    if target.created() && !has_comment {
        sql.push(format!("comment on database {name} is null"));
    }
    if template {
        sql.push(format!("alter database {name} is_template true"));
    }
    // All or nothing: one message is one transaction.
    session
        .client()
        .batch_execute(&sql.join("; "))
        .await
        .map_err(failed("cannot give the database its name", &target.name))
}

/// Removes a database that we created and could not finish.
pub async fn discard(session: &Session, target: &Target) -> Result<()> {
    if !target.created() {
        return Ok(());
    }
    let sql = format!("drop database if exists {} with (force)", quote_ident(&target.working));
    session.client().batch_execute(&sql).await.map_err(failed("cannot remove the unfinished database", &target.working))
}
