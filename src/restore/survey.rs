//! A look at the target server before a restore: what would stop it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::selection::Selection;
use super::{Opened, database, globals, locale, needs, properties};
use crate::error::{Error, Result};
use crate::source::archive_list::{Listed, NAMES_ROLES};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, PgBin, Session, probe};
use crate::types::event::Progress;
use crate::types::shown;

/// What a restore of one database would be.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The server.
    pub conn: &'a ConnParams,
    /// The backup.
    pub opened: &'a Opened,
    /// The database of the backup.
    pub database: &'a DatabaseFacts,
    /// Its name on the server.
    pub target: &'a str,
    /// Only these tables; all where empty.
    pub tables: &'a [ObjectName],
    /// Whether roles would be created.
    pub globals: bool,
    /// Whether owners and privileges would be restored.
    pub owners: bool,
    /// Whether what is refused would be lost, and be no end.
    pub keep_going: bool,
    /// The configured directory of programs.
    pub bindir: Option<&'a Path>,
    /// Progress.
    pub progress: Progress,
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

/// The role on the target, and what it may.
struct Who {
    superuser: bool,
    major: u32,
    /// Whether the target database is there.
    exists: bool,
    roles: HashSet<String>,
}

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
        let (from, to) = (self.opened.facts.server.version_num.major(), probe::version(&session).await?.major());
        if to < from {
            all.push(format!("the backup is of PostgreSQL {from}, the target server is {to}"));
        } else if let Err(e) = PgBin::find(self.bindir, to).await {
            all.push(text(&e));
        }
        let exists = database::exists(&session, self.target).await?;
        if exists {
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
        let who = Who {
            superuser: database::is_superuser(&session).await?,
            major: to,
            exists,
            roles: names(&session, "select rolname::text from pg_catalog.pg_roles").await?,
        };
        let wanted = self.wanted().await?;
        self.roles(&session, &who, &wanted, found).await?;
        let have = names(&session, "select name::text from pg_available_extensions").await?;
        let lack = list(self.database.extensions.iter().map(|e| e.name.as_str()).filter(|e| !have.contains(*e)));
        if !lack.is_empty() {
            self.refused(found, format!("extensions are not installed on the target server: {lack}"));
        }
        let lack = needs::lacking(&session, needs::tablespaces(wanted.iter(), &self.database.encoding)).await?;
        if !lack.is_empty() {
            found.notes.push(needs::without_tablespaces(&lack));
        }
        if who.superuser {
            return Ok(());
        }
        self.settings_and_objects(&session, found).await?;
        self.extensions(&session, &who, &wanted, found).await?;
        self.given_away(&session, &who, &wanted, found).await
    }

    /// The entries that would be restored.
    async fn wanted(&self) -> Result<Vec<Listed>> {
        let mut list = needs::entries(self.opened, self.database, &self.progress).await?;
        if !self.tables.is_empty() {
            let ids = Selection::choose(&list, self.tables, &self.database.encoding)?.ids;
            let ids: HashSet<i64> = ids.into_iter().collect();
            list.retain(|e| ids.contains(&e.id));
        }
        Ok(list)
    }

    /// Owners, and whom something is granted to or by, of what would be restored.
    fn needed<'a>(&'a self, wanted: &[Listed], missing: impl Fn(&str) -> bool) -> BTreeSet<&'a str> {
        let roles = || self.opened.facts.roles.iter().map(|r| r.name.as_str()).filter(|r| missing(r));
        let encoding = &self.database.encoding;
        let mut owners = needs::owners(wanted, encoding);
        if self.tables.is_empty() {
            owners.append(&mut properties::roles(self.database));
        }
        let mut needed: BTreeSet<&str> = roles().filter(|r| owners.contains(*r)).collect();
        needed.append(&mut needs::named(wanted, roles(), &NAMES_ROLES, encoding));
        needed
    }

    async fn roles(&self, session: &Session, who: &Who, wanted: &[Listed], found: &mut Foreseen) -> Result<()> {
        let missing = |r: &str| !who.roles.contains(r);
        if self.globals {
            let lack = list(self.opened.facts.roles.iter().map(|r| r.name.as_str()).filter(|r| missing(r)));
            if !who.superuser && !lack.is_empty() {
                let user = shown(&self.conn.user);
                found
                    .obstacles
                    .push(format!("the role {user} is no superuser, as --globals needs it to create: {lack}"));
            }
            found.notes.extend(globals::left_alone(session, &self.opened.facts).await?);
            return Ok(());
        }
        if self.owners {
            let lack = list(self.needed(wanted, missing).into_iter());
            if !lack.is_empty() {
                let text = format!("roles of the backup are missing on the target (see --globals, --no-owner): {lack}");
                self.refused(found, text);
            }
            return Ok(());
        }
        // Policies and user mappings name roles, whoever owns what.
        let roles = self.opened.facts.roles.iter().map(|r| r.name.as_str()).filter(|r| missing(r));
        let kinds = ["POLICY", "USER MAPPING"];
        let lack = list(needs::named(wanted, roles, &kinds, &self.database.encoding).into_iter());
        if !lack.is_empty() {
            let text =
                format!("row security policies and user mappings that name missing roles would be left out: {lack}");
            found.notes.push(text);
        }
        Ok(())
    }

    /// Something that the server would refuse.
    fn refused(&self, found: &mut Foreseen, text: String) {
        if self.keep_going {
            found.notes.push(format!("would not be restored: {text}"));
        } else {
            found.obstacles.push(text);
        }
    }

    async fn settings_and_objects(&self, session: &Session, found: &mut Foreseen) -> Result<()> {
        if !self.tables.is_empty() {
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
                let text = format!("the role {user} is no superuser, as {what} need it (see --no-owner): {names}");
                self.refused(found, text);
            } else {
                found.notes.push(format!("{what} that need a superuser would be left out: {names}"));
            }
        }
        Ok(())
    }

    /// Extensions that only a superuser may create.
    async fn extensions(&self, session: &Session, who: &Who, wanted: &[Listed], found: &mut Foreseen) -> Result<()> {
        let sql = "select e.name::text from pg_catalog.pg_available_extensions e \
                   join pg_catalog.pg_available_extension_versions v on v.name = e.name and v.version = e.default_version \
                   where v.superuser and not v.trusted";
        let theirs = names(session, sql).await?;
        let there = if who.exists {
            let inside = self.conn.with_database(self.target).connect_read_only("pgseal restore").await?;
            names(&inside, "select extname::text from pg_catalog.pg_extension").await?
        } else {
            HashSet::new()
        };
        let wanted = needs::of_kind(wanted, "EXTENSION", &self.database.encoding);
        let lack = list(wanted.iter().map(String::as_str).filter(|e| theirs.contains(*e) && !there.contains(*e)));
        if !lack.is_empty() {
            let text = format!(
                "the role {} is no superuser, as these extensions need it: {lack}. Let a superuser create an empty \
                 database with them, and restore into that",
                shown(&self.conn.user)
            );
            self.refused(found, text);
        }
        Ok(())
    }

    /// Owners that the role may not give anything to.
    async fn given_away(&self, session: &Session, who: &Who, wanted: &[Listed], found: &mut Foreseen) -> Result<()> {
        if !self.owners {
            return Ok(());
        }
        let mut owners = needs::owners(wanted, &self.database.encoding);
        if self.tables.is_empty() {
            owners.insert(self.database.owner.clone());
        }
        let right = if who.major >= 16 { "SET" } else { "MEMBER" };
        let sql =
            format!("select rolname::text from pg_catalog.pg_roles where not pg_catalog.pg_has_role(oid, '{right}')");
        let strangers = names(session, &sql).await?;
        let lack = list(owners.iter().map(String::as_str).filter(|o| strangers.contains(*o)));
        if !lack.is_empty() {
            let user = shown(&self.conn.user);
            let text = format!(
                "the role {user} is no superuser and may not give objects to their owners (see --no-owner): {lack}"
            );
            self.refused(found, text);
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
