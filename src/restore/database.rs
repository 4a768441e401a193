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

/// Whether the target database exists.
async fn exists(session: &Session, name: &str) -> Result<bool> {
    let row = session
        .client()
        .query_opt("select 1 from pg_database where datname = $1", &[&name])
        .await
        .map_err(failed("cannot look for the database", name))?;
    Ok(row.is_some())
}

/// Refuses a target that holds anything: restoring over data is how a bad day gets worse.
///
/// # Errors
/// Refused (13) when it has tables, views or sequences outside the system schemas.
pub async fn must_be_empty(conn: &ConnParams, name: &str) -> Result<()> {
    let session = conn.with_database(name).connect("pgseal restore").await?;
    let row = session
        .client()
        .query_one(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r','p','v','m','f','S')
                and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')",
            &[],
        )
        .await
        .map_err(failed("cannot look into the database", name))?;
    let objects: i64 = row.get(0);
    if objects == 0 {
        return Ok(());
    }
    Err(Error::new(
        Code::Refused,
        Stage::Restore,
        format!("the target database has {objects} tables, views or sequences"),
    )
    .on(name)
    .hint("Restore into a new name with --target-db, then rename; pgseal never writes over data."))
}

/// Creates the database that will become `name`, or takes the empty one that exists.
pub async fn prepare(conn: &ConnParams, session: &Session, facts: &DatabaseFacts, name: &str) -> Result<Target> {
    if exists(session, name).await? {
        must_be_empty(conn, name).await?;
        return Ok(Target { name: name.to_owned(), working: name.to_owned() });
    }
    let working = format!("pgseal_restoring_{}", hex::encode(random_bytes::<6>()?));
    let sql = create_sql(facts, &working);
    session.client().batch_execute(&sql).await.map_err(failed("cannot create the database", name))?;
    Ok(Target { name: name.to_owned(), working })
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
        ("i", Some(l)) => sql += &format!(" locale_provider icu icu_locale {}", quote_literal(l)),
        ("b", Some(l)) => sql += &format!(" locale_provider builtin builtin_locale {}", quote_literal(l)),
        _ => {}
    }
    if let Some(rules) = &f.icu_rules {
        sql += &format!(" icu_rules {}", quote_literal(rules));
    }
    sql
}

/// What of a database lies outside its dump: owner, comment, settings, limit.
/// pg_restore would set these only with `--create`, under the old name.
pub fn properties_sql(f: &DatabaseFacts, name: &str, with_owner: bool) -> Vec<String> {
    let db = quote_ident(name);
    let mut all = Vec::new();
    if with_owner {
        all.push(format!("alter database {db} owner to {}", quote_ident(&f.owner)));
    }
    if let Some(comment) = &f.comment {
        all.push(format!("comment on database {db} is {}", quote_literal(comment)));
    }
    if f.connection_limit != -1 {
        all.push(format!("alter database {db} connection limit {}", f.connection_limit));
    }
    for setting in &f.settings {
        if let Some((key, value)) = setting.split_once('=') {
            all.push(format!("alter database {db} set {} to {}", quote_setting(key), setting_value(key, value)));
        }
    }
    all
}

/// Settings may be qualified (`app.tenant`): each half is an identifier.
fn quote_setting(key: &str) -> String {
    key.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
}

/// Settings that PostgreSQL stores as lists of identifiers must not be quoted as
/// one string (`variable_is_guc_list_quote()` in PostgreSQL's dumputils.c).
fn setting_value(key: &str, value: &str) -> String {
    const LISTS: [&str; 6] = [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    if !LISTS.contains(&key.to_ascii_lowercase().as_str()) {
        return quote_literal(value);
    }
    // The stored form is a comma separated list of identifiers, quoted where needed.
    let mut items = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items.iter().map(|i| quote_literal(i.trim())).collect::<Vec<_>>().join(", ")
}

/// Gives the finished database its name.
pub async fn rename(session: &Session, target: &Target) -> Result<()> {
    if !target.created() {
        return Ok(());
    }
    let sql = format!("alter database {} rename to {}", quote_ident(&target.working), quote_ident(&target.name));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_settings_are_lists_and_others_are_strings() {
        assert_eq!(setting_value("search_path", "\"$user\", public"), "'$user', 'public'");
        assert_eq!(setting_value("search_path", "\"a,b\""), "'a,b'");
        assert_eq!(setting_value("app.x", "a, b"), "'a, b'");
        assert_eq!(quote_setting("app.te\"nant"), "\"app\".\"te\"\"nant\"");
    }
}
