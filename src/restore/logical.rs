//! Databases of a logical backup: created, filled, given their properties and,
//! at the end, their names.

use std::path::Path;

use tokio_postgres::error::SqlState;

use super::load::Load;
use super::lost::Lost;
use super::unfinished::Unfinished;
use super::{Opened, Said, database, feed, globals, locale, properties};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::Role;
use crate::process::Under;
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, PgBin, Session};
use crate::types::Event;
use crate::types::event::Progress;
use crate::types::text::quote_literal;

/// Where a logical backup goes.
#[derive(Debug)]
pub struct LogicalTarget<'a> {
    /// The server; the database named here is only used to reach it.
    pub conn: &'a ConnParams,
    /// Programs of the backup's major version.
    pub bin: &'a PgBin,
    /// Programs run under this prefix (namespaces of a scratch instance).
    pub under: Under,
    /// A 0700 directory for password files, readable by whoever runs the programs.
    pub private: &'a Path,
    /// Parallel index builds.
    pub jobs: usize,
    /// Source and target name of each database.
    pub databases: Vec<(String, String)>,
    /// Only these tables; all where empty.
    pub tables: Vec<ObjectName>,
    /// Create roles first.
    pub globals: Option<globals::Existing>,
    /// Restore owners and privileges.
    pub owners: bool,
    /// A scratch copy: no subscriptions, publications, tablespaces, and nothing
    /// may be refused.
    pub scratch: bool,
    /// Keep what can be restored where something is refused.
    pub keep_going: bool,
    /// The server's words for what it refused in a scratch copy, for finding its
    /// SQLSTATE in the log; they quote rows.
    pub said: Said,
    /// Progress.
    pub progress: Progress,
}

/// What was restored.
#[derive(Debug, Default)]
pub struct LogicalOutcome {
    /// Target names.
    pub databases: Vec<String>,
    /// Plain bytes of the data streams.
    pub plain_bytes: u64,
    /// Runs of pg_restore, all of which ended well.
    pub runs: u64,
    /// What is not in the restored databases, though the backup holds it.
    pub lost: Vec<Lost>,
}

