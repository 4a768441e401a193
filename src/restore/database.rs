//! Creating a database as it was, under a working name until it is complete.

use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::DatabaseFacts;
use crate::source::{ConnParams, Session};
use crate::types::ids::random_bytes;
use crate::types::text::{quote_ident, quote_literal};

/// A database that is being restored.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its final name.
    pub name: String,
    /// Where the restore writes: a working name when the database is new.
    pub working: String,
}

impl Target {
    /// Whether we create the database (or it exists and is empty).
    pub fn created(&self) -> bool {
        self.name != self.working
    }
}

/// Errors of statements we send: SQLSTATE and object, never values.
pub(super) fn failed(what: &str, object: &str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |e| {
        let said = e
            .as_db_error()
            .map_or_else(|| e.to_string(), |d| format!("{} (SQLSTATE {})", d.message(), d.code().code()));
        Error::new(Code::RestoreFailed, Stage::Restore, format!("{what}: {said}")).on(object)
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
/// (PostgreSQL source, `FirstNormalObjectId`).
const CONTENTS: &str = "select (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.oid >= 16384 and n.nspname !~ '^pg_(toast|temp)' and c.relkind in ('r','p','v','m','f','S','c'))
       + (select count(*) from pg_namespace where oid >= 16384 and nspname !~ '^pg_(toast|temp)')
       + (select count(*) from pg_proc where oid >= 16384)
       + (select count(*) from pg_type where oid >= 16384 and typtype in ('d','e','r','b') and typelem = 0)
       + (select count(*) from pg_extension where oid >= 16384)
       + (select count(*) from pg_largeobject_metadata)
       + (select count(*) from pg_publication)
       + (select count(*) from pg_foreign_data_wrapper)
       + (select count(*) from pg_event_trigger)";

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

/// Creates the database that will become `name`, or takes the empty one that exists.
/// With `anew` that one is dropped first: `postgres` of a fresh cluster has that
/// cluster's encoding and locale, not the source's.
pub async fn prepare(
    conn: &ConnParams,
    session: &Session,
    facts: &DatabaseFacts,
    name: &str,
    anew: bool,
) -> Result<Target> {
    if exists(session, name).await? {
        must_be_empty(conn, name).await?;
        if !anew {
            return Ok(Target { name: name.to_owned(), working: name.to_owned() });
        }
        let sql = format!("drop database {} with (force)", quote_ident(name));
        session.client().batch_execute(&sql).await.map_err(failed("cannot remove the empty database", name))?;
    }
    let working = format!("{WORKING}{}", hex::encode(random_bytes::<6>()?));
    let sql = create_sql(facts, &working);
    session.client().batch_execute(&sql).await.map_err(failed("cannot create the database", name))?;
    let sql = format!("comment on database {} is {}", quote_ident(&working), quote_literal(&mark(session).await?));
    session.client().batch_execute(&sql).await.map_err(failed("cannot mark the database", name))?;
    Ok(Target { name: name.to_owned(), working })
}

/// What the name of an unfinished database begins with; twelve hexadecimal
/// digits follow.
pub(super) const WORKING: &str = "pgseal_restoring_";

/// What the comment of an unfinished database begins with.
pub(super) const MARK: &str = "pgseal restores into this; session ";

/// The comment of an unfinished database: the session of the server that
/// restores it. As long as that lives, so does the restore, wherever it runs.
async fn mark(session: &Session) -> Result<String> {
    let sql = "select pid, extract(epoch from backend_start)::text from pg_stat_activity where pid = pg_backend_pid()";
    let row = session.client().query_one(sql, &[]).await.map_err(failed("cannot tell the session", "restore"))?;
    Ok(format!("{MARK}{} of {}", row.get::<_, i32>(0), row.get::<_, String>(1)))
}

/// `CREATE DATABASE` with the encoding and locale of the source (PostgreSQL
/// manual, "CREATE DATABASE"): another collation would order rows and indexes
/// differently.
fn create_sql(f: &DatabaseFacts, name: &str) -> String {
    let mut sql = format!(
        "create database {} template template0 encoding {} lc_collate {} lc_ctype {}",
        quote_ident(name),
        quote_literal(&f.encoding),
        quote_literal(&f.collate),
        quote_literal(&f.ctype)
    );
    match (f.locale_provider.as_str(), &f.locale) {
        ("i", Some(l)) => sql.push_str(&format!(" locale_provider icu icu_locale {}", quote_literal(l))),
        ("b", Some(l)) => sql.push_str(&format!(" locale_provider builtin builtin_locale {}", quote_literal(l))),
        _ => {}
    }
    if let Some(rules) = &f.icu_rules {
        sql.push_str(&format!(" icu_rules {}", quote_literal(rules)));
    }
    sql
}

/// Gives the finished database its name, and takes the mark off where it has no
/// comment of its own.
pub async fn rename(session: &Session, target: &Target, has_comment: bool) -> Result<()> {
    if !target.created() {
        return Ok(());
    }
    let (working, name) = (quote_ident(&target.working), quote_ident(&target.name));
    // Both or neither: one message is one transaction.
    let mut sql = format!("alter database {working} rename to {name}");
    if !has_comment {
        sql.push_str(&format!("; comment on database {name} is null"));
    }
    session.client().batch_execute(&sql).await.map_err(failed("cannot give the database its name", &target.name))
}

/// Removes a database that we created and could not finish.
pub async fn discard(session: &Session, target: &Target) -> Result<()> {
    if !target.created() {
        return Ok(());
    }
    let sql = format!("drop database if exists {} with (force)", quote_ident(&target.working));
    session.client().batch_execute(&sql).await.map_err(failed("cannot remove the unfinished database", &target.working))
}
