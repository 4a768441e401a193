//! A child, its tap and its parts, to a receipt.

use std::collections::BTreeMap;

use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::Role;
use crate::pipeline::{Receipt, Writer};
use crate::process::Warnings;
use crate::source::facts::{DatabaseFacts, MembershipFacts, PhysicalFacts, RoleFacts, StreamFacts};
use crate::source::{DumpStream, LeftOut, Posture, Session, StreamRole, Tapped, posture, probe};
use crate::store::layout;
use crate::types::event::Progress;
use crate::types::{BackupId, Event, SourceName, shown};

/// What every stream of one backup shares.
pub struct Work<'a> {
    /// Seals and stores.
    pub writer: &'a Writer,
    /// For the keys.
    pub source: &'a SourceName,
    /// For the keys.
    pub id: &'a BackupId,
    /// Progress.
    pub progress: &'a Progress,
}

/// One stream, stored, its child finished.
#[derive(Debug)]
pub struct Done {
    /// `s01`, …
    pub reference: String,
    /// What it holds.
    pub role: Role,
    /// Its parts.
    pub receipt: Receipt,
    /// What is sealed about it.
    pub facts: StreamFacts,
    /// What was read off it.
    pub tapped: Tapped,
    /// Which program of which database wrote it.
    pub whose: String,
    /// What that warned of, though it ended well.
    pub warned: Warnings,
}

/// All that a backup took from its source.
#[derive(Debug, Default)]
pub struct Taken {
    /// Streams in the order of their references.
    pub streams: Vec<Done>,
    /// Databases.
    pub databases: Vec<DatabaseFacts>,
    /// Roles.
    pub roles: Vec<RoleFacts>,
    /// Their memberships.
    pub memberships: Vec<MembershipFacts>,
    /// `ALTER ROLE ALL SET`.
    pub settings_of_all: Vec<String>,
    /// How the server can be entered.
    pub posture: Posture,
    /// Program to version line.
    pub producer: BTreeMap<String, String>,
    /// Only of base backups.
    pub physical: Option<PhysicalFacts>,
    /// What was worth a warning.
    pub warnings: Vec<String>,
    /// What is not in the backup, or not known of it.
    pub left_out: Vec<LeftOut>,
}

impl Taken {
    /// Says what is worth a warning, and keeps it for the facts.
    pub fn warn(&mut self, progress: &Progress, text: String, hint: Option<&str>) {
        progress.event(Event::Warning { text: text.clone(), hint: hint.map(str::to_owned) });
        self.warnings.push(text);
    }

    /// Says that the objects of a database could not be listed.
    pub fn no_inventory(&mut self, progress: &Progress, database: &str) {
        let text = format!("database {}: its objects could not be listed, to compare a copy with", shown(database));
        let hint = "Drills of this backup will be inconclusive. Back up again when nobody changes definitions, and see whether \
                    a prepared transaction holds a lock (pg_prepared_xacts).";
        self.warn(progress, text, Some(hint));
    }

    /// Asks for what is of the whole server. What the role may not see of its
    /// posture is told once and stops nothing.
    pub async fn server(&mut self, session: &Session, progress: &Progress) -> Result<()> {
        self.roles = probe::roles(session).await?;
        self.memberships = probe::memberships(session).await?;
        self.settings_of_all = probe::settings_of_all(session).await?;
        self.posture = posture::read(session).await;
        let unknown: Vec<&str> = self.posture.unknown().into_iter().map(|(what, _)| what).collect();
        if !unknown.is_empty() {
            let text = format!("not seen of the server, so no exposure check will judge it: {}", unknown.join(", "));
            progress.event(Event::Note(text));
        }
        Ok(())
    }
}

/// `s01`, `s02`, … from 1.
pub fn reference(number: usize) -> String {
    format!("s{number:02}")
}

