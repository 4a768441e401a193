//! A look at the target server before a restore: what would stop it.

use std::collections::HashSet;
use std::path::Path;

use super::database;
use crate::error::{Error, Result};
use crate::source::facts::{DatabaseFacts, Facts};
use crate::source::{ConnParams, PgBin, Session, probe};
use crate::types::shown;

/// What a restore of one database would be.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The server.
    pub conn: &'a ConnParams,
    /// Of the backup.
    pub facts: &'a Facts,
    /// The database of the backup.
    pub database: &'a DatabaseFacts,
    /// Its name on the server.
    pub target: &'a str,
    /// Whether roles would be created.
    pub globals: bool,
    /// Whether owners and privileges would be restored.
    pub owners: bool,
    /// The configured directory of programs.
    pub bindir: Option<&'a Path>,
}

impl Survey<'_> {
    /// What would stop it, in words; empty where nothing was found. Reads only.
    pub async fn obstacles(&self) -> Vec<String> {
        let mut all = Vec::new();
        if let Err(e) = self.look(&mut all).await {
            all.push(text(&e));
        }
        all
    }

    async fn look(&self, all: &mut Vec<String>) -> Result<()> {
        let session = self.conn.connect_read_only("pgseal restore").await?;
        let (from, to) = (self.facts.server.version_num.major(), probe::version(&session).await?.major());
        if to < from {
            all.push(format!("the backup is of PostgreSQL {from}, the target server is {to}"));
        } else if let Err(e) = PgBin::find(self.bindir, to).await {
            all.push(text(&e));
        }
        if database::exists(&session, self.target).await? {
            if let Err(e) = database::must_be_empty(self.conn, self.target).await {
                all.push(text(&e));
            }
        } else if !may_create(&session).await? {
            all.push(format!("the role {} may not create databases", shown(&self.conn.user)));
        }
        if self.owners && !self.globals {
            let have = names(&session, "select rolname::text from pg_roles").await?;
            let lack = list(self.facts.roles.iter().map(|r| r.name.as_str()).filter(|r| !have.contains(*r)));
            if !lack.is_empty() {
                all.push(format!("roles of the backup are missing on the target (see --globals, --no-owner): {lack}"));
            }
        }
        let have = names(&session, "select name::text from pg_available_extensions").await?;
        let lack = list(self.database.extensions.iter().map(|e| e.name.as_str()).filter(|e| !have.contains(*e)));
        if !lack.is_empty() {
            all.push(format!("extensions are not installed on the target server: {lack}"));
        }
        Ok(())
    }
}

fn text(e: &Error) -> String {
    match e.next_step() {
        Some(hint) => format!("{e}. {hint}"),
        None => e.to_string(),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| shown(n).into_owned()).collect::<Vec<_>>().join(", ")
}

async fn names(session: &Session, sql: &str) -> Result<HashSet<String>> {
    let rows = session.client().query(sql, &[]).await;
    let rows = rows.map_err(|e| Session::failed("cannot look at the target server", e))?;
    Ok(rows.iter().map(|r| r.get(0)).collect())
}

async fn may_create(session: &Session) -> Result<bool> {
    let sql = "select rolname::text from pg_roles where rolname = current_user and (rolsuper or rolcreatedb)";
    Ok(!names(session, sql).await?.is_empty())
}
