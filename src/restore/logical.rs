//! Databases by pg_restore: pre-data, all data streams at once, post-data with
//! parallel index builds.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{Opened, complaint, database, feed, globals};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::{Role, Stream};
use crate::process::{Exit, Stdin, Tool};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, PgBin};
use crate::types::event::Progress;

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
}

impl LogicalTarget<'_> {
    /// Restores. A database that could not be finished is removed again.
    pub async fn restore(&self, opened: &Opened) -> Result<LogicalOutcome> {
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
            let target = database::prepare(self.conn, &session, facts, name).await?;
            let restored = async {
                let bytes = self.database(opened, facts, &target.working).await?;
                if self.tables.is_empty() && !self.scratch {
                    let properties = database::properties_sql(facts, &target.working, self.owners);
                    for sql in properties {
                        session
                            .client()
                            .batch_execute(&sql)
                            .await
                            .map_err(database::failed("cannot set a property", name))?;
                    }
                }
                database::rename(&session, &target).await?;
                Ok::<u64, Error>(bytes)
            };
            match restored.await {
                Ok(bytes) => outcome.plain_bytes += bytes,
                Err(e) => {
                    // The first error is what matters; a failed removal is told by its working name.
                    return Err(match database::discard(&session, &target).await {
                        Ok(()) => e,
                        Err(left) => e.or_hint(format!("The unfinished database is left behind: {left}")),
                    });
                }
            }
            outcome.databases.push(name.clone());
        }
        Ok(outcome)
    }

    async fn database(&self, opened: &Opened, facts: &DatabaseFacts, working: &str) -> Result<u64> {
        let conn = self.conn.with_database(working);
        let one = |streams: Vec<&Stream>| streams.first().map(|s| (*s).clone());
        let schema = one(opened.streams(Role::Schema, Some(&facts.name))).ok_or_else(|| {
            Error::new(Code::Corrupt, Stage::Restore, "the backup has no schema stream").on(facts.name.clone())
        })?;
        let schema = Arc::new(feed::into_memory(opened, &schema, &self.progress).await?);
        let list = self.selection(&schema)?;

        self.run(self.section(&conn, "pre-data", &schema, list.as_ref())?).await?;
        let data = opened.streams(Role::Data, Some(&facts.name));
        try_join_all(data.iter().map(|s| self.data(opened, s, &conn))).await?;
        let post =
            self.section(&conn, "post-data", &schema, list.as_ref())?.arg(format!("--jobs={}", self.jobs.max(1)));
        self.run(post).await?;
        Ok(data.iter().map(|s| s.plain_bytes).sum())
    }

    /// pg_restore with what every section has in common. The database is named by
    /// environment: `-d` would read its name as a connection string.
    fn pg_restore(&self, conn: &ConnParams) -> Result<Tool> {
        let mut tool = self
            .bin
            .tool("pg_restore")?
            .under(self.under.clone())
            .envs(conn.child_env(self.private)?)
            .args(["--exit-on-error", "--no-password", "--dbname="]);
        if self.scratch {
            tool = tool.args(["--no-subscriptions", "--no-publications", "--no-tablespaces"]);
        }
        if !self.owners {
            tool = tool.args(["--no-owner", "--no-privileges"]);
        }
        Ok(tool)
    }

    fn section(&self, conn: &ConnParams, section: &str, schema: &Arc<File>, list: Option<&Selection>) -> Result<Tool> {
        let mut tool = self.pg_restore(conn)?.arg(format!("--section={section}")).input(Arc::clone(schema));
        if let Some(list) = list {
            tool = tool.arg("--use-list").arg(list.path.as_os_str());
        }
        Ok(tool.arg("/proc/self/fd/0"))
    }

    async fn data(&self, opened: &Opened, stream: &Stream, conn: &ConnParams) -> Result<()> {
        let wanted = opened.facts.streams.get(&stream.reference).map(|f| f.tables.as_slice()).unwrap_or_default();
        if !self.tables.is_empty() && !wanted.is_empty() && !self.tables.iter().any(|t| wanted.contains(t)) {
            return Ok(());
        }
        let mut tool = self.pg_restore(conn)?.arg("--section=data").stdin(Stdin::Piped);
        for table in &self.tables {
            // pg_restore takes these names literally (no patterns).
            tool = tool.arg("--schema").arg(&table.schema).arg("--table").arg(&table.name);
        }
        let mut child = tool.spawn().await?;
        let stdin = child.take_stdin().ok_or_else(|| Error::internal("the child has no input"))?;
        feed::into_child(opened, stream, stdin, &self.progress).await?;
        self.ended(child.wait().await?)
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

    fn selection(&self, _schema: &Arc<File>) -> Result<Option<Selection>> {
        Ok(None)
    }
}

/// A `--use-list` file.
struct Selection {
    path: tempfile::TempPath,
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
    } else if has("could not open extension control file") || has("is not available") {
        e.hint("The target server lacks an extension of the backup: install its package there.")
    } else if has("No space left on device") {
        e.with_code(Code::NoSpace).hint("Free space on the target and run the restore again.")
    } else {
        e.or_hint("Look into the target server's log. The unfinished database was removed.")
    }
}