impl LogicalTarget<'_> {
    /// Restores. A database that could not be finished is removed again.
    pub async fn restore(&self, opened: &Opened) -> Result<LogicalOutcome> {
        opened.must_be_whole()?;
        let session = self.conn.connect("pgseal restore").await?;
        if let Some(keep) = self.globals {
            if keep == globals::Existing::Keep {
                for note in globals::left_alone(&session, &opened.facts).await? {
                    self.progress.event(Event::Note(note));
                }
            }
            for stream in opened.streams(Role::Globals, None) {
                if stream.plain_bytes > globals::MAX_BYTES {
                    return Err(Error::new(Code::Limit, Stage::Restore, "the globals are larger than allowed"));
                }
                let mut sql = String::new();
                let mut file = feed::into_memory(opened, stream, &self.progress).await?;
                std::io::Read::read_to_string(&mut file, &mut sql)
                    .map_err(|e| Error::new(Code::Corrupt, Stage::Restore, "the globals are not text").because(e))?;
                globals::apply(&session, &sql, keep).await?;
            }
        }
        let superuser = database::is_superuser(&session).await?;
        let mut outcome = LogicalOutcome::default();
        for (source, name) in &self.databases {
            let facts = facts_of(opened, source)?;
            let target = database::plan(self.conn, &session, name, self.scratch).await?;
            // Dropped by an interrupt, it removes what was begun.
            let unfinished = Unfinished::new(self.conn, &target, &self.progress);
            let restored = async {
                database::create(&session, facts, &target, self.scratch).await?;
                self.same_locale(&session, facts, &target).await?;
                // Views and checks may read them: they are in force before the first row.
                let whole = self.tables.is_empty();
                if !whole && facts.large_objects > 0 {
                    let text = format!(
                        "the {} large objects of the database are not restored with single tables, which may hold \
                         their numbers",
                        facts.large_objects
                    );
                    self.progress.event(Event::Note(text));
                }
                let mut lost = Vec::new();
                if whole {
                    let settings = properties::settings_sql(facts, &target.working, self.owners);
                    lost.extend(self.apply(&session, settings, &target).await?);
                }
                let conn = self.inside(&target.working, opened, facts, superuser).await?;
                let mut load = Load::new(self, opened, facts, &target, conn, superuser).await?;
                let mut filled = load.fill().await?;
                if whole {
                    let properties = properties::properties_sql(facts, &target.working, self.owners)?;
                    lost.extend(self.apply(&session, properties, &target).await?);
                }
                let (comment, template) = (whole && facts.comment.is_some(), whole && facts.template);
                database::rename(&session, &target, comment, template).await?;
                filled.lost.splice(0..0, lost);
                Ok::<_, Error>(filled)
            };
            let restored = restored.await;
            unfinished.over();
            match restored {
                Ok(restored) => {
                    outcome.plain_bytes += restored.bytes;
                    outcome.runs += restored.runs;
                    outcome.lost.extend(restored.lost);
                }
                Err(e) if !target.created() => {
                    return Err(e.and_hint(
                        "The database existed before and holds part of the backup now: drop it before you try again.",
                    ));
                }
                Err(e) => {
                    // The first error is what matters; a failed removal is told by its working name.
                    return Err(match database::discard(&session, &target).await {
                        Ok(()) => e.and_hint("The unfinished database was removed."),
                        Err(left) => e.and_hint(format!("The unfinished database is left behind: {left}")),
                    });
                }
            }
            outcome.databases.push(name.clone());
        }
        Ok(outcome)
    }

    /// Before the first row: text must sort as it did. What a drill's copy differs in is told by its checks.
    async fn same_locale(&self, session: &Session, facts: &DatabaseFacts, target: &database::Target) -> Result<()> {
        if self.scratch {
            return Ok(());
        }
        let differing = locale::differing(session, facts, &target.working).await?;
        if differing.is_empty() {
            return Ok(());
        }
        if target.created() {
            return Err(locale::made_otherwise(&target.name, &differing));
        }
        let text = locale::text_of_existing(&target.name, &differing);
        self.progress.event(Event::Warning { text, hint: Some(locale::NEXT_STEP.into()) });
        Ok(())
    }

    /// Sends statements about the database itself.
    pub(super) async fn apply(
        &self,
        session: &Session,
        all: Vec<properties::Property>,
        target: &database::Target,
    ) -> Result<Vec<Lost>> {
        let mut lost = Vec::new();
        for one in all {
            let Err(e) = session.client().batch_execute(&one.sql).await else { continue };
            if session.client().is_closed() {
                return Err(database::failed("cannot set a property", &target.name)(e));
            }
            if !self.owners && e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
                let text = format!("left out, because it needs another role's rights: {}", one.label);
                self.progress.event(Event::Note(text));
                continue;
            }
            let failed = match e.code() {
                // A setting's value may be a secret, and the server's words show it.
                Some(state) if self.scratch => one.in_scratch(state.code()).on(target.name.clone()),
                _ => explain(database::failed(&format!("cannot set {}", one.label), &target.name)(e)),
            };
            if !self.keep_going {
                return Err(failed);
            }
            lost.push(Lost { object: one.label, why: failed.text() });
        }
        Ok(lost)
    }

    /// The connection under which text of money means what it did when it was
    /// written: backups of older versions were not written under today's pin.
    async fn written_under(&self, opened: &Opened, facts: &DatabaseFacts) -> Result<ConnParams> {
        let conn = self.conn.with_major(opened.facts.server.version_num.major());
        let Some(locale) = opened.facts.monetary(facts) else { return Ok(conn) };
        let try_it = conn.connect("pgseal restore").await?;
        let sql = format!("SET lc_monetary = {}", quote_literal(locale));
        if try_it.client().batch_execute(&sql).await.is_ok() {
            return Ok(conn.with_setting("lc_monetary", locale));
        }
        self.progress.event(Event::Warning {
            text: format!(
                "database {}: the server lacks the locale {locale}, in which values of type money were written",
                facts.name
            ),
            hint: Some("If a table has columns of this type, install the locale and restore again.".into()),
        });
        Ok(conn)
    }

    /// Where pg_restore goes. A library that the database preloads may be missing
    /// on this server; the restore does not need it then.
    pub(super) async fn inside(
        &self,
        working: &str,
        opened: &Opened,
        facts: &DatabaseFacts,
        superuser: bool,
    ) -> Result<ConnParams> {
        let conn = self.written_under(opened, facts).await?.with_database(working);
        let preloads = |s: &String| s.split_once('=').is_some_and(|(key, _)| key.ends_with("preload_libraries"));
        let all = facts.role_settings.iter().map(|(_, s)| s).chain(&facts.settings);
        if self.scratch || !all.into_iter().any(preloads) || conn.connect("pgseal restore").await.is_ok() {
            return Ok(conn);
        }
        let conn = conn.with_setting("local_preload_libraries", "");
        Ok(if superuser { conn.with_setting("session_preload_libraries", "") } else { conn })
    }
}

fn facts_of<'a>(opened: &'a Opened, name: &str) -> Result<&'a DatabaseFacts> {
    opened.facts.databases.iter().find(|d| d.name == name).ok_or_else(|| {
        let have: Vec<&str> = opened.facts.databases.iter().map(|d| d.name.as_str()).collect();
        Error::usage("the backup does not hold this database")
            .on(name)
            .hint(format!("It holds: {}.", crate::types::shown(&have.join(", "))))
    })
}

/// What a server says to a role that lacks rights.
const NEED_RIGHTS: [&str; 6] = [
    "ust be able to SET ROLE",
    "ust be member of role",
    "ust be owner of",
    "ust be superuser",
    "ermission denied to create",
    "ermission denied for language",
];

/// Finds the next step for what pg_restore says most often.
pub(super) fn explain(e: Error) -> Error {
    let text = e.text();
    let has = |needle: &str| text.contains(needle);
    if has("role \"") && has("does not exist") {
        e.hint("The target server lacks a role of the backup: restore with --globals to create roles, or with --no-owner to do without.")
    } else if has("ould not open extension control file") || (has("extension \"") && has("is not available")) {
        e.hint("The target server lacks an extension of the backup: install its package there.")
    } else if has("ermission denied to create extension") {
        e.hint(
            "Only a superuser may create this extension: let one create an empty database with it, and restore into that.",
        )
    } else if NEED_RIGHTS.iter().any(|n| has(n)) {
        e.hint("The role of the target connection may not do that: restore with --no-owner, or as a superuser.")
    } else if has("No space left on device") {
        e.with_code(Code::NoSpace).hint("Free space on the target and run the restore again.")
    } else {
        e.or_hint("Look into the target server's log.")
    }
}
