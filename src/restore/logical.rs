//! Databases by pg_restore: pre-data, all data streams at once, post-data with
//! parallel index builds.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::selection::Selection;
use super::unfinished::Unfinished;
use super::{Opened, complaint, database, feed, globals, properties};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::{Role, Stream};
use crate::process::{Exit, Stdin, Tool};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, PgBin, Purpose, Session, archive_list};
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
    pub under: Vec<OsString>,
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
    /// A scratch copy: no subscriptions, publications, tablespaces.
    pub scratch: bool,
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
}

impl LogicalTarget<'_> {
    /// Restores. A database that could not be finished is removed again.
    pub async fn restore(&self, opened: &Opened) -> Result<LogicalOutcome> {
        opened.must_be_whole()?;
        let session = self.conn.connect("pgseal restore").await?;
        if let Some(keep) = self.globals {
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
        let mut outcome = LogicalOutcome::default();
        for (source, name) in &self.databases {
            let facts = facts_of(opened, source)?;
            let schema = self.schema(opened, facts).await?;
            let target = database::prepare(self.conn, &session, facts, name, self.scratch).await?;
            // Dropped by an interrupt, it removes what was begun.
            let unfinished = Unfinished::new(self.conn, &target);
            let restored = async {
                let bytes = self.database(opened, facts, &target.working, schema).await?;
                let whole = self.tables.is_empty();
                if whole {
                    self.properties(&session, facts, &target).await?;
                }
                database::rename(&session, &target, whole && facts.comment.is_some()).await?;
                Ok::<Restored, Error>(bytes)
            };
            let restored = restored.await;
            unfinished.over();
            match restored {
                Ok(restored) => {
                    outcome.plain_bytes += restored.bytes;
                    outcome.runs += restored.runs;
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

    /// What of the database lies outside its dump.
    async fn properties(&self, session: &Session, facts: &DatabaseFacts, target: &database::Target) -> Result<()> {
        for sql in properties::properties_sql(facts, &target.working, self.owners)? {
            session.client().batch_execute(&sql).await.map_err(|e| match e.code() {
                // A setting's value may be a secret, and the server's words show it.
                Some(state) if self.scratch => Error::new(
                    Code::RestoreFailed,
                    Stage::Restore,
                    format!("cannot set a property of the database (SQLSTATE {})", state.code()),
                )
                .on(target.name.clone()),
                _ => explain(database::failed("cannot set a property", &target.name)(e)),
            })?;
        }
        Ok(())
    }

    /// The schema stream, and what of it is wanted.
    async fn schema(&self, opened: &Opened, facts: &DatabaseFacts) -> Result<Schema> {
        let streams = opened.streams(Role::Schema, Some(&facts.name));
        let stream = streams.first().ok_or_else(|| {
            Error::new(Code::Corrupt, Stage::Restore, "the backup has no schema stream").on(facts.name.clone())
        })?;
        let mut file = feed::into_memory(opened, stream, &self.progress).await?;
        if self.tables.is_empty() {
            return Ok(Schema { archive: Arc::new(file), chosen: None });
        }
        let unreadable = |e: std::io::Error| Error::internal("cannot read a stream in memory").because(e);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let list = archive_list::read(&bytes)?
            .ok_or_else(|| Error::new(Code::Corrupt, Stage::Restore, "the schema stream is cut off"))?;
        let selection = Selection::choose(&list, &self.tables, &facts.encoding)?;
        for key in &selection.foreign_keys {
            self.progress.event(Event::Warning {
                text: format!("the foreign key {key} is left out: only one of its tables is restored with rows"),
                hint: Some("Name the other table with --table, too.".into()),
            });
        }
        for table in &selection.empty {
            let text = format!("the table {} is created without its rows: what is restored needs it", table.quoted());
            self.progress.event(Event::Note(text));
        }
        let path = self.use_list(&selection.ids)?;
        Ok(Schema { archive: Arc::new(file), chosen: Some((selection, path)) })
    }

    /// A file for `pg_restore --use-list`: one number a line.
    fn use_list(&self, ids: &[i64]) -> Result<tempfile::TempPath> {
        let failed = |e: std::io::Error| Error::internal("cannot write the list of what to restore").because(e);
        let mut file = tempfile::NamedTempFile::new_in(self.private).map_err(failed)?;
        let mut out = std::io::BufWriter::new(&mut file);
        ids.iter().try_for_each(|id| writeln!(out, "{id};")).and_then(|()| out.flush()).map_err(failed)?;
        drop(out);
        Ok(file.into_temp_path())
    }

    /// The connection under which text of money means what it did when it was
    /// written: backups of older versions were not written under today's pin.
    async fn written_under(&self, opened: &Opened, facts: &DatabaseFacts) -> Result<ConnParams> {
        let conn = self.conn.clone();
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

    async fn database(
        &self,
        opened: &Opened,
        facts: &DatabaseFacts,
        working: &str,
        schema: Schema,
    ) -> Result<Restored> {
        let conn = self.written_under(opened, facts).await?.with_database(working);
        self.run(self.section(&conn, "pre-data", &schema)?).await?;
        let data = opened.streams(Role::Data, Some(&facts.name));
        let last = data.last().map(|s| s.reference.clone());
        let read = try_join_all(data.iter().map(|s| {
            let with_sequences = last.as_ref() == Some(&s.reference);
            self.data(opened, facts, s, &conn, schema.selection().map(|s| (s, with_sequences)))
        }))
        .await?;
        if let Some(selection) = schema.selection() {
            let found: HashSet<&ObjectName> = read.iter().flat_map(|r| &r.tables).collect();
            let has_rows = |t: &&ObjectName| facts.tables.iter().any(|f| f.name == **t);
            if let Some(lost) = selection.rows.iter().filter(has_rows).find(|t| !found.contains(t)) {
                return Err(Error::new(Code::Corrupt, Stage::Restore, "no stream holds the rows of the table")
                    .on(lost.quoted()));
            }
        }
        let post = self.section(&conn, "post-data", &schema)?.arg(format!("--jobs={}", self.jobs.max(1)));
        self.run(post).await?;
        Ok(Restored { bytes: read.iter().map(|r| r.bytes).sum(), runs: 2 + read.len() as u64 })
    }

    /// pg_restore with what every section has in common. The database is named by
    /// environment: `-d` would read its name as a connection string.
    fn pg_restore(&self, conn: &ConnParams) -> Result<Tool> {
        let mut tool = self
            .bin
            .tool("pg_restore")?
            .under(self.under.clone())
            .envs(conn.child_env(self.private, Purpose::Load)?)
            .args(["--exit-on-error", "--no-password", "--dbname="]);
        if self.scratch {
            tool = tool.args(["--no-subscriptions", "--no-publications", "--no-tablespaces"]);
        }
        if !self.owners {
            tool = tool.args(["--no-owner", "--no-privileges"]);
        }
        Ok(tool)
    }

    fn section(&self, conn: &ConnParams, section: &str, schema: &Schema) -> Result<Tool> {
        let tool = self.pg_restore(conn)?.arg(format!("--section={section}")).input(Arc::clone(&schema.archive));
        let tool = match &schema.chosen {
            Some((_, list)) => tool.arg("--use-list").arg(list.as_os_str()),
            None => tool,
        };
        Ok(tool.arg("/proc/self/fd/0"))
    }

    /// One data stream; of a selection only what was chosen, and with its
    /// sequences where the flag is set (they come with the last stream).
    async fn data(
        &self,
        opened: &Opened,
        facts: &DatabaseFacts,
        stream: &Stream,
        conn: &ConnParams,
        chosen: Option<(&Selection, bool)>,
    ) -> Result<Read> {
        let mut read = Read::default();
        let mut tool = self.pg_restore(conn)?.arg("--section=data").stdin(Stdin::Piped);
        let mut list = None;
        let held = opened.facts.streams.get(&stream.reference).map(|f| f.tables.as_slice()).unwrap_or_default();
        if let Some((selection, with_sequences)) = chosen
            && !(with_sequences && selection.has_sequences())
            && !held.iter().any(|t| selection.rows.contains(t))
        {
            return Ok(read);
        }
        let mut begun = feed::Begun::new(opened, stream, &self.progress)?;
        if let Some((selection, _)) = chosen {
            let (ids, tables) = selection.of_data(&begun.contents().await?, &facts.encoding);
            if ids.is_empty() {
                return Ok(read);
            }
            read.tables = tables;
            let path = list.insert(self.use_list(&ids)?);
            tool = tool.arg("--use-list").arg(path.as_os_str());
        }
        let mut child = tool.spawn().await?;
        let stdin = child.take_stdin().ok_or_else(|| Error::internal("the child has no input"))?;
        feed::into_child(begun, stdin).await?;
        self.ended(child.wait().await?)?;
        read.bytes = stream.plain_bytes;
        Ok(read)
    }

    async fn run(&self, tool: Tool) -> Result<()> {
        self.ended(tool.spawn().await?.wait().await?)
    }

    /// What pg_restore says goes to the operator's terminal, but never into a
    /// drill's report: it quotes rows.
    fn ended(&self, exit: Exit) -> Result<()> {
        if self.scratch {
            return complaint::ended(exit);
        }
        exit.success(Code::RestoreFailed, Stage::Restore).map_err(explain).map(drop)
    }
}

/// The schema stream in memory.
struct Schema {
    archive: Arc<File>,
    /// What of it is wanted, and the file that says so to pg_restore.
    chosen: Option<(Selection, tempfile::TempPath)>,
}

impl Schema {
    fn selection(&self) -> Option<&Selection> {
        self.chosen.as_ref().map(|c| &c.0)
    }
}

/// What was restored of a database: plain bytes, runs of pg_restore.
struct Restored {
    bytes: u64,
    runs: u64,
}

/// What a data stream gave.
#[derive(Default)]
struct Read {
    tables: Vec<ObjectName>,
    bytes: u64,
}

fn facts_of<'a>(opened: &'a Opened, name: &str) -> Result<&'a DatabaseFacts> {
    opened.facts.databases.iter().find(|d| d.name == name).ok_or_else(|| {
        let have: Vec<&str> = opened.facts.databases.iter().map(|d| d.name.as_str()).collect();
        Error::usage("the backup does not hold this database")
            .on(name)
            .hint(format!("It holds: {}.", crate::types::shown(&have.join(", "))))
    })
}

/// Finds the next step for what pg_restore says most often.
fn explain(e: Error) -> Error {
    let text = e.text();
    let has = |needle: &str| text.contains(needle);
    if has("role \"") && has("does not exist") {
        e.hint("The target server lacks a role of the backup: restore with --globals to create roles, or with --no-owner to do without.")
    } else if has("ould not open extension control file") || (has("extension \"") && has("is not available")) {
        e.hint("The target server lacks an extension of the backup: install its package there.")
    } else if has("No space left on device") {
        e.with_code(Code::NoSpace).hint("Free space on the target and run the restore again.")
    } else {
        e.or_hint("Look into the target server's log.")
    }
}
