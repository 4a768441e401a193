//! A look at the target server before a restore: what would stop it.

use std::collections::HashSet;
use std::path::Path;

use super::{database, globals, locale};
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

/// What was found, in words.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// What would stop the restore.
    pub obstacles: Vec<String>,
    /// What it would leave out.
    pub notes: Vec<String>,
}

/// Kinds of [`DatabaseFacts::object_counts`] that only a superuser may create.
const OF_SUPERUSERS: [&str; 3] = ["event_trigger", "foreign_data_wrapper", "subscription"];

impl Survey<'_> {
    /// What would stop it and what it would leave out; empty where nothing was found. Reads only.
    pub async fn foresee(&self) -> Foreseen {
        let mut found = Foreseen::default();
        if let Err(e) = self.evaluate(&mut found).await {
            found.obstacles.push(text(&e));
        }
        found
    }

    async fn evaluate(&self, found: &mut Foreseen) -> Result<()> {
        let all = &mut found.obstacles;
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
            let differing = locale::differing(&session, self.database, self.target).await?;
            if !differing.is_empty() {
                found.notes.push(locale::text_of_existing(self.target, &differing));
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
        if self.globals {
            found.notes.extend(globals::left_alone(&session, self.facts).await?);
        }
        let have = names(&session, "select name::text from pg_available_extensions").await?;
        let lack = list(self.database.extensions.iter().map(|e| e.name.as_str()).filter(|e| !have.contains(*e)));
        if !lack.is_empty() {
            all.push(format!("extensions are not installed on the target server: {lack}"));
        }
        self.without_owners(&session, found).await?;
        self.without_superuser(&session, found).await
    }

    /// Policies name roles.
    async fn without_owners(&self, session: &Session, found: &mut Foreseen) -> Result<()> {
        let policies = self.database.object_counts.get("policy").copied().unwrap_or_default();
        if self.owners || policies == 0 {
            return Ok(());
        }
        let have = names(session, "select rolname::text from pg_catalog.pg_roles").await?;
        let lack = list(self.facts.roles.iter().map(|r| r.name.as_str()).filter(|r| !have.contains(*r)));
        if !lack.is_empty() {
            found.notes.push(format!("row security policies that name missing roles would be left out: {lack}"));
        }
        Ok(())
    }

    async fn without_superuser(&self, session: &Session, found: &mut Foreseen) -> Result<()> {
        if database::is_superuser(session).await? {
            return Ok(());
        }
        // Of a setting that the server does not know only a superuser may make one.
        let may = names(session, "select lower(name) from pg_catalog.pg_settings where context = 'user'").await?;
        let keys = self.database.settings.iter().filter_map(|s| s.split_once('=')).map(|(key, _)| key);
        let settings = list(keys.filter(|key| !may.contains(&key.to_lowercase())));
        let count = |kind: &&str| self.database.object_counts.get(*kind).is_some_and(|n| *n > 0);
        let objects = list(OF_SUPERUSERS.into_iter().filter(count));
        let user = shown(&self.conn.user);
        let what = [("settings of the database", settings), ("objects", objects)];
        for (what, names) in what.into_iter().filter(|(_, names)| !names.is_empty()) {
            if self.owners {
                found
                    .obstacles
                    .push(format!("the role {user} is no superuser, as {what} need it (see --no-owner): {names}"));
            } else {
                found.notes.push(format!("{what} that need a superuser would be left out: {names}"));
            }
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