impl Work<'_> {
    /// Runs one stream to its end: every byte stored *and* exit status 0 *and*
    /// a complete archive by the tap's judgement.
    pub async fn run(&self, reference: String, stream: DumpStream) -> Result<Done> {
        let DumpStream { role, database, tool, mut tap, tables: _ } = stream;
        let (role, stage) = match role {
            StreamRole::Globals => (Role::Globals, Stage::Dump),
            StreamRole::Schema => (Role::Schema, Stage::Dump),
            StreamRole::Data => (Role::Data, Stage::Dump),
            StreamRole::Base => (Role::Base, Stage::Basebackup),
        };
        let argv = tool.argv();
        let name = tool.name().to_owned();
        // A set has many children: say which one, and of what.
        let whose = database.as_ref().map_or_else(|| name.clone(), |d| format!("{name} of database {d}"));
        let at = |e: Error| if e.object().is_none_or(|o| o == name) { e.on(whose.clone()).at(stage) } else { e };
        let mut child = tool.spawn().await?;
        let stdout = child.take_stdout().ok_or_else(|| Error::internal("the child has no output").on(&name))?;
        let key = |number: usize| layout::part(self.source, self.id, &reference, number);
        // A failure here drops the child, which kills it: an interrupted dump must
        // not run on against the server.
        let stored = self.writer.stream(stdout, key, |bytes| tap.push(bytes), self.progress).await;
        let unproven = match stored {
            Ok(unproven) => unproven,
            Err(e) if e.code() == Code::DumpFailed => {
                // The bytes were wrong; what the child says of itself explains more.
                let said = child.stderr().last_lines(3);
                return Err(explain(at(if said.is_empty() { e } else { e.because(said) })));
            }
            Err(e) => return Err(at(e)),
        };
        // Its output has ended, so all that is left to do is to end.
        let idle = self.writer.idle_timeout();
        let exit = tokio::time::timeout(idle, child.wait()).await.map_err(|_| {
            let what = format!("did not end within {} s after its output had", idle.as_secs());
            at(Error::new(Code::Deadline, stage, what))
                .hint("Look at what the program waits for; raise source.*.idle_timeout if this is normal.")
        })??;
        let finished = exit.success(Code::DumpFailed, stage).map_err(|e| explain(at(e)))?;
        if unproven.plain_bytes() == 0 {
            let e = Error::new(Code::DumpFailed, stage, "wrote nothing, and ended as if all were well");
            return Err(explain(at(e)));
        }
        let receipt = unproven.close(&finished);
        let tapped = tap.finish().map_err(|e| explain(at(e)))?;
        // What it held, not what was planned.
        let tables = match &tapped {
            Tapped::Archive(contents) => contents.tables.iter().map(|t| t.facts.name.clone()).collect(),
            Tapped::Nothing | Tapped::Base(_) => Vec::new(),
        };
        let facts = StreamFacts { database, argv, tables };
        let warned = finished.stderr().warnings();
        Ok(Done { reference, role, receipt, facts, tapped, whose, warned })
    }
}

/// Finds the next step for what PostgreSQL's programs say most often.
fn explain(e: Error) -> Error {
    let text = e.text();
    let has = |needle: &str| text.contains(needle);
    if has("has already been removed") || has("could not find any WAL file") || has("could not find WAL file") {
        return e.with_code(Code::SourceUnusable).hint(
            "The server recycled WAL that the backup needs; allow the role to create a replication slot or raise wal_keep_size.",
        );
    }
    let damaged =
        ["invalid page in block", "could not read block", "checksum verification failed", "checksum error occurred"]
            .iter()
            .any(|needle| has(needle));
    let hint = if damaged {
        "The source itself is damaged: the server cannot read this page of its own data, and no backup can. Look at \
         the server's log and its disks, run pg_amcheck, and restore the table from an older backup."
    } else if has("invalid memory alloc request size") || has("Cannot enlarge string buffer") {
        "A value of this table is too large for COPY's text form (1 GB): move it into a large object, or back up with \
         kind = \"physical\"."
    } else if has("row-level security") || has("row security") {
        "The role would see only part of the rows; give it BYPASSRLS."
    } else if has("permission denied") {
        "Grant the backup role what is missing; examples/sql/backup-role.sql shows the least it needs."
    } else if has("lock timeout") || has("could not obtain lock") || has("canceling statement due to lock")
        // pg_dump's --lock-wait-timeout is a statement timeout.
        || (has("canceling statement due to statement timeout") && has("LOCK TABLE"))
    {
        "Another session holds a lock; find it in pg_locks or raise source.*.lock_wait."
    } else if has("server version mismatch") {
        "Install the client programs of the server's major version or set tools.pg_bindir."
    } else {
        "Nothing was committed; earlier backups are untouched. Look into the server's log and run the backup again."
    };
    e.or_hint(hint)
}
